"""One person's test, drawn: every model's score, which word was taken for which, and what is left
of the answers where unsure ones are withheld.
"""

from collections.abc import Iterable, Mapping, Sequence

import plotly.graph_objects as go

from vop_core.evaluation.personal_test import GLOBAL, PersonalTest
from vop_core.evaluation.score import OWN
from vop_core.plots import style

ROLES = {OWN: style.PERSONAL, GLOBAL: style.GLOBAL, **style.CONTROLS}
BESIDE = {GLOBAL: -0.17, OWN: 0.17}  # of a cell: marks of two models do not hide each other
ROW = 34  # pixels


def score_figure(test: PersonalTest) -> go.Figure:
    """Each model's share of known words right, with the 95 % interval over this person's clips."""
    figure, said, scores = go.Figure(), [], test.scores()
    for name in ROLES:
        if name not in scores:
            continue
        role, score = ROLES[name], scores[name]
        share, (low, high) = score.right / score.asked, score.bounds
        figure.add_scatter(
            x=[share],
            y=[role.name],
            mode="markers",
            name=role.name,
            marker=role.marker(12, edge=2),
            error_x=style.interval([share], [low], [high], role.colour),
            hovertemplate=(
                f"{role.name}: {score.right} of {score.asked} right<br>95 % interval "
                f"{style.percent(low)} to {style.percent(high)}<extra></extra>"
            ),
        )
        said.append(f"{role.name} {score.right} ({style.percent(low)} to {style.percent(high)})")
    asked = scores[OWN].asked
    rows = [f"{ROLES[name].name}: {scores[name].right}" for name in ROLES if name in scores]
    return style.finish(
        figure,
        alt=f"Right answers of {asked}, with 95 % intervals: {style.listing(said)}.",
        height=70 + ROW * len(rows),
        legend=False,
        x={"range": [-0.05, 1.05], "tickformat": ".0%", "title": f"right, of {asked} words"},
        y={
            "autorange": "reversed",
            "showgrid": False,
            "tickvals": [ROLES[name].name for name in ROLES if name in scores],
            "ticktext": rows,
        },
    )


def mistakes_figure(test: PersonalTest) -> go.Figure:
    """Words that the global or the personal model took for another, against what they took them
    for; a number where it was more than once.
    """
    mistakes = {name: test.mistakes(name) for name in (GLOBAL, OWN)}
    rows = _in_order((said for found in mistakes.values() for said, _ in found), test.labels)
    columns = _in_order((heard for found in mistakes.values() for _, heard in found), test.labels)
    figure, texts = go.Figure(), []
    for name, found in mistakes.items():
        role = ROLES[name]
        counts = list(found.values())
        figure.add_scatter(
            x=[columns.index(heard) + BESIDE[name] for _, heard in found],
            y=[rows.index(said) for said, _ in found],
            mode="markers+text",
            name=role.name,
            marker=role.marker(13, edge=2),
            text=[str(count) if count > 1 else "" for count in counts],
            textposition="top center",
            cliponaxis=False,
            customdata=[f"{said}, taken for {heard}: {n}" for (said, heard), n in found.items()],
            hovertemplate=f"{role.name}<br>%{{customdata}}<extra></extra>",
        )
        named = [f"{said} for {heard}" for said, heard in found]
        texts.append(f"{role.name} took {style.listing(named)}.")
    axis = {"showgrid": True, "zeroline": False}
    return style.finish(
        figure,
        alt=" ".join(texts),
        height=110 + ROW * len(rows),
        x=axis | _named(columns) | {"title": "was taken for", "side": "bottom"},
        y=axis | _named(rows) | {"title": "said", "range": [len(rows) - 0.5, -0.7]},
    )


def withholding_figure(test: PersonalTest, threshold: float) -> go.Figure:
    """Share answered rightly against the share that is answered at all, from the surest answer on;
    a large mark where ``threshold`` lies.
    """
    figure, said = go.Figure(), []
    for name in (OWN, GLOBAL):  # dots upon the line, so that both are seen where they agree
        role, curve = ROLES[name], test.curve(name)
        figure.add_scatter(
            x=[answered for _, answered, _ in curve],
            y=[right for *_, right in curve],
            mode="lines+markers",
            name=role.name,
            line=role.line(),
            marker=role.marker(6),
            customdata=[each for each, *_ in curve],
            hovertemplate=(
                f"{role.name}: %{{x:.0%}} answered, %{{y:.0%}} of these right<br>answers at least "
                "%{customdata:.1%} sure<extra></extra>"
            ),
        )
        now = test.withheld(name, threshold)
        if now.answered:
            figure.add_scatter(
                x=[now.answered / now.asked],
                y=[now.right / now.answered],
                mode="markers",
                showlegend=False,
                marker=role.marker(17, edge=3),
                hoverinfo="skip",
            )
        said.append(f"{role.name} answers {now.answered} of {now.asked}, {now.right} rightly")
    return style.finish(
        figure,
        alt=f"At least {style.percent(threshold)} sure: {style.listing(said)}.",
        height=300,
        x={"range": [-0.05, 1.05], "tickformat": ".0%", "title": "share answered"},
        y={"range": [-0.08, 1.08], "tickformat": ".0%", "title": "of these right"},
    )


def _in_order(words: Iterable[str], labels: Sequence[str]) -> list[str]:
    found = set(words)
    return [label for label in labels if label in found]


def _named(words: Sequence[str]) -> Mapping[str, object]:
    return {
        "tickvals": list(range(len(words))),
        "ticktext": list(words),
        "range": [-0.5, len(words) - 0.5],
    }
