"""The measure of size sees statements, not their layout."""

from tests.measure import logical_lines

PLAIN = "def add(one, two):\n    return one + two\n\n\nTOTAL = add(1, 2)\n"
WRAPPED = '''"""A docstring
of two lines.
"""


# a comment
def add(
    one,
    two,
):
    """Another."""
    return (
        one
        + two  # wrapped
    )


TOTAL = add(1, 2)
'''


def test_width_comments_and_docstrings_change_no_figure(tmp_path):
    for text in (PLAIN, WRAPPED):
        file = tmp_path / "module.py"
        file.write_text(text, encoding="utf-8")
        assert logical_lines(file) == 3
