"""Clips coming in: what enrolls, and what is asked about. A refusal leaves what was there
untouched.
"""

from collections.abc import Sequence
from dataclasses import replace

import texts
from texts.people import CLIP_OF_FILE

from session import people
from session.shared import bundle, bundled_name, bundled_persons, enrolled_clips
from session.state import Entry, Given, Query, Visit
from vop_core.data import audio, enrollment
from vop_core.data.clip_quality import ClipQuality, assess
from vop_core.data.environments import CLEAN, COMMON_ENVIRONMENTS, heard_as
from vop_core.data.voices import BundledClip, BundledPerson
from vop_core.errors import VopError
from vop_core.evaluation.promises import SealedLabel
from vop_core.tasks.keyword_spotting import SILENCE, UNKNOWN
from vop_core.tasks.registry import TASKS
from vop_core.types import MOST_CLIPS, Clip

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


def add_files(visit: Visit, files: Sequence[tuple[str, bytes]]) -> None:
    """Take files in, each by name and bytes; what is refused is said once for each reason.

    Poor ones come last, so that they take no room from a better one.
    """
    visit.refusals.clear()
    decoded, refused, too_many = [], [], []
    for name, data in files:
        try:
            decoded.append(audio.decode(data, name=name))
        except VopError as error:
            refused.append((audio.short_name(name), str(error)))
    for clip in sorted(decoded, key=lambda clip: assess(clip.waveform).verdict == "poor"):
        if len(visit.entries) == MOST_CLIPS:
            too_many.append(clip)
            continue
        try:
            _put_in(visit, visit.entries, [clip], "uploaded")
        except VopError as error:
            refused.append((clip.name, str(error)))
    if too_many:
        try:
            enrollment.check_enrollment([*titled(visit.entries), *too_many])
        except VopError as error:
            refused += [(clip.name, str(error)) for clip in too_many]
    visit.refusals += texts.refused(refused, len(files))


def split(visit: Visit, entry: Entry) -> None:
    """Put every word of a recording in its place."""
    visit.refusals.clear()
    others = [other for other in visit.entries if other is not entry]
    try:
        _put_in(visit, others, audio.words(entry.original), entry.source)
    except VopError as error:
        visit.refusals.append(str(error))


def _put_in(visit: Visit, kept: list[Entry], clips, source: str) -> None:
    enrollment.check_enrollment([*titled(kept), *clips])
    entries = list(kept)
    for clip in clips:
        entries.append(_entry(visit, clip, source))
        entries[-1].words = len(audio.words(clip))
    visit.entries = entries


def titled(entries: Sequence[Entry]) -> list[Clip]:
    """Their clips as they were given, called what the pages call them."""
    return [replace(entry.original, name=entry.title) for entry in entries]


def _entry(visit: Visit, clip: Clip, source: str, **borrowed) -> Entry:
    """A new clip, which is on unless it is poor; a bundled one is asked for with its environment,
    and the cards count it.
    """
    person = visit.person
    visit.clips_given += 1
    person.clips_given += 1
    heard, quality = heard_here(visit, clip, borrowed.get("person"))
    on = quality.verdict != "poor" or source == "borrowed"
    return Entry(
        visit.clips_given, clip, heard, quality, source, place=person.clips_given, on=on, **borrowed
    )


def heard_here(visit: Visit, clip: Clip, bundled: str | None) -> tuple[Clip, ClipQuality]:
    """A clip where the person whose turn it is is heard, and what the coach says: of a bundled
    one as it is heard, of one's own as it was recorded, for one chose the rest.
    """
    if bundled is None:
        # bundled persons have environments of their own
        common = visit.environment in COMMON_ENVIRONMENTS
        heard = heard_as(visit.environment, None, clip) if common else clip
        return heard, assess(clip.waveform)
    heard = heard_as(visit.environment, bundled, clip)
    return heard, assess(heard.waveform)


def hear(visit: Visit, environment: str) -> None:
    """Hear the person whose turn it is elsewhere: every clip that was given, and the query."""
    visit.environment = environment
    for entry in visit.entries:
        visit.clips_given += 1
        entry.number = visit.clips_given
        _hear_anew(visit, entry)
    visit.drop_models()
    for asked in (visit.query, visit.claim):
        if asked is not None:
            visit.queries_given += 1
            asked.number = visit.queries_given
            _hear_anew(visit, asked)
    for spoken in visit.person.spoken:
        visit.queries_given += 1
        spoken.number = visit.queries_given
        _hear_anew(visit, spoken)


def _hear_anew(visit: Visit, given: Given) -> None:
    given.clip, given.quality = heard_here(visit, given.original, given.person)
    given.figure, given.sound = None, ""


