"""Merging: what it is the mean of, and what it refuses."""

import pytest
import torch

from tests.toys import seeded
from vop_core.continual.merging import mean_merged, mode_merged
from vop_core.errors import EvaluationError

HEADS = ((0, 1), (2, 3))


def models(count: int = 2, width: int = 3) -> list[dict[str, torch.Tensor]]:
    return [
        {
            "layer": torch.randn(width, generator=seeded(number)),
            "classifier.weight": torch.randn(4, width, generator=seeded(number + 10)),
            "classifier.bias": torch.randn(4, generator=seeded(number + 20)),
        }
        for number in range(count)
    ]


def importance(model: dict, value: float, users: int = 1) -> dict[str, torch.Tensor]:
    return {name: torch.full((users, *part.shape), value) for name, part in model.items()}


def test_mode_with_equal_weights_is_the_mean():
    both = models()
    even = [importance(each, 0.3) for each in both]
    merged, mean = mode_merged(both, even, HEADS), mean_merged(both, HEADS)
    torch.testing.assert_close(merged, mean)
    torch.testing.assert_close(mean["layer"][0], (both[0]["layer"] + both[1]["layer"]) / 2)


def test_each_number_follows_the_model_to_which_it_matters():
    both = models()
    counts = [importance(both[0], 1.0, users=2), importance(both[1], 1.0, users=2)]
    counts[0]["layer"][0, 0] = 3.0  # of the first user
    counts[1]["layer"][0, 1] = 0.0
    merged = mode_merged(both, counts, HEADS)["layer"]
    first, second = both[0]["layer"], both[1]["layer"]
    torch.testing.assert_close(merged[0, 0], 0.75 * first[0] + 0.25 * second[0])
    torch.testing.assert_close(merged[0, 1], first[1])
    torch.testing.assert_close(merged[1], (first + second) / 2)


def test_heads_stay_with_the_model_that_learned_them():
    both = models()
    merged = mean_merged(both, HEADS)
    for name in ("classifier.weight", "classifier.bias"):
        for model, head in zip(both, HEADS, strict=True):
            torch.testing.assert_close(merged[name][0, list(head)], model[name][list(head)])


def test_a_number_that_matters_to_no_model_is_their_mean():
    both = models()
    counts = [importance(each, 1.0) for each in both]
    for each in counts:
        each["layer"][0, 2] = 0.0
    merged = mode_merged(both, counts, HEADS)["layer"][0]
    torch.testing.assert_close(merged[2], (both[0]["layer"][2] + both[1]["layer"][2]) / 2)


def test_a_model_of_another_architecture_is_refused():
    with pytest.raises(EvaluationError, match=r"Model 2 is of another .*'classifier\.w"):
        mean_merged([*models(1), *models(1, width=5)], HEADS)


def test_importance_of_nothing_is_refused():
    both = models()
    with pytest.raises(EvaluationError, match="All importance weights are zero"):
        mode_merged(both, [importance(each, 0.0) for each in both], HEADS)
