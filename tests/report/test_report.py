"""From results to tables: known differences come out, nothing is put together that does not belong
together.
"""

import json
import math
import re
from dataclasses import replace
from html import unescape

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from tests.evaluation.test_verification_metrics import simulated
from tests.models.test_verification import as_table
from vop_core.bench import suites
from vop_core.bench.method_runs import group_runs
from vop_core.bench.recipes import as_plain
from vop_core.bench.results import FAILED, Result
from vop_core.cli import report as cli_report
from vop_core.cli.root import RefusingGroup
from vop_core.errors import EvaluationError
from vop_core.evaluation.score import COLUMNS
from vop_core.methods.vop import VopConfig
from vop_core.report import questions
from vop_core.report import tables as bench_text
from vop_core.report.estimates import verdict
from vop_core.report.findings import findings
from vop_core.report.outputs import (
    load_summary,
    outdated,
    report_files,
    reported_suites,
    summary_file,
    write_files,
)
from vop_core.report.page import LIBRARY, bench_page, plotting_library
from vop_core.report.readme import BEGIN, END, readme_section
from vop_core.report.scoreboard import remade_table
from vop_core.report.summary import (
    as_text,
    baseline_of,
    pick_baseline,
    plain,
    summary,
    unlabeled_baselines,
)
from vop_core.variational.diagnostics import width_verdict

PERSONS = tuple(f"toy/p{index}" for index in range(8))
FOLDS = 2
SKILL = dict(zip(PERSONS, (0.80, 0.40, 0.75, 0.85, 0.70, 0.90, 0.80, 0.60), strict=True))
METHOD = {"personal": True, "trained": True, "labels": False, "gradients": False}


def score(person, row, accuracy, *, set_name="open", shots=5, repetition=0):
    """The lines of one episode."""
    values = {
        "accuracy": accuracy,
        "nll": 1 - accuracy,
        "brier": 0.5,
        "ece": 0.1,
        "aurc": 0.2,
        "coverage": 0.9,
        "confidence": 0.7,
        "accuracy_even": accuracy,
        "accuracy_odd": accuracy,
    }
    parts = {}
    if row == "own":
        if repetition == 0:
            values["detection"] = accuracy - 0.1
        parts = {"accuracy": [float(query < round(20 * accuracy)) for query in range(20)]}
        if shots == 5:
            # clips, confidence and right answers of one bin
            parts["ece"] = [20.0, 14.0, 20 * accuracy]
    key = (set_name, shots, person, repetition, row)
    return [(*key, metric, value, parts.get(metric)) for metric, value in values.items()]


def frame(lines):
    return pd.DataFrame(list(lines), columns=list(COLUMNS))


def more_scores(result, lines):
    """A result with further lines."""
    return replace(result, scores=pd.concat([result.scores, frame(lines)]))


def result(
    method,
    gains,
    *,
    fold=0,
    seed=0,
    dataset="toy",
    variant=None,
    persons=None,
    facts=None,
    **changes,
):
    """A method that answers each person's clips with their skill plus ``gains[row]``."""
    opened = PERSONS[fold::FOLDS]
    lines = []
    for person in persons or PERSONS:
        set_name = "open" if person in opened else "closed"
        for row, gain in gains.items():
            plans = [(5, 0), (5, 1)] + (
                [(1, 0)] if row in ("own", "draws") and set_name == "open" else []
            )
            for shots, repetition in plans:
                value = (
                    SKILL[person]
                    + gain
                    + (0.02 * shots / 5 if row == "own" and method != "global" else 0)
                )
                lines += score(
                    person, row, value, set_name=set_name, shots=shots, repetition=repetition
                )
    made = Result(
        suite="paper",
        method=method,
        variant=variant or method,
        dataset=dataset,
        fold=fold,
        folds=FOLDS,
        seed=seed,
        hash=f"{method}{fold}{seed}",
        recordings="same",
        train_persons=tuple(person for person in PERSONS if person not in opened),
        open_persons=opened,
        facts=METHOD
        | {"summary": f"does {method}", "source": "TOY", "personal": method != "global"}
        | (facts or {}),
        config={
            "checkpoint": {
                "tau": 1.0,
                "seed": seed,
                "training": {"seed": seed},
            },
            "further": {"seed": 2000 + seed},
            "scoring": {"main_shots": 5, "seed": 0},
            "method": as_plain(VopConfig()) if method == "vop" else {},
        },
        figures={
            "encoder_parameters": 50,
            "added_parameters": 7,
            "answer_multiply_accumulates": 300,
            "encoder_multiply_accumulates": 200,
            "bytes_per_person": 64,
            "enrollment_passes": 2.0 + fold,
            "gradient_steps": 0,
        },
        scores=frame(lines),
    )
    return replace(made, **changes)


def both_folds(method, gains, **more):
    return [result(method, gains, fold=fold, **more) for fold in range(FOLDS)]


# what a title may name
TITLES = {"dataset": "toy", "main_shots": 5, "scoreboard": []}
GLOBAL_GAINS = {"own": 0.0}
VOP_GAINS = {"own": 0.04, "mixed": 0.03, "prior": 0.01, "wrong-person": -0.04, "draws": 0.05}
# with its 0.02: as good as the wrong person
ADABN_GAINS = {"own": 0.0, "mixed": 0.05, "wrong-person": 0.02}


def everything(**more):
    found = both_folds("global", GLOBAL_GAINS, **more) + both_folds("vop", VOP_GAINS, **more)
    return found + both_folds("adabn", ADABN_GAINS, facts={"trained": False}, **more)


def table_of(results, suite="paper"):
    return summary({"toy": results}, suite)["datasets"]["toy"]


def row_of(table, variant, set_name="open"):
    return next(row for row in table["rows"] if (row["variant"], row["set"]) == (variant, set_name))


@pytest.fixture(scope="module")
def content():
    return summary({"toy": everything(), "other": everything(dataset="other")}, "paper")


