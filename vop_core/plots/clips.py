"""What a clip looks like: its waveform above its mel spectrogram, on one time axis."""

import math

import plotly.graph_objects as go
import torch
from jaxtyping import Float
from plotly.subplots import make_subplots
from torch import Tensor
from torch.nn import functional

from vop_core.data.audio import LogMelConfig, log_mel
from vop_core.data.waveform import heard_second
from vop_core.plots import style
from vop_core.types import Clip

ENVELOPE_COLUMNS = 240  # enough for a tile a few hundred pixels wide
SPECTROGRAM_COLUMNS = 300  # a minute of sound still makes a small picture
RANGE_DECIBELS = 70.0  # shown below the loudest cell
# Dark to light in even steps. Plotly's own Magma begins with #000004, which Streamlit takes for a
# placeholder of its theme and replaces by a pink.
LOUDNESS = ("#0b0716", "#231151", "#5f187f", "#982d80", "#d3436e", "#f8765c", "#febb81", "#fcfdbf")


def mel_decibels(
    waveform: Float[Tensor, " sample"], config: LogMelConfig | None = None
) -> Float[Tensor, "mel frame"]:
    """Mel power in dB re full scale: the models' own features, in the unit that people know."""
    return log_mel(waveform, config) * (10 / math.log(10))


def envelope(
    waveform: Float[Tensor, " sample"], columns: int = ENVELOPE_COLUMNS
) -> tuple[Float[Tensor, " column"], Float[Tensor, " column"]]:
    """Smallest and largest amplitude in each of at most ``columns`` stretches of equal length."""
    columns = min(columns, waveform.numel())
    largest = functional.adaptive_max_pool1d(waveform[None], columns)[0]
    smallest = -functional.adaptive_max_pool1d(-waveform[None], columns)[0]
    return smallest, largest


def clip_figure(clip: Clip, *, colour: str = style.PERSONAL.colour, height: int = 190) -> go.Figure:
    """The tile's picture: waveform (amplitude) above mel spectrogram (dB), time in seconds.

    ``height`` in pixels.
    """
    waveform = clip.waveform.detach().cpu()
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.03, row_heights=[0.36, 0.64]
    )
    _add_waveform(figure, waveform, clip.seconds, colour)
    _add_spectrogram(figure, mel_decibels(waveform), clip.seconds)
    begin, end = heard_window(waveform, clip.sample_rate)
    _shade_unheard(figure, begin, end, clip.seconds)
    peak = float(waveform.abs().max())
    figure.update_yaxes(
        visible=False,
        fixedrange=True,
        row=1,
        col=1,
        range=[-1.05 * max(peak, 0.05), 1.05 * max(peak, 0.05)],
    )
    figure.update_yaxes(visible=False, fixedrange=True, row=2, col=1)
    figure.update_xaxes(visible=False, row=1, col=1)
    figure.update_xaxes(ticksuffix=" s", nticks=5, showgrid=False, fixedrange=True, row=2, col=1)
    figure.update_xaxes(range=[0, clip.seconds])
    alt = (
        f"{clip.name}: {clip.seconds:.1f} seconds of sound; waveform with a peak of "
        f"{style.percent(peak)} of full scale, and its mel spectrogram, low to high pitch from "
        "bottom to top."
        + (
            f" The model hears the second from {begin:.1f} to {end:.1f} s."
            if end - begin < clip.seconds
            else ""
        )
    )
    figure = style.finish(figure, alt=alt, height=height, legend=False)
    return figure.update_layout(margin={"l": 2, "r": 2, "t": 2, "b": 4})


def heard_window(waveform: Float[Tensor, " sample"], sample_rate: int) -> tuple[float, float]:
    """Begin and end, in seconds, of the one-second window that ``focus`` hands to the model."""
    first, last = heard_second(waveform)
    return first / sample_rate, last / sample_rate


def _shade_unheard(figure: go.Figure, begin: float, end: float, seconds: float) -> None:
    """Veil what lies outside the window that the model hears, and draw the window's edges."""
    for left, right, edge in ((0.0, begin, begin), (end, seconds, end)):
        if right - left > 0.01:
            figure.add_vrect(
                x0=left, x1=right, fillcolor="rgba(128,136,148,0.18)", line_width=0, row=1, col=1
            )
            figure.add_vrect(
                x0=left, x1=right, fillcolor="rgba(40,44,54,0.62)", line_width=0, row=2, col=1
            )
            figure.add_vline(
                x=edge, line={"color": style.PERSONAL.colour, "width": 1.5, "dash": "dash"}
            )


def _add_waveform(figure: go.Figure, waveform: Tensor, seconds: float, colour: str) -> None:
    smallest, largest = envelope(waveform)
    times = torch.linspace(0, seconds, smallest.numel())
    outline = {"mode": "lines", "line": {"width": 0.6, "color": colour}, "hoverinfo": "skip"}
    figure.add_scatter(x=times.numpy(), y=largest.numpy(), **outline, row=1, col=1)
    figure.add_scatter(x=times.numpy(), y=smallest.numpy(), fill="tonexty", **outline, row=1, col=1)


def _add_spectrogram(figure: go.Figure, decibels: Tensor, seconds: float) -> None:
    if decibels.shape[1] > SPECTROGRAM_COLUMNS:
        decibels = functional.adaptive_max_pool1d(decibels, SPECTROGRAM_COLUMNS)
    loudest = float(decibels.max())
    shown = decibels.clamp(min=loudest - RANGE_DECIBELS).round(decimals=1)
    figure.add_heatmap(
        z=shown.numpy(),
        x=torch.linspace(0, seconds, decibels.shape[1]).numpy(),
        colorscale=LOUDNESS,
        zmin=float(shown.min()),
        zmax=float(shown.max()),
        showscale=False,
        hovertemplate="%{x:.2f} s · mel band %{y}<br>%{z:.0f} dB<extra></extra>",
        row=2,
        col=1,
    )
