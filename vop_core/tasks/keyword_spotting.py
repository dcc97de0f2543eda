"""Keyword spotting: which word is said; tested on known persons' new takes (closed) and on unknown
persons (open).

Two models come with the task:

``keywords-en``  eight command words [DSPSPEECH], ten digits [FSDD], ``unknown`` and ``silence``;
                 synthetic training persons say all of it wideband, so that bandwidth does not tell
                 digits from commands
``keywords-ar``  the 40 words of Arabic Speech Commands [ASC]

and any data set in the format can be cross-validated over its persons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.data.audio import clip_features
from vop_core.data.enrollment import check_clips
from vop_core.data.features import (
    TRAINING_ENVIRONMENTS,
    FeatureTable,
    join_tables,
    load_features,
)
from vop_core.data.locations import cache_root, has_dataset, voices_root
from vop_core.data.names import folded
from vop_core.data.persons import PersonDataset, load_dataset, person_folds
from vop_core.data.sources.catalogue import DSPSPEECH_WORDS
from vop_core.data.sources.source import DIGITS
from vop_core.data.sources.synthetic.words import UNKNOWN_TRAINING_WORDS
from vop_core.data.virtual_persons import VirtualPersons
from vop_core.data.voices import bundled_dataset
from vop_core.methods.base import PersonalizationMethod
from vop_core.tasks.base import FOLD_SEED, Progress, Task, TaskData, split
from vop_core.types import Clip

COMMANDS = ("speech", "speaker", "signal", "process", "open", "close", "project", "print")
UNKNOWN, SILENCE = "unknown", "silence"
KEYWORDS_EN = (*COMMANDS, *DIGITS, UNKNOWN, SILENCE)
# What keywords-en was taught to call unknown: Mandarin words, English ones of synthetic persons.
TAUGHT_UNKNOWN = frozenset(
    folded(word)
    for word in (
        *(label for label, _, language in DSPSPEECH_WORDS if language == "zh"),
        *UNKNOWN_TRAINING_WORDS,
    )
)
SILENCES_PER_PERSON = 12
UNKNOWN_WEIGHT = 6.0  # times as often as a keyword
FOLDS = 4  # the shipped models hold out fold 0 of these as their open set
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


class KeywordSpotting(Task):
    """Which word a clip says, by its log-mels."""

    kind = "keyword spotting"
    language: ClassVar[str]  # of the shipped model's words, as of the bundled voices
    encoder: ClassVar[Mapping[str, Any]] = {"name": "conv5", "config": {}}
    augmentation = VirtualPersons()
    variants = ("slow", "fast", *TRAINING_ENVIRONMENTS, "noise")
    in_the_box = "synthetic-en"
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
        "fsdd": "Free Spoken Digit Dataset (Jackson et al.), CC BY-SA 4.0",
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

    def features(self, samples: Sequence[Clip]) -> Float[Tensor, "clip mel frame"]:
        """Log-mels of clips, each focused on its second of speech.

        Raises AudioError for no clip, and for one that no model can hear.
        """
        check_clips(samples)
        return torch.stack([clip_features(clip.waveform) for clip in samples])

    def never_taught(self, dataset: str) -> str:
        """Words of another data set; the bundled voices' where that is not here."""
        wanted = UNKNOWN_WORDS.get(dataset)
        if wanted and has_dataset(wanted):
            return wanted
        return str(voices_root() / BUNDLED_UNKNOWN_WORDS)


class ArabicCommands(KeywordSpotting):
    """40 words; the open persons are those of fold 0, so that its run in a cross-validation is this
    model.
    """

    name = "keywords-ar"
    title = "Arabic commands"
    language = "ar"
    shipped_encoder: ClassVar[Mapping[str, Any]] = {"tau": 1.5}
    shipped_length = 2

    def data(self, *, progress: Progress = None) -> TaskData:
        """Arabic Speech Commands [ASC]."""
        persons = self.dataset("arabic_speech_commands").persons
        fold = person_folds(persons, FOLDS, seed=FOLD_SEED)[0]
        return self.fold_data("arabic_speech_commands", fold, progress=progress)


