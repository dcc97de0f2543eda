"""No sentence of the prose judges unless a number guards it, or it says nothing about results.

``judgements.csv`` lists every sentence with a judging word: what guards it is code of its notebook,
or why it needs none. Questions judge nothing. A sentence that is not listed is found.
"""

import csv
from pathlib import Path

import pytest

from tests.notebooks.judging import judging_sentences
from vop_core.course.build import sources

NEEDS_NONE = {
    "aim": "what the reader will be able to do",
    "name": "a name, a definition, a heading, a row of a table",
    "math": "follows from what is derived beside it",
    "rule": "what must be done before anything may be said",
    "source": "a title of somebody's paper",
    "story": "what somebody did or might do, in an exhibit, a question or its answer",
}
LISTED = Path(__file__).with_name("judgements.csv")
PLANTED = (
    "VoP outperforms its baselines.",
    "Personal weights are clearly superior.",
    "So the posterior's width is useful.",
    "Enrolling pays off for most persons.",
    "The wrong person's clips make no difference.",
    "Its calibration improved.",
    "AdaBN is barely any better.",
    "That the room matters is not shown.",
    "The cascade excels with a single clip.",
    "Nobody is harmed by it.",
)


def listed() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    with LISTED.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            found.setdefault(row["notebook"], {})[row["sentence"]] = row["guard"]
    return found


def unguarded(source: str, known: dict[str, str]) -> list[str]:
    """Judging sentences that are not listed, or whose guard is not in the notebook."""
    return [
        sentence
        for sentence in judging_sentences(source)
        if not sentence.endswith("?")
        and known.get(sentence) not in NEEDS_NONE
        and (known.get(sentence) or "no guard") not in source
    ]


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.stem)
def test_no_sentence_judges_without_a_guard(path):
    source, known = path.read_text(encoding="utf-8"), listed().get(path.stem[:2], {})
    assert unguarded(source, known) == []
    assert set(known) <= set(judging_sentences(source)), "a sentence is listed that is gone"


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.stem)
def test_planted_judgements_are_found_wherever_they_stand(path):
    source, known = path.read_text(encoding="utf-8"), listed().get(path.stem[:2], {})
    for place in ("\n## Summary\n", "\n## Questions\n"):
        text = " ".join(f"All is as expected. {sentence} So it is." for sentence in PLANTED)
        assert unguarded(source.replace(place, f"\n{text}\n{place}"), known) == list(PLANTED)


def test_a_guard_that_is_taken_out_is_missed():
    path = next(path for path in sources() if path.stem.startswith("04"))
    source, known = path.read_text(encoding="utf-8"), listed()["04"]
    (guarded,) = [each for each, guard in known.items() if guard == "best_covers < 0.9"]
    assert unguarded(source.replace("best_covers < 0.9", "True"), known) == [guarded]
