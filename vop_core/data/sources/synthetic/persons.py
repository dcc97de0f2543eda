"""Synthetic persons: accent x voice x pitch x rate x vocal tract x room x microphone, in three
disjoint cohorts.

An accent is a language's espeak-ng voice reading English *phonemes*: sounds it lacks are replaced
by its nearest, and where speakers differ (th as t or s, w as v) each person keeps one habit. No
voice variant serves two cohorts, so nobody who talks in the background shares a voice with a person
trained on; a few accents are kept for these talkers alone.
"""

import re
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from vop_core.data.acoustics import Microphone, Room, draw_microphone, draw_room
from vop_core.data.sources.synthetic.espeak import engine

COHORTS = ("talkers", "training", "test")

ACCENTS: dict[str, tuple[str, str]] = {  # name -> espeak-ng language, its phoneme table
    "British": ("en", "en"),
    "Received Pronunciation": ("en-gb-x-rp", "en-rp"),
    "Scottish": ("en-gb-scotland", "en-sc"),
    "Lancastrian": ("en-gb-x-gbclan", "en-n"),
    "West Midlands": ("en-gb-x-gbcwmd", "en-wm"),
    "American": ("en-us", "en-us"),
    "New York": ("en-us-nyc", "en-us-nyc"),
    "Caribbean": ("en-029", "en-wi"),
    "Hindi": ("hi", "hi"),
    "Bengali": ("bn", "bn"),
    "Tamil": ("ta", "ta"),
    "Mandarin": ("cmn", "cmn"),
    "Korean": ("ko", "ko"),
    "Japanese": ("ja", "ja"),
    "Indonesian": ("id", "id"),
    "Russian": ("ru", "ru"),
    "Polish": ("pl", "pl"),
    "Czech": ("cs", "cs"),
    "Hungarian": ("hu", "hu"),
    "Romanian": ("ro", "ro"),
    "Greek": ("el", "el"),
    "Turkish": ("tr", "tr"),
    "German": ("de", "de"),
    "Dutch": ("nl", "nl"),
    "Swedish": ("sv", "sv"),
    "Finnish": ("fi", "fi"),
    "French": ("fr", "fr"),
    "Spanish": ("es", "es"),
    "Italian": ("it", "it"),
    "Brazilian": ("pt-br", "pt"),
    "Arabic": ("ar", "ar"),
    "Persian": ("fa", "fa"),
    "Swahili": ("sw", "sw"),
    "Afrikaans": ("af", "af"),
}

TALKERS_ONLY_ACCENTS = ("Caribbean", "Arabic", "Italian", "Korean", "Swedish", "Afrikaans")
"""Accents no training or test person has."""

# English sound -> what to try, nearest first, in a table that is not English
_NEAREST: dict[str, tuple[str, ...]] = {
    "0": ("O", "A", "o", "a"),
    "3": ("@ r", "E r", "e r"),
    "3:": ("3:", "@ r", "E r", "e r"),
    "A@": ("A: r", "a: r", "A r", "a r"),
    "O:": ("O:", "o:", "O", "o"),
    "O@": ("O: r", "o: r", "O r", "o r"),
    "V": ("V", "a", "A"),
    "I": ("I", "i"),
    "i:": ("i:", "i"),
    "i@": ("i:", "i"),
    "oU": ("oU", "ou", "o:", "O", "o"),
    "eI": ("eI", "ei", "e:", "e"),
    "aI": ("aI", "ai", "a j"),
    "aU": ("aU", "au", "Au", "a w"),
    "u:": ("u:", "u"),
    "E": ("E", "e"),
}

_HABITS: dict[str, tuple[str, ...]] = {  # where foreign speakers differ; each keeps one
    "T": ("T", "t", "s"),
    "D": ("D", "d", "z"),
    "w": ("w", "w", "v"),
    "a": ("a", "a", "E"),
    "@": ("@", "@", "a", "e"),
    "I": ("I", "I", "i"),
    "h": ("h", "h", "x"),
    "z": ("z", "z", "z", "s"),
}

_ODD_VARIANTS = re.compile(  # whispers, robots, jokes and near copies of others
    r"Demonic|UniRobot|anikaRobot|whisperf?|croak|Storm|Tweaky|AnxiousAndy|fast|Mr serious"
    r"|kaukovalta|RicishayMax\d?|robosoft\d?|iven[234]|edward2|Gene2|steph[23]"
)


@dataclass(frozen=True)
class SyntheticPerson:
    """Everything that makes one synthetic person; takes vary around it."""

    name: str
    accent: str
    variant: str  # espeak-ng voice variant
    pitch: int  # espeak-ng scale, 0 to 99
    pitch_range: int  # espeak-ng scale, 0 to 99
    rate: int  # words a minute
    # > 1 is shorter than the variant's own: all resonances higher by this factor
    vocal_tract: float
    level_db: float  # usual active speech level, dB re full scale
    room: Room
    microphone: Microphone
    # English sound -> this person's, for foreign accents
    habits: dict[str, str] = field(default_factory=dict)

    @property
    def espeak_language(self) -> str:
        return ACCENTS[self.accent][0]

    def attributes(self) -> dict[str, str]:
        """What a metadata row says of the person."""
        return {
            "language": "en",  # of the words
            "accent": self.accent,
            "voice": f"{self.espeak_language}+{self.variant}",
            "pitch": str(self.pitch),
            "rate": str(self.rate),
            "vocal_tract": f"{self.vocal_tract:.2f}",
            "room": f"{self.room.name}, {self.room.distance:.1f} m",
            "microphone": self.microphone.name,
        }


