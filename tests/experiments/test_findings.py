"""What FINDINGS.md says follows from the figures."""

import copy

import pytest

from tests.experiments.test_bench_report import everything
from vop_core.experiments import verdicts
from vop_core.experiments.bench_report import summary
from vop_core.experiments.findings import QUESTIONS, SHORT_ANSWERS, findings
from vop_core.experiments.verdicts import tally, verdict


@pytest.fixture(scope="module")
def content():
    return summary({"toy": everything()}, "paper")


def around(low, high):
    return {"mean": (low + high) / 2, "ci95": [low, high], "persons": 8, "interval": "t"}


@pytest.mark.parametrize(
    ("bounds", "better", "said"),
    [
        ((0.1, 0.2), 1, "shown"),
        ((0.1, 0.2), -1, "the reverse shown"),
        ((-0.2, -0.1), 1, "the reverse shown"),
        ((-0.2, -0.1), -1, "shown"),
        ((-0.1, 0.2), 1, "not shown"),
        ((0.0, 0.2), 1, "not shown"),
    ],
)
def test_a_verdict_is_the_intervals(bounds, better, said):
    assert verdict(around(*bounds), better=better) == said


def test_nothing_measured_is_said_to_be_so():
    assert verdict(None) == "not measured"
    assert verdict({"mean": 0.1, "ci95": None}) == "not measured"


def test_the_first_question_takes_the_gain_apart_and_its_numbers_move_with_the_summary(content):
    text = findings({"paper": content})
    first = text.split("## 1. ")[1].split("## 2. ")[0]
    assert first.startswith("How much of the published kind of gain is personalization")
    assert "toy, open set" in first and "toy, closed set" in first
    changed = copy.deepcopy(content)
    for entry in changed["datasets"]["toy"]["decomposition"]:
        entry["accuracy"]["personalization"] = around(-0.0777, 0.3)
    said = findings({"paper": changed})
    assert "-7.8" in said and "-7.8" not in text
    assert said.count("not shown") > text.count("not shown")


def test_every_question_has_an_answer_where_there_are_figures(content):
    text = findings({"paper": content})
    about_posteriors = ("Does a posterior that narrows", "Is a posterior wider")
    asked = [question for question, (suite, _) in QUESTIONS.items() if suite == "paper"]
    answered = [question for question in asked if not question.startswith(about_posteriors)]
    assert len(answered) == len(asked) - 2
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        f"## {number}. {question}" for number, question in enumerate(answered, 1)
    ]
    assert "8 unknown persons" in text


def test_without_the_main_suite_there_are_no_findings(content):
    assert findings({"ablations": content}) == ""


def test_a_tally_says_on_which_data_sets():
    found = {"a": around(0.1, 0.2), "b": around(-0.1, 0.2), "c": around(0.2, 0.3), "d": None}
    assert tally(found) == "shown on a and c, not shown on b, not measured on d"
    assert tally({"a": around(0.1, 0.2)}, better=-1) == "the reverse shown on a"
    assert tally({}) == ""


def test_the_short_answers_follow_the_figures(content):
    tables = copy.deepcopy(content)["datasets"]
    for entry in tables["toy"]["decomposition"]:
        entry["accuracy"]["personalization"] = around(0.01, 0.03)
        entry["accuracy"]["regularization"] = around(-0.03, -0.01)
    said = verdicts.personalization_or_regularization(tables)
    assert "what only the own clips give: shown on toy" in said
    assert "what mixed persons' clips give as well: the reverse shown on toy" in said
    assert f"**In short.** {said}" in findings({"paper": {**content, "datasets": tables}})


@pytest.mark.parametrize(("wide", "narrow", "constant"), [(0.76, 0.75, True), (0.76, 0.38, False)])
def test_only_a_width_that_stays_is_explained_by_the_bound(wide, narrow, constant):
    posteriors = [{"variant": "vop", "shots": shots, "std_ratio": ratio} for shots, ratio in ((20, narrow), (1, wide))]
    said = verdicts.narrowing({"toy": {"posteriors": posteriors}})
    assert f"{narrow / wide:.2f} times as wide after 20 clips as after 1 on toy" in said
    assert ("notebook 05" in said) == constant


def test_settings_are_named_where_they_are_shown_to_matter():
    changes = [
        {"variant": "wide", "accuracy": around(0.01, 0.02)},
        {"variant": "replace", "accuracy": around(-0.1, -0.05)},
        {"variant": "other", "accuracy": around(-0.1, 0.05)},
    ]
    said = verdicts.settings_left_open({"toy": {"changes": changes}, "empty": {"changes": []}})
    assert said == "Shown by an interval over persons, on toy better: wide, worse: replace, of 3 tried."


def test_every_question_but_the_published_row_has_a_short_answer():
    assert len(SHORT_ANSWERS) == len(QUESTIONS) - 1
    assert set(SHORT_ANSWERS) < {answer for _, answer in QUESTIONS.values()}
    assert [answer({}) for answer in SHORT_ANSWERS.values()] == [""] * len(SHORT_ANSWERS)
