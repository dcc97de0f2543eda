"""How many draws an answer needs."""

import pytest
import torch

from vop_core.variational.monte_carlo import draw_errors, draws_needed


def coin(draws: int, queries: int) -> torch.Tensor:
    """Probabilities 0.9 or 0.5, each in half of the draws: standard deviation 0.2."""
    generator = torch.Generator().manual_seed(0)
    first = torch.where(torch.rand(draws, queries, generator=generator) < 0.5, 0.9, 0.5)
    return torch.stack([first, 1 - first], -1)


def test_the_expected_error_falls_with_the_root_of_the_draws_and_blocks_show_it():
    errors = {each.draws: each for each in draw_errors(coin(1024, 200))}
    assert max(errors) == 4096
    for count, each in errors.items():
        assert each.expected == pytest.approx(0.2 / count**0.5, rel=0.02)
        if each.seen is not None and count <= 64:  # 16 blocks of 200 queries, 2.5 % error at most
            assert each.seen == pytest.approx(each.expected, rel=0.1)
    assert errors[1024].seen is None


def test_draws_that_agree_need_no_second_and_change_no_answer():
    alike = torch.tensor([0.7, 0.3]).expand(8, 3, 2)
    assert draws_needed(alike) == 1
    assert {each.changed for each in draw_errors(alike) if each.draws <= 4} == {0.0}


def test_as_many_draws_are_needed_as_the_variance_over_the_squared_error():
    assert draws_needed(coin(1024, 200), 0.02) == pytest.approx(0.04 / 0.0004, rel=0.04)


def test_one_draw_shows_no_error():
    with pytest.raises(ValueError, match="two draws"):
        draw_errors(coin(1, 2))
