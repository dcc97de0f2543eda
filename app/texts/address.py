"""What is said of an address that asks for what there is not."""

from collections.abc import Iterable


def no_such_task(*, asked: str, known: Iterable[str]) -> str:
    """Of models."""
    return f"The address asks for the task '{asked}'; there are {' and '.join(known)}."


def no_such_voice(*, asked: str) -> str:
    """Of a bundled person."""
    return f"The address asks for '{asked}', who is no bundled voice of this task."


def no_such_layer(*, asked: str, known: Iterable[str]) -> str:
    """Of a model's layer."""
    return f"The address asks for the layer '{asked}'; this model has {', '.join(known)}."


def no_such_step(*, asked: str, count: int) -> str:
    """Of the lecture."""
    return f"The address asks for step '{asked}'; there are {count} steps."
