"""What this visitor has recorded, and what all visitors share.

The only module that touches ``st.session_state`` and ``st.cache_*``. Shared between visitors: the
models and the bundled
synthetic voices. Everything personal lives in ``st.session_state`` alone and ends with "Forget me" or
the tab.
"""

import threading
import time
from dataclasses import dataclass, field, replace

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from vop_core import models, plots, promises
from vop_core import visit as computing
from vop_core.data import audio, clip_quality, enrollment, voices
from vop_core.errors import VopError
from vop_core.types import Clip

TASKS = {
    "keywords-en": "English keywords",
    "keywords-ar": "Arabic commands",
}
LANGUAGES = {"keywords-en": "en", "keywords-ar": "ar"}
MOST_CLIPS = enrollment.MOST_CLIPS
WORD_STRIDE = 7  # proposes words from all over the list
DRAWS = 64  # weight draws behind a credible interval
LEAD = 0.12  # seconds that the answers have to themselves, to be sent and shown, before work on their details begins
FIRST_RESULT_CLIPS = 3


@dataclass
class Entry:
    """One enrollment clip of this visit."""

    number: int
    clip: Clip
    quality: clip_quality.ClipQuality
    source: str  # "recorded", "uploaded" or "synthetic"
    person: str | None = None  # the bundled person it was borrowed from
    seal: promises.SealedLabel | None = None  # its word, where it is known; enrollment must not read it
    on: bool = True
    words: int = 1  # in the recording; a model hears one of them
    figure: object = None  # its picture, made once
    sound: str = ""  # its playable form, made once

    @property
    def title(self) -> str:
        return f"Clip {self.number}"


@dataclass
class Query:
    """The clip both models are asked about."""

    clip: Clip
    quality: clip_quality.ClipQuality
    source: str
    number: int
    seal: promises.SealedLabel | None = None
    word: str = ""  # the sealed word, once opened
    counted: str | None = None  # the true word it entered the tally with
    recording: Clip | None = None  # what it is a word of, where that holds several
    words: int = 1  # in that recording
    word_number: int = 0  # which of them it is, from 1; 0 before one is chosen
    twin: str = ""  # the enrolled clip that is the same recording
    figure: object = None
    sound: str = ""


@dataclass
class Personal:
    """The personal model of the clips that are switched on, and how its making went."""

    key: tuple
    model: object
    promises: tuple[promises.Promise, ...]
    seconds: float


@dataclass
class Visit:
    """Everything this visitor gave or caused. Lives in ``st.session_state``, nowhere else."""

    page: str = ""  # the page seen last
    address: dict[str, str] = field(default_factory=dict)  # the one followed last
    generation: int = 0  # part of every personal widget's key, so that forgetting empties the widgets too
    task: str = "keywords-en"
    entries: list[Entry] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    clips_given: int = 0
    personal: Personal | None = None
    before: Personal | None = None  # the model before the last switch of a clip
    query: Query | None = None
    queries_given: int = 0
    replies: "Replies | None" = None
    curve: tuple | None = None  # what it belongs to, and the learning curve
    trials: dict[int, computing.Trial] = field(default_factory=dict)  # by query number
    draw_seed: int = 0
    weights: dict[tuple[str, str], int] = field(default_factory=dict)  # looked at, by task and layer
    renewals: dict[str, int] = field(default_factory=dict)  # how often each input was emptied

    @property
    def enrolled(self) -> list[Entry]:
        """The clips that are switched on."""
        return [entry for entry in self.entries if entry.on]

    @property
    def persons(self) -> set[str]:
        """Whose clips these are: the visitor (``you``) and any bundled persons."""
        return {entry.person or "you" for entry in self.entries}


def visit() -> Visit:
    """This visitor's state, made on their first page."""
    if "visit" not in st.session_state:
        st.session_state["visit"] = Visit()
    return st.session_state["visit"]


def enter(state: Visit, page: str) -> None:
    """A page opens; complaints of another page are over."""
    if state.page != page:
        state.refusals.clear()
        state.page = page


def follow(state: Visit, address: dict[str, str]) -> None:
    """Open what an address asks for, once; a visitor's own clips are never replaced by it."""
    if not address or address == state.address:
        return
    state.address = address
    try:
        asked = computing.LinkedState.from_query(address)
        if state.entries:
            raise VopError("The address names other clips; yours were kept. Forget them first to open it.")
        _open(state, asked)
    except VopError as error:
        state.refusals.append(str(error))


