"""Clips of many persons as one tensor of log-mels, computed once and kept in the cache.

Besides the clips themselves a table may hold *variants*: the same clips spoken faster or slower
(which also moves pitch and formants, a cheap new voice), heard in a room, through a telephone
band, or in an environment of the person's own. Variants are made on waveforms, so they are cached;
the augmentations of :mod:`vop_core.data.virtual_persons` work on log-mels and run in the training
loop.
"""

import hashlib
import json
import os
import re
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vop_core.data.audio import LogMelConfig, decode_file, focus, log_mel, low_pass_4khz
from vop_core.data.environments import (
    OWN_ENVIRONMENT,
    UNFORESEEN_ENVIRONMENT,
    Environment,
    drawn_environment,
    environment_owner,
)
from vop_core.data.locations import cache_root
from vop_core.data.metadata import ClipRecord
from vop_core.data.persons import PersonDataset
from vop_core.data.recordings import Recordings, sound_digest
from vop_core.errors import VopError
from vop_core.types import SAMPLE_RATE
from vop_core.writing import make_folder, whole_file

CALL = "session"  # the column of metadata.csv that says from which call a clip is


@dataclass(frozen=True)
class FeatureTable:
    """Inputs, such as log-mels, with who and what; indices point into ``persons`` and ``labels``.

    ``variants`` maps a variant's name to inputs of the same clips; "original" is always there.
    """

    variants: dict[str, Float[Tensor, " clip *input"]]
    person: Int[Tensor, " clip"]
    label: Int[Tensor, " clip"]
    take: Int[Tensor, " clip"]
    persons: tuple[str, ...]
    labels: tuple[str, ...]
    # from which call, or other sitting, of its person a clip is; None where that is not known
    call: Int[Tensor, " clip"] | None = None

    @property
    def features(self) -> Float[Tensor, " clip *input"]:
        """The clips as they were recorded."""
        return self.variants["original"]

    def __len__(self) -> int:
        return self.person.numel()

    def to(self, device: torch.device) -> "FeatureTable":
        """The inputs on a device; who and what stay on the CPU, where episodes are drawn."""
        variants = {name: value.to(device) for name, value in self.variants.items()}
        return replace(self, variants=variants)

    def select(self, keep: Tensor) -> "FeatureTable":
        """The clips that ``keep`` (boolean or indices) names; persons and labels keep their
        indices.
        """
        variants = {name: value[keep] for name, value in self.variants.items()}
        return replace(
            self,
            variants=variants,
            person=self.person[keep],
            label=self.label[keep],
            take=self.take[keep],
            call=None if self.call is None else self.call[keep],
        )

    def of_persons(self, persons: Sequence[str]) -> "FeatureTable":
        """Only these persons' clips, indices renumbered to the persons left."""
        kept = [name for name in self.persons if name in set(persons)]
        renumber = torch.full((len(self.persons),), -1)
        renumber[[self.persons.index(name) for name in kept]] = torch.arange(len(kept))
        part = self.select((renumber[self.person] >= 0).nonzero().squeeze(1))
        return replace(part, person=renumber[part.person], persons=tuple(kept))


def join_tables(tables: Sequence[FeatureTable], labels: Sequence[str]) -> FeatureTable:
    """Tables of different data sets behind one another, labels renumbered to ``labels``; a person
    of several tables is one person.

    Only variants that all tables hold are kept, and calls where all tables know them.
    """
    everybody = dict.fromkeys(name for table in tables for name in table.persons)
    persons = {name: index for index, name in enumerate(everybody)}
    names = [name for name in tables[0].variants if all(name in table.variants for table in tables)]
    calls = [table.call for table in tables if table.call is not None]
    order = {label: index for index, label in enumerate(labels)}
    person, label = [], []
    for table in tables:
        person.append(torch.tensor([persons[name] for name in table.persons])[table.person])
        label.append(
            torch.tensor([order[name] for name in table.labels], dtype=torch.long)[table.label]
        )
    return FeatureTable(
        variants={name: torch.cat([table.variants[name] for table in tables]) for name in names},
        person=torch.cat(person),
        label=torch.cat(label),
        take=torch.cat([table.take for table in tables]),
        persons=tuple(persons),
        labels=tuple(labels),
        call=torch.cat(calls) if len(calls) == len(tables) else None,
    )


def change_rate(waveform: Float[Tensor, " sample"], rate: float) -> Float[Tensor, " played"]:
    """Play ``rate`` times faster by resampling: duration, pitch and formants all move."""
    import soxr

    played = soxr.resample(waveform.numpy(), SAMPLE_RATE * rate, SAMPLE_RATE)
    return torch.from_numpy(played).to(torch.float32)


