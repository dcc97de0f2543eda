"""Page: whether personalization is worth shipping, for whoever must decide it."""

from functools import partial

import streamlit as st
import texts
import widgets
from session import decision, shared, state, subject, verify
from texts import decide
from texts import verify as claims

from vop_core.evaluation.verification_overview import FALSE_ALARMS
from vop_core.models.bundled import SHOTS
from vop_core.models.decision import MOST_QUERIES
from vop_core.plots.detection import det_figure
from vop_core.plots.verification import copied_figure
from vop_core.tasks.registry import KEYWORD_TASKS, TASKS

visit = state.current()
task = subject.task(visit)
say = partial(texts.about, task)
TARGETS = (0.02, 0.05, 0.1)  # false alarms to choose from
GAINS = (0.005, 0.01, 0.02, 0.03, 0.05)  # that may be worth it


def table(lines: list[dict]) -> None:
    """A real table, for screen readers and for narrow screens, where it scrolls."""
    st.table(
        [{say(name): value for name, value in line.items()} for line in lines], hide_index=True
    )


def numbers(title: str, lines: list[dict]) -> None:
    """The numbers behind a figure."""
    with st.expander(title, icon=":material/table:"):
        table(lines)


def the_verdict(found) -> None:
    """The answer, why, and what it does not tell."""
    kind, icon, said = decide.headline(found)
    with st.container(border=True, key="verdict"):
        getattr(st, kind)(f"**{say(said)}**", icon=icon)
        for sentence in (*decide.reasons(found), *decision.as_detectors(visit)):
            st.markdown(say(sentence))
        with st.expander(decide.NOT_TOLD, icon=":material/visibility_off:"):
            st.markdown("\n".join(f"- {say(each)}" for each in decision.untold(task)))


def choose_clips(found):
    """With how many clips of each person the sections below are."""
    by_shots = {regime.shots: regime for regime in found}
    chosen = st.segmented_control(
        say(decide.CLIPS_EACH),
        list(by_shots),
        default=5 if 5 in by_shots else found[-1].shots,
        required=True,
        key=widgets.key(visit, f"decide-clips-{task}"),
        wrap=True,
    )
    return by_shots[chosen]


def who_gains(regime) -> None:
    """A mark a person, the worst served, and the groups that results tell apart."""
    st.header(decide.WHO_GAINS, anchor=False)
    drawn, said = st.columns([7, 5], gap="large")
    with drawn:
        widgets.show(decision.gains(regime), "decide-gains")
    with said:
        st.markdown(decide.harm(regime))
        st.markdown(decide.worst(regime))
        numbers(decide.EVERY_PERSON, decide.persons_table(regime))
    places = decision.places(visit)
    if places:
        st.markdown(say(decide.BY_PLACE))
        table(decide.places_table(places, texts.places(task)))
        st.caption(say(decide.places_note(SHOTS)))
    groups = shared.groups() if task in KEYWORD_TASKS else []
    if groups:
        st.markdown(decide.BY_GROUP)
        st.markdown(decide.of_groups(groups))
        numbers(decide.EVERY_GROUP, decide.groups_table(groups))
        st.caption(decide.groups_note(groups))


def how_many_clips(found) -> None:
    """Right answers by number of clips."""
    st.header(say(decide.HOW_MANY_CLIPS), anchor=False)
    widgets.show(decision.clips_figure(task, found, height=340), "decide-clips")
    numbers(decide.NUMBERS, decide.clips_table(found))


@st.fragment
def how_many_people(regime) -> None:
    """The persons that would settle it."""
    st.header(decide.HOW_MANY_PEOPLE, anchor=False)
    gain = st.select_slider(
        decide.WORTH_IT,
        GAINS,
        value=0.01,
        format_func=lambda share: f"{100 * share:g}",
        key=widgets.key(visit, "decide-gain"),
    )
    st.markdown(decide.needed(regime, gain))
    st.caption(say(decide.NEEDED_HOW))


def people_here() -> None:
    """The bundled persons, asked by this server, and the threshold chosen on them."""
    words = task in KEYWORD_TASKS
    st.header(decide.ASK_HERE_AND_CHOOSE if words else decide.ASK_HERE, anchor=False)
    if task not in visit.people_asked:
        st.markdown(decide.PEOPLE_WHY if words else decide.PEOPLE_WHY_SEEN)
        st.button(
            decide.PEOPLE,
            icon=":material/groups:",
            key="ask-people",
            on_click=state.guarded(decision.ask_people),
            args=(visit,),
        )
        return
    answers()
    if words:
        threshold()