def _open(state: Visit, asked: computing.LinkedState) -> None:
    if asked.task is not None and asked.task not in TASKS:
        raise VopError(f"The address asks for the task '{asked.task[:40]}'; there are {' and '.join(TASKS)}.")
    state.task = asked.task or state.task
    if asked.person is None:
        return
    person = next((each for each in bundled_persons(state.task) if each.id == asked.person), None)
    if person is None:
        raise VopError(f"The address asks for '{asked.person[:40]}', who is no bundled voice of this task.")
    borrow(state, person, min(asked.clips, len(person.enrollment), MOST_CLIPS))
    state.draw_seed = asked.seed
    if asked.query is not None:
        ask_bundled(state, person, min(asked.query, len(person.query) - 1))


def forget() -> None:
    """Empty everything personal: clips, query, posterior, tally, and the raw uploads Streamlit still
    holds.
    """
    before = visit()
    _drop_uploads()
    st.session_state.clear()
    st.session_state["visit"] = Visit(generation=before.generation + 1, task=before.task, address=before.address)


def _drop_uploads() -> None:
    context = get_script_run_ctx()
    if context is not None:
        context.uploaded_file_mgr.remove_session_files(context.session_id)


def widget_name(state: Visit, name: str) -> str:
    """The present name of an input that is emptied after each use."""
    return f"{name}-{state.renewals.get(name, 0)}"


def given(widget: str):
    """What an input holds when it calls back: a file, several, or nothing."""
    return st.session_state.get(widget)


def renew(state: Visit, name: str) -> None:
    """Put an empty input in the place of a used one, and drop the raw bytes that Streamlit still holds."""
    state.renewals[name] = state.renewals.get(name, 0) + 1
    _drop_uploads()


# --- shared by all visitors: nothing personal --------------------------------------------------------


@st.cache_resource(show_spinner="Loading the model…")
def bundle(task: str):
    """The task's models and their card, read once for all visitors; never changed."""
    return models.load_bundle(task)


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Let librosa load and compile beside the first page, once per server."""
    thread = threading.Thread(target=plots.warm_up, name="warm-up", daemon=True)
    thread.start()
    return thread


@st.cache_resource(show_spinner=False)
def bundled_persons(task: str) -> tuple[voices.BundledPerson, ...]:
    """The synthetic persons who speak the task's words. Raises DataError where they are missing."""
    return voices.bundled_persons(LANGUAGES[task])


def example_word(state: Visit, number: int) -> str:
    """A word to propose for the clip with this number; none where the list holds translations only."""
    if state.task == "keywords-ar":
        return ""
    words = [label for label in bundle(state.task).labels if label not in ("unknown", "silence")]
    return words[(number * WORD_STRIDE) % len(words)]


# --- clips coming in ---------------------------------------------------------------------------------


def listen(data: bytes, name: str) -> tuple[Clip, clip_quality.ClipQuality]:
    """Bytes to a usable clip. Raises AudioError with the sentence a page can show."""
    clip = audio.decode(data, name=name)
    return clip, clip_quality.assess(clip.waveform)


def add_clip(state: Visit, data: bytes, name: str, source: str) -> None:
    """Take one recording or file in as an enrollment clip; a refusal leaves what was there untouched."""
    try:
        clip, _ = listen(data, name)
        _put_in(state, state.entries, [clip], source)
    except VopError as error:
        state.refusals.append(str(error))


def take_each_word(state: Visit, entry: Entry) -> None:
    """Put every word of a recording in its place; a refusal leaves it as it was."""
    state.refusals.clear()
    others = [other for other in state.entries if other is not entry]
    try:
        _put_in(state, others, audio.words(entry.clip), entry.source)
    except VopError as error:
        state.refusals.append(str(error))


def _put_in(state: Visit, kept: list[Entry], clips, source: str) -> None:
    titled = [replace(entry.clip, name=entry.title) for entry in kept]
    enrollment.check_enrollment([*titled, *clips])
    entries = list(kept)
    for clip in clips:
        state.clips_given += 1
        quality, found = clip_quality.assess(clip.waveform), len(audio.words(clip))
        entries.append(Entry(state.clips_given, clip, quality, source, words=found))
    state.entries = entries


def poor_share(state: Visit) -> str:
    """How many of the clips that are on are poor, in a sentence; empty where none is."""
    return enrollment.poor_share([entry.quality for entry in state.enrolled])


def remove(state: Visit, entry: Entry) -> None:
    """Take a clip out, and with it every posterior that it shaped."""
    state.entries.remove(entry)
    state.personal = state.before = state.curve = state.replies = None


