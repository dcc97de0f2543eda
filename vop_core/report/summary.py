"""From result files to the tables of the bench, as plain values ready for JSON; everything else is
made of these.

``summary`` gives one dictionary for a suite: ``data/results/bench-<suite>.json``. Accuracies and
errors are fractions, NLL is in nats, differences are a - b and paired over persons, an interval is
null where there is none. README, page and figures read only this, so that a number they show is a
number of the file.

The baseline that VoP is compared with is picked on other data sets' persons, never on those of the
comparison. The worst quarter of persons is chosen on one half of global's clips and scored on the
other, else regression to the mean does the work.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vop_core.bench.method_runs import MethodRuns, group_runs, on_own_start
from vop_core.bench.recipes import GLOBAL, VOP
from vop_core.bench.results import Result, differing_settings
from vop_core.data.sources.registry import SOURCES
from vop_core.errors import EvaluationError
from vop_core.evaluation.calibration import BINS
from vop_core.evaluation.comparison import (
    Values,
    WorstQuarter,
    by_person,
    decomposition,
    errors_reduced,
    gain_over_controls,
    harmed,
    level_of,
    paired,
)
from vop_core.evaluation.intervals import LEVEL
from vop_core.evaluation.plan import CLOSED, OPEN
from vop_core.evaluation.score import (
    MIXED,
    NOISE,
    OWN,
    OWN_ELSEWHERE,
    PRIOR,
    WRONG_HERE,
    WRONG_PERSON,
)
from vop_core.evaluation.selective import FALSE_ALARM_RATE
from vop_core.evaluation.verification import SIMILARITY
from vop_core.evaluation.verification_overview import verification_overview
from vop_core.plots import bench as bench_plots
from vop_core.report.estimates import (
    ERROR_REDUCTION,
    VALUES,
    adjust,
    curve_persons,
    difference,
    differences,
    estimate,
    gain_estimate,
    mean_over_persons,
)
from vop_core.report.groups import (
    GROUPS,
    adjust_over_groups,
    attribute_rows,
    call_rows,
    group_rows,
)
from vop_core.report.posteriors import (
    coverage_by_shots,
    draws_against_mean,
    posterior_by_shots,
    worth_of_the_width,
)
from vop_core.report.scoreboard import scoreboard

FORMAT = 1
DIGITS = 6
PAPER, ABLATIONS, CONDITIONS = "paper", "ablations", "conditions"
ADABN, WITHOUT_GAUSSIAN, CHECKPOINT = "adabn", "film-hypernetwork", "checkpoint"
FINE_TUNING = ("fine-tune-head", "fine-tune-film", "fine-tune-all")
CLASS_VOP = "class-vop"
# what publications say of one another, and VoP against each
FEW_SHOT_COMPARISONS = (
    ("VERSA above prototypes, as published", "versa-trained-encoder", "prototypical"),
    ("SAMOVAR above VERSA, as published", "labeled-samovar-2fc", "versa-trained-encoder"),
    ("Mahalanobis distances above prototypes, as published", "simple-cnaps", "prototypical"),
    ("VoP above SAMOVAR, as published of keywords", CLASS_VOP, "labeled-samovar-2fc"),
    ("VoP above prototypes", CLASS_VOP, "prototypical"),
    ("VoP with film above VoP without", f"{CLASS_VOP}-film", CLASS_VOP),
)
FORMS_OF_VOP = (VOP, WITHOUT_GAUSSIAN, "conditional-vop")
SETS = (OPEN, CLOSED)
# means over persons, own row
LEVELS = ("nll", "brier", "ece", "aurc", "auroc", "fpr95", "detection", "coverage")
CONTROLS = (MIXED, WRONG_PERSON, PRIOR, NOISE)
READS = tuple(bench_plots.READS)
COSTS = (
    "encoder_parameters",
    "answer_multiply_accumulates",
    "added_parameters",
    "answer_ratio",
    "bytes_per_person",
    "enrollment_passes",
    "gradient_steps",
)
ENVIRONMENT_ROWS = {
    "own": OWN,
    "own_elsewhere": OWN_ELSEWHERE,
    "wrong_here": WRONG_HERE,
    "wrong": WRONG_PERSON,
}
ENVIRONMENT_PARTS = {
    "environment": ("own", "own_elsewhere"),
    "person": ("own", "wrong_here"),
    "person_elsewhere": ("own_elsewhere", "wrong"),
    "both": ("own", "wrong"),
}
Entry = dict[str, Any]
Variants = Mapping[str, MethodRuns]


def summary(results: Mapping[str, Sequence[Result]], suite: str) -> Entry:
    """All tables of a suite from its results, data set -> results.

    Raises
    ------
    EvaluationError
        Results that must not be put together, or figures that are no numbers.
    """
    claimed = {name: found for name, found in results.items() if any(map(_of_claims, found))}
    grouped = {
        dataset: group_runs(found)
        for dataset, found in sorted(results.items())
        if found and dataset not in claimed
    }
    candidates = unlabeled_baselines(grouped)
    tables = {
        dataset: bench_table(dataset, variants, pick_baseline(grouped, dataset, candidates), suite)
        for dataset, variants in grouped.items()
    }
    if suite == GROUPS:
        adjust_over_groups(tables.values())
    content = {
        "format": FORMAT,
        "suite": suite,
        "level": LEVEL,
        "calibration_bins": BINS,
        "false_alarm_rate": FALSE_ALARM_RATE,
        "baseline_candidates": list(candidates),
        "datasets": tables,
    }
    if claimed:
        content["claims"] = {name: claims_table(name, found) for name, found in claimed.items()}
    return plain(content)


def _of_claims(result: Result) -> bool:
    return bool((result.scores["metric"] == SIMILARITY).any())


def claims_table(dataset: str, results: Sequence[Result]) -> Entry:
    """A task that compares: the tables of its first seed that is done by all."""
    done = [result for result in results if len(result.scores)]
    seeds = {
        variant: {r.seed for r in done if r.variant == variant}
        for variant in dict.fromkeys(result.variant for result in done)
    }
    common = set.intersection(*seeds.values())
    if not common:
        raise EvaluationError(
            f"The methods of '{dataset}' have no seed in common; run: vop bench --suite tasks"
        )
    first = {result.variant: result.scores for result in done if result.seed == min(common)}
    ordered = sorted(first, key=lambda variant: (variant != GLOBAL, variant != VOP, variant))
    return verification_overview(
        "verification", {"seed": min(common)}, {variant: first[variant] for variant in ordered}
    )


def bench_table(dataset: str, variants: Variants, picked_baseline: str | None, suite: str) -> Entry:
    """One data set's tables; the main suite's with the scoreboard of the paper, the ablations' with
    their changes.
    """
    variants = dict(sorted(variants.items(), key=_place))
    first = (variants.get(GLOBAL) or next(iter(variants.values()))).first
    shared = {name: value for name, value in first.settings["config"].items() if name != "method"}
    done = {variant: runs for variant, runs in variants.items() if runs.done}
    named = {variant: done.get(baseline_of(variant, variants)) for variant in done}
    bases = {variant: base and on_own_start(base, done[variant]) for variant, base in named.items()}
    # nobody is compared with themselves
    others = {v: None if base is done[v] else base for v, base in bases.items()}
    return {
        "dataset": dataset,
        "recordings": first.recordings,
        "folds": first.folds,
        # words, of a public set: one over it is chance
        "labels": SOURCES[dataset].labels if dataset in SOURCES else None,
        "main_shots": first.config.get("scoring", {}).get("main_shots", 0),
        # of the baseline, without seeds
        "shared_config": shared,
        # whom VoP is compared with, picked on the other data sets
        "picked_baseline": picked_baseline,
        # what each is, what it was trained with, what it costs, what is missing
        "methods": [_method(runs, shared) for runs in variants.values()],
        # a method in a set, at the main number of clips
        "rows": [row for set_name in SETS for row in _rows(done, others, set_name)],
        "curves": [point for v, runs in done.items() for point in curve(runs, others[v])],
        # the same persons at every point of a curve: how many, and who had too few clips
        "curve_persons": {variant: _who(runs) for variant, runs in done.items()},
        "draws": [entry for runs in done.values() for entry in draws_against_mean(runs)],
        "posteriors": [entry for runs in done.values() for entry in posterior_by_shots(runs)],
        # is a person's posterior wider where more is answered wrongly
        "widths": [found for runs in done.values() if (found := worth_of_the_width(runs))],
        # how often its interval holds what the person's other clips show
        "coverage": [entry for runs in done.values() for entry in coverage_by_shots(runs)],
        # clips, confidence, right answers of each bin; unknown persons
        "reliability": {variant: _bins(runs) for variant, runs in done.items()},
        "comparisons": named_comparisons(done, picked_baseline),
        "decomposition": [
            entry
            for variant, runs in done.items()
            if runs.facts.get("personal") and (base := bases[variant]) is not None
            for entry in gain_taken_apart(runs, base, done.get(CHECKPOINT))
        ],
        # one setting changed, against the recipe
        "changes": changes(done) if suite == ABLATIONS else [],
        "scoreboard": scoreboard(variants) if suite == PAPER else [],
        # place or person, one call or two, who gains
        **(
            {
                "environments": environments(done),
                "calls": call_rows(done, others),
                # who gains, by what the data set says of people
                "attributes": attribute_rows(dataset, done, others),
            }
            if suite == CONDITIONS
            else {}
        ),
        # few-shot: the same means over episodes, each of which asks for other classes
        **({"episodes": episode_rows(done)} if CLASS_VOP in done else {}),
        # what never to have heard the test persons' group costs
        **({"groups": group_rows(done, others)} if suite == GROUPS else {}),
    }


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


def _adjusted(entries: Sequence[Entry]) -> list[Entry]:
    """Entries that ask several methods or settings the same: p-values are Holm's over them."""
    for value in VALUES:
        adjust(entry.get(value) for entry in entries)
    return list(entries)


