"""Scans and virtual writers: the same for all characters of a person, and nothing where nothing is
asked.
"""

import numpy as np
import pytest
import torch
from scipy import ndimage

from vop_core.data.scans import (
    UNFORESEEN,
    Scan,
    blurred,
    drawn_scan,
    matrices,
    penned,
    scanned,
    transformed,
)
from vop_core.data.virtual_writers import OFF, VirtualWriters, written_by


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def ink():
    """Three persons, four characters each: a smooth spot somewhere near the middle."""
    spots = torch.zeros(12, 28, 28)
    for number, (row, column) in enumerate(torch.randint(9, 19, (12, 2), generator=seeded())):
        spots[number, row, column] = 1
    smooth = torch.from_numpy(ndimage.gaussian_filter(spots.numpy(), (0, 2, 2)))
    return (smooth / smooth.amax((1, 2), keepdim=True)).view(3, 4, 28, 28)


def test_a_scan_that_does_nothing_changes_nothing(ink):
    torch.testing.assert_close(scanned(ink, 3 * [Scan()], generator=seeded()), ink)


def test_a_scan_is_known_by_pool_and_name_and_only_unforeseen_ones_have_what_training_never_has():
    drawn = {pool: drawn_scan(pool, "a/1") for pool in ("training", "foreseen", "unforeseen")}
    assert drawn_scan("foreseen", "a/1") == drawn["foreseen"] != drawn_scan("foreseen", "a/2")
    assert len(set(drawn.values())) == 3
    assert [scan.kind for scan in drawn.values()][:2] == ["", ""]
    assert {drawn_scan("unforeseen", str(name)).kind for name in range(60)} == set(UNFORESEEN)
    assert drawn["foreseen"].description


@pytest.mark.parametrize("kind", ["", *sorted(UNFORESEEN)])
def test_persons_are_scanned_each_for_themselves_and_stay_in_range(ink, kind):
    scans = [drawn_scan("foreseen", str(person)) for person in range(3)]
    plain = [Scan(**(vars(scan) | {"noise": 0.0, "kind": kind})) for scan in scans]
    if kind in ("photocopy", "pencil", "ruled paper"):  # these draw
        plain = plain[:1]
    together = scanned(ink[: len(plain)], plain, generator=seeded())
    for person, scan in enumerate(plain):
        alone = scanned(ink[person : person + 1], [scan], generator=seeded())
        torch.testing.assert_close(together[person : person + 1], alone)
    assert together.min() >= 0 and together.max() <= 1
    assert together.shape == ink[: len(plain)].shape


def test_noise_has_the_strength_that_is_asked_for():
    paper = torch.zeros(1, 64, 28, 28)
    seen = scanned(paper, [Scan(noise=0.05, paper=0.5, ink=1.0)], generator=seeded())
    # nothing is cut off ten deviations away; a deviation's own error is 1 / sqrt(2 n)
    count = seen.numel()
    assert abs(seen.std() / 0.05 - 1) < 5 / (2 * count) ** 0.5
    assert abs(seen.mean() - 0.5) < 5 * 0.05 / count**0.5


def test_a_lens_out_of_focus_is_a_gaussian(ink):
    deviation = torch.tensor([0.1, 0.6, 1.0])
    seen = blurred(ink, deviation)
    torch.testing.assert_close(seen[0], ink[0], atol=1e-6, rtol=0)
    for person in (1, 2):
        expected = ndimage.gaussian_filter(
            ink[person].numpy(), (0, *2 * [float(deviation[person])]), radius=3, mode="constant"
        )
        torch.testing.assert_close(seen[person], torch.from_numpy(expected), atol=1e-5, rtol=0)


def middle(ink):
    """Centre of mass, (x, y) from the picture's middle."""
    place = torch.arange(28) - 13.5
    weight = ink / ink.sum((-2, -1), keepdim=True)
    return torch.stack((weight.sum(-2) @ place, weight.sum(-1) @ place), dim=-1)


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        ({}, lambda x, y: (x, y)),
        ({"slant": 0.3}, lambda x, y: (x - 0.3 * y, y)),  # what is above leans to the right
        ({"width": 0.8}, lambda x, y: (0.8 * x, y)),
        ({"height": 1.2}, lambda x, y: (x, 1.2 * y)),
        # clockwise, as y points down
        (
            {"turn": 0.2},
            lambda x, y: (
                np.cos(0.2) * x - np.sin(0.2) * y,
                np.sin(0.2) * x + np.cos(0.2) * y,
            ),
        ),
    ],
)
def test_a_hand_moves_every_point_where_it_says(ink, change, moves):
    values = {"slant": 0.0, "turn": 0.0, "width": 1.0, "height": 1.0} | change
    matrix = matrices(*(torch.tensor([value] * 3) for value in values.values()))
    before, after = middle(ink), middle(transformed(ink, matrix))
    expected = torch.stack([torch.as_tensor(each) for each in moves(*before.unbind(-1))], dim=-1)
    torch.testing.assert_close(after, expected.to(after.dtype), atol=0.05, rtol=0)


def test_a_broader_pen_adds_ink_and_the_finest_leaves_a_line_of_one_pixel():
    line = torch.zeros(5, 1, 28, 28)
    line[:, :, 5:20, 14] = 1
    pens = torch.tensor([-0.6, -0.3, 0.0, 0.4, 1.0])
    drawn = penned(line, pens)
    amount = drawn.sum((1, 2, 3))
    assert (amount.diff() > 0).all()
    torch.testing.assert_close(drawn[2], line[2])
    assert drawn[0, 0, 10, 14] > 0.3


def test_writers_who_change_nothing_leave_the_ink(ink):
    rows = torch.arange(12).view(3, 4)
    same = OFF({"original": ink.flatten(0, 1)}, rows, generator=seeded())
    torch.testing.assert_close(same, ink, atol=1e-5, rtol=0)


def test_a_virtual_writer_is_one_person():
    """The same character twice comes out alike from one hand, and unlike from two."""
    character = torch.rand(1, 1, 28, 28, generator=seeded())
    written = written_by(
        character.expand(4, 3, -1, -1), VirtualWriters(jitter=0.0), generator=seeded(1)
    )
    torch.testing.assert_close(written[:, 1:], written[:, :1].expand(-1, 2, -1, -1))
    for first in range(4):
        for second in range(first):
            assert (written[first, 0] - written[second, 0]).abs().max() > 0.05


def test_a_seed_is_a_step(ink):
    rows, variants = torch.arange(12).view(3, 4), {"original": ink.flatten(0, 1)}
    first, again, other = (
        VirtualWriters()(variants, rows, generator=seeded(seed)) for seed in (1, 1, 2)
    )
    torch.testing.assert_close(first, again)
    assert (first - other).abs().max() > 0.05
    assert first.shape == ink.shape
