"""Everything of one visitor. The only module that touches ``st.session_state``."""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st
import texts
from streamlit.runtime.scriptrunner import get_script_run_ctx

from vop_core.data.clip_quality import ClipQuality
from vop_core.data.environments import CLEAN
from vop_core.errors import VopError
from vop_core.evaluation.answers import Answer
from vop_core.evaluation.narrowing import LearningCurve
from vop_core.evaluation.personal_test import PersonalTest
from vop_core.evaluation.promises import Promise, SealedLabel
from vop_core.models.personal_test import AskedModels
from vop_core.types import Clip

LOGGER = logging.getLogger(__name__)


@dataclass
class Given:
    """A clip of this visit."""

    number: int
    clip: Clip
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

    environment: str = CLEAN  # of that person's own, in which it is heard
    on: bool = True

    @property
    def title(self) -> str:
        return f"Clip {self.number}"


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
        return f"Query {self.number}"


@dataclass
class Personal:
    """The personal model of the clips that are switched on, and how its making went."""

    key: tuple
    model: object
    promises: tuple[Promise, ...]
    seconds: float
    given: int  # clips that had been given when it was made


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
    entries: frozenset[int]  # numbers of the clips that had been given when it began
    words: list[str]
    own: bool = True  # else a bundled person's clips are asked about
    clips: dict[int, Clip] = field(default_factory=dict)  # by place in ``words``, last said last
    skipped: set[int] = field(default_factory=set)
    finished: bool = False  # for now: the score is looked at
    # with what they belong to: the models that are asked, and their answers
    models: tuple[tuple, AskedModels] | None = None
    result: tuple[tuple, PersonalTest] | None = None


@dataclass
class Visit:
    """Everything this visitor gave or caused. Lives in ``st.session_state``, nowhere else."""

    page: str = ""  # the page seen last
    # the tab is older than the visit: the server was restarted, or the tab was away for long
    lost: bool = False
    address: dict[str, str] = field(default_factory=dict)  # the one followed last
    # part of every personal widget's key, so that forgetting empties the widgets too
    generation: int = 0
    task: str = "keywords-en"
    example: int | None = None  # of those on the first page, the one that is shown
    entries: list[Entry] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    clips_given: int = 0
    personal: Personal | None = None
    before: Personal | None = None  # the model before the last switch of a clip
    query: Query | None = None
    queries_given: int = 0
    answers: Answers | None = None
    curve: tuple[tuple, LearningCurve] | None = None  # and what it belongs to
    test: PromptedTest | None = None
    # the words that the visitor told, by task and clip, and what came of the queries that count, by
    # persons enrolled, task and clip: one clip asked twice is one query
    told: dict[tuple[str, str], str] = field(default_factory=dict)
    outcomes: dict[tuple[frozenset[str], str, str], str] = field(default_factory=dict)
    draw_seed: int = 0
    # looked at: the layer by task, the weight by task and layer
    layers: dict[str, str] = field(default_factory=dict)
    weights: dict[tuple[str, str], int] = field(default_factory=dict)
    renewals: dict[str, int] = field(default_factory=dict)  # how often each input was emptied

    @property
    def enrolled(self) -> list[Entry]:
        """The clips that are switched on."""
        return [entry for entry in self.entries if entry.on]

    @property
    def own_entries(self) -> list[Entry]:
        """The clips that the visitor gave."""
        return [entry for entry in self.entries if entry.person is None]

    @property
    def persons(self) -> set[str]:
        """Whose clips are on: the visitor's (``you``) and any bundled persons'."""
        return {entry.person or "you" for entry in self.enrolled}

    @property
    def holds_own(self) -> bool:
        """Whether anything of the visitor's own would be lost with the page."""
        return (
            bool(self.own_entries)
            or (self.query is not None and self.query.person is None)
            or (self.test is not None and self.test.own and bool(self.test.clips))
        )

    @property
    def environment(self) -> str:
        """In which bundled clips are heard: in that of those that enroll."""
        return next((entry.environment for entry in self.entries if entry.person), CLEAN)

    def drop_models(self) -> None:
        """Nothing that was made of the former clips is kept."""
        self.personal = self.before = self.curve = self.answers = None
        self.layers.clear()
        self.weights.clear()
        if self.test and not self.test.entries & {entry.number for entry in self.entries}:
            self.test = None


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
        generation=before.generation + 1, task=before.task, address=before.address
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


def renew(visit: Visit, name: str) -> None:
    """Put an empty input in the place of a used one, and drop the raw bytes that Streamlit still
    holds.
    """
    visit.renewals[name] = visit.renewals.get(name, 0) + 1
    _drop_uploads()
