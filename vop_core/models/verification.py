"""Is it the person who enrolled? A shipped verification model's answers, and what they are worth.

Thresholds come from persons kept for choices, all corpora together, each claim within one; a
visitor's microphone was in none of them, so that the errors promised for a threshold hold for
people like those alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import scipy
import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.evaluation.controls import generator_for
from vop_core.evaluation.detection import Band
from vop_core.evaluation.intervals import Interval
from vop_core.evaluation.plan import OPEN
from vop_core.evaluation.score import DRAWS, GLOBAL, OWN, Scoring
from vop_core.evaluation.verification import KEPT, WRONG_DRAWS, cosine_with_mean
from vop_core.evaluation.verification_metrics import (
    Threshold,
    Trials,
    Verdict,
    corpora_of,
    det_band_over_speakers,
    errors_at,
    joined,
    threshold_at,
    trials_of,
)
from vop_core.evaluation.verification_overview import FALSE_ALARMS
from vop_core.methods.personal import Adaptation
from vop_core.models.bundle import Bundle
from vop_core.tasks.registry import TASKS
from vop_core.types import Clip

VOP = "vop"
MOST_CERTAIN = 200.0  # claims that a rate over persons may be worth


def operating_points(scores: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """A card's entry: for each model and number of clips the threshold, the errors it makes on
    persons tested, the DET curve, and how persons' own miss rates spread.
    """
    found = []
    for method, table in scores.items():
        row = answering_row(table)
        for shots in sorted(set(table["shots"])):
            kept, tested = (_all_corpora(table, name, shots, row) for name in (KEPT, OPEN))
            if kept is None or tested is None:
                continue
            threshold = threshold_at(kept, FALSE_ALARMS)
            misses, alarms = errors_at(tested, threshold.value)
            band = det_band_over_speakers(tested)
            found.append(
                {
                    "method": method,
                    "shots": int(shots),
                    "threshold": threshold.value,
                    "bounds": list(threshold.bounds),
                    "misses": misses,
                    "false_alarms": alarms,
                    "rate": list(beta_over_persons(kept, threshold.value)),
                    "det": {
                        name: np.round(value, 5).tolist() for name, value in asdict(band).items()
                    },
                }
            )
    return found


def answering_row(scores: pd.DataFrame) -> str:
    """By what a model judges claims: the cosine averaged over draws, where it has a posterior."""
    return DRAWS if (scores["row"] == DRAWS).any() else OWN


# whose trials, kept and tested
Sides = tuple[str, Trials, Trials]


def copied_thresholds(scores: pd.DataFrame, shots: int) -> list[dict[str, Any]]:
    """What a threshold from one corpus' kept persons does to another's persons, by corpus."""
    return _copied(_sides(scores, shots))


def copied_between_groups(
    scores: pd.DataFrame, shots: int, group_of: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The same from group to group of a corpus; ``group_of`` are persons' groups, ``corpus,
    group``.

    A group's claims are by its own persons, too. A corpus that lacks a group has none.
    """
    found: list[dict[str, Any]] = []
    for corpus, kept, tested in _sides(scores, shots):
        groups = sorted({group for group in group_of.values() if group.startswith(f"{corpus}, ")})
        parts = [
            (group, *(each.among(_persons_of(group, group_of)) for each in (kept, tested)))
            for group in groups
        ]
        trials = [each for _, *sides in parts for each in sides]
        if len(parts) > 1 and all(each.target.any() and not each.target.all() for each in trials):
            found += _copied(parts)
    return found


def _persons_of(group: str, group_of: Mapping[str, str]) -> set[str]:
    return {person for person, its in group_of.items() if its == group}


def _sides(scores: pd.DataFrame, shots: int) -> list[Sides]:
    row = answering_row(scores)
    return [
        (corpus, *(trials_of(scores, name, shots, row, corpus) for name in (KEPT, OPEN)))
        for corpus in corpora_of(scores)
        if _has(scores, KEPT, corpus)
    ]


def _copied(parts: Sequence[Sides]) -> list[dict[str, Any]]:
    return [
        {"from": source, "to": target, "misses": misses, "false_alarms": alarms}
        for source, kept, _ in parts
        for threshold in [threshold_at(kept, FALSE_ALARMS).value]
        for target, _, tested in parts
        for misses, alarms in [errors_at(tested, threshold)]
    ]


