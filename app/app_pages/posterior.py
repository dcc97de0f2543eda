"""Page: the Gaussian over your personal weights, and whether its narrowing is earned."""

from functools import partial

import people
import streamlit as st
import texts
import widgets
from session import clips, models, state
from texts.people import NO_CURVE

from vop_core import plots
from vop_core.evaluation.narrowing import movement
from vop_core.methods.vop import ALL_CLIPS

visit = state.current()
ONE_WEIGHT, WHOLE_LAYER = "One weight", "Whole layer"
SHOWN, DRAWS, LAYER_FIGURE = (
    widgets.key(visit, name) for name in ("shown", "draws", "layer-figure")
)


def health_light(model) -> None:
    """Whether these clips make one person's posterior."""
    kind, icon, words = texts.HEALTH[model.health.verdict]
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
    kind, icon, words = texts.HEALTH[found["verdict"]]
    people, shots = found["persons"], found["shots"]
    said = f"Over {people} people never heard in training, {shots} clips each:"
    if found["verdict"] == "healthy":
        st.caption(f"{icon} {said} {found['sentence']}")
    else:
        getattr(st, kind)(f"**{words}.** {said} {found['sentence']}", icon=icon)


def controls(model) -> tuple[str, int, bool]:
    """Which layer and which of its weights, and whether the layer is shown as a whole."""
    titles = model.layer_titles
    layers = list(titles)
    columns = st.columns([6, 3, 4], vertical_alignment="bottom", gap="medium")
    layer = columns[0].selectbox(
        "Layer",
        layers,
        index=layers.index(models.chosen_layer(visit)),
        format_func=titles.get,
        key=widgets.key(visit, f"layer-{visit.task}"),
        help=texts.LAYER,
    )
    models.choose_layer(visit, layer)
    view = models.layer_view(visit, layer)
    state.begin(weight_key(layer), models.chosen_weight(visit, layer, view.most_told))
    weight = columns[1].selectbox(
        "Weight",
        range(len(view.names)),
        format_func=view.names.__getitem__,
        key=weight_key(layer),
        help="At first the one of which your clips say most: moved, or surer, or both.",
    )
    models.choose_weight(visit, layer, weight)
    state.begin(SHOWN, ONE_WEIGHT)
    shown = columns[2].segmented_control(
        "Show",
        [ONE_WEIGHT, WHOLE_LAYER],
        required=True,
        key=SHOWN,
        persist_state="session",
        wrap=True,
    )
    return layer, weight, shown == WHOLE_LAYER


def weight_key(layer: str) -> str:
    return widgets.key(visit, f"weight-{visit.task}-{layer}")


def open_weight(layer: str) -> None:
    """A click in the picture of a layer opens the curves of a weight."""
    weight = state.clicked(LAYER_FIGURE)
    if weight is not None:
        models.choose_weight(visit, layer, weight)
        state.put(weight_key(layer), weight)
        state.put(SHOWN, ONE_WEIGHT)


def draws(slider, button) -> int:
    """How many draws are shown; they come one by one."""
    count = slider.slider(
        "Draws from the combined curve",
        0,
        plots.MOST_DRAWS,
        key=DRAWS,
        persist_state="session",
        help="Each draw is a weight that may be yours. Compare asks the network with many of them.",
    )
    over = count == plots.MOST_DRAWS
    button.button(
        "Start over" if over else "Draw one more",
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
        curves(layer, weight)
    with right:
        st.header("How your curve is made", anchor=False)
        for step in texts.derived(model.shrinkage(layer, weight)):
            st.markdown(step)


@st.fragment
def curves(layer: str, weight: int) -> None:
    """The curves and their draws; a draw more makes nothing else anew."""
    place = st.container()
    columns = st.columns([5, 3], vertical_alignment="bottom", gap="medium")
    view = models.layer_view(visit, layer, draws(*columns))
    with place:
        widgets.show(plots.weight_figure(view, weight), "weight-figure")


def whole_layer(model, layer: str, weight: int) -> None:
    """Every weight of the layer, to click on, and what the clips did to them together."""
    st.caption(texts.WHOLE_LAYER)
    place = st.container()
    columns = st.columns([3, 5, 3], vertical_alignment="bottom", gap="medium")
    sort = columns[0].toggle(
        "Most moved first", key=widgets.key(visit, "sort"), persist_state="session"
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
        "Width": (
            plots.percent(learned.width),
            switched and f"{switched.width:.2f} times that before the switch",
        ),
        "Shift": (f"{learned.shift:.2f}", switched and f"{switched.shift:.2f} by the switch"),
        "Information": (f"{model.health.posterior.kl:.1f} nats", None),
    }
    for column, (name, (value, change)) in zip(st.columns(3), told.items(), strict=True):
        column.metric(name, value, change, delta_color="off", delta_arrow="off")
        column.caption(texts.NUMBERS[name])


def evidence() -> None:
    """Beside the narrowing: what it is worth where answers can be wrong."""
    st.header("Is the narrowing earned?", anchor=False)
    left, right = st.columns([7, 5], gap="large")
    with right:
        score = st.segmented_control(
            "Judge by",
            ["Accuracy", "NLL"],
            default="Accuracy",
            required=True,
            key=widgets.key(visit, "score"),
            help="NLL: negative log-likelihood of the true word, in nats; lower is better.",
            wrap=True,
        )
        curve = models.learning_curve(visit)
        rows, differences = models.results(visit)
        for sentence in texts.earned(curve, rows, differences):
            st.caption(sentence)
        if visit.person.loaded:
            st.caption(NO_CURVE)
        health_over_persons()
    with left:
        widgets.show(plots.narrowing_figure(curve, rows, score=score.lower()), "evidence-figure")


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
        st.caption("Below is the prior: what the model assumes about everybody.")
    layer, weight, whole = controls(model)
    (whole_layer if whole else one_weight)(model, layer, weight)
    evidence()
    with st.expander("Which numbers carry what the clips said: KL of each"):
        widgets.show(plots.kl_figure(model.health.posterior.kl_per_dimension), "kl-figure")


st.title("Posterior", anchor=False)
st.markdown(
    "What your clips say about the model's weights. Dashed: where a weight may lie for "
    "**anybody**. Solid: where it may lie for **you**, that is, where it would end up if you gave "
    f"{ALL_CLIPS} clips."
)
people.choose(visit)
widgets.messages(visit)
if people.of_another_task(visit):
    pass
elif visit.entries or visit.person.loaded:
    show_posterior()
else:
    widgets.nothing_yet(
        "The posterior appears with your first clip; three make it worth looking at."
    )
