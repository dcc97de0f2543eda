"""Page: the Gaussian over your personal weights, and whether its narrowing is earned."""

import streamlit as st
import texts
import widgets
from session import clips, models, state

from vop_core import plots
from vop_core.evaluation.narrowing import movement

visit = state.current()


def switch_clips() -> None:
    """Clips on and off; the switches belong to the visit, so Compare listens to the same clips."""
    numbers = [entry.number for entry in visit.entries]
    titles = {entry.number: entry.title for entry in visit.entries}
    chosen = st.pills(
        "Clips that count as evidence: switch them on and off",
        numbers,
        selection_mode="multi",
        default=[entry.number for entry in visit.enrolled],
        format_func=titles.get,
        key=widgets.key(visit, f"switches-{'-'.join(map(str, numbers))}"),
    )
    clips.switch(visit, chosen)


def health_light(model) -> None:
    """Whether these clips make one person's posterior, and whether posteriors collapse over many
    persons.
    """
    over_persons = models.health_over_persons(visit)
    kind, icon, words = texts.HEALTH[model.health.verdict]
    poor = clips.poor_share(visit)
    if poor:  # a sound posterior of bad evidence is not healthy
        st.warning(f"**{poor}** {model.health.sentence}", icon=":material/mic_alert:")
    else:
        getattr(st, kind)(f"**{words}.** {model.health.sentence}", icon=icon)
    if over_persons:
        kind, icon, words = texts.HEALTH[over_persons["verdict"]]
        people, shots = over_persons["persons"], over_persons["shots"]
        said = f"Over {people} people never heard in training, {shots} clips each:"
        if over_persons["verdict"] == "healthy":
            st.caption(f"{icon} {said} {over_persons['sentence']}")
        else:
            getattr(st, kind)(f"**{words}.** {said} {over_persons['sentence']}", icon=icon)


def controls(model) -> tuple[str, bool, int]:
    """Which layer, whether as a whole, and how many draws; "draw again" takes fresh ones."""
    columns = st.columns([3, 4, 4, 3], vertical_alignment="bottom", gap="medium")
    layer = columns[0].selectbox(
        "Layer",
        model.layer_names,
        key=widgets.key(visit, f"layer-{visit.task}"),
        persist_state="session",
    )
    shown = columns[1].segmented_control(
        "Show",
        ["Whole layer", "One weight"],
        default="Whole layer",
        required=True,
        key=widgets.key(visit, "shown"),
        persist_state="session",
    )
    count = columns[2].slider(
        "Draws from the posterior",
        0,
        100,
        20,
        key=widgets.key(visit, "draws"),
        persist_state="session",
    )
    if columns[3].button(
        "Draw again", icon=":material/casino:", width="stretch", disabled=count == 0, key="redraw"
    ):
        visit.draw_seed += 1
    return layer, shown == "One weight", count


def picture(view: plots.LayerView, layer: str, one_weight: bool) -> None:
    """The densities of one weight, or the intervals of a whole layer."""
    if one_weight:
        choose, scale = st.columns([3, 4], vertical_alignment="bottom")
        weight = choose.selectbox(
            "Weight",
            range(len(view.names)),
            index=models.chosen_weight(visit, layer, view.by_movement[0]),
            format_func=view.names.__getitem__,
            key=widgets.key(visit, f"weight-{visit.task}-{layer}"),
            help="At first the one that your clips moved most.",
        )
        models.choose_weight(visit, layer, weight)
        equal = scale.toggle(
            "Same height for every curve", key=widgets.key(visit, "equal"), persist_state="session"
        )
        widgets.show(plots.weight_figure(view, weight, equal_peaks=equal), "weight-figure")
    else:
        sort = st.toggle(
            "Most moved first", key=widgets.key(visit, "sort"), persist_state="session"
        )
        widgets.show(plots.layer_figure(view, most_moved_first=sort), "layer-figure")


def numbers(view: plots.LayerView) -> None:
    """What the layer's posterior has learned, in three numbers."""
    learned = movement(view.prior, view.prior, view.combined)
    switched = movement(view.prior, view.before, view.combined) if view.before is not None else None
    columns = st.columns(3)
    columns[0].metric(
        "Width",
        plots.percent(learned.width),
        switched and f"{switched.width - 1:+.0%} by the switch",
        delta_color="off",
        delta_arrow="off",
        help="Posterior sd / prior sd, geometric mean over the layer's weights; 100 % is the "
        "prior.",
    )
    columns[1].metric(
        "Shift",
        f"{learned.shift:.2f} sd",
        switched and f"{switched.shift:.2f} sd by the switch",
        delta_color="off",
        delta_arrow="off",
        help="How far the means moved from the prior's, root mean square, in prior standard "
        "deviations.",
    )
    columns[2].metric(
        "KL in nats",
        f"{models.model(visit).health.posterior.kl:.1f}",
        help="Divergence of the posterior from the prior, over all layers: how much the clips "
        "said. 0 is nothing.",
    )


def evidence() -> None:
    """Beside the narrowing: what it is worth where answers can be wrong."""
    st.subheader("Is the narrowing earned?", anchor=False)
    score = st.segmented_control(
        "Judge by",
        ["Accuracy", "NLL"],
        default="Accuracy",
        required=True,
        key=widgets.key(visit, "score"),
        help="NLL: negative log-likelihood of the true word, in nats; lower is better.",
    )
    curve = models.learning_curve(visit)
    rows, differences = models.results(visit)
    widgets.show(plots.narrowing_figure(curve, rows, score=score.lower()), "evidence-figure")
    for sentence in texts.earned(curve, rows, differences):
        st.caption(sentence)


def show_posterior() -> None:
    """Switches and health on top; the narrowing on the left, what it is worth on the right."""
    switch_clips()
    model = models.model(visit)
    if visit.enrolled:
        health_light(model)
    else:
        st.info(
            "No clip is on: this is the prior, what the model assumes about everybody.",
            icon=":material/info:",
        )
    layer, one_weight, count = controls(model)
    view = models.layer_view(visit, layer, count)
    left, right = st.columns([7, 5], gap="large")
    with left:
        st.subheader("What the clips say", anchor=False)
        picture(view, layer, one_weight)
        numbers(view)
    with right:
        evidence()
    with st.expander("Where the divergence sits: KL per dimension"):
        widgets.show(plots.kl_figure(model.health.posterior.kl_per_dimension), "kl-figure")


st.title("Posterior", anchor=False)
st.markdown(
    "Your clips do not give a personal weight one value but a **distribution**: it starts as the "
    "prior, and each clip is evidence that moves it. Whether they narrow it, and whether the "
    "narrowing is worth anything, is measured beside it."
)
widgets.messages(visit)
if visit.entries:
    show_posterior()
else:
    widgets.nothing_yet(
        "The posterior appears with your first clip; three make it worth looking at."
    )
