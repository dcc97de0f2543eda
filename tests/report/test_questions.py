"""What FINDINGS.md says follows from the figures."""

import copy
import re

import pytest

from tests.report.test_report import everything, row_of
from vop_core.data.locations import repository_root
from vop_core.report.estimates import difference, tally, verdict
from vop_core.report.findings import FINDINGS, findings, short_answers
from vop_core.report.questions import QUESTIONS
from vop_core.report.summary import summary
from vop_core.report.words import points


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


def test_an_interval_alone_shows_nothing_where_the_test_over_persons_does_not_agree():
    """A skewed difference of few persons; and one method of many asked the same."""
    assert verdict(around(0.1, 0.2) | {"p": 0.04}) == "shown"
    assert verdict(around(0.1, 0.2) | {"p": 0.06}) == "not shown"
    assert verdict(around(0.1, 0.2) | {"p": 0.001, "p_holm": 0.06}) == "not shown"
    assert verdict(around(-0.2, -0.1) | {"p": 0.001, "p_holm": 0.04}) == "the reverse shown"
    five = difference({f"p{index}": 0.1 + index / 100 for index in range(5)})
    assert five["ci95"][0] > 0 and verdict(five) == "not shown", "2 / 2^5 is not below 5 %"


def test_what_other_persons_clips_harm_is_not_called_a_gain(content):
    tables = copy.deepcopy(content)["datasets"]
    for entry in tables["toy"]["decomposition"]:
        entry["accuracy"]["regularization"] = around(-0.03, -0.01)
    text = findings({"paper": {**content, "datasets": tables}}).split("## 2. ")[0]
    assert (
        "the reverse shown: harm done by such clips" in text and "shown: regularization" not in text
    )
    assert "no clip, but the prior" in text and "a mixture of other persons' clips" in text


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
    asked = [question.words for question in QUESTIONS.values() if question.suite == "paper"]
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
    row = row_of(tables["toy"], "vop")
    row["personal_gain"]["accuracy"] = around(-0.03, -0.01) | {"p": 0.01, "p_holm": 0.9}
    for entry in tables["toy"]["decomposition"]:
        shift = 0.0 if entry["control"] == "mixed" else -0.02
        entry["accuracy"]["personalization"] = around(0.01 + shift, 0.03 + shift)
    said = QUESTIONS["personalization"].in_short(tables)
    assert "own clips above a mixture of other persons': shown on toy" in said
    assert "own clips above the prior's: not shown on toy" in said
    assert "the personal gain): the reverse shown on toy" in said, (
        "asked of VoP alone: not corrected"
    )
    assert f"**In short.** {said}" in findings({"paper": {**content, "datasets": tables}})


@pytest.mark.parametrize(("wide", "narrow", "constant"), [(0.76, 0.75, True), (0.76, 0.38, False)])
def test_only_a_width_that_stays_is_explained_by_the_bound(wide, narrow, constant):
    posteriors = [
        {"variant": "vop", "shots": shots, "std_ratio": ratio}
        for shots, ratio in ((20, narrow), (1, wide))
    ]
    said = QUESTIONS["narrowing"].in_short({"toy": {"posteriors": posteriors}})
    assert f"{narrow / wide:.2f} times as wide after 20 clips as after 1 on toy" in said
    assert ("notebook 05" in said) == constant


@pytest.mark.parametrize(
    ("gain", "wrong", "reached"),
    [
        ((0.02, 0.05), (0.02, 0.05), True),
        ((0.02, 0.05), (0.01, 0.03), False),
        ((0.01, 0.03), (0.02, 0.05), False),
        ((-0.01, 0.09), (0.02, 0.05), False),
    ],
)
def test_the_target_is_reached_by_both_figures_with_their_intervals_or_not_at_all(
    content, gain, wrong, reached
):
    tables = copy.deepcopy(content)["datasets"]
    row = row_of(tables["toy"], "vop")
    row["personal_gain"]["accuracy"], row["right_minus_wrong"]["accuracy"] = (
        around(*gain),
        around(*wrong),
    )
    assert (
        QUESTIONS["target"]
        .in_short(tables)
        .startswith("Both at least 3 points, intervals above 0: ")
    )
    assert ("vop on toy" in QUESTIONS["target"].in_short(tables)) is reached
    text = findings({"paper": {**content, "datasets": tables}})
    assert (
        f"right − wrong person {points(around(*wrong))}: {'reached' if reached else 'not reached'}."
        in text
    )


def test_links_of_the_findings_lead_from_their_own_place(content):
    tables = copy.deepcopy(content)["datasets"]
    tables["toy"]["posteriors"] = [
        {
            "variant": "vop",
            "shots": shots,
            "std_ratio": 0.5,
            "kl_nats": 1.0,
            "active_units": 3.0,
            "units": 4.0,
        }
        for shots in (1, 5)
    ]
    text = findings({"paper": {**content, "datasets": tables}})
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert any(link.endswith("notebooks/05_training.ipynb") for link in links)
    place = (repository_root() / FINDINGS).parent
    assert all((place / link).exists() for link in links)
    assert len(short_answers({"paper": content})) > 5


def test_few_persons_are_said_in_their_order_and_who_is_shown_is_counted():
    rows = [
        {
            "variant": variant,
            "set": "open",
            "versus_global": {"accuracy": around(*bounds)} if bounds else None,
        }
        for variant, bounds in (
            ("vop", (0.01, 0.03)),
            ("vop, 12 persons", (-0.02, 0.04)),
            ("vop, 3 persons", (-0.04, -0.02)),
            ("global, 3 persons", None),
        )
    ]
    assert QUESTIONS["few_persons"].in_short({"toy": {"rows": rows}}) == (
        "Points against global, trained on as many persons: vop -3.0 with 3, +1.0 with 12, +2.0 "
        "with all (1 of 3 shown) on toy."
    )


def test_settings_are_named_where_they_are_shown_to_matter():
    changes = [
        {"variant": "wide", "accuracy": around(0.01, 0.02)},
        {"variant": "replace", "accuracy": around(-0.1, -0.05)},
        {"variant": "other", "accuracy": around(-0.1, 0.05)},
    ]
    said = QUESTIONS["settings"].in_short({"toy": {"changes": changes}, "empty": {"changes": []}})
    assert said == (
        "Shown over persons, after Holm's correction, on toy better: wide, worse: replace, of 3 "
        "tried."
    )


def test_a_short_answer_without_figures_says_nothing():
    assert [question.in_short({}) for question in QUESTIONS.values()] == [""] * len(QUESTIONS)
