"""A figure with sliders: the same plotly figure, drawn anew where a slider moves.

Without widgets in the kernel, or without a kernel, the figure at the first values is shown as it
is.
"""

import html
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import plotly.graph_objects as go

from vop_core.course.reading import PLOTLY_MIME, widget_view
from vop_core.plots.style import text_alternative

WIDGETS = ("ipywidgets", "anywidget")
# the scene by name and its controls: a page without a kernel draws all their values beforehand
EXPLORER_MIME = "application/vnd.vop-studio.explorer+json"


@dataclass(frozen=True)
class Explorer:
    """A scene with its controls; displays itself."""

    scene: Callable[..., go.Figure]
    controls: Mapping[str, tuple[Any, Sequence[Any]]]  # name -> first value, all values

    @property
    def first(self) -> go.Figure:
        """The figure at the first values."""
        return self.scene(**{name: value for name, (value, _) in self.controls.items()})

    @cached_property
    def box(self) -> Any:
        """The widget: sliders above, the figure, its words below."""
        import ipywidgets

        sliders = {
            name: _control(name, value, values) for name, (value, values) in self.controls.items()
        }
        first = self.first
        figure = go.FigureWidget(first)
        words = ipywidgets.HTML(_spoken(first))

        def redraw(_: Any) -> None:
            drawn = self.scene(**{name: slider.value for name, slider in sliders.items()})
            with figure.batch_update():
                _become(figure, drawn)
            words.value = _spoken(drawn)

        for slider in sliders.values():
            slider.observe(redraw, names="value")
        return ipywidgets.VBox([*sliders.values(), figure, words])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        first = self.first
        controls = {name: [begin, list(values)] for name, (begin, values) in self.controls.items()}
        bundle = {
            "text/plain": text_alternative(first),
            PLOTLY_MIME: first.to_plotly_json(),
            EXPLORER_MIME: {"scene": self.scene.__name__, "controls": controls},
        }
        if all(importlib.util.find_spec(name) for name in WIDGETS):
            bundle |= widget_view(self.box)
        return bundle


def explore(
    scene: Callable[..., go.Figure], **controls: Sequence[Any] | tuple[Any, Sequence[Any]]
) -> Explorer:
    """Sliders over the values of ``scene``'s arguments.

    A control is a sequence of values, of which the middle one is shown first, or (first value,
    sequence). Numbers get a slider, anything else a list to choose from. Raises ValueError for a
    first value that is not among the values.
    """
    found = {}
    for name, given in controls.items():
        first, values = given if _has_first(given) else (given[len(given) // 2], given)
        if first not in values:
            raise ValueError(f"{name} cannot begin at {first!r}: it is not among its values")
        found[name] = (first, tuple(values))
    return Explorer(scene, found)


def _has_first(given: Sequence[Any]) -> bool:
    return len(given) == 2 and isinstance(given[1], Sequence) and not isinstance(given[1], str)


def _control(name: str, first: Any, values: Sequence[Any]) -> Any:
    import ipywidgets

    options = [
        (f"{value:g}" if isinstance(value, float) else str(value), value) for value in values
    ]
    shown = {"description": name.replace("_", " "), "style": {"description_width": "initial"}}
    wide = ipywidgets.Layout(width="min(34em, 100%)")
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return ipywidgets.SelectionSlider(options=options, value=first, layout=wide, **shown)
    return ipywidgets.Dropdown(options=options, value=first, layout=wide, **shown)


def _become(figure: go.FigureWidget, drawn: go.Figure) -> None:
    """Take over another figure's curves and layout, without a flicker where the curves are as
    many.
    """
    if len(figure.data) == len(drawn.data) and all(
        a.type == b.type for a, b in zip(figure.data, drawn.data, strict=True)
    ):
        for old, new in zip(figure.data, drawn.data, strict=True):
            old.update(new.to_plotly_json(), overwrite=True)
    else:
        figure.data = []
        figure.add_traces(drawn.data)
    figure.layout = drawn.layout


def _spoken(figure: go.Figure) -> str:
    words = html.escape(text_alternative(figure))
    return f'<div role="status" aria-live="polite" style="line-height:1.4">{words}</div>'
