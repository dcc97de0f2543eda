"""What is lost between the evidence and the bound, part by part; and whether a posterior covers the
truth.
"""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from vop_core.plots import style

PARTS = {
    "family": style.Role("family: weights kept independent", "#9A6FD0", "solid", "square"),
    "conditioning": style.Role("conditioning: no labels seen", "#C77700", "solid", "circle"),
    "amortisation": style.Role("amortisation: a network guesses", "#12907F", "solid", "diamond"),
}
NOMINAL = style.Role("as claimed", "#7C8694", "dash", "line-ns-open")


def gaps_figure(
    parts: Mapping[str, float], *, information: float | None = None, height: int = 250
) -> go.Figure:
    """The gap between evidence and bound as one bar, in nats, split by cause; names from ``PARTS``.

    ``information``: what labels say about weights, in nats, marked where it is given.
    """
    figure = go.Figure()
    patterns = {"family": "/", "conditioning": "", "amortisation": "."}
    for name, nats in parts.items():
        role = PARTS[name]
        figure.add_bar(
            x=[nats],
            y=["evidence - bound"],
            orientation="h",
            name=role.name,
            marker={
                "color": role.colour,
                "pattern": {"shape": patterns[name], "fgcolor": "white", "size": 6},
            },
            text=[f"{nats:.2f}"],
            textangle=0,
            hovertemplate=f"{role.name}: %{{x:.3f}} nats<extra></extra>",
        )
    whole = sum(parts.values())
    if information is not None:
        figure.add_vline(
            x=information,
            line={"color": style.AXIS, "dash": "dash"},
            annotation={"text": "what labels say of the weights"},
            annotation_position="bottom right",
        )
    figure.update_layout(barmode="stack")
    said = [f"{nats:.2f} nats {PARTS[name].name}" for name, nats in parts.items()]
    alt = f"The bound stays {whole:.2f} nats below the evidence: {style.listing(said)}."
    if information is not None:
        alt += f" The labels say {information:.2f} nats about the weights."
    return style.finish(
        figure,
        alt=alt,
        height=height,
        top=60,
        x={"title": "nats a person, on average", "range": [0, max(1.1 * whole, 1.0)]},
        # room below the bar for the words
        y={"showticklabels": False, "range": [-0.9, 0.5]},
    )


