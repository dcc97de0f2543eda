r"""Text that any console, page or file can show: what names may hold and text may not is written as
an escape.
"""

import re
import unicodedata
from collections.abc import Mapping

# they reorder what follows
_HIDING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: object) -> str:
    r"""``text`` (a path, a name, a message) on one line, as valid Unicode.

    A byte that is no UTF-8 in a file's name shows as ``\xe9``; line breaks, terminal codes and
    marks that reorder a line show as escapes. Anything else, Arabic and Chinese included, stays as
    it is.
    """
    plain = str(text)
    return plain if plain.isascii() and plain.isprintable() else "".join(map(_shown, plain))


def counted(number: int, thing: str) -> str:
    """``1 clip``, ``2 clips``."""
    return f"{number} {thing}{'s' * (number != 1)}"


def in_terms(text: str, terms: Mapping[str, str]) -> str:
    """The text with other nouns: each of ``terms``, as one of them or several, by what it is called
    instead.
    """
    if not terms:
        return text
    pattern = rf"\b({'|'.join(terms)})(?=s?\b)"

    def called(found: re.Match[str]) -> str:
        other = terms[found[0].lower()]
        return other.capitalize() if found[0][0].isupper() else other

    return re.sub(pattern, called, text, flags=re.IGNORECASE)


def _shown(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python carries a byte that is not UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    if character in _HIDING or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return character.encode("unicode_escape").decode("ascii")
    return character
