"""Set a model's health light on persons kept for choices, and measure on others how often it errs.

Real enrollments that are refused are false alarms; those of noise, and of several persons, that
pass are misses. A single clip passes where it is not called nobody's.
"""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.data.features import ENVIRONMENTS, FeatureTable
from vop_core.evaluation.controls import WordIndex, mixed_enrollment
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.personal import gaussian_of
from vop_core.modes import evaluation_mode
from vop_core.nets.batched import CLIPS_AT_ONCE
from vop_core.types import MOST_CLIPS
from vop_core.variational.enrollment_health import LEVEL, HealthReference, in_prior_units
from vop_core.variational.two_covariance import TwoCovariance

RECORDED = "original"
LIKE_CLIPS = "noise with a person's spectra"
REPETITIONS = 20  # enrollments drawn of each person to count errors
LIMIT_REPETITIONS = 100  # and to set limits
SHOTS = (1, 3, 5, 10)  # that errors are measured with
MIXTURES = (2, 5)  # persons whose clips are mixed


def health_reference(
    method: PersonalizationMethod,  # that keeps a posterior and reads no labels
    trained: FeatureTable,
    kept: FeatureTable,
    nobodys: Mapping[str, Float[Tensor, " sample *input"]],
    *,
    generator: torch.Generator,
) -> HealthReference:
    """How clips of the training persons lie, and limits for enrollments of persons ``kept`` from
    training.

    ``LEVEL`` of these agree less than the limit. The limit of distance is the geometric mean of
    what ``LEVEL`` of them exceed and of what ``LEVEL`` of the nearest kind of noise stay under; it
    is never beyond any of ``nobodys``, which must not pass, while noise with a person's own spectra
    may come near to the person. A person is somebody else in each environment that the table holds;
    recordings as they are weigh as much as all environments together. There is a limit for each
    number of clips that half of the persons have. Raises ValueError where nobody has two clips.
    """
    places = list(_heard_places(method, trained).values())
    owners = [trained.person + len(trained.persons) * number for number in range(len(places))]
    _, owner = torch.cat(owners).unique(return_inverse=True)
    persons = TwoCovariance.fit(torch.cat(places), owner)
    heard = _heard_places(method, kept)
    others = [each for name, each in heard.items() if name != RECORDED]
    weighted = [heard[RECORDED]] * max(1, len(others)) + others
    noise = _noise_places(method, kept, nobodys)
    agreements, distances = [torch.full((), -torch.inf)], []  # of one clip nothing is asked
    for shots in range(1, _usual_count(kept) + 1):
        rows = enrollments(kept.person, shots, LIMIT_REPETITIONS, generator=generator)
        real = torch.cat([persons.distance(each[rows]) for each in weighted])
        usual = real.quantile(1 - LEVEL)
        far = {
            name: persons.distance(each) for name, each in _of_noise(noise, rows, generator).items()
        }
        near = [each.quantile(LEVEL) for each in far.values()]
        bounds = [(usual * torch.stack(near).min()).sqrt() if near else usual]
        bounds += [far[name].min() for name in nobodys]
        distances.append(torch.stack(bounds).min())
        if shots > 1:
            alike = torch.cat([persons.agreement(each[rows]) for each in weighted])
            agreements.append(alike.quantile(LEVEL))
    return HealthReference(persons, torch.stack(agreements), torch.stack(distances))


def health_errors(
    method: PersonalizationMethod,  # with a reference
    table: FeatureTable,
    nobodys: Mapping[str, Float[Tensor, " sample *input"]],
    *,
    generator: torch.Generator,
) -> list[dict[str, Any]]:
    """How often the light says what: of persons never trained on, of mixtures of them and of what
    no person gave. Shares of enrollments, by what enrolled, how it was heard, and how many clips.
    """
    heard, noise = _heard_places(method, table), _noise_places(method, table, nobodys)
    index = WordIndex(table.person, table.label)
    found = []
    for shots in SHOTS:
        own = enrollments(table.person, shots, REPETITIONS, generator=generator)
        if not len(own):
            continue
        asked = {("one person", name): each[own] for name, each in heard.items()}
        for count in MIXTURES:
            if count <= min(shots, len(table.persons)):
                rows = _mixtures(own, count, table, index, generator)
                asked |= {(f"{count} persons", name): each[rows] for name, each in heard.items()}
        drawn = _of_noise(noise, own, generator)
        asked |= {(name, RECORDED): each for name, each in drawn.items()}
        found += [
            {"enrolled": enrolled, "heard": name, "clips": shots}
            | _verdicts(method.health_reference, places)
            for (enrolled, name), places in asked.items()
        ]
    return found


