"""How well it works, with intervals over persons."""
