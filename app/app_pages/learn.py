"""Page: a lecture in steps. Something is told, the room predicts, then the numbers answer."""

from collections.abc import Sequence
from functools import partial

import streamlit as st
import texts
import widgets
from session import lesson, state
from texts import learn
from texts import verify as claims
from texts.clips import clip

from vop_core import plots
from vop_core.course.lesson import MOST_POINTS, REACH
from vop_core.data.audio import playable
from vop_core.evaluation.verification_overview import FALSE_ALARMS
from vop_core.plots.persons import gains_figure
from vop_core.plots.style import enlarge
from vop_core.plots.twin import bounds_figure, one_weight_figure, points_figure, two_weights_figure
from vop_core.plots.verification import copied_figure
from vop_core.tasks.registry import TASKS

visit = state.current()
HEIGHT = 300  # of a twin's figures, in pixels: all of them are seen at once
FONT = 17  # of figures, to be read from the back of a room
LARGE = """<style>
.st-key-lesson [data-testid=stMarkdownContainer] :is(p, li) {font-size: 1.3rem; line-height: 1.45}
.st-key-lesson [data-testid=stMarkdownContainer] p:has(.stMarkdownBadge) {font-size: 1.1rem}
.st-key-lesson table {font-size: 1.15rem}
.st-key-lesson table [data-testid=stMarkdownContainer] p {font-size: inherit}
.st-key-lesson button p, .st-key-steps button p {font-size: 1.15rem}
.st-key-lesson h2 {padding-top: 0}
.st-key-lesson [data-testid=stButtonGroup] button {min-height: 2.6rem}
/* Streamlit's pale keys do not stand out on a button */
.st-key-steps kbd {color: inherit !important; opacity: 1 !important}
@media (max-width: 640px) {.st-key-steps kbd {display: none}}
.stMainBlockContainer {padding-bottom: 2rem}
</style>"""


def show(figure, key: str, **options):
    """A figure with large type."""
    return widgets.show(enlarge(figure, FONT), key, **options)


# --- from step to step ----------------------------------------------------------------------------


def go_to(step: int) -> None:
    visit.lesson.step = step
    st.query_params["step"] = str(step + 1)


def steps(number: int) -> None:
    """Where one is, and the ways on: by mouse, keyboard or clicker."""
    last = len(learn.STEPS) - 1
    with st.container(horizontal=True, vertical_alignment="center", key="steps"):
        st.markdown(learn.step_of(number + 1, last + 1), width="stretch")
        st.button(
            learn.PREVIOUS,
            icon=":material/arrow_back:",
            key="previous-step",
            shortcut="PageUp",
            disabled=number == 0,
            on_click=state.guarded(go_to),
            args=(number - 1,),
        )
        st.button(
            learn.NEXT,
            icon=":material/arrow_forward:",
            key="next-step",
            type="primary",
            shortcut="PageDown",
            disabled=number == last,
            on_click=state.guarded(go_to),
            args=(number + 1,),
        )


def ask(step: learn.Step, told: dict) -> bool:
    """The question; whether it was answered and the answer is shown."""
    st.markdown(f"**{step.question.format(**told)}**")
    if step.key in visit.lesson.revealed:
        answer(step, visit.lesson.predictions[step.key])
        return True
    # buttons, unlike radio buttons, leave Page Down to the lecture
    predicted = st.pills(
        learn.YOUR_PREDICTION,
        range(len(step.options)),
        default=visit.lesson.predictions.get(step.key),
        required=True,
        format_func=lambda place: step.options[place].label,
        label_visibility="collapsed",
        key=widgets.key(visit, f"predict-{step.key}"),
        wrap=True,
    )
    lesson.predict(visit, step.key, predicted)
    st.button(
        learn.REVEAL,
        icon=":material/visibility:",
        key=f"reveal-{step.key}",
        type="primary",
        disabled=predicted is None,
        on_click=state.guarded(lesson.reveal),
        args=(visit, step.key),
    )
    return False


def answer(step: learn.Step, predicted: int) -> None:
    """What was predicted, and what the numbers say."""
    found = lesson.found(visit, step.key)
    if found.truth is None:
        st.info(learn.NO_NUMBERS, icon=":material/help:")
        return
    right = predicted == found.truth
    predicted = learn.PREDICTED[right].format(predicted=step.options[predicted].label)
    said = f"{predicted} {step.options[found.truth].reveal.format(**found.numbers)}"
    if right:
        st.success(said, icon=":material/check_circle:")
    else:
        st.warning(said, icon=":material/lightbulb:")


def notes(step: learn.Step) -> None:
    """For whoever presents, hidden until asked for."""
    shown = st.toggle(
        learn.PRESENTER_NOTES, key=widgets.key(visit, "presenter-notes"), persist_state="session"
    )
    if shown:
        with st.container(border=True):
            st.markdown(learn.minutes(step.minutes, step.notes))
            st.markdown(learn.may_think(step.misconception))
            st.caption(learn.KEYS)


# --- what is seen at each step --------------------------------------------------------------------


