"""Page: one more clip claims to be of the person who enrolled, and both models judge it."""

import people
import streamlit as st
import texts
import widgets
from session import clips, state, verify
from session.shared import bundle, bundled_persons
from texts import clips as texts_of_clips
from texts import verify as said

from vop_core.evaluation.verification_overview import FALSE_ALARMS
from vop_core.plots.detection import det_figure
from vop_core.plots.verification import claim_figure, copied_figure

visit = state.current()


def recorded(widget: str) -> None:
    """A recording ended: it makes the claim."""
    given = state.given(widget)
    if given is not None:
        name = texts_of_clips.recording(visit.queries_given + 1)
        verify.claim(visit, given.getvalue(), name, "recorded")
        state.renew(visit, "claim-microphone")


def uploaded(widget: str) -> None:
    """A file arrived: it makes the claim, or one sentence says why not."""
    given = state.given(widget)
    if given is not None:
        verify.claim(visit, given.getvalue(), given.name, "uploaded")
        state.renew(visit, "claim-file")


def borrow_form() -> None:
    """A bundled person claims: the one who enrolled, or an impostor."""
    persons, own = bundled_persons(verify.TASK), clips.borrowed_person(visit)
    left, middle, right = st.columns([5, 2, 3], vertical_alignment="bottom")
    known = [each.id for each in persons]
    person = left.selectbox(
        said.WHO_CLAIMS,
        persons,
        index=known.index(own.id) if own and own.id in known else 0,
        format_func=lambda each: said.claimant(
            each.name, enrolled=own is not None and each.id == own.id
        ),
        key=widgets.key(visit, f"claimant-{own.id if own else ''}"),
    )
    number = middle.selectbox(
        texts.CLIP, range(1, len(person.query) + 1), key=widgets.key(visit, f"claim-{person.id}")
    )
    right.button(
        said.MAKE_THE_CLAIM,
        icon=":material/how_to_reg:",
        type="primary",
        width="stretch",
        key="claim-bundled",
        on_click=state.guarded(verify.claim_as),
        args=(visit, person, number - 1),
    )
    st.caption(person.corpus.attribution)


def ask() -> None:
    ways = [texts.RECORD, texts.UPLOAD_FILE, said.LET_SOMEBODY_ELSE]
    borrowing = clips.borrowed_person(visit) is not None
    record, upload, borrow = widgets.ways_to_give(
        ways, borrowing=borrowing, key=widgets.key(visit, "claim-ways")
    )
    if record:
        with record:
            name = state.widget_name(visit, "claim-microphone")
            widgets.recorder(visit, said.ASK, name, recorded, ways[1:])
    with upload:
        name = state.widget_name(visit, "claim-file")
        widgets.uploader(visit, said.ONE_FILE, name, uploaded, several=False)
    with borrow:
        borrow_form()


def judged() -> None:
    found, truth = verify.verdicts(visit), verify.truth(visit)
    if visit.claim.twin:
        st.warning(said.ENROLLED, icon=":material/content_copy:")
    columns = st.columns(2)
    for column, name in zip(columns, ("global", "personal"), strict=True):
        title, made_of = said.MODELS[name]
        with column.container(border=True, height="stretch", key=f"verdict-{name}"):
            st.markdown(title)
            st.caption(made_of)
            st.markdown(f"## {said.verdict(found[name], truth)}")
            st.markdown(said.score(found[name]))
            if found[name].close:
                st.caption(said.CLOSE)
    st.markdown(said.which_decides(verify.settings()))
    with st.expander(said.THE_CLIP, icon=":material/graphic_eq:", type="compact"):
        widgets.clip_title(visit.claim)
        widgets.clip_body(visit.claim, f"claim-{visit.claim.number}")
    widgets.show(claim_figure(found), "claim-scores")
    st.caption(said.of_score(FALSE_ALARMS))
    st.caption(said.CONTROL.format(name=verify.other(visit).name))


def worth() -> None:
    """What the threshold is worth, and to this person."""
    shots, whose = len(visit.enrolled), said.of_whom(people.whose(visit))
    st.header(said.HOW_FAR, anchor=False)
    left, right = st.columns(2)
    with left:
        st.markdown(said.BOTH_ERRORS)
        bands = verify.verifier().bands(shots)
        widgets.show(
            det_figure(bands, chosen=FALSE_ALARMS, targets=said.MISSES, others=said.ALARMS),
            "claim-det",
        )
        point = verify.verifier().point("vop", shots)
        st.caption(said.errors(point, shots))
        st.markdown(said.of_gain(verify.settings()))
    with right:
        st.markdown(said.how_often(whose))
        st.markdown(said.of_rate(verify.miss_rate(visit), whose))
    st.header(said.FROM_ELSEWHERE, anchor=False)
    st.markdown(said.COPIED)
    card = bundle(verify.TASK).card
    places = (
        ("claim-copied", said.BETWEEN_CORPORA, card["copied_thresholds"]["vop"], said.CORPORA),
        ("claim-ages", said.BETWEEN_AGES, card["copied_between_ages"]["vop"], said.AGES),
    )
    for column, (key, title, copied, names) in zip(st.columns(2), places, strict=True):
        with column:
            st.markdown(title)
            widgets.show(copied_figure(copied, names, asked=FALSE_ALARMS), key)


st.title(texts.VERIFY, anchor=False)
st.markdown(said.PROMISE)
people.people_here(visit)
widgets.messages(visit)
if visit.person.loaded:
    st.info(said.OF_FILE, icon=":material/info:")
elif not visit.entries:
    widgets.nothing_yet(said.NOBODY)
elif not visit.enrolled:
    widgets.switches(visit)
    widgets.none_on(visit)
else:
    widgets.switches(visit)
    ask()
    if visit.claim is not None:
        judged()
    worth()
st.caption(said.CAREFUL)
