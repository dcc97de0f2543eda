"""What FINDINGS.md says follows from the figures."""

import copy

import pytest

from tests.report.test_report import everything, row_of
from vop_core.report.estimates import difference, tally, verdict
from vop_core.report.findings import findings, short_answers
from vop_core.report.questions import QUESTIONS
from vop_core.report.summary import summary


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


def published(text):
    """The answer to what the published gain consisted of."""
    return text.split("What did the published gain")[1].split("\n## ")[0]


def test_what_other_persons_clips_harm_is_not_called_a_gain(content):
    tables = copy.deepcopy(content)["datasets"]
    for entry in tables["toy"]["decomposition"]:
        entry["accuracy"]["regularization"] = around(-0.03, -0.01)
    text = published(findings({"paper": {**content, "datasets": tables}}))
    assert (
        "the reverse shown: harm done by such clips" in text and "shown: regularization" not in text
    )
    assert "no clip, but the prior" in text and "a mixture of other persons' clips" in text


def test_nothing_measured_is_said_to_be_so():
    assert verdict(None) == "not measured"
    assert verdict({"mean": 0.1, "ci95": None}) == "not measured"


def test_the_gain_is_taken_apart_and_its_numbers_move_with_the_summary(content):
    text = findings({"paper": content})
    assert "toy, open set" in published(text) and "toy, closed set" in published(text)
    changed = copy.deepcopy(content)
    for entry in changed["datasets"]["toy"]["decomposition"]:
        entry["accuracy"]["personalization"] = around(-0.0777, 0.3)
    said = findings({"paper": changed})
    assert "-7.8" in said and "-7.8" not in text
    assert said.count("not shown") > text.count("not shown")


def test_at_most_ten_questions_and_each_is_answered_or_said_not_to_be_run(content):
    text = findings({"paper": content})
    asked = [question.words for question in QUESTIONS.values()]
    assert len(asked) <= 10
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings[:-2] == [f"## {number}. {question}" for number, question in enumerate(asked, 1)]
    assert "8 unknown persons" in text
    answers = dict(short_answers({"paper": content}))
    assert all(answers.values())
    for question in QUESTIONS.values():
        missing = [suite for suite in question.suites if suite != "paper"]
        said = f"Not run yet: {', '.join(missing)}."
        assert (said in answers[question.words]) is bool(missing)
    assert {suite for question in QUESTIONS.values() for suite in question.suites} == {
        "paper",
        "conditions",
        "groups",
        "few-persons",
        "ablations",
    }


def test_where_it_pays_names_the_places_and_the_errors_that_are_gone(content):
    tables = copy.deepcopy(content)["datasets"]
    row = copy.deepcopy(row_of(tables["toy"], "vop"))
    own = {**row, "variant": "vop, own-environment"}
    own["personal_gain"] = {"best": "mixed", "accuracy": around(-0.02, 0.03)}
    # the main suite's figure stands where another suite asked the same
    again = {**row, "personal_gain": own["personal_gain"]}
    suites = {"paper": tables, "conditions": {"toy": {**tables["toy"], "rows": [own, again]}}}
    said = QUESTIONS["where"].in_short(suites)
    assert said.startswith("It pays on toy (clean): there VoP's own clips beat global,")
    assert "(shown on toy (clean), not shown on toy (own-environment))" in said
    assert "22 % on toy (clean), 22 % on toy (own-environment)." in said
    row_of(tables["toy"], "vop")["personal_gain"]["accuracy"] = around(-0.1, -0.05)
    said = QUESTIONS["where"].in_short(suites)
    assert said.startswith("It is shown to pay nowhere") and "the reverse shown on toy" in said


def coverage(*widths):
    return [
        {
            "variant": "vop",
            "shots": shots,
            "held": around(0.8, 0.9),
            "layers": [0.8, 0.9],
            "width": width,
        }
        for shots, width in zip((1, 5), widths, strict=True)
    ]


@pytest.mark.parametrize(
    ("widths", "said"),
    [
        (("true", "true"), "It is true: on every data set"),
        (("true", "too narrow"), "It is true in 1 of 2 cases"),
        (("too wide", "too narrow"), "It is not true on any data set"),
    ],
)
def test_a_width_is_called_true_where_every_interval_holds_what_it_should(content, widths, said):
    table = {**content["datasets"]["toy"], "coverage": coverage(*widths)}
    table["widths"] = [{"variant": "vop", "correlation": None, "alike": True}]
    answer = QUESTIONS["width"].in_short({"paper": {"toy": table}})
    assert answer.startswith(said)
    assert "On toy the 90 % interval holds 85 % after 1, 85 % after 5." in answer
    assert "On toy it is alike for all persons" in answer