def one_word(revealed: bool) -> None:
    """A clip, and what everybody's network hears in it."""
    said = lesson.word(visit)
    with st.container(border=True):
        st.markdown(f":material/hearing: {learn.says(lesson.person(visit)[0].name)}")
        st.markdown(f"## {said.word}")
        st.audio(playable(said.clip), alt=texts.play_word(said.word))
    with st.container(border=True):
        st.markdown(f":material/public: {learn.EVERYBODY_HEARS}")
        st.markdown(f"## {said.by_global.best.label}")
        verdict(said.by_global.best.label, said.word)


def verdict(label: str, word: str) -> None:
    said, icon, colour = texts.judged(label, word, [word])
    st.badge(said, icon=icon, color=colour)


def more_clips(revealed: bool) -> None:
    """What is heard of the word with no clip and with more and more of them."""
    said = lesson.word(visit)
    if not revealed:
        one_word(revealed)
        return
    heard = lesson.answers(visit)
    for pair in (heard[:2], heard[2:]):
        for column, each in zip(st.columns(2), pair, strict=True):
            with column.container(border=True, height="stretch"):
                titled = learn.HEARD.get(each.shots) or learn.HEARD_AFTER.format(shots=each.shots)
                st.markdown(titled)
                st.markdown(f"## {each.label}")
                verdict(each.label, said.word)
                st.markdown(learn.words_right(each.right, each.words))


def bell_curve(revealed: bool) -> None:
    """A weight before and after three clips."""
    view, weight = lesson.weight_view(visit, None if revealed else ())
    show(plots.weight_figure(view, weight, height=430), "lesson-weight")


def trust(revealed: bool) -> None:
    """The same weight with clips on and off, and the share that is taken."""
    if not revealed:
        st.caption(learn.FIRST_PREDICT)
        return
    count = lesson.clip_count(visit)
    on = st.pills(
        learn.CLIPS_HEARD,
        range(count),
        selection_mode="multi",
        default=[0],
        format_func=lambda place: clip(place + 1),
        key=widgets.key(visit, "lesson-clips"),
        wrap=True,
    )
    on = tuple(sorted(on))
    found = lesson.shrinkage(visit, on)
    if found and on:
        st.markdown(learn.share_taken(found.counted, found.prior_clips, found.share))
    elif found:
        st.markdown(learn.PRIOR_ALONE)
    view, weight = lesson.weight_view(visit, on)
    show(plots.weight_figure(view, weight, height=360), "lesson-trust")


def place_keys(weights: int, place: int) -> list[str]:
    return [widgets.key(visit, f"twin-{weights}-{axis}-{place}") for axis in "xy"]


def put_point(weights: int) -> None:
    """A slider moved: the chosen point goes there."""
    keys = place_keys(weights, lesson.chosen(visit, weights))
    lesson.move(visit, weights, tuple(map(state.chosen, keys)))


def click_point(weights: int, figure: str) -> None:
    """A click in the picture: the chosen point goes there, and its sliders with it."""
    to = state.clicked(figure)
    if to is not None:
        lesson.move(visit, weights, to)
        for name, value in zip(place_keys(weights, lesson.chosen(visit, weights)), to, strict=True):
            state.put(name, value)


def choose_point(weights: int, name: str) -> None:
    lesson.choose(visit, weights, state.chosen(name))


def controls(weights: int) -> None:
    """Which point is moved, and where to; one more, and one less."""
    points, chosen = lesson.points(visit, weights), lesson.chosen(visit, weights)
    name = widgets.key(visit, f"twin-{weights}-{len(points)}-point")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.pills(
            learn.POINT_TO_MOVE,
            range(len(points)),
            default=chosen,
            format_func=lambda place: str(place + 1),
            required=True,
            key=name,
            on_change=state.guarded(partial(choose_point, weights, name)),
            wrap=True,
        )
        st.button(
            learn.ADD_A_POINT,
            icon=":material/add:",
            key=f"add-point-{weights}",
            disabled=len(points) == MOST_POINTS,
            on_click=state.guarded(lesson.add_point),
            args=(visit, weights),
        )
        st.button(
            learn.REMOVE_THE_LAST,
            icon=":material/remove:",
            key=f"remove-point-{weights}",
            disabled=len(points) == 1,
            on_click=state.guarded(lesson.remove_point),
            args=(visit, weights),
        )
    for column, title, key, value in zip(
        st.columns(2), learn.AXES, place_keys(weights, chosen), points[chosen], strict=True
    ):
        state.begin(key, value)
        column.slider(
            learn.of_point(title, chosen + 1),
            -REACH,
            REACH,
            step=0.05,
            key=key,
            on_change=state.guarded(partial(put_point, weights)),
        )