@pytest.fixture(scope="module")
def table(content):
    return content["datasets"]["toy"]


# What the tables say


def test_known_differences_are_the_tables_entries(table):
    row = row_of(table, "vop")
    assert row["accuracy"]["mean"] == pytest.approx(np.mean(list(SKILL.values())) + 0.06, abs=1e-6)
    assert row["accuracy"]["persons"] == len(PERSONS)
    assert row["versus_global"]["accuracy"]["mean"] == pytest.approx(0.06)
    assert row["versus_global"]["nll"]["mean"] == pytest.approx(-0.06)
    assert row["right_minus_wrong"]["accuracy"]["mean"] == pytest.approx(0.10)
    assert row["own_minus_mixed"]["accuracy"]["mean"] == pytest.approx(0.03)
    assert row["personal_gain"]["best"] == "mixed"
    assert row["personal_gain"]["accuracy"]["mean"] == pytest.approx(0.03)
    assert row["personal_gain"]["accuracy"]["ci95"] == pytest.approx([0.03, 0.06])
    assert row["ece_pooled"] == pytest.approx(abs(0.7 - np.mean(list(SKILL.values())) - 0.06))


def test_a_gain_is_measured_against_prior_only_where_nobody_has_an_answer(table):
    row = row_of(table, "adabn")
    assert "prior" not in row["controls"]
    assert row["personal_gain"]["best"] == "mixed"
    assert row["personal_gain"]["accuracy"]["mean"] == pytest.approx(-0.03)


def test_p_values_are_adjusted_over_the_methods_of_the_table(table):
    for variant in ("vop", "adabn"):  # all eight persons gain: 2 / 2^8, times two methods
        for question in ("versus_global", "own_minus_mixed"):
            answer = row_of(table, variant)[question]
            assert (answer["accuracy"]["p"], answer["tested"]) == (plain(2 / 2**8), 2)
            assert answer["accuracy"]["p_holm"] == pytest.approx(4 / 2**8, abs=1e-6)
    assert row_of(table, "vop")["right_minus_wrong"]["accuracy"]["p_holm"] == pytest.approx(
        4 / 2**8, abs=1e-6
    )
    assert row_of(table, "global")["versus_global"] is None


def test_a_person_of_the_closed_set_counts_once_however_many_folds(table):
    assert row_of(table, "vop", "closed")["accuracy"]["persons"] == len(PERSONS)
    three = [result("global", GLOBAL_GAINS, fold=fold, folds=3) for fold in range(2)]
    closed = row_of(table_of(three), "global", "closed")
    assert closed["accuracy"]["persons"] == len(PERSONS)


def test_seeds_are_averaged_within_a_person():
    results = both_folds("global", GLOBAL_GAINS) + both_folds("vop", {"own": 0.0})
    results += both_folds("global", GLOBAL_GAINS, seed=1) + both_folds("vop", {"own": 0.1}, seed=1)
    row = row_of(table_of(results), "vop")
    assert row["versus_global"]["accuracy"] == {
        "mean": pytest.approx(0.07),
        "ci95": pytest.approx([0.07, 0.07]),
        "persons": 8,
        "interval": "sign-flip over persons",
        "p": plain(2 / 2**8),
        "p_holm": plain(2 / 2**8),
    }


def test_a_difference_uses_the_seeds_and_folds_that_both_have():
    results = [*both_folds("global", GLOBAL_GAINS), result("vop", {"own": 0.0}, fold=1)]
    results.append(result("vop", {"own": 0.5}, fold=1, seed=1))  # global has no seed 1
    row = row_of(table_of(results), "vop")
    assert row["versus_global"]["accuracy"]["mean"] == pytest.approx(0.02)
    assert row["versus_global"]["accuracy"]["persons"] == 4


def test_curves_draws_and_costs(table):
    curve = {point["shots"]: point for point in table["curves"] if point["variant"] == "vop"}
    assert sorted(curve) == [1, 5]
    assert curve[1]["versus_global"]["mean"] == pytest.approx(0.044)
    assert curve[5]["versus_global"]["mean"] == pytest.approx(0.06)
    assert curve[5]["nll_versus_global"]["mean"] == pytest.approx(-0.06)
    assert next(p for p in table["curves"] if p["variant"] == "global")["nll_versus_global"] is None
    (one, five) = (entry for entry in table["draws"] if entry["variant"] == "vop")
    assert (one["shots"], five["shots"]) == (1, 5)
    assert five["accuracy"]["difference"]["mean"] == pytest.approx(-0.01)
    assert five["nll"]["draws"] - five["nll"]["mean"] == pytest.approx(0.01)
    method = next(method for method in table["methods"] if method["variant"] == "vop")
    assert method["cost"] == {
        "encoder_parameters": 50,
        "answer_multiply_accumulates": 300,
        "added_parameters": 7,
        "answer_ratio": 1.5,
        "bytes_per_person": 64,
        "enrollment_passes": 2.5,
        "gradient_steps": 0,
    }


def test_a_person_with_too_few_clips_leaves_the_whole_curve_and_is_counted():
    """p1 of skill 0.4 has not enough clips for five: the point at one clip does without, too."""

    def without(made):
        few = (made.scores["person"] == "toy/p1") & (made.scores["shots"] == 5)
        return replace(made, scores=made.scores[~few])

    table = table_of([without(each) for each in everything()])
    others = np.mean([skill for person, skill in SKILL.items() if person != "toy/p1"])
    curve = {point["shots"]: point for point in table["curves"] if point["variant"] == "global"}
    assert [curve[n]["accuracy"]["mean"] for n in (1, 5)] == pytest.approx([others] * 2, abs=1e-6)
    assert {point["accuracy"]["persons"] for point in table["curves"]} == {7}
    note = bench_text.curve_table(table).note
    assert note == "The same 7 persons at every point, 1 left out who have too few clips for some."


def widths_of(persons):
    """What is kept of each person's posterior."""
    for person, figures in persons.items():
        for metric, value in figures.items():
            if value is not None:
                yield ("open", 5, person, 0, "own", metric, value, None)


