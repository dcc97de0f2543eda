"""What can be seen of a posterior and is worth it, as tables: of a person's weights, of all
bundled persons, of draws, and of every method's answers to the same clips.

A page, a script and a notebook call these functions, so that all three show the same numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vop_core.bench.measure import held_by_layer
from vop_core.data.environments import CLEAN
from vop_core.data.voices import BundledPerson, BundledSample
from vop_core.errors import DataError, EvaluationError
from vop_core.evaluation.classification import negative_log_likelihood
from vop_core.evaluation.comparison import level_of
from vop_core.evaluation.controls import generator_for
from vop_core.evaluation.intervals import proportion_interval
from vop_core.evaluation.plan import OPEN, PlannedEpisode
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.personal import PersonalModel, gaussian_of
from vop_core.methods.registry import METHODS
from vop_core.models.bundle import Bundle
from vop_core.models.bundled import enrolled_clips, heard_clips
from vop_core.tasks.registry import TASKS
from vop_core.types import MOST_CLIPS
from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.variational.inference_data import draws_as_inference_data
from vop_core.variational.monte_carlo import draw_errors
from vop_core.variational.predictive import predict_from_draws
from vop_core.variational.principal import PrincipalPlane

if TYPE_CHECKING:
    from xarray import DataTree

CROWD_CLIPS = 5  # that every bundled person enrolls with where persons are compared
COUNTS = (1, 2, 3, 5, 10)  # of clips after which the width is checked
MOST_OTHERS = 10  # query clips of each person that check it
DRAWS = 64
MOST_QUERIES = 20  # of one person that are asked with draws
# of methods whose defaults want the training persons' clips, or more clips than a person gives
SETTINGS = {"adabn": {"source_clips": 10.0}, "t3a": {"scaled": False}}
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
SOUNDS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".webm")


@dataclass(frozen=True, eq=False)
class HeardPerson:
    """One person's clips as a model hears them; labels are None where no word is known."""

    name: str
    enrollment: Float[Tensor, " shot *input"]
    query: Float[Tensor, " query *input"]
    enrollment_labels: Int[Tensor, " shot"] | None = None
    query_labels: Int[Tensor, " query"] | None = None

    @property
    def asked(self) -> Float[Tensor, " clip *input"]:
        """The query clips; where there is none, those that enrolled."""
        return self.query if len(self.query) else self.enrollment


def bundled_person(
    bundle: Bundle, person: str | BundledPerson, environment: str, clips: int | Sequence[str]
) -> HeardPerson:
    """A bundled person (or the id): so many enrollment clips, those that the app would take, or
    those with these files' names; and all query clips with words that the models know, or all
    where a task compares.

    Raises DataError for a person or a clip that is not bundled.
    """
    found = _named(bundle, person) if isinstance(person, str) else person
    if isinstance(clips, int):
        enrolled = enrolled_clips(bundle, found, environment, clips)
    else:
        enrolled = _of_names(found, clips)
    compares = TASKS[bundle.task].compares
    asked = [clip for clip in found.query if compares or clip.label in bundle.labels]
    return HeardPerson(
        found.name,
        heard_clips(bundle, found.id, environment, enrolled).features,
        heard_clips(bundle, found.id, environment, asked).features,
        _labels(bundle, enrolled),
        _labels(bundle, asked),
    )


def person_of_clips(
    bundle: Bundle, clips: Sequence[Any], query: Sequence[Any] = (), words: Sequence[str] = ()
) -> HeardPerson:
    """Anybody from their clips, and what they are asked about, with the words where they are
    known.
    """
    enrollment = bundle.features(clips)
    known = len(words) == len(query) > 0 and all(word in bundle.labels for word in words)
    labels = torch.tensor([bundle.labels.index(word) for word in words]) if known else None
    asked = bundle.features(query) if query else enrollment[:0]
    return HeardPerson("you", enrollment, asked, query_labels=labels)


