"""Tables as people make them: read in any of their usual forms, or refused in one sentence.

Separators are ``,``, ``;`` or tab, also as Excel's first line ``sep=;`` announces them; the text is
UTF-8 or, with its mark, UTF-16. Other encodings are refused, not guessed: a wrong guess spoils
names without a sign.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from vop_core.data.names import normalized
from vop_core.errors import DataError
from vop_core.text import printable

SEPARATORS = (",", ";", "\t")
SAVE_AS_UTF8 = "save it as UTF-8 text (in Excel: 'CSV UTF-8')"
_ANNOUNCED = re.compile(r'"?sep=([,;\t])"?[ ,;\t]*[\r\n]', re.IGNORECASE)


def read_table(path: Path, required: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """All rows that have content, of a table with the ``required`` columns among others.

    Each with the line of the file on which it begins, the first being 1, and its fields by column:
    columns are in lower case, fields ``names.normalized``.

    Raises
    ------
    DataError
        The file cannot be read, is no table, lacks a column or has one twice, or a row has too many
        fields.
    """
    text = _text(path)
    announced = _ANNOUNCED.match(text)
    separators = (announced[1],) if announced else SEPARATORS
    headers = {
        each: next(_rows(text, each, path, bool(announced)), (1, []))[1] for each in separators
    }
    separator = max(
        separators, key=lambda each: sum(name in _columns(headers[each]) for name in required)
    )
    columns = _columns(headers[separator])
    _check_columns(columns, required, path)
    rows = _rows(text, separator, path, bool(announced))
    next(rows)
    found = []
    for line, cells in rows:
        if any(cells[len(columns) :]):
            raise DataError(
                f"Line {line} of '{path}' has {len(cells)} fields for {len(columns)} columns; put "
                "a field that holds the separator into double quotes."
            )
        cells += [""] * (len(columns) - len(cells))
        found.append(
            (line, {name: cell for name, cell in zip(columns, cells, strict=False) if name})
        )
    return found


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"'{path}' cannot be read ({error.strerror}); check its permissions."
        ) from error
    if data.startswith(b"PK\x03\x04"):
        raise DataError(f"'{path}' is a spreadsheet and not a table in text; {SAVE_AS_UTF8}.")
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    if b"\0" in data and not wide:
        raise DataError(f"'{path}' holds zero bytes, so it is no text in UTF-8; {SAVE_AS_UTF8}.")
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{_undecodable(data, error, wide, path)}; {SAVE_AS_UTF8}.") from error


def _undecodable(data: bytes, error: UnicodeDecodeError, wide: bool, path: Path) -> str:
    if wide:
        return f"'{path}' begins like UTF-16 text but is damaged"
    line = data.count(b"\n", 0, error.start) + 1
    byte = data[error.start]
    letter = bytes([byte]).decode("cp1252", "replace")
    found = f"the byte 0x{byte:02X} ('{letter}' in Windows-1252)"
    return f"Line {line} of '{path}' is not UTF-8 text: it holds {found}"


def _rows(
    text: str, separator: str, path: Path, announced: bool
) -> Iterator[tuple[int, list[str]]]:
    """Line and normalized cells of every row with content, the header first."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True
    )
    line = 1
    try:
        for number, row in enumerate(reader):
            cells = [normalized(cell) for cell in row]
            if any(cells) and not (announced and number == 0):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"'{path}' is no proper table from line {line} on ({error}); see that every field that "
            "begins with a double quote ends with one."
        ) from error


def _columns(header: Sequence[str]) -> list[str]:
    return [" ".join(name.casefold().split()) for name in header]


def _check_columns(columns: Sequence[str], required: Sequence[str], path: Path) -> None:
    missing = [name for name in required if name not in columns]
    if missing:
        shown = ", ".join(f"'{printable(name[:30])}'" for name in columns[:8] if name) or "nothing"
        raise DataError(
            f"'{path}' has no column '{missing[0]}': its first line holds {shown}, and it needs "
            f"{', '.join(required)}, separated by commas, semicolons or tabs."
        )
    twice = [name for name, count in Counter(columns).items() if name and count > 1]
    if twice:
        raise DataError(
            f"'{path}' has two columns called '{printable(twice[0][:30])}'; rename or remove one."
        )
