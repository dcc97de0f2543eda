"""From result files to the tables of the bench, as plain values ready for JSON; everything else is
made of these.

``summary`` gives one dictionary for a suite: ``data/results/bench-<suite>.json``. Accuracies and
errors are fractions, NLL is in nats, differences are a - b and paired over persons, an interval is
null where there is none. README, page and figures read only this, so that a number they show is a
number of the file.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from vop_core.bench.method_runs import MethodRuns, group_runs, on_own_start
from vop_core.bench.recipes import GLOBAL
from vop_core.bench.results import Result, differing_settings
from vop_core.data.sources.registry import SOURCES
from vop_core.errors import EvaluationError
from vop_core.evaluation.calibration import BINS
from vop_core.evaluation.comparison import (
    by_person,
    gain_over_controls,
    harmed,
    level_of,
    paired,
)
from vop_core.evaluation.intervals import LEVEL, worst_decile
from vop_core.evaluation.plan import OPEN
from vop_core.evaluation.score import MIXED, NOISE, OWN, PRIOR, WRONG_PERSON
from vop_core.evaluation.selective import FALSE_ALARM_RATE
from vop_core.report.comparisons import (
    CHECKPOINT,
    SETS,
    VOP,
    Comparison,
    adjust,
    changes,
    channels,
    curve,
    difference,
    draws_against_mean,
    estimate,
    gain_taken_apart,
    named_comparisons,
    outliers,
    pick_baseline,
    posterior_by_shots,
    unlabeled_baselines,
    worth_of_the_width,
)
from vop_core.report.scoreboard import scoreboard

FORMAT = 1
PAPER, ABLATIONS = "paper", "ablations"
# means over persons, own row
LEVELS = ("nll", "brier", "ece", "aurc", "auroc", "fpr95", "detection", "coverage")
CONTROLS = (MIXED, WRONG_PERSON, PRIOR, NOISE)
READS = (
    "nothing",
    "unlabeled clips",
    "labels",
    "unlabeled clips and gradients",
    "labels and gradients",
)
DIGITS = 6


class BenchTable(TypedDict):
    """Everything about one data set."""

    dataset: str
    recordings: str
    folds: int
    labels: int | None  # words, of a public set: one over it is chance
    main_shots: int
    shared_config: dict[str, Any]  # of the baseline, without seeds
    picked_baseline: str | None  # whom VoP is compared with, picked on the other data sets
    # what each is, what it was trained with, what it costs, what is missing
    methods: list[dict[str, Any]]
    rows: list[dict[str, Any]]  # a method in a set, at the main number of clips
    curves: list[dict[str, Any]]
    draws: list[dict[str, Any]]
    posteriors: list[dict[str, Any]]
    widths: list[dict[str, Any]]  # is a person's posterior wider where more is answered wrongly
    # clips, confidence, right answers of each bin; unknown persons
    reliability: dict[str, list[list[float]]]
    comparisons: list[Comparison]
    decomposition: list[dict[str, Any]]
    outliers: list[dict[str, Any]]
    changes: list[dict[str, Any]]  # one setting changed, against the recipe; only in the ablations
    # microphone or person; only where clips came through two channels
    channels: list[dict[str, Any]]
    scoreboard: list[Any]


def summary(results: Mapping[str, Sequence[Result]], suite: str) -> dict[str, Any]:
    """All tables of a suite from its results, data set -> results.

    Raises
    ------
    EvaluationError
        Results that must not be put together, or figures that are no numbers.
    """
    grouped = {dataset: group_runs(found) for dataset, found in sorted(results.items()) if found}
    candidates = unlabeled_baselines(grouped)
    content = {
        "format": FORMAT,
        "suite": suite,
        "level": LEVEL,
        "calibration_bins": BINS,
        "false_alarm_rate": FALSE_ALARM_RATE,
        "baseline_candidates": list(candidates),
        "datasets": {
            dataset: bench_table(
                dataset, variants, pick_baseline(grouped, dataset, candidates), suite
            )
            for dataset, variants in grouped.items()
        },
    }
    return plain(content)


def bench_table(
    dataset: str,
    variants: Mapping[str, MethodRuns],
    picked_baseline: str | None,
    suite: str = PAPER,
) -> BenchTable:
    """One data set's tables; the main suite's with the scoreboard of the paper, the ablations' with
    their changes.
    """
    variants = dict(sorted(variants.items(), key=_place))
    first = (variants.get(GLOBAL) or next(iter(variants.values()))).first
    shared = {name: value for name, value in first.settings["config"].items() if name != "method"}
    done = {variant: runs for variant, runs in variants.items() if runs.done}
    named = {variant: done.get(baseline_of(variant, variants)) for variant in done}
    bases = {variant: base and on_own_start(base, done[variant]) for variant, base in named.items()}
    personal = {variant: runs for variant, runs in done.items() if runs.facts.get("personal")}
    return BenchTable(
        dataset=dataset,
        recordings=first.recordings,
        folds=first.folds,
        labels=SOURCES[dataset].labels if dataset in SOURCES else None,
        main_shots=first.config.get("scoring", {}).get("main_shots", 0),
        shared_config=shared,
        picked_baseline=picked_baseline,
        methods=[_method(runs, shared) for runs in variants.values()],
        rows=[row for set_name in SETS for row in _rows(done, bases, set_name)],
        curves=[
            point
            for variant, runs in done.items()
            for point in curve(runs, _other(bases[variant], runs))
        ],
        draws=[entry for runs in done.values() for entry in draws_against_mean(runs)],
        posteriors=[entry for runs in done.values() for entry in posterior_by_shots(runs)],
        widths=[found for runs in done.values() if (found := worth_of_the_width(runs)) is not None],
        reliability={variant: _bins(runs) for variant, runs in done.items()},
        comparisons=named_comparisons(done, picked_baseline),
        decomposition=[
            entry
            for variant, runs in personal.items()
            if (base := bases[variant]) is not None
            for entry in gain_taken_apart(runs, base, done.get(CHECKPOINT))
        ],
        outliers=outliers(variants),
        changes=changes(done) if suite == ABLATIONS else [],
        channels=channels(done),
        scoreboard=list(scoreboard(variants)) if suite == PAPER else [],
    )


def _place(item: tuple[str, MethodRuns]) -> tuple[bool, int, bool, str]:
    """``global`` first, then by what is read, VoP before the others that read the same."""
    variant, runs = item
    read = reads(runs.facts) if runs.done else READS[-1]
    return variant != GLOBAL, READS.index(read), runs.first.method != VOP, variant


def baseline_of(variant: str, variants: Iterable[str]) -> str:
    """The ``global`` that a variant is compared with: ``global, 3 persons`` for ``vop, 3 persons``,
    where it exists.
    """
    _, comma, setting = variant.partition(", ")
    alike = f"{GLOBAL}{comma}{setting}"
    return alike if alike in variants else GLOBAL


def _other(baseline: MethodRuns | None, runs: MethodRuns) -> MethodRuns | None:
    """Nobody is compared with themselves."""
    return None if baseline is runs else baseline


# --- what a method is -----------------------------------------------------------------------------


def reads(facts: Mapping[str, Any]) -> str:
    """What of a person a method is given."""
    if not facts.get("personal", False):
        return READS[0]
    return READS[1 + bool(facts.get("labels")) + 2 * bool(facts.get("gradients"))]


def starts_from(facts: Mapping[str, Any]) -> str:
    """What of it was trained."""
    if not facts.get("trained"):
        return "made of global as it is"
    if facts.get("encoder_fixed"):
        return "trained on global, encoder fixed"
    shared = facts.get("trained_as")
    return (
        f"trained on from the checkpoint, as {shared}"
        if shared
        else "trained on from the checkpoint"
    )


def _method(runs: MethodRuns, shared: Mapping[str, Any]) -> dict[str, Any]:
    first = runs.first
    found = {
        "variant": runs.variant,
        "method": first.method,
        "completeness": runs.completeness,
        "runs": [[result.seed, result.fold, result.hash] for result in runs.done],
        "failed": [
            {"seed": r.seed, "fold": r.fold, "status": r.status, "reason": r.reason}
            for r in runs.failed
        ],
        "config": dict(first.config.get("method", {})),
        "differs": differing_settings(first.settings["config"], shared),
        "train_persons": sorted({len(result.train_persons) for result in runs.done}),
    }
    if not runs.done:
        return found | {"summary": "", "source": "", "reads": "", "starts_from": "", "cost": {}}
    facts = runs.facts
    return found | {
        "summary": facts.get("summary", ""),
        "source": facts.get("source", ""),
        "reads": reads(facts),
        "starts_from": starts_from(facts),
        "cost": _cost(runs),
    }


def _cost(runs: MethodRuns) -> dict[str, float | None]:
    """What a person costs: medians over the runs, since times vary; the rest is alike in all of
    them.
    """

    def median(name: str) -> float | None:
        values = [
            result.figures[name] for result in runs.done if result.figures.get(name) is not None
        ]
        return float(np.median(values)) if values else None

    answer, encoder = median("answer_multiply_accumulates"), median("encoder_multiply_accumulates")
    return {
        "encoder_parameters": median("encoder_parameters"),
        "answer_multiply_accumulates": answer,
        "added_parameters": median("added_parameters"),
        "answer_ratio": None if answer is None or not encoder else answer / encoder,
        "bytes_per_person": median("bytes_per_person"),
        "enrollment_passes": median("enrollment_passes"),
        "gradient_steps": median("gradient_steps"),
    }


# --- how it did -----------------------------------------------------------------------------------


def _rows(
    variants: Mapping[str, MethodRuns], bases: Mapping[str, MethodRuns | None], set_name: str
) -> list[dict[str, Any]]:
    """All methods in a set; Holm's adjustment over all of them that are asked the same question."""
    rows = [
        _row(runs, _other(bases[variant], runs), set_name) for variant, runs in variants.items()
    ]
    found = [row for row in rows if row is not None]
    for question in ("versus_global", "right_minus_wrong", "own_minus_mixed", "personal_gain"):
        asked = {row["variant"]: row[question] for row in found if row[question] is not None}
        for value in ("accuracy", "nll"):
            adjust({variant: answer[value] for variant, answer in asked.items() if value in answer})
        for answer in asked.values():
            answer["tested"] = len(asked)
    return found


