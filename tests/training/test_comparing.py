"""Losses of training to compare, and whose clips stand in a step."""

import dataclasses
import math

import pytest
import torch
from torch.nn import functional

from tests.toys import LABELS, make_batch, make_encoder, ready, seeded, train_config
from vop_core.data.virtual_persons import OFF, FreshChannels
from vop_core.errors import EvaluationError
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.registry import METHODS
from vop_core.training import comparing
from vop_core.training.batches import EpisodeSampler
from vop_core.training.comparing import (
    IMPOSTORS,
    SHARPNESS,
    Comparing,
    angular_margin_loss,
    bernoulli_misfit,
    compared,
    with_impostors,
)
from vop_core.training.loop import train

COMPARING = ("global", "vop", "amortised-vop", "film-hypernetwork")


def batch():
    """Three persons, whose labels they are."""
    made = make_batch()
    labels = torch.arange(3)[:, None].expand_as(made.labels)
    return dataclasses.replace(made, labels=labels, enrollment_labels=None)


def made(name):
    shared = ready(GlobalModel(make_encoder(dropout=0.0)))
    return METHODS[name].from_global(shared, None)


def test_without_a_margin_it_is_the_cross_entropy_of_cosines(monkeypatch):
    embedded, rows = torch.randn(7, 5, generator=seeded(0)), torch.randn(4, 5, generator=seeded(1))
    persons = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    with_margin = angular_margin_loss(embedded, rows, persons)
    monkeypatch.setattr(comparing, "MARGIN", 0.0)
    cosine = functional.cosine_similarity(embedded[:, None], rows, dim=-1)
    plain = functional.cross_entropy(SHARPNESS * cosine, persons)
    torch.testing.assert_close(angular_margin_loss(embedded, rows, persons), plain)
    assert with_margin > plain


def test_impostors_are_others_of_the_same_corpus_where_there_are_any():
    corpus = torch.tensor([0, 1, 1])
    asked, same = with_impostors(batch(), corpus, generator=seeded(0))
    own = batch().labels.shape[1]
    assert asked.query.shape[1] == own + IMPOSTORS == same.shape[1]
    assert same[:, :own].all() and not same[:, own:].any()
    assert set(asked.labels[1, own:].tolist()) == {2}  # the only other of the corpus
    assert set(asked.labels[0, own:].tolist()) == {1, 2}  # nobody else: any others
    for person in range(3):
        for place in range(own, own + IMPOSTORS):
            clips = batch().query[asked.labels[person, place]]
            assert any(torch.equal(asked.query[person, place], clip) for clip in clips)


def test_a_query_is_compared_with_the_mean_of_the_clips_that_are_present():
    made_up = batch()
    embedded = torch.randn(3, 6, 5, generator=seeded(3))
    found = compared(embedded, made_up)
    for person in range(3):
        centre = embedded[person, :4][made_up.present[person]].mean(0)
        expected = functional.cosine_similarity(embedded[person, 4:], centre[None], dim=-1)
        torch.testing.assert_close(found[person], expected)


def test_guessing_costs_ln_2_however_many_are_the_same():
    same = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    assert bernoulli_misfit(torch.zeros(1, 4), same).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("name", COMPARING)
def test_a_step_embeds_as_enrollment_does(name):
    """Of a person all of whose clips are present, in evaluation mode."""
    method, step = made(name).eval(), batch()
    step = dataclasses.replace(step, present=torch.ones_like(step.present))
    with torch.no_grad():
        own = method.adapt(method.represent(step.enrollment.flatten(0, 1)).unflatten(0, (3, 4)))
        if method.facts.posterior and name != "vop":
            own = own | {"log_std": own["log_std"]}
            method.facts = dataclasses.replace(method.facts, posterior=False)
        embedded, _ = method.embed_episodes(step, progress=0.0, generator=seeded(0))
        clips = torch.cat((step.enrollment, step.query), dim=1)
        clips = method.represent(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])
        torch.testing.assert_close(method.features(own, clips), embedded, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", COMPARING)
def test_every_part_of_a_method_learns_to_compare(name):
    method = made(name)
    before = {key: value.clone() for key, value in method.named_parameters()}
    module = Comparing(method, torch.zeros(LABELS, dtype=torch.long))

    class Same(EpisodeSampler):
        def __init__(self):
            pass

        def draw(self, *, generator):
            return batch()

    train(module, Same(), train_config(steps=3))
    still = {
        key for key, value in method.named_parameters() if torch.equal(value.detach(), before[key])
    }
    # nothing but rows of persons who are not there, and biases that cosines do not know
    assert still <= {"encoder.classifier.bias"}, still


def test_a_method_that_cannot_compare_says_so():
    with pytest.raises(EvaluationError, match="not trained to compare"):
        made("arm-cml").embed_episodes(batch(), progress=0.0, generator=seeded(0))


def test_channels_are_fresh_for_every_clip_and_change_nothing_without_strength():
    clips = torch.randn(4, 40, 50, generator=seeded(0))
    rows = torch.tensor([[0, 0], [1, 2]])
    heard = FreshChannels()({"original": clips}, rows, generator=seeded(1))
    assert heard.shape == (2, 2, 40, 50) and not torch.allclose(heard[0, 0], heard[0, 1])
    torch.testing.assert_close(
        FreshChannels(strengths=OFF)({"original": clips}, rows, generator=seeded(1)), clips[rows]
    )