@pytest.mark.parametrize(("wider", "expected"), [(1.0, 1.0), (-1.0, -1.0)])
def test_a_posterior_that_is_wide_where_the_model_errs_has_rank_correlation_one(wider, expected):
    """Errors fall with skill: a width that falls with it, too, has the errors' order."""
    runs = []
    for fold in range(FOLDS):
        persons = {
            name: {
                "std_ratio": 0.5 - 0.1 * wider * SKILL[name],
                "pareto_k": (0.2, 0.9, None)[index % 3],
            }
            for index, name in enumerate(PERSONS[fold::FOLDS])
        }
        runs.append(more_scores(result("vop", VOP_GAINS, fold=fold), widths_of(persons)))
    (entry,) = table_of(runs)["widths"]
    assert entry["correlation"]["mean"] == pytest.approx(expected)
    assert entry["correlation"]["persons"] == len(PERSONS)
    assert entry["pareto_k"] == {
        "median": pytest.approx(0.2),
        "above": pytest.approx(1 / 3, abs=1e-6),
        "posteriors": 6,
    }


def test_widths_that_are_all_alike_correlate_with_nothing():
    alike = {name: {"std_ratio": 0.5, "pareto_k": 0.1} for name in PERSONS[0::FOLDS]}
    (entry,) = table_of([more_scores(result("vop", VOP_GAINS), widths_of(alike))])["widths"]
    assert entry["correlation"] is None and entry["alike"]
    assert (
        "width alike for all"
        in bench_text.listed_table({**TITLES, "widths": [entry]}, "widths").lines[0]
    )
    assert table_of(both_folds("vop", VOP_GAINS))["widths"] == []


def covering(result, shares):
    """With how often each unknown person's interval holds, in two layers alike."""
    return more_scores(
        result,
        [
            ("open", shots, person, 0, "own", "interval_coverage", share, [share, share])
            for person in result.open_persons
            for shots, share in shares.items()
        ],
    )


def test_whether_a_width_is_true_is_said_by_what_its_interval_holds():
    shares = {1: 0.9, 5: 0.6}
    table = table_of([covering(each, shares) for each in both_folds("vop", VOP_GAINS)])
    one, five = table["coverage"]
    assert (one["held"]["mean"], one["width"], one["layers"]) == (0.9, "true", [0.9, 0.9])
    assert (five["held"]["mean"], five["width"]) == (0.6, "too narrow")
    assert one["held"]["persons"] == len(PERSONS)
    assert [width_verdict(share) for share in (0.849, 0.85, 0.95, 0.951)] == [
        "too narrow",
        "true",
        "true",
        "too wide",
    ]
    assert "60, 60" in bench_text.listed_table(table, "coverage").lines[1]
    assert table_of(everything())["coverage"] == []


ENVIRONMENT_GAINS = {
    "own": 0.04,
    "own, other environment": 0.02,
    "wrong-person, same environment": 0.03,
    "wrong-person": 0.005,
}


def test_what_is_the_place_and_what_is_the_person_is_told_apart():
    conditions = conditions_summary()
    (entry,) = conditions["datasets"]["toy"]["environments"]
    parts = {name: part["mean"] for name, part in entry["differences"].items()}
    # own rows have 0.02 more than their gain
    assert parts == pytest.approx(
        {"environment": 0.04, "person": 0.03, "person_elsewhere": 0.015, "both": 0.055}
    )
    text = findings({"paper": summary({"toy": everything()}, "paper"), "conditions": conditions})
    assert "What of the gain is the person, and what the room and the microphone?" in text
    assert "right − wrong person, same environment +3.0" in text
    assert "own, other environment" in bench_page({"conditions": conditions})
    assert "environments" not in table_of(everything())


def conditions_summary():
    results = both_folds("vop", ENVIRONMENT_GAINS, variant="vop, own-environment")
    return summary({"toy": results}, "conditions")


def test_a_changed_setting_is_compared_with_the_recipe():
    results = everything() + both_folds("vop", {"own": 0.07, "wrong-person": 0.0}, variant="beta 1")
    table = table_of(results, "ablations")
    change = {entry["variant"]: entry for entry in table["changes"]}
    assert change.keys() == {"beta 1"}  # other methods change no setting of the recipe
    assert change["beta 1"]["accuracy"]["mean"] == pytest.approx(0.03)
    assert change["beta 1"]["nll"]["mean"] == pytest.approx(-0.03)
    assert table_of(results)["changes"] == []
    content = {
        "paper": summary({"toy": everything()}, "paper"),
        "ablations": summary({"toy": results}, "ablations"),
    }
    assert "against the recipe, better: beta 1 +3.0" in findings(content)
    assert "One setting changed, against the recipe vop" in bench_page(
        {"ablations": content["ablations"]}
    )


def test_what_a_method_reads_and_starts_from_is_said(table):
    facts = {
        method["variant"]: (method["reads"], method["starts_from"]) for method in table["methods"]
    }
    assert facts["global"] == ("nothing", "trained on from the checkpoint")
    assert facts["adabn"] == ("unlabeled clips", "made of global as it is")
    (tuned,) = table_of(both_folds("fit", {"own": 0.1}, facts={"labels": True, "gradients": True}))[
        "methods"
    ]
    assert tuned["reads"] == "labels and gradients"
    (shared,) = table_of(both_folds("mask", {"own": 0.1}, facts={"trained_as": "dropout"}))[
        "methods"
    ]
    assert shared["starts_from"] == "trained on from the checkpoint, as dropout"


def test_the_gain_is_regularization_and_personalization(table):
    mixed = next(
        e
        for e in table["decomposition"]
        if (e["variant"], e["set"], e["control"]) == ("vop", "open", "mixed")
    )
    parts = {name: part["mean"] for name, part in mixed["accuracy"].items()}
    assert parts == pytest.approx({"regularization": 0.03, "personalization": 0.03, "whole": 0.06})


