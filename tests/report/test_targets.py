"""Whether a target is met follows from the tables."""

import copy

import pytest

from tests.report.test_report import everything
from vop_core.report.findings import findings, of_this_method
from vop_core.report.summary import summary
from vop_core.report.targets import judgements

SETS = ("speech_commands_test", "wuw2", "arabic_speech_commands", "dspspeech20")


def gap(mean, *, shown=True):
    """A difference over persons whose interval leaves 0 out, or does not."""
    width = 0.5 if shown else 2.0
    bounds = sorted((mean * (1 - width), mean * (1 + width)))
    return {"mean": mean, "ci95": bounds, "persons": 30, "interval": "t", "p": 0.5 - 0.499 * shown}


def row(variant, *, gone, gain):
    return {
        "variant": variant,
        "set": "open",
        "versus_global": {"accuracy": gap(gain), "error_reduction": gap(gone)},
        "right_minus_wrong": {"accuracy": gap(gain)},
        "personal_gain": {"best": "global", "accuracy": gap(gain)},
    }


def comparison(suffix, other, mean, *, shown=True):
    accuracy = gap(mean, shown=shown)
    return {"a": f"vop{suffix}", "b": f"{other}{suffix}", "set": "open", "accuracy": accuracy}


def table(suffix):
    point = {"variant": f"vop{suffix}", "shots": 1, "versus_global": gap(0.02)}
    return {
        "rows": [row(f"vop{suffix}", gone=0.4, gain=0.04)],
        "curves": [point],
        "comparisons": [
            comparison(suffix, "adabn", 0.02),
            comparison(suffix, "fine-tune-all", 0.01),
            comparison(suffix, "fine-tune-film", 0.03),
        ],
        "coverage": [
            {"variant": "vop", "shots": shots, "held": gap(0.9), "width": "true"}
            for shots in (1, 3, 5, 10)
        ],
        "widths": [{"variant": "vop", "correlation": gap(0.3)}],
    }


@pytest.fixture
def suites():
    """Everything met on all sets."""
    hands = [row(f"vop{suffix}", gone=0.4, gain=0.04) for suffix in ("", ", own-environment")]
    place = {"corpus": "wuw2", "set": "open", "shots": 5}
    claim = {"method": "vop", "a": "own", "b": "global", **place, **gap(-0.02)}
    return {
        "paper": {name: table("") for name in SETS},
        "conditions": {name: table(", own-environment") for name in SETS},
        "verification": {"speakers": {"differences": [claim]}},
        "handwriting": {"mnist_train_writers": {"rows": hands}},
    }


def verdicts(suites):
    return {found.words: found.verdict for found in judgements(suites)}


def missed(suites):
    return [words for words, said in verdicts(suites).items() if said == "missed"]


def test_all_is_met_where_all_holds_and_nothing_is_measured_without_tables(suites):
    assert set(verdicts(suites).values()) == {"met"}
    assert set(verdicts({}).values()) == {"not measured"}


@pytest.mark.parametrize(("sets", "failed"), [(1, False), (2, True)])
def test_three_of_four_sets_must_gain_in_their_environment(suites, sets, failed):
    for name in SETS[:sets]:
        suites["conditions"][name]["rows"] = [row("vop, own-environment", gone=0.4, gain=0.02)]
    words = missed(suites)
    assert any("at least three sets" in each for each in words) == failed
    assert any("right person" in each for each in words)


@pytest.mark.parametrize(("gone", "failed"), [(0.24, True), (0.25, False)])
def test_a_large_gain_is_not_enough_where_few_errors_are_gone(suites, gone, failed):
    for name in SETS:
        suites["conditions"][name]["rows"] = [row("vop, own-environment", gone=gone, gain=0.04)]
    assert bool(missed(suites)) == failed


def test_a_clean_set_below_global_counts_only_where_it_is_shown(suites):
    suites["paper"]["wuw2"]["rows"] = [row("vop", gone=0.0, gain=-0.01)]
    assert missed(suites) == ["On clean clips VoP is shown to be below global on no set"]
    suites["paper"]["wuw2"]["rows"][0]["versus_global"]["accuracy"] = gap(-0.01, shown=False)
    assert not missed(suites)


def test_what_is_not_shown_above_adabn_is_not_yet_below_it(suites):
    for name in SETS[1:]:
        suites["paper"][name]["comparisons"][0] = comparison("", "adabn", -0.01, shown=False)
    assert missed(suites) == ["On clean clips VoP is shown to be above AdaBN on at least two sets"]
    suites["paper"]["wuw2"]["comparisons"][0] = comparison("", "adabn", -0.01)
    assert len(missed(suites)) == 2


def test_the_best_fine_tuning_is_the_one_to_beat(suites):
    for name in SETS[:2]:
        suites["paper"][name]["comparisons"][1] = comparison("", "fine-tune-all", -0.01)
    found = next(each for each in judgements(suites) if "fine-tuning" in each.words)
    assert found.verdict == "missed"
    assert [case.place for case in found.cases if not case.met] == list(SETS[:2])


def test_one_interval_that_holds_too_little_misses_the_coverage(suites):
    suites["paper"]["wuw2"]["coverage"][2] |= {"width": "too narrow", "held": gap(0.8)}
    (found,) = (each for each in judgements(suites) if each.verdict == "missed")
    assert [case.place for case in found.cases if not case.met] == ["wuw2, 5 clip(s)"]


def test_findings_say_of_each_target_what_came_of_it():
    content = summary({"toy": everything()}, "paper")
    text = findings({"paper": content}).split("## What was aimed at")[1]
    suites = {"paper": copy.deepcopy(content)["datasets"]}
    for found in judgements(suites):
        assert f"**{found.verdict}**: {found.words}" in text


def test_what_an_earlier_form_of_the_method_made_is_named_and_left_out():
    content = summary({"toy": everything(), "other": everything(dataset="other")}, "paper")
    whole = findings({"paper": content})
    assert "earlier form" not in whole and "toy, vop:" in whole
    for method in content["datasets"]["toy"]["methods"]:
        method["config"] = {"code": 8}
    part = findings({"paper": content})
    assert "the suites paper (toy)" in part and "toy, vop:" not in part and "other, vop:" in part
    assert not of_this_method(
        {"paper": {**content, "datasets": {"toy": content["datasets"]["toy"]}}}
    )


def test_what_has_no_figure_is_neither_met_nor_missed(suites):
    for table in suites["conditions"].values():
        (found,) = table["rows"]
        found |= {"personal_gain": None, "right_minus_wrong": None}
    for table in suites["paper"].values():
        table["rows"][0]["versus_global"]["error_reduction"] = None
    assert list(verdicts(suites).values()).count("not measured") == 4
    assert not missed(suites)
