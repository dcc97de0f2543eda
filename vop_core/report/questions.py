"""What the paper left open, question by question: the facts, picked from the tables of a suite.

The sentences stand in ``templates/questions.txt``. Words follow figures: whether something is
"shown" is decided by its interval (``verdicts``), never by hand.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vop_core.bench.recipes import GLOBAL, VOP
from vop_core.evaluation.narrowing import NARROWING
from vop_core.evaluation.plan import OPEN
from vop_core.report.estimates import REVERSE, SHOWN, Estimate, asked_alone, verdict
from vop_core.report.summary import ABLATIONS, ADABN, CONDITIONS, PAPER, READS, WITHOUT_GAUSSIAN
from vop_core.report.tables import look_up
from vop_core.report.words import TEMPLATES, one_line
from vop_core.variational.importance import GOOD_K

Table = Mapping[str, Any]
Tables = Mapping[str, Table]
Facts = dict[str, Any]
FEW_PERSONS = "few-persons"
PERSONAL_METHODS = (VOP, "conditional-vop", ADABN)  # whose controls the short answers name
POINT = "sigma 0, beta 0"  # the ablation that takes the Gaussian away and nothing else
POSTERIORS = (VOP, "conditional-vop")  # the forms of VoP that have a Gaussian
TARGET = 0.03  # of personal gain and of right − wrong, both, set before anything was trained


class Question(NamedTuple):
    """Something the paper left open, and where its answer is found; without facts there is none."""

    name: str  # of its sentences: NAME_short and NAME_full in the template
    words: str
    suite: str
    over_all: Callable[[Tables], Facts]  # for the sentence over all data sets
    of_one: Callable[[Table], Facts]  # for the facts of one data set

    def in_short(self, tables: Tables) -> str:
        """The answer in a sentence over all data sets; empty without figures."""
        facts = self.over_all(tables)
        return one_line(_written(f"{self.name}_short", facts)) if any(facts.values()) else ""

    def in_full(self, name: str, table: Table) -> list[str]:
        """The facts behind it, those of one data set; none without figures."""
        facts = self.of_one(table)
        if not any(facts.values()):
            return []
        lines = re.split(r"^- ", _written(f"{self.name}_full", facts | {"name": name}), flags=re.M)
        return list(dict.fromkeys(one_line(line) for line in lines if line.strip()))


def _written(sentences: str, facts: Facts) -> str:
    template = TEMPLATES.get_template("questions.txt", globals={"good_k": GOOD_K, "target": TARGET})
    return getattr(template.module, sentences)(**facts)


# --- picking from the tables ----------------------------------------------------------------------


def entries(table: Table, kind: str, **where: Any) -> list[Table]:
    """Those entries of one of the table's lists that hold these values."""
    return [entry for entry in table[kind] if where.items() <= entry.items()]


def estimates(tables: Tables, kind: str, path: str, **where: Any) -> dict[str, Any]:
    """Of each data set that has any, the first estimate at ``path`` in such entries."""
    found = {
        name: next((look_up(entry, path) for entry in entries(table, kind, **where)), None)
        for name, table in tables.items()
    }
    return {name: estimate for name, estimate in found.items() if estimate is not None}


def by_method(tables: Tables, kind: str, path: str, **where: Any) -> Facts:
    """The same for each of ``PERSONAL_METHODS`` that has any."""
    found = {
        method: estimates(tables, kind, path, variant=method, **where)
        for method in PERSONAL_METHODS
    }
    return {"methods": {method: of_method for method, of_method in found.items() if of_method}}


def listed(kind: str, **where: Any) -> Callable[[Table], Facts]:
    """Facts of one data set that are entries of one list, a sentence each."""
    return lambda table: {"entries": entries(table, kind, **where)}


def _row(table: Table, variant: str) -> Table | None:
    return next(iter(entries(table, "rows", variant=variant, set=OPEN)), None)


def _against_global(table: Table) -> list[Table]:
    """Rows of unknown persons that are compared with global."""
    return [row for row in entries(table, "rows", set=OPEN) if row.get("versus_global")]


