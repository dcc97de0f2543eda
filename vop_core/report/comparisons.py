"""Questions asked of the result files by name: VoP and its baselines, gain taken apart, outliers,
draws, posteriors.

The baseline that VoP is compared with is picked on other data sets' persons, never on those of the
comparison. Outliers are chosen on the clips of even takes and scored on those of odd takes, else
regression to the mean does the work.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np
from jaxtyping import Float
from scipy import stats

from vop_core.bench.method_runs import MethodRuns, on_own_start
from vop_core.bench.recipes import GLOBAL, VOP
from vop_core.evaluation.comparison import (
    OUTLIER_RULES,
    OutlierRule,
    ScoreIndex,
    by_person,
    decomposition,
    difference_of,
    few_persons_interval,
    holm,
    level_of,
    outlier_choice,
    paired,
    sign_flip_p_value,
)
from vop_core.evaluation.intervals import Interval
from vop_core.evaluation.plan import CLOSED, OPEN
from vop_core.evaluation.score import (
    DRAWS,
    MIXED,
    OWN,
    OWN_ELSEWHERE,
    PRIOR,
    WRONG_ELSEWHERE,
    WRONG_PERSON,
    drawn_row,
)
from vop_core.variational.importance import GOOD_K

ADABN, WITHOUT_GAUSSIAN, CHECKPOINT = "adabn", "film-hypernetwork", "checkpoint"
FORMS_OF_VOP = (VOP, WITHOUT_GAUSSIAN, "conditional-vop")
SETS = (OPEN, CLOSED)
SIGNIFICANCE = 0.05
ROUNDING = 1e-5  # of a difference of two figures of five digits, as result files hold them


class Estimate(TypedDict):
    """A mean over persons with its 95 % interval, null where there is none; a difference has
    p-values beside it.
    """

    mean: float
    ci95: list[float] | None
    persons: int
    interval: str
    p: NotRequired[float]  # sign-flip test over persons
    p_holm: NotRequired[float]  # adjusted, where several methods or settings are asked the same


class Comparison(TypedDict):
    """A named, paired difference a - b at the main number of clips."""

    name: str
    a: str
    b: str
    set: str
    accuracy: Estimate
    nll: Estimate  # below 0 is better


def estimate(interval: Interval | None) -> Estimate | None:
    """An interval as plain values."""
    if interval is None:
        return None
    bounds = None if interval.bounds is None else list(interval.bounds)
    return Estimate(
        mean=interval.mean, ci95=bounds, persons=interval.persons, interval=interval.kind
    )


def difference(values: Mapping[str, float]) -> Estimate | None:
    """The mean of each person's difference, with interval and p-value; None without persons."""
    found = estimate(difference_of(values))
    if found is not None:
        found["p"] = sign_flip_p_value(list(values.values()), rounding=ROUNDING)
    return found


def adjust(asked: Mapping[str, Estimate]) -> None:
    """Write Holm's adjusted p-values into differences that belong together; those without a p stay
    as they are.
    """
    tested = {name: found["p"] for name, found in asked.items() if "p" in found}
    for name, value in holm(tested).items():
        asked[name]["p_holm"] = value


# --- named comparisons ----------------------------------------------------------------------------


def unlabeled_baselines(grouped: Mapping[str, Mapping[str, MethodRuns]]) -> tuple[str, ...]:
    """Variants that, like VoP, personalize from unlabeled clips without any gradient, and are no
    form of VoP.
    """
    found = {
        variant
        for variants in grouped.values()
        for variant, runs in variants.items()
        if _is_baseline(runs)
    }
    return tuple(sorted(found))


def _is_baseline(runs: MethodRuns) -> bool:
    facts = runs.facts
    fits = facts.get("personal", False) and not facts.get("labels") and not facts.get("gradients")
    # conditional-vop is VoP with another prior
    return bool(fits) and VOP not in runs.first.method.split("-")


