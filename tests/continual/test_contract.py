"""What holds of every server method and every adaptation on the device."""

from dataclasses import replace

import pytest
import torch

from tests.continual.conftest import FEW_STEPS, LABELS, SIDE
from vop_core.continual.asking import ACCURACY, WHEN_LEARNED, WRONG, asked
from vop_core.continual.base import Experts
from vop_core.continual.learning import learn
from vop_core.continual.local import answers
from vop_core.continual.local_registry import LOCAL_ADAPTATIONS
from vop_core.continual.merging import mode_merged
from vop_core.continual.registry import SERVER_METHODS
from vop_core.nets.conv4 import Conv4, Conv4Config
from vop_core.nets.mlp import Mlp, MlpConfig


@pytest.fixture(scope="module")
def trained(sequence) -> dict[str, Experts]:
    """Every training once."""
    found = {}
    for name in {kind.facts.trained_as or kind.name for kind in SERVER_METHODS.values()}:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            encoder = Conv4(Conv4Config(labels=LABELS, side=SIDE, channels=4)).eval()
        states = learn(SERVER_METHODS[name](), encoder, sequence, FEW_STEPS)
        found[name] = Experts(encoder, sequence, states)
    return found


def experts_of(trained: dict[str, Experts], name: str) -> Experts:
    return trained[SERVER_METHODS[name].facts.trained_as or name]


@pytest.mark.parametrize("name", SERVER_METHODS)
def test_it_names_itself_its_training_and_its_source(name):
    facts = SERVER_METHODS[name].facts
    assert SERVER_METHODS[name].name == name
    assert (facts.trained_as or name) in SERVER_METHODS
    assert SERVER_METHODS[facts.trained_as or name].facts.trained_as is None
    assert facts.summary.endswith(".")


@pytest.mark.parametrize("name", SERVER_METHODS)
def test_users_get_whole_models_and_others_only_where_it_says_so(name, trained, sequence):
    method, experts = SERVER_METHODS[name](), experts_of(trained, name)
    for stage in range(len(sequence.tasks)):
        (users,) = sequence.batches(stage)
        weights = method.weights(experts, stage, stage, users)
        assert weights.keys() == experts.encoder.state_dict().keys()
        rows = {len(value) for value in weights.values()}
        assert rows <= ({1, len(users)} if method.facts.personal else {1})
        assert method.facts.personal == (len(users) in rows)
        assert all(value.isfinite().all() for value in weights.values())


@pytest.mark.parametrize("name", SERVER_METHODS)
def test_after_one_task_there_is_nothing_to_merge(name, trained, sequence):
    """Of a single model every mean is that model."""
    method, experts = SERVER_METHODS[name](), experts_of(trained, name)
    (users,) = sequence.batches(0)
    weights = method.weights(experts, 0, 0, users)
    for key, value in weights.items():
        expected = experts.states[0][key].expand_as(value)
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SERVER_METHODS)
def test_what_travels_is_counted_by_what_the_method_says(name, trained, sequence):
    method, experts = SERVER_METHODS[name](), experts_of(trained, name)
    size = 4 * sum(value.numel() for value in experts.encoder.parameters())
    traffic = method.traffic(experts.encoder, len(sequence.tasks))
    assert traffic.down % size == traffic.up % size == 0
    assert traffic.down >= size
    # only what is made for one user needs anything of this user
    assert bool(traffic.up) == bool(traffic.kept) == method.facts.personal


@pytest.mark.parametrize("name", ["mas-racl", "fim-racl", "fim-labels-racl"])
def test_each_user_is_merged_for_by_their_own_samples(name, trained, sequence):
    """And in the control by the next user's."""
    method, experts = SERVER_METHODS[name](), experts_of(trained, name)
    (right,), (wrong,) = (list(sequence.batches(2, wrong=each)) for each in (False, True))
    own = method.weights(experts, 2, 2, right)
    lent = method.weights(experts, 2, 2, wrong, wrong=True)
    models = [experts.parameters(task) for task in range(3)]
    for place, user in enumerate(right.users.tolist()):
        counts = [
            {
                key: value[[user]]
                for key, value in experts.user_importance(method.kind, task).items()
            }
            for task in range(3)
        ]
        for key, value in mode_merged(models, counts, sequence.tasks).items():
            torch.testing.assert_close(own[key][place], value[0])
            torch.testing.assert_close(lent[key][(place - 1) % len(right)], value[0])
    assert not own["norms.0.norm.weight"][0].equal(own["norms.0.norm.weight"][1])


