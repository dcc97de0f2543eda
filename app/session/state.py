"""Everything of one visitor. The only module that touches ``st.session_state``."""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st
import texts
from streamlit.runtime.scriptrunner import get_script_run_ctx
from texts import clips as texts_of_clips

from vop_core.course.lesson import Point
from vop_core.data.clip_quality import ClipQuality
from vop_core.data.environments import CLEAN
from vop_core.errors import VopError
from vop_core.evaluation.answers import Answer
from vop_core.evaluation.narrowing import LearningCurve
from vop_core.evaluation.personal_test import PersonalTest
from vop_core.evaluation.promises import Promise, SealedLabel
from vop_core.evaluation.verification_metrics import Verdict
from vop_core.models.ledger import Ledger
from vop_core.models.personal_test import AskedModels
from vop_core.models.signs import TaughtSigns
from vop_core.types import Clip, Picture

LOGGER = logging.getLogger(__name__)


@dataclass
class Given:
    """A clip of this visit."""

    number: int  # in the visit; the same clip heard elsewhere is another
    original: Clip  # as it was given
    clip: Clip  # as it is heard
    quality: ClipQuality
    source: str  # "recorded", "uploaded" or "borrowed"
    seal: SealedLabel | None = None  # its word, where it is known; enrollment must not read it
    words: int = 1  # in the recording; a model hears one of them
    person: str | None = None  # the bundled person it was borrowed from; None: the visitor
    attribution: str = ""  # whose clip a borrowed one is, to be shown where it is played
    figure: object = None  # its picture, made once
    sound: str = ""  # its playable form, made once


@dataclass
class Entry(Given):
    """One enrollment clip of this visit."""

    place: int = 1  # among those that its person gave
    on: bool = True

    @property
    def title(self) -> str:
        return texts_of_clips.clip(self.place)


@dataclass
class Query(Given):
    """The clip both models are asked about."""

    task: str = ""  # whose models were asked
    word: str = ""  # the sealed word, once opened
    recording: Clip | None = None  # what it is a word of, where that holds several
    word_number: int = 0  # which of them it is, from 1; 0 before one is chosen
    twin: str = ""  # the enrolled clip that is the same recording

    @property
    def title(self) -> str:
        return texts_of_clips.query(self.number)


@dataclass
class Personal:
    """The personal model of the clips that are switched on, and how its making went."""

    key: tuple
    model: object
    promises: tuple[Promise, ...]
    seconds: float
    # the numbers of all clips that there were, on and off; None: they are in a file's past
    given: tuple[int, ...] | None


@dataclass
class Answers:
    """Both models' answers to the present query, and the number of clips that made the personal
    one.
    """

    key: tuple
    by_global: Answer
    by_personal: Answer
    shots: int


@dataclass
class PromptedTest:
    """Words that one person is asked to say, one after the other, and what was said."""

    task: str
    words: list[str]
    own: bool = True  # else a bundled person's clips are asked about
    clips: dict[int, Clip] = field(default_factory=dict)  # by place in ``words``, last said last
    skipped: set[int] = field(default_factory=set)
    finished: bool = False  # for now: the score is looked at
    # with what they belong to: the models that are asked, and their answers
    models: tuple[tuple, AskedModels] | None = None
    result: tuple[tuple, PersonalTest] | None = None


