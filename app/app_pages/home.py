"""Page: what this is, in one picture, and one example that anybody can see at once."""

from collections.abc import Sequence

import pictures
import streamlit as st
import texts
import widgets
from session import clips, models, state
from session.shared import records
from texts import home

from vop_core.data.audio import playable
from vop_core.models.bundled import SHOTS, Example

visit = state.current()


def show_example(number: int) -> None:
    visit.example = number


def first_screen() -> None:
    """One sentence, one picture, and the two ways on."""
    said, drawn = st.columns([6, 7], gap="large", vertical_alignment="center")
    with said:
        st.title(home.PROMISE, anchor=False)
        st.markdown(home.ABOUT)
        with st.container(horizontal=True):
            st.button(
                home.SEE_AN_EXAMPLE,
                icon=":material/play_circle:",
                type="primary",
                key="see-example",
                on_click=state.guarded(show_example),
                args=(0,),
            )
            icon = ":material/mic:" if records() else ":material/upload_file:"
            if st.button(home.USE_MY_VOICE, icon=icon, key="own-voice"):
                st.switch_page("app_pages/your_voice.py")
        st.page_link("app_pages/hands.py", label=home.WRITE_INSTEAD, icon=":material/draw:")
    with drawn:
        ink = st.get_option(f"theme.{st.context.theme.type or 'light'}.textColor")
        st.image(pictures.story(ink), width="stretch", alt=home.PICTURE)


def doors() -> None:
    """The three ways in deeper."""
    for column, (page, icon, title, behind) in zip(st.columns(3), home.DOORS, strict=True):
        with column.container(border=True, height="stretch"):
            st.page_link(page, label=f"**{title}**", icon=icon)
            st.caption(behind)


def example(person, environment: str, shown: Example, total: Sequence[Example]) -> None:
    """A real person's word, both answers, the truth, and how it stands over all their words."""
    st.header(home.says(person.name), anchor=False)
    columns = st.columns(3)
    with columns[0].container(border=True, height="stretch", key=f"example-{visit.example}"):
        st.markdown(f":material/hearing: {home.WHAT_WAS_SAID}")
        st.caption(home.NEVER_ENROLLED)
        st.markdown(f"## {shown.word}")
        st.audio(playable(shown.clip), alt=texts.play_word(shown.word))
    everybody = f":material/public: {home.EVERYBODYS_NETWORK}"
    widgets.answer_card(columns[1], everybody, home.GLOBAL_MODEL, shown.by_global, shown.word)
    own = f":material/person: {home.network_of(person.name)}"
    made_of = home.made_from(SHOTS)
    widgets.answer_card(columns[2], own, made_of, shown.by_personal, shown.word)
    st.markdown(home.EXAMPLES[shown.outcome] + " " + home.of_examples(person.name, total))
    with st.container(horizontal=True):
        st.button(
            texts.ANOTHER_WORD,
            icon=":material/skip_next:",
            key="another-example",
            on_click=state.guarded(show_example),
            args=(visit.example + 1,),
        )
        if st.button(
            home.GO_ON,
            icon=":material/arrow_forward:",
            key="go-on",
        ):
            clips.borrow(visit, person, SHOTS, environment)
            st.switch_page("app_pages/your_voice.py")
    all_persons, chosen = texts.of_bundled_persons(
        models.bundled_results(visit.task), person, environment
    )
    st.markdown(all_persons)
    st.caption(chosen)
    widgets.whose(person, environment)


first_screen()
widgets.messages(visit)
if visit.example is not None:
    found = models.examples(visit)
    if found is None:
        st.info(home.NO_EXAMPLE, icon=":material/info:")
    else:
        person, environment, all_of_them = found
        shown = all_of_them[visit.example % len(all_of_them)]
        example(person, environment, shown, all_of_them)
doors()