@pytest.mark.parametrize("name", LOCAL_ADAPTATIONS)
def test_an_adaptation_moves_nothing_but_normalisations(name, trained, sequence):
    kind, experts = LOCAL_ADAPTATIONS[name], trained["task-experts"]
    (users,) = sequence.batches(1)
    weights = SERVER_METHODS["mean-imm"]().weights(experts, 2, 1, users)
    local = kind()
    local.prepare(experts.encoder, sequence.of_task(sequence.server, 1))
    own = local.adapt(experts, weights, 1, users)
    assert own.keys() == weights.keys()
    moved = {key for key in own if own[key] is not weights[key]}
    norms = tuple(experts.encoder.normalisations)
    assert all(key.startswith(norms) for key in moved)
    assert bool(moved) == (name != "as sent")
    assert not any(value.requires_grad for value in own.values())
    said = answers(experts.encoder, own, users, sequence.tasks[1])
    assert said.shape == (*users.asked.shape[:2], 2)
    assert said.isfinite().all()


@pytest.mark.parametrize(
    "name", [name for name, kind in LOCAL_ADAPTATIONS.items() if not kind.facts.labels]
)
def test_without_labels_nothing_follows_from_them(name, trained, sequence):
    experts = trained["task-experts"]
    (users,) = sequence.batches(0)
    other = replace(users, own_label=1 - users.own_label)
    weights = SERVER_METHODS["mean-imm"]().weights(experts, 2, 0, users)
    local = LOCAL_ADAPTATIONS[name]()
    local.prepare(experts.encoder, sequence.of_task(sequence.server, 0))
    fresh = Experts(experts.encoder, sequence, experts.states)
    for key, value in local.adapt(experts, weights, 0, users).items():
        torch.testing.assert_close(local.adapt(fresh, weights, 0, other)[key], value)


def test_a_user_is_asked_as_if_nobody_else_was_there(trained, sequence):
    """Weights of each, in one pass, against an encoder that holds them."""
    experts = trained["task-experts"]
    (users,) = sequence.batches(1)
    weights = SERVER_METHODS["mas-racl"]().weights(experts, 2, 1, users)
    together = answers(experts.encoder, weights, users, sequence.tasks[1])
    for place in range(len(users)):
        alone = Conv4(experts.encoder.config).eval()
        alone.load_state_dict({n: v[min(place, len(v) - 1)] for n, v in weights.items()})
        said = alone(users.asked[place])[:, list(sequence.tasks[1])]
        torch.testing.assert_close(together[place], said, rtol=1e-4, atol=1e-4)


def test_the_released_adaptation_leaves_the_users_statistics_behind(trained, sequence):
    """What the talk's column measures: scale 1 and shift 0, whoever the user is."""
    experts = trained["task-experts"]
    (right,), (wrong,) = (list(sequence.batches(1, wrong=each)) for each in (False, True))
    weights = SERVER_METHODS["mean-imm"]().weights(experts, 2, 1, right)
    released, copied = (
        LOCAL_ADAPTATIONS[n]() for n in ("adabn, released", "adabn, statistics copied")
    )
    one, other = (released.adapt(experts, weights, 1, users) for users in (right, wrong))
    assert all(value.equal(other[name]) for name, value in one.items())
    for name in experts.encoder.normalisations:
        assert (one[f"{name}.weight"] == 1).all()
        assert one[f"{name}.running_mean"].equal(weights[f"{name}.running_mean"])
    one, other = (copied.adapt(experts, weights, 1, users) for users in (right, wrong))
    assert not all(value.equal(other[name]) for name, value in one.items())


@pytest.mark.parametrize("name", ["mas-racl", "mean-imm"])
def test_every_user_is_asked_about_every_task(name, trained, sequence):
    table = asked(SERVER_METHODS[name](), experts_of(trained, name), LOCAL_ADAPTATIONS)
    tasks, users = len(sequence.tasks), len(sequence.users)
    assert table["value"].between(0, 1).all()
    for row in LOCAL_ADAPTATIONS:
        own = table[table["row"] == row]
        assert (own["metric"] == ACCURACY).sum() == tasks * users
        # the last task is asked about as it is learned
        assert (own["metric"] == WHEN_LEARNED).sum() == (tasks - 1) * users
        personal = SERVER_METHODS[name].facts.personal or LOCAL_ADAPTATIONS[row].facts.personal
        assert (table["row"] == row + WRONG).any() == personal


def test_a_network_without_normalisations_is_asked_as_it_is_sent(sequence):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = Mlp(MlpConfig(labels=LABELS, shape=(SIDE, SIDE), hidden=(8,))).eval()
    states = learn(SERVER_METHODS["task-experts"](), encoder, sequence, FEW_STEPS)
    experts = Experts(encoder, sequence, states)
    table = asked(SERVER_METHODS["fim-imm"](), experts, LOCAL_ADAPTATIONS)
    assert set(table["row"]) == {"as sent"}
