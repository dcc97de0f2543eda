"""What FINDINGS.md says follows from the figures."""

import copy

import pytest

from tests.experiments.test_bench_report import everything
from vop_core.experiments.bench_report import summary
from vop_core.experiments.findings import QUESTIONS, findings, verdict


@pytest.fixture(scope="module")
def content():
    return summary({"toy": everything()}, "paper")


def around(low, high):
    return {"mean": (low + high) / 2, "ci95": [low, high], "persons": 8, "interval": "t"}


@pytest.mark.parametrize(
    ("bounds", "better", "said"),
    [
        ((0.1, 0.2), 1, "shown"),
        ((0.1, 0.2), -1, "shown, the other way"),
        ((-0.2, -0.1), 1, "shown, the other way"),
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
