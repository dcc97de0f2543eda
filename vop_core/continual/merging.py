r"""One model of several that learned one task each [IMM].

    mean-IMM   theta = 1/T sum_t theta_t
    mode-IMM   theta = sum_t Omega_t theta_t / sum_t Omega_t, number by number

Heads are not merged: each task's rows of the classifier are those of the model that learned it.

Departs: a number that matters to none of the models is their mean; the released code divides by
1e-10 there, which makes it 0 [DUA].
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vop_core.continual.importance import Weights
from vop_core.errors import EvaluationError

HEAD = ("classifier.weight", "classifier.bias")


def mean_merged(models: Sequence[Mapping[str, Tensor]], heads: Sequence[Sequence[int]]) -> Weights:
    """The parameters' mean, (1, \\*shape). Raises EvaluationError as :func:`mode_merged`."""
    even = [{name: torch.ones_like(value)[None] for name, value in each.items()} for each in models]
    return mode_merged(models, even, heads)


def mode_merged(
    models: Sequence[Mapping[str, Tensor]],
    importance: Sequence[Mapping[str, Tensor]],  # of each model, (user, *shape)
    heads: Sequence[Sequence[int]],  # each task's labels
) -> Weights:
    """The parameters of each user's model, (user, \\*shape) by name.

    Raises EvaluationError for models of different architectures, and where no number matters to any
    of them.
    """
    shapes = [{name: tuple(value.shape) for name, value in each.items()} for each in models]
    for number, each in enumerate(shapes[1:], start=2):
        if each != shapes[0]:
            differing = sorted({*shapes[0].items()} ^ {*each.items()})[0][0]
            raise EvaluationError(
                f"Model {number} is of another architecture than model 1 (they differ in "
                f"'{differing}'), so that their weights cannot be merged; train all from one start."
            )
    merged, matters = {}, False
    for name in models[0]:
        values = torch.stack([each[name] for each in models])[:, None]  # (task, 1, *shape)
        counts = torch.stack([each[name] for each in importance])  # (task, user, *shape)
        together = counts.sum(0)
        matters |= bool(together.any())
        share = torch.where(together > 0, counts / together, 1 / len(models))
        merged[name] = (share * values).sum(0)
    if not matters:
        raise EvaluationError(
            "All importance weights are zero: nothing says which model's weights to keep; give "
            "samples that the models answer to, or merge them by their mean."
        )
    for name in HEAD:
        for model, rows in zip(models, heads, strict=True):
            merged[name][:, list(rows)] = model[name][list(rows)]
    return merged
