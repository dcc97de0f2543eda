"""Keyword spotting: which word is said; tested on known persons' new takes (closed) and on unknown
persons (open).

Two models come with the task:

``keywords-en``  ten command words of Speech Commands [GSC], ``unknown`` and ``silence``; other
                 corpora and synthetic persons say what is none of the ten
``keywords-ar``  the 40 words of Arabic Speech Commands [ASC]

Both learn from persons whose role is ``train`` in the committed splits, and from nobody else. Any
data set in the format can be cross-validated over its persons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.data import voices
from vop_core.data.features import (
    TRAINING_ENVIRONMENTS,
    FeatureTable,
    join_tables,
    load_features,
)
from vop_core.data.locations import cache_root, has_dataset, voices_root
from vop_core.data.names import folded
from vop_core.data.persons import PersonDataset, load_dataset
from vop_core.data.sources.catalogue import DSPSPEECH_WORDS
from vop_core.data.sources.synthetic.words import UNKNOWN_TEST_WORDS, UNKNOWN_TRAINING_WORDS
from vop_core.data.virtual_persons import VirtualPersons
from vop_core.data.voices import CORPORA, BundledPerson
from vop_core.evaluation.personal_test import mixed_in, spread
from vop_core.methods.base import PersonalizationMethod
from vop_core.tasks.base import Progress, TaskData, shipped_fold, split
from vop_core.tasks.speech import SpeechTask
from vop_core.types import SAMPLE_RATE, Clip

COMMANDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
UNKNOWN, SILENCE = "unknown", "silence"
KEYWORDS_EN = (*COMMANDS, UNKNOWN, SILENCE)
OTHER_COMMANDS = (
    *("backward", "bed", "bird", "cat", "dog", "follow", "forward", "happy", "house", "learn"),
    *("marvin", "sheila", "tree", "visual", "wow", "zero", "one", "two", "three", "four", "five"),
    *("six", "seven", "eight", "nine"),
)
WAKE_UP_WORDS = ("onword", "operator", "think_engine", "voyager", "wildfire")
# What keywords-en was taught to call unknown.
TAUGHT_UNKNOWN = frozenset(
    folded(word)
    for word in (
        *OTHER_COMMANDS,
        *WAKE_UP_WORDS,
        *(label for label, *_ in DSPSPEECH_WORDS),
        *UNKNOWN_TRAINING_WORDS,
    )
)
MOST_SILENCES, CLIPS_PER_SILENCE = 12, 10  # of a person, and how many clips bring one
UNKNOWN_WEIGHT = 3.0  # times as often as a keyword
CLIPS_OF_A_STEP = 12  # a person with fewer is drawn as much more rarely
# How often a training person is one of these. Most steps are about people who say the ten words.
SHARES = {"speech_commands_test": 0.6, "wuw2": 0.1, "dspspeech20": 0.1, "synthetic-training": 0.2}

# Whose clips are words never taught, for the rejection of what is no keyword.
UNKNOWN_WORDS = {
    "arabic_speech_commands": "dspspeech20",
    "dspspeech20": "arabic_speech_commands",
    "speech_commands_test": "speech_commands_test_others",
    "wuw2": "speech_commands_test_others",
    "speech_commands_v2": "arabic_speech_commands",
}


class KeywordSpotting(SpeechTask):
    """Which word a clip says, by its log-mels."""

    kind = "keyword spotting"
    language: ClassVar[str]  # of the shipped model's words, as of the bundled voices
    encoder: ClassVar[Mapping[str, Any]] = {"name": "conv5", "config": {}}
    augmentation = VirtualPersons()
    variants = ("slow", "fast", *TRAINING_ENVIRONMENTS, "noise")
    no_words = frozenset({UNKNOWN, SILENCE})
    in_the_box = CORPORA["en"].folder
    limits = (
        "Few persons, read words, one second a clip. Trained for study, not for products: no "
        "far-field, babble or children's speech was tested, and a personal gain measured on so few "
        "persons is as uncertain as its interval says."
    )
    licences: ClassVar[Mapping[str, str]] = {
        "arabic_speech_commands": (
            "Arabic Speech Commands (Ghandoura, Hjabo, Al Dakkak 2021), CC BY 4.0"
        ),
        "dspspeech20": "DSPSpeech-20 (Zhongyu Chen 2019), MIT",
        "speech_commands_test": "Speech Commands v0.02 (Pete Warden, Google, 2018), CC BY 4.0",
        "wuw2": "WUW Corpus II (Kepuska, 2001-02), CC BY-SA 4.0",
        "synthetic-training": (
            "synthetic training persons, made by this repository with espeak-ng"
        ),
    }

    def table(
        self,
        dataset: PersonDataset,
        *,
        variants: Sequence[str] = (),
        cache: bool = True,
        progress: Progress = None,
    ) -> FeatureTable:
        """Log-mels of every clip, each focused on its second of speech. Raises AudioError."""
        return load_features(dataset, variants=variants, cache=cache, progress=progress)

    def bundled_persons(self) -> tuple[BundledPerson, ...]:
        """Those who speak the language of the task. Raises DataError."""
        return voices.bundled_persons(self.language)

    def strangers(self) -> tuple[BundledPerson, ...]:
        """Those who speak the other language of the bundled voices. Raises DataError."""
        return voices.bundled_persons("en" if self.language == "ar" else "ar")

    def enrollable(self, table: FeatureTable) -> FeatureTable:
        """All words, of whatever label; ``silence`` is noise that nobody said."""
        return _said(table, *(label for label in table.labels if label != SILENCE))

    def never_taught(self, dataset: str) -> str:
        """Words of another data set; of bundled persons who speak another language where that is
        not here.
        """
        wanted = UNKNOWN_WORDS.get(dataset)
        if wanted and has_dataset(wanted):
            return wanted
        arabic = CORPORA["ar"]
        other = "en" if dataset in (arabic.name, arabic.folder) else "ar"
        return str(voices_root() / CORPORA[other].folder)


class ArabicCommands(KeywordSpotting):
    """40 words."""

    name = "keywords-ar"
    title = "Arabic commands"
    language = "ar"
    shipped_encoder: ClassVar[Mapping[str, Any]] = {"tau": 1.5}
    shipped_length = 2

    def data(self, *, progress: Progress = None) -> TaskData:
        """Arabic Speech Commands [ASC]; the open persons are the bundled ones."""
        dataset = self.dataset("arabic_speech_commands")
        return self.fold_data(dataset.name, shipped_fold(dataset), progress=progress)


class EnglishKeywords(KeywordSpotting):
    """Ten commands, ``unknown`` and ``silence``; half of the persons by telephone, so that the band
    does not tell wake-up words, which were recorded so, from commands.
    """

    name = "keywords-en"
    title = "English keywords"
    language = "en"
    augmentation = VirtualPersons(telephone_probability=0.5)
    shipped_encoder: ClassVar[Mapping[str, Any]] = {"tau": 1.5}
    shipped_length = 3

    def data(self, *, progress: Progress = None) -> TaskData:
        """Speech Commands; WUW, DSPSpeech-20 and synthetic persons, who say other words, too.

        Closed and open set are persons of Speech Commands, who say the ten words.
        """
        commands, others = (
            self.dataset(name) for name in ("speech_commands_test", "speech_commands_test_others")
        )
        train, closed, unknown_persons = self._speech_commands((commands, others), progress)
        training, recordings = [train], [commands.fingerprint, others.fingerprint]
        for name in ("wuw2", "dspspeech20"):
            dataset = self.dataset(name)
            table = self._table(dataset.restrict(persons=shipped_fold(dataset).train), progress)
            training.append(with_silence(table))
            recordings.append(dataset.fingerprint)
        synthetic = load_dataset(synthetic_training_folder())
        training.append(with_silence(self._table(synthetic, progress)))
        recordings.append(synthetic.fingerprint)
        # Every word that is no keyword is one label: drawn like one keyword, it would hardly be
        # learned.
        label_weights = torch.ones(len(KEYWORDS_EN))
        label_weights[KEYWORDS_EN.index(UNKNOWN)] = UNKNOWN_WEIGHT
        return TaskData.of(
            self.name,
            "-".join(recordings),
            (join_tables(training, KEYWORDS_EN), closed, unknown_persons),
            person_weights=torch.cat(
                [
                    share * _person_weights(table)
                    for share, table in zip(SHARES.values(), training, strict=True)
                ]
            ),
            label_weights=label_weights,
        )

    def _table(self, dataset: PersonDataset, progress: Progress = None) -> FeatureTable:
        variants = (*self.variants, "telephone")
        table = self.table(dataset, variants=variants, progress=progress)
        return self.relabel(table, KEYWORDS_EN)

    def _speech_commands(
        self, datasets: Sequence[PersonDataset], progress: Progress
    ) -> list[FeatureTable]:
        """Train, closed and open: persons who say the ten words, and all that they say."""
        parts = []
        for dataset in datasets:
            fold = shipped_fold(dataset)
            dataset = dataset.restrict(persons=(*fold.train, *fold.test))
            parts.append(split(dataset, self._table(dataset, progress), fold.test))
        joined = (join_tables(tables, KEYWORDS_EN) for tables in zip(*parts, strict=True))
        return [with_silence(table) for table in joined]

    def prompts(self, known: int, unknown: int, *, generator: torch.Generator) -> tuple[str, ...]:
        """Commands, spread over all ten, and among them words that were never taught."""
        never = [word for word in UNKNOWN_TEST_WORDS if folded(word) not in TAUGHT_UNKNOWN]
        commands = COMMANDS * -(-known // len(COMMANDS))
        asked = [commands[place] for place in spread(commands, known, generator=generator)]
        others = [never[place] for place in spread(never, unknown, generator=generator)]
        return tuple(mixed_in(asked, others, generator=generator))

    def taught_as(self, label: str, labels: Sequence[str]) -> str | None:
        """``unknown`` for the words that were taught as such."""
        return UNKNOWN if folded(label) in TAUGHT_UNKNOWN else None

    def remedy(self, labels: Sequence[str]) -> str:
        """Nothing but a sample of no keyword may be called unknown."""
        return f"or call them '{UNKNOWN}'"

    @torch.no_grad()
    def checks(
        self, models: Mapping[str, PersonalizationMethod], data: TaskData
    ) -> dict[str, dict[str, float]]:
        """It must hear words, not bandwidth; know what it was never taught; and stay silent."""
        known = join_tables([data.closed, data.open], KEYWORDS_EN)
        strangers = [
            self._table(dataset.restrict(persons=shipped_fold(dataset).test))
            for dataset in map(self.dataset, ("wuw2", "dspspeech20"))
        ]
        taught = join_tables([data.open, *strangers], KEYWORDS_EN)
        untaught = self.relabel(self.table(load_dataset(unknown_test_folder())), KEYWORDS_EN)
        inputs = {
            "words taught as unknown, said by persons never trained on, answered unknown": (
                _said(taught, UNKNOWN).features,
                UNKNOWN,
            ),
            "English words never taught, said by synthetic persons, answered unknown": (
                untaught.features,
                UNKNOWN,
            ),
            "backgrounds of persons never trained on, answered silence": (
                _said(data.open, SILENCE).features,
                SILENCE,
            ),
            "white noise, answered silence": (self.features(white_noise()), SILENCE),
        }
        found = {
            "rise of commands called unknown when low-passed at 4 kHz": {
                method: round(unknown_share_rise(model, _said(known, *COMMANDS)), 4)
                for method, model in models.items()
            }
        }
        for name, (features, label) in inputs.items():
            found[name] = {
                method: round(answered(model, features, label), 4)
                for method, model in models.items()
            }
        return found


def unknown_share_rise(model: PersonalizationMethod, table: FeatureTable) -> float:
    """How much more often commands are called unknown once they are heard through a telephone
    band.
    """
    wide, narrow = (
        answered(model, table.variants[variant], UNKNOWN) for variant in ("original", "telephone")
    )
    return narrow - wide


def answered(
    model: PersonalizationMethod, features: Float[Tensor, "clip mel frame"], label: str
) -> float:
    """The share of clips that a model of keywords-en, with nobody enrolled, answers so."""
    answers = model.predict_persons(None, features[None])[0].argmax(-1)
    return float((answers == KEYWORDS_EN.index(label)).float().mean())


def white_noise() -> list[Clip]:
    """A second each, from -60 to -10 dB re full scale."""
    generator = torch.Generator().manual_seed(0)
    levels = torch.linspace(-60, -10, 51)
    noise = torch.randn(len(levels), SAMPLE_RATE, generator=generator)
    return [Clip(sound) for sound in (10 ** (levels / 20))[:, None] * noise.clamp(-3, 3)]


def _said(table: FeatureTable, *labels: str) -> FeatureTable:
    wanted = torch.tensor([table.labels.index(label) for label in labels])
    return table.select(torch.isin(table.label, wanted))


def _person_weights(table: FeatureTable) -> Float[Tensor, " person"]:
    """Sum 1; persons weigh alike, but for those who have fewer clips than a step asks for."""
    clips = torch.bincount(table.person, minlength=len(table.persons))
    weights = clips.clamp(max=CLIPS_OF_A_STEP).float()
    return weights / weights.sum()


def synthetic_training_folder() -> Path:
    """The synthetic training persons, made on first use (needs the ``synth`` extra)."""
    folder = cache_root() / "synthetic-training-3"  # the number goes up when what they say changes
    if not (folder / "metadata.csv").exists():
        from vop_core.data.sources.synthetic.build import generate_training_persons

        generate_training_persons(folder)
    return folder


def unknown_test_folder() -> Path:
    """Synthetic persons' words that were never trained, made on first use (the same extra)."""
    folder = cache_root() / "synthetic-test-2"
    if not (folder / "metadata.csv").exists():
        from vop_core.data.sources.synthetic.build import generate_unknown_test

        generate_unknown_test(folder)
    return folder


def with_silence(table: FeatureTable) -> FeatureTable:
    """Adds ``silence`` clips for each person, about one for ten clips and at most twelve: noise
    with the long-term spectrum of that person's clips, quieter.
    """
    if not len(table):
        return table
    rows, gains = [], []
    for person in range(len(table.persons)):
        clips = (table.person == person).nonzero().squeeze(1)
        count = min(MOST_SILENCES, round(clips.numel() / CLIPS_PER_SILENCE))
        rows.append(clips[torch.linspace(0, clips.numel() - 1, count).long()])
        gains.append(torch.linspace(-7.0, 0.0, count))
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
        call=None if table.call is None else torch.cat((table.call, table.call[chosen])),
    )