@dataclass
class Person:
    """Somebody who enrolls in this visit, and all that is made of their clips."""

    number: int
    name: str = ""  # as the visitor calls them; empty: as the pages do
    environment: str = CLEAN  # in which their clips are heard, to enroll and to be asked about
    entries: list[Entry] = field(default_factory=list)
    clips_given: int = 0
    loaded: Personal | None = None  # instead of clips: what a person's file holds
    personal: Personal | None = None
    before: Personal | None = None  # the model before the last switch of a clip
    query: Query | None = None
    answers: Answers | None = None
    curve: tuple[tuple, LearningCurve] | None = None  # and what it belongs to
    # what came of the queries that count, by persons enrolled, task, environment and clip: one clip
    # asked twice is one query
    outcomes: dict[tuple[frozenset[str], str, str, str], str] = field(default_factory=dict)
    test: PromptedTest | None = None
    spoken: list[Query] = field(default_factory=list)  # words for the exchange of models
    claim: Query | None = None  # the clip that claims to be this person's
    # what came of it, and what it belongs to
    verdicts: tuple[tuple, dict[str, Verdict]] | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was given for this person."""
        asked = self.query or self.claim or self.spoken or self.test
        return not (self.entries or self.loaded or asked)

    @property
    def own_entries(self) -> list[Entry]:
        """The clips that somebody here gave, not borrowed."""
        return [entry for entry in self.entries if entry.person is None]

    @property
    def holds_own(self) -> bool:
        """Whether anything of somebody here would be lost with the page."""
        asked = [each for each in (self.query, self.claim, *self.spoken) if each]
        given = any(each.person is None for each in asked)
        tested = self.test is not None and self.test.own and bool(self.test.clips)
        return bool(self.own_entries or self.loaded) or given or tested


def _of_the_person(name: str) -> property:
    """What a visit has of the person whose turn it is."""
    return property(
        lambda visit: getattr(visit.person, name),
        lambda visit, value: setattr(visit.person, name, value),
    )


@dataclass
class Lesson:
    """Where this visitor is in the lecture, and what was predicted there."""

    step: int = 0
    predictions: dict[str, int] = field(default_factory=dict)  # by step: the option
    revealed: set[str] = field(default_factory=set)  # steps
    # of the twins, by number of weights
    points: dict[int, list[Point]] = field(default_factory=dict)
    chosen: dict[int, int] = field(default_factory=dict)


@dataclass
class Drawn:
    """One written character, and what is known of it."""

    number: int
    original: Picture  # as it was given
    picture: Picture  # as it is seen where its writer is
    source: str  # "drawn", "uploaded" or "borrowed"
    on: bool = True
    seal: SealedLabel | None = None  # what a bundled writer's picture shows
    image: bytes = b""  # to look at, made once
    record: str = ""  # the name of a bundled writer's


@dataclass
class Hand:
    """What was given on the page of handwriting."""

    given: int = 0
    writer: str | None = None  # the bundled writer whose hand it is, by id
    environment: str = CLEAN
    samples: list[Drawn] = field(default_factory=list)
    query: Drawn | None = None
    made: tuple[tuple[int, ...], Personal] | None = None  # of these samples
    told: dict[int, str] = field(default_factory=dict)  # by the query's number, what it was
    asked: int = 0  # of a bundled writer's digits, which is asked next
    tally: dict[str, str] = field(default_factory=dict)  # by the query's digest, who was right

    @property
    def enrolled(self) -> list[Drawn]:
        """What is switched on."""
        return [sample for sample in self.samples if sample.on]

    @property
    def empty(self) -> bool:
        return not self.samples and self.query is None

    @property
    def holds_own(self) -> bool:
        """Whether anything of the visitor's own would be lost with the page."""
        asked = [self.query] if self.query else []
        return any(each.source != "borrowed" for each in (*self.samples, *asked))


@dataclass
class Sign:
    """A sign that the visitor teaches."""

    number: int
    name: str
    samples: list[Drawn] = field(default_factory=list)


@dataclass
class OwnSigns:
    """What was given on the page of signs."""

    given: int = 0  # drawings
    named: int = 0  # signs
    writer: str | None = None  # the bundled writer whose digits they are, by id
    signs: list[Sign] = field(default_factory=list)
    chosen: int = 0  # the sign that the next sample is of, by number; 0: a new one
    query: Drawn | None = None
    made: tuple[tuple, TaughtSigns, str, float] | None = None  # of these samples
    told: dict[int, str] = field(default_factory=dict)  # by the query's number, what it was
    asked: int = 0
    tally: dict[str, str] = field(default_factory=dict)  # by the query's digest, who was right

    @property
    def taught(self) -> list[Sign]:
        """Those with a sample."""
        return [sign for sign in self.signs if sign.samples]

    @property
    def empty(self) -> bool:
        return not self.signs and self.query is None

    @property
    def holds_own(self) -> bool:
        """Whether anything of the visitor's own would be lost with the page."""
        drawn = [each for sign in self.signs for each in sign.samples]
        asked = [self.query] if self.query else []
        return any(each.source != "borrowed" for each in (*drawn, *asked))