def test_further_training_is_a_part_of_its_own_where_the_checkpoint_was_scored():
    results = everything() + both_folds("checkpoint", {"own": -0.03}, facts={"personal": False})
    found = table_of(results)["decomposition"]
    mixed = next(
        e for e in found if (e["variant"], e["set"], e["control"]) == ("vop", "open", "mixed")
    )
    parts = {name: part["mean"] for name, part in mixed["accuracy"].items()}
    # the toy checkpoint has the 0.02 of every method that is not global
    assert parts["further training"] == pytest.approx(0.01)
    assert parts["whole"] == pytest.approx(0.07)


def test_posterior_figures_are_means_over_folds():
    def with_posterior(fold, kl):
        figures = {"5": {"kl_nats": kl, "std_ratio": 0.5, "verdict": "healthy"}}
        return result("vop", VOP_GAINS, fold=fold, posterior=figures)

    (entry,) = table_of([with_posterior(0, 4.0), with_posterior(1, 8.0)])["posteriors"]
    assert (entry["kl_nats"], entry["runs"], entry["verdicts"]) == (6.0, 2, {"healthy": 2})


def test_the_worst_quarter_is_chosen_by_global_and_scored_on_its_other_clips(table):
    """p1 and p7 of skill 0.4 and 0.6, whatever a method makes of them."""
    of_global, of_vop = (row_of(table, name)["worst_quarter"] for name in ("global", "vop"))
    assert of_global["accuracy"]["mean"] == pytest.approx(0.5)
    assert of_global["versus_global"] is None
    assert of_vop["accuracy"]["mean"] == pytest.approx(0.56)
    assert of_vop["versus_global"] == {
        "mean": pytest.approx(0.06),
        "ci95": None,
        "persons": 2,
        "interval": "none",
    }


def test_a_gain_is_shown_only_where_each_control_is_beaten():
    """Own clips are 0.01 above global for everybody; above mixed by more on average, but not for
    all.
    """
    uneven = {"mixed": (-0.3, 0.2)}
    runs = both_folds("global", GLOBAL_GAINS)
    for fold in range(FOLDS):
        made = result("vop", {"own": -0.01, "mixed": 0.0}, fold=fold)
        by = np.where(made.scores["person"] > "toy/p3", *uneven["mixed"])
        moved = (made.scores["row"] == "mixed") & (made.scores["metric"] == "accuracy")
        value = made.scores["value"] + np.where(moved, by, 0.0)
        runs.append(replace(made, scores=made.scores.assign(value=value)))
    gain = row_of(table_of(runs), "vop")["personal_gain"]
    assert gain["best"] == "global" and gain["accuracy"]["mean"] == pytest.approx(0.01)
    assert gain["accuracy"]["ci95"][0] < 0 and gain["accuracy"]["p"] > 0.05
    assert verdict(gain["accuracy"]) == "not shown"
    assert verdict(row_of(table_of(everything()), "vop")["personal_gain"]["accuracy"]) == "shown"


def test_the_share_of_errors_gone_stands_beside_every_difference(table):
    """VoP: 0.06 of an error of 0.275."""
    expected = pytest.approx(0.06 / (1 - np.mean(list(SKILL.values()))), abs=1e-6)
    assert row_of(table, "vop")["versus_global"]["error_reduction"]["mean"] == expected
    point = next(p for p in table["curves"] if (p["variant"], p["shots"]) == ("vop", 5))
    assert point["error_reduction"]["mean"] == expected
    pair = next(e for e in table["scoreboard"] if (e["a"], e["b"]) == ("VoP", "Baseline"))
    assert pair["error_reduction"]["mean"] == expected


# Named comparisons


def test_the_baseline_is_picked_on_the_other_data_sets():
    def with_baselines(dataset, first, second):
        found = everything(dataset=dataset)
        found += both_folds("t3a", {"own": first}, dataset=dataset) + both_folds(
            "arm", {"own": second}, dataset=dataset
        )
        return found + both_folds("tuned", {"own": 0.3}, dataset=dataset, facts={"labels": True})

    results = {"one": with_baselines("one", 0.3, 0.1), "two": with_baselines("two", 0.1, 0.2)}
    grouped = {dataset: group_runs(found) for dataset, found in results.items()}
    candidates = unlabeled_baselines(grouped)
    assert candidates == ("adabn", "arm", "t3a")
    assert pick_baseline(grouped, "one", candidates) == "arm"
    assert pick_baseline(grouped, "two", candidates) == "t3a"
    made = summary(results, "paper")["datasets"]
    assert {name: table["picked_baseline"] for name, table in made.items()} == {
        "one": "arm",
        "two": "t3a",
    }
    against = [(c["a"], c["b"], c["set"]) for c in made["one"]["comparisons"]]
    assert against == [
        ("vop", "adabn", "open"),
        ("vop", "adabn", "closed"),
        ("vop", "arm", "open"),
        ("vop", "arm", "closed"),
    ]


def test_one_data_set_alone_picks_no_baseline():
    grouped = {"toy": group_runs(everything())}
    assert pick_baseline(grouped, "toy", unlabeled_baselines(grouped)) is None


def test_another_prior_does_not_make_vop_its_own_baseline():
    grouped = {"toy": group_runs(both_folds("conditional-vop", VOP_GAINS))}
    assert unlabeled_baselines(grouped) == ()


def test_vop_is_compared_with_its_own_point(table):
    results = everything() + both_folds("film-hypernetwork", {"own": 0.03})
    found = [c for c in table_of(results)["comparisons"] if c["b"] == "film-hypernetwork"]
    assert [c["set"] for c in found] == ["open", "closed"]
    assert found[0]["accuracy"]["mean"] == pytest.approx(0.01)
    assert found[0]["nll"]["mean"] == pytest.approx(-0.01)


# The scoreboard


