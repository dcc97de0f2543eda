"""Overviews: the claim of a personal gain, seeds, what the JSON promises, and the tables."""

import json

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from tests.evaluation import fakes
from tests.toys import difference_named
from vop_core.errors import EvaluationError
from vop_core.evaluation.comparison import Run, ScoreIndex
from vop_core.evaluation.overview import PERSONAL_GAIN, RIGHT_MINUS_WRONG, overview
from vop_core.evaluation.plan import plan
from vop_core.evaluation.score import COLUMNS, Scoring, score_method
from vop_core.evaluation.tables import markdown, rich_tables


def frame(rows):
    """{row: accuracy of each person} as a table of scores."""
    lines = [
        ("open", 5, f"set/p{person:02d}", 0, row, metric, figure, None)
        for row, values in rows.items()
        for person, value in enumerate(values)
        for metric, figure in (
            ("accuracy", value),
            ("nll", 1 - value),
            ("brier", 0.5),
            ("ece", 0.1),
        )
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS))


def index_of(*seeds):
    """The scores of a method trained with each seed."""
    return ScoreIndex.of([Run(seed, 0, frame(rows)) for seed, rows in enumerate(seeds)])


def made(own, controls=None, baseline=None):
    """The overview of a method beside a global model."""
    scores = {"global": index_of({"own": baseline})} if baseline else {}
    return overview("t", {}, scores | {"vop": index_of({"own": own} | (controls or {}))})


def row_of(found, method="vop", row="own"):
    return next(each for each in found["rows"] if (each["method"], each["row"]) == (method, row))


def difference(found, a, b):
    return next(
        each
        for each in found["differences"]
        if (each["a"], each["b"]) == (a, b) and not each["name"]
    )


def of_fakes(accents, method, shots=(3,)):
    voices = fakes.voices(accents)
    planned = plan(voices, fakes.episodes(voices, shots=shots), ())
    scoring = Scoring.everywhere(shots, repetitions=1)
    methods = {"global": fakes.Global(), "vop": method}
    scores = {
        name: ScoreIndex.of([Run(0, 0, score_method(m, voices, planned, scoring))])
        for name, m in methods.items()
    }
    return overview("fake", {"steps": 1}, scores)


def test_a_personal_method_has_a_personal_gain_and_right_beats_wrong():
    found = of_fakes((1, 2, 3, 4, 5, 6) * 2 + (1,), fakes.Personalizing())
    gain = difference_named(found, PERSONAL_GAIN, "open", 3)
    right = difference_named(found, RIGHT_MINUS_WRONG, "open", 3)
    assert gain["mean"] > 0.5 and gain["ci95"][0] > 0 and gain["ci95_conservative"][0] > 0
    assert (gain["a"], gain["b"]) == ("own", "mixed")
    assert right["mean"] > 0.5 and right["ci95"][0] > 0
    assert row_of(found)["accuracy"] == 1 and row_of(found)["harmed"] == []
    assert row_of(found)["ece_pooled"] == pytest.approx(1 - fakes.CONFIDENCE)


def test_a_regularizing_method_has_a_gain_over_global_and_no_personal_gain():
    found = of_fakes((1,) * 13, fakes.Fixed(accent=1))
    assert difference(found, "own", "global")["mean"] == 1
    gain = difference_named(found, PERSONAL_GAIN, "open", 3)
    assert gain["mean"] == 0 and gain["ci95"] == [0, 0] and gain["b"] in ("prior", "mixed")
    assert difference_named(found, RIGHT_MINUS_WRONG, "open", 3)["mean"] == 0


def test_a_person_who_is_harmed_is_named():
    found = of_fakes((0, 2, 3, 4, 5, 6), fakes.Harming())
    assert row_of(found)["harmed"] == ["fake/p00"]
    assert row_of(found, "global")["harmed"] is None
    assert "1 (p00)" in markdown(found)


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
    baseline, first, second = ({"own": own} for own in ([0.8, 0.6], [0.9, 0.7], [0.7, 0.5]))
    scores = {"global": index_of(baseline, baseline), "vop": index_of(first, second)}
    found = overview("t", {}, scores)
    row = row_of(found)
    assert (row["persons"], row["seeds"]) == (2, 2)
    assert row["per_person"] == pytest.approx({"set/p00": 0.8, "set/p01": 0.6})
    assert row["seed_sd"] == pytest.approx(np.std([0.8, 0.6], ddof=1))
    assert row_of(found, "global")["seed_sd"] == pytest.approx(0)
    assert difference(found, "own", "global")["mean"] == pytest.approx(0)
    assert "sd over seeds" in markdown(found) and "2 seeds" in markdown(found)
    alone = row_of(made([0.9, 0.7]))
    assert alone["seed_sd"] is None and alone["seeds"] == 1


def test_the_json_has_the_fields_that_were_promised():
    found = of_fakes((1, 2, 3, 4, 5, 6), fakes.Personalizing(), shots=(1, 3))
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
