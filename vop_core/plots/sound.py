"""From a waveform to features, drawn step by step: one frame, its spectrum, the bands that gather
it.
"""

from collections.abc import Mapping

import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots
from torch import Tensor

from vop_core.plots import style
from vop_core.plots.clips import LOUDNESS

WAVE, WINDOW, BAND = style.PERSONAL, style.GLOBAL, style.CLIP


def frame_figure(
    waveform: Float[Tensor, " sample"],
    window: tuple[float, float],
    hertz: Float[Tensor, " bin"],
    power: Float[Tensor, " bin"],
    band_hertz: Float[Tensor, " mel"],
    band_power: Float[Tensor, " mel"],
    *,
    sample_rate: int,
    height: int = 460,
) -> go.Figure:
    """The waveform with one frame's window (in seconds); the frame's power spectrum, and the same
    gathered in mel bands.

    Both powers in decibels.
    """
    figure = make_subplots(rows=2, cols=1, vertical_spacing=0.19, row_heights=[0.35, 0.65])
    step = max(1, waveform.numel() // 4000)
    seconds = [index * step / sample_rate for index in range(len(waveform[::step]))]
    figure.add_scatter(
        x=seconds,
        y=waveform[::step].tolist(),
        mode="lines",
        name="waveform",
        line={"color": WAVE.colour, "width": 1},
        row=1,
        col=1,
    )
    figure.add_vrect(
        x0=window[0],
        x1=window[1],
        line={"color": WINDOW.colour, "width": 1.5},
        fillcolor=WINDOW.fill(0.25),
        row=1,
        col=1,
    )
    figure.add_scatter(
        x=hertz.tolist(),
        y=power.tolist(),
        mode="lines",
        name="power of the frame",
        line={"color": WINDOW.colour, "width": 1.5, "dash": "solid"},
        row=2,
        col=1,
    )
    figure.add_scatter(
        x=band_hertz.tolist(),
        y=band_power.tolist(),
        mode="lines+markers",
        name="gathered in mel bands",
        line={"color": BAND.colour, "width": 2, "shape": "hvh"},
        marker=BAND.marker(8),
        row=2,
        col=1,
    )
    figure.update_xaxes(title="seconds", row=1, col=1)
    figure.update_yaxes(title="amplitude", row=1, col=1)
    figure.update_xaxes(title="Hz", row=2, col=1)
    figure.update_yaxes(title="dB", range=[-75, 35], row=2, col=1)
    loudest = float(band_hertz[band_power.argmax()])
    alt = (
        f"A frame from {window[0]:.3f} to {window[1]:.3f} s of a word, and its power over "
        f"frequency. Of {len(band_hertz)} mel bands, the one around {loudest:.0f} Hz holds most."
    )
    return style.finish(figure, alt=alt, height=height)


def mel_figure(
    log_mels: Mapping[str, Float[Tensor, "mel frame"]], *, alt: str, height: int = 300
) -> go.Figure:
    """Log-mels side by side, in natural log of power, on one scale of loudness."""
    figure = make_subplots(
        rows=1, cols=len(log_mels), subplot_titles=list(log_mels), shared_yaxes=True
    )
    loudest = max(float(each.max()) for each in log_mels.values())
    quietest = min(float(each.min()) for each in log_mels.values())
    for column, each in enumerate(log_mels.values(), start=1):
        figure.add_heatmap(
            z=each.round(decimals=2).tolist(),
            zmin=quietest,
            zmax=loudest,
            colorscale=list(LOUDNESS),
            showscale=column == len(log_mels),
            colorbar={"title": "ln power", "thickness": 12},
            row=1,
            col=column,
        )
        figure.update_xaxes(title="frame", row=1, col=column)
    figure.update_yaxes(title="mel band", row=1, col=1)
    return style.finish(figure, alt=alt, height=height, legend=False).update_layout(
        margin={"t": 30}
    )
