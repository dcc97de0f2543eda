"""What is found out about a method beside its scores."""

import math
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch

from tests.toys import make_encoder, seeded
from vop_core.bench import measure
from vop_core.bench.measure import Scene, every_other_clip, posterior_figures
from vop_core.data.episodes import draw_episodes
from vop_core.data.features import FeatureTable
from vop_core.evaluation.classification import classification_metrics
from vop_core.evaluation.plan import plan
from vop_core.evaluation.score import Scoring
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.personal import gaussian_of
from vop_core.variational.gaussian import DiagonalGaussian

TAU, SIGMA, PERSONS, NUMBERS = 0.6, 0.9, 400, 3
COUNTS = (4, 7, 9, 12)  # clips of a person, who have unequally many
SHOTS = (1, 3)


class Levels(PersonalizationMethod):
    """A clip is ``NUMBERS`` values around its person's own; the posterior is the conjugate one with
    a clip's error taken for ``sigma``.
    """

    facts = SimpleNamespace(posterior=True)
    layer_numbers: ClassVar = {"first": slice(1), "second": slice(1, 3)}

    def __init__(self, sigma=SIGMA, seen=True):
        super().__init__(make_encoder())
        self.sigma, self.seen = sigma, seen

    def predict_proba(self, adaptation, query):
        raise NotImplementedError

    def prior(self, persons):
        return self.adapt(torch.zeros(persons, 0, NUMBERS))

    def adapt(self, clips, labels=None):
        share = clips.shape[1] / (clips.shape[1] + self.sigma**2 / TAU**2)
        mean = share * clips.sum(1) / max(1, clips.shape[1])
        return {"mean": mean, "log_std": 0.5 * torch.full_like(mean, TAU**2 * (1 - share)).log()}

    def observed(self, enrollment, clips):
        mean = clips.mean(1)
        error = torch.full_like(mean, math.log(self.sigma / math.sqrt(clips.shape[1])))
        return DiagonalGaussian(mean, error) if self.seen else None


@pytest.fixture(scope="module")
def scene():
    """Gaussian persons, each asked with every other clip."""
    person = torch.arange(PERSONS).repeat_interleave(torch.tensor(COUNTS * (PERSONS // 4)))
    own = TAU * torch.randn(PERSONS, NUMBERS, generator=seeded(1))
    clips = own[person] + SIGMA * torch.randn(len(person), NUMBERS, generator=seeded(2))
    label = torch.zeros_like(person)
    names = tuple(f"toy/{index:03}" for index in range(PERSONS))
    table = FeatureTable({"original": clips}, person, label, label, names, ("a",))
    episodes = [
        episode
        for shots in SHOTS
        for episode in draw_episodes(
            person, label, persons=range(PERSONS), shots=shots, generator=seeded(3)
        )
    ]
    planned = plan(measure.evaluation_clips(table), episodes, ())
    return Scene(table, planned, classification_metrics)


@pytest.fixture
def no_answers(monkeypatch):
    """For methods that answer nothing."""
    monkeypatch.setattr(measure, "tail_of", lambda *_: math.inf)
    monkeypatch.setattr(measure, "negative_bound", lambda *_: 0.0)


class Undecided(Levels):
    """Holds each of four words for as likely, whatever the weights."""

    def predict_proba(self, adaptation, query):
        return query.new_full((*query.shape[:2], 4), 0.25)


def figures(method, scene):
    return posterior_figures(method, scene, Scoring(shots=SHOTS, main_shots=3))


def held(scores, shots):
    return scores[(scores["metric"] == "interval_coverage") & (scores["shots"] == shots)]


def test_the_bound_is_expected_nll_and_one_kl_spread_over_the_persons_clips(scene):
    method = Undecided()
    prior = gaussian_of(method.prior(1))[0]
    for episode in scene.planned[:20]:
        clips = scene.table.features[episode.enrollment]
        divergence = gaussian_of(method.adapt(clips[None]))[0].kl(prior)
        count = len(episode.enrollment) + len(episode.query)
        found = measure.negative_bound(method, scene.table, episode, prior)
        assert found == pytest.approx(math.log(4) + float(divergence) / count, rel=1e-5)


@pytest.mark.usefixtures("no_answers")
@pytest.mark.parametrize("shots", SHOTS)
def test_true_widths_hold_what_all_other_clips_show_in_nine_cases_of_ten(scene, shots):
    found = held(figures(Levels(), scene)[1], shots)
    assert len(found) == PERSONS
    tolerance = 4 * math.sqrt(0.9 * 0.1 / (PERSONS * NUMBERS))
    assert abs(found["value"].mean() - 0.9) < tolerance
    layers = torch.tensor(found["parts"].tolist())
    assert layers.shape == (PERSONS, 2)
    of_all = layers @ torch.tensor([1 / 3, 2 / 3])
    torch.testing.assert_close(of_all, torch.tensor(found["value"].tolist()), check_dtype=False)
    for wrong in (4 * SIGMA, SIGMA / 4):
        missed = held(figures(Levels(wrong), scene)[1], shots)["value"].mean()
        assert abs(missed - 0.9) > tolerance


@pytest.mark.usefixtures("no_answers")
@pytest.mark.parametrize("shots", SHOTS)
def test_what_of_an_enrollment_is_the_person_is_that_of_the_mean_of_its_clips(scene, shots):
    """Shrinking all alike changes no share; four standard errors as if all had two enrollments."""
    found = figures(Levels(), scene)[0][str(shots)]["intraclass_correlation"]
    expected = TAU**2 / (TAU**2 + SIGMA**2 / shots)
    error = (1 - expected) * (1 + expected) / math.sqrt((PERSONS / 2 - 1) * NUMBERS)
    assert abs(found - expected) < 4 * error


@pytest.mark.usefixtures("no_answers")
def test_a_posterior_of_what_no_clip_shows_has_no_coverage(scene):
    found, scores = figures(Levels(seen=False), scene)
    assert set(scores["metric"]) == {"std_ratio"} and set(found) == {"1", "3"}


def test_every_other_clip_of_a_person_wherever_they_stand_in_the_table():
    person = torch.tensor([1, 0, 1, 1, 0, 2, 1, 0])
    assert every_other_clip(person).tolist() == [True, True, False, True, False, True, False, True]
