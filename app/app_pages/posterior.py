"""Page: the Gaussian over your personal weights, and whether its narrowing is earned."""

from functools import partial

import people
import streamlit as st
import texts
import widgets
from session import clips, models, state
from texts import posterior

from vop_core import plots
from vop_core.evaluation.narrowing import movement

visit = state.current()
SHOWN, DRAWS, LAYER_FIGURE = (
    widgets.key(visit, name) for name in ("shown", "draws", "layer-figure")
)


def health_light(model) -> None:
    """Whether these clips make one person's posterior."""
    kind, icon, words = posterior.HEALTH[model.health.verdict]
    poor = clips.poor_share(visit)
    if poor:  # a sound posterior of bad evidence is not healthy
        st.warning(f"**{poor}** {model.health.sentence}", icon=":material/mic_alert:")
    else:
        getattr(st, kind)(f"**{words}.** {model.health.sentence}", icon=icon)


def health_over_persons() -> None:
    """Whether the posteriors of many persons collapse."""
    found = models.health_over_persons(visit)
    if not found:
        return
    kind, icon, words = posterior.HEALTH[found["verdict"]]
    said = posterior.over_persons(found["persons"], found["shots"], found["sentence"])
    if found["verdict"] == "healthy":
        st.caption(f"{icon} {said}")
    else:
        getattr(st, kind)(f"**{words}.** {said}", icon=icon)


def controls(model) -> tuple[str, int, bool]:
    """Which layer and which of its weights, and whether the layer is shown as a whole."""
    titles = model.layer_titles
    layers = list(titles)
    columns = st.columns([6, 3, 4], vertical_alignment="bottom", gap="medium")
    layer = columns[0].selectbox(
        texts.LAYER,
        layers,
        index=layers.index(models.chosen_layer(visit)),
        format_func=titles.get,
        key=widgets.key(visit, f"layer-{visit.task}"),
        help=posterior.ABOUT_LAYER,
    )
    models.choose_layer(visit, layer)
    view = models.layer_view(visit, layer)
    state.begin(weight_key(layer), models.chosen_weight(visit, layer, view.most_told))
    weight = columns[1].selectbox(
        texts.WEIGHT,
        range(len(view.names)),
        format_func=view.names.__getitem__,
        key=weight_key(layer),
        help=posterior.ABOUT_WEIGHT,
    )
    models.choose_weight(visit, layer, weight)
    state.begin(SHOWN, posterior.ONE_WEIGHT)
    shown = columns[2].segmented_control(
        texts.SHOW,
        [posterior.ONE_WEIGHT, posterior.WHOLE_LAYER],
        required=True,
        key=SHOWN,
        persist_state="session",
        wrap=True,
    )
    return layer, weight, shown == posterior.WHOLE_LAYER


def weight_key(layer: str) -> str:
    return widgets.key(visit, f"weight-{visit.task}-{layer}")


def open_weight(layer: str) -> None:
    """A click in the picture of a layer opens the curves of a weight."""
    weight = state.clicked(LAYER_FIGURE)
    if weight is not None:
        models.choose_weight(visit, layer, weight)
        state.put(weight_key(layer), weight)
        state.put(SHOWN, posterior.ONE_WEIGHT)


def draws(slider, button) -> int:
    """How many draws are shown; they come one by one."""
    count = slider.slider(
        posterior.DRAWS,
        0,
        plots.MOST_DRAWS,
        key=DRAWS,
        persist_state="session",
        help=posterior.ABOUT_DRAWS,
    )
    over = count == plots.MOST_DRAWS
    button.button(
        posterior.START_OVER if over else posterior.DRAW_ONE_MORE,
        icon=":material/replay:" if over else ":material/casino:",
        width="stretch",
        key="draw",
        on_click=state.guarded(start_over if over else state.put),
        args=() if over else (DRAWS, count + 1),
    )
    return count


def start_over() -> None:
    """No draw is left, and the next ones will be others."""
    visit.draw_seed += 1
    state.put(DRAWS, 0)


