"""Page: give a few clips, and see at once what each is worth."""

import people
import streamlit as st
import texts
import widgets
from session import clips, models, state
from session.shared import records

from vop_core.tasks.registry import KEYWORD_TASKS, TASKS
from vop_core.text import counted

FIRST_RESULT_CLIPS = 3
visit = state.current()


def recorded(widget: str) -> None:
    """A recording ended: it becomes a tile, and a fresh microphone takes its place."""
    given = state.given(widget)
    if given is not None:
        visit.refusals.clear()
        clips.add(visit, given.getvalue(), f"recording {visit.clips_given + 1}", "recorded")
        state.renew(visit, "microphone")


def uploaded(widget: str) -> None:
    """Files arrived: each becomes a tile, or is among those of which one sentence says why not."""
    files = state.given(widget) or []
    clips.add_files(visit, [(given.name, given.getvalue()) for given in files])
    state.renew(visit, "files")


def choose_task() -> None:
    chosen = st.segmented_control(
        "What the model listens for",
        list(KEYWORD_TASKS),
        format_func=lambda task: TASKS[task].title,
        default=visit.task,
        key=widgets.key(visit, "task"),
        required=True,
        wrap=True,
    )
    visit.task = chosen or visit.task


def borrow_form() -> None:
    st.caption(
        "People who recorded words for a public data set; no model here was trained on them. Their "
        "clips show how personalization works where there is no microphone."
    )
    proposed, environment = models.opening(visit.task)
    left, right = st.columns(2)
    person = widgets.choose_person(left, visit, "person", proposed)
    environment = widgets.choose_environment(right, visit, environment, visit.task)
    widgets.whose(person, environment)
    left, right = st.columns([3, 5], vertical_alignment="bottom")
    shots = left.segmented_control(
        "Clips",
        [1, 3, 5],
        default=FIRST_RESULT_CLIPS,
        key=widgets.key(visit, "shots"),
        required=True,
        wrap=True,
    )
    right.button(
        "Use this voice",
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
    example = clips.example_word(visit, number)
    asked = f"Clip {number}: say one word" + (f", for example “{example}”" if example else "")
    widgets.recorder(visit, asked, state.widget_name(visit, "microphone"), recorded, otherwise)
    st.caption("About a second each. Which word it is does not matter: nobody labels it.")


def give_clips() -> None:
    ways = ["Record", "Upload files", "Borrow a voice"]
    record, upload, borrow = widgets.ways_to_give(ways, key=widgets.key(visit, "ways"))
    if record:
        with record:
            record_form(ways[1:])
    with upload:
        widgets.uploader(
            visit,
            "Recordings of one person, one word each",
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
            st.info(texts.none_on(visit.entries), icon=":material/toggle_off:")
        return
    shots = len(visit.enrolled)
    missing = FIRST_RESULT_CLIPS - shots
    more = ""
    if missing > 0:
        more = f" Give {counted(missing, 'more clip')}, so that they can be compared."
    poor, whose = clips.poor_share(visit), people.whose(visit)
    with st.container(border=True, key="result"):
        if poor:
            st.warning(poor, icon=":material/mic_alert:")
        st.markdown(
            f":material/{'warning' if poor else 'check_circle'}: **{whose} personal model is "
            f"ready**: "
            f"a posterior from {counted(shots, 'clip')}, made in "
            f"{1000 * personal.seconds:.0f} ms with {personal.promises[-1].measured}.{more}"
        )
        if row := models.bundled_row(visit):
            st.markdown(texts.of_bundled_person(row, clips.borrowed_person(visit)))
        widgets.ways_on()


def tiles() -> None:
    if not visit.entries:
        with st.container(border=True):
            st.header("No clips yet", anchor=False)
            st.markdown(
                "Three clips make a first personal model. One is enough to begin."
                + " No microphone? Borrow a voice." * records()
            )
        return
    off = len(visit.entries) - len(visit.enrolled)
    said = counted(len(visit.entries), "clip") + (f", {off} off" if off else "")
    st.header(said, anchor=False)
    # row by row: where columns stand below one another, their order is that of the clips
    for start in range(0, len(visit.entries), 3):
        row = zip(st.columns(3), visit.entries[start : start + 3], strict=False)
        for column, entry in row:
            with column:
                widgets.tile(visit, entry)


st.title("Your voice", anchor=False)
st.markdown(
    f"{'Say' if records() else 'Upload or borrow'} a few words. Each clip is evidence about how "
    "*you* sound, and a model of your own appears: no training, no labels."
)
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
    st.warning(
        "These clips come from different people. A personal model of a mixture is nobody's: switch "
        "the clips off that are not yours, or give them as another person.",
        icon=":material/group:",
    )
if not visit.person.loaded:
    result()
    tiles()
people.files(visit)
widgets.about_model(visit)