@st.fragment
def answers() -> None:
    """Their right answers, in one environment."""
    environment = widgets.choose_environment(st, visit, "clean", task)
    table(decide.clips_table(shared.bundled_regimes(task, environment)))
    st.caption(say(decide.ASKED_HERE.format(most=MOST_QUERIES)))


@st.fragment
def threshold() -> None:
    """Both errors, and both models at the same false alarms."""
    st.markdown(decide.THRESHOLD)
    target = st.segmented_control(
        decide.FALSE_ALARMS,
        TARGETS,
        default=decision.USUAL_TARGET,
        format_func=decide.one_in,
        required=True,
        key=widgets.key(visit, "decide-false-alarms"),
        wrap=True,
    )
    drawn, said = st.columns([6, 6], gap="large")
    with drawn:
        widgets.show(det_figure(shared.bands(task, SHOTS), chosen=target), "decide-det")
    with said:
        points = decision.operating_points(visit, target)
        st.markdown(decide.operating(points))
        table(decide.operating_table(points))
        st.caption(decision.other_sounds(visit))


@st.fragment
def what_it_costs() -> None:
    """Every method on the same clips, timed on a click."""
    st.header(decide.COSTS, anchor=False)
    who = decision.whose(visit)
    st.button(
        say(decide.measure_here(who)),
        icon=":material/timer:",
        key="measure-costs",
        on_click=state.guarded(decision.measure),
        args=(visit,),
    )
    timed = decision.ledger(visit)
    if timed is None:
        st.caption(say(decide.TIMED))
        return
    table(decide.ledger_table(timed))
    st.markdown(say(decide.LEAVES.format(sent=timed.bytes_to_send)))
    st.caption(say(decide.right_answers(timed, who)))
    st.caption(say(decide.ledger_note(timed.clips)))


def take_along(regime) -> None:
    """The report, made when it is asked for."""
    st.header(decide.TAKE_ALONG, anchor=False)
    st.download_button(
        decide.DOWNLOAD,
        data=lambda: decision.report(visit, regime),
        file_name=f"personalization-{task}.html",
        mime="text/html",
        icon=":material/download:",
        on_click="ignore",
        key="decide-report",
    )
    st.caption(say(decide.PAGE))


def claims_worth() -> None:
    """What personal weights are worth where claims are judged."""
    found = verify.settings()
    kind, icon, said = claims.headline(found)
    with st.container(border=True, key="verdict"):
        getattr(st, kind)(f"**{said}**", icon=icon)
        st.markdown(claims.of_gain(found))
        st.caption(claims.by_chance(found))
    st.header(decide.WHOSE_CLAIMS, anchor=False)
    table(claims.settings_table(found))
    st.caption(claims.ERRORS)
    st.header(decide.A_DECISION, anchor=False)
    left, right = st.columns(2)
    shots = max(each.shots for each in found)
    with left:
        options = {"chosen": FALSE_ALARMS, "targets": claims.MISSES, "others": claims.ALARMS}
        widgets.show(det_figure(verify.verifier().bands(shots), **options), "decide-claims")
        point = verify.verifier().point("vop", shots)
        st.caption(claims.errors(point, shots))
    with right:
        copied = subject.shipped(visit).card["copied_thresholds"]["vop"]
        widgets.show(copied_figure(copied, claims.CORPORA, asked=FALSE_ALARMS), "decide-copied")
        st.caption(claims.COPIED)
    st.page_link("app_pages/verify.py", label=texts.TRY_ON_VERIFY, icon=":material/how_to_reg:")


def persons_worth() -> None:
    """What personal models are worth where a sample is read."""
    found = decision.regimes(visit)
    if found:
        the_verdict(found)
        regime = choose_clips(found)
        who_gains(regime)
        how_many_clips(found)
        how_many_people(regime)
    else:
        st.info(decide.NO_RESULTS, icon=":material/info:")
    people_here()
    what_it_costs()
    if found:
        take_along(regime)


st.title(texts.DECIDE, anchor=False)
st.markdown(decide.QUESTION)
widgets.choose_subject(visit)
widgets.messages(visit)
if TASKS[task].compares:
    claims_worth()
else:
    persons_worth()
