"""Settings that know what they may be: frozen dataclasses whose fields carry their rule.

    @dataclass(frozen=True, kw_only=True)
    class Rate(Settings):
        rate: float = positive(1.0)

A class that gives such a field another default gives its rule again.
"""

from collections.abc import Callable, Collection
from dataclasses import MISSING, dataclass, field, fields
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Nothing that can be set, until a class adds it. Raises ValueError for a value against its
    field's rule.
    """

    def __post_init__(self) -> None:
        for each in fields(self):
            value, rule = getattr(self, each.name), each.metadata.get("rule")
            if rule and not each.metadata["holds"](value):
                raise ValueError(f"{each.name} {rule}; got {value!r}")


def checked(holds: Callable[[Any], bool], rule: str, default: Any = MISSING) -> Any:
    """A field, and what must hold of its value, in words that follow the field's name."""
    return field(default=default, metadata={"holds": holds, "rule": rule})


def positive(default: Any) -> Any:
    """A field above 0."""
    return checked(lambda value: value > 0, "must be positive", default)


def not_negative(default: Any) -> Any:
    """A field of 0 or more."""
    return checked(lambda value: value >= 0, "must not be negative", default)


def at_least(least: int, default: Any = MISSING) -> Any:
    """A field of ``least`` or more."""
    return checked(lambda value: value >= least, f"must be at least {least}", default)


def one_of(options: Collection[str], default: str) -> Any:
    """A field with one of some names."""
    return checked(lambda value: value in options, f"is one of {', '.join(options)}", default)
