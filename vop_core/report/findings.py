"""FINDINGS.md: what the paper left open, each answer with its interval, written from the summaries
for a new reader.

Words follow figures: whether something is "shown" is decided by its interval (``verdicts``), never
by hand.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from vop_core.bench.recipes import GLOBAL, VOP
from vop_core.evaluation.plan import OPEN
from vop_core.methods.registry import METHODS
from vop_core.report.other_tasks import (
    FEW_SHOT,
    HANDWRITING,
    OTHER_TASKS,
    VERIFICATION,
    by_task,
)
from vop_core.report.questions import QUESTIONS, Question, Suites, Table
from vop_core.report.tables import completeness, rows_of
from vop_core.report.targets import judgements
from vop_core.report.words import TEMPLATES

WHO = {FEW_SHOT: "alphabets or writers", HANDWRITING: "writers"}  # instead of persons
FINDINGS = Path("data") / "results" / "FINDINGS.md"
Summaries = Mapping[str, Mapping[str, Any]]  # suite -> its summary


class Answer(NamedTuple):
    """What the figures say to a question."""

    question: str
    short: str  # in plain sentences
    facts: list[str]
    behind: str  # which results; empty where none are there


def of_this_method(summaries: Summaries) -> dict[str, dict[str, Any]]:
    """Without the data sets on which VoP has other settings than the method has now; a suite that
    has no others is left out.
    """
    found = {}
    for suite, content in summaries.items():
        earlier = set(_of_earlier(content))
        kept = {name: each for name, each in content["datasets"].items() if name not in earlier}
        if kept or content.get("claims"):
            found[suite] = {**content, "datasets": kept}
    return found


def findings(summaries: Summaries) -> str:
    """The whole document, of what was made by the method as it is now."""
    earlier = [
        f"{suite} ({', '.join(names)})"
        for suite, content in summaries.items()
        if (names := sorted(_of_earlier(content)))
    ]
    summaries = of_this_method(summaries)
    tables = [table for content in summaries.values() for table in content["datasets"].values()]
    shots = sorted({table["main_shots"] for table in tables})
    document = TEMPLATES.get_template("findings.md")
    suites = by_task(summaries)
    return document.render(
        shots=shots,
        earlier=earlier,
        answers=list(answers(summaries)),
        others=[_answer(question, suites) for question in OTHER_TASKS.values()],
        targets=judgements(suites),
    )


def _of_earlier(content: Mapping[str, Any]) -> Iterator[str]:
    """Data sets whose row of VoP has other settings than the method has now."""
    settings = {each.name for each in fields(METHODS[VOP].config_type)}
    for name, table in content["datasets"].items():
        for method in table["methods"]:
            if method["method"] == VOP and method["config"].keys() != settings:
                yield name
                break


def short_answers(summaries: Summaries) -> list[tuple[str, str]]:
    """Question and answer in short."""
    return [(each.question, each.short) for each in answers(summaries)]


def answers(summaries: Summaries) -> Iterator[Answer]:
    """Of every question, also where a suite that it is asked of has not run."""
    suites = by_task(summaries)
    return (_answer(question, suites) for question in QUESTIONS.values())


def _answer(question: Question, suites: Suites) -> Answer:
    behind = [
        f"suite {suite}, "
        + "; ".join(f"{name}: {_behind(suite, table)}" for name, table in suites[suite].items())
        for suite in question.suites
        if suites.get(suite)
    ]
    short, full = question.in_short(suites), question.in_full(suites)
    return Answer(question.words, short, full, "; ".join(behind))


def _behind(suite: str, table: Table) -> str:
    if suite == VERIFICATION:
        speakers = {row["corpus"]: row["speakers"] for row in table["rows"]}
        return f"{sum(speakers.values())} unknown persons, seed {table['config']['seed']}"
    by_method = {method["variant"]: method for method in table["methods"]}
    persons = max((row["accuracy"]["persons"] for row in rows_of(table, OPEN)), default=0)
    shown = by_method.get(GLOBAL) or next(iter(by_method.values()))
    return f"{persons} unknown {WHO.get(suite, 'persons')}, {completeness(shown)}"
