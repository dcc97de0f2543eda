"""The pages about speed, of the last `vop perf` that is kept: docs/perf.md, its two figures, and
docs/scale.md.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vop_core.errors import EvaluationError
from vop_core.perf.comparison import figure, sentence
from vop_core.plots.perf import growth_figure
from vop_core.plots.style import text_alternative
from vop_core.plots.vector import as_svg
from vop_core.report.words import TEMPLATES

RESULT = Path("data") / "results" / "perf.json"
PAGE, SCALE = Path("docs") / "perf.md", Path("docs") / "scale.md"
GROWING = ("time", "memory")
POPULATIONS = (10**3, 10**6, 10**9)
QUESTIONS = 20  # a person asks a day
PEAK = 5  # times the mean, at the busiest hour
CLIP = 5 * 16_000 * 2  # bytes of five clips of a second, 16 bits at 16 kHz
DAY = 24 * 60 * 60
UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
IN_THE_TABLE = ("timed_seconds", "against_seconds", "rounds")


def speed_files(root: Path) -> dict[Path, str]:
    """The page and its figures, as text; nothing where nothing was measured.

    Raises EvaluationError where what is there is not of `vop perf`.
    """
    if not (root / RESULT).exists():
        return {}
    try:
        found = json.loads((root / RESULT).read_text(encoding="utf-8"))
        files = {root / PAGE: speed_page(found), root / SCALE: scale_page(found)}
        for what in GROWING if "scaling" in found else ():
            drawn = as_svg(growth_figure(found["scaling"], what))
            # as a file of its own, on pages of any colour
            drawn = drawn.replace(
                "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" color="#7C8694" ', 1
            )
            files[(root / PAGE).with_name(f"perf-{what}.svg")] = drawn + "\n"
    except (ValueError, KeyError, TypeError):
        raise EvaluationError(
            f"'{RESULT.name}' is not of this version; make it again with: vop perf --scaling "
            f"--json {RESULT.as_posix()}"
        ) from None
    return files


def speed_page(found: Mapping[str, Any]) -> str:
    """What `vop perf` found, in Markdown."""
    measured = [row for row in found["rows"] if "skipped" not in row]
    growing = found.get("scaling", [])
    return TEMPLATES.get_template("speed.md").render(
        machine=found["machine"],
        rounds=found["rounds"],
        measured=len(measured),
        met=sum(row["met"] for row in measured),
        certain=sum(row["met"] and row["certain"] for row in measured),
        rows=[_cells(row) for row in found["rows"]],
        facts=[(row["name"], _facts(row)) for row in measured if _facts(row)],
        steepest=growing[0]["steepest_asked"] if growing else None,
        growth=[_exponents(row) for row in growing],
        alt={what: text_alternative(growth_figure(growing, what)) for what in GROWING},
    )


def scale_page(found: Mapping[str, Any]) -> str:
    """What many persons would take by what `vop perf` found, in Markdown."""
    facts = {row["name"]: row.get("facts", {}) for row in found["rows"]}
    batch, draws = facts["persons"], facts["classifier-draws"]
    seconds = {
        "enroll": facts["enrollment"]["timed_seconds"],
        "together": batch["against_seconds"] / batch["persons"],
        "answer": draws["against_seconds"],
    }
    size = {each: batch[f"bytes_of_a_{each}"] for each in ("file", "posterior", "network")}
    return TEMPLATES.get_template("scale.md").render(
        machine=found["machine"],
        questions=QUESTIONS,
        peak=PEAK,
        persons=POPULATIONS,
        size=size,
        clip=CLIP,
        milliseconds={name: figure(1000 * value) for name, value in seconds.items()},
        rate=figure(1 / seconds["enroll"]),
        files=[_bytes(size["file"] * count) for count in POPULATIONS],
        posteriors=[_bytes(size["posterior"] * count) for count in POPULATIONS],
        networks=[_bytes(size["network"] * count) for count in POPULATIONS],
        clips=[_bytes(CLIP * count) for count in POPULATIONS],
        enrolling=[_cores(seconds["enroll"] * count / DAY) for count in POPULATIONS],
        answering=[
            _cores(seconds["answer"] * count * QUESTIONS * PEAK / DAY) for count in POPULATIONS
        ],
        ratio={name: figure(size["network"] / size[name]) for name in ("file", "posterior")},
    )


def _bytes(count: int | float) -> str:
    place = min(int(math.log10(max(count, 1)) // 3), len(UNITS) - 1)
    return f"{figure(count / 1000**place)} {UNITS[place]}"


def _cores(count: float) -> str:
    return "less than one" if count < 1 else f"{math.ceil(count):,}"


def _cells(row: Mapping[str, Any]) -> list[str]:
    first = [row["timed"], row["against"]]
    if "skipped" in row:
        return [*first, "", "", "", sentence(row)]
    low, high = row["interval95"]
    seconds = [row["facts"][name] for name in IN_THE_TABLE[:2] if name in row["facts"]]
    return [
        *first,
        f"{figure(row['value'])} [{figure(low)}, {figure(high)}] {row['unit']}",
        f"{row['asked']} {figure(row['target'])}",
        " / ".join(map(figure, seconds)),
        sentence(row).partition(":")[0],
    ]


def _facts(row: Mapping[str, Any]) -> str:
    facts = {name: value for name, value in row["facts"].items() if name not in IN_THE_TABLE}
    said = [f"{name.replace('_', ' ')} {_said(value)}" for name, value in facts.items()]
    said += [f"{name}: {_said(holds)}" for name, holds in row["exact"].items()]
    return "; ".join(said) + "." if said else ""


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{_said(each)} at {name}" for name, each in value.items())
    return figure(value) if isinstance(value, int | float) else str(value)


def _exponents(row: Mapping[str, Any]) -> list[str]:
    fits = [row["exponents"][what] for what in GROWING]
    said = ["{:.2f} [{:.2f}, {:.2f}]".format(fit["value"], *fit["interval95"]) for fit in fits]
    return [row["what"], *said, "yes" if row["met"] else "no"]
