"""A view of Compare: two persons exchange their models, and the room sees whose is whose."""

import streamlit as st
import texts
import widgets
from session import exchange, state
from session.people import called
from session.state import Person, Visit
from texts import swap as said
from texts.compare import SWAP_MODELS

from vop_core.evaluation.exchange import OTHER, OWN, Exchange


def show(visit: Visit) -> None:
    """Two persons, their words, and one click."""
    able = exchange.able(visit)
    if len(able) < 2:
        _nobody_to_swap_with(visit)
        return
    pair = able[0], _other(visit, able[1:])
    first, second = sorted(pair, key=lambda person: person.number)  # whoever has the turn
    ready = exchange.ready(visit, (first, second))
    if not ready:
        st.markdown(said.HOW)
    answers = exchange.result(visit, (first, second)) if ready else None
    for place, column in enumerate(st.columns(2)):
        with column.container(border=True, height="stretch", key=f"swap-{place}"):
            _card(visit, (first, second), place, answers)
    if answers is None:
        return
    st.button(
        said.GIVE_BACK if visit.swapped else SWAP_MODELS,
        icon=":material/swap_horiz:",
        type="primary",
        width="stretch",
        key="swap",
        on_click=state.guarded(exchange.swap),
        args=(visit,),
    )
    names = texts.literal(called(first)), texts.literal(called(second))
    st.markdown(said.verdict(answers))
    st.header(said.WHOSE, anchor=False)
    st.markdown(said.table(names, answers))
    st.caption(said.ABOUT_TABLE)


def _other(visit: Visit, others: list[Person]) -> Person:
    if len(others) == 1:
        return others[0]
    numbers = {person.number: person for person in others}
    chosen = st.selectbox(
        said.SWAP_WITH,
        list(numbers),
        format_func=lambda number: called(numbers[number]),
        key=widgets.key(visit, f"swap-with-{visit.turn}"),
    )
    return numbers[chosen]


def _nobody_to_swap_with(visit: Visit) -> None:
    with st.container(border=True):
        st.markdown(said.NOBODY)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                said.ADD_BUNDLED,
                icon=":material/record_voice_over:",
                key="swap-add",
                on_click=state.guarded(exchange.add_bundled),
                args=(visit,),
            )
            st.page_link(
                "app_pages/your_voice.py", label=said.ENROLL_ANOTHER, icon=":material/mic:"
            )


def _card(visit: Visit, pair: tuple[Person, Person], place: int, answers: Exchange | None) -> None:
    """One person: whose model answers them, and what; below it the way to say words."""
    person, other = pair[place], pair[1 - place]
    name = texts.literal(called(person))
    st.markdown(f":material/person: {said.speaks(name)}")
    if answers is not None:
        owner = other if visit.swapped else person
        colour, icon = said.SWAPPED[visit.swapped]
        st.badge(said.model_answers(called(owner)), icon=icon, color=colour)
        answered = answers.answered[place][OTHER if visit.swapped else OWN]
        st.markdown(f"## {said.score(answered)}")
        st.markdown(said.words(answered))
        if visit.swapped:
            st.caption(said.by_own(answers.answered[place][OWN]))
    _say(visit, person)


def _say(visit: Visit, person: Person) -> None:
    if known := exchange.bundled_words(visit, person):
        if not person.spoken:
            st.button(
                said.ask(len(known)),
                icon=":material/hearing:",
                key=f"swap-ask-{person.number}",
                help=said.NOT_ENROLLED,
                on_click=state.guarded(exchange.ask_bundled),
                args=(visit, person),
            )
        return
    if len(person.spoken) < exchange.MOST_WORDS:
        _record(visit, person)
    if person.spoken:
        st.button(
            said.SAY_OTHERS,
            icon=":material/replay:",
            type="tertiary",
            key=f"swap-again-{person.number}",
            on_click=state.guarded(exchange.drop_words),
            args=(person,),
        )


def _record(visit: Visit, person: Person) -> None:
    word, number = exchange.prompt(visit, person), person.number
    ways = [texts.RECORD, texts.UPLOAD_FILE]
    record, upload = widgets.ways_to_give(ways, key=widgets.key(visit, f"swap-ways-{number}"))
    if record:
        with record:
            widgets.recorder(
                visit,
                said.say(word),
                state.widget_name(visit, f"swap-microphone-{number}"),
                lambda widget: _given(
                    visit, person, widget, f"swap-microphone-{number}", "recorded"
                ),
                ways[1:],
            )
    with upload:
        widgets.uploader(
            visit,
            said.recording_of(word),
            state.widget_name(visit, f"swap-file-{number}"),
            lambda widget: _given(visit, person, widget, f"swap-file-{number}", "uploaded"),
            several=False,
        )


def _given(visit: Visit, person: Person, widget: str, name: str, source: str) -> None:
    given = state.given(widget)
    if given is not None:
        state.renew(visit, name)
        exchange.say(visit, person, given.getvalue(), given.name, source)
