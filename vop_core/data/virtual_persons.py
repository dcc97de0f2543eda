r"""Virtual persons: augmentation that is the same for all clips of a person, so that it makes a new
person.

Each time a person enters a training step it draws one voice and one place, and keeps them for all
its clips of the step:

    vocal tract    the mel axis stretched by a factor around 1 [VTLP]
    channel        a smooth random curve over mel added to the log-mels, and a gain
    noise floor    power added everywhere, coloured by another smooth curve
    speaking rate  the frame axis stretched by a factor around 1

and one of the cached waveform variants (another speed, an environment, a telephone band). Clips of
one person differ by a small shift in time only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class VirtualPersons:
    """What a training step does to its persons' clips, and how strongly; all zero: nothing."""

    warp: float = 0.15  # largest relative stretch of the mel axis
    rate: float = 0.12  # largest relative stretch of the frame axis
    channel: float = 0.7  # standard deviation of the channel curve, nats of log power
    gain: float = 1.2  # standard deviation of the level, nats of log power (1.2 nats are 5 dB)
    noise_probability: float = 0.5
    noise_range: tuple[float, float] = (-11.0, -3.0)  # log power of the floor
    shift: int = 8  # largest shift of a single clip, frames
    telephone_probability: float = 0.0  # share of persons heard through the telephone band
    variant_probability: float = 0.6  # share of persons heard through a cached waveform variant

    def __call__(
        self,
        variants: Mapping[str, Float[Tensor, "entry mel frame"]],  # name -> the table's clips
        rows: Int[Tensor, "person clip"],
        *,
        generator: torch.Generator,
    ) -> Float[Tensor, "person clip mel frame"]:
        """One virtual person for each row of clips."""
        others = [name for name in variants if name not in ("original", "telephone", "noise")]
        names = []
        for draw in torch.rand(rows.shape[0], 3, generator=generator).tolist():
            if "telephone" in variants and draw[0] < self.telephone_probability:
                names.append("telephone")
            elif others and draw[1] < self.variant_probability:
                names.append(others[int(draw[2] * len(others))])
            else:
                names.append("original")
        rows = rows.to(variants["original"].device)
        heard = torch.stack([variants[name][row] for name, row in zip(names, rows, strict=True)])
        return augment(heard, self, generator=generator)


@dataclass(frozen=True, kw_only=True)
class FreshChannels:
    """What is nobody's own, drawn anew for every clip: level, channel, noise, speaking rate.
    Persons stay who they are.
    """

    strengths: VirtualPersons = VirtualPersons(
        warp=0.0, channel=0.3, noise_probability=0.3, variant_probability=0.0
    )

    def __call__(
        self,
        variants: Mapping[str, Float[Tensor, "entry mel frame"]],
        rows: Int[Tensor, "person clip"],
        *,
        generator: torch.Generator,
    ) -> Float[Tensor, "person clip mel frame"]:
        """Every clip as if it were a person's only one."""
        clips = variants["original"][rows.to(variants["original"].device)]
        heard = augment(clips.flatten(0, 1)[:, None], self.strengths, generator=generator)
        return heard[:, 0].unflatten(0, rows.shape)


OFF = VirtualPersons(
    warp=0.0,
    rate=0.0,
    channel=0.0,
    gain=0.0,
    noise_probability=0.0,
    shift=0,
    variant_probability=0.0,
)


def smooth_curves(
    persons: int, mels: int, *, generator: torch.Generator, terms: int = 6
) -> Float[Tensor, "person mel"]:
    """Random smooth curves over the mel axis with unit variance: a few cosines, the lower ones
    stronger.
    """
    orders = torch.arange(1, terms + 1)
    weights = 1 / orders.sqrt()
    position = (torch.arange(mels) + 0.5) / mels
    basis = torch.cos(torch.pi * orders[:, None] * position) * weights[:, None]
    draws = torch.randn(persons, terms, generator=generator)
    return draws @ basis * (2 / weights.square().sum()).sqrt()


def stretch(
    value: Float[Tensor, "person clip mel frame"],
    mel_factor: Float[Tensor, " person"],
    frame_factor: Float[Tensor, " person"],
    frame_shift: Float[Tensor, "person clip"],
) -> Float[Tensor, "person clip mel frame"]:
    """Stretch both axes about mel 0 and the middle frame, and shift in time, by linear
    interpolation.

    Mel ``i`` of the result is read at ``i * mel_factor``, held at the edge; frame ``t`` likewise
    about the middle.
    """
    persons, clips, mels, frames = value.shape
    mel_at = torch.arange(mels, device=value.device) * mel_factor[:, None]
    value = _read_at(value.permute(0, 2, 1, 3).reshape(persons, mels, -1), mel_at)
    value = (
        value.view(persons, mels, clips, frames)
        .permute(0, 2, 3, 1)
        .reshape(persons * clips, frames, mels)
    )
    middle = (frames - 1) / 2
    frame_at = (
        (torch.arange(frames, device=value.device) - middle) * frame_factor[:, None, None]
        + middle
        + frame_shift[..., None]
    )
    value = _read_at(value, frame_at.view(persons * clips, frames))
    return value.view(persons, clips, frames, mels).mT


def _read_at(rows: Float[Tensor, "batch row column"], at: Float[Tensor, "batch out"]) -> Tensor:
    batch, count, columns = rows.shape
    at = at.clamp(0, count - 1)
    low = at.floor().clamp(max=count - 2)
    first = count * torch.arange(batch, device=rows.device)
    place = (first[:, None] + low.long()).flatten()
    flat = rows.reshape(-1, columns)  # whole rows are copied, far faster than ``gather``
    below, above = (
        flat.index_select(0, each).view(batch, -1, columns) for each in (place, place + 1)
    )
    return torch.lerp(below, above, (at - low)[..., None])


def augment(
    value: Float[Tensor, "person clip mel frame"],
    strengths: VirtualPersons,
    *,
    generator: torch.Generator,
) -> Float[Tensor, "person clip mel frame"]:
    """One virtual person for each row; log-mels in, log-mels out.

    Everything is drawn on the CPU, then moved: the same persons on every device.
    """
    persons, clips, mels, _ = value.shape

    def uniform(*shape: int) -> Tensor:
        return 2 * torch.rand(*shape, generator=generator).to(value.device) - 1

    value = stretch(
        value,
        1 + strengths.warp * uniform(persons),
        1 + strengths.rate * uniform(persons),
        (strengths.shift * uniform(persons, clips)).round(),
    )
    channel = strengths.channel * smooth_curves(persons, mels, generator=generator)
    gain = strengths.gain * torch.randn(persons, 1, generator=generator)
    value = value + (channel + gain).to(value.device)[:, None, :, None]
    low, high = strengths.noise_range
    floor = low + (high - low) * torch.rand(persons, 1, generator=generator)
    floor = floor + smooth_curves(persons, mels, generator=generator)
    noisy = torch.rand(persons, generator=generator) < strengths.noise_probability
    floor, noisy = floor[noisy].to(value.device), noisy.to(value.device)
    heard = value[noisy]
    # A noise floor flickers from frame to frame; without that it would be a mere offset.
    flicker = 0.5 * torch.randn(heard.shape, generator=generator).to(value.device)
    # these powers are far from overflow: far faster than ``logaddexp``
    power = heard.exp() + (floor[:, None, :, None] + flicker).exp()
    value[noisy] = power.log()
    return value
