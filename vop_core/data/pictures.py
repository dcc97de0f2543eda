"""A picture of one written character, or the strokes that drew it, as ink: 28 x 28, upright,
centred, paper 0 and the strongest ink 1.

The form is MNIST's: the longer side of the ink takes 20 of the 28 pixels, and its centre of mass
lies in the middle. A picture that has this form already keeps it. Light ink on dark paper and dark
ink on light paper are the same, and so is a photograph under uneven light.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import torch
from jaxtyping import Float, Real
from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError

from vop_core.errors import PictureError
from vop_core.types import PICTURE_SIDE, Picture

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
INK_SIDE = 20  # pixels, of the longer side of the ink
MOST_BYTES = 20_000_000
MOST_PIXELS = 50_000_000
WORKING_SIDE = 256  # pixels; what is larger is reduced before its ink is looked for
FAINTEST = 12.0  # grey levels of 256 between paper and ink
LEAST_INK = 0.05  # of the strongest; what is fainter is no ink
SPECK = 0.02  # of all ink; a separate spot with less is dirt
NOISE_WIDTHS = 6.0  # standard deviations of the paper, below which nothing is ink
PEN_WIDTH = 0.11  # of the drawing's longer side: about MNIST's strokes
MOST_POINTS = 20_000  # of one drawing
STROKE_SIDE = 160  # pixels, in which strokes are drawn


def decode_picture(data: bytes, *, name: str = "picture") -> Picture:
    """A picture file's bytes as ink; its ``notes`` tell what was chosen in reading it.

    Read are PNG, JPEG, WebP, GIF, BMP and TIFF, in any colours, turned as their EXIF says.

    Raises
    ------
    PictureError
        The bytes are no such picture, are damaged, too large, or show no writing.
    """
    if len(data) > MOST_BYTES:
        raise PictureError(
            f"{name} has {len(data) / 1e6:.0f} MB and {MOST_BYTES / 1e6:.0f} are read; save it "
            "smaller."
        )
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            grey, notes = _read(image, name)
    except UnidentifiedImageError:
        raise PictureError(
            f"{name} is no picture that can be read; save it as PNG or JPEG."
        ) from None
    except Image.DecompressionBombError:
        raise PictureError(_too_large(name)) from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, IndexError, TypeError):
        # what Pillow's decoders raise for files that are cut short or broken
        raise PictureError(f"{name} is damaged or cut short; save or take it again.") from None
    return grey_picture(grey, name=name, notes=notes)


def decode_picture_file(path: str | Path) -> Picture:
    """A picture file as ink. Raises PictureError as ``decode_picture``, and for no such file."""
    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            data = path.open("rb").read(MOST_BYTES + 1)
        else:
            data = path.read_bytes()
    except OSError as error:
        raise PictureError(f"'{path}' cannot be read: {error.strerror}.") from None
    return decode_picture(data, name=path.name)


def drawn_picture(
    strokes: Sequence[Real[np.ndarray, "_ 2"]],
    *,
    name: str = "drawing",
) -> Picture:
    """What a pen wrote, as ink: each stroke's points are x to the right and y downwards, in any
    unit.

    Raises PictureError where nothing was drawn, or a place is no number.
    """
    found = [np.asarray(stroke, dtype=np.float64) for stroke in strokes if len(stroke)]
    if not found:
        raise PictureError(f"{name} has no strokes; draw one character.")
    points = np.concatenate(found)
    if not np.isfinite(points).all():
        raise PictureError(f"{name} has strokes whose places are no numbers; draw it again.")
    low, side = points.min(0), max(float(np.ptp(points, axis=0).max()), 1e-6)
    image = Image.new("L", (2 * STROKE_SIDE, 2 * STROKE_SIDE))
    pen, radius = ImageDraw.Draw(image), PEN_WIDTH * STROKE_SIDE / 2
    for stroke in found:
        placed = [tuple(place) for place in (stroke - low) / side * STROKE_SIDE + STROKE_SIDE / 2]
        pen.line(placed, fill=255, width=round(2 * radius))
        for x, y in placed:  # round ends and joints
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return Picture(_centred(np.asarray(image, dtype=np.float32) / 255), name=name)


def decode_strokes(given: Any, *, name: str = "drawing") -> Picture:
    """What a page sends of a pen, as ink: a list of strokes, each a list of places [x, y], y
    downwards.

    Raises PictureError for anything else, and as ``drawn_picture``.
    """
    try:
        strokes = [np.array(stroke, dtype=np.float64).reshape(-1, 2) for stroke in given]
        if not all(isinstance(stroke, list) for stroke in given):
            raise TypeError
    except (TypeError, ValueError):
        raise PictureError(f"{name} is no list of strokes; draw it again.") from None
    if sum(map(len, strokes)) > MOST_POINTS:
        raise PictureError(f"{name} has more than {MOST_POINTS:,} points; draw one character.")
    return drawn_picture(strokes, name=name)


def picture_png(picture: Picture, *, side: int = 112) -> bytes:
    """The ink as a PNG to look at, dark on white, of ``side`` pixels."""
    grey = (255 * (1 - picture.ink)).round().byte().numpy()
    memory = io.BytesIO()
    Image.fromarray(grey).resize((side, side), Image.Resampling.BILINEAR).save(memory, "PNG")
    return memory.getvalue()


def grey_picture(grey: np.ndarray, *, name: str = "picture", notes: Sequence[str] = ()) -> Picture:
    """A grey image, (row, column) in any unit, as ink.

    Raises PictureError where it is blank, or holds nothing but spots.
    """
    ink = _ink(grey.astype(np.float32))
    if ink is None:
        raise PictureError(f"{name} shows no writing; choose a picture of one character.")
    writing = _writing(ink)
    if not writing.any():
        raise PictureError(
            f"{name} shows many small marks; choose a picture of one character alone."
        )
    return Picture(_centred(np.where(writing, ink, 0)), name=name, notes=tuple(notes))


def _read(image: Image.Image, name: str) -> tuple[np.ndarray, list[str]]:
    """Its first picture in grey, and what was chosen."""
    if image.width * image.height > MOST_PIXELS:
        raise PictureError(_too_large(name))
    notes = []
    if getattr(image, "n_frames", 1) > 1:
        notes.append("of several pictures in the file, the first is read")
        image.seek(0)
    image.draft("L", (4 * WORKING_SIDE, 4 * WORKING_SIDE))  # a large JPEG need not be read whole
    grey = _grey(ImageOps.exif_transpose(image))
    if max(grey.size) > WORKING_SIDE:
        grey.thumbnail((WORKING_SIDE, WORKING_SIDE))
    return np.asarray(grey), notes


def _too_large(name: str) -> str:
    return f"{name} has more than {MOST_PIXELS / 1e6:.0f} million pixels; save it smaller."


def _grey(image: Image.Image) -> Image.Image:
    """One number for each pixel, as light as it is seen; transparent is paper."""
    if image.mode.startswith(("I", "F")):  # 16 bits and more
        values = np.asarray(image, dtype=np.float32)
        return Image.fromarray(255 * (values - values.min()) / max(float(np.ptp(values)), 1e-9))
    if not image.has_transparency_data:
        return image.convert("L").convert("F")
    colour = image.convert("RGBA")
    seen = np.asarray(colour.getchannel("A"), dtype=np.float32) / 255
    light = np.asarray(colour.convert("RGB").convert("L"), dtype=np.float32)
    # paper is as unlike the ink as it can be
    paper = 255.0 if (light * seen).sum() < 127.5 * seen.sum() else 0.0
    return Image.fromarray(seen * light + (1 - seen) * paper)


def _ink(grey: np.ndarray) -> np.ndarray | None:
    """Ink from 0 to 1, whichever of ink and paper is lighter; None where there is none."""
    border = np.concatenate((grey[0], grey[-1], grey[:, 0], grey[:, -1]))
    paper = float(np.median(border))
    lighter, darker = float(grey.max()) - paper, paper - float(grey.min())
    marked = grey if lighter > darker else -grey
    # what is paper all around, through ink of any width: light need not be even
    size = max(grey.shape) // 2 | 1
    smooth = scipy.ndimage.gaussian_filter(marked, 1) if size > INK_SIDE else marked
    ground = scipy.ndimage.grey_opening(smooth, size, mode="nearest")
    found = np.clip(marked - ground, 0, None)
    if darker >= lighter:  # ink takes a share of the light that the paper would send back
        brightest = -float(ground.min())
        found = found * brightest / np.maximum(-ground, max(0.1 * brightest, 1e-6))
    edge = np.concatenate((found[0], found[-1], found[:, 0], found[:, -1]))
    noise = 1.4826 * float(np.median(np.abs(edge - np.median(edge))))
    floor = float(np.median(edge)) + NOISE_WIDTHS * noise
    strongest = float(np.quantile(found, 0.999)) if min(found.shape) > 64 else float(found.max())
    if strongest - floor < FAINTEST:
        return None
    return np.clip((found - floor) / (strongest - floor), 0, 1)


def _centred(ink: np.ndarray) -> Float[torch.Tensor, "row column"]:
    """Scaled to ``INK_SIDE``, its centre of mass in the middle of ``PICTURE_SIDE``."""
    rows, columns = (np.flatnonzero((ink > LEAST_INK).any(axis)) for axis in (1, 0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = INK_SIDE / max(cut.shape)
    if scale != 1:
        size = [max(1, round(length * scale)) for length in reversed(cut.shape)]
        resized = Image.fromarray(cut.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
        cut = np.clip(np.asarray(resized), 0, None)
    cut = np.clip(cut / max(float(cut.max()), 1e-6), 0, 1)
    height, width = cut.shape
    centre = scipy.ndimage.center_of_mass(cut)
    canvas = np.zeros((PICTURE_SIDE, PICTURE_SIDE), dtype=np.float32)
    # the middle of MNIST's pictures, and never over the edge
    top, left = (
        int(np.clip(round(PICTURE_SIDE / 2 - place), 0, PICTURE_SIDE - length))
        for place, length in zip(centre, (height, width), strict=True)
    )
    canvas[top : top + height, left : left + width] = cut
    return torch.from_numpy(canvas)


def _writing(ink: np.ndarray) -> np.ndarray:
    """Where ink is that belongs to the writing: all but specks."""
    spots, count = scipy.ndimage.label(ink > LEAST_INK, structure=np.ones((3, 3)))
    amount = scipy.ndimage.sum_labels(ink, spots, np.arange(count + 1))
    amount[0] = 0
    return (amount >= SPECK * amount.sum())[spots] & (spots > 0)