def coverage_figure(
    claimed: Float[Tensor, " level"],
    found: Mapping[str, Float[Tensor, " level"]],
    *,
    height: int = 400,
) -> go.Figure:
    """How often the truth lies in the region that a posterior claims for it, over the claimed
    probability.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        name=NOMINAL.name,
        line={"color": NOMINAL.colour, "dash": NOMINAL.dash},
        hoverinfo="skip",
    )
    looks: Sequence[style.Role] = (style.PERSONAL, style.GLOBAL, style.CLIP, style.BEFORE)
    for (name, values), role in zip(found.items(), looks, strict=False):
        figure.add_scatter(
            x=(100 * claimed).tolist(),
            y=(100 * values).tolist(),
            mode="lines+markers",
            name=name,
            line=role.line(),
            marker=role.marker(8),
        )
    last = int((claimed - 0.95).abs().argmin())
    said = [f"{name} {100 * float(values[last]):.0f} %" for name, values in found.items()]
    level = 100 * float(claimed[last])
    alt = (
        f"How often true weights lie in the region that claims {level:.0f} %: "
        f"{style.listing(said)}."
    )
    return style.finish(
        figure,
        alt=alt,
        height=height,
        x={"title": "claimed: the truth lies inside, %", "range": [0, 101]},
        y={"title": "found, %", "range": [0, 101]},
    )


def agreement_figure(
    exact: Float[Tensor, " person"],
    guessed: Float[Tensor, " person"],
    *,
    name: str,
    height: int = 380,
) -> go.Figure:
    """What a network says over what is exactly true, a dot a person."""
    figure = go.Figure()
    ends = [float(exact.min()), float(exact.max())]
    figure.add_scatter(
        x=ends,
        y=ends,
        mode="lines",
        name="exact",
        line={"color": NOMINAL.colour, "dash": NOMINAL.dash},
    )
    figure.add_scatter(
        x=exact.tolist(),
        y=guessed.tolist(),
        mode="markers",
        name="one person",
        marker={
            "color": style.PERSONAL.colour,
            "symbol": style.PERSONAL.symbol,
            "size": 6,
            "opacity": 0.6,
        },
    )
    miss = float((exact - guessed).square().mean().sqrt())
    spread = float(exact.std())
    alt = (
        f"{name} of {len(exact)} persons: the network misses the exact one by {miss:.2f} (root "
        f"mean square), where persons differ by {spread:.2f} (standard deviation)."
    )
    return style.finish(
        figure,
        alt=alt,
        height=height,
        x={"title": f"{name}, exact"},
        y={"title": f"{name}, by the network"},
    )


def leak_figure(
    betas: Sequence[float],
    shares: Mapping[str, Sequence[float]],
    chance: float,
    *,
    height: int = 340,
) -> go.Figure:
    """Of the wrong answers, how many name the word that was enrolled, over the price of the
    divergence.

    ``chance`` is the same share for a model that heard no enrollment. All shares are fractions.
    """
    figure = go.Figure()
    looks = {"self": style.CONTROLS["wrong-person"], "cross": style.PERSONAL}
    for name, values in shares.items():
        role = looks[name]
        figure.add_scatter(
            x=list(betas),
            y=[100 * each for each in values],
            mode="lines+markers",
            name=f"{name} conditioning",
            line=role.line(),
            marker=role.marker(10),
        )
    figure.add_hline(
        y=100 * chance,
        line={"color": NOMINAL.colour, "dash": NOMINAL.dash},
        annotation={"text": "without any enrollment"},
        annotation_position="bottom right",
    )
    said = [f"{name} conditioning {100 * values[0]:.0f} %" for name, values in shares.items()]
    alt = (
        f"Wrong answers that name the enrolled word. At beta {betas[0]:g}: {style.listing(said)}; "
        f"without any enrollment {100 * chance:.0f} %."
    )
    return style.finish(
        figure,
        alt=alt,
        height=height,
        x={"title": "beta, the price of the divergence", "type": "log"},
        y={"title": "name the enrolled word, %", "rangemode": "tozero"},
    )


def rank_figure(
    counts: Sequence[int],
    expected: float,
    band: tuple[float, float],
    *,
    name: str,
    height: int = 320,
) -> go.Figure:
    """Ranks of the truth among a posterior's draws; flat within the band where the posterior is
    calibrated.
    """
    figure = go.Figure()
    figure.add_hrect(
        y0=band[0],
        y1=band[1],
        line_width=0,
        fillcolor=NOMINAL.fill(0.25),
        annotation={"text": "99 % of bars, if calibrated"},
        annotation_position="top left",
    )
    figure.add_bar(
        x=list(range(len(counts))),
        y=list(map(int, counts)),
        name=name,
        marker={"color": style.PERSONAL.fill(0.75)},
    )
    figure.add_hline(y=expected, line={"color": NOMINAL.colour, "dash": NOMINAL.dash})
    ends, middle = (counts[0] + counts[-1]) / 2, counts[len(counts) // 2]
    shape = (
        "flat"
        if all(band[0] <= each <= band[1] for each in counts)
        else "horns"
        if ends > middle
        else "a hill"
    )
    outside = sum(not band[0] <= each <= band[1] for each in counts)
    alt = f"Ranks under {name}: {shape}; {outside} of {len(counts)} bars lie outside of the band."
    return style.finish(
        figure,
        alt=alt,
        height=height,
        legend=False,
        x={"title": "rank of the true weight among the draws, in bins", "showticklabels": False},
        y={"title": "persons", "range": [0, 1.15 * max(*counts, band[1])]},
    )


def sharpness_figure(
    factors: Sequence[float], k: Sequence[float], *, good: float, height: int = 320
) -> go.Figure:
    """Pareto's k over a factor on a posterior's width; below ``good`` draws may stand for the
    truth.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=list(factors),
        y=list(k),
        mode="lines+markers",
        line={"color": style.PERSONAL.colour, "width": 2.5},
        marker=style.PERSONAL.marker(8),
    )
    figure.add_hline(
        y=good,
        line={"color": NOMINAL.colour, "dash": NOMINAL.dash},
        annotation={"text": f"k = {good:g}"},
    )
    best = min(range(len(k)), key=lambda index: k[index])
    alt = (
        f"Pareto k of a posterior whose width is wrong by a factor: {k[0]:.2f} at {factors[0]:g}, "
        f"lowest at {factors[best]:.2g}, {k[-1]:.2f} at {factors[-1]:g}."
    )
    return style.finish(
        figure,
        alt=alt,
        height=height,
        legend=False,
        x={"title": "width of q / width of the truth", "type": "log"},
        y={"title": "Pareto k"},
    )