def person_of_folder(bundle: Bundle, folder: Path | str) -> HeardPerson:
    """Whoever gave the sounds, or pictures, of a folder, at most ten in the order of their names;
    those of its folder ``query`` are asked about. Raises DataError where there is none to enroll.
    """
    task = TASKS[bundle.task]
    endings = SOUNDS if task.heard else PICTURES
    enrolled, asked = (
        [task.read(path) for path in sorted(place.glob("*")) if path.suffix.lower() in endings]
        for place in (Path(folder), Path(folder) / "query")
    )
    if not enrolled:
        raise DataError(
            f"There is no {'sound' if task.heard else 'picture'} file in '{Path(folder).name}'; "
            "put a few there."
        )
    return person_of_clips(bundle, enrolled[:MOST_CLIPS], asked)


def crowd(bundle: Bundle, persons: Sequence[BundledPerson], environment: str = CLEAN) -> Tensor:
    """The first ``CROWD_CLIPS`` enrollment clips of each person, (person, shot, *input)."""
    shots = min(CROWD_CLIPS, *(len(person.enrollment) for person in persons))
    heard = [
        heard_clips(bundle, person.id, environment, person.enrollment[:shots]).features
        for person in persons
    ]
    return torch.stack(heard)


# --- one person's weights -------------------------------------------------------------------------


def layer_table(model: PersonalModel) -> pd.DataFrame:
    """Every personal weight: its Gaussian before and after the clips, what is left of the width
    (sd / prior sd), how far the mean moved (in prior sd), and the divergence (nats).
    """
    parts = []
    for layer, title in model.layer_titles.items():
        prior, own = (model.layer_posterior(layer, which) for which in ("prior", "combined"))
        gaussians = [DiagonalGaussian(each.mean, each.std.log()) for each in (own, prior)]
        columns = {
            "prior_mean": prior.mean,
            "prior_sd": prior.std,
            "mean": own.mean,
            "sd": own.std,
            "width": own.std / prior.std,
            "moved": (own.mean - prior.mean) / prior.std,
            "kl": gaussians[0].kl_per_dimension(gaussians[1]),
        }
        values = {name: value.double().numpy() for name, value in columns.items()}
        place = {"weight": range(len(own.names)), "name": own.names}
        parts.append(pd.DataFrame({"layer": layer, "title": title} | place | values))
    return pd.concat(parts, ignore_index=True)


@torch.no_grad()
def draws_to_export(model: PersonalModel, draws: int, seed: int = 0) -> "DataTree":
    """Draws of a person's weights and of anybody's, in ArviZ's format: a variable for each personal
    layer, its weights by their names.
    """
    generator = generator_for(seed)
    groups = {
        group: drawn.sample_weights(draws, generator=generator)
        for group, drawn in (("posterior", model), ("prior", model.method.prior_model()))
    }
    axes = {layer: f"weight of {layer}" for layer in model.layer_names}
    names = {axes[layer]: model.layer_posterior(layer).names for layer in axes}
    return draws_as_inference_data(groups, axes, names)


# --- all bundled persons --------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class PersonsMap:
    """Persons' posteriors in the plane in which they differ most."""

    plane: PrincipalPlane
    table: pd.DataFrame  # person, heard, x, y, var_x, cov, var_y


@torch.no_grad()
def persons_map(
    bundle: Bundle, names: Sequence[str], heard: Mapping[str, Tensor]
) -> PersonsMap | None:
    """Where persons lie, for each environment in which all are heard ((person, shot, *input)); the
    plane is that of the first. None for fewer than three persons.
    """
    if len(names) < 3:
        return None
    prior = gaussian_of(bundle.vop.prior(1))[0].detach()
    found = {where: gaussian_of(bundle.vop.adapt(clips)).detach() for where, clips in heard.items()}
    plane = PrincipalPlane.fit(next(iter(found.values())), prior)
    parts = [place_table(plane, posteriors, names, where) for where, posteriors in found.items()]
    return PersonsMap(plane, pd.concat(parts, ignore_index=True))


