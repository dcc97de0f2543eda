"""Overviews: the claim of a personal gain, seeds, what the JSON promises, and the tables."""

import json

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from tests.toys import difference_named
from vop_core.errors import EvaluationError
from vop_core.evaluation.comparison import Run, ScoreIndex
from vop_core.evaluation.overview import PERSONAL_GAIN, RIGHT_MINUS_WRONG, overview
from vop_core.evaluation.plan import EvaluationClips, plan
from vop_core.evaluation.score import COLUMNS, Scoring, score_method
from vop_core.evaluation.tables import markdown, rich_tables


def index_of(rows, *, seeds=(0,), shots=5, repetitions=1):
    """{row: accuracy of each person} as scores of a method."""
    lines = [
        ("open", shots, f"set/p{person:02d}", repetition, row, metric, figure, None)
        for row, values in rows.items()
        for person, value in enumerate(values)
        for repetition in range(repetitions)
        for metric, figure in (
            ("accuracy", value),
            ("nll", 1 - value),
            ("brier", 0.5),
            ("ece", 0.1),
        )
    ]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    return ScoreIndex.of([Run(seed, 0, frame) for seed in seeds])


def made(own, controls=None, baseline=None, **more):
    """The overview of a method beside a global model."""
    scores = {"global": index_of({"own": baseline}, **more)} if baseline else {}
    return overview("t", {}, scores | {"vop": index_of({"own": own} | (controls or {}), **more)})


def row_of(found, method="vop", row="own"):
    return next(each for each in found["rows"] if (each["method"], each["row"]) == (method, row))


def difference(found, a, b):
    return next(
        each
        for each in found["differences"]
        if (each["a"], each["b"]) == (a, b) and not each["name"]
    )


def of_fakes(fakes, accents, method, shots=(3,), trained=()):
    voices = fakes.voices(accents)
    clips = EvaluationClips(**voices.arguments())
    planned = plan(clips, fakes.episodes(voices, shots=shots), trained)
    scoring = Scoring.everywhere(shots, repetitions=1)
    methods = {"global": fakes.unpersonalized(), "vop": method}
    scores = {
        name: ScoreIndex.of([Run(0, 0, score_method(m, clips, planned, scoring))])
        for name, m in methods.items()
    }
    return overview("fake", {"steps": 1}, scores)


def test_a_personal_method_has_a_personal_gain_and_right_beats_wrong(fakes):
    found = of_fakes(fakes, (1, 2, 3, 4, 5, 6) * 2 + (1,), fakes.personalizing())
    gain = difference_named(found, PERSONAL_GAIN, "open", 3)
    right = difference_named(found, RIGHT_MINUS_WRONG, "open", 3)
    assert gain["mean"] > 0.5 and gain["ci95"][0] > 0 and gain["ci95_conservative"][0] > 0
    assert (gain["a"], gain["b"]) == ("own", "mixed")
    assert right["mean"] > 0.5 and right["ci95"][0] > 0
    assert row_of(found)["accuracy"] == 1 and row_of(found)["harmed"] == []
    assert row_of(found)["ece_pooled"] == pytest.approx(1 - fakes.confidence)


def test_a_regularizing_method_has_a_gain_over_global_and_no_personal_gain(fakes):
    found = of_fakes(fakes, (1,) * 13, fakes.fixed(accent=1))
    assert difference(found, "own", "global")["mean"] == 1
    gain = difference_named(found, PERSONAL_GAIN, "open", 3)
    assert gain["mean"] == 0 and gain["ci95"] == [0, 0] and gain["b"] in ("prior", "mixed")
    assert difference_named(found, RIGHT_MINUS_WRONG, "open", 3)["mean"] == 0


def test_a_person_who_is_harmed_is_named(fakes):
    found = of_fakes(fakes, (0, 2, 3, 4, 5, 6), fakes.harming())
    assert row_of(found)["harmed"] == ["fake/p00"]
    assert row_of(found, "global")["harmed"] is None
    assert "1 (p00)" in markdown(found)


def test_sets_are_told_apart_by_who_was_trained_on(fakes):
    found = of_fakes(
        fakes,
        (1, 2, 3, 4),
        fakes.personalizing(),
        trained=("fake/p01", "fake/p03", "elsewhere/p00"),
    )
    persons = {
        each["set"]: set(each["per_person"]) for each in found["rows"] if each["row"] == "own"
    }
    assert persons == {"closed": {"fake/p01", "fake/p03"}, "open": {"fake/p00", "fake/p02"}}