def _mean(values: Iterable[float]) -> float | None:
    values = list(values)
    return float(np.mean(values)) if values else None


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
    return "trained on from the checkpoint" + (f", as {shared}" if shared else "")


def _method(runs: MethodRuns, shared: Mapping[str, Any]) -> Entry:
    first, facts, done = runs.first, runs.facts, bool(runs.done)
    return {
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
        "summary": facts.get("summary", "") if done else "",
        "source": facts.get("source", "") if done else "",
        "reads": reads(facts) if done else "",
        "starts_from": starts_from(facts) if done else "",
        "cost": _cost(runs) if done else {},
    }


def _cost(runs: MethodRuns) -> dict[str, float | None]:
    """What a person costs: medians over the runs, since times vary; the rest is alike in all of
    them.
    """
    figures = pd.DataFrame([dict(result.figures) for result in runs.done])
    columns = [*COSTS, "encoder_multiply_accumulates"]
    median = figures.reindex(columns=columns).astype(float).median()
    median["answer_ratio"] = (
        median["answer_multiply_accumulates"] / median["encoder_multiply_accumulates"]
    )
    return {name: float(median[name]) if np.isfinite(median[name]) else None for name in COSTS}


# --- how it did -----------------------------------------------------------------------------------


def _rows(
    variants: Variants, baselines: Mapping[str, MethodRuns | None], set_name: str
) -> list[Entry]:
    """All methods in a set; Holm's adjustment over all of them that are asked the same question."""
    rows = [_row(runs, baselines[variant], set_name) for variant, runs in variants.items()]
    found = [row for row in rows if row is not None]
    for question in ("versus_global", "right_minus_wrong", "own_minus_mixed", "personal_gain"):
        asked = _adjusted([row[question] for row in found if row[question] is not None])
        for answer in asked:
            answer["tested"] = len(asked)
    return found


