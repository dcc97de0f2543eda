"""What people do instead of enrolling, on the same clips: gradient steps, and other libraries."""

import copy
import importlib

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.func import functional_call, grad
from torch.utils.data import DataLoader, TensorDataset

from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.fine_tune import FineTuneConfig, FineTuneFilm
from vop_core.perf.comparison import Finding, Unavailable
from vop_core.perf.memory import peak_megabytes
from vop_core.perf.subject import SEED, SHOTS, Subject, seeded, subject
from vop_core.perf.timing import Effort, interleaved

STEPS = (1, 2, 3, 5, 10, 20, 50)  # of fine-tuning, tried from few to many
INNER_STEPS, INNER_RATE = 5, 0.01  # of MAML, as is usual


def fine_tuning(effort: Effort) -> Finding:
    """As many gradient steps on scales and shifts, the weights that VoP moves, as it takes to be at
    least as accurate as VoP on the persons' other clips; the most accurate number of steps where
    none is.
    """
    known = subject()
    bundle, persons = known.bundle, _persons(known, 40 if effort.largest >= 100 else 4)
    enrolled = _accuracy(bundle.vop, known, persons)
    tried = {steps: _accuracy(_fine_tuned(known, steps), known, persons) for steps in STEPS}
    enough = [steps for steps, accuracy in tried.items() if accuracy >= enrolled]
    steps = enough[0] if enough else max(tried, key=lambda each: tried[each])
    method, clips, labels = _fine_tuned(known, steps), known.enrollment, known.labels
    ratio = interleaved(
        lambda: method.enroll(clips, labels), lambda: bundle.vop.enroll(clips), effort
    )
    facts = {
        "persons": len(persons),
        "accuracy_enrolled": enrolled,
        "accuracy_fine_tuned": tried[steps],
        "as_accurate": bool(enough),
        "gradient_steps": steps,
        "labels_read": SHOTS,
        "peak_megabytes_enrolled": peak_megabytes(lambda: bundle.vop.enroll(clips)),
        "peak_megabytes_fine_tuned": peak_megabytes(lambda: method.enroll(clips, labels)),
    }
    return Finding.of_ratio(ratio, facts=facts)


def _fine_tuned(known: Subject, steps: int) -> PersonalizationMethod:
    return FineTuneFilm.from_global(known.bundle.global_model, FineTuneConfig(steps=steps))


def _persons(known: Subject, most: int) -> list[Int[Tensor, " _"]]:
    """Keywords of each person who says enough of them, in an order of chance."""
    said = torch.tensor([name in known.bundle.labels for name in known.table.labels])
    keyword, generator, found = said[known.table.label], seeded(), []
    for person in range(len(known.table.persons)):
        own = ((known.table.person == person) & keyword).nonzero().squeeze(1)
        if len(own) > SHOTS:
            found.append(own[torch.randperm(len(own), generator=generator)])
    return found[:most]


def _accuracy(
    method: PersonalizationMethod, known: Subject, persons: list[Int[Tensor, " _"]]
) -> float:
    """Over persons, on the clips that did not enroll."""
    features, labels = known.table.features, known.model_labels
    shares = []
    for own in persons:
        first, others = own[:SHOTS], own[SHOTS:]
        model = method.enroll(features[first], labels[first])
        shares.append(
            (model.predict(features[others]).label_index == labels[others]).float().mean()
        )
    return float(torch.stack(shares).mean())


def maml(effort: Effort) -> Finding:
    """The inner loop of MAML, a functional one by torch.func over all weights."""
    known = subject()
    clips, labels, vop = known.enrollment, known.labels, known.bundle.vop
    encoder = known.bundle.global_model.encoder
    weights = {name: value.detach() for name, value in encoder.named_parameters()}

    def loss(own: dict[str, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(functional_call(encoder, own, (clips,)), labels)

    slope = grad(loss)

    def adapted() -> dict[str, Tensor]:
        own = weights
        for _ in range(INNER_STEPS):
            moves = slope(own)
            own = {name: value - INNER_RATE * moves[name] for name, value in own.items()}
        return own

    ratio = interleaved(adapted, lambda: vop.enroll(clips), effort)
    facts = {
        "gradient_steps": INNER_STEPS,
        "peak_megabytes_enrolled": peak_megabytes(lambda: vop.enroll(clips)),
        "peak_megabytes_maml": peak_megabytes(adapted),
    }
    return Finding.of_ratio(ratio, facts=facts)


def laplace(effort: Effort) -> Finding:
    """A posterior over the classifier's weights by laplace-torch, from the same clips labeled."""
    try:
        library = importlib.import_module("laplace")
    except ImportError:
        raise Unavailable("laplace-torch is not installed.") from None
    known = subject()
    clips, labels, vop = known.enrollment, known.labels, known.bundle.vop
    encoder = copy.deepcopy(known.bundle.global_model.encoder).requires_grad_()
    # The library takes a weight as one row of numbers, which ours in channels-last order are not.
    encoder.to(memory_format=torch.contiguous_format)
    torch.manual_seed(SEED)  # the library draws from torch's own stream
    loader = DataLoader(TensorDataset(clips, labels), batch_size=len(clips))

    def fitted() -> object:
        posterior = library.Laplace(
            encoder,
            "classification",
            subset_of_weights="last_layer",
            hessian_structure="diag",
        )
        posterior.fit(loader)
        return posterior

    ratio = interleaved(fitted, lambda: vop.enroll(clips), effort)
    return Finding.of_ratio(ratio, facts={"labels_read": len(clips)})
