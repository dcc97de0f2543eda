"""Importance of weights: closed forms of a linear model, additivity, and what it may depend on."""

import pytest
import torch

from tests.toys import seeded
from vop_core.continual.importance import BATCH, fim, in_batches, mas, state_of
from vop_core.nets.mlp import Mlp, MlpConfig

LABELS, SIZE = (0, 2), 4


def linear(labels: int = 3) -> Mlp:
    """No hidden layer: logits are W x + b."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Mlp(MlpConfig(labels=labels, shape=(SIZE,), hidden=())).eval()


def samples(users: int, count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(users, count, SIZE, generator=seeded(seed))


def logits_of(model: Mlp, clips: torch.Tensor) -> torch.Tensor:
    return model(clips.flatten(0, 1)).unflatten(0, clips.shape[:2]).detach()


def test_mas_of_a_linear_model_has_its_closed_form():
    """d/dW ||Wx + b||^2 = 2 (Wx + b) x^T, summed over a batch before its size is taken [MAS]."""
    model, clips = linear(), samples(2, 7)
    found = mas(model, state_of(model), LABELS, clips)
    said = logits_of(model, clips)[..., list(LABELS)]
    slopes = torch.einsum("uso,usi->uoi", 2 * said, clips)
    torch.testing.assert_close(found["classifier.weight"][:, list(LABELS)], slopes.abs() / 7)
    torch.testing.assert_close(
        found["classifier.bias"][:, list(LABELS)], (2 * said).sum(1).abs() / 7
    )
    # a label of another task says nothing
    assert not found["classifier.weight"][:, 1].any()


def test_fim_of_a_linear_model_has_its_closed_form():
    """d/db ln p_y = e_y - p, of one sample [EWC]."""
    model, clips = linear(), samples(3, 1)
    known = torch.tensor([[0], [1], [1]])
    found = fim(model, state_of(model), LABELS, clips, known)
    said = logits_of(model, clips)[..., list(LABELS)].softmax(-1)
    slope = torch.nn.functional.one_hot(known, 2) - said
    torch.testing.assert_close(found["classifier.bias"][:, list(LABELS)], slope.sum(1).square())
    outer = torch.einsum("uso,usi->uoi", slope, clips).square()
    torch.testing.assert_close(found["classifier.weight"][:, list(LABELS)], outer)


def test_drawn_labels_follow_the_models_answer():
    """Over many draws the information of a bias is p(1 - p), the variance of a coin."""
    model, count = linear(), 4_000
    clips = samples(1, 1).expand(count, 1, SIZE)
    found = fim(model, state_of(model), LABELS, clips, generator=seeded(1))
    share = logits_of(model, clips[:1])[..., list(LABELS)].softmax(-1)[0, 0, 0]
    # values are p^2 and (1 - p)^2; their standard error is below 1 / (2 sqrt(count))
    found_one = found["classifier.bias"][:, 0].mean()
    assert abs(float(found_one - share * (1 - share))) < 4 / (2 * count**0.5)


def test_drawing_needs_a_generator():
    model = linear()
    with pytest.raises(ValueError, match="generator"):
        fim(model, state_of(model), LABELS, samples(1, 2))


@pytest.mark.parametrize("kind", ["mas", "fim"])
def test_importance_is_additive_over_data(kind):
    """Of two whole batches it is the mean of each one's."""
    model, clips = linear(), samples(1, 2 * BATCH)
    known = torch.arange(2 * BATCH)[None] % 2

    def of(part: slice) -> torch.Tensor:
        state = state_of(model)
        if kind == "mas":
            return mas(model, state, LABELS, clips[:, part])["classifier.weight"]
        return fim(model, state, LABELS, clips[:, part], known[:, part])["classifier.weight"]

    halves = of(slice(0, BATCH)) + of(slice(BATCH, None))
    torch.testing.assert_close(of(slice(None)), halves / 2)


def test_batches_of_many_samples_together_are_their_mean():
    model, clips = linear(), samples(1, 3 * BATCH + 5)
    batches, _ = in_batches(clips[0], torch.zeros(3 * BATCH + 5, dtype=torch.long))
    assert batches.shape == (3, BATCH, SIZE)
    together = mas(model, state_of(model), LABELS, clips[:, : 3 * BATCH])
    apart = mas(model, state_of(model), LABELS, batches)
    for name, value in together.items():
        torch.testing.assert_close(apart[name].mean(0, keepdim=True), value)


def test_nobody_feels_the_others():
    model, clips = linear(), samples(4, 5)
    together = mas(model, state_of(model), LABELS, clips)
    alone = mas(model, state_of(model), LABELS, clips[2:3])
    for name, value in alone.items():
        torch.testing.assert_close(together[name][2:3], value)