def test_every_published_pair_gets_a_verdict(table, monkeypatch):
    """Eight persons carry a few tests and not twelve; the correction has a test of its own."""
    monkeypatch.setattr("vop_core.report.scoreboard.SIGNIFICANCE", 12 * 2 / 2**8)
    results = everything() + both_folds("dropout", {"own": -0.1}, facts={"personal": False})
    results += both_folds("samovar-1fc", {"own": 0.1})
    results.append(result("samovar-2fc", {}, status=FAILED, reason="It diverged."))
    board = table_of(results)["scoreboard"]
    assert len(board) == 2 * math.comb(5, 2)
    verdicts = {(e["set"], e["a"], e["b"]): (e["verdict"], e["reason"]) for e in board}
    assert verdicts["open", "VoP", "Baseline"][0] == "reproduced"
    assert verdicts["open", "Baseline w/ Dropout", "Baseline"][0] == "not reproduced"
    assert verdicts["closed", "Baseline", "Baseline w/ Dropout"][0] == "reproduced"
    assert verdicts["open", "VoP", "Baseline w/ samovar (1fc)"][0] == "not reproduced"
    assert verdicts["closed", "Baseline w/ samovar (1fc)", "Baseline"] == (
        "undecided",
        "the published difference is within its own ±",
    )
    assert verdicts["open", "VoP", "Baseline w/ samovar (2fc)"] == (
        "not attempted",
        "samovar-2fc did not converge: It diverged.",
    )
    assert all(entry["published"] > 0 for entry in board)
    assert {e["verdict"] for e in table["scoreboard"] if "Dropout" in e["a"] + e["b"]} == {
        "not attempted"
    }


def test_pairs_are_tested_together_and_those_with_what_did_not_train_are_counted_apart():
    results = everything() + both_folds("dropout", {"own": -0.1}, facts={"personal": False})
    two = table_of(results)  # eight persons, three methods: 4 ordered pairs of p = 2 / 2^8
    entry = next(
        e for e in two["scoreboard"] if (e["set"], e["a"], e["b"]) == ("open", "VoP", "Baseline")
    )
    ordered = sum(
        e["ours"] is not None and "within its own" not in e["reason"] for e in two["scoreboard"]
    )
    assert entry["ours"]["p_holm"] == pytest.approx(ordered * 2 / 2**8, abs=1e-6)
    more = (
        results + both_folds("samovar-1fc", {"own": 0.1}) + both_folds("samovar-2fc", {"own": -0.3})
    )
    table = table_of(more)
    assert {
        e["reason"] for e in table["scoreboard"] if e["ours"] and e["ours"].get("p_holm", 0) > 0.05
    } >= {"our interval leaves 0 out, but not after Holm's correction over the pairs"}
    sound, apart = bench_text.scoreboard_counts(table).split("; pairs with samovar (2fc)")
    assert sum(map(int, re.findall(r"\d+ ", sound))) == 12
    assert sum(map(int, re.findall(r"(\d+) [a-z]", apart))) == 8


def test_an_interval_around_zero_decides_nothing():
    def moved(scores):
        by = np.where(scores["person"] > "toy/p3", 0.3, -0.3)
        return scores.assign(
            value=scores["value"] + np.where(scores["metric"] == "accuracy", by, 0.0)
        )

    uneven = both_folds("dropout", {"own": -0.02}, facts={"personal": False})
    uneven = [replace(each, scores=moved(each.scores)) for each in uneven]
    board = table_of(everything() + uneven)["scoreboard"]
    entry = next(
        e
        for e in board
        if (e["set"], e["a"], e["b"]) == ("open", "Baseline w/ Dropout", "Baseline")
    )
    assert (entry["verdict"], entry["reason"]) == ("undecided", "our interval includes 0")


def test_the_published_table_stands_beside_ours_with_what_the_controls_say_of_each_row():
    def of(results, suite):
        return summary({"wuw2": results}, suite)

    paper = everything(dataset="wuw2")
    paper += both_folds("dropout", {"own": 0.0}, facts={"personal": False}, dataset="wuw2")
    harmful = {"own": 0.0, "mixed": 0.1, "wrong-person": -0.1}
    paper += both_folds("samovar-1fc", harmful, dataset="wuw2")
    own = both_folds("global", GLOBAL_GAINS, dataset="wuw2")
    stronger = VOP_GAINS | {"own": 0.14}
    own += both_folds("vop", stronger, variant="vop, own-environment", dataset="wuw2")
    found = remade_table({"paper": of(paper, "paper"), "conditions": of(own, "conditions")})
    assert len(found) == 2 * 2 * 5
    lines = {(each["name"], each["set"], each["condition"]): each for each in found}
    vop = lines["VoP", "open", "clean"]
    assert vop["published"] == (83.60, 0.84)
    assert vop["row"]["accuracy"]["mean"] == pytest.approx(0.725 + 0.06, abs=1e-6)
    assert vop["says"] == "personal: own clips beat each control"
    there = lines["VoP", "open", "own environment"]
    assert there["row"]["accuracy"]["mean"] == pytest.approx(0.725 + 0.16, abs=1e-6)
    assert there["says"] == vop["says"]
    assert lines["Baseline w/ Dropout", "closed", "clean"]["says"].startswith("reads no clip")
    needs = lines["Baseline w/ samovar (1fc)", "open", "clean"]["says"]
    assert needs == "own clips beat wrong persons, but not each control"
    missing = lines["Baseline w/ samovar (2fc)", "open", "clean"]
    assert missing["row"] is None and missing["says"] == "not run yet"
    page = bench_page({"paper": of(paper, "paper")})
    assert "83.60 ± 0.84" in page and "not run yet" in page
    unknown = [replace(each, scores=each.scores[each.scores["set"] == "open"]) for each in paper]
    found = remade_table({"paper": of(unknown, "paper")})
    said = {(each["name"], each["set"]): each["says"] for each in reversed(found)}
    assert said["VoP", "closed"] == "no known person is asked here"
    assert said["Baseline w/ samovar (2fc)", "closed"] == "not run yet"


