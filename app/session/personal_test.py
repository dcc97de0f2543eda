"""A test of the personal model: words to say, one after the other, and everybody's answers."""

from collections.abc import Sequence

import texts
from texts.personal_test import AFTER_THE_LAST

from session import answers, clips, models
from session.clips import borrowed_person
from session.shared import bundle
from session.state import PromptedTest, Visit
from vop_core.data import audio, enrollment
from vop_core.errors import VopError
from vop_core.evaluation.controls import generator_for
from vop_core.evaluation.personal_test import PersonalTest, words_of_files
from vop_core.evaluation.promises import SealedLabel
from vop_core.models.personal_test import UNKNOWN, asked_models, bundled_test
from vop_core.tasks.registry import TASKS
from vop_core.types import Clip

WORDS = 20  # of a test, those included that no model knows
FEWEST = 3  # known words, before there is a score


def current(visit: Visit) -> PromptedTest | None:
    """The test of the present person and task, begun where the words can be read out; None where
    they cannot.
    """
    if visit.test is None or visit.test.task != visit.task:
        generator = _generator(visit)
        words = TASKS[visit.task].prompts(WORDS - UNKNOWN, UNKNOWN, generator=generator)
        own = borrowed_person(visit) is None
        visit.test = PromptedTest(visit.task, list(words)) if words and own else None
    return visit.test


def _generator(visit: Visit):
    return generator_for(max(entry.number for entry in visit.entries), "personal test", visit.task)


def begin_again(visit: Visit) -> None:
    """Drop what was said."""
    visit.refusals.clear()
    visit.test = None


def place(test: PromptedTest) -> int | None:
    """Of the word that is to be said next; None after the last."""
    left = (each for each in range(len(test.words)) if each not in test.clips)
    return next((each for each in left if each not in test.skipped), None)


def asked_for(test: PromptedTest) -> tuple[int, int]:
    """How many of the words to say are done with, and how many they are; files of other words come
    on top.
    """
    words = range(min(WORDS, len(test.words)))
    return sum(each in test.clips or each in test.skipped for each in words), len(words)


def take(visit: Visit, data: bytes) -> None:
    """A recording of the present word; on a refusal the word is asked for again."""
    visit.refusals.clear()
    now = place(visit.test)
    try:
        _put_in(visit, now, audio.decode(data, name=f"“{visit.test.words[now]}”"))
    except VopError as error:
        visit.refusals.append(str(error))


def take_files(visit: Visit, files: Sequence[tuple[str, bytes]]) -> None:
    """Files, each by name and bytes: of the words that they are called after, or in the order of
    the words that are still to be said.
    """
    visit.refusals.clear()
    test, refused = visit.test, []
    named = [*bundle(visit.task).labels, *test.words]
    try:
        words = words_of_files([audio.short_name(name) for name, _ in files], named)
    except VopError as error:
        visit.refusals.append(str(error))
        return
    for number, (name, data) in enumerate(files):
        try:
            now = place(test) if words is None else _place_of(test, words[number])
            if now is None:
                raise VopError(AFTER_THE_LAST)
            _put_in(visit, now, audio.decode(data, name=name))
        except VopError as error:
            refused.append((audio.short_name(name), str(error)))
    visit.refusals += texts.refused(refused, len(files))


def _place_of(test: PromptedTest, word: str) -> int:
    """Where a word is still to be said; a further one where it is not."""
    for each, wanted in enumerate(test.words):
        if wanted == word and each not in test.clips:
            return each
    test.words.append(word)
    return len(test.words) - 1


def _put_in(visit: Visit, now: int, clip: Clip) -> None:
    enrolled = clips.titled(visit.entries)
    enrollment.check_query(clip, enrolled, list(visit.test.clips.values()))
    visit.test.clips[now] = clip


def skip(visit: Visit) -> None:
    """Leave the present word out."""
    visit.refusals.clear()
    visit.test.skipped.add(place(visit.test))


def again(visit: Visit) -> None:
    """Ask for the word that was said last once more."""
    visit.refusals.clear()
    visit.test.clips.popitem()


def show(visit: Visit, finished: bool) -> None:
    """Look at the score, or go on with the words."""
    visit.test.finished = finished


def run_bundled(visit: Visit) -> None:
    """The whole test with query clips of the bundled person who enrolled."""
    visit.refusals.clear()
    shipped, person = bundle(visit.task), borrowed_person(visit)
    asked = bundled_test(shipped, person, visit.environment, generator=_generator(visit))
    visit.test = PromptedTest(
        visit.task,
        [word for _, word in asked],
        own=False,
        clips={number: clip for number, (clip, _) in enumerate(asked)},
        finished=True,
    )


def said_known(visit: Visit) -> int:
    """How many words of the models were said."""
    labels = bundle(visit.task).labels
    return sum(visit.test.words[each] in labels for each in visit.test.clips)


def result(visit: Visit) -> PersonalTest:
    """Everybody's answers to what was said, asked anew when that or the clips that are on change.

    There must be a known word, and a personal model.
    """
    test, made = visit.test, models.personal(visit)
    if test.models is None or test.models[0] != made.key:
        own, first = [entry.clip for entry in visit.enrolled], made.key[1][0]
        test.models = (
            made.key,
            asked_models(
                bundle(visit.task),
                own,
                answers.of_others(visit, first),
                generator=generator_for(first, "controls"),
            ),
        )
    places = tuple(sorted(test.clips))
    key = (made.key, tuple(test.clips[each].digest for each in places))
    if test.result is None or test.result[0] != key:
        said = [test.clips[each] for each in places]
        # a bundled person's were made there
        asked = [clips.heard_here(visit, clip, None)[0] for clip in said] if test.own else said
        seals = [SealedLabel(test.words[each]) for each in places]
        test.result = key, test.models[1].ask(asked, seals)
    return test.result[1]