def put_in_room(
    waveform: Float[Tensor, " sample"], *, generator: torch.Generator
) -> Float[Tensor, " sample"]:
    """Convolve with a random room's response: noise that decays exponentially behind the direct
    sound.

    Reverberation time 0.15 to 0.6 s, direct-to-reverberant ratio 0 to 12 dB; loudness is kept.
    """
    draw = torch.rand(2, generator=generator)
    seconds, ratio_db = 0.15 + 0.45 * draw[0], 12.0 * draw[1]
    time = torch.arange(int(SAMPLE_RATE * seconds)) / SAMPLE_RATE
    tail = torch.randn(time.numel(), generator=generator) * torch.exp(-6.9 * time / seconds)
    tail = tail / tail.norm() * 10 ** (-ratio_db / 20)
    tail[0] = 1.0
    length = waveform.numel() + tail.numel() - 1
    wet = torch.fft.irfft(torch.fft.rfft(waveform, length) * torch.fft.rfft(tail, length), length)
    wet = wet[: waveform.numel()]
    return wet * (waveform.norm() / wet.norm().clamp_min(1e-8))


def matched_noise(
    waveform: Float[Tensor, " sample"], *, generator: torch.Generator
) -> Float[Tensor, " sample"]:
    """Stationary noise with the clip's long-term spectrum and level: random phases, smoothed
    magnitudes.
    """
    spectrum = torch.fft.rfft(waveform).abs()
    width = max(1, spectrum.numel() // 160)
    smooth = torch.nn.functional.avg_pool1d(
        spectrum[None, None], 2 * width + 1, 1, width, count_include_pad=False
    )
    phases = 2 * torch.pi * torch.rand(spectrum.shape, generator=generator)
    noise = torch.fft.irfft(torch.polar(smooth[0, 0], phases), waveform.numel())
    return noise * (waveform.norm() / noise.norm().clamp_min(1e-8))


VARIANTS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "original": lambda waveform, _: waveform,
    "slow": lambda waveform, _: change_rate(waveform, 0.89),
    "fast": lambda waveform, _: change_rate(waveform, 1.12),
    "room": lambda waveform, generator: put_in_room(waveform, generator=generator),
    "telephone": lambda waveform, _: low_pass_4khz(waveform),
    "noise": lambda waveform, generator: matched_noise(waveform, generator=generator),
}


def _training_environment(variant: str) -> Callable[[str, Sequence[str]], Environment]:
    number = variant.split()[-1]
    return lambda person, _: drawn_environment("training", f"{person} {number}")


SWAPPED_ENVIRONMENT = "swapped environment"
TRAINING_ENVIRONMENTS = tuple(f"environment {number}" for number in range(1, 5))
ENVIRONMENTS: dict[str, Callable[[str, Sequence[str]], Environment]] = {
    **{name: _training_environment(name) for name in TRAINING_ENVIRONMENTS},
    OWN_ENVIRONMENT: lambda person, _: drawn_environment("foreseen", person),
    SWAPPED_ENVIRONMENT: lambda person, persons: drawn_environment(
        "foreseen", environment_owner(person, persons)
    ),
    UNFORESEEN_ENVIRONMENT: lambda person, _: drawn_environment("unforeseen", person),
}
"""Variants in which every person has an environment: which, of a person and all persons of the data
set."""


def generator_of(name: str) -> torch.Generator:
    """Seeded by a name. A person's room must be the same for all of the person's clips, so there it
    is the person's.
    """
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")
    return torch.Generator().manual_seed(seed)


def load_features(
    dataset: PersonDataset,
    *,
    variants: Sequence[str] = ("original",),
    config: LogMelConfig | None = None,
    progress: Callable[[int, int], None] | None = None,
    cache: bool = True,
) -> FeatureTable:
    """Decode every clip of a data set once, focus it on its second of speech, and take log-mels.

    Results lie in the cache under a hash of the clip list and the settings, one file a variant, as
    float16; with ``cache=False``, or where the cache cannot be written, nothing is kept on disk.

    Raises AudioError, naming the file, for a clip that cannot be used, and DataError for a
    recording that stands in the data set twice, under whatever names.
    """
    config = config or LogMelConfig()
    known = (*VARIANTS, *ENVIRONMENTS)
    unknown = set(variants) - set(known)
    if unknown:
        raise ValueError(f"unknown variants {sorted(unknown)}; there are {', '.join(known)}")

    def about(variant: str) -> list[object]:
        places = _environments(dataset, variant).values() if variant in ENVIRONMENTS else None
        own = [] if places is None else [[place.fingerprint for place in places]]
        return [variant, str(config), 2, *own]

    def compute(missing: Sequence[str]) -> dict[str, Tensor]:
        return _compute(dataset, missing, config, progress)

    return cached_table(dataset, ("original", *variants), compute, about if cache else None)


