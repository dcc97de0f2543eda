"""With what a person writes and is read: pen, paper and scanner, one value for all characters of
the person.

A scan is drawn from the name of a pool and a name in it, and from nothing else, so that it is the
same on every day and in every fold. The pools share no scan:

    training      what every method is trained with
    foreseen      the same kinds; others of them
    unforeseen    with one of the things that training never has: a photocopy, ruled paper, pencil,
                  a fax, the other side of the paper showing through
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from vop_core.data.environments import OWN_ENVIRONMENT, UNFORESEEN_ENVIRONMENT, Pool
from vop_core.types import Picture

LARGEST_BLUR = 3  # pixels, to either side
RULED = 7  # pixels between the lines
GRAIN = 0.8  # how much of the ink a pencil leaves out at most
BLACK = 0.35  # of the ink is black to a copier
BEHIND = 0.4  # how strong the other side is


@dataclass(frozen=True)
class Scan:
    """What pen, paper and scanner make of 28 x 28 ink; nothing, unless told otherwise."""

    pen: float = 0.0  # share of the way to strokes a pixel wider on each side; below 0, thinner
    slant: float = 0.0  # columns to the right for each row upwards
    turn: float = 0.0  # radians, clockwise
    width: float = 1.0  # relative
    height: float = 1.0
    blur: float = 0.0  # pixels, standard deviation
    ink: float = 1.0  # of the strongest stroke
    paper: float = 0.0  # of the paper
    noise: float = 0.0  # standard deviation at each pixel
    kind: str = ""  # one of ``UNFORESEEN``

    @property
    def description(self) -> str:
        """In plain words, by the values that are seen."""
        pen = "broad pen" if self.pen > 0.3 else "fine pen" if self.pen < -0.2 else "pen"
        said = [self.kind or f"{'pale ' if self.ink < 0.7 else ''}{pen}"]
        if abs(self.slant) > 0.15:
            said.append("leaning right" if self.slant > 0 else "leaning left")
        said += ["out of focus"] * (self.blur > 0.7) + ["grey paper"] * (self.paper > 0.1)
        return ", ".join([*said, *["noisy scan"] * (self.noise > 0.1)])


def drawn_scan(pool: Pool, name: str) -> Scan:
    """The scan of that name in the pool."""
    digest = hashlib.sha256(f"scan {pool} {name}".encode()).digest()
    generator = np.random.default_rng(list(digest))
    ordinary = ordinary_scan(generator)
    if pool != "unforeseen":
        return ordinary
    return replace(ordinary, kind=list(UNFORESEEN)[int(generator.integers(len(UNFORESEEN)))])


def own_scans(person: str) -> dict[str, Scan]:
    """The scans with which a person can be seen, by name: those of the bench's conditions."""
    return {
        OWN_ENVIRONMENT: drawn_scan("foreseen", person),
        UNFORESEEN_ENVIRONMENT: drawn_scan("unforeseen", person),
    }


def seen_by(scan: Scan, picture: Picture) -> Picture:
    """The picture as the scanner sees it; the same one always looks the same there."""
    seed = int(hashlib.sha256(f"{scan} {picture.digest}".encode()).hexdigest()[:12], 16)
    generator = torch.Generator().manual_seed(seed)
    ink = scanned(picture.ink[None, None], [scan], generator=generator)[0, 0]
    return replace(picture, ink=ink, notes=(*picture.notes, f"seen as {scan.description}"))


def ordinary_scan(generator: np.random.Generator) -> Scan:
    """One of the kinds that training knows."""
    return Scan(
        pen=generator.uniform(-0.7, 1.0),
        slant=generator.uniform(-0.4, 0.4),
        turn=generator.uniform(-0.15, 0.15),
        width=generator.uniform(0.75, 1.1),
        height=generator.uniform(0.75, 1.1),
        blur=generator.uniform(0.0, 1.4),
        ink=generator.uniform(0.35, 1.0),
        paper=generator.uniform(0.0, 0.25),
        noise=generator.uniform(0.0, 0.1),
    )


def scanned(
    ink: Float[Tensor, "person clip row column"],
    scans: Sequence[Scan],  # one a person
    *,
    generator: torch.Generator,
) -> Float[Tensor, "person clip row column"]:
    """Everybody's characters as their scanner sees them, from 0 to 1; ``generator`` draws the
    noise, whose strength is the scan's.
    """

    def of_each(name: str) -> Tensor:
        values = torch.tensor([getattr(scan, name) for scan in scans], dtype=ink.dtype)
        return values.to(ink.device)

    slant, turn = of_each("slant"), of_each("turn")
    moved = transformed(ink, matrices(slant, turn, of_each("width"), of_each("height")))
    seen = blurred(penned(moved, of_each("pen")), of_each("blur"))
    for place, scan in enumerate(scans):
        if scan.kind:
            seen[place] = UNFORESEEN[scan.kind](seen[place], generator)
    strength, paper, noise = (of_each(name)[:, None, None, None] for name in _LEVELS)
    flicker = torch.randn(ink.shape, generator=generator).to(ink.device)
    return (paper + (strength - paper) * seen + noise * flicker).clamp(0, 1)


_LEVELS = ("ink", "paper", "noise")


