"""Ten ways in which a picture may be spoilt, and the colours that some of them need [IMAGENETC].

The strengths are those of severity 3: of full pictures where they are levels (noise, contrast,
brightness, colour, JPEG), of 32 x 32 ones where they are lengths (blur, elastic, spatter).

Departs: drops are mud whatever the severity; water would need an edge detector.
"""

import io
from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from vop_core.data.scans import blurred, transformed

SIDE = 32  # pixels, of the pictures whose lengths these are
MUD = (63 / 255, 42 / 255, 20 / 255)

Pictures = Float[Tensor, "picture plane row column"]  # red, green and blue, from 0 to 1


def coloured(
    ink: Float[Tensor, "picture row column"], *, generator: torch.Generator
) -> Float[Tensor, "picture plane row column"]:
    """Each character in an ink and on a paper of its own colours, dark on light."""
    dark = 0.5 * torch.rand(len(ink), 3, 1, 1, generator=generator)
    light = 0.6 + 0.4 * torch.rand(len(ink), 3, 1, 1, generator=generator)
    return light + (dark - light) * ink[:, None]


def _spatter(pictures: Pictures, generator: torch.Generator) -> Pictures:
    mean, spread, width, least, soft = 0.65, 0.1, 0.7, 0.69, 0.6
    liquid = mean + spread * _normal(pictures[:, :1], generator)
    drops = (_smooth(liquid, width) > least).to(pictures.dtype)
    drops = _smooth(drops, soft)
    drops = torch.where(drops < 0.8, 0.0, drops)
    mud = pictures.new_tensor(MUD)[:, None, None]
    return (1 - drops) * pictures + drops * mud


def _elastic(pictures: Pictures, generator: torch.Generator) -> Pictures:
    count, _, rows, columns = pictures.shape
    far, width, skew = 0.08 * SIDE, 0.06 * SIDE, 0.06 * SIDE
    fields = 2 * torch.rand(count, 2, rows, columns, generator=generator) - 1
    shift = 2 * far * _smooth(fields, width).permute(0, 2, 3, 1) / rows  # in half sides
    shift = shift[:, None].expand(-1, 3, -1, -1, -1).reshape(1, count * 3, rows, columns, 2)
    moved = torch.eye(2) + skew / rows * (2 * torch.rand(count, 2, 2, generator=generator) - 1)
    matrix = moved.repeat_interleave(3, 0)
    planes = pictures.reshape(count * 3, 1, rows, columns)
    # what lies outside is paper: the character is moved as its distance from white
    seen = 1 - transformed(1 - planes, matrix, shift.view(count * 3, 1, rows, columns, 2))
    return seen.view(pictures.shape)


def _saturated(pictures: Pictures, generator: torch.Generator) -> Pictures:
    lightest = pictures.amax(1, keepdim=True)
    saturation = 1 - pictures.amin(1, keepdim=True) / lightest.clamp_min(1e-6)
    more = (2 * saturation).clamp_max(1) / saturation.clamp_min(1e-6)
    return lightest - (lightest - pictures) * more


def _defocused(pictures: Pictures, generator: torch.Generator) -> Pictures:
    # a disk of radius 0.5 is one pixel; what is left is its softened edge
    return _smooth(pictures, 0.6)


def _noisy(pictures: Pictures, generator: torch.Generator) -> Pictures:
    return pictures + 0.18 * _normal(pictures, generator)


def _brightened(pictures: Pictures, generator: torch.Generator) -> Pictures:
    lightest = pictures.amax(1, keepdim=True).clamp_min(1e-6)
    return pictures * (lightest + 0.3).clamp_max(1) / lightest


def _blurred(pictures: Pictures, generator: torch.Generator) -> Pictures:
    return _smooth(pictures, 0.7)


def _compressed(pictures: Pictures, generator: torch.Generator) -> Pictures:
    found = []
    for picture in (255 * pictures).round().byte().permute(0, 2, 3, 1).numpy():
        data = io.BytesIO()
        Image.fromarray(picture).save(data, "JPEG", quality=15)
        found.append(np.asarray(Image.open(data)))
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2) / 255


def _flattened(pictures: Pictures, generator: torch.Generator) -> Pictures:
    mean = pictures.mean((2, 3), keepdim=True)
    return mean + 0.2 * (pictures - mean)


def _speckled(pictures: Pictures, generator: torch.Generator) -> Pictures:
    drawn = torch.rand(pictures.shape, generator=generator)
    return torch.where(drawn < 0.045, 0.0, torch.where(drawn > 0.955, 1.0, pictures))


def _normal(like: Pictures, generator: torch.Generator) -> Pictures:
    return torch.randn(like.shape, generator=generator)


def _smooth(pictures: Pictures, deviation: float) -> Pictures:
    """Under a Gaussian of so many pixels."""
    return blurred(pictures.flatten(0, 1)[None], torch.tensor([deviation]))[0].view(pictures.shape)


# In the order in which the talk gives them to its ten users.
CORRUPTIONS: Mapping[str, Callable[[Pictures, torch.Generator], Pictures]] = {
    "spatter": _spatter,
    "elastic": _elastic,
    "saturation": _saturated,
    "defocus blur": _defocused,
    "Gaussian noise": _noisy,
    "brightness": _brightened,
    "Gaussian blur": _blurred,
    "JPEG": _compressed,
    "contrast": _flattened,
    "impulse noise": _speckled,
}


def corrupted(
    pictures: Float[Tensor, "picture plane row column"], kind: str, *, generator: torch.Generator
) -> Float[Tensor, "picture plane row column"]:
    """The pictures, spoilt in one way. Raises KeyError for one that is not in ``CORRUPTIONS``."""
    return CORRUPTIONS[kind](pictures, generator).clamp(0, 1)
