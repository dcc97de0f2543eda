"""Speaker verification: is a clip of the person who enrolled, whatever either says?

One model learns from the persons of five corpora who may be trained on. It is asked about persons
whom no model is trained on, by the trial lists of ``data/trials``, each within one corpus: across
corpora the channel would answer. Persons kept for choices claim likewise: thresholds and
calibrations come from them.

Departs: a clip is one second, where it is loudest, of sentences too; longer clips verify better.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch

from vop_core.data import pretrained, voices
from vop_core.data.audio import LogMelConfig
from vop_core.data.features import FeatureTable, join_tables, load_features
from vop_core.data.persons import Fold, PersonDataset
from vop_core.data.splits import BUNDLE, CHOOSE, TEST, TRAIN, persons_with_role
from vop_core.data.trials import (
    ACROSS,
    CORPORA,
    Claim,
    draw_trials,
    named_in,
    read_trials,
    seed_of,
    trials_file,
)
from vop_core.data.virtual_persons import FreshChannels
from vop_core.data.voices import CORPORA as BUNDLED
from vop_core.data.voices import BundledPerson
from vop_core.errors import EvaluationError
from vop_core.evaluation.plan import OPEN, PlannedEpisode
from vop_core.evaluation.verification import KEPT, Claims
from vop_core.nets.resemblyzer import Resemblyzer
from vop_core.tasks.base import BRANCH, SHARED, Progress, TaskData
from vop_core.tasks.keyword_spotting import KeywordSpotting
from vop_core.tasks.speech import SpeechTask
from vop_core.text import counted
from vop_core.training.config import TrainConfig

TRAINED_ON = (*CORPORA, "arabic_speech_commands", "dspspeech20")
ADULT = 18  # years
SPEAKERS = "speakers"  # the corpora together, as the bench names them


class SpeakerVerification(SpeechTask):
    """Whether a clip is the claimant's, by its log-mels."""

    kind = "speaker verification"
    name = "verification"
    title = "Speaker verification"
    compares = True
    encoder: ClassVar[Mapping[str, Any]] = {"name": "conv5", "config": {"tau": 1.5}}
    front_end: ClassVar[LogMelConfig] = LogMelConfig()
    augmentation = FreshChannels()
    shared: ClassVar[TrainConfig] = replace(
        SHARED, steps=600, persons_per_step=32, queries_per_person=4
    )
    branch: ClassVar[TrainConfig] = replace(
        BRANCH,
        steps=600,
        persons_per_step=20,
        queries_per_person=4,
        min_shots=1,
        max_shots=5,
        learning_rate=4e-3,
    )
    in_the_box = BUNDLED["en"].folder
    limits = (
        "One second a clip, and few persons. Trained for study, not to keep anybody out: a "
        "recording played back is not told from a person."
    )

    licences: ClassVar[Mapping[str, str]] = {
        **KeywordSpotting.licences,
        "speechocean762": "speechocean762 (Zhang et al. 2021), free for any purpose",
    }

    def table(
        self,
        dataset: PersonDataset,
        *,
        variants: Sequence[str] = (),
        cache: bool = True,
        progress: Progress = None,
    ) -> FeatureTable:
        """Log-mels of every clip, labeled with its person. Raises AudioError."""
        found = load_features(
            dataset, variants=variants, config=self.front_end, cache=cache, progress=progress
        )
        return replace(found, label=found.person, labels=found.persons)

    def bundled_persons(self) -> tuple[BundledPerson, ...]:
        """Persons of Speech Commands who are trained on nowhere. Raises DataError."""
        return voices.bundled_persons("en")

    def fold(self) -> Fold:
        """Whom the model learns from, and who is asked about. Raises DataError as ``dataset``."""
        train, test = [], []
        for name in TRAINED_ON:
            dataset = self.dataset(name)
            train += persons_with_role(dataset, TRAIN)
            if name in CORPORA:
                test += [p for role in (TEST, BUNDLE) for p in persons_with_role(dataset, role)]
        return Fold(tuple(train), tuple(test))

    @property
    def recordings(self) -> str:
        """Fingerprint of the corpora."""
        return "-".join(self.dataset(name).fingerprint for name in TRAINED_ON)

    def data(self, *, progress: Progress = None) -> TaskData:
        """Persons to train on, of five corpora; open are those with trial lists."""
        fold, train, unknown = self.fold(), [], []
        for name in TRAINED_ON:
            dataset = self.dataset(name)
            for wanted, tables in ((fold.train, train), (fold.test, unknown)):
                part = dataset.restrict(persons=set(wanted) & set(dataset.persons))
                if len(part):
                    tables.append(self.table(part, progress=progress))
        return self._of(SPEAKERS, self.recordings, train, unknown, tuple(CORPORA))

    def fold_data(
        self, name: str, fold: Fold, *, variants: Sequence[str] = (), progress: Progress = None
    ) -> TaskData:
        """One fold of a data set; or all corpora, by the name ``speakers``."""
        if name == SPEAKERS:
            return self.data(progress=progress)
        dataset = self.dataset(name)
        parts = (
            [self.table(dataset.restrict(persons=persons), progress=progress)]
            for persons in (fold.train, fold.test)
        )
        return self._of(dataset.name, dataset.fingerprint, *parts, (name,))

    def kept_for_choices(
        self, data: TaskData, sources: Sequence[str] | None = None
    ) -> FeatureTable | None:
        """Of all corpora that are trained on, or of these data sets."""
        every = sources is None or SPEAKERS in sources
        tables = []
        for name in TRAINED_ON if every else sources:
            dataset = self.dataset(name)
            if kept := persons_with_role(dataset, CHOOSE):
                tables.append(self.table(dataset.restrict(persons=kept)))
        persons = [person for table in tables for person in table.persons]
        return join_tables(tables, persons) if tables else None

    def _of(
        self,
        name: str,
        recordings: str,
        train: Sequence[FeatureTable],
        unknown: Sequence[FeatureTable],
        sources: tuple[str, ...],
    ) -> TaskData:
        persons = [person for table in train for person in table.persons]
        strangers = [person for table in unknown for person in table.persons]
        trained, asked = join_tables(train, persons), join_tables(unknown, strangers)
        none = asked.select(torch.zeros(len(asked), dtype=torch.bool))
        found = TaskData.of(name, recordings, (trained, none, asked))
        return replace(found, sources=sources)

    def claims(
        self,
        sources: Sequence[str],
        persons: Collection[str],
        shots: Sequence[int],
        *,
        cohort: FeatureTable | None = None,
        cache: bool = True,
    ) -> Claims:
        """By the committed lists, of persons tested and of those kept for choices; elsewhere a list
        is drawn, by a seed that is the data set's.

        Raises DataError as ``read_trials`` and ``draw_trials``, EvaluationError where nobody has
        clips enough.
        """
        tables, planned, gender, start = [], [], {}, 0
        for source in sources:
            dataset = self.dataset(source)
            lists = self._lists(dataset, persons)
            claims = [claim for _, found in lists for claim in found]
            asked = {claim.person for claim in claims}
            asked |= {clip.person for claim in claims for clip in claim.asked}
            part = dataset.restrict(persons=asked)
            row = {record.path: start + place for place, record in enumerate(part.records)}
            tables.append(self.table(part, cache=cache))
            start += len(part)
            gender |= {
                record.person: record.attributes.get("gender", "") for record in part.records
            }
            planned += [
                _planned(claim, set_name, count, row)
                for set_name, found in lists
                for count in shots
                for claim in found
                if len(claim.enrollment) >= count
            ]
        names = [person for table in tables for person in table.persons]
        table, place = join_tables(tables, names), {name: index for index, name in enumerate(names)}
        if not any(each.set_name.startswith(OPEN) for each in planned):
            raise EvaluationError(
                f"Nobody has {counted(min(shots), 'clip')} to enroll and one to be asked about; "
                "use fewer, or add clips."
            )
        device = table.features.device if cohort is None else cohort.features.device
        return Claims(
            features=table.features.to(device),
            person=table.person,
            persons=table.persons,
            planned=tuple(replace(each, person=place[each.name]) for each in planned),
            cohort=None if cohort is None else cohort.features,
            cohort_person=None if cohort is None else cohort.person,
            gender=gender,
        )

    def age_groups(self) -> dict[str, str]:
        """Of those who have trial lists."""
        found = {}
        for name in CORPORA:
            for record in self.dataset(name).records:
                if (age := record.attributes.get("age", "")).isdigit():
                    group = "children" if int(age) < ADULT else "adults"
                    found[record.person] = f"{name}, {group}"
        return found

    def _lists(
        self, dataset: PersonDataset, persons: Collection[str]
    ) -> list[tuple[str, tuple[Claim, ...]]]:
        """Set name and claims: the committed lists where all whom they name are there."""
        found = []
        for role, set_name in ((TEST, OPEN), (CHOOSE, KEPT)):
            for more in ("", ACROSS):
                file = trials_file(dataset.name + more, role)
                if file.exists() and named_in(file) <= _short(dataset.persons):
                    found.append((set_name + more, read_trials(file, dataset).claims))
        tested = {claim.person for name, claims in found for claim in claims if name == OPEN}
        if tested and tested <= set(persons):
            return found
        own = [person for person in dataset.persons if person in set(persons)]
        generator = torch.Generator().manual_seed(seed_of(dataset.name))
        return [(OPEN, draw_trials(dataset, own, generator=generator).claims)]


