r"""How much each weight matters to what a model answers, from samples of some task.

    MAS   Omega = 1/N sum_b | d/dtheta sum_{x in b} ||f(x)||^2 |       [MAS], label-free
    FIM   Omega = 1/N sum_b ( d/dtheta sum_{x in b} ln p(y|x) )^2      [EWC]

f are the logits of the task's head, b batches of ``BATCH`` samples in the order in which they come,
N all samples. FIM takes y as drawn from the model's own answer, label-free too, or as it is told.
The talk calls FIM supervised; the code released with it loads the label and does not use it when it
merges [DUA].

Departs: the released code divides FIM by the batches' sizes before it squares when it merges, and
not when it regularises; here it is one formula, both up to a factor where batches are full.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.func import functional_call, grad, vmap

from vop_core.modes import evaluation_mode
from vop_core.nets.encoder import Encoder

BATCH = 20
AT_ONCE = 16  # batches; each has a gradient of its own

Weights = dict[str, Tensor]


def state_of(encoder: Encoder) -> Weights:
    """A copy of all parameters and buffers."""
    return {name: value.detach().clone() for name, value in encoder.state_dict().items()}


def parameters_of(encoder: Encoder, state: Mapping[str, Tensor]) -> Weights:
    """The parameters of a state."""
    return {name: state[name] for name, _ in encoder.named_parameters()}


def mas(
    encoder: Encoder,
    state: Mapping[str, Tensor],
    labels: Sequence[int],
    samples: Float[Tensor, "user sample *input"],
) -> Weights:
    """Importance to the squared length of what the model says, (user, \\*shape) by parameter."""

    def length(logits: Tensor, target: Tensor) -> Tensor:
        return logits.square().sum()

    nothing = torch.zeros(samples.shape[:2], dtype=torch.long)
    return _sensitivity(encoder, state, labels, samples, nothing, length, torch.abs)


def fim(
    encoder: Encoder,
    state: Mapping[str, Tensor],
    labels: Sequence[int],
    samples: Float[Tensor, "user sample *input"],
    known: Int[Tensor, "user sample"] | None = None,
    *,
    generator: torch.Generator | None = None,
) -> Weights:
    """The diagonal Fisher information, (user, \\*shape) by parameter; ``known`` are the samples'
    places within the task, else each is drawn from the model's answer.

    Raises ValueError without a generator where there is something to draw.
    """
    if known is None:
        if generator is None:
            raise ValueError("drawing labels needs a generator")
        with evaluation_mode(encoder), torch.no_grad():
            logits = functional_call(encoder, dict(state), (samples.flatten(0, 1),))
        told = torch.multinomial(logits[:, list(labels)].softmax(-1), 1, generator=generator)
        known = told.view(samples.shape[:2])

    def log_likelihood(logits: Tensor, target: Tensor) -> Tensor:
        return logits.log_softmax(-1).gather(1, target[:, None]).sum()

    return _sensitivity(encoder, state, labels, samples, known, log_likelihood, torch.square)


def _sensitivity(
    encoder: Encoder,
    state: Mapping[str, Tensor],
    labels: Sequence[int],
    samples: Float[Tensor, "user sample *input"],
    known: Int[Tensor, "user sample"],
    said: Callable[[Tensor, Tensor], Tensor],
    size: Callable[[Tensor], Tensor],
) -> Weights:
    learned = parameters_of(encoder, state)
    fixed = {name: value for name, value in state.items() if name not in learned}
    head = torch.tensor(list(labels))

    def of_batch(own: Weights, clips: Tensor, target: Tensor) -> Tensor:
        return said(functional_call(encoder, own | fixed, (clips,))[:, head], target)

    slopes = vmap(partial(grad(of_batch), learned), chunk_size=AT_ONCE)
    total: Weights = {}
    with evaluation_mode(encoder):
        for clips, target in zip(samples.split(BATCH, 1), known.split(BATCH, 1), strict=True):
            for name, slope in slopes(clips, target).items():
                total[name] = total.get(name, 0) + size(slope)
    return {name: value / samples.shape[1] for name, value in total.items()}


def in_batches(
    samples: Float[Tensor, " every *input"], known: Int[Tensor, " every"]
) -> tuple[Float[Tensor, "batch sample *input"], Int[Tensor, "batch sample"]]:
    """Many samples as batches of ``BATCH``, whose importances together are their mean; what does
    not fill the last one is left out.
    """
    size = min(BATCH, len(samples))
    full = len(samples) // size * size
    return samples[:full].unflatten(0, (-1, size)), known[:full].unflatten(0, (-1, size))