def _best(rows: list[Table]) -> Table:
    return max(rows, key=lambda row: row["versus_global"]["accuracy"]["mean"])


# --- facts ----------------------------------------------------------------------------------------


def _personalization(tables: Tables) -> Facts:
    def part(control: str, name: str) -> dict[str, Any]:
        where = {"variant": VOP, "control": control, "set": OPEN}
        return estimates(tables, "decomposition", f"accuracy.{name}", **where)

    gains = estimates(tables, "rows", "personal_gain.accuracy", variant=VOP, set=OPEN)
    return {
        "whole": part("mixed", "whole"),
        "above_mixture": part("mixed", "personalization"),
        "above_prior": part("prior", "personalization"),
        "gain": {name: asked_alone(gain) for name, gain in gains.items()},
    }


def _gain_taken_apart(table: Table) -> Facts:
    """Against both controls: a mixture of other persons' clips may harm, and what it harms is
    nobody's gain.
    """
    parts = entries(table, "decomposition", variant=VOP)
    if not parts:
        return {}
    return {
        "entries": parts,
        "gain": look_up(_row(table, VOP), "personal_gain"),
        "dropout": look_up(_row(table, "dropout"), "versus_global.accuracy"),
    }


def _against_baselines(table: Table) -> Facts:
    others = [entry for entry in table["comparisons"] if entry["b"] != WITHOUT_GAUSSIAN]
    return {"picked": table["picked_baseline"], "entries": others}


def _gaussian_and_draws(tables: Tables) -> Facts:
    of_main = {
        name: {"draws": entries(table, "draws", variant=VOP, shots=table["main_shots"])}
        for name, table in tables.items()
    }
    return {
        "without": estimates(tables, "comparisons", "accuracy", b=WITHOUT_GAUSSIAN, set=OPEN),
        "draws": estimates(of_main, "draws", "nll.difference"),
    }


def _narrowing(tables: Tables) -> Facts:
    found = []
    for name, table in tables.items():
        widths = {
            each["shots"]: each["std_ratio"] for each in entries(table, "posteriors", variant=VOP)
        }
        if len(widths) > 1:
            few, many = min(widths), max(widths)
            by = widths[many] / widths[few]
            found.append({"name": name, "few": few, "many": many, "by": by})
    constant = all(abs(each["by"] - 1) < NARROWING for each in found)
    return {"found": found, "constant": bool(found) and constant}


def _width_by_clips(table: Table) -> Facts:
    gains = {
        point["shots"]: point["nll_versus_global"]
        for point in entries(table, "curves", variant=VOP)
    }
    return {
        "entries": [
            {**entry, "gain": gains.get(entry["shots"])}
            for entry in entries(table, "posteriors", variant=VOP)
        ]
    }


def _highest(tables: Tables) -> Facts:
    rows = {name: _against_global(table) for name, table in tables.items()}
    return {"best": {name: _best(found) for name, found in rows.items() if found}}


def _highest_by_reading(table: Table) -> Facts:
    read = {method["variant"]: method["reads"] for method in table["methods"]}
    rows = {
        kind: [row for row in _against_global(table) if read.get(row["variant"]) == kind]
        for kind in READS[1:]
    }
    return {
        "entries": [
            {"kind": kind, "tried": len(found), "best": _best(found)}
            for kind, found in rows.items()
            if found
        ]
    }


def reaches_target(row: Table) -> bool:
    """Whether personal gain and right − wrong are both at the target, with intervals that leave 0
    out.
    """
    found = [
        part and asked_alone(part["accuracy"])
        for part in (row["personal_gain"], row["right_minus_wrong"])
    ]
    return all(part and part["mean"] >= TARGET and verdict(part) == SHOWN for part in found)


def _target(tables: Tables) -> Facts:
    rows = {
        name: [row for variant in POSTERIORS if (row := _row(table, variant))]
        for name, table in tables.items()
    }
    return {
        "reached": {
            name: [row["variant"] for row in found if reaches_target(row)]
            for name, found in rows.items()
            if found
        }
    }


