"""What a group costs that training never heard, and what another call costs: known differences come
out, paired over the same persons.
"""

import re
from dataclasses import replace

import numpy as np
import pytest

from tests.report.test_report import (
    PERSONS,
    SKILL,
    both_folds,
    more_scores,
    score,
    unexplained,
)
from vop_core.data.groups import grouped
from vop_core.errors import EvaluationError
from vop_core.report import groups
from vop_core.report.decision import group_lines
from vop_core.report.page import bench_page
from vop_core.report.summary import DIGITS, as_text, summary

PLACE = ", own-environment"
# own clips' distance from a person's skill; "own" of all but global has 0.02 more
NEVER = {"global": {"own": -0.10}, "vop": {"own": -0.06, "wrong-person": -0.09}}
HEARD = {"global": {"own": 0.0}, "vop": {"own": 0.03, "wrong-person": -0.02}}


def trainings(condition="", lower=0.0, **sides):
    """Both trainings of global and vop, all answers worse by ``lower``."""
    return [
        made
        for heard, gains in (sides or {"heard": HEARD, "never heard": NEVER}).items()
        for method, rows in gains.items()
        for made in both_folds(
            method,
            {row: gain - lower for row, gain in rows.items()},
            variant=f"{method}, {heard}{condition}",
            dataset="toy, gender woman",
        )
    ]


def content_of(results, suite="groups"):
    return summary({"toy, gender woman": results}, suite)


def lines_of(content):
    (table,) = content["datasets"].values()
    return {
        (each["variant"], each["training"], each["condition"]): each for each in table["groups"]
    }


def means(entry, *names):
    return [None if entry[name] is None else entry[name]["mean"] for name in names]


ASKED = ("versus_global", "right_minus_wrong", "minus_heard", "minus_global_heard")


def test_what_the_missing_group_costs_and_what_is_won_back():
    lines = lines_of(content_of(trainings()))
    expected = {
        ("global", "heard"): [None, None, None, None],
        ("vop", "heard"): [0.05, 0.07, None, None],
        ("global", "never heard"): [None, None, -0.10, -0.10],
        ("vop", "never heard"): [0.06, 0.05, -0.09, -0.04],
    }
    assert {(*key, "clean") for key in expected} == lines.keys()
    for key, values in expected.items():
        assert means(lines[*key, "clean"], *ASKED) == pytest.approx(values), key
    never = lines["vop", "never heard", "clean"]
    errors = {
        method: 1 - np.mean(list(SKILL.values())) + gap
        for method, gap in (("vop", 0.04), ("global", 0.10))
    }
    assert never["error_reduction"]["mean"] == pytest.approx(1 - errors["vop"] / errors["global"])
    assert never["accuracy"]["persons"] == never["minus_heard"]["persons"] == len(PERSONS)
    assert never["harmed"] == [] and lines["global", "never heard", "clean"]["harmed"] is None


def test_lines_of_another_condition_are_compared_among_themselves():
    """There everything is worse by 0.2, so that no difference changes, and no level stays."""
    lines = lines_of(content_of(trainings() + trainings(PLACE, lower=0.2)))
    for variant, training, condition in lines:
        if condition == "clean":
            clean, place = (lines[variant, training, c] for c in ("clean", PLACE[2:]))
            assert means(clean, *ASKED) == pytest.approx(means(place, *ASKED))
            assert clean["accuracy"]["mean"] - place["accuracy"]["mean"] == pytest.approx(0.2)


def test_without_a_training_that_heard_the_group_nothing_is_said_of_its_cost():
    lines = lines_of(content_of(trainings(**{"never heard": NEVER})))
    assert means(lines["vop", "never heard", "clean"], *ASKED) == [
        pytest.approx(0.06),
        pytest.approx(0.05),
        None,
        None,
    ]


def test_what_is_asked_of_every_group_is_judged_among_all_of_them():
    """Two groups alike: Holm's adjustment of two equal p-values doubles both."""
    alone = lines_of(content_of(trainings()))
    more = [replace(made, dataset="toy, gender man") for made in trainings()]
    both = summary({"toy, gender woman": trainings(), "toy, gender man": more}, "groups")
    for table in both["datasets"].values():
        for row in table["groups"]:
            for name in ("versus_global", "minus_heard", "minus_global_heard"):
                if row[name]:
                    one = alone[row["variant"], row["training"], row["condition"]][name]
                    twice = min(1.0, 2 * one["p_holm"])
                    assert row[name]["p_holm"] == pytest.approx(twice, abs=2 * 10**-DIGITS)


