"""Tables as people save them are read, or refused in one sentence; nothing else comes out."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vop_core.data.tables import read_table
from vop_core.errors import DataError

NEEDED = ("path", "person", "label")
PLAIN = "path,person,label,take\na.flac,anna,yes,1\nb.flac,renée,no,2\n"
ROWS = [
    {"path": "a.flac", "person": "anna", "label": "yes", "take": "1"},
    {"path": "b.flac", "person": "renée", "label": "no", "take": "2"},
]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("table") / "metadata.csv"


def read(file, content):
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(file, NEEDED)


def refusal(file, content):
    with pytest.raises(DataError) as refused:
        read(file, content)
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.encode("utf-8-sig"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "\t").encode("utf-16"),  # Excel's "Unicode text"
        PLAIN.encode("utf-16-be").join((b"\xfe\xff", b"")),
        "sep=,\r\n" + PLAIN.replace("\n", "\r\n"),
        "sep=;\n" + PLAIN.replace(",", ";"),
        '"sep=;"\n' + PLAIN.replace(",", ";"),
        "SEP=\t\n" + PLAIN.replace(",", "\t"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("path,person,label,take", " Path,PERSON , Label,take\u00a0"),
        PLAIN.replace(",", " , "),
        PLAIN.replace("\n", ",\n").replace("yes", '"yes"'),  # a last column without a name
        PLAIN.replace("\n", "\n\n,,,\n"),
        PLAIN.replace("renée", "rene\u0301e"),
        PLAIN.removesuffix("\n"),
    ],
)
def test_every_usual_form_of_a_table_says_the_same(file, content):
    assert [fields for _, fields in read(file, content)] == ROWS


def test_columns_may_stand_in_any_order_and_be_more(file):
    ((_, fields),) = read(file, "note;label;path;person\nso, so;yes;a.flac;anna\n")
    assert fields == {"path": "a.flac", "person": "anna", "label": "yes", "note": "so, so"}


def test_a_row_is_known_by_the_line_of_the_file_on_which_it_begins(file):
    text = 'sep=,\n\npath,person,label\na,p,yes\n\n,,\nb,p,"two\nlines"\nc,p,no\n'
    assert [(line, fields["path"]) for line, fields in read(file, text)] == [
        (4, "a"),
        (7, "b"),
        (9, "c"),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "has no column 'path': its first line holds nothing"),
        (
            "wav,speaker\n",
            "has no column 'path': its first line holds 'wav', 'speaker', and it needs path",
        ),
        ("path;person\n", "has no column 'label': its first line holds 'path', 'person'"),
        ("path,person,label,Label\n", "has two columns called 'label'"),
        (
            PLAIN.encode("latin-1"),
            "Line 3 of .* the byte 0xE9 .'é' in Windows-1252.; save it as UTF-8",
        ),
        (PLAIN.encode("utf-16")[:-1], "begins like UTF-16 text but is damaged"),
        (PLAIN.encode("utf-16-le"), "holds zero bytes"),
        (b"PK\x03\x04\x14\x00", "is a spreadsheet and not a table in text"),
        (
            PLAIN.replace("yes", "yes, please"),
            "Line 2 of .* has 5 fields for 4 columns; put a field",
        ),
        (
            PLAIN.replace("b.flac", '"b.flac'),
            "no proper table from line 3 on .unexpected end of data.",
        ),
        (PLAIN.replace("yes", "y" * 140_000), "no proper table from line 2 on .field larger"),
    ],
)
def test_what_is_no_such_table_is_refused_with_what_was_found(file, content, says):
    assert re.search(says, refusal(file, content)), refusal(file, content)


pieces = st.sampled_from(
    [
        "path",
        "person",
        "label",
        ",",
        ";",
        "\t",
        "\n",
        "\r",
        '"',
        "sep=",
        " ",
        "\ufeff",
        "\0",
        "é",
        "\u2028",
        "a",
        "x" * 99,
    ]
)


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.lists(pieces, max_size=25).map("".join), st.binary(max_size=60)))
def test_whatever_a_table_holds_it_is_read_or_refused_in_one_sentence(file, content):
    try:
        rows = read(file, content)
    except DataError as refused:
        assert len(str(refused).splitlines()) == 1
    else:
        assert all(set(NEEDED) <= fields.keys() for _, fields in rows)