def place_table(
    plane: PrincipalPlane, posteriors: DiagonalGaussian, names: Sequence[str], heard: str
) -> pd.DataFrame:
    """Posteriors (batch axis: person) in a plane: place and covariance."""
    places, spread = plane.place(posteriors).double(), plane.covariance(posteriors).double()
    columns = {
        "x": places[:, 0],
        "y": places[:, 1],
        "var_x": spread[:, 0, 0],
        "cov": spread[:, 0, 1],
        "var_y": spread[:, 1, 1],
    }
    values = {name: value.numpy() for name, value in columns.items()}
    return pd.DataFrame({"person": list(names), "heard": heard} | values)


@torch.no_grad()
def coverage_table(bundle: Bundle, persons: Sequence[BundledPerson]) -> pd.DataFrame:
    """For each person and number of clips that enroll: the posterior's width (of the prior's), and
    the share of numbers whose 90 % interval holds what all the person's other clips show, of all
    numbers and of each layer; empty where a method cannot be seen on clips.

    Heard clean; at most ``MOST_OTHERS`` query clips of each person.
    """
    vop, layers = bundle.vop, list(bundle.vop.layer_numbers)
    taken = [(*person.enrollment, *person.query[:MOST_OTHERS]) for person in persons]
    clips = torch.cat(
        [
            heard_clips(bundle, who.id, CLEAN, own).features
            for who, own in zip(persons, taken, strict=True)
        ]
    )
    starts = np.cumsum([0, *map(len, taken)])
    prior, lines = gaussian_of(vop.prior(1))[0], []
    for shots in COUNTS:
        episodes = [
            _episode(number, persons[number], shots, int(starts[number]), len(taken[number]))
            for number in range(len(persons))
            if len(persons[number].enrollment) >= shots and len(taken[number]) > shots
        ]
        if not episodes:
            continue
        posteriors = gaussian_of(vop.adapt(clips[torch.stack([e.enrollment for e in episodes])]))
        widths = (posteriors.log_std - prior.log_std).mean(-1).exp().tolist()
        held = held_by_layer(vop, clips, episodes, posteriors)
        for episode, width, (share, parts) in zip(episodes, widths, held, strict=False):
            of_layers = dict(zip(layers, parts, strict=True))
            lines.append((episode.name, shots, width, share, *of_layers.values()))
    return pd.DataFrame(lines, columns=["person", "clips", "width", "coverage", *layers])


def coverage_by_clips(table: pd.DataFrame) -> pd.DataFrame:
    """Means over persons by number of clips, with the 95 % interval of the coverage."""
    lines = []
    for clips, here in table.groupby("clips"):
        held = level_of(dict(zip(here["person"], here["coverage"], strict=True)), limits=(0.0, 1.0))
        low, high = held.bounds or (np.nan, np.nan)
        lines.append((clips, len(here), here["width"].mean(), held.mean, low, high))
    return pd.DataFrame(lines, columns=["clips", "persons", "width", "coverage", "low", "high"])


# --- draws ----------------------------------------------------------------------------------------


def answers_by_draw(
    model: PersonalModel, clips: Float[Tensor, " clip *input"], seed: int = 0
) -> Float[Tensor, "draw query label"]:
    """Answers to the first ``MOST_QUERIES`` clips under each of ``DRAWS`` draws of the weights."""
    with torch.inference_mode():
        answers = model.method.predict_proba_draws(
            model.adaptation,
            model.method.represent(clips[:MOST_QUERIES])[None],
            draws=DRAWS,
            generator=generator_for(seed),
        )
        return answers[:, 0]


def draws_table(answers: Float[Tensor, "draw query label"]) -> pd.DataFrame:
    """The error that so many draws leave in the answer's probability, expected and seen, and the
    share of answers that change.
    """
    return pd.DataFrame(draw_errors(answers))


def uncertainty_table(
    bundle: Bundle,
    answers: Float[Tensor, "draw query label"],
    labels: Int[Tensor, " query"] | None = None,
) -> pd.DataFrame:
    """Of each query: the answer over all draws, the word where it is known, and the entropy
    (nats) in its two parts.
    """
    found = predict_from_draws(answers)
    chosen = found.label_index.tolist()
    said = [""] * len(chosen) if labels is None else [bundle.labels[each] for each in labels]
    return pd.DataFrame(
        {
            "query": range(1, len(chosen) + 1),
            "word": said[: len(chosen)],
            "answer": [bundle.labels[each] for each in chosen],
            "probability": found.probabilities.max(-1).values.numpy(),
            "total": found.total.numpy(),
            "aleatoric": found.aleatoric.numpy(),
            "epistemic": found.epistemic.numpy(),
        }
    )


