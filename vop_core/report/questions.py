"""What the paper left open, question by question: the facts, picked from the tables of the suites.

The sentences stand in ``templates/questions.txt``. Words follow figures: whether something is
"shown" is decided by its interval (``verdicts``), never by hand.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from vop_core.bench.recipes import GLOBAL, VOP
from vop_core.data.groups import NEVER_HEARD
from vop_core.evaluation.plan import OPEN
from vop_core.report.estimates import REVERSE, SHOWN, Estimate, asked_alone, verdict
from vop_core.report.groups import GROUPS
from vop_core.report.summary import ABLATIONS, ADABN, CONDITIONS, PAPER, READS, WITHOUT_GAUSSIAN
from vop_core.report.tables import look_up
from vop_core.report.words import TEMPLATES, one_line
from vop_core.variational.importance import GOOD_K

Table = Mapping[str, Any]
Tables = Mapping[str, Table]  # data set -> its tables in a suite
Suites = Mapping[str, Tables]
Facts = dict[str, Any]
FEW_PERSONS = "few-persons"
PERSONAL_METHODS = (VOP, "conditional-vop", ADABN)  # whose controls the short answers name
POINT = "amortised, sigma 0, beta 0"  # the ablation that takes the Gaussian away and nothing else
LABELED = "labels"  # in what such methods read


class Part(NamedTuple):
    """Some of the facts behind an answer, those of one data set in one suite."""

    sentences: str  # in the template
    suite: str
    facts: Callable[[Table], Facts]

    def lines(self, name: str, table: Table) -> list[str]:
        """A line a fact; none without figures."""
        found = self.facts(table)
        if not any(found.values()):
            return []
        text = re.split(r"^- ", _written(self.sentences, found | {"name": name}), flags=re.M)
        return list(dict.fromkeys(one_line(line) for line in text if line.strip()))


class Question(NamedTuple):
    """Something the paper left open, and where its answer is found."""

    name: str  # NAME_short in the template is the answer in short
    words: str
    over_all: Callable[[Suites], Facts]
    parts: tuple[Part, ...]

    @property
    def suites(self) -> tuple[str, ...]:
        """Those that it is asked of."""
        return tuple(dict.fromkeys(part.suite for part in self.parts))

    def in_short(self, suites: Suites) -> str:
        """The answer in plain sentences over all data sets, and which suites have not run."""
        facts = self.over_all({suite: suites.get(suite, {}) for suite in self.suites})
        said = one_line(_written(f"{self.name}_short", facts)) if any(facts.values()) else ""
        missing = [suite for suite in self.suites if not suites.get(suite)]
        if not said and not missing:
            return "Not measured."
        return " ".join(filter(None, (said, missing and f"Not run yet: {', '.join(missing)}.")))

    def in_full(self, suites: Suites) -> list[str]:
        """The facts behind it."""
        return [
            line
            for part in self.parts
            for name, table in suites.get(part.suite, {}).items()
            for line in part.lines(name, table)
        ]


def _written(sentences: str, facts: Facts) -> str:
    template = TEMPLATES.get_template("questions.txt", globals={"good_k": GOOD_K})
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


def regimes(suites: Suites) -> Iterator[tuple[str, Table, Table]]:
    """VoP's row of unknown persons in each data set and condition, and the tables it stands in; by
    the name of both.
    """
    seen = set()
    for suite in (PAPER, CONDITIONS):
        for name, table in suites.get(suite, {}).items():
            for row in entries(table, "rows", set=OPEN):
                method, _, condition = row["variant"].partition(", ")
                place = f"{name} ({condition or 'clean'})"
                if method == VOP and place not in seen:
                    seen.add(place)
                    yield place, row, table


def _where(suites: Suites) -> Facts:
    found = {place: row for place, row, _ in regimes(suites) if row["versus_global"]}
    gains = {place: look_up(row, "personal_gain.accuracy") for place, row in found.items()}
    return {
        "gain": {place: gain and asked_alone(gain) for place, gain in gains.items()},
        "gone": {
            place: row["versus_global"]["error_reduction"]
            for place, row in found.items()
            if row["versus_global"]["error_reduction"]
        },
    }


def _regime_rows(table: Table) -> Facts:
    rows = [row for row in _against_global(table) if row["variant"].partition(", ")[0] == VOP]
    return {"entries": [row for row in rows if row["personal_gain"]]}


def _growth(suites: Suites) -> Facts:
    found = []
    for name, table in suites[PAPER].items():
        for variant in (VOP, ADABN):
            points = sorted(_gains_by_clips(table, variant), key=lambda point: point["shots"])
            if points:
                found.append({"name": name, "few": points[0], "many": points[-1]})
    return {
        "found": found,
        "first": {
            each["name"]: asked_alone(each["few"]["versus_global"])
            for each in found
            if each["few"]["variant"] == VOP
        },
    }


def _person_and_room(suites: Suites) -> Facts:
    return {
        part: estimates(suites[CONDITIONS], "environments", f"differences.{part}", variant=VOP)
        for part in ("person", "environment")
    }


def _true_width(suites: Suites) -> Facts:
    tables = suites[PAPER]
    return {
        "held": {
            name: found
            for name, table in tables.items()
            if (found := entries(table, "coverage", variant=VOP))
        },
        "correlation": estimates(tables, "widths", "correlation", variant=VOP),
        "alike": [
            name
            for name, table in tables.items()
            if entries(table, "widths", variant=VOP, alike=True)
        ],
        "narrowing": _narrowing(tables),
    }


def _ceiling(suites: Suites) -> Facts:
    """The highest that reads labels, picked after the fact, beside VoP, which reads none."""
    found = []
    for name, table in suites[PAPER].items():
        labeled = _read_by(table, lambda kind: kind.startswith(LABELED))
        vop = _row(table, VOP)
        if labeled and vop and vop["versus_global"]:
            found.append({"name": name, "tried": len(labeled), "best": _best(labeled), "vop": vop})
    return {"found": found}


def _published(suites: Suites) -> Facts:
    tables = suites[PAPER]

    def part(control: str, name: str) -> dict[str, Any]:
        where = {"variant": VOP, "control": control, "set": OPEN}
        return estimates(tables, "decomposition", f"accuracy.{name}", **where)

    gains = estimates(tables, "rows", "personal_gain.accuracy", variant=VOP, set=OPEN)
    return {
        "whole": part("mixed", "whole"),
        "regularization": part("mixed", "regularization"),
        "prior": part("prior", "regularization"),
        "above_mixture": part("mixed", "personalization"),
        "above_prior": part("prior", "personalization"),
        "gain": {name: asked_alone(gain) for name, gain in gains.items()},
    }


def _harmed(suites: Suites) -> Facts:
    found = {place: row for place, row, _ in regimes(suites) if row["versus_global"]}
    return {
        "harmed": {
            place: (len(row["versus_global"]["harmed"]), row["accuracy"]["persons"])
            for place, row in found.items()
            if row["versus_global"]["harmed"] is not None
        },
        "worst": {
            place: row["worst_quarter"]["versus_global"]
            for place, row in found.items()
            if row["worst_quarter"]
        },
    }


def _harmed_rows(table: Table) -> Facts:
    rows = [
        row
        for row in _against_global(table)
        if row["variant"].partition(", ")[0] in PERSONAL_METHODS and row["worst_quarter"]
    ]
    return {"entries": rows}


def _against_others(suites: Suites) -> Facts:
    tables = suites[PAPER]
    of_main = {
        name: {"draws": entries(table, "draws", variant=VOP, shots=table["main_shots"])}
        for name, table in tables.items()
    }
    return {
        "adabn": estimates(tables, "comparisons", "accuracy", b=ADABN, set=OPEN),
        "without": estimates(tables, "comparisons", "accuracy", b=WITHOUT_GAUSSIAN, set=OPEN),
        "draws": estimates(of_main, "draws", "nll.difference"),
        "alone": estimates(suites[ABLATIONS], "changes", "accuracy", variant=POINT),
    }


def _unheard(suites: Suites) -> Facts:
    won_back = {
        f"{name} ({entry['condition']})": entry["versus_global"]
        for name, table in suites[GROUPS].items()
        for entry in table.get("groups", ())
        if (entry["variant"], entry["training"]) == (VOP, NEVER_HEARD)
    }
    return {"found": _steps_by_persons(suites[FEW_PERSONS]), "groups": won_back}


def _groups(table: Table) -> Facts:
    return {"entries": [entry for entry in table.get("groups", ()) if entry["variant"] != GLOBAL]}


def _read_by(table: Table, wanted: Callable[[str], bool]) -> list[Table]:
    """Rows of unknown persons of methods that read so, beside global."""
    reads = {method["variant"]: method["reads"] for method in table["methods"]}
    return [row for row in _against_global(table) if wanted(reads.get(row["variant"], ""))]


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


def _narrowing(tables: Tables) -> list[Facts]:
    found = []
    for name, table in tables.items():
        widths = {
            each["shots"]: each["std_ratio"] for each in entries(table, "posteriors", variant=VOP)
        }
        if len(widths) > 1:
            few, many = min(widths), max(widths)
            by = widths[many] / widths[few]
            found.append({"name": name, "few": few, "many": many, "by": by})
    return found


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


def _highest_by_reading(table: Table) -> Facts:
    rows = {kind: _read_by(table, kind.__eq__) for kind in READS[1:]}
    return {
        "entries": [
            {"kind": kind, "tried": len(found), "best": _best(found)}
            for kind, found in rows.items()
            if found
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


def _clips(table: Table) -> Facts:
    gains = {variant: _gains_by_clips(table, variant) for variant in (VOP, ADABN)}
    return {"gains": {variant: found for variant, found in gains.items() if found}}


def _steps_by_persons(tables: Tables) -> list[Facts]:
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
    return found


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


def _settings(suites: Suites) -> Facts:
    found = {}
    for name, table in suites[ABLATIONS].items():
        if table["changes"]:
            kinds = _by_verdict(table)
            better, worse = (
                [entry["variant"] for entry in kinds.get(kind, ())] for kind in (SHOWN, REVERSE)
            )
            tried = len(table["changes"])
            found[name] = {"better": better, "worse": worse, "tried": tried}
    return {"found": found}


def _bounds(table: Table) -> Facts:
    """Of every setting with a posterior what the bound would charge it, the recipe first."""
    found = entries(table, "posteriors", shots=table["main_shots"])
    measured = [entry for entry in found if entry.get("negative_bound") is not None]
    recipe = next((entry for entry in measured if entry["variant"] == VOP), None)
    others = sorted((e for e in measured if e is not recipe), key=lambda e: e["negative_bound"])
    return {"recipe": recipe, "entries": others} if recipe else {}


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


QUESTIONS = {
    question.name: question
    for question in (
        Question(
            "where",
            "Where does personalization pay?",
            _where,
            (
                Part("regimes", PAPER, _regime_rows),
                Part("regimes", CONDITIONS, _regime_rows),
            ),
        ),
        Question(
            "clips",
            "How does the gain grow with clips?",
            _growth,
            (Part("clips", PAPER, _clips),),
        ),
        Question(
            "person",
            "What of the gain is the person, and what the room and the microphone?",
            _person_and_room,
            (
                Part("environment", CONDITIONS, listed("environments")),
                Part("wrong_person", PAPER, _wrong_person),
            ),
        ),
        Question(
            "width",
            "Is the posterior's width true, and is it worth anything?",
            _true_width,
            (
                Part("held", PAPER, lambda table: {"entries": table["coverage"]}),
                Part("width", PAPER, listed("widths")),
                Part("narrowing", PAPER, _width_by_clips),
            ),
        ),
        Question(
            "ceiling",
            "What is left to gain?",
            _ceiling,
            (Part("highest", PAPER, _highest_by_reading),),
        ),
        Question(
            "published",
            "What did the published gain most likely consist of?",
            _published,
            (Part("personalization", PAPER, _gain_taken_apart),),
        ),
        Question(
            "harm",
            "Who is harmed, and are those helped who need it?",
            _harmed,
            (
                Part("harmed", PAPER, _harmed_rows),
                Part("harmed", CONDITIONS, _harmed_rows),
            ),
        ),
        Question(
            "others",
            "Is VoP better than what needs no hypernetwork, or no Gaussian?",
            _against_others,
            (
                Part("baselines", PAPER, _against_baselines),
                Part(
                    "gaussian",
                    PAPER,
                    lambda table: {
                        "entries": entries(table, "comparisons", b=WITHOUT_GAUSSIAN),
                        "draws": entries(table, "draws", variant=VOP),
                    },
                ),
                Part("gaussian_alone", ABLATIONS, listed("changes", variant=POINT)),
            ),
        ),
        Question(
            "unheard",
            "Does it pay where few persons, or none of a group, were trained on?",
            _unheard,
            (
                Part("few_persons", FEW_PERSONS, _few_persons),
                Part("groups", GROUPS, _groups),
            ),
        ),
        Question(
            "settings",
            "Which of the settings that the paper leaves open matter?",
            _settings,
            (
                Part("settings", ABLATIONS, lambda table: {"grouped": _by_verdict(table)}),
                Part("bound", ABLATIONS, _bounds),
                Part("collapse", ABLATIONS, _samovar_rows),
            ),
        ),
    )
}
