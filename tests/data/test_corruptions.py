"""Corruptions: each does what it is called, and nothing leaves the range of a picture."""

import pytest
import torch

from tests.toys import seeded
from vop_core.data.corruptions import CORRUPTIONS, coloured, corrupted


@pytest.fixture
def pictures() -> torch.Tensor:
    ink = torch.zeros(6, 28, 28)
    ink[:, 8:20, 12:16] = 1.0
    return coloured(ink, generator=seeded(0))


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_a_picture_stays_one_and_is_another(kind, pictures):
    seen = corrupted(pictures, kind, generator=seeded(1))
    assert seen.shape == pictures.shape
    assert 0 <= float(seen.min()) <= float(seen.max()) <= 1
    assert not torch.allclose(seen, pictures, atol=0.01)
    assert seen.equal(corrupted(pictures, kind, generator=seeded(1)))


def test_ink_is_darker_than_its_paper(pictures):
    dark, light = pictures[:, :, 14, 14], pictures[:, :, 0, 0]
    assert (dark < light).all()


def test_saturation_moves_colours_and_no_greys(pictures):
    grey = pictures.mean(1, keepdim=True).expand_as(pictures)
    torch.testing.assert_close(corrupted(grey, "saturation", generator=seeded(0)), grey)
    seen = corrupted(pictures, "saturation", generator=seeded(0))
    torch.testing.assert_close(seen.amax(1), pictures.amax(1))
    apart = pictures.amax(1) - pictures.amin(1)
    assert (seen.amax(1) - seen.amin(1) >= apart - 1e-6).all()


def test_contrast_keeps_the_mean_and_takes_four_fifths_of_the_rest(pictures):
    seen = corrupted(pictures, "contrast", generator=seeded(0))
    torch.testing.assert_close(seen.mean((2, 3)), pictures.mean((2, 3)))
    torch.testing.assert_close(seen.std((2, 3)), 0.2 * pictures.std((2, 3)))


def test_noise_has_the_strength_that_it_says():
    """0.18 of the range, on grey of 0.5, of which next to nothing is cut off [IMAGENETC]."""
    grey = torch.full((40, 3, 28, 28), 0.5)
    seen = corrupted(grey, "Gaussian noise", generator=seeded(0))
    count = grey.numel()
    # cut at 2.8 standard deviations, which takes less than 2 % of the spread
    assert abs(float(seen.std()) / 0.18 - 1) < 0.02 + 4 / (2 * count) ** 0.5


def test_impulses_are_black_or_white_and_as_many_as_it_says():
    grey = torch.full((40, 3, 28, 28), 0.5)
    seen = corrupted(grey, "impulse noise", generator=seeded(0))
    hit = seen != 0.5
    assert set(seen[hit].unique().tolist()) == {0.0, 1.0}
    tolerance = 4 * (0.09 * 0.91 / grey.numel()) ** 0.5
    assert abs(float(hit.float().mean()) - 0.09) < tolerance


@pytest.mark.parametrize("kind", ["defocus blur", "Gaussian blur"])
def test_blur_keeps_the_mean_away_from_the_edges(kind, pictures):
    inside = (..., slice(4, 24), slice(4, 24))
    seen = corrupted(pictures, kind, generator=seeded(0))
    torch.testing.assert_close(seen[inside].mean((2, 3)), pictures[inside].mean((2, 3)))
    assert (seen[inside].std((2, 3)) < pictures[inside].std((2, 3))).all()