class PretrainedVerification(SpeakerVerification):
    """The same asked of an encoder that thousands of other voices trained [RESEMBLYZER].

    Departs: silence is not cut out; a clip is one second.
    """

    encoder: ClassVar[Mapping[str, Any]] = {"name": Resemblyzer.name, "config": {}}
    front_end: ClassVar[LogMelConfig] = pretrained.FRONT_END

    def table(self, dataset: PersonDataset, **asked: Any) -> FeatureTable:
        """As loud as the encoder expects."""
        found = super().table(dataset, **asked)
        louder = {name: pretrained.raised(value) for name, value in found.variants.items()}
        return replace(found, variants=louder)

    def _of(self, *about: Any) -> TaskData:
        """With the encoder's weights. Raises DataError where they are not installed."""
        return replace(super()._of(*about), start=pretrained.speaker_weights())


def _short(persons: Collection[str]) -> set[str]:
    return {person.rpartition("/")[2] for person in persons}


def _planned(claim: Claim, set_name: str, shots: int, row: Mapping[Any, int]) -> PlannedEpisode:
    """Its person is numbered later."""
    enrolled = torch.tensor([row[record.path] for record in claim.enrollment[:shots]])
    asked = torch.tensor([row[record.path] for record in claim.asked])
    return PlannedEpisode(-1, claim.person, set_name, shots, 0, enrolled, asked, ())
