"""FINDINGS.md: what the paper left open, each answer with its interval, written from the summaries
for a new reader.

Words follow figures: whether something is "shown" is decided by its interval (``verdicts``), never
by hand.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vop_core.bench.recipes import GLOBAL
from vop_core.evaluation.plan import OPEN
from vop_core.report.questions import QUESTIONS, Table
from vop_core.report.summary import PAPER
from vop_core.report.tables import completeness

FINDINGS = Path("data") / "results" / "FINDINGS.md"
INTRODUCTION = (
    "Written by `vop report` from the result files; no number or verdict here is typed. A "
    "difference is *shown* where "
    "its 95 % interval over persons leaves 0 out and the sign-flip test over persons agrees, after "
    "Holm's correction "
    "where several methods or settings are asked the same; what is asked of VoP alone stands "
    "without it, and fewer "
    "than six persons can show nothing. All figures are "
    "for unknown persons with {shots} enrollment clips unless said otherwise; differences are in "
    "points of accuracy, "
    "or in nats of NLL, where below 0 is better. What the words mean, and every other figure, "
    "stands on the page that `vop report` writes, docs/bench.html."
)


def findings(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole document; empty without the main suite."""
    if PAPER not in summaries:
        return ""
    tables: Mapping[str, Table] = summaries[PAPER]["datasets"]
    shots = sorted({table["main_shots"] for table in tables.values()})
    parts = ["# Findings", "", INTRODUCTION.format(shots=" or ".join(map(str, shots))), ""]
    for count, (question, short, lines, behind) in enumerate(_answers(summaries), 1):
        parts += [f"## {count}. {question}", ""]
        parts += [f"**In short.** {short}", ""] if short else []
        parts += [*(f"- {line}" for line in lines), "", f"*Behind this: {behind}.*", ""]
    return "\n".join(parts)


def short_answers(summaries: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Question and answer in a sentence, of those questions that have one."""
    return [(question, short) for question, short, *_ in _answers(summaries) if short]


def _answers(
    summaries: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[str, str, list[str], str]]:
    """Question, answer in a sentence (may be empty), in full, and what stands behind; none without
    figures.
    """
    for question in QUESTIONS:
        asked: Mapping[str, Table] = summaries.get(question.suite, {}).get("datasets", {})
        if lines := [
            line for name, table in asked.items() for line in question.in_full(name, table)
        ]:
            behind = "; ".join(f"{name}: {_behind(table)}" for name, table in asked.items())
            yield (
                question.words,
                question.in_short(asked),
                lines,
                f"suite {question.suite}, {behind}",
            )


def _behind(table: Table) -> str:
    by_method = {method["variant"]: method for method in table["methods"]}
    persons = max(
        (row["accuracy"]["persons"] for row in table["rows"] if row["set"] == OPEN), default=0
    )
    shown = by_method.get(GLOBAL) or next(iter(by_method.values()))
    return f"{persons} unknown persons, {completeness(shown)}"