# --- every method ---------------------------------------------------------------------------------


def live_methods(bundle: Bundle) -> dict[str, PersonalizationMethod]:
    """VoP, and the methods that can be made of the global model alone: they are not trained, and
    take nothing from the training persons' clips.
    """
    made = {
        name: kind.from_global(bundle.global_model, kind.config_type(**SETTINGS[name]))
        if name in SETTINGS
        else kind.from_global(bundle.global_model)
        for name, kind in METHODS.items()
        if not kind.facts.trained
        and (name in SETTINGS or kind.prepare is PersonalizationMethod.prepare)
    }
    return {"global": bundle.global_model, "vop": bundle.vop} | made


def method_table(bundle: Bundle, heard: HeardPerson) -> pd.DataFrame:
    """What the global model, VoP and every method that needs no training answer to the person's
    queries after the same clips.

    Right answers with their 95 % interval over the clips of this one person, mean NLL, and the
    first answer. Methods that read labels are left out where no word is known. Raises
    EvaluationError where nothing is asked.
    """
    if not len(heard.query):
        raise EvaluationError("There is no query clip to ask about; give one that did not enroll.")
    lines = []
    for name, method in live_methods(bundle).items():
        if not method.facts.labels or heard.enrollment_labels is not None:
            lines.append({"method": name, **_answers_of(bundle, method, heard)})
    return pd.DataFrame(lines)


def _answers_of(
    bundle: Bundle, method: PersonalizationMethod, heard: HeardPerson
) -> dict[str, object]:
    facts = method.facts
    reads = "nothing" if not facts.personal else "labeled clips" if facts.labels else "clips"
    if facts.gradients:
        reads += ", gradient steps"
    labels = heard.enrollment_labels if facts.labels else None
    found = method.enroll(heard.enrollment, labels).predict(
        heard.query, draws=facts.draws, generator=generator_for(0)
    )
    line: dict[str, object] = {
        "reads": reads,
        "answer": bundle.labels[int(found.label_index[0])],
        "probability": float(found.probabilities[0].max()),
    }
    if heard.query_labels is None:
        return line
    right, asked = int((found.label_index == heard.query_labels).sum()), len(heard.query)
    low, high = proportion_interval(right, asked)
    nll = negative_log_likelihood(found.probabilities, heard.query_labels).mean()
    scores = {"accuracy": right / asked, "low": low, "high": high, "nll": float(nll)}
    return line | {"asked": asked, "right": right} | scores


# --- clips ----------------------------------------------------------------------------------------


def _named(bundle: Bundle, person: str) -> BundledPerson:
    persons = {each.id: each for each in TASKS[bundle.task].bundled_persons()}
    if person not in persons:
        raise DataError(f"'{person[:40]}' is no bundled person of {bundle.task}.")
    return persons[person]


def _of_names(person: BundledPerson, names: Sequence[str]) -> tuple[BundledSample, ...]:
    records = {record.path.name: record for record in person.enrollment}
    missing = [name for name in names if name not in records]
    if missing:
        raise DataError(f"{person.name} has no enrollment clip '{missing[0][:40]}'.")
    return tuple(records[name] for name in names)


def _labels(bundle: Bundle, clips: Sequence[BundledSample]) -> Tensor | None:
    """None where a word is none of the models'."""
    if not all(clip.label in bundle.labels for clip in clips):
        return None
    return torch.tensor([bundle.labels.index(clip.label) for clip in clips], dtype=torch.long)


def _episode(
    number: int, person: BundledPerson, shots: int, start: int, clips: int
) -> PlannedEpisode:
    rows = torch.arange(start, start + clips)
    return PlannedEpisode(number, person.name, OPEN, shots, 0, rows[:shots], rows[shots:], peers=())
