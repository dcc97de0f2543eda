"""What a task is: whose samples, which encoder reads them, and what an answer about them is worth.

A task says which data train and test its shipped model, how samples become inputs, which encoder
reads them, how a training step makes new persons of old ones, and what an answer is worth. Bench,
models, app and command line ask only that; a new task is one file beside this one and one line of
:mod:`vop_core.tasks.registry`.

Queries are answered with class probabilities, of which ``metrics`` make named values for score
tables; a task that ``compares`` has claims to be somebody instead, and one similarity for each.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.data.environments import CLEAN
from vop_core.data.episodes import draw_episodes
from vop_core.data.features import SWAPPED_ENVIRONMENT, FeatureTable, join_tables
from vop_core.data.locations import find_dataset
from vop_core.data.names import folded
from vop_core.data.persons import (
    Fold,
    PersonDataset,
    closed_open_split,
    load_dataset,
    person_folds,
    trainable_persons,
)
from vop_core.data.splits import BUNDLE, CHOOSE, TEST, TRAIN, persons_with_role, split_file
from vop_core.data.voices import BundledPerson
from vop_core.data.ways import Ways
from vop_core.errors import DataError, EvaluationError
from vop_core.evaluation.ask import Metrics
from vop_core.evaluation.classification import classification_metrics
from vop_core.evaluation.score import GLOBAL, Scoring
from vop_core.evaluation.verification import Claims
from vop_core.methods.base import PersonalizationMethod
from vop_core.training.batches import Augmentation
from vop_core.training.config import TrainConfig
from vop_core.types import Episode

FOLD_SEED = 0
_STEP = TrainConfig(persons_per_step=12, queries_per_person=8, learning_rate=8e-3)
# one model for everybody: nothing enrolls
SHARED = replace(_STEP, steps=400, max_shots=1)
# most steps, because an encoder must learn to live with personal statistics
BRANCH = replace(_STEP, steps=1200, max_shots=8)

Progress = Callable[[int, int], None] | None


@dataclass(frozen=True)
class TaskData:
    """What a method is trained on, and the two sets it is tested on."""

    name: str
    recordings: str  # fingerprint of the data sets behind it
    train: FeatureTable
    closed: FeatureTable
    open: FeatureTable
    # how often a training person enters a step, relative
    person_weights: Float[Tensor, " person"]
    # how often each of a person's labels is drawn, relative
    label_weights: Float[Tensor, " label"]
    sources: tuple[str, ...] = ()  # names or folders of the data sets tested on
    # the shape of training episodes whose classes are new each time; None: labels are everybody's
    ways: Ways | None = None
    # clips of persons who are neither trained on nor tested, where there are such
    kept: FeatureTable | None = None
    # weights of a pretrained encoder, by their names; all others start at random
    start: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """What a model of these data tells apart; numbers, where classes are new each time."""
        if self.ways:
            return tuple(str(way + 1) for way in range(self.ways.ways))
        return tuple(self.train.labels)

    @classmethod
    def of(
        cls,
        name: str,
        recordings: str,
        tables: Sequence[FeatureTable],  # train, closed, open
        *,
        person_weights: Float[Tensor, " person"] | None = None,
        label_weights: Float[Tensor, " label"] | None = None,
    ) -> "TaskData":
        """With equal weights unless given."""
        train = tables[0]
        persons = torch.ones(len(train.persons)) if person_weights is None else person_weights
        labels = torch.ones(len(train.labels)) if label_weights is None else label_weights
        return cls(name, recordings, *tables, persons, labels)

    def to(self, device: torch.device) -> "TaskData":
        """The same with its inputs on a device."""
        names = ("train", "closed", "open", *(("kept",) if self.kept is not None else ()))
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


@runtime_checkable
class Environment(Protocol):
    """Where a person is heard or seen."""

    @property
    def description(self) -> str: ...


class Task(ABC):
    """One kind of question to personal models, with the data of its shipped model."""

    kind: ClassVar[str]  # the question; the same for every model that answers it
    name: ClassVar[str]  # of the shipped model, in the registry
    title: ClassVar[str]  # for people
    limits: ClassVar[str]  # of its shipped model, as a card says them

    # --- what a model is made of ------------------------------------------------------------------

    encoder: ClassVar[Mapping[str, Any]]  # its name and settings, all but the labels
    augmentation: ClassVar[Augmentation]
    # whether it asks of whom a sample is, under everybody's claim, instead of what it shows
    compares: ClassVar[bool] = False
    # whether persons teach it classes of their own, by labeled samples
    taught: ClassVar[bool] = False
    heard: ClassVar[bool] = False  # whether samples are recordings
    # for people: what is said of clips and words, in the task's own terms
    terms: ClassVar[Mapping[str, str]] = {}
    shared: ClassVar[TrainConfig] = SHARED  # the phase that all models of the task start with
    branch: ClassVar[TrainConfig] = BRANCH  # the further steps of each
    # by their names in the registry: what answers for everybody, and what VoP is here
    baseline: ClassVar[str] = GLOBAL
    vop: ClassVar[str] = "vop"
    # the model in the box: settings of its encoder that differ, and how many times as long it
    # trains as one of many in a comparison
    shipped_encoder: ClassVar[Mapping[str, Any]] = {}
    shipped_length: ClassVar[int] = 1

    # --- the data ---------------------------------------------------------------------------------

    in_the_box: ClassVar[str]  # a data set that every clone has, for the suite ``smoke``
    variants: ClassVar[tuple[str, ...]] = ()  # of samples, which training and controls read
    licences: ClassVar[Mapping[str, str]] = {}  # data set -> whose it is
    no_words: ClassVar[frozenset[str]] = frozenset()  # labels that say "none of the others"

    @abstractmethod
    def table(
        self,
        dataset: PersonDataset,
        *,
        variants: Sequence[str] = (),
        cache: bool = True,
        progress: Progress = None,
    ) -> FeatureTable:
        """Every sample of a data set as an input, and further ``variants`` of it.

        With ``cache=False`` nothing of it is kept on disk. Raises VopError for a sample that is
        none.
        """

    @abstractmethod
    def data(self, *, progress: Progress = None) -> TaskData:
        """What the shipped model is trained and tested on. Raises DataError where it is missing."""

    def dataset(self, name: str) -> PersonDataset:
        """The data set of that name or folder, without the persons known to be unusable.

        Raises DataError when it is not there.
        """
        dataset = load_dataset(find_dataset(name))
        return dataset.without(dataset.known_bad) if dataset.known_bad else dataset

    def fold_data(
        self, name: str, fold: Fold, *, variants: Sequence[str] = (), progress: Progress = None
    ) -> TaskData:
        """One fold of a data set: its labels are the classes, its test persons the open set, its
        training persons the rest, who may be fewer than all others.

        ``variants`` are further variants of the samples to test with; training does not use them.
        The test persons swap environments among themselves, so that whoever stands in another's is
        a stranger, too; raises DataError where one is alone.
        """
        dataset = self.dataset(name)
        wanted = dict.fromkeys((*self.variants, *variants))
        swapping = SWAPPED_ENVIRONMENT in wanted
        wanted = tuple(each for each in wanted if each != SWAPPED_ENVIRONMENT)
        table = self.table(dataset, variants=wanted, progress=progress)
        train, closed, unknown_persons = split(dataset, table, fold.test)
        if swapping:
            strangers = self.table(
                dataset.restrict(persons=unknown_persons.persons),
                variants=(SWAPPED_ENVIRONMENT,),
                progress=progress,
            )
            unknown_persons = replace(
                unknown_persons, variants=unknown_persons.variants | strangers.variants
            )
        # an augmentation may draw from every variant of its table
        known = [name for name in train.variants if name in ("original", *self.variants)]
        train = replace(train, variants={name: train.variants[name] for name in known})
        parts = train.of_persons(fold.train), closed.of_persons(fold.train), unknown_persons
        return TaskData.of(dataset.name, dataset.fingerprint, parts)

    def folds(self, dataset: PersonDataset, count: int, *, clips: int) -> tuple[Fold, ...]:
        """Whom each part of a comparison trains on and tests. Raises EvaluationError as
        :func:`comparison_folds`.
        """
        return comparison_folds(dataset, count, clips=clips)

    def kept_for_choices(
        self, data: TaskData, sources: Sequence[str] | None = None
    ) -> FeatureTable | None:
        """Clips of those whom choices are made on, with the labels of ``data``, of these data sets
        or else of the corpora behind it; None where all of them are trained on or tested, or
        nothing has a split.
        """
        used = {*data.train.persons, *data.open.persons}
        if sources is None:
            corpora = sorted({person.partition("/")[0] for person in data.train.persons})
            sources = [corpus for corpus in corpora if split_file(corpus).is_file()]
        tables = []
        for source in sources:
            dataset = self.dataset(source)
            kept = [person for person in persons_with_role(dataset, CHOOSE) if person not in used]
            if kept:
                words = self._taught(dataset.labels, data.train.labels)
                part = dataset.restrict(persons=kept, labels=[w for w in words if words[w]])
                table = self.table(part, variants=self.variants)
                tables.append(self.relabel(table, data.train.labels))
        return join_tables(tables, data.train.labels) if tables else None

    def claims(
        self,
        sources: Sequence[str],
        persons: Collection[str],
        shots: Sequence[int],
        *,
        cohort: FeatureTable | None = None,
        cache: bool = True,
    ) -> Claims:
        """Who of ``persons`` in some data sets claims to be whom, where a task ``compares``; the
        cohort are training clips.

        Raises EvaluationError where it does not, or nobody has clips enough.
        """
        raise EvaluationError(f"'{self.name}' compares nothing.")

    def age_groups(self) -> dict[str, str]:
        """``corpus, children`` or ``corpus, adults`` of every person whose age is known, where a
        task ``compares``.
        """
        return {}

    def episodes(
        self,
        table: FeatureTable,
        persons: Sequence[int],
        shots: int,
        *,
        generator: torch.Generator,
    ) -> list[Episode]:
        """One episode of each person: so many samples that enroll, all others that are asked about.

        Raises EvaluationError where somebody has too few.
        """
        return draw_episodes(
            table.person,
            table.label,
            persons=persons,
            shots=shots,
            generator=generator,
            names=table.persons,
        )

    def enrollable(self, table: FeatureTable) -> FeatureTable:
        """The samples that a person may enroll; all of them, unless a task says otherwise."""
        return table

    def never_taught(self, dataset: str) -> str | None:
        """The data set whose samples models of ``dataset`` must reject, if there is one."""
        return None

    def rejects(self, dataset: str, count: int) -> Float[Tensor, " sample *input"] | None:
        """So many inputs of ``never_taught``, spread evenly over it."""
        source = self.never_taught(dataset)
        if source is None or not count:
            return None
        table = self.table(self.dataset(source))
        return table.features[torch.linspace(0, len(table) - 1, min(count, len(table))).long()]

    # --- labels -----------------------------------------------------------------------------------

    def taught_as(self, label: str, labels: Sequence[str]) -> str | None:
        """Under which of the task's labels a foreign one was taught; None where it was not."""
        return None

    def words(self, found: Iterable[str], labels: Sequence[str]) -> dict[str, str]:
        """The task's label for every one found: the same in whatever spelling, or as it was taught.

        Raises DataError for one that is neither: it may be misspelled, and would spoil the figures
        unseen.
        """
        words = self._taught(found, labels)
        strange = [word for word, label in words.items() if label is None]
        if strange:
            more = f", like {len(strange) - 1} other label(s)," if len(strange) > 1 else ""
            raise DataError(
                f"'{strange[0]}'{more} is not a word of this task; its words are "
                f"{', '.join(labels)}: relabel those clips, {self.remedy(labels)}."
            )
        return {word: label for word, label in words.items() if label is not None}

    def _taught(self, found: Iterable[str], labels: Sequence[str]) -> dict[str, str | None]:
        """As ``words``; None for what was not taught."""
        known = {folded(label): label for label in labels}
        return {word: known.get(folded(word)) or self.taught_as(word, labels) for word in found}

    def remedy(self, labels: Sequence[str]) -> str:
        """What else may be done with a sample whose label the task does not know."""
        return "or remove them"

    def relabel(self, table: FeatureTable, labels: Sequence[str]) -> FeatureTable:
        """The same samples under the task's labels. Raises DataError as ``words``."""
        words = self.words(table.labels, labels)
        mapped = torch.tensor([labels.index(words[label]) for label in table.labels])
        return replace(table, label=mapped.long()[table.label], labels=tuple(labels))

    def reading_notes(self, counts: Mapping[str, int], labels: Sequence[str]) -> list[str]:
        """How labels are read: a sentence for every other spelling, and one for each label under
        which others were taught.

        ``counts`` are the samples of every label found. Raises DataError as ``words``.
        """
        words = self.words(counts, labels)
        taught = {word: label for word, label in words.items() if folded(word) != folded(label)}
        notes = [
            f"'{word}' is read as '{label}' ({counts[word]} clips)."
            for word, label in words.items()
            if word != label and word not in taught
        ]
        for label in dict.fromkeys(taught.values()):
            read_so = [word for word in taught if taught[word] == label]
            clips = sum(counts[word] for word in read_so)
            notes.append(
                f"{clips} clips of words taught as '{label}' are read so: {', '.join(read_so)}."
            )
        return notes

    # --- one person's samples, and what answers are worth -----------------------------------------

    @abstractmethod
    def features(self, samples: Sequence[Any]) -> Float[Tensor, " sample *input"]:
        """What a person gave, as inputs: the same function as in training.

        Raises VopError for none, and for one that is no input.
        """

    def read(self, path: Path) -> Any:
        """A sample from a file. Raises VopError for what is none; EvaluationError unless a task
        says how.
        """
        raise EvaluationError(f"'{self.name}' reads no files.")

    def bytes_of(self, sample: Any) -> int:
        """What a sample weighs where another computer has to personalize. Raises EvaluationError
        unless a task says so.
        """
        raise EvaluationError(f"'{self.name}' does not say what a sample weighs.")

    def check_enrollment(self, samples: Sequence[Any]) -> None:
        """Raise VopError for samples that may not enroll together: those that are no inputs, and
        whatever else a task says.
        """
        self.features(samples)

    def poor(self, samples: Sequence[Any]) -> list[str]:
        """A sentence for each sample that can be used and had better be given anew."""
        return []

    def scrambled(self, sample: Any, *, generator: torch.Generator) -> Any:
        """Noise that has of a sample what tells nothing of the person: the control ``noise``.

        Raises EvaluationError unless a task says what that is.
        """
        raise EvaluationError(f"'{self.name}' has no noise to compare with.")

    def bundled_persons(self) -> tuple[BundledPerson, ...]:
        """The bundled persons who say the task's words; nobody, unless a task says otherwise.

        Raises DataError where their clips are missing.
        """
        return ()

    def strangers(self) -> tuple[BundledPerson, ...]:
        """Bundled persons who say none of the task's words; nobody, unless a task says otherwise.

        Raises DataError where their clips are missing.
        """
        return ()

    def environments(self, person: str) -> Mapping[str, Environment]:
        """The few environments in which a bundled person can be met, by name; none, unless a task
        says otherwise.
        """
        return {}

    def met_in(self, environment: str, person: str | None, sample: Any) -> Any:
        """A sample as it is heard or seen in one of its person's environments, or ``clean``.

        Raises DataError for another name.
        """
        if environment != CLEAN:
            raise DataError(f"Nobody can be met in '{environment[:40]}'; choose {CLEAN}.")
        return sample

    def prompts(self, known: int, unknown: int, *, generator: torch.Generator) -> tuple[str, ...]:
        """What a person is asked to say in a test: so many of the shipped model's words, and so
        many others; nothing where no words are written down.
        """
        return ()

    @property
    def scoring(self) -> Scoring:
        """What a model in the box is asked on its card."""
        return Scoring.everywhere()

    def group_of(self, person: str) -> str:
        """Whom intervals are over: the person, unless a task says otherwise."""
        return person

    @property
    def metrics(self) -> Metrics:
        """What an answer is worth: named values for each query."""
        return classification_metrics

    def nobodys(
        self, count: int, *, generator: torch.Generator
    ) -> dict[str, Float[Tensor, " sample *input"]]:
        """So many inputs of each kind that no person gave, by what they are."""
        return {}

    def checks(
        self, models: Mapping[str, PersonalizationMethod], data: TaskData
    ) -> dict[str, dict[str, float]]:
        """What a shipped model's card says beside its scores: check -> model -> figure."""
        return {}