def matrices(
    slant: Float[Tensor, " *batch"],
    turn: Float[Tensor, " *batch"],
    width: Float[Tensor, " *batch"],
    height: Float[Tensor, " *batch"],
) -> Float[Tensor, "*batch 2 2"]:
    """What takes a place on the paper, (x, y) from the middle with y downwards, to the place of the
    upright character that is seen there.
    """
    zero, one = torch.zeros_like(slant), torch.ones_like(slant)

    def matrix(*values: Tensor) -> Tensor:
        return torch.stack(values, dim=-1).unflatten(-1, (2, 2))

    size = matrix(1 / width, zero, zero, 1 / height)
    upright = matrix(one, slant, zero, one)
    straight = matrix(turn.cos(), turn.sin(), -turn.sin(), turn.cos())
    return size @ upright @ straight


def transformed(
    ink: Float[Tensor, "*batch clip row column"],
    matrix: Float[Tensor, "*batch 2 2"],
    shift: Float[Tensor, "*batch clip row column 2"] | None = None,
) -> Float[Tensor, "*batch clip row column"]:
    """Every character read where ``matrix`` says, and ``shift`` further; both in half sides of the
    picture, x before y.
    """
    rows, columns = ink.shape[-2:]
    clips = ink.reshape(-1, 1, rows, columns)
    each = matrix.unsqueeze(-3).expand(*ink.shape[:-2], 2, 2).reshape(-1, 2, 2)
    affine = functional.pad(each, (0, 1))
    grid = functional.affine_grid(affine, list(clips.shape), align_corners=False)
    if shift is not None:
        grid = grid + shift.reshape(-1, rows, columns, 2)
    return functional.grid_sample(clips, grid, align_corners=False).view(ink.shape)


def penned(
    ink: Float[Tensor, "person clip row column"], pen: Float[Tensor, " person"]
) -> Float[Tensor, "person clip row column"]:
    """With broader strokes (``pen`` above 0, up to 1) or thinner ones."""
    broad = functional.max_pool2d(ink, 3, 1, 1)
    thin = -functional.max_pool2d(-functional.pad(ink, (0, 1, 0, 1)), 2, 1)
    amount = pen[:, None, None, None]
    return torch.lerp(ink, torch.where(amount > 0, broad, thin), amount.abs())


def blurred(
    ink: Float[Tensor, "person clip row column"], deviation: Float[Tensor, " person"]
) -> Float[Tensor, "person clip row column"]:
    """Through a lens out of focus: a Gaussian of each person's own width, in pixels."""
    persons, clips, rows, columns = ink.shape
    place = torch.arange(-LARGEST_BLUR, LARGEST_BLUR + 1, device=ink.device)
    kernel = torch.softmax(-0.5 * (place / deviation.clamp_min(0.1)[:, None]).square(), dim=1)
    maps = ink.transpose(0, 1)
    for shape, padding in (((1, -1), (0, LARGEST_BLUR)), ((-1, 1), (LARGEST_BLUR, 0))):
        weight = kernel.view(persons, 1, *shape)
        maps = functional.conv2d(maps, weight, padding=padding, groups=persons)
    return maps.transpose(0, 1).reshape(persons, clips, rows, columns)


# What anybody's writing can be sent through, by name; training has none of the kinds.
PHOTOCOPIED = "photocopied"
COMMON_SCANS = {
    PHOTOCOPIED: Scan(kind="photocopy", pen=0.7, blur=0.8),
    "in pale pencil": Scan(kind="pencil", ink=0.6, pen=-0.2),
    "by fax": Scan(kind="fax", pen=0.4, blur=0.5, noise=0.06),
}


# --- what training never has ----------------------------------------------------------------------


def _photocopied(ink: Tensor, generator: torch.Generator) -> Tensor:
    dust = torch.rand(ink.shape, generator=generator).to(ink.device) < 0.02
    return ((ink > BLACK) | dust).to(ink.dtype)


def _on_ruled_paper(ink: Tensor, generator: torch.Generator) -> Tensor:
    first = torch.randint(RULED, (), generator=generator)
    lined = (torch.arange(ink.shape[-2], device=ink.device) - int(first)) % RULED == 0
    return torch.maximum(ink, 0.6 * lined[:, None].to(ink.dtype))


def _in_pencil(ink: Tensor, generator: torch.Generator) -> Tensor:
    return ink * (1 - GRAIN * torch.rand(ink.shape, generator=generator).to(ink.device))


def _by_fax(ink: Tensor, generator: torch.Generator) -> Tensor:
    coarse = functional.avg_pool2d(ink, 2)
    fine = coarse.repeat_interleave(2, -1).repeat_interleave(2, -2)
    rows, columns = ink.shape[-2] - fine.shape[-2], ink.shape[-1] - fine.shape[-1]
    return functional.pad(fine, (0, columns, 0, rows))


def _showing_through(ink: Tensor, generator: torch.Generator) -> Tensor:
    return torch.maximum(ink, BEHIND * ink.roll(1, 0).flip(-1))


UNFORESEEN: Mapping[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "photocopy": _photocopied,
    "ruled paper": _on_ruled_paper,
    "pencil": _in_pencil,
    "fax": _by_fax,
    "other side showing through": _showing_through,
}
