"""Page: give a few clips, and see at once what each is worth."""

import people
import streamlit as st
import texts
import widgets
from session import clips, models, state
from session.shared import records
from texts import clips as texts_of_clips
from texts import your_voice

from vop_core.tasks.registry import KEYWORD_TASKS, TASKS

FIRST_RESULT_CLIPS = 3
visit = state.current()


def recorded(widget: str) -> None:
    """A recording ended: it becomes a tile, and a fresh microphone takes its place."""
    given = state.given(widget)
    if given is not None:
        visit.refusals.clear()
        clips.add(
            visit, given.getvalue(), texts_of_clips.recording(visit.clips_given + 1), "recorded"
        )
        state.renew(visit, "microphone")


def uploaded(widget: str) -> None:
    """Files arrived: each becomes a tile, or is among those of which one sentence says why not."""
    files = state.given(widget) or []
    clips.add_files(visit, [(given.name, given.getvalue()) for given in files])
    state.renew(visit, "files")


def choose_task() -> None:
    chosen = st.segmented_control(
        your_voice.LISTENS_FOR,
        list(KEYWORD_TASKS),
        format_func=lambda task: TASKS[task].title,
        default=visit.task,
        key=widgets.key(visit, "task"),
        required=True,
        wrap=True,
    )
    visit.task = chosen or visit.task


def borrow_form() -> None:
    st.caption(your_voice.BORROW)
    proposed, environment = models.opening(visit.task)
    left, right = st.columns(2)
    person = widgets.choose_person(left, visit, "person", proposed)
    environment = widgets.choose_environment(right, visit, environment, visit.task)
    widgets.whose(person, environment)
    left, right = st.columns([3, 5], vertical_alignment="bottom")
    shots = left.segmented_control(
        your_voice.CLIPS,
        [1, 3, 5],
        default=FIRST_RESULT_CLIPS,
        key=widgets.key(visit, "shots"),
        required=True,
        wrap=True,
    )
    right.button(
        your_voice.USE_THIS_VOICE,
        icon=":material/record_voice_over:",
        width="stretch",
        key="borrow",
        on_click=state.guarded(clips.borrow),
        args=(visit, person, shots, environment),
    )
    results = models.bundled_results(visit.task)
    for sentence in texts.of_bundled_persons(results, person, environment) if results else ():
        st.caption(sentence)


def record_form(otherwise: list[str]) -> None:
    number = len(visit.entries) + 1
    asked = your_voice.say_one_word(number, clips.example_word(visit, number))
    widgets.recorder(visit, asked, state.widget_name(visit, "microphone"), recorded, otherwise)
    st.caption(your_voice.A_SECOND_EACH)


def give_clips() -> None:
    ways = [texts.RECORD, texts.UPLOAD_FILES, your_voice.BORROW_A_VOICE]
    record, upload, borrow = widgets.ways_to_give(ways, key=widgets.key(visit, "ways"))
    if record:
        with record:
            record_form(ways[1:])
    with upload:
        widgets.uploader(
            visit,
            your_voice.SEVERAL,
            state.widget_name(visit, "files"),
            uploaded,
            several=True,
        )
    with borrow:
        borrow_form()


def result() -> None:
    """The line that says the personal model is there, and where to look at it."""
    personal = models.personal(visit)
    if personal is None:
        if visit.entries:
            st.info(texts_of_clips.none_on(visit.entries), icon=":material/toggle_off:")
        return
    shots = len(visit.enrolled)
    poor, whose = clips.poor_share(visit), people.whose(visit)
    with st.container(border=True, key="result"):
        if poor:
            st.warning(poor, icon=":material/mic_alert:")
        ready = your_voice.ready(
            whose=whose,
            clips=shots,
            missing=FIRST_RESULT_CLIPS - shots,
            milliseconds=1000 * personal.seconds,
            measured=personal.promises[-1].measured,
        )
        icon = ":material/warning:" if poor else ":material/check_circle:"
        st.markdown(f"{icon} {ready}")
        if row := models.bundled_row(visit):
            st.markdown(your_voice.of_bundled_person(row, clips.borrowed_person(visit)))
        widgets.ways_on()


def tiles() -> None:
    if not visit.entries:
        with st.container(border=True):
            st.header(your_voice.NO_CLIPS, anchor=False)
            st.markdown(your_voice.begin(records=records()))
        return
    off = len(visit.entries) - len(visit.enrolled)
    st.header(your_voice.given(len(visit.entries), off), anchor=False)
    # row by row: where columns stand below one another, their order is that of the clips
    for start in range(0, len(visit.entries), 3):
        row = zip(st.columns(3), visit.entries[start : start + 3], strict=False)
        for column, entry in row:
            with column:
                widgets.tile(visit, entry)


st.title(texts.YOUR_VOICE, anchor=False)
st.markdown(your_voice.promise(records=records()))
left, right = st.columns(2)
with left:
    choose_task()
with right:
    people.choose_environment(visit)
people.people_here(visit)
if visit.person.loaded:
    people.of_file(visit)
else:
    give_clips()
widgets.messages(visit)
if len(visit.persons) > 1:
    st.warning(your_voice.MIXTURE, icon=":material/group:")
if not visit.person.loaded:
    result()
    tiles()
people.files(visit)
widgets.about_model(visit)