def cohort_variants(cohort: str) -> tuple[str, ...]:
    """The voice variants of a cohort: of seven usable ones three are talkers', three training, one
    test.
    """
    usable = [variant for variant in engine().variants() if not _ODD_VARIANTS.fullmatch(variant)]
    places = {"talkers": (0, 2, 4), "training": (1, 3, 5), "test": (6,)}[cohort]
    return tuple(variant for place, variant in enumerate(usable) if place % 7 in places)


def cohort_accents(cohort: str) -> tuple[str, ...]:
    """The accents of a cohort; some belong to the talkers alone."""
    return tuple(
        name for name in ACCENTS if cohort == "talkers" or name not in TALKERS_ONLY_ACCENTS
    )


def draw_persons(cohort: str, count: int, *, seed: int) -> list[SyntheticPerson]:
    """Draw ``count`` persons of a cohort; the same seed gives the same persons, and the first ones
    do not depend on ``count``.
    """
    order = np.random.default_rng([seed, COHORTS.index(cohort), 0])
    accents = order.permutation(cohort_accents(cohort)).tolist()
    variants = order.permutation(cohort_variants(cohort)).tolist()
    prefix = {"talkers": "", "training": "t", "test": "u"}[cohort]
    return [
        _draw_person(
            f"{prefix}{index + 1:02d}",
            accents[index % len(accents)],
            variants[index % len(variants)],
            np.random.default_rng([seed, COHORTS.index(cohort), 0, index]),
        )
        for index in range(count)
    ]


def _draw_person(
    name: str, accent: str, variant: str, generator: np.random.Generator
) -> SyntheticPerson:
    kinds = ["studio", "headset", "laptop", "phone", "tablet", "telephone"]
    kind = str(generator.choice(kinds, p=[0.15, 0.2, 0.25, 0.2, 0.15, 0.05]))
    vocal_tract = float(np.clip(np.exp(generator.normal(0, 0.07)), 0.86, 1.17))
    return SyntheticPerson(
        name=name,
        accent=accent,
        variant=variant,
        pitch=int(generator.integers(25, 70)),
        pitch_range=int(generator.integers(25, 80)),
        rate=int(generator.integers(125, 205)),
        vocal_tract=round(vocal_tract, 3),
        level_db=round(float(generator.uniform(-29, -18)), 1),
        room=draw_room(generator),
        microphone=draw_microphone(kind, generator),
        habits={sound: str(generator.choice(choices)) for sound, choices in _HABITS.items()},
    )


def pronounce(word: str, person: SyntheticPerson) -> str:
    """A word in English phonemes (blanks between) as mnemonics of the person's own table (bars
    between).
    """
    table = ACCENTS[person.accent][1]
    if table.startswith("en"):
        return word.replace(" ", "|")
    sounds: list[str] = []
    for symbol in word.split():
        stress = "'" if symbol.startswith("'") else ""
        sounds.append(stress + _nearest(symbol.removeprefix("'"), table, person.habits))
    return "|".join(sounds).replace(" ", "|")


def _nearest(sound: str, table: str, habits: dict[str, str]) -> str:
    """The sound as this table has it; French and German r are uvular."""
    if sound == "r":
        return "R" if table == "fr" else "r"
    wanted = habits.get(sound, sound)
    available = phoneme_table(table)
    for candidate in _NEAREST.get(wanted, (wanted, sound)):
        if all(part in available for part in candidate.split()):
            return candidate
    raise ValueError(f"no sound near {sound!r} in espeak-ng's table {table!r}")


@cache
def phoneme_table(name: str) -> frozenset[str]:
    """The mnemonics of one espeak-ng phoneme table with those it includes, read from its compiled
    ``phontab``.

    The file holds the number of tables, then for each its size, the number of the table included, a
    32-byte name and 16 bytes a phoneme, which begin with the mnemonic.
    """
    data = (engine().data_folder / "phontab").read_bytes()
    tables: list[tuple[str, int, list[str]]] = []
    place = 4
    for _ in range(data[0]):
        size, included = data[place], data[place + 1]
        table = data[place + 4 : place + 36].split(b"\0")[0].decode()
        place += 36
        mnemonics = [
            data[place + 16 * k : place + 16 * k + 4].rstrip(b"\0").decode("latin1")
            for k in range(size)
        ]
        tables.append((table, included, mnemonics))
        place += 16 * size
    sounds: set[str] = set()
    index = [table for table, _, _ in tables].index(name)
    while index >= 0:
        sounds.update(tables[index][2])
        index = tables[index][1] - 1
    return frozenset(sounds)
