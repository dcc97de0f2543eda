"""Pictures and drawings as ink: what is the same writing gives the same ink, and what is no writing
is refused.
"""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from vop_core.data.pictures import (
    FORMATS,
    INK_SIDE,
    MOST_BYTES,
    decode_picture,
    decode_picture_file,
    drawn_picture,
    grey_picture,
)
from vop_core.errors import PictureError
from vop_core.types import PICTURE_SIDE


def seven(side=300, paper=255, ink=0, mode="L"):
    """A large 7."""
    image = Image.new("L", (side, side), paper)
    pen = ImageDraw.Draw(image)
    at = [(0.3, 0.2), (0.7, 0.2), (0.4, 0.8)]
    pen.line([(x * side, y * side) for x, y in at], fill=ink, width=side // 12, joint="curve")
    return image.convert(mode)


def saved(image, kind="PNG", **settings) -> bytes:
    memory = io.BytesIO()
    image.save(memory, kind, **settings)
    return memory.getvalue()


def ink_of(image, kind="PNG", **settings):
    return decode_picture(saved(image, kind, **settings)).ink


def alike(first, second) -> float:
    """Correlation of two inks, wherever within a pixel the rounded centre of mass has put them."""
    moved = [first.roll((down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return max(float(np.corrcoef(each.flatten(), second.flatten())[0, 1]) for each in moved)


EXPECTED = ink_of(seven())


def test_the_form_is_mnists():
    rows, columns = (np.flatnonzero(EXPECTED.numpy().max(axis) > 0) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == INK_SIDE
    place = torch.arange(PICTURE_SIDE)
    weight = EXPECTED / EXPECTED.sum()
    middle = (weight.sum(1) @ place.float(), weight.sum(0) @ place.float())
    # whole pixels: at most half a pixel away
    assert all(abs(float(each) - PICTURE_SIDE / 2) <= 0.51 for each in middle)
    assert EXPECTED.min() == 0 and EXPECTED.max() == 1


@pytest.mark.data
def test_a_picture_in_mnists_form_keeps_it(real_data):
    file = real_data / "mnist_t10k_writers" / "mnist_t10k.npz"
    if not file.is_file():
        pytest.skip("no mnist_t10k_writers there")
    images = np.load(file)["images"][:300]
    same = [
        (grey_picture(image).ink - torch.from_numpy(image) / 255).abs().max() <= 0.05
        for image in images
    ]
    # the others have a spot beside the digit, which is taken for dirt
    assert np.mean(same) > 0.95


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_ink(kind):
    assert alike(ink_of(seven(), kind), EXPECTED) > 0.98


@pytest.mark.parametrize(
    "image",
    [
        seven(paper=0, ink=255),
        seven(paper=180, ink=90),
        seven(side=40),
        seven(side=3000),
        seven(mode="RGB"),
        seven(mode="CMYK"),
        seven(mode="1"),
        seven().convert("P"),
        Image.fromarray(np.asarray(seven(), dtype=np.uint16) * 200),
        Image.fromarray(np.asarray(seven(), dtype=np.int32) * 100),
    ],
    ids=["light on dark", "grey", "small", "large", "RGB", "CMYK", "1", "P", "16 bit", "32 bit"],
)
def test_colours_sizes_and_depths_make_no_difference(image):
    kind = "TIFF" if image.mode in ("CMYK", "I") else "PNG"
    assert alike(ink_of(image, kind), EXPECTED) > 0.9


@pytest.mark.parametrize("ink", [0, 255])
def test_what_is_transparent_is_paper(ink):
    image = Image.new("LA", (300, 300), (ink, 0))
    image.putalpha(seven(paper=0, ink=255))
    assert alike(ink_of(image), EXPECTED) > 0.98


def test_a_photograph_is_turned_as_its_exif_says():
    lying = seven().transpose(Image.Transpose.ROTATE_90)  # against the clock
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    assert alike(ink_of(lying, "JPEG", exif=exif), EXPECTED) > 0.9
    assert alike(ink_of(lying, "JPEG"), EXPECTED) < 0.8


def test_light_need_not_be_even_nor_the_paper_clean():
    rng = np.random.default_rng(0)
    light = np.linspace(120, 250, 300)[:, None] * np.linspace(0.8, 1, 300)
    photo = light * (0.25 + 0.75 * np.asarray(seven(), dtype=float) / 255)
    photo += rng.normal(0, 4, photo.shape)
    photo[20:24, 20:24] -= 60  # a spot of dirt
    assert alike(ink_of(Image.fromarray(photo.clip(0, 255).astype(np.uint8))), EXPECTED) > 0.9


def test_of_an_animation_the_first_picture_is_read_and_that_is_said():
    frames = [seven(), seven(paper=0, ink=255).rotate(90)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    found = decode_picture(data)
    assert alike(found.ink, EXPECTED) > 0.98
    assert found.notes == ("of several pictures in the file, the first is read",)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no picture that can be read"),
        (b"RIFF0000WAVEfmt ", "no picture that can be read"),
        (saved(seven())[:400], "damaged or cut short"),
        (saved(Image.new("L", (50, 50), 255)), "shows no writing"),
        (saved(Image.new("L", (1, 1), 255)), "shows no writing"),
        (saved(Image.new("1", (9000, 9000))), "more than 50 million pixels"),
        (saved(Image.new("1", (20000, 20000))), "more than 50 million pixels"),
        (bytes(MOST_BYTES + 1), "20 are read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture that can be read"),
    ],
    ids=["empty", "sound", "cut", "blank", "one pixel", "large", "bomb", "many bytes", "svg"],
)
def test_what_is_no_writing_is_refused(data, says):
    with pytest.raises(PictureError, match=says):
        decode_picture(data, name="mine.png")


def test_noise_without_writing_is_refused():
    noise = np.random.default_rng(0).normal(200, 3, (200, 200)).clip(0, 255).astype(np.uint8)
    with pytest.raises(PictureError, match="shows no writing"):
        grey_picture(noise)


def test_a_page_full_of_writing_is_refused():
    page = np.full((400, 400), 255, dtype=np.uint8)
    for row in range(10):
        for column in range(10):
            page[40 * row + 10 : 40 * row + 30, 40 * column + 18 : 40 * column + 22] = 0
    with pytest.raises(PictureError, match="many small marks"):
        grey_picture(page)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(PictureError, match="No such file"):
        decode_picture_file(tmp_path / "none.png")


STROKES = [np.array([(30.0, 20.0), (70.0, 20.0), (40.0, 80.0)])]


def test_a_drawing_is_the_picture_of_its_strokes_wherever_and_however_large():
    drawn = drawn_picture(STROKES).ink
    assert alike(drawn, EXPECTED) > 0.85
    moved = [3.5 * stroke + 1000 for stroke in STROKES]
    assert alike(drawn_picture(moved).ink, drawn) > 0.98


def test_a_dot_is_a_drawing_and_nothing_is_none():
    assert drawn_picture([np.array([(5, 5)])]).ink.max() == 1
    with pytest.raises(PictureError, match="has no strokes"):
        drawn_picture([])
    with pytest.raises(PictureError, match="are no numbers"):
        drawn_picture([np.array([(0.0, float("nan"))])])