# What is put together, and what is not


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (((0, 0), (1, 0), (0, 1), (1, 1)), "2 of 2 folds, seeds 0 1"),
        (((1, 0),), "1 of 2 folds, seed 0"),
        (((0, 0), (1, 0), (1, 1)), "3 of 4 runs, 2 folds, seeds 0 1"),
    ],
)
def test_completeness_is_stated(places, said):
    runs = [result("vop", VOP_GAINS, fold=fold, seed=seed) for fold, seed in places]
    assert group_runs(runs)["vop"].completeness == said


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"method": as_plain(VopConfig(beta=1.0))}, r"\(method\.beta\)"),
        ({"scoring": {"main_shots": 5, "seed": 1}}, r"\(scoring\.seed\)"),
    ],
)
def test_a_setting_that_differs_is_refused_by_its_name(changed, named):
    one = result("vop", VOP_GAINS)
    other = result("vop", VOP_GAINS, fold=1, config=one.config | changed)
    with pytest.raises(EvaluationError, match="'vop' on toy come from different settings " + named):
        group_runs([one, other])


def test_the_seed_of_the_training_is_no_setting():
    runs = [result("vop", VOP_GAINS, seed=seed) for seed in (0, 1)]
    assert group_runs(runs)["vop"].done == tuple(runs)


def test_another_version_of_a_method_is_another_setting_whatever_failed_first():
    failed = replace(result("vop", {}, status=FAILED, reason="It diverged."), facts={})
    runs = [result("vop", VOP_GAINS, fold=fold, facts={"version": fold}) for fold in range(FOLDS)]
    with pytest.raises(EvaluationError, match=r"facts\.version"):
        group_runs([replace(failed, seed=0, fold=0), *(replace(each, seed=1) for each in runs)])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"recordings": "others"}, "different recordings"),
        ({"folds": 3}, "different numbers of folds"),
        ({"device": "cuda"}, "different devices"),
        ({"open_persons": PERSONS[:2]}, "other unknown persons"),
        (
            {"config": {"scoring": {"main_shots": 5, "seed": 9}, "method": {}}},
            "different scoring settings",
        ),
    ],
)
def test_methods_that_cannot_stand_in_one_table_are_refused(change, complaint):
    with pytest.raises(EvaluationError, match=complaint):
        group_runs([result("global", GLOBAL_GAINS), result("vop", VOP_GAINS, **change)])


def test_a_run_that_is_there_twice_is_refused():
    with pytest.raises(EvaluationError, match="two results for fold 0 with seed 0"):
        group_runs([result("vop", VOP_GAINS), result("vop", VOP_GAINS, hash="another")])


def test_a_method_that_did_not_converge_has_its_line_in_every_table_of_methods():
    failed = result("vop", {}, status=FAILED, reason="Its training diverged.", facts={}, figures={})
    content = summary(
        {"toy": [*both_folds("global", GLOBAL_GAINS), replace(failed, facts={})]}, "paper"
    )
    table = content["datasets"]["toy"]
    assert bench_text.headline_table(table).lines[-1][0] == "vop"
    assert (
        bench_text.headline_table(table).lines[-1][-1] == "did not converge: Its training diverged."
    )
    costs = {line[0]: line[-1] for line in bench_text.listed_table(table, "methods").lines}
    assert costs["vop"] == "none of 2 folds; did not converge in fold 0, seed 0"
    assert "did not converge" in bench_page({"paper": content})


def test_a_fold_that_failed_is_said_beside_those_that_did_not():
    failed = result("vop", {}, fold=1, status=FAILED, reason="Too few.")
    table = table_of(
        [
            *both_folds("global", GLOBAL_GAINS),
            result("vop", VOP_GAINS),
            replace(failed, facts={}, figures={}),
        ]
    )
    assert row_of(table, "vop")["accuracy"]["persons"] == 4
    assert (
        "1 of 2 folds, seed 0; did not converge in fold 1, seed 0: vop"
        in bench_text.headline_table(table).note
    )


def test_a_variant_is_compared_with_the_global_model_of_its_own_setting():
    variants = ("global", "global, 3 persons", "vop", "vop, 3 persons", "layers film, classifier")
    assert [baseline_of(variant, variants) for variant in variants[2:]] == [
        "global",
        "global, 3 persons",
        "global",
    ]


def test_what_brings_its_own_start_along_is_compared_with_that():
    """The same checkpoint trained again is 0.05 better: a gain of 0.02 over it is no gain of 0.07
    over the old one.
    """
    moved = both_folds("t3a", {"own": 0.05, "start": 0.05})
    table = table_of(
        both_folds("global", {"own": 0.0}) + moved + both_folds("adabn", {"own": 0.05})
    )
    assert row_of(table, "t3a")["versus_global"]["accuracy"]["mean"] == pytest.approx(0.02)
    assert row_of(table, "adabn")["versus_global"]["accuracy"]["mean"] == pytest.approx(0.07)
    assert row_of(table, "t3a")["accuracy"] == row_of(table, "adabn")["accuracy"]
    worst = {row["variant"]: row["worst_quarter"]["versus_global"] for row in table["rows"]}
    assert worst["t3a"]["mean"] == pytest.approx(0.02)
    assert worst["adabn"]["mean"] == pytest.approx(0.07)


def test_the_scoreboard_takes_the_same_difference_to_the_baseline_as_the_table():
    moved = both_folds("samovar-1fc", {"own": 0.05, "start": 0.05})
    table = table_of(both_folds("global", {"own": 0.0}) + moved)
    (entry,) = [
        each for each in table["scoreboard"] if each["ours"] is not None and each["set"] == "open"
    ]
    assert entry["ours"]["mean"] == pytest.approx(
        row_of(table, "samovar-1fc")["versus_global"]["accuracy"]["mean"]
    )
    assert entry["ours"]["mean"] == pytest.approx(0.02)