@pytest.mark.parametrize(
    ("gain", "control", "said"),
    [
        ((0.01, 0.03), (0.01, 0.03), "Personalization on toy"),
        ((-0.01, 0.03), (0.01, 0.03), "Regularization, on toy"),
        ((-0.01, 0.03), (-0.01, 0.03), "That is not decided: VoP is above global on toy"),
    ],
)
def test_what_the_published_gain_was_follows_from_the_controls(content, gain, control, said):
    tables = copy.deepcopy(content)["datasets"]
    row_of(tables["toy"], "vop")["personal_gain"]["accuracy"] = around(*gain)
    for entry in tables["toy"]["decomposition"]:
        entry["accuracy"]["regularization"] = around(*control)
    assert QUESTIONS["published"].in_short({"paper": tables}).startswith(said)


def test_the_ceiling_is_the_best_that_reads_labels():
    rows = [
        {"variant": name, "set": "open", "versus_global": {"accuracy": around(low, low + 0.02)}}
        for name, low in (("vop", 0.01), ("tuned", 0.03), ("shown", 0.0), ("plain", 0.09))
    ]
    reads = {"vop": "unlabeled clips", "tuned": "labels and gradients", "shown": "labels"}
    methods = [{"variant": row["variant"], "reads": reads.get(row["variant"], "")} for row in rows]
    said = QUESTIONS["ceiling"].in_short({"paper": {"toy": {"rows": rows, "methods": methods}}})
    assert said.startswith("On toy the same clips with labels give 2.0 points more than VoP gives")
    assert "tuned +4.0" in said


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
    said = QUESTIONS["published"].in_short({"paper": tables})
    assert "own clips above mixed persons': shown on toy" in said
    assert "own clips above nobody's: not shown on toy" in said
    assert "own clips above all of these: the reverse shown on toy" in said, (
        "asked of VoP alone: not corrected"
    )
    assert f"**In short.** {said}" in findings({"paper": {**content, "datasets": tables}})


def test_persons_of_whom_harm_is_known_are_counted(content):
    tables = copy.deepcopy(content)["datasets"]
    row_of(tables["toy"], "vop")["versus_global"]["harmed"] = ["toy/p1", "toy/p2"]
    said = QUESTIONS["harm"].in_short({"paper": tables})
    assert "2 of 8 on toy (clean) (by chance one in forty)." in said
    assert "2 of 8 persons harmed (p1, p2)" in findings({"paper": {**content, "datasets": tables}})


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
    assert QUESTIONS["unheard"].in_short({"few-persons": {"toy": {"rows": rows}}}) == (
        "Of 3 comparisons with global, by method and number of training persons, 1 shows a gain. "
        "Points against global, trained on as many persons: vop -3.0 with 3, +1.0 with 12, +2.0 "
        "with all (1 of 3 shown) on toy. Not run yet: groups."
    )


def test_settings_are_named_where_they_are_shown_to_matter():
    changes = [
        {"variant": "wide", "accuracy": around(0.01, 0.02)},
        {"variant": "replace", "accuracy": around(-0.1, -0.05)},
        {"variant": "other", "accuracy": around(-0.1, 0.05)},
    ]
    tables = {"toy": {"changes": changes}, "empty": {"changes": []}}
    said = QUESTIONS["settings"].in_short({"ablations": tables})
    assert said == (
        "Changed for the better by wide. Shown over persons, after Holm's correction, on toy "
        "better: wide, worse: replace, of 3 tried."
    )


def test_without_any_suite_every_question_says_what_has_not_run():
    for question in QUESTIONS.values():
        assert question.in_short({}) == f"Not run yet: {', '.join(question.suites)}."
        assert question.in_full({}) == []


def test_a_group_that_training_never_heard_is_asked_beside_its_global():
    groups = [
        {
            "variant": "vop",
            "training": training,
            "condition": "clean",
            "versus_global": around(*bounds),
            "right_minus_wrong": around(0.0, 0.1),
        }
        for training, bounds in (("never heard", (0.01, 0.02)), ("heard", (-0.1, 0.1)))
    ]
    suites = {"groups": {"toy women": {"groups": groups}}}
    said = QUESTIONS["unheard"].in_short(suites)
    assert "for a group that training never heard: shown on toy women (clean)." in said
    lines = QUESTIONS["unheard"].in_full(suites)
    assert lines[0].startswith("toy women, vop, never heard, clean: − global +1.5")


def test_the_bounds_price_is_said_of_the_recipe_and_of_the_others_cheapest_first():
    def entry(variant, bound, shots=5):
        figures = {"negative_bound": bound, "kl_nats": 40.0}
        return {"variant": variant, "shots": shots, **figures}

    entries = [
        entry("vop", 3.0),
        entry("beta 0.1", 2.0),
        entry("beta 1", 1.0),
        entry("vop", 9.0, 1),
    ]
    table = {"posteriors": entries, "main_shots": 5, "changes": [], "labels": None}
    lines = QUESTIONS["settings"].in_full({"ablations": {"toy": table}})
    (line,) = (each for each in lines if "bound" in each)
    assert "the recipe 3.00 nats" in line
    assert line.index("beta 1 1.00") < line.index("beta 0.1 2.00")
    table["posteriors"] = entries[1:2]
    assert not any(
        "bound" in e for e in QUESTIONS["settings"].in_full({"ablations": {"toy": table}})
    )
