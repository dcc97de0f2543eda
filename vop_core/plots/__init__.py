"""Plotly figures, one function each, shared by the app and the notebooks.

Every figure carries its text alternative: ``text_alternative(figure)``.
"""

from vop_core.plots.bench import (
    certainty_figure,
    control_figure,
    cost_figure,
    forest_figure,
    reliability_figure,
    shots_figure,
)
from vop_core.plots.clips import clip_figure
from vop_core.plots.comparison import probability_figure, uncertainty_figure
from vop_core.plots.evidence import narrowing_figure
from vop_core.plots.numbers import table
from vop_core.plots.personal_test import mistakes_figure, score_figure, withholding_figure
from vop_core.plots.posterior import (
    MOST_DRAWS,
    LayerView,
    kl_figure,
    layer_figure,
    most_told,
    weight_figure,
    with_draws,
)
from vop_core.plots.style import percent, text_alternative

__all__ = [
    "MOST_DRAWS",
    "LayerView",
    "certainty_figure",
    "clip_figure",
    "control_figure",
    "cost_figure",
    "forest_figure",
    "kl_figure",
    "layer_figure",
    "mistakes_figure",
    "most_told",
    "narrowing_figure",
    "percent",
    "probability_figure",
    "reliability_figure",
    "score_figure",
    "shots_figure",
    "table",
    "text_alternative",
    "uncertainty_figure",
    "weight_figure",
    "with_draws",
    "withholding_figure",
]