def test_a_start_that_some_folds_lack_is_the_global_row_there():
    first = result("t3a", {"own": 0.05, "start": 0.05})
    second = result("t3a", {"own": 0.05}, fold=1)
    table = table_of([*both_folds("global", {"own": 0.0}), first, second])
    assert row_of(table, "t3a")["versus_global"]["accuracy"]["mean"] == pytest.approx(
        (0.02 + 0.07) / 2
    )


# Outputs


def test_a_toy_method_appears_in_every_table_of_methods():
    content = summary({"toy": everything() + both_folds("toy-method", VOP_GAINS)}, "paper")
    table = content["datasets"]["toy"]
    for made in (
        bench_text.headline_table(table, "open"),
        bench_text.headline_table(table, "closed"),
        bench_text.control_table(table, "open"),
        bench_text.probability_table(table, "open", content),
        bench_text.listed_table(table, "methods"),
        bench_text.curve_table(table),
        bench_text.decomposition_table(table),
        bench_text.listed_table(table, "draws"),
    ):
        assert "toy-method" in [line[0] for line in made.lines], made.title
        assert all(len(line) == len(made.header) for line in made.lines), made.title


def test_the_summary_survives_json(content):
    assert json.loads(as_text(content)) == content


def test_a_number_that_is_none_is_refused():
    with pytest.raises(EvaluationError, match="no number"):
        plain({"a": [1.0, math.nan]})
    assert math.copysign(1.0, plain(-1e-9)) == 1.0


def test_every_number_of_the_readme_comes_from_the_summary(content):
    section = readme_section({"conditions": content})
    changed = json.loads(as_text(content))
    row_of(changed["datasets"]["toy"], "vop")["versus_global"]["accuracy"]["mean"] = 0.123
    assert "+12.3" in readme_section({"conditions": changed}) and "+12.3" not in section
    assert (
        "| vop | unlabeled clips | **+6.0 [+6.0, +6.0]**<br>" in section
        and "| adabn | unlabeled clips | +2.0 [+2.0, +2.0]<br>" in section
        and "| global | nothing | 72.5 [" in section
    )
    assert len([line for line in section.splitlines() if line.startswith("| ")]) <= 2 + 10
    assert "No result" in readme_section({"ablations": content})


def test_the_readme_counts_in_how_many_settings_vop_gains(content):
    """On two data sets, clean; then once with an interval that holds 0, once below global."""
    said = readme_section({"conditions": content}).splitlines()[0]
    assert "above the global model in 2 of 2 settings" in said and "below it in none" in said
    changed = json.loads(as_text(content))
    for name, mean, bounds in (("toy", 0.01, [-0.01, 0.03]), ("other", -0.03, [-0.04, -0.02])):
        gap = row_of(changed["datasets"][name], "vop")["versus_global"]["accuracy"]
        gap |= {"mean": mean, "ci95": bounds}
    said = readme_section({"conditions": changed}).splitlines()[0]
    assert "above the global model in 0 of 2 settings, and below it in 1;" in said


def test_the_page_holds_every_method_and_needs_nothing_from_elsewhere(content):
    page = bench_page({"paper": content, "ablations": content})
    said = page
    assert all(f'<th scope="row">{name}</th>' in said for name in ("global", "vop", "adabn"))
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", said)
    assert re.findall(r'src="([^"]+)"', said) == [LIBRARY]
    assert "Plotly" in plotting_library()
    assert "This figure needs plotly.min.js beside this page" in said
    assert "prefers-color-scheme: dark" in said
    names = re.findall(r'class="figure" id="([^"]+)"', said)
    assert len(names) == len(set(names)) and names == re.findall(r'data-for="(figure[^"]+)"', said)
    for drawn in re.findall(
        r'<script type="application/json"[^>]*>(.*?)</script>', said, flags=re.DOTALL
    ):
        assert json.loads(drawn)["data"]


def test_no_name_can_break_out_of_the_page():
    evil = "</script><b>x"
    page = bench_page(
        {"paper": summary({"toy": everything() + both_folds(evil, VOP_GAINS)}, "paper")}
    )
    assert evil not in page
    assert "&lt;/script&gt;&lt;b&gt;x" in page


@pytest.fixture
def root(tmp_path):
    """A checkout with an empty README."""
    text = f"# Toy\n{BEGIN}\nold\n{END}\nafter\n"
    (tmp_path / "README.md").write_text(text)
    return tmp_path


def committed(files):
    """The page and the library that draws its figures are not."""
    return [path for path in files if path.parent.name != "docs"]


def test_what_is_written_agrees_until_somebody_changes_it(root):
    results = {"conditions": {"toy": everything()}, "ablations": {}}
    files = report_files(results, root)
    assert outdated(files, root) == sorted(committed(files))
    assert sorted(write_files(files)) == sorted(files)
    files = report_files(results, root, keep=True)
    assert outdated(files, root) == [] and write_files(files) == []
    readme = (root / "README.md").read_text()
    assert readme.startswith(f"# Toy\n{BEGIN}\n**VoP is shown to be above the global model in 1 of")
    assert readme.endswith("after\n") and "\n\n| method |" in readme and "| vop |" in readme
    for path in committed(files):
        before = path.read_text()
        changed = before.replace("78.5", "79.5").replace("0.785", "0.795")
        path.write_text(changed if changed != before else before.replace("+", "-", 1))
        assert outdated(files, root) == [path]
        path.write_text(before)


def test_tables_are_not_taken_away_because_their_results_are_not_found(root):
    write_files(report_files({"paper": {"toy": everything()}}, root))
    before = (root / "README.md").read_text()
    with pytest.raises(
        EvaluationError, match=r"'bench-paper\.json' is there, but the suite has no results"
    ):
        report_files({"paper": {}, "ablations": {"toy": everything()}}, root)
    assert (root / "README.md").read_text() == before