class EnglishKeywords(KeywordSpotting):
    """Commands and digits, ``unknown`` and ``silence``; longer trained, half of the persons by
    telephone.
    """

    name = "keywords-en"
    title = "English keywords"
    language = "en"
    augmentation = VirtualPersons(telephone_probability=0.5)
    shipped_encoder: ClassVar[Mapping[str, Any]] = {"tau": 1.5}
    shipped_length = 3

    def data(self, *, progress: Progress = None) -> TaskData:
        """DSPSpeech-20, FSDD and synthetic persons.

        Open persons: fold 0 of DSPSpeech-20 and one speaker of FSDD. The Mandarin words of
        DSPSpeech-20 are ``unknown``.
        """
        variants = (*self.variants, "telephone")
        parts: list[tuple[FeatureTable, ...]] = []
        weights: list[Tensor] = []
        dspspeech, digits = self.dataset("dspspeech20"), self.dataset("fsdd")
        synthetic = load_dataset(synthetic_training_folder())
        open_of = {
            dspspeech.name: person_folds(dspspeech.persons, FOLDS, seed=FOLD_SEED)[0].test,
            digits.name: (OPEN_DIGIT_SPEAKER,),
            synthetic.name: (),
        }
        # Real persons carry half of the steps and more; five telephone voices must not make up the
        # digits.
        for dataset, weight in ((dspspeech, 0.45), (digits, 0.25), (synthetic, 0.3)):
            table = self.table(dataset, variants=variants, progress=progress)
            tables = split(dataset, table, open_of[dataset.name])
            # never tested on, so that no figure on real people holds a synthetic person
            if dataset is synthetic:
                nobody = table.select(torch.zeros(0, dtype=torch.long))
                tables = (table, nobody, nobody)
            parts.append(tuple(with_silence(self.relabel(part, KEYWORDS_EN)) for part in tables))
            persons = len(parts[-1][0].persons)
            weights.append(torch.full((persons,), weight / persons))
        joined = [
            join_tables([tables[index] for tables in parts if len(tables[index])], KEYWORDS_EN)
            for index in range(3)
        ]
        # Every word that is no keyword is one label: drawn like one keyword, it would hardly be
        # learned.
        label_weights = torch.ones(len(KEYWORDS_EN))
        label_weights[KEYWORDS_EN.index(UNKNOWN)] = UNKNOWN_WEIGHT
        recordings = "-".join(dataset.fingerprint for dataset in (dspspeech, digits, synthetic))
        return TaskData.of(
            self.name,
            recordings,
            joined,
            person_weights=torch.cat(weights),
            label_weights=label_weights,
        )

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
        """It must hear words, not bandwidth, and know what it was never taught."""
        known = join_tables([data.closed, data.open], KEYWORDS_EN)
        bundled = self.table(bundled_dataset(self.language), variants=("telephone",))
        tables = {
            "held-out takes and persons": known,
            "bundled synthetic persons": self.relabel(bundled, KEYWORDS_EN),
        }
        found = {
            f"rise of commands called digits when low-passed at 4 kHz, {name}": {
                method: round(digit_share_rise(model, _only(table, COMMANDS)), 4)
                for method, model in models.items()
            }
            for name, table in tables.items()
        }
        words = self.relabel(self.table(load_dataset(unknown_test_folder())), KEYWORDS_EN)
        unknown = KEYWORDS_EN.index(UNKNOWN)
        found["English words never trained, answered unknown"] = {
            method: round(float((_answers(model, words.features) == unknown).float().mean()), 4)
            for method, model in models.items()
        }
        return found


def digit_share_rise(model: PersonalizationMethod, table: FeatureTable) -> float:
    """How much more often command clips are called a digit once they are heard through a telephone
    band.
    """
    digits = torch.tensor([table.labels.index(digit) for digit in DIGITS])
    shares = [
        torch.isin(_answers(model, table.variants[variant]), digits).float().mean()
        for variant in ("original", "telephone")
    ]
    return float(shares[1] - shares[0])


def _answers(model: PersonalizationMethod, features: Tensor) -> Tensor:
    return model.predict_persons(None, features[None])[0].argmax(-1)


def _only(table: FeatureTable, labels: tuple[str, ...]) -> FeatureTable:
    wanted = torch.tensor([table.labels.index(label) for label in labels if label in table.labels])
    return table.select(torch.isin(table.label, wanted))


def synthetic_training_folder() -> Path:
    """The synthetic training persons, made on first use (needs the ``synth`` extra)."""
    folder = cache_root() / "synthetic-training-2"  # the number goes up when what they say changes
    if not (folder / "metadata.csv").exists():
        from vop_core.data.sources.synthetic import generate_training_persons

        generate_training_persons(folder)
    return folder


def unknown_test_folder() -> Path:
    """Synthetic persons' words that were never trained, made on first use (the same extra)."""
    folder = cache_root() / "synthetic-test"
    if not (folder / "metadata.csv").exists():
        from vop_core.data.sources.synthetic import generate_unknown_test

        generate_unknown_test(folder)
    return folder


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
        call=None if table.call is None else torch.cat((table.call, table.call[chosen])),
    )
