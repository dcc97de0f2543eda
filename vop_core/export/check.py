"""Whether exported graphs compute what torch computes, with real clips and any number of them."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.data.spectrogram import log_mel
from vop_core.errors import VopError
from vop_core.export.reading import Export
from vop_core.methods.personal import PersonalModel
from vop_core.methods.vop import Vop
from vop_core.modes import evaluation_mode
from vop_core.nets.batched import personal_logits

TOLERANCE = 1e-5  # of a number, relative where it is above 1
OF_FEATURES = 1e-4  # sums of 480 products in another order, and their logarithm
SHOTS, QUERIES, DRAWS = (1, 3, 5, 10), (1, 7), 3

Compared = tuple[str, dict[str, Tensor], dict[str, Tensor]]  # graph, its inputs, torch's outputs


def check_export(
    export: Export,
    method: Vop,
    clips: Float[Tensor, " clip *input"],
    *,
    waveforms: Float[Tensor, "recording sample"] | None = None,
    person: PersonalModel | None = None,
) -> dict[str, float]:
    """The largest difference from torch in each graph: the first of a person's clips enroll, the
    last ones are asked about.

    Raises VopError where it is more than rounding explains.
    """
    worst: dict[str, float] = {}
    for name, inputs, expected in (
        *_of_features(waveforms),
        *_of_method(method, clips),
        *_of_person(person, clips),
    ):
        found = export.graphs[name](**inputs)
        for output, value in expected.items():
            if found[output].shape != value.shape:
                raise VopError(
                    f"The graph '{name}' gives '{output}' the shape {tuple(found[output].shape)}, "
                    f"torch {tuple(value.shape)}; it must not be used."
                )
            size = value.abs().clamp_min(1.0)
            apart = ((found[output] - value).abs() / size).max()
            # NaN is no difference that could be small
            worst[name] = max(worst.get(name, 0.0), float(apart.nan_to_num(torch.inf)))
    for name, apart in worst.items():
        allowed = OF_FEATURES if name == "features" else TOLERANCE
        if apart > allowed:
            raise VopError(
                f"The graph '{name}' differs from torch by {apart:.1e}, and {allowed:.0e} is "
                "allowed; it must not be used."
            )
    return worst


def _of_features(waveforms: Tensor | None) -> Iterator[Compared]:
    if waveforms is not None:
        for count in (1, len(waveforms)):
            yield (
                "features",
                {"waveform": waveforms[:count]},
                {"features": log_mel(waveforms[:count])},
            )


@torch.no_grad()
def _of_method(method: Vop, clips: Float[Tensor, " clip *input"]) -> Iterator[Compared]:
    nobody = method.prior_model()
    generator = torch.Generator().manual_seed(0)
    for shots in SHOTS:
        enrollment = clips[:shots]
        person = method.enroll(enrollment)
        layers, prior = (
            [model.layer_posterior(layer) for layer in model.layer_names]
            for model in (person, nobody)
        )
        of_person = {"mean": person.posterior.mean, "log_std": person.posterior.log_std}
        of_weights = {
            "weight_mean": torch.cat([layer.mean for layer in layers]),
            "weight_std": torch.cat([layer.std for layer in layers]),
            "prior_std": torch.cat([layer.std for layer in prior]),
            "global_weight": torch.cat([layer.global_weights for layer in prior]),
        }
        yield "enroll", {"enrollment": enrollment}, of_person | of_weights
        drawn = person.posterior.sample(DRAWS, generator=generator)
        mean = person.posterior.mean[None]
        numbers = torch.cat((torch.zeros_like(mean), mean, drawn))
        for count in QUERIES:
            queries = clips[-count:]
            with evaluation_mode(method):
                logits = personal_logits(
                    method.encoder,
                    method.deviations({"mean": numbers}),
                    queries.expand(len(numbers), *queries.shape),
                )
            answers = logits.log_softmax(-1)
            both = {"global_log_probability": answers[0], "personal_log_probability": answers[1]}
            in_one = {"enrollment": enrollment, "queries": queries}
            yield "personalize", in_one, both | of_person
            yield "answer", {"queries": queries, "numbers": numbers}, {"log_probability": answers}


def _of_person(
    person: PersonalModel | None, clips: Float[Tensor, " clip *input"]
) -> Iterator[Compared]:
    if person is not None:
        network = person.freeze().requires_grad_(False)
        for count in QUERIES:
            queries = clips[-count:]
            expected = network(queries).log_softmax(-1)
            yield "personal", {"queries": queries}, {"log_probability": expected}
