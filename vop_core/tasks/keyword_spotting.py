"""Keyword spotting: which clips train, and which test known persons on new takes (closed) or
unknown persons (open).

Two tasks come with a trained model:

``keywords-ar``  the 40 words of Arabic Speech Commands [ASC] ``keywords-en``  eight command words
[DSPSPEECH], ten digits [FSDD], ``unknown`` and ``silence``; synthetic training
                 persons say all of it wideband, so that bandwidth does not tell digits from
                 commands

and any data set in the format can be cross-validated over its persons.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.data.features import FeatureTable, join_tables, load_features
from vop_core.data.locations import cache_root, find_dataset, has_dataset, voices_root
from vop_core.data.names import folded
from vop_core.data.persons import (
    Fold,
    PersonDataset,
    closed_open_split,
    load_dataset,
    person_folds,
    trainable_persons,
)
from vop_core.data.sources import dspspeech20
from vop_core.data.sources.source import DIGITS
from vop_core.data.sources.synthetic.words import UNKNOWN_TRAINING_WORDS
from vop_core.errors import DataError, EvaluationError
from vop_core.evaluation.ask import Metrics
from vop_core.evaluation.classification import classification_metrics

COMMANDS = ("speech", "speaker", "signal", "process", "open", "close", "project", "print")
UNKNOWN, SILENCE = "unknown", "silence"
KEYWORDS_EN = (*COMMANDS, *DIGITS, UNKNOWN, SILENCE)
# What keywords-en was taught to call unknown: Mandarin words, English ones of synthetic persons.
TAUGHT_UNKNOWN = (
    *(label for label, _, language in dspspeech20.WORDS if language == "zh"),
    *UNKNOWN_TRAINING_WORDS,
)
VARIANTS = ("slow", "fast", "room")
SILENCES_PER_PERSON = 12
UNKNOWN_WEIGHT = 6.0  # times as often as a keyword
FOLDS, FOLD_SEED = 4, 0  # the shipped models hold out fold 0 of these as their open set
OPEN_DIGIT_SPEAKER = "fsdd/theo"

# Whose clips are words never taught, for the rejection of what is no keyword.
UNKNOWN_WORDS = {
    "arabic_speech_commands": "dspspeech20",
    "dspspeech20": "arabic_speech_commands",
    "fsdd": "dspspeech20",
    "audiomnist": "dspspeech20",
    "speech_commands_v2": "arabic_speech_commands",
}
BUNDLED_UNKNOWN_WORDS = "synthetic-ar"  # for any other data set: these come in the box

Progress = Callable[[int, int], None] | None


@dataclass(frozen=True)
class TaskData:
    """What a method is trained on, and the two sets it is tested on."""

    name: str
    recordings: str  # fingerprint of the data sets behind it
    train: FeatureTable
    closed: FeatureTable
    open: FeatureTable
    person_weights: Float[Tensor, " person"]  # how often a training person enters a step, relative
    label_weights: Float[Tensor, " label"]  # how often each of a person's labels is drawn, relative
    metrics: Metrics = classification_metrics  # what an answer is worth


def usable_dataset(name: str) -> PersonDataset:
    """The data set of that name or folder, without the persons known to be unusable.

    Raises DataError when it is not there.
    """
    dataset = load_dataset(find_dataset(name))
    return dataset.without(dataset.known_bad) if dataset.known_bad else dataset


def unknown_words(name: str) -> str:
    """The data set whose words are unknown to models of data set ``name``; the bundled voices where
    it is not here.
    """
    wanted = UNKNOWN_WORDS.get(name)
    if wanted and has_dataset(wanted):
        return wanted
    return str(voices_root() / BUNDLED_UNKNOWN_WORDS)


def comparison_folds(dataset: PersonDataset, folds: int, *, clips: int) -> tuple[Fold, ...]:
    """The folds of a comparison, over everybody who has ``clips`` recordings to train on: all but
    one fold train each person, and all methods see the same persons.

    Raises EvaluationError where there are fewer such persons than folds.
    """
    able = trainable_persons(dataset, clips)
    if len(able) < folds <= len(dataset.persons):
        raise EvaluationError(
            f"{len(able)} of the {len(dataset.persons)} persons of '{dataset.name}' have the "
            f"{clips} clips that "
            f"training needs, too few for {folds} folds; add clips of them, or persons."
        )
    return person_folds(able, folds, seed=FOLD_SEED)


def split(
    dataset: PersonDataset, table: FeatureTable, open_persons: Sequence[str]
) -> tuple[FeatureTable, ...]:
    """Train, closed and open tables; the last take of every word of a known person is held out as
    closed.
    """
    row = {id(record): index for index, record in enumerate(dataset.records)}
    parts = closed_open_split(dataset, open_persons=open_persons)
    tables = []
    for part in (parts.train, parts.closed, parts.open):
        rows = torch.tensor([row[id(record)] for record in part.records], dtype=torch.long)
        tables.append(table.select(rows).of_persons(part.persons))
    return tuple(tables)


def crossval_data(
    name: str, fold: Fold, *, variants: Sequence[str] = (), progress: Progress = None
) -> TaskData:
    """One fold of a data set: its words are the labels, its test persons the open set, its training
    persons the rest, who may be fewer than all others.

    ``variants`` are further variants of the clips to test with; training does not use them.
    """
    dataset = usable_dataset(name)
    wanted = dict.fromkeys((*VARIANTS, "noise", *variants))
    table = load_features(dataset, variants=tuple(wanted), progress=progress)
    train, closed, unknown_persons = split(dataset, table, fold.test)
    train, closed = train.of_persons(fold.train), closed.of_persons(fold.train)
    uniform = torch.ones(len(train.persons)), torch.ones(len(train.labels))
    return TaskData(dataset.name, dataset.fingerprint, train, closed, unknown_persons, *uniform)


def keywords_ar(*, progress: Progress = None) -> TaskData:
    """Arabic commands; the open persons are those of fold 0, so that its run in a cross-validation
    is this model.
    """
    dataset = usable_dataset("arabic_speech_commands")
    fold = person_folds(dataset.persons, FOLDS, seed=FOLD_SEED)[0]
    return crossval_data("arabic_speech_commands", fold, progress=progress)


def keywords_en(*, progress: Progress = None) -> TaskData:
    """English commands and digits, ``unknown`` and ``silence``.

    Open persons: fold 0 of DSPSpeech-20 and one speaker of FSDD. The Mandarin words of DSPSpeech-20
    are ``unknown``.
    """
    variants = (*VARIANTS, "telephone", "noise")
    parts: list[tuple[FeatureTable, ...]] = []
    weights: list[Tensor] = []
    dspspeech = usable_dataset("dspspeech20")
    digits = usable_dataset("fsdd")
    synthetic = load_dataset(synthetic_training_folder())
    open_of = {
        dspspeech.name: person_folds(dspspeech.persons, FOLDS, seed=FOLD_SEED)[0].test,
        digits.name: (OPEN_DIGIT_SPEAKER,),
        synthetic.name: (),
    }
    # Real persons carry half of the steps and more; five telephone voices must not make up the
    # digits.
    for dataset, weight in ((dspspeech, 0.45), (digits, 0.25), (synthetic, 0.3)):
        table = load_features(dataset, variants=variants, progress=progress)
        tables = split(dataset, table, open_of[dataset.name])
        # never tested on, so that no figure on real people holds a synthetic person
        if dataset is synthetic:
            nobody = table.select(torch.zeros(0, dtype=torch.long))
            tables = (table, nobody, nobody)
        parts.append(tuple(with_silence(relabel(part, KEYWORDS_EN)) for part in tables))
        persons = len(parts[-1][0].persons)
        weights.append(torch.full((persons,), weight / persons))
    train, closed, unknown_persons = (
        join_tables([tables[index] for tables in parts if len(tables[index])], KEYWORDS_EN)
        for index in range(3)
    )
    # Every word that is no keyword is one label: drawn like one keyword, it would hardly be
    # learned.
    label_weights = torch.ones(len(KEYWORDS_EN))
    label_weights[KEYWORDS_EN.index(UNKNOWN)] = UNKNOWN_WEIGHT
    recordings = "-".join(dataset.fingerprint for dataset in (dspspeech, digits, synthetic))
    return TaskData(
        "keywords-en", recordings, train, closed, unknown_persons, torch.cat(weights), label_weights
    )


TITLES = {"keywords-en": "English keywords", "keywords-ar": "Arabic commands"}
LANGUAGES = {"keywords-en": "en", "keywords-ar": "ar"}  # of the words, as of the bundled voices
TASKS: Mapping[str, Callable[..., TaskData]] = {
    "keywords-en": keywords_en,
    "keywords-ar": keywords_ar,
}


def synthetic_training_folder() -> Path:
    """The synthetic training persons, made on first use (needs the ``synth`` extra)."""
    folder = cache_root() / "synthetic-training-2"  # the number goes up when what they say changes
    if not (folder / "metadata.csv").exists():
        from vop_core.data.sources.synthetic import generate_training_persons

        generate_training_persons(folder)
    return folder


def relabel(table: FeatureTable, labels: tuple[str, ...]) -> FeatureTable:
    """The same clips under the task's labels. Raises DataError as ``task_words`` does."""
    words = task_words(table.labels, labels)
    mapped = torch.tensor([labels.index(words[label]) for label in table.labels], dtype=torch.long)
    return replace(table, label=mapped[table.label], labels=labels)


