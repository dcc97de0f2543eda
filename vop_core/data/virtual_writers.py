"""Virtual writers: augmentation that is the same for all characters of a person, so that it makes
a new person.

Each time a person enters a training step it draws one hand, and keeps it for all its characters of
the step:

    slant, turn, width, height    of every character
    style                         a smooth bend of the paper, the same under all of them
    pen                           broader or finer

and, for some, a scan of :mod:`vop_core.data.scans`. Characters of one person differ by a small
shift, turn and size of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from vop_core.data.scans import Scan, matrices, ordinary_scan, penned, scanned, transformed


@dataclass(frozen=True, kw_only=True)
class VirtualWriters:
    """What a training step does to its persons' characters, and how strongly; all zero: nothing."""

    slant: float = 0.25  # largest, columns for each row
    turn: float = 0.12  # largest, radians
    size: float = 0.12  # largest relative change of width and of height
    style: float = 1.0  # pixels, standard deviation of the bend
    pen: float = 0.5  # largest, as a scan's
    jitter: float = 1.0  # pixels that a single character is shifted at most; its turn and size vary
    scan_probability: float = 0.5  # share of persons who are read with a scan of their own

    def __call__(
        self,
        variants: Mapping[str, Float[Tensor, "entry row column"]],  # name -> the table's samples
        rows: Int[Tensor, "person clip"],
        *,
        generator: torch.Generator,
    ) -> Float[Tensor, "person clip row column"]:
        """One virtual writer for each row of characters."""
        original = variants["original"]
        written = written_by(original[rows.to(original.device)], self, generator=generator)
        seed = int(torch.randint(2**31, (), generator=generator))
        drawn = np.random.default_rng(seed)
        scans = [
            ordinary_scan(drawn) if drawn.random() < self.scan_probability else Scan()
            for _ in range(len(rows))
        ]
        return scanned(written, scans, generator=generator)


OFF = VirtualWriters(
    slant=0.0, turn=0.0, size=0.0, style=0.0, pen=0.0, jitter=0.0, scan_probability=0.0
)


def written_by(
    ink: Float[Tensor, "person clip row column"],
    strengths: VirtualWriters,
    *,
    generator: torch.Generator,
) -> Float[Tensor, "person clip row column"]:
    """Every row of characters as one virtual writer writes them.

    Everything is drawn on the CPU, then moved: the same writers on every device.
    """
    persons, clips, height, width = ink.shape
    pixel = 2 / width  # in half sides

    def uniform(most: float, *shape: int) -> Tensor:
        return most * (2 * torch.rand(persons, *shape, generator=generator) - 1).to(ink.device)

    slant, turn, wide, high = (
        uniform(most) for most in (strengths.slant, strengths.turn, *2 * (strengths.size,))
    )
    own = strengths.jitter * 0.03  # of a single character: radians, and relative size
    hand = matrices(
        slant[:, None].expand(-1, clips),
        turn[:, None] + uniform(own, clips),
        (1 + wide)[:, None] * (1 + uniform(own, clips)),
        (1 + high)[:, None] * (1 + uniform(own, clips)),
    )
    bends = torch.randn(persons, 2, 4, 4, generator=generator).to(ink.device)
    bend = functional.interpolate(
        strengths.style * pixel * bends, (height, width), mode="bicubic", align_corners=True
    )
    shift = uniform(strengths.jitter * pixel, clips, 1, 1, 2)
    moved = transformed(
        ink[:, :, None], hand, (bend.permute(0, 2, 3, 1)[:, None] + shift)[:, :, None]
    )
    return penned(moved[:, :, 0], uniform(strengths.pen))