@dataclass
class Visit:
    """Everything this visitor gave or caused. Lives in ``st.session_state``, nowhere else."""

    page: str = ""  # the page seen last
    # the tab is older than the visit: the server was restarted, or the tab was away for long
    lost: bool = False
    # those followed, and those that the pages themselves made of what they showed
    addresses: set[frozenset[tuple[str, str]]] = field(default_factory=set)
    asked_choices: dict[str, str] = field(default_factory=dict)  # by the address, not yet open
    choices: dict[tuple[str, str], str] = field(default_factory=dict)  # open, by page and name
    # part of every personal widget's key, so that forgetting empties the widgets too
    generation: int = 0
    task: str = "keywords-en"
    subject: str | None = None  # the model that Decide and Inspect are about; None: that of words
    example: int | None = None  # of those on the first page, the one that is shown
    people: list[Person] = field(default_factory=lambda: [Person(1)])
    turn: int = 1  # whose it is, by number
    people_given: int = 1
    hand: Hand = field(default_factory=Hand)
    own_signs: OwnSigns = field(default_factory=OwnSigns)
    lesson: Lesson = field(default_factory=Lesson)
    refusals: list[str] = field(default_factory=list)
    clips_given: int = 0
    queries_given: int = 0
    # what Inspect has computed, by name, and what it belongs to
    inspection: tuple[tuple, dict[str, object]] | None = None
    # the words that the visitor told, by task and clip
    told: dict[tuple[str, str], str] = field(default_factory=dict)
    swapped: bool = False  # whether two persons have each other's model
    exchange: tuple[tuple, object] | None = None  # what came of it, and what it belongs to
    # Decide: whether the bundled people were asked, and what methods cost on which clips
    people_asked: set[str] = field(default_factory=set)  # by task
    ledger: tuple[tuple, Ledger] | None = None
    draw_seed: int = 0
    # looked at: the layer by task, the weight by task and layer
    layers: dict[str, str] = field(default_factory=dict)
    weights: dict[tuple[str, str], int] = field(default_factory=dict)
    renewals: dict[str, int] = field(default_factory=dict)  # how often each input was emptied

    entries = _of_the_person("entries")
    personal = _of_the_person("personal")
    before = _of_the_person("before")
    query = _of_the_person("query")
    claim = _of_the_person("claim")
    answers = _of_the_person("answers")
    curve = _of_the_person("curve")
    test = _of_the_person("test")
    outcomes = _of_the_person("outcomes")
    environment = _of_the_person("environment")

    @property
    def person(self) -> Person:
        """Whose turn it is: everything shown and given is of this person."""
        return next(each for each in self.people if each.number == self.turn)

    @property
    def enrolled(self) -> list[Entry]:
        """The clips that are switched on."""
        return [entry for entry in self.entries if entry.on]

    @property
    def persons(self) -> set[str]:
        """Whose clips are on: ``you``, whoever of those here has the turn, and any bundled
        persons'. A file does not say whose it is: it is taken for somebody's here.
        """
        if self.person.loaded:
            return {"you"}
        return {entry.person or "you" for entry in self.enrolled}

    @property
    def holds_own(self) -> bool:
        """Whether anything of the visitors' own would be lost with the page."""
        pages = self.hand, self.own_signs, *self.people
        return any(each.holds_own for each in pages)

    @property
    def empty(self) -> bool:
        """Whether nothing was given for anybody."""
        return all(each.empty for each in (self.hand, self.own_signs, *self.people))

    def drop_models(self) -> None:
        """Nothing that was made of the person's former clips is kept."""
        self.personal = self.before = self.curve = self.answers = self.inspection = None
        self.layers.clear()
        self.weights.clear()


def current() -> Visit:
    """This visitor's state, made on their first page."""
    if "visit" not in st.session_state:
        st.session_state["visit"] = Visit(lost=_tab_was_here())
    return st.session_state["visit"]


def _tab_was_here() -> bool:
    """Whether a tab without a visit had one: it tells what its inputs hold and which messages it
    has, a new tab has neither.
    """
    context = get_script_run_ctx()
    return len(st.session_state) > 0 or bool(context and context.cached_message_hashes)


def enter(visit: Visit, page: str) -> None:
    """A page opens; complaints of another page are over."""
    if visit.page != page:
        visit.refusals.clear()
        visit.page = page


def guarded(change: Callable) -> Callable:
    """What a click or an upload calls: where it fails, the page is drawn all the same and says so.

    Streamlit would show an empty page, and its only way on, a reload, would lose the visit.
    """

    @functools.wraps(change)
    def safely(*arguments) -> None:
        try:
            change(*arguments)
        except VopError as error:
            current().refusals.append(str(error))
        except Exception:
            LOGGER.exception("What a visitor did could not be carried out")
            current().refusals.append(texts.FAILED)

    return safely


def forget() -> None:
    """Empty everything personal: clips, query, posterior, tally, and the raw uploads Streamlit
    still holds.
    """
    before = current()
    _drop_uploads()
    st.session_state.clear()
    st.session_state["visit"] = Visit(
        generation=before.generation + 1, task=before.task, addresses=before.addresses
    )


def _drop_uploads() -> None:
    context = get_script_run_ctx()
    if context is not None:
        context.uploaded_file_mgr.remove_session_files(context.session_id)


def widget_name(visit: Visit, name: str) -> str:
    """The present name of an input that is emptied after each use."""
    return f"{name}-{visit.renewals.get(name, 0)}"


def given(widget: str):
    """What an input holds when it calls back: a file, several, or nothing.

    A call back that is made again, because a later click interrupted it, finds files that were
    taken in and dropped.
    """
    held = st.session_state.get(widget)
    if isinstance(held, list):
        return [file for file in held if hasattr(file, "getvalue")]
    return held if hasattr(held, "getvalue") else None


def put(widget: str, value: object) -> None:
    """Give an input a value, before it is drawn again."""
    st.session_state[widget] = value


def begin(widget: str, value: object) -> None:
    """The same for an input that has no value yet."""
    st.session_state.setdefault(widget, value)


def clicked(widget: str) -> int | None:
    """The ``customdata`` of the point that was clicked in a figure; None where there is none."""
    points = st.session_state[widget].selection.points
    return next((point["customdata"] for point in points if "customdata" in point), None)


def chosen(widget: str):
    """What a widget of choices holds when it calls back."""
    return st.session_state.get(widget)


def drawn(widget: str, how: str) -> object:
    """The strokes that a canvas gives in some way when it calls back; None where it gives none."""
    held = st.session_state.get(widget)
    return held.get(how) if held else None


def renew(visit: Visit, name: str) -> None:
    """Put an empty input in the place of a used one, and drop the raw bytes that Streamlit still
    holds.
    """
    visit.renewals[name] = visit.renewals.get(name, 0) + 1
    _drop_uploads()
