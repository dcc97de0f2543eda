"""Is personalization worth shipping? One HTML page without a script, to be mailed and printed.

It holds what was measured on groups of people and, where that was run, what one person costs; no
clip, no word and no name of anybody.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import plotly.graph_objects as go

from vop_core import __version__
from vop_core.bench.recipes import VOP
from vop_core.bench.suites import GROUP_CONDITIONS
from vop_core.data.groups import HEARD, NEVER_HEARD
from vop_core.data.locations import repository_root
from vop_core.evaluation.intervals import Interval
from vop_core.models.bundle import Bundle
from vop_core.plots.vector import as_svg
from vop_core.report.estimates import adjust, verdict
from vop_core.report.groups import GROUPS
from vop_core.report.summary import CONDITIONS
from vop_core.report.words import TEMPLATES, level, points
from vop_core.tasks.registry import TASKS

PLACES = tuple(condition.name for condition in GROUP_CONDITIONS)
PACKAGES = ("torch", "numpy", "scipy")


class Drawing(NamedTuple):
    """A figure and what it is called."""

    title: str
    figure: go.Figure


class Table(NamedTuple):
    """Words in lines, the first of which are the heads of columns."""

    title: str
    header: Sequence[str]
    lines: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Decision:
    """What the page says: a headline, sentences, and blocks in their order."""

    headline: str
    sentences: Sequence[str]
    blocks: Sequence[Drawing | Table]
    untold: Sequence[str]  # what the figures do not tell


def decision_page(models: Bundle, found: Decision, *, today: date) -> str:
    """The whole page, with the model's card and the versions of what computed it."""
    card = models.card
    facts = {
        "task": TASKS[models.task].title,
        "model": f"{models.task} {models.fingerprint}",
        "data": card.get("data", ()),
        "trained": len(card.get("persons", {}).get("trained", ())),
        "versions": {"vop_core": __version__} | {name: version(name) for name in PACKAGES},
    }
    blocks = [
        {"title": block.title, "drawn": as_svg(block.figure)}
        if isinstance(block, Drawing)
        else block._asdict()
        for block in found.blocks
    ]
    page = TEMPLATES.get_template("decision.html")
    return page.render(found=found, blocks=blocks, facts=facts, today=today.isoformat())


def group_lines(*, folder: Path | None = None) -> list[dict[str, Any]]:
    """What VoP brought groups of people, by whether training heard anybody of the group: from the
    suites ``groups`` and ``conditions``, as far as their results are there; heard as they are and
    in an environment of their own.
    """
    folder = folder or repository_root() / "data" / "results"
    rows = []
    for suite in (GROUPS, CONDITIONS):
        path = folder / f"bench-{suite}.json"
        content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        for table in content.get("datasets", {}).values():
            _, _, group = table["dataset"].partition(", ")
            common = {"group": group, "training": HEARD, "clips": table["main_shots"]}
            found = [
                common | row for row in (*table.get("groups", ()), *table.get("attributes", ()))
            ]
            rows += [
                row
                for row in found
                if row["variant"] == VOP
                and row["condition"] in PLACES
                and (suite != GROUPS or row["training"] == NEVER_HEARD)
            ]
    # of all groups together: the summaries adjust within a table
    adjust(row["versus_global"] for row in rows)
    return [
        {name: row[name] for name in ("group", "training", "clips")} | _line(row) for row in rows
    ]


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    gain = row["versus_global"]
    return {
        "heard": row["condition"].replace("-", " "),
        "persons": row["accuracy"]["persons"] if row["accuracy"] else 0,
        "global": level(row["global"]),
        "personal": level(row["accuracy"]),
        "gain": _signed(points(gain)),
        "shown": verdict(gain),
        "right - wrong": _signed(points(row["right_minus_wrong"])),
        "harmed": None if row["harmed"] is None else len(row["harmed"]),
    }


def points_words(found: Interval) -> str:
    """``+1.3 [-1.0, +5.3]`` points, with minus signs."""
    bounds = None if found.bounds is None else list(found.bounds)
    return _signed(points({"mean": found.mean, "ci95": bounds}))


def _signed(said: str) -> str:
    """With a minus sign for a hyphen, and no sign before nothing."""
    return re.sub(r"[+-](0\.0)\b", r"\1", said).replace("-", "\N{MINUS SIGN}")


def level_words(found: Interval) -> str:
    """``93.7 [88.2, 96.9]`` percent."""
    bounds = None if found.bounds is None else list(found.bounds)
    return level({"mean": found.mean, "ci95": bounds})
