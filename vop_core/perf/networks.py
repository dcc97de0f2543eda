"""What a personal model costs beside the global one: enrolling, answering, drawing, training."""

import copy
from collections.abc import Callable

import torch
from torch import nn

from vop_core.evaluation.cost import multiply_accumulates, multiply_accumulates_of
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.personal import person_bytes
from vop_core.methods.registry import METHODS
from vop_core.methods.vop import Vop
from vop_core.perf.comparison import Finding
from vop_core.perf.subject import SEED, SHOTS, seeded, subject
from vop_core.perf.timing import Effort, interleaved
from vop_core.training.batches import EpisodeBatch, EpisodeSampler
from vop_core.training.config import TrainConfig

DRAWS = 100
ABOVE_THE_BOUND = 1.2  # what enrolling may take beside the operations that it needs
COUNTS = (10, 32, 100, 316, 1_000)  # of draws, for the Monte-Carlo error
REPEATS = 20  # of each, whose standard deviation is the error
STEP = TrainConfig(persons_per_step=12, queries_per_person=8, max_shots=8)


def plain_pass(module: nn.Module, inputs: torch.Tensor) -> Callable[[], object]:
    """One forward pass without gradients."""

    def call() -> object:
        with torch.inference_mode():
            return module(inputs)

    return call


def enrollment(effort: Effort) -> Finding:
    """Five clips to a personal model, against the encoder's pass over the same clips."""
    vop, clips = subject().bundle.vop, subject().enrollment
    ratio = interleaved(lambda: vop.enroll(clips), plain_pass(vop.encoder, clips), effort)
    one_pass = multiply_accumulates(vop.encoder, clips)
    whole = multiply_accumulates_of(lambda: vop.enroll(clips))
    bound = max(1.0, whole / one_pass)
    facts = {"macs_of_enrollment": whole, "macs_of_pass": one_pass, "bound": bound}
    return Finding.of_ratio(ratio, target=ABOVE_THE_BOUND * bound, facts=facts)


def frozen(effort: Effort) -> Finding:
    """A person's frozen network against the global one."""
    bundle, clips = subject().bundle, subject().enrollment
    own, everybody = bundle.vop.enroll(clips).freeze(), bundle.global_model.encoder
    ratio = interleaved(plain_pass(own, clips), plain_pass(everybody, clips), effort)
    macs = [multiply_accumulates(module, clips) for module in (own, everybody)]
    exact = {
        "both have the same state-dict keys": list(own.state_dict())
        == list(everybody.state_dict()),
        "both take the same multiply-accumulates": macs[0] == macs[1],
    }
    return Finding.of_ratio(ratio, exact=exact, facts={"macs_of_pass": macs[0]})


def _drawing(method: PersonalizationMethod) -> tuple[Callable[[], object], torch.Tensor]:
    """A hundred draws' answer about one clip, and the clip."""
    clips = subject().enrollment
    person, query = method.enroll(clips), clips[:1]
    return lambda: person.predict(query, draws=DRAWS, generator=seeded()), query


def draws_of_classifier(effort: Effort) -> Finding:
    """Where only the classifier is drawn; the weights are not trained, which takes as long."""
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        method = METHODS["samovar-2fc"].from_global(subject().bundle.global_model)
    drawn, query = _drawing(method)
    return Finding.of_ratio(interleaved(drawn, plain_pass(method.encoder, query), effort), facts={})


def draws_of_scale_and_shift(effort: Effort) -> Finding:
    """All draws in one batch against one after the other; and what an answer's error falls to."""
    vop: Vop = subject().bundle.vop
    drawn, query = _drawing(vop)
    person = vop.enroll(subject().enrollment)

    def one_by_one() -> object:
        with torch.inference_mode():
            adaptations = vop.draw(person.adaptation, DRAWS, generator=seeded())
            means = adaptations["mean"].split(1)
            return torch.cat([vop.predict_proba({"mean": mean[0]}, query[None]) for mean in means])

    ratio = interleaved(drawn, one_by_one, effort)
    passes = interleaved(drawn, plain_pass(vop.encoder, query), effort)
    facts = {"draws": DRAWS, "in_passes_of_the_clip": passes.value}
    return Finding.of_ratio(ratio, facts=facts | {"monte_carlo_error": monte_carlo_error(effort)})


