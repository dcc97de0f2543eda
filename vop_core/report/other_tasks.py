"""The other tasks, each its own short answer beside the questions on keywords: speaker
verification, few-shot classification, handwriting.

One suite, ``tasks``, holds the results of all three; here each has a name of its own.
"""

import math
from collections.abc import Mapping
from typing import Any

from vop_core.bench.recipes import GLOBAL, VOP
from vop_core.evaluation.plan import OPEN
from vop_core.report.estimates import Estimate, asked_alone
from vop_core.report.questions import Facts, Part, Question, Suites, Table, Tables, entries
from vop_core.report.tables import look_up

TASKS = "tasks"
VERIFICATION, FEW_SHOT, HANDWRITING = "verification", "few-shot", "handwriting"
WAYS = "-way "  # in the name of a data set of few-shot episodes
CLAIM_SHOTS = 5
# a method's main row first: where it draws weights, that is the mean over draws
OWN_ROWS = ("draws", "own")
CONTROLS = ("prior", "wrong-person")  # rows of a method that are no way to use it
# in the name of a row: how many it was trained on, of whom there are more
WRITERS = " writers"
OWN_ENVIRONMENT = f"{VOP}, own-environment"


def by_task(summaries: Mapping[str, Mapping[str, Any]]) -> Suites:
    """Suite -> data set -> its tables, with a suite for each of the other tasks."""
    suites = {suite: dict(content["datasets"]) for suite, content in summaries.items()}
    tasks = suites.pop(TASKS, {})
    claims = summaries.get(TASKS, {}).get("claims", {})
    ways = {name: table for name, table in tasks.items() if WAYS in name}
    hands = {name: table for name, table in tasks.items() if name not in ways}
    found = {VERIFICATION: claims, FEW_SHOT: ways, HANDWRITING: hands}
    return suites | {name: tables for name, tables in found.items() if tables}


# --- verification ---------------------------------------------------------------------------------


def _place(entry: Table) -> str:
    words = {"open": "", "open-across-calls": ", across calls"}
    return entry["corpus"] + words.get(entry["set"], f", {entry['set']}")


def against(tables: Tables, method: str, other: str) -> dict[str, Estimate]:
    """A method's equal error rate less another row's, by corpus, at the main number of clips; with
    "wrong-person", less its own under another's weights.
    """
    found: dict[str, Estimate] = {}
    for table in tables.values():
        asked = entries(table, "differences", method=method, shots=CLAIM_SHOTS)
        for own in OWN_ROWS:
            for entry in asked:
                if entry["a"] == own and entry["b"].partition(", draws")[0] == other:
                    found.setdefault(_place(entry), entry)
    return found


def _claims(suites: Suites) -> Facts:
    tables = suites[VERIFICATION]
    return {
        "gaps": against(tables, VOP, GLOBAL),
        "wrong": against(tables, VOP, "wrong-person"),
    }


def _claim_rows(table: Table) -> Facts:
    """Every way to judge a claim by its equal error rate, lowest first, by corpus and number of
    clips.
    """
    places: dict[tuple[str, int], list[Table]] = {}
    for row in table["rows"]:
        if not row["row"].startswith(CONTROLS):
            places.setdefault((_place(row), row["shots"]), []).append(row)
    return {"places": {place: sorted(rows, key=_error) for place, rows in places.items()}}


def _error(row: Table) -> float:
    return row["eer"]


# --- few-shot -------------------------------------------------------------------------------------


def _ways(suites: Suites) -> Facts:
    found: dict[str, dict[str, Estimate]] = {}
    for name, table in suites[FEW_SHOT].items():
        for entry in entries(table, "comparisons", set=OPEN):
            found.setdefault(entry["name"], {})[name] = asked_alone(entry["accuracy"])
    return {"comparisons": found}


def _order(table: Table) -> Facts:
    episodes = {entry["variant"]: entry["accuracy"] for entry in table.get("episodes", ())}
    rows = sorted(entries(table, "rows", set=OPEN), key=lambda row: -row["accuracy"]["mean"])
    return {"entries": [{**row, "episodes": episodes.get(row["variant"])} for row in rows]}


# --- handwriting ----------------------------------------------------------------------------------


def _hands(suites: Suites) -> Facts:
    rows = {
        f"{name} ({row['variant'].partition(', ')[2] or 'clean'})": row
        for name, table in suites[HANDWRITING].items()
        for row in vop_rows(table)
        if WRITERS not in row["variant"]
    }
    gains = {place: look_up(row, "personal_gain.accuracy") for place, row in rows.items()}
    return {
        "gain": {place: gain and asked_alone(gain) for place, gain in gains.items()},
        "gone": {
            place: gone
            for place, row in rows.items()
            if (gone := row["versus_global"]["error_reduction"])
        },
        "growth": {
            name: found
            for name, table in suites[HANDWRITING].items()
            if len(found := _by_writers(table)) > 1
        },
    }


def vop_rows(table: Table) -> list[Table]:
    """VoP's rows of unknown writers that are compared with global."""
    return [
        row
        for row in entries(table, "rows", set=OPEN)
        if row["variant"].partition(", ")[0] == VOP and row["versus_global"]
    ]


def _by_writers(table: Table) -> list[dict[str, Any]]:
    """VoP against global in writers' own environments, by how many writers both were trained on;
    all of them last.
    """
    found = {}
    for row in vop_rows(table):
        if row["variant"].startswith(OWN_ENVIRONMENT):
            number = row["variant"].removeprefix(OWN_ENVIRONMENT).strip(", ")
            count = float(number.removesuffix(WRITERS)) if number else math.inf
            found[count] = row["versus_global"]["accuracy"]
    return [
        {"writers": f"{count:.0f}" if count < math.inf else "all", "gap": gap}
        for count, gap in sorted(found.items())
    ]


def _hand_rows(table: Table) -> Facts:
    return {"entries": [row for row in vop_rows(table) if row["personal_gain"]]}


OTHER_TASKS = {
    question.name: question
    for question in (
        Question(
            "claims",
            "Speaker verification: are fewer claims judged wrongly?",
            _claims,
            (Part("claims", VERIFICATION, _claim_rows),),
        ),
        Question(
            "ways",
            "Few-shot classification: does the published order hold?",
            _ways,
            (Part("order", FEW_SHOT, _order),),
        ),
        Question(
            "hands",
            "Handwriting: does it pay, and does it grow with the writers of the training?",
            _hands,
            (Part("regimes", HANDWRITING, _hand_rows),),
        ),
    )
}
