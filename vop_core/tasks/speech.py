"""What all tasks on speech share: how clips are read, judged and heard elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from vop_core.data.audio import clip_features, decode_file
from vop_core.data.clip_quality import assess
from vop_core.data.enrollment import check_clips, check_enrollment, coach_remark
from vop_core.data.environments import Environment, heard_as, own_environments
from vop_core.data.features import matched_noise
from vop_core.tasks.base import Task
from vop_core.types import SAMPLE_RATE, Clip


class SpeechTask(Task):
    """Samples are clips, inputs the log-mels of their second of speech."""

    heard = True

    def features(self, samples: Sequence[Clip]) -> Float[Tensor, "clip mel frame"]:
        """Log-mels of clips, each focused on its second of speech.

        Raises AudioError for no clip, and for one that no model can hear.
        """
        check_clips(samples)
        return torch.stack([clip_features(clip.waveform) for clip in samples])

    def read(self, path: Path) -> Clip:
        """A recording. Raises AudioError."""
        return decode_file(path)

    def bytes_of(self, sample: Clip) -> int:
        """16 bits at 16 kHz."""
        return int(2 * SAMPLE_RATE * sample.seconds)

    def check_enrollment(self, samples: Sequence[Clip]) -> None:
        """Raise AudioError for none, more than ten, one twice, or one that no model can hear."""
        check_enrollment(samples)

    def poor(self, samples: Sequence[Clip]) -> list[str]:
        """What the microphone coach says of those that it calls poor."""
        judged = ((clip.name, assess(clip.waveform)) for clip in samples)
        return [
            f"{name}: {coach_remark(quality)}"
            for name, quality in judged
            if quality.verdict == "poor"
        ]

    def scrambled(self, sample: Clip, *, generator: torch.Generator) -> Clip:
        """Noise with the clip's level and spectrum."""
        return replace(sample, waveform=matched_noise(sample.waveform, generator=generator))

    def environments(self, person: str) -> Mapping[str, Environment]:
        """Two that are foreseen, and one that is not."""
        return own_environments(person)

    def met_in(self, environment: str, person: str | None, sample: Clip) -> Clip:
        """As it is heard there, or in one of the common environments. Raises DataError."""
        return heard_as(environment, person, sample)

    def nobodys(
        self, count: int, *, generator: torch.Generator
    ) -> dict[str, Float[Tensor, "clip mel frame"]]:
        """Seconds of white noise, of chords and of mains hum, each at levels over 30 dB."""
        time = 2 * torch.pi * torch.arange(SAMPLE_RATE) / SAMPLE_RATE
        level = 0.3 * 10 ** (-1.5 * torch.rand(count, 1, generator=generator))
        noise = torch.randn(count, SAMPLE_RATE, generator=generator)
        pitch = 100 * 2 ** (4 * torch.rand(count, 3, 1, generator=generator))
        sounds = {
            "white noise": noise / 3,
            "chords": torch.sin(pitch * time).mean(1),
            "hum": torch.sin(50 * time) / 2 + torch.sin(100 * time) / 4 + noise / 20,
        }
        return {
            name: self.features([Clip(each) for each in level * waveforms])
            for name, waveforms in sounds.items()
        }