def poor_share(visit: Visit) -> str:
    """How many of the clips that are on are poor, in a sentence; empty where none is."""
    return enrollment.poor_share([entry.quality for entry in visit.enrolled])


def remove(visit: Visit, entry: Entry) -> None:
    """Take a clip out, and with it every posterior that it shaped."""
    visit.entries.remove(entry)
    visit.drop_models()


def borrow(visit: Visit, person: BundledPerson, shots: int, environment: str = CLEAN) -> None:
    """A bundled person enrolls with ``shots`` clips, heard in one of their own environments.
    Whoever else gave anything stays as another person of the visit.

    Raises DataError where the person has no such environment, VopError where nobody can be added.
    """
    visit.refusals.clear()
    records = enrolled_clips(visit.task, person.id, environment, shots)
    clips = [(record, record.load()) for record in records]
    people.make_room_for(visit, person.id)
    visit.environment, visit.person.clips_given = environment, 0
    visit.entries = [_entry(visit, clip, **_borrowed(person, record)) for record, clip in clips]
    if visit.query is not None and visit.query.person:  # a recording is never lost
        visit.query = None
    if visit.claim is not None and visit.claim.person:
        visit.claim = None
    visit.person.spoken = [query for query in visit.person.spoken if query.person is None]
    if visit.test is not None and not visit.test.own:
        visit.test = None
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
    _ask(visit, record.load(), **_borrowed(person, record))


def bundled_query(visit: Visit, person: BundledPerson, record: BundledClip) -> Query:
    """A bundled person's clip to ask about, beside the page's query."""
    return new_query(visit, record.load(), **_borrowed(person, record))


def _borrowed(person: BundledPerson, record: BundledClip) -> dict:
    return {
        "source": "borrowed",
        "person": person.id,
        "seal": SealedLabel(record.label),
        "attribution": texts.attribution(person),
    }


def ask_word(visit: Visit, number: int) -> None:
    """Ask about one word, counted from 1, of the recording that is asked about."""
    visit.refusals.clear()
    recording, words = visit.query.recording, audio.words(visit.query.recording)
    asked = visit.query
    _ask(
        visit,
        words[number - 1],
        asked.source,
        person=asked.person,
        attribution=asked.attribution,
    )
    visit.query.recording, visit.query.words, visit.query.word_number = (
        recording,
        len(words),
        number,
    )


def ask_again(visit: Visit) -> None:
    """Ask the present task's models about the query that another task's were asked about."""
    visit.queries_given += 1
    visit.query = replace(visit.query, number=visit.queries_given, task=visit.task)


def _ask(visit: Visit, clip: Clip, source: str, **borrowed) -> None:
    query = new_query(visit, clip, source, **borrowed)
    words = audio.words(clip)
    if len(words) > 1:
        query.recording, query.words = clip, len(words)
    query.twin = twin(visit, query)
    visit.query = query


def new_query(visit: Visit, clip: Clip, source: str, **borrowed) -> Query:
    """A clip to ask about, heard as those of the person whose turn it is."""
    visit.queries_given += 1
    heard, quality = heard_here(visit, clip, borrowed.get("person"))
    return Query(visit.queries_given, clip, heard, quality, source, task=visit.task, **borrowed)


def twin(visit: Visit, query: Query) -> str:
    """What the pages call the clip that enrolled and is the same recording; empty without one."""
    loaded = visit.person.loaded
    if loaded is None:
        same = enrollment.twin_of(query.original, titled(visit.entries))
        return same.name if same else ""
    heard = loaded.model.heard(bundle(visit.task).features([query.clip]))
    return CLIP_OF_FILE if bool(heard.any()) else ""


def switch(visit: Visit, chosen) -> None:
    """Switch on the clips with the numbers ``chosen``, the others off."""
    for entry in visit.entries:
        entry.on = entry.number in chosen


def flip(visit: Visit, entry: Entry) -> None:
    """Switch one clip on or off."""
    entry.on = not entry.on


def speakers(visit: Visit) -> list[str]:
    """Whose clips are on, as the pages call them: ``you`` or a name, and bundled persons' names."""
    return [speaker(visit, person) for person in sorted(visit.persons)]


def speaker(visit: Visit, person: str | None) -> str:
    """What the pages call whoever here has the turn (``you`` where there is nobody else), or a
    bundled person of any task.
    """
    return bundled_name(person) or (
        people.called(visit.person) if len(visit.people) > 1 else texts.YOU
    )


def borrowed_person(visit: Visit) -> BundledPerson | None:
    """The bundled person whose clips are enrolled, if they all are one's."""
    borrowed = {entry.person for entry in visit.entries}
    if len(borrowed) != 1 or None in borrowed:
        return None
    return next((person for person in bundled_persons(visit.task) if person.id in borrowed), None)
