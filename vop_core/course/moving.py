"""A figure with sliders, computed beforehand: every state it can show, for a page without a kernel.

States differ in little: the first is kept whole, of the others what changes.
"""

import base64
import itertools
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from vop_core.course import scenes
from vop_core.plots.style import text_alternative

DIGITS = 4  # significant ones: more than a screen shows
LEAST = 1e-12  # below it a number is 0


def states(scene: str, controls: Mapping[str, tuple[Any, Sequence[Any]]]) -> dict[str, Any]:
    """All that a scene of ``vop_core.course.scenes`` shows: its state at first, and what changes
    where the controls stand elsewhere, the last control's values first.
    """
    draw = getattr(scenes, scene)
    first = _plain(draw(**{name: value for name, (value, _) in controls.items()}))
    chosen = itertools.product(*(values for _, values in controls.values()))
    changes = [
        _changes(first, _plain(draw(**dict(zip(controls, values, strict=True)))))
        for values in chosen
    ]
    return {"first": first, "changes": changes}


def packed(found: Mapping[str, Any]) -> str:
    """As text that a page carries and a browser unpacks by itself: deflate, base64."""
    text = json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _plain(figure: go.Figure) -> dict[str, Any]:
    figure.layout.template = None  # the page brings its own
    drawn = figure.to_plotly_json()
    return {
        "data": _rounded(drawn["data"]),
        "layout": _rounded(drawn["layout"]),
        "words": text_alternative(figure),
    }


def _changes(first: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Of traces, or of all data where there are others; of the layout; and the words."""
    kinds = [[trace.get("type") for trace in each["data"]] for each in (first, other)]
    if kinds[0] == kinds[1]:
        data: Any = {
            str(place): changed
            for place, (old, new) in enumerate(zip(first["data"], other["data"], strict=True))
            if (changed := dict(_different(old, new)))
        }
    else:
        data = other["data"]
    layout = dict(_different(first["layout"], other["layout"]))
    return {"data": data, "layout": layout, "words": other["words"]}


def _different(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is new or another; what is gone is None, which plotly takes for its default."""
    for name in old.keys() | new.keys():
        if name not in new or name not in old or old[name] != new[name]:
            yield name, new.get(name)


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, np.ndarray):
        return _rounded(value.tolist()) if value.dtype.kind not in "fc" else _numbers(value)
    if isinstance(value, (list, tuple)):
        if value and all(type(each) is float for each in value):
            return _numbers(np.asarray(value))
        return [_rounded(each) for each in value]
    if isinstance(value, np.generic):
        return _rounded(value.item())
    if isinstance(value, float):
        return _numbers(np.asarray(value))
    return value


def _numbers(values: np.ndarray) -> Any:
    """To so many digits; what is no number is null, a gap."""
    size = np.abs(np.asarray(values, dtype=np.float64))
    seen = np.isfinite(size) & (size > LEAST)
    power = np.floor(np.log10(np.where(seen, size, 1.0)))
    scale = 10.0 ** (DIGITS - 1 - power)
    rounded = np.where(seen, np.round(np.where(seen, values, 0.0) * scale) / scale, 0.0)
    if np.isfinite(size).all():
        return _short(rounded.tolist())
    return _short(np.where(np.isfinite(size), rounded, None).tolist())


def _short(value: Any) -> Any:
    """Whole numbers without their point: a third of most heat maps."""
    if isinstance(value, list):
        return [_short(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