def test_the_personal_gain_is_measured_against_the_best_control():
    found = made([0.9, 0.8], {"prior": [0.6, 0.9], "mixed": [0.5, 0.5]}, [0.7, 0.7])
    gain = difference_named(found, PERSONAL_GAIN, "open", 5)
    assert gain["b"] == "prior"
    assert gain["mean"] == pytest.approx(0.1)
    assert gain["per_person"] == pytest.approx({"set/p00": 0.3, "set/p01": -0.1})


def test_without_a_control_there_is_no_personal_gain():
    found = made([0.9], baseline=[0.7])
    assert difference_named(found, PERSONAL_GAIN, "open", 5) is None
    assert difference(found, "own", "global")["mean"] == pytest.approx(0.2)
    assert difference(found, "own", "global")["ci95"] is None


def test_seeds_are_averaged_within_persons_and_their_spread_is_reported():
    frames = [pd.DataFrame([], columns=list(COLUMNS))] * 2
    for seed, values in enumerate(([0.9, 0.7], [0.7, 0.5])):
        lines = [
            ("open", 5, f"set/p{person:02d}", 0, "own", metric, value, None)
            for person, value in enumerate(values)
            for metric in ("accuracy", "nll", "brier", "ece")
        ]
        frames[seed] = pd.DataFrame(lines, columns=list(COLUMNS))
    vop = ScoreIndex.of([Run(seed, 0, frame) for seed, frame in enumerate(frames)])
    found = overview("t", {}, {"global": index_of({"own": [0.8, 0.6]}, seeds=(0, 1)), "vop": vop})
    row = row_of(found)
    assert (row["persons"], row["seeds"]) == (2, 2)
    assert row["per_person"] == pytest.approx({"set/p00": 0.8, "set/p01": 0.6})
    assert row["seed_sd"] == pytest.approx(np.std([0.8, 0.6], ddof=1))
    assert row_of(found, "global")["seed_sd"] == pytest.approx(0)
    assert difference(found, "own", "global")["mean"] == pytest.approx(0)
    assert "sd over seeds" in markdown(found) and "2 seeds" in markdown(found)
    alone = row_of(made([0.9, 0.7]))
    assert alone["seed_sd"] is None and alone["seeds"] == 1


def test_the_json_has_the_fields_that_were_promised(fakes):
    found = of_fakes(fakes, (1, 2, 3, 4, 5, 6), fakes.personalizing(), shots=(1, 3))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found) == ["task", "config", "rows", "differences"]
    promised = [
        "method",
        "row",
        "set",
        "shots",
        "persons",
        "accuracy",
        "ci95",
        "interval",
        "worst_decile",
        "nll",
    ]
    assert all(list(row)[: len(promised)] == promised for row in found["rows"])
    rows = {(each["method"], each["row"]) for each in found["rows"]}
    assert rows == {("global", "own")} | {
        ("vop", row) for row in ("own", "draws", "prior", "mixed", "wrong-person", "noise")
    }
    for gap in found["differences"]:
        assert gap.keys() >= {
            "name",
            "method",
            "a",
            "b",
            "set",
            "shots",
            "mean",
            "ci95",
            "nll_mean",
            "nll_ci95",
        }


def test_no_scores_make_no_overview():
    with pytest.raises(EvaluationError, match="no scores"):
        overview("t", {}, {})


def test_few_persons_are_all_shown_and_many_are_not():
    few, many = (made([0.9] * count, baseline=[0.8] * count) for count in (11, 12))
    assert "| set/p10 | 80.0 | 90.0 |" in markdown(few)
    assert "set/p10" not in markdown(many)
    assert row_of(few)["interval"] == "Student's t over persons"
    assert row_of(many)["interval"] == "bootstrap over persons"


def test_the_markdown_table_says_percent_and_points():
    found = overview(
        "words", {}, {"global": index_of({"own": [0.7, 0.9]}), "vop": index_of({"own": [0.8, 1.0]})}
    )
    text = markdown(found)
    assert "**words, open set, 2 persons, 5 clips**" in text
    assert "| vop | 90.0 [0.0, 100.0] | 80.0 |" in text
    assert "| vop: own - global | +10.0 [+10.0, +10.0] |" in text
    assert text.count("| method |") == 1


def test_the_terminal_shows_the_same_figures():
    found = made([0.8, 1.0], {"mixed": [0.7, 0.9]}, [0.7, 0.9])
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(rich_tables(found))
        shown = console.export_text()
    assert (
        "90.0 [0.0, 100.0]" in shown
        and "+10.0" in shown
        and "set/p01" in shown
        and "vop, mixed" in shown
    )
