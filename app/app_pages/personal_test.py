"""The view "Test me" of the page Compare: words to say, and what they show."""

import streamlit as st
import texts
import widgets
from session import clips, personal_test, state
from session.state import PromptedTest, Visit
from texts import personal_test as said
from texts import waiting
from texts.clips import titled

from vop_core import plots
from vop_core.evaluation.personal_test import GLOBAL, PersonalTest
from vop_core.evaluation.score import OWN
from vop_core.models.personal_test import MOST_KNOWN, UNKNOWN


def show(visit: Visit) -> None:
    """The words that are still to be said, and the score of those that were."""
    widgets.messages(visit)
    if visit.person.loaded:
        st.info(said.OF_FILE, icon=":material/draft:")
        return
    test = personal_test.current(visit)
    if test is None:
        offer(visit)
        return
    if test.own and not test.finished and personal_test.place(test) is not None:
        prompt(visit, test)
        return
    if personal_test.said_known(visit) < personal_test.FEWEST:
        st.info(said.TOO_FEW, icon=":material/help:")
    else:
        with st.spinner(waiting.ASKING_EVERY_MODEL):
            result = personal_test.result(visit)
        score(visit, result)
    if test.own:
        go_on(visit, test)


def offer(visit: Visit) -> None:
    """A bundled person's test at one click; or why there is none."""
    person = clips.borrowed_person(visit)
    if person is None:
        st.info(said.NO_PROMPTS, icon=":material/translate:")
        return
    with st.container(border=True):
        st.header(said.does_it_help(person.name), anchor=False)
        st.markdown(said.BUNDLED.format(most=MOST_KNOWN, name=person.name, unknown=UNKNOWN))
        st.button(
            said.test_on(person.name),
            type="primary",
            icon=":material/fact_check:",
            key="run-test",
            on_click=state.guarded(personal_test.run_bundled),
            args=(visit,),
        )


# --- the words ------------------------------------------------------------------------------------


def prompt(visit: Visit, test: PromptedTest) -> None:
    """The next word, the ways to give it, and what was said so far."""
    now = personal_test.place(test)
    done, of_all = personal_test.asked_for(test)

    def recorded(widget: str) -> None:
        given = state.given(widget)
        if given is not None:
            personal_test.take(visit, given.getvalue())
            state.renew(visit, "test-microphone")

    def uploaded(widget: str) -> None:
        files = state.given(widget) or []
        personal_test.take_files(visit, [(each.name, each.getvalue()) for each in files])
        state.renew(visit, "test-files")

    st.caption(said.HOW)
    with st.container(border=True, key="prompt"):
        st.progress(done / of_all, text=said.progress(done + 1, of_all))
        st.header(texts.say_word(test.words[now]), anchor=False)
        ways = [texts.RECORD, texts.UPLOAD_FILES]
        record, upload = widgets.ways_to_give(ways, key=widgets.key(visit, "test-ways"))
        if record:
            with record:
                widgets.recorder(
                    visit,
                    said.YOUR_RECORDING,
                    state.widget_name(visit, "test-microphone"),
                    recorded,
                    ways[1:],
                )
        with upload:
            left = [
                word
                for place, word in enumerate(test.words)
                if place not in test.clips and place not in test.skipped
            ]
            st.caption(said.FILES.format(words=", ".join(left)))
            name = state.widget_name(visit, "test-files")
            widgets.uploader(visit, said.SEVERAL, name, uploaded, several=True)
        ways_on(visit, test)


def ways_on(visit: Visit, test: PromptedTest) -> None:
    """Skip, say again, look at the score."""
    enough = personal_test.said_known(visit) >= personal_test.FEWEST
    with st.container(horizontal=True):
        st.button(
            said.SHOW_SCORE,
            type="primary" if enough else "secondary",
            icon=":material/fact_check:",
            key="show-score",
            disabled=not enough,
            help=None if enough else said.NOT_ENOUGH,
            on_click=state.guarded(personal_test.show),
            args=(visit, True),
        )
        st.button(
            said.SKIP,
            icon=":material/skip_next:",
            key="skip-word",
            on_click=state.guarded(personal_test.skip),
            args=(visit,),
        )
        if test.clips:
            last = list(test.clips)[-1]
            st.button(
                said.say_again(test.words[last]),
                icon=":material/replay:",
                key="again",
                on_click=state.guarded(personal_test.again),
                args=(visit,),
            )
    if test.clips:
        st.caption(said.said_so_far([test.words[each] for each in test.clips]))


def go_on(visit: Visit, test: PromptedTest) -> None:
    """Further words, where some are left, or a new test."""
    done, of_all = personal_test.asked_for(test)
    with st.container(horizontal=True):
        if done < of_all:
            st.button(
                said.go_on(of_all - done),
                type="primary",
                icon=":material/mic:",
                key="go-on-saying",
                on_click=state.guarded(personal_test.show),
                args=(visit, False),
            )
        st.button(
            said.BEGIN_ANEW,
            icon=":material/restart_alt:",
            key="new-test",
            on_click=state.guarded(personal_test.begin_again),
            args=(visit,),
        )


# --- the score ------------------------------------------------------------------------------------


def score(visit: Visit, test: PersonalTest) -> None:
    """Verdict, score, confusions, doubt, and each clip's part."""
    kind, icon, text = said.verdict(test)
    getattr(st, kind)(text, icon=icon)
    if len(test.known) < said.FEW:
        st.caption(said.an_impression(len(test.known)))
    widgets.switches(visit)
    st.header(said.SCORE, anchor=False)
    left, right = st.columns(2, gap="large")
    with left:
        widgets.show(plots.score_figure(test), "test-score")
        st.caption(said.OVER_CLIPS)
    with right:
        st.table(said.gains(test), border="horizontal", hide_index=True)
        st.caption(said.CONTROLS)
    left, right = st.columns(2, gap="large")
    with left:
        confusions(test)
    with right:
        doubt(visit, test)
    influence(visit, test)
    with st.expander(said.EVERY_WORD, icon=":material/list:"):
        st.table(said.every_word(test), border="horizontal", hide_index=True)


def confusions(test: PersonalTest) -> None:
    """Which word was taken for which."""
    st.header(said.CONFUSIONS, anchor=False)
    if test.mistakes(GLOBAL) or test.mistakes(OWN):
        widgets.show(plots.mistakes_figure(test), "test-mistakes")
    else:
        st.markdown(said.mistakes(test))


@st.fragment
def doubt(visit: Visit, test: PersonalTest) -> None:
    """Answers that are not sure enough are withheld; what is left of them."""
    st.header(said.MAY_NOT_KNOW, anchor=False)
    least = st.slider(
        said.LEAST_SURE,
        0,
        99,
        50,
        format="%d %%",
        key=widgets.key(visit, "least-sure"),
    )
    for name in (GLOBAL, OWN):
        st.markdown(f"{said.MODELS[name]} {said.withheld(test.withheld(name, least / 100))}")
    widgets.show(plots.withholding_figure(test, least / 100), "test-withholding")
    st.caption(said.WITHHELD)


def influence(visit: Visit, test: PersonalTest) -> None:
    """What the answers would be without each clip."""
    st.header(said.EACH_CLIP, anchor=False)
    titles = [titled(entry) for entry in visit.enrolled]
    found, right = test.influence(), test.scores()[OWN].right
    st.markdown(f"{said.INFLUENCE} {said.judged_influence(titles, found, right)}")
    st.table(said.influence(titles, found, right), border="horizontal", hide_index=True)
