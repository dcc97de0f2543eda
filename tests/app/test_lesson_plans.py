"""The course's lesson plans keep to the clock, and to two windows."""

import re
from itertools import pairwise

import pytest

from vop_core.course.build import sources
from vop_core.course.slides import MARK
from vop_core.data.locations import repository_root

README = repository_root() / "notebooks" / "README.md"
ROW = re.compile(r"^\| (\d+) - (\d+) \| .* \| (.+?) \|$", re.MULTILINE)
WORDS_A_MINUTE = 120
# minutes
PREDICTING, MOVING, LOOKING, EQUATION = 1.0, 1.0, 0.5, 0.35
REAL_PERSON_BEFORE = 7


def plan(minutes: int) -> list[tuple[int, int, str]]:
    text = README.read_text(encoding="utf-8")
    part = text.split(f"### {minutes} minutes\n")[1].split("\n### ")[0]
    return [(int(begin), int(end), where) for begin, end, where in ROW.findall(part)]


def shown(number: str) -> list[str]:
    """The source of each slide of a notebook."""
    source = next(path for path in sources() if path.stem.startswith(number)).read_text()
    found, is_open, place = [], False, 0
    for mark in MARK.finditer(source):
        if is_open:
            found[-1] += source[place : mark.start()]
        is_open, place = mark["title"] is not None, mark.end()
        if is_open:
            found.append(f"{mark['title']} {mark['body'] or ''}")
    return found


def minutes_of(slide: str) -> float:
    code = "".join(re.findall(r"```.*?```", slide, re.DOTALL))
    prose = re.sub(r"```.*?```|\$\$.*?\$\$", "", slide, flags=re.DOTALL)
    return (
        len(re.findall(r"[A-Za-z']+", prose)) / WORDS_A_MINUTE
        + EQUATION * len(re.findall(r"\$\$.*?\$\$", slide, re.DOTALL))
        + LOOKING * code.count("course.show(")
        + PREDICTING * code.count("course.predict(")
        + MOVING * code.count("course.explore(")
    )


def needed(where: str, steps) -> float:
    if where.startswith("*Learn*"):
        return sum(steps[int(number) - 1].minutes for number in re.findall(r"\d+", where))
    return sum(map(minutes_of, shown(re.findall(r"\d\d", where)[0])))


@pytest.mark.parametrize("minutes", [50, 90])
def test_a_plan_takes_what_it_says_in_two_windows(minutes):
    from texts import learn

    rows = plan(minutes)
    begins, ends, places = zip(*rows, strict=True)
    assert (0, *ends) == (*begins, minutes), "nothing is left out, and nothing twice"
    for begin, end, where in rows:
        assert end - begin >= needed(where, learn.STEPS), where
    windows = [where.split()[0].strip("*,") for where in places]
    switches = sum(one != other for one, other in pairwise(windows))
    assert set(windows) == {"Learn", "slides"} and switches <= 2
    first = next(row for row in rows if row[2].startswith("*Learn*, 1 "))
    assert first[0] + learn.STEPS[0].minutes <= REAL_PERSON_BEFORE
    taught = {
        learn.STEPS[int(number) - 1].key
        for where in places
        if where.startswith("*Learn*")
        for number in re.findall(r"\d+", where)
    }
    assert {"two-weights", "stranger"} <= taught
