"""FINDINGS.md: what the paper left open, each answer with its interval, written from the summaries
for a new reader.

Words follow figures: whether something is "shown" is decided by its interval (``verdicts``), never
by hand.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vop_core.bench.recipes import GLOBAL
from vop_core.evaluation.plan import OPEN
from vop_core.report.questions import QUESTIONS, Table
from vop_core.report.summary import PAPER
from vop_core.report.tables import completeness, rows_of
from vop_core.report.words import TEMPLATES

FINDINGS = Path("data") / "results" / "FINDINGS.md"
Summaries = Mapping[str, Mapping[str, Any]]  # suite -> its summary


class Answer(NamedTuple):
    """What the figures say to a question."""

    question: str
    short: str  # in a sentence; may be empty
    facts: list[str]
    behind: str  # which results


def findings(summaries: Summaries) -> str:
    """The whole document; empty without the main suite."""
    if PAPER not in summaries:
        return ""
    shots = sorted({table["main_shots"] for table in summaries[PAPER]["datasets"].values()})
    document = TEMPLATES.get_template("findings.md")
    return document.render(shots=shots, answers=list(answers(summaries)))


def short_answers(summaries: Summaries) -> list[tuple[str, str]]:
    """Question and answer in a sentence, of those questions that have one."""
    return [(each.question, each.short) for each in answers(summaries) if each.short]


def answers(summaries: Summaries) -> Iterator[Answer]:
    """Of each question that has figures."""
    for question in QUESTIONS.values():
        asked = summaries.get(question.suite, {}).get("datasets", {})
        facts = [line for name, table in asked.items() for line in question.in_full(name, table)]
        if facts:
            behind = "; ".join(f"{name}: {_behind(table)}" for name, table in asked.items())
            yield Answer(
                question.words,
                question.in_short(asked),
                facts,
                f"suite {question.suite}, {behind}",
            )


def _behind(table: Table) -> str:
    by_method = {method["variant"]: method for method in table["methods"]}
    persons = max((row["accuracy"]["persons"] for row in rows_of(table, OPEN)), default=0)
    shown = by_method.get(GLOBAL) or next(iter(by_method.values()))
    return f"{persons} unknown persons, {completeness(shown)}"
