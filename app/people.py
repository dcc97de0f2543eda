"""The persons of a visit on the pages: whose turn it is, where they are heard, their files."""

import streamlit as st
import texts
import widgets
from session import clips, models, people, state
from session.people import called
from session.state import Visit
from texts import people as said

from vop_core.data.environments import CLEAN, COMMON_ENVIRONMENTS
from vop_core.tasks.registry import TASKS


def whose(visit: Visit) -> str:
    """How a sentence begins about something of the person whose turn it is."""
    return (
        texts.of_person(texts.literal(called(visit.person)))
        if len(visit.people) > 1
        else texts.YOUR
    )


def people_here(visit: Visit) -> None:
    """Where clips are given: whose turn it is, and who else there is."""
    if visit.empty and len(visit.people) == 1:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        choose(visit)
        _change(visit)


def choose(visit: Visit) -> None:
    """Whose turn it is, where there are several."""
    if len(visit.people) == 1:
        return
    names = {person.number: texts.literal(called(person)) for person in visit.people}
    widget = widgets.key(visit, "turn")
    state.put(widget, visit.turn)
    st.segmented_control(
        texts.PERSON,
        list(names),
        format_func=names.get,
        key=widget,
        required=True,
        on_change=state.guarded(_turn_to),
        args=(visit, widget),
        wrap=True,
    )


def _turn_to(visit: Visit, widget: str) -> None:
    people.turn_to(visit, state.chosen(widget))


def _change(visit: Visit) -> None:
    st.button(
        said.ADD,
        icon=":material/person_add:",
        key="add-person",
        type="tertiary",
        help=said.ABOUT_ADDING,
        on_click=state.guarded(people.add),
        args=(visit,),
    )
    if len(visit.people) == 1:
        return
    with st.popover(said.NAME_OR_REMOVE, icon=":material/edit:", type="tertiary"):
        name = called(visit.person)
        widget = widgets.key(visit, f"name-{visit.turn}")
        st.text_input(
            said.NAME,
            value=visit.person.name,
            placeholder=name,
            key=widget,
            on_change=state.guarded(_rename),
            args=(visit, widget),
        )
        st.button(
            texts.remove(texts.literal(name)),
            icon=":material/person_remove:",
            key="remove-person",
            help=said.ABOUT_REMOVING,
            on_click=state.guarded(people.remove),
            args=(visit,),
        )


def _rename(visit: Visit, widget: str) -> None:
    people.rename(visit, state.chosen(widget))


def choose_environment(visit: Visit) -> None:
    """Where one's own clips are heard."""
    if clips.borrowed_person(visit) or visit.person.loaded:
        return
    widget = widgets.key(visit, "heard")
    state.put(widget, visit.environment)
    st.segmented_control(
        said.HOW_HEARD,
        [CLEAN, *COMMON_ENVIRONMENTS],
        format_func=said.HEARD.get,
        key=widget,
        required=True,
        help=said.ABOUT_ENVIRONMENTS,
        on_change=state.guarded(_hear),
        args=(visit, widget),
        wrap=True,
    )
    if visit.environment != CLEAN:
        place = COMMON_ENVIRONMENTS[visit.environment].description
        st.caption(said.IN_ENVIRONMENT.format(place=place))


def _hear(visit: Visit, widget: str) -> None:
    clips.hear(visit, state.chosen(widget))


# --- a person's file ------------------------------------------------------------------------------


def files(visit: Visit) -> None:
    """Keep the model of the person whose turn it is as a file, and make a person of such a file."""
    with st.expander(said.FILES, icon=":material/save:"):
        if models.personal(visit):
            data = people.saved(visit)
            st.download_button(
                said.SAVE,
                data,
                file_name=people.file_name(visit),
                mime="application/octet-stream",
                icon=":material/download:",
                key="save-person",
                on_click="ignore",
            )
            st.caption(said.SAVED.format(kilobytes=f"{len(data) / 1000:.1f}"))
        widget = widgets.key(visit, state.widget_name(visit, "person-file"))
        st.file_uploader(
            said.LOAD,
            key=widget,
            on_change=state.guarded(_load),
            args=(visit, widget),
        )
        st.caption(said.LOADING.format(task=TASKS[visit.task].title))


def _load(visit: Visit, widget: str) -> None:
    given = state.given(widget)
    if given is not None:
        state.renew(visit, "person-file")
        people.load(visit, given.getvalue(), given.name)


def of_file(visit: Visit) -> None:
    """What there is of a person who came from a file, instead of clips."""
    if of_another_task(visit):
        return
    with st.container(border=True, key="result"):
        shots = visit.person.loaded.model.shots
        st.markdown(f":material/check_circle: {said.of_file(shots)}")
        widgets.ways_on()


def of_another_task(visit: Visit) -> bool:
    """Whether the person's file is of another task than the page; the page says so."""
    loaded = visit.person.loaded
    if loaded is None or loaded.key[0] == visit.task:
        return False
    with st.container(border=True):
        name, task = texts.literal(called(visit.person)), TASKS[loaded.key[0]].title
        st.markdown(said.OTHER_TASK.format(name=name, task=task))
        st.page_link("app_pages/your_voice.py", label=texts.YOUR_VOICE, icon=":material/mic:")
    return True
