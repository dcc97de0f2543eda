"""How parameters are fitted."""
