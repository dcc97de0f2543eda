"""The short answers on the other tasks follow from the figures of the suite ``tasks``."""

import pytest

from tests.report.test_targets import gap
from vop_core.report.findings import findings
from vop_core.report.other_tasks import OTHER_TASKS, by_task
from vop_core.report.summary import FEW_SHOT_COMPARISONS, named_comparisons
from vop_core.report.targets import judgements


def claim(a, b, mean, *, corpus="toy", set_name="open", shown=True):
    place = {"corpus": corpus, "set": set_name, "shots": 5, "speakers": 40}
    bounds = {name: gap(mean, shown=shown)[name] for name in ("mean", "ci95")}
    return {"method": "vop", "a": a, "b": b, **place, **bounds}


def rate(method, row, eer, shots=5):
    place = {"corpus": "toy", "set": "open", "shots": shots, "speakers": 40}
    return {"method": method, "row": row, **place, "eer": eer, "ci95": [eer / 2, eer * 2]}


def hand(variant, gone, gain, *, shown=True):
    return {
        "variant": variant,
        "set": "open",
        "accuracy": {**gap(0.9), "persons": 30},
        "versus_global": {
            "accuracy": gap(gain, shown=shown),
            "error_reduction": gap(gone, shown=shown),
        },
        "right_minus_wrong": {"accuracy": gap(gain)},
        "personal_gain": {"best": "global", "accuracy": gap(gain, shown=shown)},
    }


def content(*, differences=(), rates=(), hands=(), ways=()):
    """A summary of the suite ``tasks``."""
    common = {"methods": [{"variant": "global", "method": "global", "completeness": "all"}]}
    datasets = {}
    if hands:
        datasets["pens"] = {**common, "main_shots": 5, "rows": list(hands), "comparisons": []}
    if ways:
        rows = [hand("class-vop", 0.1, 0.01)]
        datasets["signs 5-way 1-shot"] = {
            **common,
            "main_shots": 1,
            "rows": rows,
            "comparisons": list(ways),
        }
    claims = {"rows": list(rates), "differences": list(differences), "config": {"seed": 0}}
    return {"datasets": datasets, "claims": {"speakers": claims} if differences else {}}


def in_short(name, **asked):
    return OTHER_TASKS[name].in_short(by_task({"tasks": content(**asked)}))


def verdict_of(words, **asked):
    (found,) = (
        each for each in judgements(by_task({"tasks": content(**asked)})) if words in each.words
    )
    return found.verdict


def test_a_lower_equal_error_rate_is_the_better_one():
    lower = [claim("own", "global", -0.02), claim("own", "wrong-person", -0.01, shown=False)]
    said = in_short("claims", differences=lower)
    assert "shown to be below that of the global model's cosine on toy" in said
    assert "-2.0 [-3.0, -1.0] on toy" in said and said.endswith("not shown on toy.")
    assert verdict_of("equal error rate", differences=lower) == "met"
    higher = [claim("own", "global", 0.02), claim("own", "wrong-person", 0.01)]
    said = in_short("claims", differences=higher)
    assert "on no set" in said and said.endswith("the reverse shown on toy.")
    assert verdict_of("equal error rate", differences=higher) == "missed"


def test_where_weights_are_drawn_the_mean_over_draws_is_what_counts():
    both = [claim("own", "global", -0.02), claim("draws", "global", 0.01, shown=False)]
    assert verdict_of("equal error rate", differences=both) == "missed"
    assert verdict_of("equal error rate", differences=both[:1]) == "met"


def test_calls_are_a_place_of_their_own():
    across = claim("own", "global", -0.02, set_name="open-across-calls")
    assert "on toy, across calls." in in_short("claims", differences=[across])


def test_rows_stand_lowest_first_and_controls_are_no_way_to_judge():
    rates = [rate("global", "own", 0.2), rate("vop", "own", 0.1), rate("vop", "prior", 0.05)]
    suites = by_task({"tasks": content(differences=[claim("own", "global", 0.1)], rates=rates)})
    (line,) = OTHER_TASKS["claims"].in_full(suites)
    assert line.endswith(": vop 10.0 [5.0, 20.0]; global 20.0 [10.0, 40.0].")


def test_published_orders_are_asked_of_the_same_episodes_by_set():
    name = FEW_SHOT_COMPARISONS[0][0]
    ways = [
        {"name": name, "a": "a", "b": "b", "set": "open", "accuracy": gap(0.02)},
        {"name": "other", "a": "a", "b": "b", "set": "open", "accuracy": gap(-0.02)},
    ]
    said = in_short("ways", ways=ways)
    place = "signs 5-way 1-shot"
    assert said == f"{name}: shown on {place}. other: the reverse shown on {place}."


def test_rows_stand_with_intervals_over_groups_and_over_episodes():
    suites = by_task({"tasks": content(ways=[{"name": "x", "set": "open", "accuracy": gap(0.1)}])})
    table = suites["few-shot"]["signs 5-way 1-shot"]
    table["episodes"] = [{"variant": "class-vop", "accuracy": {**gap(0.9), "ci95": [0.88, 0.92]}}]
    (line,) = OTHER_TASKS["ways"].in_full(suites)
    assert line.endswith("class-vop 90.0 [45.0, 135.0] % and 90.0 [88.0, 92.0] %.")


def test_no_pair_is_compared_outside_few_shot_episodes():
    assert named_comparisons({}, None) == []


@pytest.mark.parametrize(
    ("gone", "gain", "shown", "said"),
    [(0.3, 0.02, True, "met"), (0.2, 0.02, True, "missed"), (0.3, 0.02, False, "missed")],
)
def test_hands_need_both_errors_gone_and_a_gain_shown(gone, gain, shown, said):
    rows = [hand("vop, own-environment", gone, gain, shown=shown)]
    assert verdict_of("Of hands", hands=rows) == said
    few = hand("vop, own-environment, 10 writers", 0.9, 0.5)
    assert verdict_of("Of hands", hands=[*rows, few]) == said


def test_the_curve_over_writers_ends_with_all_of_them():
    rows = [
        hand(f"vop, own-environment{count}", 0.3, gain)
        for count, gain in (("", 0.03), (", 100 writers", 0.02), (", 30 writers", 0.01))
    ]
    said = in_short("hands", hands=rows)
    assert "30: +1.0 [+0.5, +1.5], 100: +2.0 [+1.0, +3.0], all: +3.0 [+1.5, +4.5] (pens)." in said
    assert "pens (own-environment)" in said and "30 writers" not in said


def test_clean_hands_are_harmed_only_where_it_is_shown():
    worse = {"gone": -0.1, "gain": -0.01}
    assert verdict_of("clean hands", hands=[hand("vop", **worse)]) == "missed"
    assert verdict_of("clean hands", hands=[hand("vop", **worse, shown=False)]) == "met"


def test_findings_have_the_other_tasks_behind_the_questions():
    text = findings({"tasks": content(differences=[claim("own", "global", -0.02)])})
    part = text.split("## The other tasks")[1].split("## What was aimed at")[0]
    assert all(f"### {question.words}" in part for question in OTHER_TASKS.values())
    assert part.count("Not run yet") == 2