def _has(scores: pd.DataFrame, set_name: str, corpus: str) -> bool:
    found = scores[scores["set"] == set_name]
    return bool(found["person"].str.startswith(corpus + "/").any())


def _all_corpora(scores: pd.DataFrame, set_name: str, shots: int, row: str) -> Trials | None:
    parts = [
        trials_of(scores, set_name, shots, row, corpus)
        for corpus in corpora_of(scores)
        if _has(scores[scores["shots"] == shots], set_name, corpus)
    ]
    return joined(parts) if parts else None


def beta_over_persons(trials: Trials, threshold: float) -> tuple[float, float]:
    """A Beta distribution of persons' miss rates at a threshold, by moments: their spread less what
    so few claims each explain.
    """
    missed = (trials.score <= threshold) & trials.target
    count = np.bincount(trials.claimant[trials.target], minlength=len(trials.persons))
    own = np.bincount(trials.claimant[missed], minlength=len(trials.persons))
    own, count = own[count > 0], count[count > 0]
    # half a miss in one claim more: nobody is never missed
    mean = float((own.sum() + 0.5) / (count.sum() + 1))
    by_chance = mean * (1 - mean) * float((1 / count).mean())
    spread = float((own / count).var()) - by_chance
    certain = mean * (1 - mean) / spread - 1 if spread > 0 else MOST_CERTAIN
    certain = float(np.clip(certain, 1.0, MOST_CERTAIN))
    return mean * certain, (1 - mean) * certain


# --- what it is worth, by the card ----------------------------------------------------------------


@dataclass(frozen=True)
class ClaimSetting:
    """Claims within one corpus, or across its calls, after so many clips each."""

    corpus: str
    across_calls: bool  # enrolled in one call, claimed in another
    shots: int
    everybody: Interval  # equal error rate under everybody's weights
    own: Interval  # under the claimed person's
    gap: Interval  # own less everybody's: below 0 is better
    against_wrong: Interval  # own less another person's weights

    @property
    def shown(self) -> bool:
        """Whether fewer errors are shown, and that they need the right person's weights."""
        return self.gap.bounds[1] < 0 and self.against_wrong.bounds[1] < 0

    @property
    def harm_shown(self) -> bool:
        """Whether more errors are shown."""
        return self.gap.bounds[0] > 0


def card_claims(card: Mapping[str, Any]) -> tuple[ClaimSetting, ...]:
    """Of the persons whom the card's models never heard; empty where the card has no claims."""
    results = card.get("results", {})
    rates = {_claimed(row, row["method"], row["row"]): row for row in results.get("rows", ())}
    gaps = {_claimed(gap, gap["a"], gap["b"]): gap for gap in results.get("differences", ())}
    places = [place for *place, a, b in gaps if (a, b) == (DRAWS, GLOBAL)]
    return tuple(
        ClaimSetting(
            corpus,
            set_name != OPEN,
            shots,
            _over_speakers(rates[set_name, corpus, shots, GLOBAL, OWN], "eer"),
            _over_speakers(rates[set_name, corpus, shots, VOP, DRAWS], "eer"),
            _over_speakers(gaps[set_name, corpus, shots, DRAWS, GLOBAL], "mean"),
            _over_speakers(gaps[set_name, corpus, shots, DRAWS, WRONG_DRAWS], "mean"),
        )
        for set_name, corpus, shots in places
    )


def _claimed(entry: Mapping[str, Any], *names: str) -> tuple[Any, ...]:
    return entry["set"], entry["corpus"], entry["shots"], *names


def _over_speakers(entry: Mapping[str, Any], name: str) -> Interval:
    return Interval(entry[name], tuple(entry["ci95"]), entry["speakers"], "bootstrap over speakers")


# --- one visitor ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class MissRate:
    """How often a person would be refused, as far as their own clips and other persons tell."""

    mean: float
    bounds: tuple[float, float]  # 90 % interval
    missed: int  # of the person's own clips, each claimed with the others enrolled
    claimed: int
    of_others: float