def comparison_folds(dataset: PersonDataset, folds: int, *, clips: int) -> tuple[Fold, ...]:
    """The folds of a comparison: everybody is unknown in one of them and trained on in all others.

    Persons whom choices are made on stand in no fold; those with fewer than ``clips`` samples to
    train on are only asked. All methods see the same persons.

    Raises EvaluationError where persons to train on are too few for so many folds.
    """
    dataset = dataset.without(persons_with_role(dataset, CHOOSE))
    able = set(trainable_persons(dataset, clips))
    found = tuple(
        Fold(tuple(person for person in fold.train if person in able), fold.test)
        for fold in person_folds(dataset.persons, folds, seed=FOLD_SEED)
    )
    if len(able) < folds or not all(fold.train for fold in found):
        raise EvaluationError(
            f"{len(able)} of the {len(dataset.persons)} persons of '{dataset.name}' have the "
            f"{clips} clips that training needs, too few for {folds} folds; add clips of them, or "
            "persons."
        )
    return found


def choice_fold(dataset: PersonDataset, *, clips: int) -> Fold:
    """The fold on which choices are made: its unknown persons are tested nowhere.

    Raises EvaluationError where the data set has no split, or nobody to train or to choose on.
    """
    able = set(trainable_persons(dataset, clips))
    train = tuple(person for person in persons_with_role(dataset, TRAIN) if person in able)
    test = persons_with_role(dataset, CHOOSE)
    if not train or not test:
        raise EvaluationError(
            f"'{dataset.name}' has {len(train)} person(s) to train on and {len(test)} to choose "
            "on; choose on a data set with a split in data/splits."
        )
    return Fold(train, test)


def shipped_fold(dataset: PersonDataset) -> Fold:
    """Whom a shipped model learns from, and the unknown persons whom it is tested on: those of role
    ``test``, or the bundled ones where nobody has that role.

    Raises EvaluationError where the data set has no split, or nobody to train or to test on.
    """
    train = persons_with_role(dataset, TRAIN)
    test = persons_with_role(dataset, TEST) or persons_with_role(dataset, BUNDLE)
    if not train or not test:
        raise EvaluationError(
            f"'{dataset.name}' has {len(train)} person(s) to train on and {len(test)} to test on; "
            "train on a data set with a split in data/splits."
        )
    return Fold(train, test)


def split(
    dataset: PersonDataset, table: FeatureTable, open_persons: Sequence[str]
) -> tuple[FeatureTable, ...]:
    """Train, closed and open tables; the last take of every label of a known person is held out as
    closed.
    """
    row = {id(record): index for index, record in enumerate(dataset.records)}
    parts = closed_open_split(dataset, open_persons=open_persons)
    tables = []
    for part in (parts.train, parts.closed, parts.open):
        rows = torch.tensor([row[id(record)] for record in part.records], dtype=torch.long)
        tables.append(table.select(rows).of_persons(part.persons))
    return tuple(tables)
