"""Page: write a few digits, then one more, and both models read it."""

import drawings
import streamlit as st
import texts
import widgets
from session import hands, models, state
from session.shared import bundled_persons
from texts import drawings as texts_of_drawings
from texts import hands as said

from vop_core import plots
from vop_core.data.environments import CLEAN
from vop_core.data.scans import COMMON_SCANS
from vop_core.evaluation.answers import Answer
from vop_core.tasks.registry import TASKS

visit = state.current()
hand = visit.hand
DIGITS = [str(digit) for digit in range(10)]


def borrow_form() -> None:
    st.caption(said.BORROW)
    proposed, environment = models.opening(hands.TASK)
    persons = bundled_persons(hands.TASK)
    person = st.selectbox(
        texts.WRITER,
        persons,
        index=persons.index(proposed) if proposed else 0,
        format_func=lambda person: person.name,
        key=widgets.key(visit, "writer"),
    )
    seen = widgets.choose_environment(st, visit, environment, hands.TASK)
    st.button(
        said.USE_THIS_HAND,
        icon=":material/draw:",
        type="primary",
        key="borrow-hand",
        on_click=state.guarded(hands.borrow),
        args=(visit, person, seen),
    )
    st.caption(person.corpus.attribution)


def given() -> None:
    """What was given, each with its switches, and the model that they make."""
    person = hands.writer(visit)
    whose = texts.of_person(person.name) if person else texts.YOUR
    if not hand.samples:
        st.info(said.NOTHING, icon=":material/edit:")
        return
    with st.container(horizontal=True, key="digits"):
        for place, sample in enumerate(hand.samples, start=1):
            tile(place, sample)
    if not person:
        choose_environment()
    made = hands.personal(visit)
    if made is None:
        st.info(said.ALL_OFF, icon=":material/toggle_off:")
        return
    st.markdown(
        said.ready(made.model.shots, 1000 * made.seconds, made.promises[-1].measured, whose)
    )
    health = made.model.health
    icon, meaning = said.HEALTH.get(health.verdict, (":material/info:", health.sentence))
    st.caption(f"{icon} {meaning}")
    if person:
        scans = TASKS[hands.TASK].environments(person.id)
        where = scans.get(hand.environment)
        seen = where.description if where else ""
        st.caption(said.of_person(person.name, person.corpus.about, seen))
        st.button(
            said.OWN_AGAIN,
            icon=":material/edit:",
            key="own-hand",
            on_click=state.guarded(hands.begin),
            args=(visit,),
        )


def choose_environment() -> None:
    """What all of the visitor's digits are sent through."""
    ways = [CLEAN, *COMMON_SCANS]
    chosen = st.segmented_control(
        said.WAYS,
        ways,
        default=hand.environment,
        key=widgets.key(visit, "hand-environment"),
        required=True,
        wrap=True,
        help=said.HARDER,
    )
    if chosen != hand.environment:
        hands.see(visit, chosen)
        st.rerun()


def tile(place: int, sample) -> None:
    with st.container(border=True, width=108, gap="xsmall", key=f"digit-{sample.number}"):
        off = "" if sample.on else said.OFF
        how = texts_of_drawings.HOW_GIVEN[sample.source]
        st.image(sample.image, width=74, alt=f"{texts.sample(place)}, {how}{off}")
        st.caption(texts.sample(place) + off)
        st.button(
            texts.SWITCH_OFF if sample.on else texts.SWITCH_ON,
            key=f"flip-{sample.number}",
            type="tertiary" if sample.on else "secondary",
            on_click=state.guarded(hands.flip),
            args=(visit, sample),
        )
        st.button(
            texts.REMOVE,
            key=f"remove-digit-{sample.number}",
            type="tertiary",
            on_click=state.guarded(hands.remove),
            args=(visit, sample),
        )


def surely(column, whose: str, made_of: str, answer: Answer, word: str | None) -> None:
    """A model's digit, how sure it is, and the runners-up."""
    first, *others = answer.ranked(3)
    with widgets.answer_card(column, whose, made_of, answer, word):
        st.markdown(texts.sure(first.probability))
        st.caption(texts.runners_up(others))


def answered() -> None:
    """The digit, both answers, and whether they are right."""
    query = hand.query
    by_global, by_personal = hands.answers(visit)
    left, middle, right = st.columns(3)
    with left.container(border=True, height="stretch"):
        st.markdown(f":material/edit: {said.WRITTEN}")
        st.image(query.image, width=112, alt=said.ASKED)
        for note in query.picture.notes:
            st.caption(texts.literal(note))
        if query.seal is None:
            told = st.pills(
                said.WHICH,
                DIGITS,
                default=hand.told.get(query.number),
                key=widgets.key(visit, f"digit-told-{query.number}"),
                wrap=True,
            )
            if told:
                hand.told[query.number] = told
    found, word = hands.judge(visit, by_global, by_personal), hands.truth(visit)
    surely(middle, f":material/public: {said.EVERYBODYS}", said.FOR_ALL, by_global, word)
    own = hands.personal(visit).model
    person = hands.writer(visit)
    owner = texts.of_person(person.name) if person else said.YOURS
    whose = f":material/person: **{owner}**"
    surely(right, whose, said.made_of(own.shots), by_personal, word)
    st.markdown(texts.verdict(by_global.best, by_personal.best, found, said.DIGITS))
    if hands.enrolled(visit):
        st.caption(said.ENROLLED)
    elif hands.of_another(visit):
        st.caption(said.NOT_THEIRS)
    if hand.tally:
        st.caption(said.of_tally(list(hand.tally.values())))


def posterior() -> None:
    """What the digits say about the weight that they move most."""
    model = hands.personal(visit).model
    views = {layer: hands.layer_view(visit, layer) for layer in model.layer_names}
    layer = plots.most_told(views)
    view = views[layer]
    st.header(said.ABOUT_WEIGHTS, anchor=False)
    st.caption(said.of_weight(model.layer_titles[layer]))
    widgets.show(plots.weight_figure(view, view.most_told, height=320), "hand-weight")


def one_more() -> None:
    """A digit that did not enroll, and what both models read."""
    person = hands.writer(visit)
    if person:
        st.markdown(said.of_writer(person.name, hands.everything(visit)))
        st.button(
            said.ask_another(person.name),
            icon=":material/skip_next:",
            type="primary",
            key="ask-written",
            on_click=state.guarded(hands.ask_bundled),
            args=(visit,),
        )
    if hand.query:
        answered()
    elif not person:
        st.info(said.ASK_NOW, icon=":material/edit:")


st.title(texts.HANDS, anchor=False)
st.markdown(said.PROMISE)
st.page_link("app_pages/signs.py", label=said.SIGNS_INSTEAD, icon=":material/gesture:")
left, right = st.columns([5, 10], gap="large")
with left:
    drawings.give(visit, hands, said, borrow_form, asks=hands.personal(visit) is not None)
with right:
    widgets.messages(visit)
    given()
    if hands.personal(visit):
        st.header(said.ONE_MORE, anchor=False)
        one_more()
if hands.personal(visit):
    posterior()