def _row(runs: MethodRuns, baseline: MethodRuns | None, set_name: str) -> Entry | None:
    scores, shots = runs.scores, runs.main_shots
    accuracy = scores.person_values(OWN, set_name, shots)
    if not accuracy:
        return None
    levels = {name: scores.person_values(OWN, set_name, shots, name) for name in LEVELS}
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
        "worst_quarter": worst_quarter(runs, baseline, set_name),
        **{name: _mean(values.values()) for name, values in levels.items()},
        "ece_pooled": _mean(pooled),
        "controls": {row: _mean(values.values()) for row, values in controls.items() if values},
        "versus_global": _versus(runs, baseline, set_name),
        "right_minus_wrong": _within(runs, set_name, WRONG_PERSON),
        "own_minus_mixed": _within(runs, set_name, MIXED),
        "personal_gain": _gain(runs, baseline, set_name),
    }


def _versus(runs: MethodRuns, baseline: MethodRuns | None, set_name: str) -> Entry | None:
    """Against ``global``, with the persons harmed."""
    gaps = differences(runs, baseline, set_name) if baseline else {"accuracy": None}
    if gaps["accuracy"] is None:
        return None
    names = harmed(runs.scores, baseline.scores, set_name, runs.main_shots)
    return {"baseline": baseline.variant, **gaps, "harmed": names}