def cached_table(
    dataset: PersonDataset,
    variants: Sequence[str],
    compute: Callable[[Sequence[str]], dict[str, Float[Tensor, " clip *input"]]],
    about: Callable[[str], list[object]] | None,
) -> FeatureTable:
    """Variants of every clip as inputs, one file a variant in the cache, as float16.

    ``compute`` makes those that are not there, or are damaged, and ``about`` says what a variant
    depends on beside the clips themselves; None: nothing is kept on disk.
    """
    wanted = list(dict.fromkeys(variants))
    files = {name: _cache_file(dataset, name, about(name)) for name in wanted} if about else {}
    found = {name: _kept(file, len(dataset)) for name, file in files.items()}
    computed = {name: kept for name, kept in found.items() if kept is not None}
    if missing := [name for name in wanted if name not in computed]:
        for name, value in compute(missing).items():
            computed[name] = value.half()
            if name in files:
                _keep(files[name], computed[name])
    person_of = {name: index for index, name in enumerate(dataset.persons)}
    label_of = {name: index for index, name in enumerate(dataset.labels)}
    return FeatureTable(
        variants={name: computed[name].float() for name in wanted},
        person=torch.tensor([person_of[record.person] for record in dataset.records]),
        label=torch.tensor([label_of[record.label] for record in dataset.records]),
        take=torch.tensor([record.take for record in dataset.records]),
        persons=dataset.persons,
        labels=dataset.labels,
        call=_calls(dataset),
    )


def _calls(dataset: PersonDataset) -> Int[Tensor, " clip"] | None:
    """Each clip's call, numbered; None where that of some clip is not known."""
    names = [record.attributes.get(CALL, "") for record in dataset.records]
    place = {name: index for index, name in enumerate(sorted(set(names)))}
    return None if "" in place else torch.tensor([place[name] for name in names])


def _environments(dataset: PersonDataset, variant: str) -> dict[str, Environment]:
    """Each person's environment in a variant."""
    return {person: ENVIRONMENTS[variant](person, dataset.persons) for person in dataset.persons}


def _cache_file(dataset: PersonDataset, variant: str, about: list[object]) -> Path:
    listing = [
        (str(record.path.relative_to(dataset.root)), record.person, digest)
        for record, digest in zip(dataset.records, dataset.digests, strict=True)
    ]
    about = [listing, *about]
    key = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:20]
    # for the eye only, and no file system's limit
    name = re.sub(r"[^\w.-]+", "_", dataset.name)[:40]
    return cache_root() / "features" / f"{name}-{variant}-{key}.safetensors"


def _compute(
    dataset: PersonDataset,
    variants: Sequence[str],
    config: LogMelConfig,
    progress: Callable[[int, int], None] | None,
) -> dict[str, Tensor]:
    """Log-mels of all clips for each variant, as float16: what is stored and what is not must be
    the same numbers.
    """
    environments = {name: _environments(dataset, name) for name in variants if name in ENVIRONMENTS}

    def variant(name: str, record: ClipRecord, waveform: Tensor) -> Tensor:
        if name in VARIANTS:
            return VARIANTS[name](waveform, generator_of(record.person))
        clip = f"{name} {record.person} {record.path.relative_to(dataset.root).as_posix()}"
        return environments[name][record.person].apply(waveform, generator=generator_of(clip))

    def one(record: ClipRecord) -> tuple[bytes, list[Tensor]]:
        waveform = decode_file(record.path).waveform
        # A variant is made of the whole clip, then focused: what a microphone would have recorded.
        focused = torch.stack([focus(variant(name, record, waveform)) for name in variants])
        return sound_digest(waveform), list(log_mel(focused, config).half())

    recordings = Recordings(dataset.root)
    rows: list[list[Tensor]] = []
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        heard = zip(dataset.records, pool.map(one, dataset.records), strict=True)
        for done, (record, (digest, row)) in enumerate(heard, start=1):
            recordings.add(record, digest)
            rows.append(row)
            if progress is not None and (done % 100 == 0 or done == len(dataset)):
                progress(done, len(dataset))
    return {name: torch.stack([row[index] for row in rows]) for index, name in enumerate(variants)}


def _kept(file: Path, clips: int) -> Tensor | None:
    """What an earlier call kept of so many clips; a file that is damaged anywhere counts as
    none.
    """
    try:
        with safe_open(file, "pt") as kept:
            inputs, said = kept.get_tensor("inputs"), kept.metadata() or {}
    except (OSError, SafetensorError, ValueError):
        return None
    return inputs if len(inputs) == clips and said == _told(inputs) else None


def _keep(file: Path, inputs: Tensor) -> None:
    # Kept for speed only: where the cache cannot be written, or the disk is full, the work goes on
    # without.
    with suppress(VopError, SafetensorError):
        make_folder(file.parent)
        with whole_file(file) as part:
            save_file({"inputs": inputs}, part, _told(inputs))


def _told(inputs: Tensor) -> dict[str, str]:
    """What a file says of its own bytes: one that flips on a disk makes features that are numbers
    all the same.
    """
    return {"crc32": str(zlib.crc32(inputs.contiguous().view(torch.uint8).numpy()))}