def one_weight(model, layer: str, weight: int) -> None:
    """The curves of one weight, and how the combined one is made."""
    left, right = st.columns([7, 5], gap="large")
    with left:
        curves(plots.weight_figure(models.layer_view(visit, layer), weight), layer, weight)
    with right:
        st.header(posterior.HOW_MADE, anchor=False)
        for step in posterior.derived(model.shrinkage(layer, weight)):
            st.markdown(step)


@st.fragment
def curves(figure, layer: str, weight: int) -> None:
    """The curves and their draws; a draw more makes nothing else anew."""
    place = st.container()
    columns = st.columns([5, 3], vertical_alignment="bottom", gap="medium")
    shown = models.drawn(visit, layer)[: draws(*columns), weight]
    with place:
        widgets.show(plots.with_draws(figure, shown), "weight-figure")


def whole_layer(model, layer: str, weight: int) -> None:
    """Every weight of the layer, to click on, and what the clips did to them together."""
    st.caption(posterior.ABOUT_WHOLE_LAYER)
    place = st.container()
    columns = st.columns([3, 5, 3], vertical_alignment="bottom", gap="medium")
    sort = columns[0].toggle(
        posterior.MOST_MOVED_FIRST, key=widgets.key(visit, "sort"), persist_state="session"
    )
    view = models.layer_view(visit, layer, draws(*columns[1:]))
    with place:
        widgets.show(
            plots.layer_figure(view, most_moved_first=sort, marked=weight),
            LAYER_FIGURE,
            on_select=state.guarded(partial(open_weight, layer)),
            selection_mode="points",
        )
    numbers(model, view)


def numbers(model, view: plots.LayerView) -> None:
    """What the clips did to the layer, in three numbers."""
    learned = movement(view.prior, view.prior, view.combined)
    switched = movement(view.prior, view.before, view.combined) if view.before is not None else None
    told = {
        texts.WIDTH: (
            plots.percent(learned.width),
            switched and posterior.narrower(switched.width),
        ),
        texts.SHIFT: (f"{learned.shift:.2f}", switched and posterior.moved(switched.shift)),
        posterior.INFORMATION: (posterior.nats(model.health.posterior.kl), None),
    }
    for column, (name, (value, change)) in zip(st.columns(3), told.items(), strict=True):
        column.metric(name, value, change, delta_color="off", delta_arrow="off")
        column.caption(posterior.NUMBERS[name])


def evidence() -> None:
    """Beside the narrowing: what it is worth where answers can be wrong."""
    st.header(posterior.EARNED, anchor=False)
    left, right = st.columns([7, 5], gap="large")
    with right:
        chosen = st.segmented_control(
            posterior.JUDGE_BY,
            [posterior.ACCURACY, posterior.NLL],
            default=posterior.ACCURACY,
            required=True,
            key=widgets.key(visit, "score"),
            help=posterior.ABOUT_NLL,
            wrap=True,
        )
        curve = models.learning_curve(visit)
        rows, differences = models.results(visit)
        for sentence in posterior.earned(curve, rows, differences):
            st.caption(sentence)
        if visit.person.loaded:
            st.caption(posterior.NO_CURVE)
        health_over_persons()
    with left:
        score = "nll" if chosen == posterior.NLL else "accuracy"
        widgets.show(plots.narrowing_figure(curve, rows, score=score), "evidence-figure")


@st.fragment
def show_posterior() -> None:
    """Switches and health, the picture, and what the narrowing is worth. Nothing else of the page
    is made anew when something here changes.
    """
    widgets.switches(visit)
    model = models.model(visit)
    if visit.enrolled or visit.person.loaded:
        health_light(model)
    else:
        widgets.none_on(visit)
        st.caption(posterior.ONLY_PRIOR)
    layer, weight, whole = controls(model)
    widgets.keep_address(visit, "weight")
    (whole_layer if whole else one_weight)(model, layer, weight)
    evidence()
    with st.expander(posterior.WHICH_NUMBERS):
        widgets.show(plots.kl_figure(model.health.posterior.kl_per_dimension), "kl-figure")


st.title(texts.POSTERIOR, anchor=False)
st.markdown(posterior.PROMISE)
people.choose(visit)
widgets.messages(visit)
if people.of_another_task(visit):
    pass
elif visit.entries or visit.person.loaded:
    show_posterior()
else:
    widgets.nothing_yet(posterior.NOBODY)
