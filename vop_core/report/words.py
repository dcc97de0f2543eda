"""Numbers as words, and the templates that put them into sentences, tables and a page.

Accuracies in percent, differences in points (a - b), NLL in nats; intervals in brackets.
"""

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from vop_core.plots.style import listing
from vop_core.report.estimates import Estimate, asked_alone, shown_on, tally, verdict

NOTHING = "–"


def percent(value: float | None, digits: int = 1) -> str:
    return NOTHING if value is None else f"{100 * value:.{digits}f}"


def number(value: int | float | None, form: str = ".3f") -> str:
    return NOTHING if value is None else format(value, form)


def p_value(value: float | None) -> str:
    """``0.024``; what is smaller than three digits can say is ``< 0.001``."""
    return "< 0.001" if value is not None and value < 0.0005 else number(value)


def level(estimate: Estimate | None) -> str:
    """``88.2 [84.3, 90.9]``, percent."""
    return _with_bounds(estimate, 100.0, ".1f")


def points(estimate: Estimate | None) -> str:
    """``+0.4 [-0.5, +1.6]``, points."""
    return _with_bounds(estimate, 100.0, "+.1f")


def nats(estimate: Estimate | None) -> str:
    """``-0.020 [-0.031, -0.010]``, nats."""
    return _with_bounds(estimate, 1.0, "+.3f")


def correlation(estimate: Estimate | None) -> str:
    """``+0.31 [+0.02, +0.57]``."""
    return _with_bounds(estimate, 1.0, "+.2f")


def _with_bounds(estimate: Estimate | None, factor: float, form: str) -> str:
    if estimate is None:
        return NOTHING
    mean = format(factor * estimate["mean"], form)
    if estimate["ci95"] is None:
        return mean
    low, high = (format(factor * value, form) for value in estimate["ci95"])
    return f"{mean} [{low}, {high}]"


def short_person(person: str) -> str:
    return person.rpartition("/")[2]


def said(answers: Mapping[str, str], between: str = ": ") -> str:
    """``VoP: shown on a; AdaBN: not shown on b``, of those that have an answer."""
    return "; ".join(f"{words}{between}{answer}" for words, answer in answers.items() if answer)


def one_line(text: str) -> str:
    """Without the line breaks and indents of a template."""
    return " ".join(text.split())


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("vop_core.report"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
    )
    uses = (percent, number, level, points, nats, correlation, short_person, said, one_line)
    for use in (*uses, listing, verdict, tally, shown_on, asked_alone):
        made.filters[use.__name__] = use
    return made


TEMPLATES = _environment()
