"""What a posterior is and is worth, as plain values: its draws, its figures by number of clips,
whether its width is true, and whether it is wide where the model errs. Unknown persons.
"""

from typing import Any

import numpy as np
import pandas as pd
import scipy
from jaxtyping import Float

from vop_core.bench.method_runs import MethodRuns
from vop_core.evaluation.comparison import Values, by_person, level_of, paired
from vop_core.evaluation.plan import OPEN
from vop_core.evaluation.score import DRAWS, OWN, drawn_row
from vop_core.report.estimates import (
    VALUES,
    curve_persons,
    difference,
    estimate,
    mean_over_persons,
)
from vop_core.variational.diagnostics import width_verdict
from vop_core.variational.importance import GOOD_K

Entry = dict[str, Any]


def draws_against_mean(runs: MethodRuns) -> list[Entry]:
    """The answer averaged over weight draws beside the answer of the mean weights, same episodes,
    unknown persons.
    """
    scoring = runs.first.config.get("scoring", {})
    rows = {drawn_row(count): count for count in scoring.get("further_draws", ())}
    rows[DRAWS] = scoring.get("draws")
    found = []
    for row, shots in [(name, shots) for name in rows for shots in runs.scores.shots(name, OPEN)]:
        entry: Entry = {"variant": runs.variant, "shots": shots, "draws": rows[row]}
        for value in (*VALUES, "coverage"):
            drawn, own = (runs.scores.values(each, OPEN, shots, value) for each in (row, OWN))
            of_draws, of_mean = map(mean_over_persons, _shared(drawn, own))
            entry[value] = {
                "draws": of_draws,
                "mean": of_mean,
                "difference": difference(paired(drawn, own)),
            }
        if entry["accuracy"]["difference"] is not None:
            found.append(entry)
    return found


def posterior_by_shots(runs: MethodRuns) -> list[Entry]:
    """The posterior's figures by number of clips: means over folds and seeds, and how often each
    verdict was given.
    """
    every = [result.posterior for result in runs.done if result.posterior]
    found = []
    for shots in sorted({int(shots) for figures in every for shots in figures}):
        here = pd.DataFrame([figures[str(shots)] for figures in every if str(shots) in figures])
        verdicts = here.pop("verdict") if "verdict" in here else pd.Series(dtype=object)
        found.append(
            {
                "variant": runs.variant,
                "shots": shots,
                "runs": len(here),
                "verdicts": verdicts.value_counts().sort_index().to_dict(),
                **here.mean(numeric_only=True).to_dict(),
            }
        )
    return found


def worth_of_the_width(runs: MethodRuns) -> Entry | None:
    """Whether unknown persons with a wider posterior are answered worse, and whether the
    posterior's tail is covered.

    Spearman's rank correlation between a person's posterior width and error, within each run: a
    mean over persons of the product of standard ranks, so that an interval over persons can stand
    beside it. Pareto k compares with the posterior that has seen the labels. None for methods that
    keep no width.
    """
    width, accuracy, tails = (
        runs.scores.values(OWN, OPEN, runs.main_shots, name)
        for name in ("std_ratio", "accuracy", "pareto_k")
    )
    correlation = level_of(_rank_products(width, accuracy), limits=(-1.0, 1.0))
    if not tails and not width:
        return None
    values = np.array(list(tails.values()))
    return {
        "variant": runs.variant,
        "shots": runs.main_shots,
        "correlation": estimate(correlation),
        # a width that depends on nothing but the number of clips
        "alike": bool(width) and correlation is None,
        "pareto_k": {
            "median": float(np.median(values)),
            "above": float(np.mean(values > GOOD_K)),
            "posteriors": len(values),
        }
        if tails
        else None,
    }


def coverage_by_shots(runs: MethodRuns) -> list[Entry]:
    """How often the 90 % interval after some clips holds what the person's other clips show of
    the same numbers, by number of clips: means over unknown persons, of all numbers and by layer.

    Empty for methods whose numbers cannot be seen on clips.
    """
    found, everywhere = [], curve_persons(runs, "interval_coverage")
    for shots in everywhere.shots:
        cell = OWN, OPEN, shots, "interval_coverage"
        held = level_of(by_person(everywhere.only(runs.scores.values(*cell))), limits=(0.0, 1.0))
        layers = np.mean(list(everywhere.only(runs.scores.parts(*cell)).values()), axis=0)
        found.append(
            {
                "variant": runs.variant,
                "shots": shots,
                "held": estimate(held),
                "layers": layers.tolist(),
                "width": width_verdict(held.mean),
            }
        )
    return found


def _rank_products(width: Values, accuracy: Values) -> dict[str, float]:
    """Each person's mean product of standard ranks; without the runs in which all are alike."""
    if not width:
        return {}
    names = ["person", "repetition", "seed", "fold"]
    right = pd.Series(accuracy).rename_axis(names).groupby(["seed", "fold", "person"])
    errors = right.agg(lambda found: np.mean(1 - found.to_numpy()))
    table = pd.Series(width).rename_axis(names).rename("width").reset_index()
    table = table.join(errors.rename("error"), on=["seed", "fold", "person"])
    runs = table.groupby(["seed", "fold"])
    table["product"] = np.prod(
        [runs[column].transform(_standard_ranks) for column in ("width", "error")], axis=0
    )
    products = table.dropna().groupby("person")["product"]
    return products.agg(lambda found: float(np.mean(found.to_numpy()))).to_dict()


def _standard_ranks(values: pd.Series) -> Float[np.ndarray, " person"]:
    """Ranks, ties shared, with mean 0 and variance 1; not a number where all are alike."""
    ranks = scipy.stats.rankdata(values)
    spread = ranks.std()
    return (ranks - ranks.mean()) / (spread if spread > 0 else np.nan)


def _shared(*sides: Values) -> list[Values]:
    """The same figures, of the episodes that all sides have."""
    episodes = set.intersection(*map(set, sides))
    return [{episode: side[episode] for episode in episodes} for side in sides]