def worst_quarter(runs: MethodRuns, baseline: MethodRuns | None, set_name: str) -> Entry | None:
    """Accuracy, and the difference to the baseline, of those whom the baseline serves worst; where
    there is none, the method itself chooses. None without persons who have both halves.
    """

    def halves(runs: MethodRuns) -> list[Values]:
        return [
            runs.scores.values(OWN, set_name, runs.main_shots, f"accuracy_{half}")
            for half in ("even", "odd")
        ]

    own, base = halves(runs), halves(baseline or runs)
    chosen = WorstQuarter.of(*map(by_person, base))
    accuracy = estimate(chosen.mean(*map(by_person, own)))
    return accuracy and {
        "accuracy": accuracy,
        "versus_global": estimate(chosen.mean(*map(paired, own, base))) if baseline else None,
    }


def _within(runs: MethodRuns, set_name: str, row: str) -> Entry | None:
    """Own clips against one of the method's own controls."""
    gaps = differences(runs, runs, set_name, row)
    return gaps if gaps["accuracy"] else None


def _gain(runs: MethodRuns, baseline: MethodRuns | None, set_name: str) -> Entry | None:
    """The personal gain as plain values."""
    if baseline is None or not runs.facts.get("personal"):
        return None
    found = gain_over_controls(
        runs.scores, baseline.scores, set_name, runs.main_shots, baseline_name=baseline.variant
    )
    return found and {"best": found.best, "accuracy": gain_estimate(found)}


def _bins(runs: MethodRuns) -> list[list[float]]:
    """All unknown persons' clips in the same bins; empty where no bins are kept."""
    pooled = list(runs.scores.reliability(OWN, OPEN, runs.main_shots).values())
    if not pooled:
        return []
    total = sum(pooled[1:], start=pooled[0])
    return np.stack([total.count, total.confidence_sum, total.correct_sum], axis=1).tolist()


def _who(runs: MethodRuns) -> Entry:
    found = curve_persons(runs)
    return {
        "persons": len(found.persons),
        "left_out": len(found.left_out),
        "beyond": list(found.beyond),
    }


def curve(runs: MethodRuns, baseline: MethodRuns | None) -> list[Entry]:
    """Accuracy, NLL and coverage of unknown persons by number of clips, and the differences to the
    baseline; of the same persons at every point.

    Each number of clips leaves other clips to ask about; the differences are of the same ones.
    """
    found, everywhere = [], curve_persons(runs)

    def values(side: MethodRuns | None, shots: int, value: str) -> Values:
        return everywhere.only(side.scores.values(OWN, OPEN, shots, value)) if side else {}

    for shots in everywhere.shots:
        own = {value: values(runs, shots, value) for value in (*VALUES, "coverage")}
        base = {value: values(baseline, shots, value) for value in VALUES}
        gaps = {value: difference(paired(own[value], base[value])) for value in VALUES}
        found.append(
            {
                "variant": runs.variant,
                "shots": shots,
                "accuracy": estimate(level_of(by_person(own["accuracy"]), limits=(0.0, 1.0))),
                "versus_global": gaps["accuracy"],
                ERROR_REDUCTION: estimate(errors_reduced(own["accuracy"], base["accuracy"])),
                "nll": mean_over_persons(own["nll"]),
                "nll_versus_global": gaps["nll"],
                "coverage": mean_over_persons(own["coverage"]),
            }
        )
    return found


# --- named comparisons ----------------------------------------------------------------------------


def unlabeled_baselines(grouped: Mapping[str, Variants]) -> tuple[str, ...]:
    """Variants that, like VoP, personalize from unlabeled clips without any gradient, and are no
    form of VoP.
    """
    # conditional-vop is VoP with another prior
    found = {
        variant
        for variants in grouped.values()
        for variant, runs in variants.items()
        if reads(runs.facts) == "unlabeled clips" and VOP not in runs.first.method.split("-")
    }
    return tuple(sorted(found))


def pick_baseline(
    grouped: Mapping[str, Variants], for_dataset: str, candidates: Sequence[str]
) -> str | None:
    """The candidate with the highest accuracy on unknown persons of the *other* data sets, with own
    clips.

    Only candidates that have run on all the others take part; of equal ones the first by name. None
    where nothing can be picked.
    """
    others = [variants for dataset, variants in sorted(grouped.items()) if dataset != for_dataset]
    quality = {}
    for candidate in sorted(candidates):
        means = [_own_accuracy(variants.get(candidate)) for variants in others]
        known = [mean for mean in means if mean is not None]
        if known and len(known) == len(means):
            quality[candidate] = float(np.mean(known))
    return max(quality, key=lambda name: quality[name]) if quality else None


