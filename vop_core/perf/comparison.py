"""A claim about speed: what is timed against what, what was asked of it, and what was found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vop_core.errors import VopError
from vop_core.perf.timing import Effort, Ratio


class Unavailable(VopError):
    """What a comparison needs is not on this machine."""


@dataclass(frozen=True)
class Finding:
    """A figure with its interval, what was asked of it, and facts that no clock tells."""

    value: float
    low: float
    high: float
    # what was asked, where it follows from the networks and is no constant of the table
    target: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    # facts that must hold whatever the clock says
    exact: Mapping[str, bool] = field(default_factory=dict)

    @classmethod
    def of_ratio(cls, ratio: Ratio, **more: Any) -> "Finding":
        """The ratio of two calls; their seconds are among its facts."""
        facts = {
            "timed_seconds": ratio.timed_seconds,
            "against_seconds": ratio.against_seconds,
            "rounds": ratio.rounds,
        }
        return cls(ratio.value, ratio.low, ratio.high, **(more | {"facts": facts | more["facts"]}))


@dataclass(frozen=True)
class Comparison:
    """One line of the table; ``least`` says that more is better."""

    name: str
    timed: str
    against: str
    measure: Callable[[Effort], Finding]
    target: float | None = None  # None: the finding says it
    least: bool = False
    unit: str = "times"


def judged(comparison: Comparison, finding: Finding) -> dict[str, Any]:
    """The line as plain values: met by the figure, and for certain by its whole interval."""
    target = comparison.target if finding.target is None else finding.target

    def within(value: float) -> bool:
        return value >= target if comparison.least else value <= target

    exact = all(finding.exact.values())
    met = within(finding.value) and exact
    certain = (within(finding.low) == within(finding.high)) or not exact
    return {
        "name": comparison.name,
        "timed": comparison.timed,
        "against": comparison.against,
        "unit": comparison.unit,
        "target": target,
        "asked": "at least" if comparison.least else "at most",
        "value": finding.value,
        "interval95": [finding.low, finding.high],
        "met": met,
        "certain": certain,
        "exact": dict(finding.exact),
        "facts": dict(finding.facts),
    }


def skipped(comparison: Comparison, why: str) -> dict[str, Any]:
    """The line of a comparison that could not be made here."""
    return {
        "name": comparison.name,
        "timed": comparison.timed,
        "against": comparison.against,
        "skipped": why,
    }


def sentence(row: Mapping[str, Any]) -> str:
    """What a line says, in words."""
    if "skipped" in row:
        return f"Not measured: {row['skipped']}"
    low, high = row["interval95"]
    figures = f"{figure(row['value'])} [{figure(low)}, {figure(high)}] {row['unit']}"
    verdict = {
        (True, True): "Met",
        (True, False): "Met, but not for certain",
        (False, False): "Not met, but not for certain",
        (False, True): "Not met",
    }[row["met"], row["certain"]]
    broken = [name for name, holds in row["exact"].items() if not holds]
    said = f"{verdict}: {figures}; {row['asked']} {figure(row['target'])} was asked."
    return said + "".join(f" It does not hold that {name}." for name in broken)


def figure(value: int | float) -> str:
    """Three digits, never in powers of ten; a count as it is."""
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