def _row(runs: MethodRuns, baseline: MethodRuns | None, set_name: str) -> dict[str, Any] | None:
    scores, shots = runs.scores, runs.main_shots
    own = scores.values(OWN, set_name, shots)
    if not own:
        return None
    accuracy = by_person(own)
    cells = {name: scores.person_values(OWN, set_name, shots, name) for name in LEVELS}
    controls = {row: scores.person_values(row, set_name, shots) for row in CONTROLS}
    pooled = [
        bins.expected_calibration_error
        for bins in scores.reliability(OWN, set_name, shots).values()
    ]
    return {
        "variant": runs.variant,
        "set": set_name,
        "shots": shots,
        "accuracy": estimate(level_of(accuracy, limits=(0.0, 1.0))),
        "worst_decile": worst_decile(list(accuracy.values())),
        **{
            name: float(np.mean(list(values.values()))) if values else None
            for name, values in cells.items()
        },
        "ece_pooled": float(np.mean(pooled)) if pooled else None,
        "controls": {
            row: float(np.mean(list(values.values()))) for row, values in controls.items() if values
        },
        "versus_global": None if baseline is None else _versus(runs, baseline, set_name),
        "right_minus_wrong": _within(runs, set_name, WRONG_PERSON),
        "own_minus_mixed": _within(runs, set_name, MIXED),
        "personal_gain": _gain(runs, baseline, set_name),
    }


