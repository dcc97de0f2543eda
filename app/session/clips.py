"""Clips coming in: what enrolls, and what is asked about. A refusal leaves what was there
untouched.
"""

from dataclasses import replace

from session.shared import bundle, bundled_persons, enrolled_clips
from session.state import Entry, Query, Visit
from vop_core.data import audio, enrollment
from vop_core.data.clip_quality import assess
from vop_core.data.environments import CLEAN, heard_as
from vop_core.data.voices import BundledClip, BundledPerson
from vop_core.errors import VopError
from vop_core.evaluation.promises import SealedLabel
from vop_core.tasks.keyword_spotting import SILENCE, UNKNOWN
from vop_core.tasks.registry import TASKS
from vop_core.types import Clip

WORD_STRIDE = 7  # proposes words from all over the list


def example_word(visit: Visit, number: int) -> str:
    """A word to propose for the clip with this number; none where the list holds translations
    only.
    """
    if TASKS[visit.task].language != "en":
        return ""
    words = [label for label in bundle(visit.task).labels if label not in (UNKNOWN, SILENCE)]
    return words[(number * WORD_STRIDE) % len(words)]


def add(visit: Visit, data: bytes, name: str, source: str) -> None:
    """Take one recording or file in as an enrollment clip."""
    try:
        _put_in(visit, visit.entries, [audio.decode(data, name=name)], source)
    except VopError as error:
        visit.refusals.append(str(error))


def split(visit: Visit, entry: Entry) -> None:
    """Put every word of a recording in its place."""
    visit.refusals.clear()
    others = [other for other in visit.entries if other is not entry]
    try:
        _put_in(visit, others, audio.words(entry.clip), entry.source)
    except VopError as error:
        visit.refusals.append(str(error))


def _put_in(visit: Visit, kept: list[Entry], clips, source: str) -> None:
    titled = [replace(entry.clip, name=entry.title) for entry in kept]
    enrollment.check_enrollment([*titled, *clips])
    entries = list(kept)
    for clip in clips:
        entries.append(_entry(visit, clip, source))
        entries[-1].words = len(audio.words(clip))
    visit.entries = entries


def _entry(visit: Visit, clip: Clip, source: str, **borrowed) -> Entry:
    visit.clips_given += 1
    return Entry(visit.clips_given, clip, assess(clip.waveform), source, **borrowed)


def poor_share(visit: Visit) -> str:
    """How many of the clips that are on are poor, in a sentence; empty where none is."""
    return enrollment.poor_share([entry.quality for entry in visit.enrolled])


def remove(visit: Visit, entry: Entry) -> None:
    """Take a clip out, and with it every posterior that it shaped."""
    visit.entries.remove(entry)
    visit.drop_models()


def borrow(visit: Visit, person: BundledPerson, shots: int, environment: str = CLEAN) -> None:
    """Replace the enrollment clips by ``shots`` of a bundled person, heard in one of the person's
    own environments.

    Raises DataError where the person has no such environment.
    """
    visit.refusals.clear()
    visit.entries = [
        _entry(
            visit,
            heard_as(environment, person.id, record.load()),
            environment=environment,
            person=person.id,
            **_borrowed(person, record),
        )
        for record in enrolled_clips(visit.task, person.id, environment, shots)
    ]
    visit.query = None
    visit.drop_models()


def ask(visit: Visit, data: bytes, name: str, source: str) -> None:
    """Take a query clip in; on a refusal the former query and its answers stay."""
    visit.refusals.clear()
    try:
        _ask(visit, audio.decode(data, name=name), source)
    except VopError as error:
        visit.refusals.append(str(error))


def ask_bundled(visit: Visit, person: BundledPerson, index: int) -> None:
    """Ask about a bundled person's query clip, whose word is known but sealed; it is heard as the
    bundled clips that enroll are.
    """
    visit.refusals.clear()
    record = person.query[index]
    clip = heard_as(visit.environment, person.id, record.load())
    _ask(visit, clip, **_borrowed(person, record))


def _borrowed(person: BundledPerson, record: BundledClip) -> dict:
    return {
        "source": "borrowed",
        "seal": SealedLabel(record.label),
        "attribution": f"{person.name} of {person.corpus.attribution}",
    }


def ask_word(visit: Visit, number: int) -> None:
    """Ask about one word, counted from 1, of the recording that is asked about."""
    visit.refusals.clear()
    recording, words = visit.query.recording, audio.words(visit.query.recording)
    _ask(visit, words[number - 1], visit.query.source)
    visit.query.recording, visit.query.words, visit.query.word_number = (
        recording,
        len(words),
        number,
    )


def _ask(visit: Visit, clip: Clip, source: str, **borrowed) -> None:
    visit.queries_given += 1
    visit.query = Query(visit.queries_given, clip, assess(clip.waveform), source, **borrowed)
    words = audio.words(clip)
    if len(words) > 1:
        visit.query.recording, visit.query.words = clip, len(words)
    titled = [replace(entry.clip, name=entry.title) for entry in visit.entries]
    twin = enrollment.twin_of(clip, titled)
    visit.query.twin = twin.name if twin else ""


def switch(visit: Visit, chosen) -> None:
    """Switch on the clips with the numbers ``chosen``, the others off."""
    for entry in visit.entries:
        entry.on = entry.number in chosen


def borrowed_person(visit: Visit) -> BundledPerson | None:
    """The bundled person whose clips are enrolled, if they all are one's."""
    borrowed = {entry.person for entry in visit.entries}
    if len(borrowed) != 1 or None in borrowed:
        return None
    return next((person for person in bundled_persons(visit.task) if person.id in borrowed), None)