def _target_of_one(table: Table) -> Facts:
    posteriors = {
        each["variant"]: each for each in entries(table, "posteriors", shots=table["main_shots"])
    }
    rows = [row for variant in POSTERIORS if (row := _row(table, variant))]
    return {
        "entries": [
            {
                "variant": row["variant"],
                "gain": row["personal_gain"],
                "wrong": look_up(row, "right_minus_wrong.accuracy"),
                "reached": reaches_target(row),
                "posterior": posteriors.get(row["variant"]),
            }
            for row in rows
            if row["personal_gain"]
        ]
    }


def _wrong_person(table: Table) -> Facts:
    """What the wrong person's clips take away; where there is no gain over global, they do harm,
    and that is all.
    """
    grouped: dict[tuple[str, str], list[Facts]] = {}
    for row in entries(table, "rows", set=OPEN):
        wrong, gain = (
            look_up(row, f"{kind}.accuracy") for kind in ("right_minus_wrong", "versus_global")
        )
        if wrong:
            entry = {"variant": row["variant"], "wrong": wrong, "gain": gain}
            grouped.setdefault((verdict(wrong), verdict(gain)), []).append(entry)
    return {"grouped": grouped}


def _gains_by_clips(table: Table, variant: str) -> list[Table]:
    return [point for point in entries(table, "curves", variant=variant) if point["versus_global"]]


def _few_and_many_clips(tables: Tables) -> Facts:
    found = []
    for name, table in tables.items():
        for variant in (VOP, ADABN):
            points = sorted(_gains_by_clips(table, variant), key=lambda point: point["shots"])
            if len(points) > 1:
                found.append({"name": name, "few": points[0], "many": points[-1]})
    return {"found": found}


def _clips(table: Table) -> Facts:
    gains = {variant: _gains_by_clips(table, variant) for variant in (VOP, ADABN)}
    return {"gains": {variant: found for variant, found in gains.items() if found}}


def _outlier_gains(tables: Tables) -> Facts:
    of_vop = {
        name: {
            "methods": [
                method
                for entry in table["outliers"]
                if entry["persons"]
                for method in entries(entry, "methods", variant=VOP)
            ]
        }
        for name, table in tables.items()
    }
    gains = estimates(of_vop, "methods", "accuracy.difference")
    few = {name: gain for name, gain in gains.items() if gain["ci95"] is None}
    sure = {name: gain for name, gain in gains.items() if name not in few}
    return {"sure": sure, "few": few}


def _outliers(table: Table) -> Facts:
    return {
        "entries": [
            {**entry, "vop": next(iter(entries(entry, "methods", variant=VOP)), None)}
            for entry in table["outliers"]
        ]
    }


def _steps_by_persons(tables: Tables) -> Facts:
    found = []
    for name, table in tables.items():
        gains: dict[str, dict[float, Estimate]] = {}
        for row in _against_global(table):
            method, _, persons = row["variant"].partition(", ")
            count = float(persons.split()[0]) if persons else math.inf
            gains.setdefault(method, {})[count] = row["versus_global"]["accuracy"]
        found += [
            {
                "name": name,
                "method": method,
                "steps": [
                    (f"{count:.0f}" if count < math.inf else "all", gain)
                    for count, gain in sorted(steps.items())
                ],
                "shown": sum(verdict(gain) == SHOWN for gain in steps.values()),
            }
            for method, steps in gains.items()
        ]
    return {"found": found}


def _few_persons(table: Table) -> Facts:
    found = []
    for row in _against_global(table):
        method, _, persons = row["variant"].partition(", ")
        if method != GLOBAL:
            found.append({**row, "method": method, "persons": persons})
    return {"entries": found}


def _samovar(table: Table) -> list[Table]:
    rows = entries(table, "rows", set=OPEN) if table["labels"] else []
    return [row for row in rows if "samovar" in row["variant"]]


def _lowest(rows: list[Table]) -> Table:
    return min(rows, key=lambda row: row["accuracy"]["mean"])


def _collapse(tables: Tables) -> Facts:
    rows = {name: _samovar(table) for name, table in tables.items()}
    return {
        "found": [
            {"name": name, "lowest": _lowest(found), "chance": 1 / tables[name]["labels"]}
            for name, found in rows.items()
            if found
        ]
    }