def monte_carlo_error(effort: Effort) -> dict[str, float]:
    """By the number of draws: the standard deviation of the most probable answer's probability,
    over draws made anew.
    """
    vop, query = subject().bundle.vop, subject().enrollment[:1]
    person, generator = vop.enroll(subject().enrollment), seeded()
    most = max(COUNTS)
    count = most * REPEATS if effort.largest >= most else 10 * effort.largest
    answers = []
    while sum(map(len, answers)) < count:
        with torch.inference_mode():
            answers.append(
                vop.predict_proba_draws(
                    person.adaptation, query[None], draws=min(count, most), generator=generator
                )[:, 0, 0]
            )
    told = torch.cat(answers)
    best = told[:, told.mean(0).argmax()]
    return {
        str(draws): float(
            best[: len(best) // draws * draws].unflatten(0, (-1, draws)).mean(1).std()
        )
        for draws in COUNTS
        if len(best) // draws > 1
    }


def persons_in_a_batch(effort: Effort) -> Finding:
    """One call against one for each person: three clips enroll, one is asked about."""
    vop, persons = subject().bundle.vop, effort.largest
    clips = subject().clips(persons, 4)
    enrollment, query = clips[:, :3], clips[:, 3:]

    def one_by_one() -> object:
        return [
            vop.enroll(own).predict(asked).probabilities
            for own, asked in zip(enrollment, query, strict=True)
        ]

    calls = interleaved(
        one_by_one, lambda: vop.predict_persons(enrollment, query), effort, whole=True
    )
    one_pass = interleaved(
        lambda: [plain_pass(vop.encoder, own)() for own in clips],
        lambda: vop.predict_persons(enrollment, query),
        effort,
        whole=True,
    )
    person = vop.enroll(enrollment[0])
    facts = {
        "persons": persons,
        "plain_passes_one_by_one": one_pass.value,
        "bytes_of_a_file": len(person_bytes(person)),
        "bytes_of_a_posterior": sum(each.nbytes for each in person.adaptation.values()),
        "bytes_of_a_network": sum(each.nbytes for each in person.freeze().state_dict().values()),
    }
    return Finding.of_ratio(calls, facts=facts)


def training_step(effort: Effort) -> Finding:
    """A step of VoP against the same clips through the global model, forward and back."""
    bundle, table = subject().bundle, subject().table
    sampler = EpisodeSampler(table, STEP)
    batch = sampler.draw(generator=seeded())
    clips, _, enrolls = batch.together()
    labels = batch.labels.flatten() % len(bundle.labels)
    batch = EpisodeBatch(
        batch.enrollment,
        batch.present,
        batch.query,
        labels.view_as(batch.labels),
        batch.training_clips,
    )
    vop, everybody = (
        copy.deepcopy(each).requires_grad_().train() for each in (bundle.vop, bundle.global_model)
    )
    generator = seeded()

    def step_of(module: nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[], object]:
        # what a step of any size moves the weights by is all the same here
        optimizer = torch.optim.AdamW(module.parameters(), lr=0.0)

        def step() -> None:
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()

        return step

    def shared_loss() -> torch.Tensor:
        return nn.functional.cross_entropy(everybody.encoder(clips)[~enrolls], labels)

    ratio = interleaved(
        step_of(vop, lambda: vop.loss(batch, progress=0.5, generator=generator)[0]),
        step_of(everybody, shared_loss),
        effort,
    )
    facts = {"persons": STEP.persons_per_step, "clips": len(clips), "shots": f"0 to {SHOTS + 3}"}
    return Finding.of_ratio(ratio, facts=facts)
