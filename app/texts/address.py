"""What is said of an address that asks for what there is not."""

from collections.abc import Iterable

from vop_core.plots.style import listing


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


def no_such_model(*, asked: str, known: Iterable[str]) -> str:
    """Of what Decide and Inspect are about."""
    return f"The address asks for the model '{asked}'; there are {listing(list(known))}."


def no_such_writer(*, asked: str) -> str:
    """Of a bundled hand."""
    return f"The address asks for '{asked}', who is no bundled writer."


def no_such_scan(*, asked: str) -> str:
    """Of how digits are seen."""
    return f"The address asks for digits seen '{asked}', which no bundled writer has."