def test_another_machines_last_digit_is_no_disagreement(root):
    results = {"paper": {"toy": everything()}}
    write_files(report_files(results, root))
    path = summary_file(root, "paper")
    stored = load_summary(path)
    # as the machine that wrote everything had it
    row_of(stored["datasets"]["toy"], "vop")["accuracy"]["mean"] += 1e-6
    path.write_text(as_text(stored))
    assert outdated(report_files(results, root, keep=True), root) == []


def test_a_summary_without_result_files_is_outdated(root):
    write_files(
        report_files({"paper": {"toy": everything()}, "ablations": {"toy": everything()}}, root)
    )
    files = report_files({"paper": {"toy": everything()}}, root, keep=True)
    assert summary_file(root, "ablations") in outdated(files, root)


@pytest.mark.parametrize(
    ("text", "complaint"), [("{", "no summary"), ('{"format": 99}', "another version")]
)
def test_a_summary_that_is_none_is_refused(tmp_path, text, complaint):
    path = tmp_path / "bench-x.json"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=complaint):
        load_summary(path)


def test_suites_without_evidence_are_not_reported():
    assert reported_suites(("smoke", "tuning", "paper", "ablations")) == ("paper", "ablations")


# The command


@pytest.fixture
def run(root, monkeypatch):
    """``vop report`` in a checkout of its own, on the given results of the main suite."""
    app = typer.Typer(cls=RefusingGroup)
    app.command()(cli_report.report)
    app.command()(lambda: None)  # so that the command is asked for by its name
    monkeypatch.setattr("vop_core.data.locations.repository_root", lambda: root)
    monkeypatch.setenv("VOP_CACHE", str(root.parent / "cache"))

    def invoke(results, *arguments):
        def found(suite):
            if isinstance(results, Exception):
                raise results
            return results if suite == "paper" else {}

        monkeypatch.setattr(suites, "suite_results", found)
        return CliRunner().invoke(app, ["report", *arguments])

    return invoke


def test_the_command_writes_a_line_for_each_output_and_checks_them(run, root):
    results = {"toy": everything()}
    refused = run(results, "--check")
    assert refused.exit_code == 2 and "run: vop report" in refused.stderr
    assert not (root / "docs").exists()
    written = run(results)
    assert written.stdout.splitlines() == [
        "data/results/bench-paper.json is written.",
        "README.md is written.",
        "data/results/FINDINGS.md is written.",
        "docs/bench.html is written.",
        "docs/plotly.min.js is written.",
    ]
    assert run(results, "--check").exit_code == 0
    assert run(results).stdout.count("was up to date") == 5


def test_no_results_are_one_sentence_and_nothing_is_written(run, root):
    before = sorted(root.rglob("*"))
    said = run({})
    assert (
        said.exit_code == 0
        and said.stdout == "There is no result of the bench yet; make some with: vop bench\n"
    )
    assert sorted(root.rglob("*")) == before


def test_a_damaged_result_is_one_sentence_and_nothing_is_overwritten(run, root):
    run({"toy": everything()})
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    for failure in (
        EvaluationError("'x.json' is damaged; move it away."),
        {"toy": [*everything(), result("vop", {}, hash="b")]},
    ):
        said = run(failure)
        assert said.exit_code == 2 and len(said.stderr.splitlines()) == 1
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_readme_without_its_marks_is_one_sentence(run, root):
    (root / "README.md").write_text("# Toy\n")
    said = run({"toy": everything()})
    assert said.exit_code == 2 and "mark its results" in said.stderr
    assert not (root / "docs").exists()


PLAIN = set(
    re.findall(
        "[a-z]+",
        "method set comparison difference because setting settings its there are what does over "
        "each other than the in differs from shared ones training persons fold files same",
    )
)


def unexplained(names, legend):
    """Words of three letters and more that the legend does not use."""
    words = {word for name in names for word in re.findall("[a-z]{3,}", unescape(name).lower())}
    return {word for word in words - PLAIN if word not in unescape(legend).lower()}


def test_the_legend_has_every_word_that_stands_over_a_column_and_explains_every_ablation():
    content = summary({"toy": everything()}, "paper")
    summaries = {
        "paper": content,
        "conditions": conditions_summary(),
        "ablations": {**content, "suite": "ablations"},
    }
    page = bench_page(summaries)
    legend, ablations = (
        page.split('id="legend"')[1].split('id="settings"')[0].split("Settings of the ablations")
    )
    headers = set(re.findall(r'<th scope="col">(.*?)</th>', page))
    assert len(headers) > 30
    assert unexplained(headers, legend) == set()
    assert unexplained(headers, legend[:600]) > {"aurc", "brier", "harmed"}
    names = {
        *suites.ABLATIONS,
        *suites.SAMOVAR_ABLATIONS,
        *suites.TRAINING_ABLATIONS,
        questions.POINT,
    }
    assert unexplained(names, ablations) == set()


def test_claims_are_a_section_of_their_own_beside_data_sets_with_answers():
    def claims(method, seed, distance):
        trials = simulated(distance, seed=1, persons=8)
        made = replace(result(method, {}), dataset="speakers", seed=seed, suite="tasks")
        return replace(made, scores=as_table("open", "toy", trials))

    found = {
        "toy": (result("global", {"own": 0.0}), result("vop", {"own": 0.1})),
        "speakers": (claims("global", 0, 1.0), claims("vop", 0, 2.0), claims("vop", 1, 2.0)),
    }
    content = summary(found, "tasks")
    assert list(content["datasets"]) == ["toy"]
    table = content["claims"]["speakers"]
    assert [row["method"] for row in table["rows"]] == ["global", "vop"]
    (gap,) = table["differences"]
    assert gap["mean"] < 0 and (gap["a"], gap["b"]) == ("own", "global")
    assert json.loads(as_text(content)) == content
    page = unescape(bench_page({"tasks": content}))
    assert "Speaker verification, suite tasks" in page and "vop: own - global" in page
    with pytest.raises(EvaluationError, match="no seed in common"):
        summary({"speakers": (claims("global", 0, 1.0), claims("vop", 1, 2.0))}, "tasks")