def _samovar_rows(table: Table) -> Facts:
    rows = _samovar(table)
    if not rows:
        return {}
    labels = table["labels"]
    return {"entries": rows, "lowest": _lowest(rows), "labels": labels, "chance": 1 / labels}


def _by_verdict(table: Table) -> dict[str, list[Table]]:
    grouped: dict[str, list[Table]] = {}
    for entry in table["changes"]:
        grouped.setdefault(verdict(entry["accuracy"]), []).append(entry)
    return grouped


def _settings(tables: Tables) -> Facts:
    found = {}
    for name, table in tables.items():
        if table["changes"]:
            kinds = _by_verdict(table)
            better, worse = (
                [entry["variant"] for entry in kinds.get(kind, ())] for kind in (SHOWN, REVERSE)
            )
            tried = len(table["changes"])
            found[name] = {"better": better, "worse": worse, "tried": tried}
    return {"found": found}


QUESTIONS = {
    question.name: question
    for question in (
        Question(
            "personalization",
            "How much of the published kind of gain is personalization, and how much is "
            "regularization?",
            PAPER,
            _personalization,
            _gain_taken_apart,
        ),
        Question(
            "baselines",
            "Is VoP better than what needs no hypernetwork, or no Gaussian?",
            PAPER,
            lambda tables: {
                "found": estimates(tables, "comparisons", "accuracy", b=ADABN, set=OPEN)
            },
            _against_baselines,
        ),
        Question(
            "gaussian",
            "What are the Gaussian and its draws worth?",
            PAPER,
            _gaussian_and_draws,
            lambda table: {
                "entries": entries(table, "comparisons", b=WITHOUT_GAUSSIAN),
                "draws": entries(table, "draws", variant=VOP),
            },
        ),
        Question(
            "gaussian_alone",
            "What is the Gaussian worth with all else alike?",
            ABLATIONS,
            lambda tables: {"found": estimates(tables, "changes", "accuracy", variant=POINT)},
            listed("changes", variant=POINT),
        ),
        Question(
            "narrowing",
            "Does a posterior that narrows with clips predict better?",
            PAPER,
            _narrowing,
            _width_by_clips,
        ),
        Question(
            "width",
            "Is a posterior wider where the model is wrong, and does it cover what the labels say?",
            PAPER,
            lambda tables: {"found": estimates(tables, "widths", "correlation", variant=VOP)},
            listed("widths"),
        ),
        Question(
            "highest",
            "How much could be gained at all, by whatever means?",
            PAPER,
            _highest,
            _highest_by_reading,
        ),
        Question(
            "target",
            "Does a form of VoP reach what this project asked for: 3 points of gain, and 3 that "
            "only the own clips give?",
            PAPER,
            _target,
            _target_of_one,
        ),
        Question(
            "wrong_person",
            "Whose gain vanishes with the wrong person's clips?",
            PAPER,
            lambda tables: by_method(tables, "rows", "right_minus_wrong.accuracy", set=OPEN),
            _wrong_person,
        ),
        Question("clips", "How many clips are enough?", PAPER, _few_and_many_clips, _clips),
        Question(
            "outliers",
            "Does personalization help those who need it?",
            PAPER,
            _outlier_gains,
            _outliers,
        ),
        Question(
            "environment",
            "What of the gain is the person, and what the room and the microphone?",
            CONDITIONS,
            lambda tables: by_method(tables, "environments", "differences.person"),
            listed("environments"),
        ),
        Question(
            "few_persons",
            "Does personalization pay where few persons were trained on?",
            FEW_PERSONS,
            _steps_by_persons,
            _few_persons,
        ),
        Question(
            "collapse",
            "What makes a SAMOVAR row collapse, as the published 2fc does?",
            ABLATIONS,
            _collapse,
            _samovar_rows,
        ),
        Question(
            "settings",
            "Which of the settings that the paper leaves open matter?",
            ABLATIONS,
            _settings,
            lambda table: {"grouped": _by_verdict(table)},
        ),
    )
}
