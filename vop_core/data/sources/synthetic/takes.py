"""One take: a person says a word once, a little differently each time, and a microphone hears
it.
"""

import numpy as np
import soxr

from vop_core.data.acoustics import record, room_responses
from vop_core.data.sources.synthetic.espeak import engine
from vop_core.data.sources.synthetic.persons import SyntheticPerson, pronounce
from vop_core.types import SAMPLE_RATE

RESPONSES_PER_PERSON = 4


class Speaker:
    """A person with the room's responses ready; ``say`` and ``silence`` give recordings.

    ``generator`` draws every take's variation, so takes must be asked for in a fixed order to come
    out the same.
    """

    def __init__(self, person: SyntheticPerson, generator: np.random.Generator) -> None:
        self.person = person
        self.generator = generator
        self.responses = room_responses(person.room, RESPONSES_PER_PERSON, generator)

    def say(self, word: str) -> np.ndarray:
        """One take of ``word`` (English phonemes): mono float32 at 16 kHz, 0.6 to 1.8 s."""
        person, generator = self.person, self.generator
        stretch = person.vocal_tract * (1 + generator.normal(0, 0.012))
        dry = engine().say(
            pronounce(word, person),
            language=person.espeak_language,
            variant=person.variant,
            rate=round(np.clip(person.rate / stretch * np.exp(generator.normal(0, 0.09)), 90, 300)),
            pitch=round(
                np.clip(person.pitch - 40 * np.log2(stretch) + generator.normal(0, 5), 0, 99)
            ),
            pitch_range=round(np.clip(person.pitch_range + generator.normal(0, 12), 5, 99)),
            phonemes=True,
        )
        voice = soxr.resample(dry, engine().sample_rate * stretch, SAMPLE_RATE, quality="HQ")
        return self._record(
            _sway(voice, generator), person.level_db + float(generator.normal(0, 2))
        )

    def silence(self) -> np.ndarray:
        """About a second of the room and the microphone without anybody speaking."""
        return self._record(np.zeros(SAMPLE_RATE // 2, np.float32), self.person.level_db)

    def _record(self, voice: np.ndarray, level_db: float) -> np.ndarray:
        generator = self.generator
        return record(
            voice,
            response=self.responses[int(generator.integers(len(self.responses)))],
            microphone=self.person.microphone,
            level_db=level_db,
            usual_level_db=self.person.level_db,
            lead_seconds=float(generator.uniform(0.1, 0.4)),
            tail_seconds=float(generator.uniform(0.2, 0.45)),
            generator=generator,
        )


def _sway(voice: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Let tempo and intonation drift by some per cent within the word, and the loudness by some dB.

    A rise and fall of the reading speed over the word: sounds become longer or shorter, the pitch
    moves with them.
    """
    time = np.linspace(0, 1, len(voice))
    slow = np.sin(np.pi * time * generator.uniform(0.7, 1.6) + generator.uniform(0, 2 * np.pi))
    speed = 1 + generator.normal(0, 0.05) * slow
    position = np.cumsum(speed) - speed[0]
    gain = 10 ** (generator.normal(0, 2.0) * np.sin(np.pi * (time + generator.uniform(0, 2))) / 20)
    swayed = np.interp(np.arange(0, position[-1]), position, voice * gain)
    return swayed.astype(np.float32)
