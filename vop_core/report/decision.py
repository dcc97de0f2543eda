"""Is personalization worth shipping? One HTML page without a script, to be mailed and printed.

It holds what was measured on groups of people and, where that was run, what one person costs; no
clip, no word and no name of anybody.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import plotly.graph_objects as go

from vop_core import __version__
from vop_core.bench.recipes import VOP
from vop_core.data.groups import NEVER_HEARD
from vop_core.data.locations import repository_root
from vop_core.evaluation.intervals import Interval
from vop_core.models.bundle import Bundle
from vop_core.plots.vector import as_svg
from vop_core.report.words import TEMPLATES, level, points
from vop_core.tasks.registry import TASKS

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
    """What VoP brought groups of people whom a training had never heard, from the suite ``groups``;
    empty where its results are not there.
    """
    path = (folder or repository_root() / "data" / "results") / "bench-groups.json"
    if not path.exists():
        return []
    content = json.loads(path.read_text(encoding="utf-8"))
    found = []
    for table in content["datasets"].values():
        for row in table.get("groups", ()):
            if row["variant"] == VOP and row["training"] == NEVER_HEARD:
                _, _, group = table["dataset"].partition(", ")
                found.append({"group": group} | _line(row))
    return found


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    gain = row["versus_global"]
    return {
        "heard": row["condition"],
        "persons": row["accuracy"]["persons"] if row["accuracy"] else 0,
        "global": level(row["global"]),
        "personal": level(row["accuracy"]),
        "gain": points(gain),
        "right - wrong": points(row["right_minus_wrong"]),
        "harmed": None if row["harmed"] is None else len(row["harmed"]),
    }


def points_words(found: Interval) -> str:
    """``+1.3 [-1.0, +5.3]`` points."""
    bounds = None if found.bounds is None else list(found.bounds)
    return points({"mean": found.mean, "ci95": bounds}).replace("-", "\N{MINUS SIGN}")


def level_words(found: Interval) -> str:
    """``93.7 [88.2, 96.9]`` percent."""
    bounds = None if found.bounds is None else list(found.bounds)
    return level({"mean": found.mean, "ci95": bounds})
