"""Whether a difference is shown: decided by intervals and tests over persons, never by hand."""

from collections.abc import Mapping
from typing import Any

from vop_core.plots.style import listing
from vop_core.report.comparisons import SIGNIFICANCE

Estimate = Mapping[str, Any]
SHOWN, REVERSE, NOT_SHOWN, NOT_MEASURED = "shown", "the reverse shown", "not shown", "not measured"


def verdict(estimate: Estimate | None, *, better: int = 1) -> str:
    """Whether a difference that is good in the direction ``better`` is shown, its reverse is, or
    neither.

    Two authorities must agree: the interval leaves 0 out, and the sign-flip test over persons
    rejects, adjusted where several methods or settings are asked the same. Skewed differences of
    few persons pass the first alone.
    """
    if estimate is None or estimate["ci95"] is None:
        return NOT_MEASURED
    if estimate.get("p_holm", estimate.get("p", 0.0)) > SIGNIFICANCE:
        return NOT_SHOWN
    low, high = sorted(better * bound for bound in estimate["ci95"])
    if low > 0:
        return SHOWN
    return REVERSE if high < 0 else NOT_SHOWN


def tally(estimates: Mapping[str, Estimate | None], *, better: int = 1) -> str:
    """On which data sets a difference is shown: "shown on a and b, not shown on c". Empty without
    any.
    """
    groups: dict[str, list[str]] = {}
    for name, estimate in estimates.items():
        groups.setdefault(verdict(estimate, better=better), []).append(name)
    kinds = [kind for kind in (SHOWN, REVERSE, NOT_SHOWN, NOT_MEASURED) if kind in groups]
    return ", ".join(f"{kind} on {listing(groups[kind])}" for kind in kinds)


def asked_alone(estimate: Estimate) -> Estimate:
    """The same without Holm's correction, for a question that was asked of one method before
    anything was measured.
    """
    return {name: value for name, value in estimate.items() if name != "p_holm"}
