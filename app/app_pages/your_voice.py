"""Page: give a few clips, and see at once what each is worth."""

import session
import streamlit as st
import widgets

state = session.visit()


def recorded(widget: str) -> None:
    """A recording ended: it becomes a tile, and a fresh microphone takes its place."""
    given = session.given(widget)
    if given is not None:
        state.refusals.clear()
        session.add_clip(state, given.getvalue(), f"recording {state.clips_given + 1}", "recorded")
        session.renew(state, "microphone")


def uploaded(widget: str) -> None:
    """Files arrived: each becomes a tile or one sentence."""
    files = session.given(widget) or []
    state.refusals.clear()
    for given in files:
        session.add_clip(state, given.getvalue(), given.name, "uploaded")
    session.renew(state, "files")


def choose_task() -> None:
    chosen = st.segmented_control(
        "What the model listens for",
        list(session.TASKS),
        format_func=session.TASKS.get,
        default=state.task,
        key=widgets.key(state, "task"),
        required=True,
    )
    state.task = chosen or state.task


def borrow_form() -> None:
    st.caption(
        "Computer-made voices that no model was trained on. They show how personalization works where "
        "there is no microphone; "
        "they are not people, and results on them are not results on people."
    )
    left, middle, right = st.columns([5, 2, 3], vertical_alignment="bottom")
    person = widgets.choose_person(left, state, "person")
    shots = middle.segmented_control(
        "Clips", [1, 3, 5], default=session.FIRST_RESULT_CLIPS, key=widgets.key(state, "shots"), required=True
    )
    own = [entry for entry in state.entries if entry.person is None]
    label = f"Replace your {widgets.counted(len(own), 'clip')}" if own else "Use this voice"
    right.button(
        label,
        icon=":material/smart_toy:",
        width="stretch",
        key="borrow",
        on_click=session.borrow,
        args=(state, person, shots),
    )


def give_clips() -> None:
    record, upload, borrow = st.tabs(
        [
            ":material/mic: Record",
            ":material/upload_file: Upload files",
            ":material/smart_toy: Borrow a synthetic voice",
        ]
    )
    with record:
        number = len(state.entries) + 1
        example = session.example_word(state, number)
        asked = f"Clip {number}: say one word" + (f", for example “{example}”" if example else "")
        widgets.recorder(state, asked, session.widget_name(state, "microphone"), recorded)
        st.caption("About a second each. Which word it is does not matter: nobody labels it.")
    with upload:
        widgets.uploader(
            state,
            "Recordings of one person, one word each",
            session.widget_name(state, "files"),
            uploaded,
            several=True,
        )
    with borrow:
        borrow_form()


def result() -> None:
    """The line that says the personal model is there, and where to look at it."""
    personal = session.personal(state)
    if personal is None:
        return
    shots = len(state.enrolled)
    missing = session.FIRST_RESULT_CLIPS - shots
    more = f" {widgets.counted(missing, 'more clip')} will narrow it." if missing > 0 else ""
    poor = session.poor_share(state)
    with st.container(border=True, key="result"):
        if poor:
            st.warning(poor, icon=":material/mic_alert:")
        st.markdown(
            f":material/{'warning' if poor else 'check_circle'}: **Your personal model is ready**: a posterior from "
            f"{widgets.counted(shots, 'clip')}, "
            f"made in {1000 * personal.seconds:.0f} ms with {personal.promises[-1].measured}.{more}"
        )
        with st.container(horizontal=True):
            st.page_link("app_pages/posterior.py", label="See its posterior", icon=":material/bar_chart_4_bars:")
            st.page_link("app_pages/compare.py", label="Let both models answer", icon=":material/compare_arrows:")


def tiles() -> None:
    if not state.entries:
        with st.container(border=True):
            st.markdown("#### No clips yet\nThree clips make a first personal model. One is enough to begin.")
        return
    st.subheader(f"{widgets.counted(len(state.entries), 'clip')}", anchor=False)
    columns = st.columns(3)
    for index, entry in enumerate(state.entries):
        with columns[index % 3]:
            widgets.tile(state, entry)


st.title("Your voice", anchor=False)
st.markdown(
    "Say a few words. Each clip is evidence about how *you* sound, and a model of your own appears: no "
    "training, no labels."
)
choose_task()
give_clips()
widgets.messages(state)
if len(state.persons) > 1:
    st.warning(
        "These clips come from different people. A personal model of a mixture is nobody's: remove the "
        "clips that are not yours.",
        icon=":material/group:",
    )
result()
tiles()
widgets.about_model(state)
