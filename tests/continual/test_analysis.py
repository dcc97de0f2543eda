"""What importance depends on, told by rank correlations with known limits."""

from dataclasses import replace

import pytest
import torch

from tests.continual.conftest import FEW_STEPS, LABELS, SIDE, make_sequence
from vop_core.continual.analysis import KINDS, importance_figures, importance_maps
from vop_core.continual.base import Experts
from vop_core.continual.importance import state_of
from vop_core.continual.learning import learn
from vop_core.continual.registry import SERVER_METHODS
from vop_core.nets.mlp import Mlp, MlpConfig


def network() -> Mlp:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Mlp(MlpConfig(labels=LABELS, shape=(SIDE, SIDE), hidden=(8,))).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_one_figure_for_every_pair(kind):
    sequence, encoder = make_sequence(), network()
    states = learn(SERVER_METHODS["task-experts"](), encoder, sequence, FEW_STEPS)
    figures = importance_figures(Experts(encoder, sequence, states))[kind]
    users, tasks = 3, 3
    pairs = tasks * (tasks - 1) // 2
    assert len(figures["users"]) == users * tasks
    assert len(figures["data"]) == len(figures["models"]) == tasks * pairs
    assert all(-1 <= value <= 1 for values in figures.values() for value in values)


def test_a_user_with_the_servers_own_samples_agrees_with_it():
    """Of one batch, whose order does not count, both are one importance."""
    whole, encoder = make_sequence(), network()
    one = whole.server.select(whole.server.person == 0)
    alike = replace(whole, server=one, own=one, asked=one)
    figures = importance_figures(Experts(encoder, alike, [state_of(encoder)] * 3))
    assert min(figures["mas"]["users"]) == pytest.approx(1.0, abs=1e-3)


def test_a_map_shows_where_the_picture_counts():
    """A network that looks at one corner alone finds nothing elsewhere."""
    sequence, encoder = make_sequence(), network()
    with torch.no_grad():
        encoder.layers[0].bias.fill_(1.0)
        encoder.layers[0].weight.zero_()
    bright = sequence.server.variants["original"].clone()
    bright[:, 4:, :] = 0.0
    server = replace(sequence.server, variants={"original": bright})
    told = replace(sequence, server=server)
    maps = importance_maps(Experts(encoder, told, [state_of(encoder)] * 3))
    assert set(maps["users"]) == set(sequence.users)
    for of_task in maps["server"]:
        seen = torch.tensor(of_task)
        assert seen.shape == (SIDE // 2, SIDE // 2)
        assert float(seen.max()) == 1.0
        assert not seen[2:].any()