def _versus(runs: MethodRuns, baseline: MethodRuns, set_name: str) -> dict[str, Any] | None:
    """Against ``global``, with the persons harmed."""
    gaps = _paired(runs, baseline, set_name, OWN)
    if not gaps["accuracy"]:
        return None
    names = harmed(runs.scores, baseline.scores, set_name, runs.main_shots)
    return {
        "baseline": baseline.variant,
        **{value: difference(gap) for value, gap in gaps.items()},
        "harmed": None if names is None else list(names),
    }


def _within(runs: MethodRuns, set_name: str, row: str) -> dict[str, Any] | None:
    """Own clips against one of the method's own controls."""
    gaps = _paired(runs, runs, set_name, row)
    return {value: difference(gap) for value, gap in gaps.items()} if gaps["accuracy"] else None


def _paired(
    first: MethodRuns, second: MethodRuns, set_name: str, row: str
) -> dict[str, dict[str, float]]:
    """First's own row - a row of second, per person, at the main number of clips."""
    shots = first.main_shots
    return {
        value: paired(
            first.scores.values(OWN, set_name, shots, value),
            second.scores.values(row, set_name, shots, value),
        )
        for value in ("accuracy", "nll")
    }


def _gain(runs: MethodRuns, baseline: MethodRuns | None, set_name: str) -> dict[str, Any] | None:
    """The personal gain as plain values."""
    if baseline is None or not runs.facts.get("personal"):
        return None
    found = gain_over_controls(
        runs.scores, baseline.scores, set_name, runs.main_shots, baseline_name=baseline.variant
    )
    if found is None:
        return None
    bounds = None if found.conservative is None else list(found.conservative)
    return {"best": found.best, "accuracy": difference(found.episodes), "ci95_conservative": bounds}


def _bins(runs: MethodRuns) -> list[list[float]]:
    """All unknown persons' clips in the same bins; empty where no bins are kept."""
    pooled = list(runs.scores.reliability(OWN, OPEN, runs.main_shots).values())
    if not pooled:
        return []
    total = sum(pooled[1:], start=pooled[0])
    return np.stack([total.count, total.confidence_sum, total.correct_sum], axis=1).tolist()


# --- JSON -----------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Lists, dictionaries and rounded numbers only. Raises EvaluationError for a number that is
    none.
    """
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        if not np.isfinite(value):
            raise EvaluationError(
                "A result holds a figure that is no number; run that method again."
            )
        return round(value, DIGITS) + 0.0  # no -0.0
    return value


def as_text(content: Mapping[str, Any]) -> str:
    """The JSON file's text."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