def task_words(found: Iterable[str], labels: Sequence[str]) -> dict[str, str]:
    """The task's label for every word found: the same word, in whatever spelling, or ``unknown``.

    Only words that the task was taught to call ``unknown`` become it: any other may be a misspelled
    keyword, and would spoil the figures unseen. Raises DataError for a word that is neither.
    """
    taught = TAUGHT_UNKNOWN if UNKNOWN in labels else ()
    known = {folded(word): UNKNOWN for word in taught} | {folded(label): label for label in labels}
    words = {word: known.get(folded(word)) for word in found}
    strange = [word for word, label in words.items() if label is None]
    if strange:
        more = f", like {len(strange) - 1} other label(s)," if len(strange) > 1 else ""
        remedy = f"or call them '{UNKNOWN}'" if UNKNOWN in labels else "or remove them"
        raise DataError(
            f"'{strange[0]}'{more} is not a word of this task; its words are {', '.join(labels)}: "
            f"relabel those clips, {remedy}."
        )
    return words


def reading_notes(counts: Mapping[str, int], labels: Sequence[str]) -> list[str]:
    """How words are read: a sentence for every other spelling, and one for ``unknown``.

    ``counts`` are the clips of every word found. Raises DataError as ``task_words`` does.
    """
    words = task_words(counts, labels)
    notes = [
        f"'{word}' is read as '{label}' ({counts[word]} clips)."
        for word, label in words.items()
        if word != label and folded(word) == folded(label)
    ]
    foreign = [word for word, label in words.items() if folded(word) != folded(label)]
    if foreign:
        clips = sum(counts[word] for word in foreign)
        listed = ", ".join(foreign)
        notes.append(f"{clips} clips of words taught as '{UNKNOWN}' are read so: {listed}.")
    return notes


def with_silence(table: FeatureTable) -> FeatureTable:
    """Adds ``silence`` clips for each person: noise with the long-term spectrum of that person's
    clips, quieter.
    """
    if not len(table):
        return table
    rows, gains = [], []
    for person in range(len(table.persons)):
        clips = (table.person == person).nonzero().squeeze(1)
        rows.append(clips[torch.linspace(0, clips.numel() - 1, SILENCES_PER_PERSON).long()])
        gains.append(torch.linspace(-7.0, 0.0, SILENCES_PER_PERSON))
    chosen, gain = torch.cat(rows), torch.cat(gains)
    noise = torch.logaddexp(
        table.variants["noise"][chosen] + gain[:, None, None], torch.tensor(-13.8)
    )
    return replace(
        table,
        variants={name: torch.cat((value, noise)) for name, value in table.variants.items()},
        person=torch.cat((table.person, table.person[chosen])),
        label=torch.cat((table.label, torch.full_like(chosen, table.labels.index(SILENCE)))),
        take=torch.cat((table.take, table.take[chosen])),
    )