def pick_baseline(
    grouped: Mapping[str, Mapping[str, MethodRuns]], for_dataset: str, candidates: Sequence[str]
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
    values = {} if runs is None else runs.scores.person_values(OWN, OPEN, runs.main_shots)
    return float(np.mean(list(values.values()))) if values else None


def named_comparisons(
    variants: Mapping[str, MethodRuns], picked_baseline: str | None
) -> list[Comparison]:
    """VoP against AdaBN, against the baseline picked elsewhere, and against the deterministic
    hypernetwork.
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
    ]
    found = []
    for name, other in asked:
        if other in variants and VOP in variants:
            found += [
                _comparison(name, variants[VOP], variants[other], set_name) for set_name in SETS
            ]
    return [each for each in found if each is not None]


def _comparison(
    name: str, first: MethodRuns, second: MethodRuns, set_name: str
) -> Comparison | None:
    accuracy, nll = (
        own_difference(first, second, set_name, value) for value in ("accuracy", "nll")
    )
    if accuracy is None or nll is None:
        return None
    return Comparison(
        name=name, a=first.variant, b=second.variant, set=set_name, accuracy=accuracy, nll=nll
    )


def own_difference(
    first: MethodRuns, second: MethodRuns, set_name: str, value: str = "accuracy"
) -> Estimate | None:
    """First - second, both with the person's own clips, at the main number of clips."""
    sides = [runs.scores.values(OWN, set_name, runs.main_shots, value) for runs in (first, second)]
    return difference(paired(*sides))


# --- personalization and regularization -----------------------------------------------------------


def gain_taken_apart(
    runs: MethodRuns, baseline: MethodRuns, checkpoint: MethodRuns | None
) -> list[dict[str, Any]]:
    """own - baseline = (control - baseline) + (own - control): what is left without the person, and
    what is not.

    One entry for each set and control (other persons' clips; nobody's, where the method has an
    answer then). Where the fold's checkpoint was scored, the whole starts there, and the baseline's
    further training is the first part.
    """
    found = []
    for set_name in SETS:
        for control in (MIXED, PRIOR):
            entry: dict[str, Any] = {"variant": runs.variant, "set": set_name, "control": control}
            for value in ("accuracy", "nll"):
                ends = [checkpoint, baseline] if checkpoint is not None else [baseline]
                steps = [end.scores.values(OWN, set_name, end.main_shots, value) for end in ends]
                steps += [
                    runs.scores.values(row, set_name, runs.main_shots, value)
                    for row in (control, OWN)
                ]
                parts = [difference(part) for part in decomposition(steps)]
                names = ("further training", "regularization", "personalization", "whole")[
                    -len(parts) :
                ]
                entry[value] = dict(zip(names, parts, strict=True))
            if entry["accuracy"]["whole"] is not None:
                found.append(entry)
    return found


# --- outliers -------------------------------------------------------------------------------------


def outliers(variants: Mapping[str, MethodRuns], baseline: str = GLOBAL) -> list[dict[str, Any]]:
    """For each reading of "30 % worse": who they are, and each method's accuracy and detection on
    their other clips.
    """
    if baseline not in variants or not variants[baseline].done:
        return []
    runs = variants[baseline]
    halves = [
        runs.scores.person_values(OWN, OPEN, runs.main_shots, name)
        for name in ("accuracy_even", "accuracy_odd")
    ]
    if not halves[0].keys() & halves[1].keys():
        return []
    return [_outliers_by(rule, halves, variants, baseline) for rule in OUTLIER_RULES]


def _outliers_by(
    rule: OutlierRule,
    halves: Sequence[Mapping[str, float]],
    variants: Mapping[str, MethodRuns],
    baseline: str,
) -> dict[str, Any]:
    choice = outlier_choice(halves[0], halves[1], rule)
    methods = [
        _on_outliers(
            runs.scores,
            on_own_start(variants[baseline], runs).scores,
            runs.main_shots,
            choice.persons,
        )
        | {"variant": variant}
        for variant, runs in variants.items()
        if variant != baseline and runs.done
    ]
    return {
        "rule": rule.words,
        "persons": list(choice.persons),
        "among": choice.among,
        "chosen": estimate(choice.chosen),
        "scored": estimate(choice.scored),
        "regression": estimate(choice.regression),
        "all_regression": difference(
            {
                person: halves[1][person] - even
                for person, even in halves[0].items()
                if person in halves[1]
            }
        ),
        "in_hindsight": {
            "persons": list(choice.in_hindsight),
            "chosen": choice.hindsight_chosen,
            "other": choice.hindsight_other,
        },
        "methods": methods if choice.persons else [],
    }


def _on_outliers(
    scores: ScoreIndex, before: ScoreIndex, shots: int, persons: Sequence[str]
) -> dict[str, Any]:
    """Before (the baseline), after and their difference, on the clips that chose nobody; and on all
    other persons.
    """
    found: dict[str, Any] = {}
    for name, value in (("accuracy", "accuracy_odd"), ("detection", "detection_odd")):
        sides = [index.values(OWN, OPEN, shots, value) for index in (before, scores)]
        shared = sides[0].keys() & sides[1].keys()
        old, new = (by_person({episode: side[episode] for episode in shared}) for side in sides)
        gaps = {person: new[person] - old[person] for person in new}
        chosen = [person for person in persons if person in gaps]
        found[name] = {
            "before": float(np.mean([old[p] for p in chosen])) if chosen else None,
            "after": float(np.mean([new[p] for p in chosen])) if chosen else None,
            "difference": estimate(few_persons_interval({p: gaps[p] for p in chosen})),
            "others": estimate(
                few_persons_interval({p: gap for p, gap in gaps.items() if p not in persons})
            ),
            "of_persons": {p: [old[p], new[p]] for p in chosen},
        }
    return found


# --- microphone or person -------------------------------------------------------------------------


def channels(variants: Mapping[str, MethodRuns]) -> list[dict[str, Any]]:
    """``channel_parts`` of all methods; each part is asked of several, so p-values are Holm's over
    them.
    """
    found = [parts for runs in variants.values() if (parts := channel_parts(runs)) is not None]
    for part in found[0]["differences"] if found else ():
        adjust({entry["variant"]: entry["differences"][part] for entry in found})
    return found


def channel_parts(runs: MethodRuns) -> dict[str, Any] | None:
    """How much of "personal" is the channel, where all queries came through another one than most
    recordings.

    Enrolled is the right or a wrong person, through the queries' channel or as recorded. None where
    that was not asked.
    """
    rows = {
        "own": OWN,
        "own_elsewhere": OWN_ELSEWHERE,
        "wrong": WRONG_PERSON,
        "wrong_elsewhere": WRONG_ELSEWHERE,
    }
    values = {name: runs.scores.values(row, OPEN, runs.main_shots) for name, row in rows.items()}
    if not all(values.values()):
        return None
    asked = {
        "channel": ("own", "own_elsewhere"),
        "person": ("own", "wrong"),
        "person_elsewhere": ("own_elsewhere", "wrong_elsewhere"),
        "person_against_channel": ("own_elsewhere", "wrong"),
    }
    return {
        "variant": runs.variant,
        "channel": runs.first.config.get("scoring", {}).get("channel"),
        "levels": {name: _mean(by_person(found).values()) for name, found in values.items()},
        "differences": {
            name: difference(paired(values[first], values[second]))
            for name, (first, second) in asked.items()
        },
    }


# --- one setting changed --------------------------------------------------------------------------


def changes(variants: Mapping[str, MethodRuns], recipe: str = VOP) -> list[dict[str, Any]]:
    """What each other form of VoP is worth against the recipe that it changes, unknown persons, own
    clips.
    """
    if recipe not in variants:
        return []
    found = []
    for variant, runs in variants.items():
        if runs.first.method not in FORMS_OF_VOP:
            continue
        accuracy, nll = (
            own_difference(runs, variants[recipe], OPEN, value) for value in ("accuracy", "nll")
        )
        if variant != recipe and accuracy is not None:
            found.append({"variant": variant, "accuracy": accuracy, "nll": nll})
    for value in ("accuracy", "nll"):
        adjust({entry["variant"]: entry[value] for entry in found})
    return found


# --- draws and posteriors -------------------------------------------------------------------------


def draws_against_mean(runs: MethodRuns) -> list[dict[str, Any]]:
    """The answer averaged over weight draws beside the answer of the mean weights, same episodes,
    unknown persons.
    """
    scoring = runs.first.config.get("scoring", {})
    rows = {drawn_row(count): count for count in scoring.get("further_draws", ())}
    rows[DRAWS] = scoring.get("draws")
    found = []
    for row, shots in [(name, shots) for name in rows for shots in runs.scores.shots(name, OPEN)]:
        entry: dict[str, Any] = {"variant": runs.variant, "shots": shots, "draws": rows[row]}
        for value in ("accuracy", "nll", "coverage"):
            drawn, own = (runs.scores.values(each, OPEN, shots, value) for each in (row, OWN))
            shared = drawn.keys() & own.keys()
            entry[value] = {
                "draws": _mean(by_person({episode: drawn[episode] for episode in shared}).values()),
                "mean": _mean(by_person({episode: own[episode] for episode in shared}).values()),
                "difference": difference(paired(drawn, own)),
            }
        if entry["accuracy"]["difference"] is not None:
            found.append(entry)
    return found


def posterior_by_shots(runs: MethodRuns) -> list[dict[str, Any]]:
    """The posterior's figures by number of clips: means over folds and seeds, and how often each
    verdict was given.
    """
    every = [result.posterior for result in runs.done if result.posterior]
    found = []
    for shots in sorted({int(shots) for figures in every for shots in figures}):
        here = [figures[str(shots)] for figures in every if str(shots) in figures]
        names = [name for name, value in here[0].items() if isinstance(value, int | float)]
        verdicts = [figures["verdict"] for figures in here if "verdict" in figures]
        means = {name: _mean(figures[name] for figures in here) for name in names}
        counted = {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}
        found.append(
            {"variant": runs.variant, "shots": shots, "runs": len(here), "verdicts": counted}
            | means
        )
    return found


def worth_of_the_width(runs: MethodRuns) -> dict[str, Any] | None:
    """Whether unknown persons with a wider posterior are answered worse, and whether the
    posterior's tail is covered.

    Spearman's rank correlation between a person's posterior width and error, within each run: a
    mean over persons of the product of standard ranks, so that an interval over persons can stand
    beside it. Pareto k compares with the posterior that has seen the labels. None for methods that
    keep no width.
    """
    own = (OWN, OPEN, runs.main_shots)
    width, accuracy = runs.scores.values(*own, "std_ratio"), runs.scores.values(*own)
    tails = list(runs.scores.values(*own, "pareto_k").values())
    products: dict[str, list[float]] = {}
    for result in runs.done:
        here = sorted(e for e in width if (e.seed, e.fold) == (result.seed, result.fold))
        errors: dict[str, list[float]] = {}
        for episode, value in accuracy.items():
            if (episode.seed, episode.fold) == (result.seed, result.fold):
                errors.setdefault(episode.person, []).append(1 - value)
        ranks = [
            _standard_ranks([width[episode] for episode in here]),
            _standard_ranks([float(np.mean(errors[episode.person])) for episode in here]),
        ]
        if any(rank is None for rank in ranks):
            continue
        for episode, product in zip(here, ranks[0] * ranks[1], strict=True):
            products.setdefault(episode.person, []).append(float(product))
    if not tails and not products:
        return None
    return {
        "variant": runs.variant,
        "shots": runs.main_shots,
        "correlation": estimate(
            level_of(
                {name: float(np.mean(found)) for name, found in products.items()},
                limits=(-1.0, 1.0),
            )
        ),
        "pareto_k": {
            "median": float(np.median(tails)),
            "above": float(np.mean(np.array(tails) > GOOD_K)),
            "posteriors": len(tails),
        }
        if tails
        else None,
    }


def _standard_ranks(values: Sequence[float]) -> Float[np.ndarray, " person"] | None:
    """Ranks, ties shared, with mean 0 and variance 1; None where all are alike."""
    ranks = stats.rankdata(values)
    spread = ranks.std() if len(ranks) > 1 else 0.0
    return (ranks - ranks.mean()) / spread if spread > 0 else None


def curve(runs: MethodRuns, baseline: MethodRuns | None) -> list[dict[str, Any]]:
    """Accuracy, NLL and coverage of unknown persons by number of clips, and the differences to the
    baseline.

    Each number of clips leaves other clips to ask about; the differences are of the same ones.
    """
    found = []
    for shots in runs.scores.shots(OWN, OPEN):
        own, against = (
            {
                value: side.scores.values(OWN, OPEN, shots, value)
                for value in ("accuracy", "nll", "coverage")
            }
            if side is not None
            else {}
            for side in (runs, baseline)
        )
        gaps = {
            value: difference(paired(own[value], against.get(value, {})))
            for value in ("accuracy", "nll")
        }
        found.append(
            {
                "variant": runs.variant,
                "shots": shots,
                "accuracy": estimate(level_of(by_person(own["accuracy"]), limits=(0.0, 1.0))),
                "versus_global": gaps["accuracy"],
                "nll": _mean(by_person(own["nll"]).values()),
                "nll_versus_global": gaps["nll"],
                "coverage": _mean(by_person(own["coverage"]).values()),
            }
        )
    return found


def _mean(values: Iterable[float]) -> float | None:
    values = list(values)
    return float(np.mean(values)) if values else None