@dataclass(frozen=True)
class Verifier:
    """A shipped model, and what its card says of its thresholds."""

    models: Bundle

    @cached_property
    def points(self) -> Mapping[tuple[str, int], Mapping[str, Any]]:
        """The card's entries by model and number of clips."""
        return {(each["method"], each["shots"]): each for each in self.models.card["operating"]}

    def point(self, method: str, shots: int) -> Mapping[str, Any]:
        """The entry of a model for the largest number of clips that is not above ``shots``."""
        able = [count for name, count in self.points if name == method and count <= shots]
        return self.points[method, max(able)]

    def bands(self, shots: int) -> dict[str, Band]:
        """The DET curves of both models."""
        return {
            name: Band(*(np.array(each) for each in self.point(method, shots)["det"].values()))
            for name, method in (("global", GLOBAL), ("personal", VOP))
        }

    @torch.no_grad()
    def verdicts(
        self,
        enrolled: Sequence[Clip],
        asked: Clip,
        *,
        other: Sequence[Clip] = (),
        generator: torch.Generator,
    ) -> dict[str, Verdict]:
        """Whether ``asked`` is of the person who enrolled: by everybody's weights (``global``), by
        the person's own (``personal``), and under the weights that another's clips make
        (``another``), where there are any.

        Raises AudioError for clips that may not enroll together, or cannot be heard.
        """
        TASKS[self.models.task].check_enrollment(enrolled)
        vop, own = self.models.vop, self.models.features(enrolled)[None]
        query = self.models.features([asked])[None]
        everybody = self.models.global_model
        found = {
            "global": self._verdict(
                GLOBAL,
                len(enrolled),
                cosine_with_mean(
                    *(
                        everybody.features(everybody.prior(1), everybody.represent(part[0])[None])
                        for part in (own, query)
                    )
                ),
            )
        }
        weights = {"personal": vop.adapt(own)}
        if other:
            weights["another"] = vop.adapt(self.models.features(other)[None])
        for name, adaptation in weights.items():
            draws = tuple(self._under_draws(adaptation, own, query, generator)[:, 0].tolist())
            score = torch.tensor(draws).mean()
            found[name] = self._verdict(VOP, len(enrolled), score, draws)
        return found

    def _under_draws(
        self,
        adaptation: Adaptation,
        own: Float[Tensor, "person shot *input"],
        asked: Float[Tensor, "person 1 *input"],
        generator: torch.Generator,
    ) -> Float[Tensor, "draw person"]:
        """The cosine under as many draws of the weights as the thresholds were chosen with."""
        vop, count = self.models.vop, Scoring.draws
        drawn = vop.draw(adaptation, count, generator=generator)
        under = {name: value.flatten(0, 1) for name, value in drawn.items()}  # a draw is a person
        sides = (part.expand(count, *part.shape).flatten(0, 1) for part in (own, asked))
        return cosine_with_mean(*(vop.features(under, side) for side in sides)).view(count, -1)

    def _verdict(
        self, method: str, shots: int, score: torch.Tensor, draws: tuple[float, ...] = ()
    ) -> Verdict:
        point = self.point(method, shots)
        return Verdict(float(score), Threshold(point["threshold"], tuple(point["bounds"])), draws)

    @torch.no_grad()
    def miss_rate(self, enrolled: Sequence[Clip], *, level: float = 0.9) -> MissRate:
        """The posterior of a person's own miss rate: every clip claims with the others enrolled,
        beside what the rates of persons kept for choices say beforehand.

        A single clip leaves what others say. Raises AudioError for clips that cannot be heard.
        """
        vop, clips = self.models.vop, self.models.features(enrolled)
        count = len(clips)
        before = self.point(VOP, max(1, count - 1))
        missed = 0
        if count > 1:
            rest = ~torch.eye(count, dtype=torch.bool)
            others = clips.expand(count, *clips.shape)[rest].unflatten(0, (count, -1))
            generator = generator_for(0)
            scores = self._under_draws(vop.adapt(others), others, clips[:, None], generator)
            missed = int((scores.mean(0) <= before["threshold"]).sum())
        claimed = count if count > 1 else 0
        first, second = before["rate"]
        posterior = scipy.stats.beta(first + missed, second + claimed - missed)
        low, high = posterior.interval(level)
        rate = first / (first + second)
        return MissRate(
            float(posterior.mean()), (float(low), float(high)), missed, claimed, float(rate)
        )