def test_who_gains_is_told_by_what_is_known_of_people(monkeypatch, tmp_path):
    """Three persons of one group lose 0.1, the others gain 0.06; whose gender is unknown is in no
    group.
    """
    women, men = PERSONS[:3], PERSONS[3:7]
    gender = dict.fromkeys(women, "female") | dict.fromkeys(men, "male") | {PERSONS[7]: ""}
    monkeypatch.setattr(groups, "known_groups", lambda corpus: grouped("gender", gender))
    results = both_folds("global", {"own": 0.0})
    for made in both_folds("vop", {"own": 0.04, "wrong-person": -0.03}):
        scores = made.scores.copy()
        lost = scores["person"].isin(women) & (scores["row"] == "own")
        scores.loc[lost & (scores["metric"] == "accuracy"), "value"] -= 0.16
        results.append(replace(made, scores=scores))
    content = summary({"toy": results}, "conditions")
    lines = content["datasets"]["toy"]["attributes"]
    assert [line["group"] for line in lines] == ["gender female", "gender male"]
    for line, members, gain in zip(lines, (women, men), (-0.10, 0.06), strict=True):
        assert means(line, "versus_global", "right_minus_wrong") == pytest.approx(
            [gain, gain + 0.03]
        )
        assert line["global"]["mean"] == pytest.approx(np.mean([SKILL[one] for one in members]))
        assert line["accuracy"]["persons"] == len(members)
        assert set(line["harmed"]) <= set(women)
    (tmp_path / "bench-conditions.json").write_text(as_text(content))
    shown = group_lines(folder=tmp_path)
    assert [(line["group"], line["training"], line["clips"]) for line in shown] == [
        ("gender female", "heard", 5),
        ("gender male", "heard", 5),
    ]


def test_a_gain_among_many_groups_is_judged_among_them(tmp_path):
    """What one group alone would show, one of several asked does not."""
    content = content_of(trainings())
    (name, table), shown = content["datasets"].popitem(), []
    for row in table["groups"]:
        if row["variant"] == "vop":
            row["versus_global"] |= {"p": 0.03, "p_holm": 0.03}
    for count in (1, 2):
        content["datasets"] = {f"{name} {number}": table for number in range(count)}
        (tmp_path / "bench-groups.json").write_text(as_text(content))
        shown.append({line["shown"] for line in group_lines(folder=tmp_path)})
    assert shown == [{"shown"}, {"not shown"}]


CALLS = ", across calls"


def across_calls(same_call, **more):
    """Global, and vop with 0.04 more with clips of another call; of the same call as told for each
    person.
    """
    found = both_folds("global", {"own": 0.0}, variant=f"global{CALLS}", **more)
    for made in both_folds(
        "vop", {"own": 0.02, "wrong-person": -0.03}, variant=f"vop{CALLS}", **more
    ):
        lines = [
            (*line[:4], "own, same call", *line[5:])
            for person in made.open_persons
            for repetition in (0, 1)
            for line in score(
                person, "own", SKILL[person] + same_call[person], repetition=repetition
            )
        ]
        found.append(more_scores(made, lines))
    return found


def test_what_another_call_costs_is_told_on_the_same_queries():
    same_call = dict.fromkeys(PERSONS, 0.10) | {PERSONS[3]: -0.40}
    (table,) = content_of(across_calls(same_call), "conditions")["datasets"].values()
    other, same = table["calls"]
    mean = np.mean(list(same_call.values()))
    assert (other["variant"], other["enrolled"], same["enrolled"]) == (
        "vop",
        "another call",
        "the same call",
    )
    names = ("versus_global", "right_minus_wrong", "minus_same_call")
    assert means(other, *names) == pytest.approx([0.04, 0.07, 0.04 - mean])
    assert means(same, *names) == pytest.approx([mean, mean + 0.03, None])
    assert other["harmed"] == [] and same["harmed"] == [PERSONS[3]]
    assert other["global"]["mean"] == pytest.approx(np.mean(list(SKILL.values())))


def test_conditions_stand_in_one_table_and_other_settings_do_not():
    def asked(condition, seed):
        results = across_calls(dict.fromkeys(PERSONS, 0.0)) if condition else trainings()
        return [
            replace(
                made,
                dataset="toy",
                config=made.config
                | {"scoring": {"main_shots": 5, "seed": seed, "condition": {"name": condition}}},
            )
            for made in results
        ]

    content_of(asked("", 0) + asked("across calls", 0), "conditions")
    with pytest.raises(EvaluationError, match="different scoring settings"):
        content_of(asked("", 0) + asked("across calls", 1), "conditions")


def test_both_tables_stand_on_the_page_and_the_legend_explains_their_columns():
    same_call = dict.fromkeys(PERSONS, 0.0)
    page = bench_page(
        {
            "groups": content_of(trainings()),
            "conditions": content_of(across_calls(same_call), "conditions"),
        }
    )
    assert "after training that never heard the group" in page
    assert "clips of another call enrolled" in page
    legend = page.split('id="legend"')[1].split('id="settings"')[0]
    assert unexplained(set(re.findall(r'<th scope="col">(.*?)</th>', page)), legend) == set()
