"""Page: teach signs of one's own by a few drawings, then ask which of them another drawing is."""

import drawings
import streamlit as st
import texts
import widgets
from session import signs, state
from session.shared import bundled_persons
from texts import drawings as texts_of_drawings
from texts import signs as said

from vop_core import plots
from vop_core.evaluation.answers import Answer
from vop_core.tasks.registry import TASKS

visit = state.current()
own = visit.own_signs


def chosen(widget: str) -> None:
    signs.choose(visit, state.chosen(widget))


def renamed(widget: str, sign) -> None:
    signs.rename(visit, sign, state.chosen(widget) or "")


def sample_of() -> None:
    """Of which sign the next sample is."""
    if not own.signs or own.writer:
        return
    names = {sign.number: sign.name for sign in own.signs} | {0: said.A_NEW_ONE}
    widget = widgets.key(visit, "sample-of")
    state.put(widget, own.chosen)
    st.selectbox(
        said.SAMPLE_OF,
        list(names),
        format_func=names.get,
        key=widget,
        on_change=state.guarded(chosen),
        args=(widget,),
    )


def borrow_form() -> None:
    st.caption(said.BORROW)
    person = st.selectbox(
        texts.WRITER,
        bundled_persons(signs.WRITERS),
        format_func=lambda person: person.name,
        key=widgets.key(visit, "sign-writer"),
    )
    st.button(
        said.USE_THESE,
        icon=":material/draw:",
        type="primary",
        key="borrow-signs",
        on_click=state.guarded(signs.borrow),
        args=(visit, person),
    )
    st.caption(person.corpus.attribution)


def given() -> None:
    """The signs with their samples, and the classifier that they make."""
    if not own.signs:
        st.info(said.NOTHING, icon=":material/edit:")
        return
    with st.container(horizontal=True, key="signs"):
        for sign in own.signs:
            card(sign)
    found = signs.made(visit)
    if found is None:
        st.info(said.ONE_MORE, icon=":material/edit:")
        return
    taught, measured, seconds = found
    st.markdown(said.ready(len(taught.names), sum(taught.samples), 1000 * seconds, measured))
    if own.writer:
        st.button(
            said.OWN_AGAIN,
            icon=":material/edit:",
            key="own-signs",
            on_click=state.guarded(signs.begin),
            args=(visit,),
        )


def card(sign) -> None:
    """A sign's name and samples."""
    with st.container(border=True, width=132, gap="xsmall", key=f"sign-{sign.number}"):
        if own.writer:
            st.markdown(f"**{texts.literal(sign.name)}**")
        else:
            widget = widgets.key(visit, f"sign-name-{sign.number}")
            state.put(widget, sign.name)
            st.text_input(
                said.RENAME,
                key=widget,
                max_chars=signs.LONGEST_NAME,
                label_visibility="collapsed",
                on_change=state.guarded(renamed),
                args=(widget, sign),
            )
        for place, sample in enumerate(sign.samples, start=1):
            how = texts_of_drawings.HOW_GIVEN[sample.source]
            st.image(sample.image, width=74, alt=said.sample_of(place, sign.name, how))
            if not own.writer:
                st.button(
                    texts.REMOVE,
                    key=f"remove-sample-{sample.number}",
                    type="tertiary",
                    on_click=state.guarded(signs.remove),
                    args=(visit, sign, sample),
                )


def sure(column, whose: str, made_of: str, answer: Answer, word: str | None):
    """A classifier's sign, how sure it is, and the runner-up."""
    first, *others = answer.ranked(2)
    with widgets.answer_card(column, whose, made_of, answer, word):
        st.markdown(texts.sure(first.probability))
        for each in others:
            st.caption(said.runner_up(texts.literal(each.label), each.probability))


def answered() -> None:
    """The drawing, both answers, and whether they are right."""
    query = own.query
    by_mean, personal = signs.answers(visit)
    names = signs.made(visit)[0].names
    left, middle, right = st.columns(3)
    with left.container(border=True, height="stretch"):
        st.markdown(f":material/edit: {said.DRAWN}")
        st.image(query.image, width=112, alt=said.ASKED)
        for note in query.picture.notes:
            st.caption(texts.literal(note))
        if query.seal is None:
            told = st.pills(
                said.WHICH,
                names,
                default=own.told.get(query.number),
                key=widgets.key(visit, f"sign-told-{query.number}-{'/'.join(names)}"),
                wrap=True,
            )
            if told:
                own.told[query.number] = told
    signs.judge(visit, by_mean, personal)
    word = signs.truth(visit)
    sure(middle, f":material/join_inner: {said.NEAREST_MEAN}", said.OF_SAMPLES, by_mean, word)
    sure(right, f":material/person: {said.POSTERIOR}", said.OF_CLASSIFIER, personal, word)
    st.markdown(said.doubt(personal))
    if signs.taught_with(visit):
        st.caption(said.TAUGHT_WITH)
    if own.tally:
        st.caption(said.of_tally(list(own.tally.values())))
    st.caption(said.UNLIKE)


def posterior() -> None:
    """What the samples of a sign say about the number that they move most."""
    taught, _, _ = signs.made(visit)
    st.header(said.ABOUT_A_SIGN, anchor=False)
    places = range(len(taught.names))
    place = st.segmented_control(
        said.SIGN,
        places,
        format_func=lambda number: texts.literal(taught.names[number]),
        default=0,
        required=True,
        key=widgets.key(visit, f"looked-at-{len(taught.names)}"),
        wrap=True,
    )
    view = signs.view(visit, place)
    st.caption(said.ADDS_UP)
    widgets.show(plots.weight_figure(view, view.most_told, height=320), "sign-weight")


def one_more() -> None:
    """A drawing that taught nothing, and which sign it is."""
    person = signs.writer(visit)
    if person:
        st.markdown(said.of_everything(person.name, len(own.taught), *signs.everything(visit)))
        st.button(
            said.ask_another(person.name),
            icon=":material/skip_next:",
            type="primary",
            key="ask-drawn",
            on_click=state.guarded(signs.ask_bundled),
            args=(visit,),
        )
    if own.query:
        answered()
    elif not person:
        st.info(said.ASK_NOW, icon=":material/edit:")


st.title(said.TITLE, anchor=False)
st.markdown(said.PROMISE)
st.page_link("app_pages/hands.py", label=said.DIGITS_INSTEAD, icon=":material/draw:")
left, right = st.columns([5, 10], gap="large")
with left:
    sample_of()
    drawings.give(visit, signs, said, borrow_form, asks=signs.made(visit) is not None, name="sign-")
with right:
    widgets.messages(visit)
    given()
    if signs.made(visit):
        st.header(said.ONE_MORE_DRAWING, anchor=False)
        one_more()
if signs.made(visit):
    posterior()
    st.caption(TASKS[signs.TASK].limits)