def _own_accuracy(runs: MethodRuns | None) -> float | None:
    return runs and mean_over_persons(runs.scores.values(OWN, OPEN, runs.main_shots))


def named_comparisons(variants: Variants, picked_baseline: str | None) -> list[Entry]:
    """VoP against AdaBN, against the baseline picked elsewhere, against the deterministic
    hypernetwork and against fine-tuning; where a suite has conditions, in each of them.
    """
    asked = [
        ("VoP against AdaBN", ADABN),
        (
            "VoP against the best unlabeled baseline without gradients, picked on the other data "
            "sets' persons",
            picked_baseline,
        ),
        (
            "VoP against the deterministic hypernetwork, each with its chosen settings",
            WITHOUT_GAUSSIAN,
        ),
        *(
            (f"VoP, without labels, against {method}, with labels", method)
            for method in FINE_TUNING
        ),
    ]
    pairs = [
        (name, variant, f"{other}{comma}{setting}")
        for variant in variants
        for method, comma, setting in (variant.partition(", "),)
        if method == VOP
        for name, other in asked
    ]
    if CLASS_VOP in variants:
        pairs += FEW_SHOT_COMPARISONS
    found = [
        {"name": name, "a": a, "b": b, "set": set_name}
        | differences(variants[a], variants[b], set_name)
        for name, a, b in pairs
        if a in variants and b in variants
        for set_name in SETS
    ]
    return [each for each in found if each["accuracy"] is not None]


def gain_taken_apart(
    runs: MethodRuns, baseline: MethodRuns, checkpoint: MethodRuns | None
) -> list[Entry]:
    """own - baseline = (control - baseline) + (own - control): what is left without the person, and
    what is not.

    One entry for each set and control (other persons' clips; nobody's, where the method has an
    answer then). Where the fold's checkpoint was scored, the whole starts there, and the baseline's
    further training is the first part.
    """
    found = []
    names = ("further training", "regularization", "personalization", "whole")
    for set_name in SETS:
        for control in (MIXED, PRIOR):
            steps = [(checkpoint, OWN), (baseline, OWN), (runs, control), (runs, OWN)]
            steps = [(end, row) for end, row in steps if end is not None]
            entry: Entry = {"variant": runs.variant, "set": set_name, "control": control}
            for value in VALUES:
                parts = decomposition(
                    [end.scores.values(row, set_name, end.main_shots, value) for end, row in steps]
                )
                entry[value] = dict(zip(names[-len(parts) :], map(difference, parts), strict=True))
            if entry["accuracy"]["whole"] is not None:
                found.append(entry)
    return found


def episode_rows(variants: Variants) -> list[Entry]:
    """Accuracy of unknown groups' episodes; the interval is over episodes."""
    found = {
        variant: runs.scores.values(OWN, OPEN, runs.main_shots)
        for variant, runs in variants.items()
    }
    return [
        {
            "variant": variant,
            "accuracy": estimate(level_of({str(key): each for key, each in values.items()})),
        }
        for variant, values in found.items()
        if values
    ]


# --- place or person; one setting changed --------------------------------------------------------


def environments(variants: Variants) -> list[Entry]:
    """``environment_parts`` of all methods; each part is asked of several, so p-values are Holm's
    over them.
    """
    found = [parts for runs in variants.values() if (parts := environment_parts(runs)) is not None]
    for part in ENVIRONMENT_PARTS:
        adjust(entry["differences"][part] for entry in found)
    return found


def environment_parts(runs: MethodRuns) -> Entry | None:
    """How much of "personal" is the place: the right or a wrong person enrolls, in the place where
    the person is asked or in another.

    None where that was not asked.
    """
    values = {
        name: runs.scores.values(row, OPEN, runs.main_shots)
        for name, row in ENVIRONMENT_ROWS.items()
    }
    if not all(values.values()):
        return None
    return {
        "variant": runs.first.method,
        "levels": {name: mean_over_persons(found) for name, found in values.items()},
        "differences": {
            name: difference(paired(values[first], values[second]))
            for name, (first, second) in ENVIRONMENT_PARTS.items()
        },
    }


def changes(variants: Variants) -> list[Entry]:
    """What each other form of VoP is worth against the recipe that it changes, unknown persons, own
    clips.
    """
    if VOP not in variants:
        return []
    found = [
        {"variant": variant} | differences(runs, variants[VOP], OPEN)
        for variant, runs in variants.items()
        if variant != VOP and runs.first.method in FORMS_OF_VOP
    ]
    return _adjusted([entry for entry in found if entry["accuracy"] is not None])


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
