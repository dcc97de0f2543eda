"""The failure museum's exhibits that need more than a line: each can be had broken, and
repaired.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import scipy
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from vop_core.course.material import bundled_crowd, models
from vop_core.data.features import load_features
from vop_core.data.voices import bundled_dataset
from vop_core.evaluation.classification import correctness
from vop_core.methods.personal import gaussian_of
from vop_core.tasks.registry import TASKS

TASK = "keywords-en"
OUTLIER_EXCESS = 0.3  # of an outlier's error over the mean error


def verdict(holds: bool) -> str:
    """How a check came out, in a word that is seen at a glance."""
    return "holds" if holds else "FAILS"


@dataclass(frozen=True)
class PairScores:
    """How alike two clips' posteriors are (cosine): of one person, and of two."""

    same: Float[np.ndarray, " same"]
    different: Float[np.ndarray, " different"]

    def false_rejections(self, threshold: float) -> float:
        """Share of pairs of one person that are called two persons."""
        return float((self.same < threshold).mean())

    def false_alarms(self, threshold: float) -> float:
        """Share of pairs of two persons that are called one."""
        return float((self.different >= threshold).mean())

    def threshold_for(self, false_alarms: float) -> float:
        """The lowest threshold with at most this share of false alarms on these pairs."""
        ordered = np.sort(self.different)
        allowed = int(np.floor(false_alarms * len(ordered)))
        return float(np.nextafter(ordered[len(ordered) - allowed - 1], np.inf))


@torch.no_grad()
def pair_scores(variant: str = "original") -> PairScores:
    """All pairs of enrollment clips of the bundled voices, heard as recorded or through a channel
    of ``load_features``; of each posterior, how far its mean lies from the prior's, in the prior's
    standard deviations.
    """
    dataset = bundled_dataset(TASKS[TASK].language)
    table = load_features(dataset, variants=(variant,))
    enrolls = torch.tensor(
        [record.attributes["role"] == "enrollment" for record in dataset.records]
    )
    heard, person = table.variants[variant][enrolls], table.person[enrolls]
    vop = models(TASK).vop
    alone, prior = gaussian_of(vop.adapt(heard[:, None])), gaussian_of(vop.prior(1))
    features = functional.normalize((alone.mean - prior.mean) / prior.std, dim=-1)
    alike = (features @ features.mT).numpy()
    first, second = np.triu_indices(len(person), k=1)
    together = (person[first] == person[second]).numpy()
    scores = alike[first, second]
    return PairScores(scores[together], scores[~together])


def nearest_neighbour_accuracy(
    features: Float[Tensor, "clip feature"],
    labels: Int[Tensor, " clip"],
    tested: Bool[Tensor, " clip"],
) -> float:
    """Right answers on the tested clips of a classifier that repeats what the nearest other clip
    said.
    """
    from sklearn.neighbors import KNeighborsClassifier  # takes half a second

    nearest = KNeighborsClassifier(n_neighbors=1).fit(
        features[~tested].numpy(), labels[~tested].numpy()
    )
    return float(nearest.score(features[tested].numpy(), labels[tested].numpy()))


def accuracy_in_parts(
    features: Float[Tensor, "clip feature"],
    labels: Int[Tensor, " clip"],
    unit: Int[Tensor, " clip"],
    *,
    parts: int = 4,
    generator: torch.Generator,
) -> float:
    """Right answers of the same when whole units, such as all clips of a person, are dealt to
    parts, of which each is tested once; a mean over parts.
    """
    part = torch.randperm(int(unit.max()) + 1, generator=generator)[unit] % parts
    right = [nearest_neighbour_accuracy(features, labels, part == each) for each in range(parts)]
    return sum(right) / parts


def accuracy_of_one_draw(draws: int, *, generator: torch.Generator) -> Float[Tensor, " draw"]:
    """Accuracy over all bundled persons when every answer comes from one draw of the weights, for
    several draws.
    """
    crowd, vop = bundled_crowd(TASK), models(TASK).vop
    with torch.no_grad():
        adaptation = vop.adapt(crowd.enrollment)
        answers = vop.predict_proba_draws(adaptation, crowd.query, draws=draws, generator=generator)
    return correctness(answers, crowd.query_labels.expand(draws, -1, -1)).mean((1, 2))


def expected_best_epoch(epochs: int, clips: int, share: float, *, repeats: int = 4_000) -> float:
    """What the best of several test accuracies shows on average when the model's true share of
    right answers never changes.

    Each epoch's accuracy is binomial, and the epochs are independent: the largest luck there is.
    Epochs whose answers resemble each other give less.
    """
    seen = scipy.stats.binom.rvs(clips, share, size=(repeats, epochs), random_state=0) / clips
    return float(seen.max(1).mean())


def gain_of_doing_nothing(
    answers: Mapping[str, Int[np.ndarray, " clip"]], *, same_clips: bool, repeats: int = 200
) -> float:
    """What outliers, whose error is more than 30 % above the mean error, gain in accuracy when the
    same model is asked again; mean over random halves of everybody's clips.

    Outliers are chosen on one half. "Before" is that half (``same_clips``), or the other one;
    "after" is always the other.
    """
    dice = np.random.default_rng(0)
    gains = []
    for _ in range(repeats):
        mixed = {name: dice.permutation(bits) for name, bits in answers.items()}
        chosen_on = {name: float(bits[: len(bits) // 2].mean()) for name, bits in mixed.items()}
        other = {name: float(bits[len(bits) // 2 :].mean()) for name, bits in mixed.items()}
        bar = (1 + OUTLIER_EXCESS) * fmean(1 - value for value in chosen_on.values())
        outliers = [name for name, value in sorted(chosen_on.items()) if 1 - value > bar]
        before = chosen_on if same_clips else other
        gains += [other[name] - before[name] for name in outliers]
    return float(np.mean(gains))
