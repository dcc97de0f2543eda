"""Names of persons and words: which spellings are one name, and which only look so.

A computer may store one name in two ways ("é" as one character or as two), which nobody can see:
names are read in the composed form, Unicode's NFC. What can be seen, such as capitals, is never
changed in silence.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

_BETWEEN_WORDS = re.compile(r"(?<=[^\s_-])[\s_-]+(?=[^\s_-])")  # a minus sign in front stays


def normalized(text: str) -> str:
    """The text in its composed Unicode form, without white space around it."""
    return unicodedata.normalize("NFC", text).strip()


def folded(name: str) -> str:
    """What all spellings of a name share.

    Capitals, wide or narrow letters, invisible marks and what stands between words (space, ``_``,
    ``-``) make no difference.
    """
    letters = unicodedata.normalize("NFKC", name).casefold().strip()
    seen = "".join(letter for letter in letters if unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFC", _BETWEEN_WORDS.sub(" ", seen))


def look_alikes(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of different names with one ``folded`` form: each with the first of its kind."""
    first: dict[str, str] = {}
    for name in dict.fromkeys(names):
        other = first.setdefault(folded(name), name)
        if other != name:
            yield other, name