def enrollments(
    person: Int[Tensor, " clip"], shots: int, repetitions: int, *, generator: torch.Generator
) -> Int[Tensor, "enrollment shot"]:
    """Several of each person with so many clips, drawn without regard to words."""
    everybody = [(person == each).nonzero().squeeze(1) for each in person.unique()]
    drawn = [
        own[torch.randperm(len(own), generator=generator)[:shots]]
        for own in everybody
        if len(own) >= shots
        for _ in range(repetitions)
    ]
    return torch.stack(drawn) if drawn else torch.zeros(0, shots, dtype=torch.long)


def _mixtures(
    own: Int[Tensor, "enrollment shot"],
    count: int,
    table: FeatureTable,
    index: WordIndex,
    generator: torch.Generator,
) -> Int[Tensor, "enrollment shot"]:
    """The same words, from each enrollment's person and others, so many in all, in turn."""
    mixed = []
    for clips in own:
        person = int(table.person[clips[0]])
        strangers = [each for each in index.by_person if each != person]
        chosen = torch.randperm(len(strangers), generator=generator)[: count - 1].tolist()
        people = [person, *(strangers[place] for place in chosen)]
        words = table.label[clips].tolist()
        mixed.append(mixed_enrollment(people, words, index, generator=generator).clips)
    return torch.stack(mixed)


def _verdicts(
    reference: HealthReference, places: Float[Tensor, "enrollment shot vector"]
) -> dict[str, Any]:
    nobody, several = reference.nobody(places), reference.several_persons(places)
    shares = {"nobody": nobody, "several persons": several & ~nobody, "passed": ~(several | nobody)}
    return {"enrollments": len(places)} | {
        name: round(float(each.float().mean()), 4) for name, each in shares.items()
    }


def _usual_count(table: FeatureTable) -> int:
    """How many clips half of the persons have, at most as many as may enroll."""
    counts = torch.bincount(table.person)
    return min(MOST_CLIPS, int(counts[counts > 0].median()))


def _heard_places(
    method: PersonalizationMethod, table: FeatureTable
) -> dict[str, Float[Tensor, "clip vector"]]:
    """The clips' places as recorded, and in each environment that the table holds."""
    return {
        name: _places(method, inputs)
        for name, inputs in table.variants.items()
        if name == RECORDED or name in ENVIRONMENTS
    }


def _noise_places(
    method: PersonalizationMethod,
    table: FeatureTable,
    nobodys: Mapping[str, Float[Tensor, " sample *input"]],
) -> dict[str, Float[Tensor, "sample vector"]]:
    """Places of what no person gave, and of noise like each clip where the table holds it."""
    inputs = dict(nobodys)
    if "noise" in table.variants:
        inputs[LIKE_CLIPS] = table.variants["noise"]
    return {name: _places(method, each) for name, each in inputs.items()}


def _of_noise(
    noise: Mapping[str, Float[Tensor, "sample vector"]],
    own: Int[Tensor, "enrollment shot"],
    generator: torch.Generator,
) -> dict[str, Float[Tensor, "_ shot vector"]]:
    """Enrollments of noise with as many clips: of what is like one person's clips, and of samples
    of another kind, each as often as any.
    """
    drawn = {}
    for name, places in noise.items():
        rows = own
        if name != LIKE_CLIPS:
            order = torch.randperm(len(places), generator=generator)
            rows = torch.stack([order.roll(place) for place in range(own.shape[1])], dim=1)
        drawn[name] = places[rows]
    return drawn


@torch.no_grad()
def _places(
    method: PersonalizationMethod, inputs: Float[Tensor, " clip *input"]
) -> Float[Tensor, "clip vector"]:
    """Each clip by itself: the mean of the posterior that it makes alone."""
    with evaluation_mode(method):
        prior = gaussian_of(method.prior(1))[0]
        found = [
            in_prior_units(gaussian_of(method.adapt(method.represent(part)[:, None])), prior)
            for part in inputs.split(CLIPS_AT_ONCE)
        ]
    return torch.cat(found)
