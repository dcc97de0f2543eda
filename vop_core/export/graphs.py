r"""What is exported: shipped models as functions of tensors alone, by operations of every engine.

    features      one second of sound to the log-mel that all models read
    enroll        clips of one person to the posterior over that person's numbers v
    answer        clips and values of v to log probabilities: 0 is the global model, the
                  posterior's mean the personal one, its draws the Monte-Carlo answers
    personalize   both in one graph
    personal      one person's weights, frozen

They are the methods' own formulas; that they compute the same is checked at every export
(:mod:`vop_core.export.check`).
"""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vop_core.data.spectrogram import LogMelConfig, mel_filterbank
from vop_core.export.onnx_files import Graph
from vop_core.methods.vop import Vop
from vop_core.modes import visited
from vop_core.nets.encoder import Encoder
from vop_core.types import SAMPLE_RATE


class Features(nn.Module):
    """Log-mels as a convolution with the windowed transform's basis: the same numbers as
    :func:`vop_core.data.spectrogram.log_mel`.
    """

    def __init__(self, config: LogMelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or LogMelConfig()
        self.register_buffer("basis", _windowed_basis(config).float())
        self.register_buffer("bands", mel_filterbank(config).float())

    def forward(self, waveform: Float[Tensor, "clip sample"]) -> Float[Tensor, "clip mel frame"]:
        config = self.config
        waves = functional.conv1d(
            waveform[:, None], self.basis, stride=config.hop, padding=config.window // 2
        )
        real, imaginary = waves.square().chunk(2, dim=1)
        return (self.bands @ (real + imaginary) + config.floor).log()


def _windowed_basis(config: LogMelConfig) -> Float[Tensor, "wave 1 sample"]:
    """Cosines and then sines of every bin over the window, in double precision: the transform's
    zeros beside the window only turn the phase, which the power does not see.
    """
    window = torch.hann_window(config.window, periodic=True, dtype=torch.float64)
    sample = torch.arange(config.window, dtype=torch.float64)
    turn = 2 * torch.pi * torch.arange(config.fft // 2 + 1)[:, None] * sample / config.fft
    return (torch.cat((turn.cos(), turn.sin())) * window)[:, None]


class Enroll(nn.Module):
    """Clips of one person to the posterior over v, and what it means in weight units."""

    def __init__(self, method: Vop) -> None:
        super().__init__()
        self.method = method
        nobody = method.prior_model()
        prior = [nobody.layer_posterior(layer) for layer in nobody.layer_names]
        self.register_buffer("prior_std", torch.cat([layer.std for layer in prior]))
        self.register_buffer("global_weight", torch.cat([layer.global_weights for layer in prior]))

    def forward(self, enrollment: Float[Tensor, " shot *input"]) -> tuple[Tensor, ...]:
        """mean and log_std of v; of the weights mean, standard deviation, the latter before any
        clip, and the global ones.
        """
        posterior = self.method.enroll_one(enrollment)
        mean = [
            torch.cat((scale, shift), dim=1)
            for _, scale, shift in self.method.moved_norms(posterior.mean)
        ]
        return (
            posterior.mean[0],
            posterior.log_std[0],
            torch.cat(mean, dim=1)[0],
            torch.cat(list(self._variances(posterior.variance[0]))).sqrt(),
            self.prior_std.clone(),
            self.global_weight.clone(),
        )

    def _variances(self, variance: Float[Tensor, " number"]) -> Iterator[Float[Tensor, " weight"]]:
        """Of each layer's weights, which are linear in v."""
        method = self.method
        codes = list(method.codes) or [None] * len(method.layer_numbers)
        norms = method.encoder.personal_norms.values()
        for part, code, norm in zip(method.layer_numbers.values(), codes, norms, strict=True):
            own = variance[part]
            if code is not None:
                size = len(code.write)
                own = own[:-size] + own[-size:] @ code.write.square()
            yield own * norm.norm.weight.square().repeat(2)


class Answer(nn.Module):
    """Clips to log probabilities, once for each value of v."""

    def __init__(self, method: Vop) -> None:
        super().__init__()
        self.method = method

    def forward(
        self, queries: Float[Tensor, " query *input"], numbers: Float[Tensor, "draw number"]
    ) -> Float[Tensor, "draw query label"]:
        draws = numbers.shape[0]
        visits = {
            norm: partial(_moved, norm, scale, shift)
            for norm, scale, shift in self.method.moved_norms(numbers)
        }
        with visited(visits):
            logits = self.method.encoder(queries.expand(draws, *queries.shape).flatten(0, 1))
        return logits.log_softmax(-1).unflatten(0, (draws, -1))


def _moved(
    norm: nn.BatchNorm2d,
    scale: Float[Tensor, "draw channel"],
    shift: Float[Tensor, "draw channel"],
    module: nn.Module,
    inputs: tuple[Tensor],
    output: Tensor,
) -> Tensor:
    """What a normalisation hands on under scales and shifts of each draw."""
    scale = scale * (norm.running_var + norm.eps).rsqrt()
    shift = shift - norm.running_mean * scale
    places = inputs[0].unflatten(0, (scale.shape[0], -1))
    return (places * scale[:, None, :, None, None] + shift[:, None, :, None, None]).flatten(0, 1)


class Personalize(nn.Module):
    """Enrollment and queries in, the answers of nobody's and of the person's weights out."""

    def __init__(self, method: Vop) -> None:
        super().__init__()
        self.method = method
        self.answer = Answer(method)

    def forward(
        self, enrollment: Float[Tensor, " shot *input"], queries: Float[Tensor, " query *input"]
    ) -> tuple[Tensor, ...]:
        posterior = self.method.enroll_one(enrollment)
        numbers = torch.cat((torch.zeros_like(posterior.mean), posterior.mean))
        answers = self.answer(queries, numbers)
        return answers[0], answers[1], posterior.mean[0], posterior.log_std[0]


class Frozen(nn.Module):
    """A plain encoder with one person's weights."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, queries: Float[Tensor, " query *input"]) -> Float[Tensor, "query label"]:
        return self.encoder(queries).log_softmax(-1)


def exported_graphs(
    method: Vop, input_shape: Sequence[int], *, heard: bool, personal: Encoder | None = None
) -> list[Graph]:
    """Everything that is exported of a model: its features where it hears, and one person's
    network where it is given.
    """
    shape, labels = tuple(input_shape), method.encoder.config.labels
    weights, numbers = method.layout.size, len(method.person_variance)
    of_clips, of_queries = {"enrollment": ("shot", *shape)}, {"queries": ("query", *shape)}
    of_person = {"mean": (numbers,), "log_std": (numbers,)}
    named = ("weight_mean", "weight_std", "prior_std", "global_weight")
    answered = ("query", labels)
    both = ("global_log_probability", "personal_log_probability")
    found = [
        Graph("enroll", Enroll(method), of_clips, of_person | dict.fromkeys(named, (weights,))),
        Graph(
            "answer",
            Answer(method),
            of_queries | {"numbers": ("draw", numbers)},
            {"log_probability": ("draw", *answered)},
        ),
        Graph(
            "personalize",
            Personalize(method),
            of_clips | of_queries,
            dict.fromkeys(both, answered) | of_person,
        ),
    ]
    if heard:
        sound, seen = ("clip", SAMPLE_RATE), ("clip", *shape)
        found.append(Graph("features", Features(), {"waveform": sound}, {"features": seen}))
    if personal is not None:
        found.append(Graph("personal", Frozen(personal), of_queries, {"log_probability": answered}))
    return found