@st.fragment
def twin(weights: int) -> None:
    """Points to move, and at once everything that they change."""
    found, chosen = lesson.twin(visit, weights), lesson.chosen(visit, weights)
    points, figure = lesson.points(visit, weights), widgets.key(visit, f"twin-{weights}")
    left, right = st.columns(2)
    with left:
        show(
            points_figure(points, chosen, found.heard, found.labels, reach=REACH, height=HEIGHT),
            figure,
            on_select=state.guarded(partial(click_point, weights, figure)),
            selection_mode="points",
        )
    with right:
        draw = one_weight_figure if weights == 1 else two_weights_figure
        show(draw(found.prior, found.posteriors, height=HEIGHT), f"twin-{weights}-posteriors")
    left, right = st.columns(2)
    with left:
        controls(weights)
    with right:
        show(bounds_figure(found.bounds, found.evidence), f"twin-{weights}-bounds")
    bounds_table(found)


def bounds_table(found) -> None:
    with st.expander(learn.BOUND_IN_NUMBERS):
        st.table([learn.bound(found, name) for name in found.bounds])


def price(revealed: bool) -> None:
    """What each way of enrolling takes."""
    if not revealed:
        st.caption(learn.FIRST_PREDICT)
        return
    found = lesson.costs(visit)
    st.table([learn.cost(name, each) for name, each in found.items()])


def everyone(revealed: bool) -> None:
    """What each bundled person gains."""
    if revealed and (found := lesson.bundled_gains(visit)):
        gain_chart({learn.GAINS["own"]: found}, learn.BUNDLED_PEOPLE)
    elif not revealed:
        st.caption(learn.FIRST_PREDICT)


def hand(revealed: bool) -> None:
    """What a writer enrolls with, and what every writer gains."""
    with st.container(horizontal=True):
        for number, picture in enumerate(lesson.hand_pictures(), start=1):
            st.image(picture, width=96, alt=learn.digit_that_enrolls(number))
    if revealed and (found := lesson.hand_gains()):
        gain_chart({learn.GAINS["own-samples"]: found}, learn.BUNDLED_WRITERS)
    elif not revealed:
        st.caption(learn.FIRST_PREDICT)
    st.page_link("app_pages/hands.py", label=learn.DRAW_SOME, icon=":material/draw:")


def claim(revealed: bool) -> None:
    """What copied thresholds do."""
    copied = lesson.copied_here()
    if not revealed:
        st.caption(learn.FIRST_PREDICT)
    elif copied:
        figure = copied_figure(copied, claims.CORPORA, asked=FALSE_ALARMS)
        show(figure, "lesson-copied")
        st.caption(claims.COPIED)
    st.page_link("app_pages/verify.py", label=texts.TRY_ON_VERIFY, icon=":material/how_to_reg:")


def people(names: Sequence[str], revealed: bool) -> None:
    """What people never heard gain, by whose clips or which answer."""
    if not revealed:
        st.caption(learn.FIRST_PREDICT)
        return
    rows = {"mean": "own"}
    found = lesson.gains(visit, {name: (rows.get(name, name), "global") for name in names})
    if found:
        gain_chart({learn.GAINS[name]: each for name, each in found.items()}, learn.NEVER_HEARD)


def gain_chart(found, whose: str) -> None:
    figure = gains_figure(
        {name: each.points for name, each in found.items()},
        {name: each.ends for name, each in found.items()},
        what=whose,
        height=400,
    ).update_xaxes(title=learn.GAINED)
    show(figure, "lesson-gains")
    st.caption(learn.GAIN_MARKS)


def points_only(weights: int, revealed: bool) -> None:
    """The points before anything is said of them."""
    show(
        points_figure(lesson.points(visit, weights), None, None, {}, reach=REACH, height=400),
        f"twin-{weights}-before",
    )


SCENES = {
    "one-weight": partial(points_only, 1),
    "two-weights": partial(points_only, 2),
    "everybody": one_word,
    "clips": more_clips,
    "gaussian": bell_curve,
    "shrinkage": trust,
    "cost": price,
    "everyone": everyone,
    "hand": hand,
    "claim": claim,
    "stranger": partial(people, ("own", "wrong-person")),
    "width": partial(people, ("mean", "draws")),
}


def tell(step: learn.Step) -> None:
    """A step: what is told, what is asked, what is seen."""
    told = lesson.introduction(visit, step.key)
    weights = lesson.WEIGHTS.get(step.key)
    if weights and step.key in visit.lesson.revealed:  # all of the page is for the points
        answer(step, visit.lesson.predictions[step.key])
        st.markdown(learn.TWIN)
        twin(weights)
        return
    left, right = st.columns([6, 7], gap="large")
    with left:
        st.markdown(step.text.format(**told))
        revealed = ask(step, told)
    with right:
        SCENES[step.key](revealed)


def last_words() -> None:
    """What the numbers do not show, and where to go."""
    with st.expander(learn.NOT_SHOWN):
        st.markdown(TASKS[visit.task].limits)
    st.page_link("app_pages/your_voice.py", label=learn.YOUR_OWN_VOICE, icon=":material/mic:")


lesson.arrive(visit, st.query_params.get("step"))
number = visit.lesson.step
st.query_params["step"] = str(number + 1)
st.html(LARGE)
steps(number)
shown = learn.STEPS[number]
st.title(shown.title, anchor=False)
widgets.messages(visit)
with st.container(key="lesson"):
    tell(shown)
    if number == len(learn.STEPS) - 1:
        last_words()
notes(shown)