def borrow(state: Visit, person: voices.BundledPerson, shots: int) -> None:
    """Replace the enrollment clips by the first ``shots`` of a bundled person."""
    state.refusals.clear()
    entries = []
    for record in person.enrollment[:shots]:
        state.clips_given += 1
        clip = record.load()
        entries.append(
            Entry(
                state.clips_given,
                clip,
                clip_quality.assess(clip.waveform),
                "synthetic",
                person=person.id,
                seal=promises.SealedLabel(record.label),
            )
        )
    state.entries = entries
    state.personal = state.before = state.curve = state.replies = state.query = None


def ask(state: Visit, data: bytes, name: str, source: str) -> bool:
    """Take a query clip in; on a refusal the former query and its answers stay. Says whether it was taken."""
    try:
        clip, quality = listen(data, name)
    except VopError as error:
        state.refusals.append(str(error))
        return False
    _ask(state, clip, quality, source, None)
    return True


def ask_bundled(state: Visit, person: voices.BundledPerson, index: int) -> None:
    """Ask about a bundled person's query clip, whose word is known but sealed."""
    state.refusals.clear()
    record = person.query[index]
    clip = record.load()
    _ask(state, clip, clip_quality.assess(clip.waveform), "synthetic", promises.SealedLabel(record.label))


def ask_word(state: Visit, number: int) -> None:
    """Ask about one word, counted from 1, of the recording that is asked about."""
    state.refusals.clear()
    recording, source = state.query.recording, state.query.source
    clip = audio.words(recording)[number - 1]
    _ask(state, clip, clip_quality.assess(clip.waveform), source, None)
    state.query.recording, state.query.words = recording, len(audio.words(recording))
    state.query.word_number = number


def _ask(state: Visit, clip: Clip, quality, source: str, seal: promises.SealedLabel | None) -> None:
    state.queries_given += 1
    state.query = Query(clip, quality, source, state.queries_given, seal)
    found = len(audio.words(clip))
    if found > 1:
        state.query.recording, state.query.words = clip, found
    titled = [replace(entry.clip, name=entry.title) for entry in state.entries]
    twin = enrollment.twin_of(clip, titled)
    state.query.twin = twin.name if twin else ""


# --- the personal model ------------------------------------------------------------------------------


def personal(state: Visit) -> Personal | None:
    """The personal model of the clips that are on, made when they change; None without any."""
    chosen = state.enrolled
    if not chosen:
        return None
    key = (state.task, tuple(entry.number for entry in chosen))
    if state.personal is None or state.personal.key != key:
        state.before = state.personal if state.personal and state.personal.key[0] == state.task else None
        state.personal = _enroll(state, key, chosen)
    return state.personal


def _enroll(state: Visit, key: tuple, chosen: list[Entry]) -> Personal:
    models = bundle(state.task)
    features = models.features([entry.clip for entry in chosen])
    started = time.perf_counter()
    model, kept = promises.watch_enrollment(
        lambda: models.vop.enroll(features),
        clips=len(chosen),
        model=models.vop,
        seals=[entry.seal for entry in chosen if entry.seal],
    )
    return Personal(key, model, kept, time.perf_counter() - started)


def model(state: Visit):
    """The personal model, or the prior when every clip is switched off."""
    made = personal(state)
    return made.model if made else bundle(state.task).vop.prior_model()


def switch(state: Visit, chosen) -> None:
    """Switch on the clips with the numbers ``chosen``, the others off."""
    for entry in state.entries:
        entry.on = entry.number in chosen


def borrowed_person(state: Visit) -> voices.BundledPerson | None:
    """The bundled person whose clips are enrolled, if they all are one's."""
    borrowed = {entry.person for entry in state.entries}
    if len(borrowed) != 1 or None in borrowed:
        return None
    return next((person for person in bundled_persons(state.task) if person.id in borrowed), None)


# --- what the posterior page shows -------------------------------------------------------------------


def layer_view(state: Visit, layer: str, draws: int) -> plots.LayerView:
    """One layer's prior, clips, combination and draws, and the combination before the last switch."""
    made = model(state)
    before = state.before if state.before and state.enrolled else None
    drawn = made.sample_weights(draws, generator=computing.generator(state.draw_seed)) if draws else {}
    return plots.LayerView(
        prior=made.layer_posterior(layer, "prior"),
        combined=made.layer_posterior(layer, "combined"),
        clips=[
            (entry.title, state.entries.index(entry), made.layer_posterior(layer, index))
            for index, entry in enumerate(state.enrolled)
        ],
        before=before.model.layer_posterior(layer, "combined") if before else None,
        draws=drawn.get(layer),
    )


