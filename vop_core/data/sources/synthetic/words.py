"""What the synthetic persons say: words as phonemes, one table per role.

English phonemes are espeak-ng mnemonics [ESPEAK-NG] separated by blanks, stress marked before the
vowel; they were taken from its English voices and read over by hand.
"""

import numpy as np

KEYWORD_WORDS: dict[str, str] = {
    "yes": "j 'E s",
    "no": "n 'oU",
    "up": "'V p",
    "down": "d 'aU n",
    "left": "l 'E f t",
    "right": "r 'aI t",
    "on": "'0 n",
    "off": "'0 f",
    "stop": "s t '0 p",
    "go": "g 'oU",
}
"""The ten words of keywords-en: label -> phonemes."""

TALKER_WORDS: dict[str, str] = {
    "speech": "s p 'i: tS",
    "speaker": "s p 'i: k 3",
    "signal": "s 'I g n @ l",
    "process": "p r 'oU s E s",
    "open": "'oU p @ n",
    "close": "k l 'oU z",
    "project": "p r '0 dZ E k t",
    "print": "p r 'I n t",
    "zero": "z 'i@ r oU",
    "one": "w 'V n",
    "two": "t 'u:",
    "three": "T r 'i:",
    "four": "f 'O@",
    "five": "f 'aI v",
    "six": "s 'I k s",
    "seven": "s 'E v @ n",
    "eight": "'eI t",
    "nine": "n 'aI n",
}
"""What the talkers of environments say, and further words of the label ``unknown``."""

UNKNOWN_TRAINING_WORDS: dict[str, str] = {
    **TALKER_WORDS,
    "house": "h 'aU s",
    "bird": "b '3: d",
    "cat": "k 'a t",
    "tree": "t r 'i:",
    "happy": "h 'a p i",
    "water": "w 'O: t 3",
    "table": "t 'eI b @ l",
    "window": "w 'I n d oU",
    "garden": "g 'A@ d @ n",
    "paper": "p 'eI p 3",
    "music": "m j 'u: z I k",
    "morning": "m 'O@ n I N",
    "summer": "s 'V m 3",
    "river": "r 'I v 3",
    "people": "p 'i: p @ l",
    "number": "n 'V m b 3",
    "question": "k w 'E s tS @ n",
    "answer": "'a n s 3",
    "picture": "p 'I k tS 3",
    "school": "s k 'u: l",
    "student": "s t 'u: d @ n t",
    "kitchen": "k 'I tS @ n",
    "station": "s t 'eI S @ n",
    "yellow": "j 'E l oU",
    "science": "s 'aI @ n s",
    "history": "h 'I s t 3 r i",
    "money": "m 'V n i",
    "problem": "p r '0 b l @ m",
    "sentence": "s 'E n t @ n s",
    "button": "b 'V t @ n",
    "April": "'eI p r @ l",
    "lemon": "l 'E m @ n",
    "bread": "b r 'E d",
    "cheese": "tS 'i: z",
    "spoon": "s p 'u: n",
    "children": "tS 'I l d r @ n",
    "brother": "b r 'V D 3",
    "sister": "s 'I s t 3",
    "simple": "s 'I m p @ l",
    "quick": "k w 'I k",
    "power": "p 'aU 3",
    "ocean": "'oU S @ n",
    "rabbit": "r 'a b I t",
    "line": "l 'aI n",
    "fix": "f 'I k s",
    "fork": "f 'O@ k",
}
"""English words that are none of the keywords, for training the label ``unknown``."""

UNKNOWN_TEST_WORDS: dict[str, str] = {
    "coffee": "k '0 f i",
    "evening": "'i: v n I N",
    "winter": "w 'I n t 3",
    "mountain": "m 'aU n t I n",
    "letter": "l 'E t 3",
    "teacher": "t 'i: tS 3",
    "doctor": "d '0 k t 3",
    "market": "m 'A@ k I t",
    "train": "t r 'eI n",
    "purple": "p '3: p @ l",
    "nature": "n 'eI tS 3",
    "language": "l 'a N g w I dZ",
    "yesterday": "j 'E s t 3 d eI",
    "banana": "b @ n 'a n @",
    "basket": "b 'a s k I t",
    "family": "f 'a m @ l i",
    "travel": "t r 'a v @ l",
    "flower": "f l 'aU 3",
    "thunder": "T 'V n d 3",
    "weekend": "w 'i: k E n d",
}
"""English words used only to test ``unknown``; none of them is ever trained."""

ONSETS = (
    *[
        "p",
        "b",
        "t",
        "d",
        "k",
        "g",
        "f",
        "v",
        "s",
        "S",
        "tS",
        "dZ",
        "T",
        "h",
        "m",
        "n",
        "l",
        "r",
        "j",
        "w",
    ],
    *(
        "p r",
        "b r",
        "t r",
        "k r",
        "g r",
        "f r",
        "T r",
        "p l",
        "b l",
        "k l",
        "g l",
        "f l",
        "s p",
        "s t",
        "s k",
    ),
    *("s m", "s n", "s l", "s w", "k w", "s p r", "s t r", ""),
)
VOWELS = tuple(
    ["i:", "I", "E", "a", "V", "0", "O:", "O@", "u:", "3:", "aI", "eI", "oU", "aU", "A@", "i@"]
)
WEAK_VOWELS = ("@", "I", "i", "3", "oU")
CODAS = (
    *["p", "b", "t", "d", "k", "g", "f", "v", "s", "z", "tS", "dZ", "T", "m", "n", "N", "l"],
    *["n t", "n d", "s t", "k s", "l d", "", "", ""],
)
SYLLABLES = {1: 0.4, 2: 0.45, 3: 0.15}


def _unstressed(word: str) -> str:
    return word.replace("'", "")


_KEPT_APART = {
    _unstressed(word) for table in (KEYWORD_WORDS, UNKNOWN_TEST_WORDS) for word in table.values()
}


def invent_word(generator: np.random.Generator) -> str:
    """Phonemes of an English-sounding word that is in none of the tables: there are more words than
    any list.

    One to three syllables, the stress on the first or, one time in four, on the second.
    """
    while True:
        count = int(generator.choice(list(SYLLABLES), p=list(SYLLABLES.values())))
        stressed = int(count > 1 and generator.random() < 0.25)
        sounds: list[str] = []
        for index in range(count):
            vowel = str(generator.choice(VOWELS if index == stressed else WEAK_VOWELS))
            coda = (
                str(generator.choice(CODAS))
                if index == count - 1 or generator.random() < 0.2
                else ""
            )
            sounds += [
                str(generator.choice(ONSETS)),
                f"'{vowel}" if index == stressed else vowel,
                coda,
            ]
        word = " ".join(filter(None, sounds))
        if _unstressed(word) not in _KEPT_APART and len(word.split()) > 1:
            return word