def chosen_weight(state: Visit, layer: str, otherwise: int) -> int:
    """The weight this visitor looks at in a layer; ``otherwise`` the first time."""
    return state.weights.setdefault((state.task, layer), otherwise)


def choose_weight(state: Visit, layer: str, weight: int) -> None:
    """Remember the weight for the next time."""
    state.weights[state.task, layer] = weight


def results(state: Visit) -> tuple[list, list]:
    """The model card's rows and paired differences, measured on real people who were not in the training."""
    found = bundle(state.task).card.get("results", {})
    return found.get("rows", []), found.get("differences", [])


def health_over_persons(state: Visit) -> dict | None:
    """What the card says about collapse over many persons, which one person's posterior cannot show."""
    return bundle(state.task).card.get("health")


def learning_curve(state: Visit) -> computing.LearningCurve:
    """How width and, for a bundled person, answers change with the number of clips that are on."""
    key = (state.task, tuple(entry.number for entry in state.enrolled))
    if state.curve is None or state.curve[0] != key:
        state.curve = (key, _learning_curve(state))
    return state.curve[1]


def _learning_curve(state: Visit) -> computing.LearningCurve:
    models = bundle(state.task)
    chosen = [entry.clip for entry in state.enrolled]
    person = borrowed_person(state)
    queries = [record for record in person.query if record.label in models.labels] if person else []
    return computing.learning_curve(
        models.vop,
        models.features(chosen) if chosen else None,
        models.features([record.load() for record in queries]) if queries else None,
        [models.labels.index(record.label) for record in queries],
    )


# --- what the compare page shows ---------------------------------------------------------------------


@dataclass
class Replies:
    """Both models' answers to the present query, and whose clips made the personal one."""

    key: tuple
    by_global: computing.Reply
    by_personal: computing.Reply
    shots: int


def replies(state: Visit) -> Replies:
    """Both models' answers; the personal one by its posterior-mean weights, which costs no more than
    the global.
    """
    made, models = personal(state), bundle(state.task)
    key = (made.key, state.query.number)
    if state.replies is None or state.replies.key != key:
        features = models.features([state.query.clip])
        by_global, by_personal = (model.predict(features) for model in (models.global_model, made.model))
        state.replies = Replies(
            key,
            computing.reply(by_global, models.labels),
            computing.reply(by_personal, models.labels),
            made.model.shots,
        )
    return state.replies


def add_draws(state: Visit) -> Replies:
    """The same answers with credible intervals and the split of the doubt, from draws of the personal
    weights.
    """
    answered = replies(state)
    if not answered.by_personal.draws:
        time.sleep(LEAD)  # the sender shares this interpreter, the browser this machine
        models, model = bundle(state.task), state.personal.model
        features = models.features([state.query.clip])
        drawn = model.predict(features, draws=DRAWS, generator=computing.generator(state.query.number))
        answered.by_personal = computing.reply(model.predict(features), models.labels, drawn)
    return answered


def control_replies(state: Visit) -> dict[str, computing.Reply]:
    """What models made with the wrong clips answer to the present query, by method name."""
    models, query = bundle(state.task), state.query
    features = models.features([query.clip])
    answered = {"vop-zero": computing.reply(models.vop.prior_model().predict(features), models.labels)}
    others = [person for person in bundled_persons(state.task) if person.id not in state.persons]
    enrollments = computing.control_enrollments(
        [entry.clip for entry in state.enrolled],
        [[record.load() for record in person.enrollment] for person in others],
        generator=computing.generator(query.number),
    )
    for method, clips in enrollments.items():
        control = models.vop.enroll(models.features(clips))
        answered[method] = computing.reply(control.predict(features), models.labels)
    return answered


def true_word(state: Visit) -> str:
    """The word of a synthetic query; its seal is opened once, and only after both models have answered."""
    query = state.query
    if not query.word:
        query.word = query.seal.open()
    return query.word


def count(state: Visit, answered: Replies, truth: str | None) -> None:
    """Enter the present query in the tally under its true word, or take it out when the word is unknown."""
    state.query.counted = truth
    if truth is None:
        state.trials.pop(state.query.number, None)
    else:
        state.trials[state.query.number] = computing.Trial(
            truth, answered.by_global.best.label, answered.by_personal.best.label
        )
