"""What every method promises, whatever it does inside and whatever is personalized [VOP slides,
Method].
"""

import copy
import itertools
import json
from dataclasses import dataclass, replace

import pytest
import torch

from tests.toy_task import TwoLayers, TwoLayersConfig, digits_table
from tests.toys import LABELS, make_batch, make_encoder, make_table, make_vop, ready, seeded
from vop_core.data.features import FeatureTable
from vop_core.errors import EvaluationError, PersonFileError
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.personal import PersonalModel
from vop_core.methods.registry import METHODS as REGISTRY
from vop_core.methods.vop import FAMILIES
from vop_core.nets.hyper_personalizer import EVIDENCE
from vop_core.nets.registry import ENCODERS
from vop_core.training.batches import EpisodeBatch
from vop_core.types import Prediction
from vop_core.variational.aggregate import AGGREGATIONS

WORDS = torch.tensor([0, 2, 1])


@dataclass(frozen=True)
class Task:
    """Inputs and the global model that methods are made of."""

    table: FeatureTable
    encoder: type

    def inputs(self, *batch: int, seed: int = 0) -> torch.Tensor:
        rows = torch.randint(len(self.table), batch, generator=seeded(seed))
        return self.table.features[rows] + 0.1 * torch.randn(
            *batch, *self.table.features.shape[1:], generator=seeded(seed)
        )

    @property
    def enrollment(self) -> torch.Tensor:
        return self.inputs(3, seed=1)

    @property
    def query(self) -> torch.Tensor:
        return self.inputs(5, seed=2)

    def batch(self) -> EpisodeBatch:
        plain = make_batch()
        shots, queries = plain.enrollment.shape[1], plain.query.shape[1]
        return replace(
            plain, enrollment=self.inputs(3, shots, seed=3), query=self.inputs(3, queries, seed=4)
        )

    def global_model(self) -> GlobalModel:
        """Normalised by what it reads: an untrained encoder would answer every clip alike."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = ready(GlobalModel(self.encoder()))
        for norm in model.encoder.normalisations.values():
            norm.momentum = 1.0
        with torch.no_grad():
            model.train().encoder(self.inputs(64, seed=9))
        return model.eval()

    def method(self, name: str) -> PersonalizationMethod:
        """A method of the registry as the bench makes it, its own parts shaken so that persons
        differ.
        """
        with torch.random.fork_rng():
            torch.manual_seed(1)
            method = REGISTRY[name].from_global(self.global_model())
        with torch.no_grad():
            generator = seeded(1)
            for value in method.parameters():
                value.add_(0.05 * torch.randn(value.shape, generator=generator))
        method.prepare(self.table)
        return method.eval()


TASKS = {
    "speech": Task(make_table(), lambda: make_encoder(dropout=0.0)),
    "digits": Task(digits_table(labels=LABELS), lambda: TwoLayers(TwoLayersConfig(labels=LABELS))),
}
LAYERS = {
    "film": ("film",),
    "band film, classifier": ("band_film", "classifier"),
    "pointwise, classifier": ("pointwise", "classifier"),
}
# Every family with every rule and every layer; either evidence meets each of them.
VARIANTS = enumerate(itertools.product(FAMILIES, AGGREGATIONS, LAYERS))
METHODS = {
    ("speech", f"vop {family}, {rule}, {EVIDENCE[index % 2]}, {layers}"): (
        lambda family=family, rule=rule, evidence=EVIDENCE[index % 2], layers=layers: make_vop(
            family=family, aggregation=rule, evidence=evidence, personal_layers=LAYERS[layers]
        )
    )
    for index, (family, rule, layers) in VARIANTS
}
REGISTERED = list(itertools.product(TASKS, REGISTRY))
METHODS |= {
    (task, name): (lambda task=task, name=name: TASKS[task].method(name))
    for task, name in REGISTERED
}
TRAINED = [(task, name) for task, name in REGISTERED if REGISTRY[name].facts.trained]


@pytest.fixture(params=METHODS, ids=" ".join, scope="module")
def asked(request):
    """A task and a method on it."""
    torch.manual_seed(0)
    return TASKS[request.param[0]], METHODS[request.param]()


def enroll(method, clips, words=WORDS):
    """With labels where the method reads them, without where it does not."""
    return method.enroll(clips, words) if method.facts.labels else method.enroll(clips)


def answer(model, query, seed=3, draws=4):
    return model.predict(query, draws=draws, generator=seeded(seed))


def test_it_gives_a_personal_model_that_knows_its_clips(asked):
    task, method = asked
    personal = enroll(method, task.enrollment)
    assert isinstance(personal, PersonalModel)
    assert personal.shots == 3
    assert personal.heard(torch.cat((task.query, task.enrollment[1:2]))).tolist() == [False] * 5 + [
        True
    ]


def test_enrolling_and_predicting_leave_the_method_untouched(asked):
    task, method = asked
    before = copy.deepcopy(method.state_dict())
    modes = [module.training for module in method.modules()]
    answer(enroll(method, task.enrollment), task.query)
    for name, value in method.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert [module.training for module in method.modules()] == modes


def test_probabilities_are_probabilities(asked):
    task, method = asked
    for draws in (0, 4):
        prediction = answer(enroll(method, task.enrollment), task.query, draws=draws)
        assert isinstance(prediction, Prediction)
        assert prediction.probabilities.shape == (len(task.query), LABELS)
        torch.testing.assert_close(prediction.probabilities.sum(-1), torch.ones(len(task.query)))
        assert (prediction.lower <= prediction.probabilities + 1e-6).all() or draws
        torch.testing.assert_close(prediction.total, prediction.aleatoric + prediction.epistemic)
    assert (prediction.epistemic.max() > 1e-6) == method.facts.drawn


def test_the_order_of_the_clips_is_irrelevant(asked):
    task, method = asked
    forward, backward = (
        enroll(method, task.enrollment),
        enroll(method, task.enrollment.flip(0), WORDS.flip(0)),
    )
    first, second = (answer(each, task.query).probabilities for each in (forward, backward))
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)


def test_the_same_generator_gives_the_same_prediction(asked):
    task, method = asked
    personal = enroll(method, task.enrollment)
    first, second = (answer(personal, task.query).probabilities for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_a_query_is_answered_whatever_stands_beside_it(asked):
    """Batch normalisation in training mode would break this."""
    task, method = asked
    personal = enroll(method, task.enrollment)
    together = personal.predict(task.query).probabilities
    alone = torch.cat([personal.predict(clip[None]).probabilities for clip in task.query])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_persons_answered_together_are_persons_answered_one_by_one(asked):
    task, method = asked
    enrollment, query = task.inputs(3, 2, seed=4), task.inputs(3, 5, seed=5)
    words = torch.tensor([[0, 1], [2, 2], [1, 0]])
    known = {"labels": words} if method.facts.labels else {}
    together = method.predict_persons(enrollment, query, **known)
    for person in range(3):
        alone = (
            enroll(method, enrollment[person], words[person]).predict(query[person]).probabilities
        )
        torch.testing.assert_close(together[person], alone, rtol=1e-4, atol=1e-5)


def test_a_person_is_saved_and_loaded_exactly(asked, tmp_path):
    task, method = asked
    personal = enroll(method, task.enrollment)
    personal.save(tmp_path / "person", task="toy")
    loaded = method.load_person(tmp_path / "person", task="toy")
    first, second = (answer(each, task.query).probabilities for each in (personal, loaded))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert (loaded.shots, loaded.bytes) == (3, personal.bytes)
    assert loaded.heard(task.enrollment).all() and not loaded.heard(task.query).any()


def test_a_person_is_frozen_into_a_plain_network_of_the_encoders_kind(asked):
    task, method = asked
    personal = enroll(method, task.enrollment)
    if not method.facts.foldable:
        with pytest.raises(EvaluationError, match="plain network"):
            personal.freeze()
        return
    frozen = personal.freeze()
    assert type(frozen) is type(method.encoder) and not frozen.training
    assert frozen.state_dict().keys() == method.encoder.state_dict().keys()
    with torch.no_grad():
        found = frozen(task.query).softmax(-1)
    torch.testing.assert_close(
        found, personal.predict(task.query).probabilities, rtol=1e-4, atol=1e-5
    )


def test_a_posterior_is_shown_where_one_is_kept_and_refused_where_none_is(asked):
    task, method = asked
    personal = enroll(method, task.enrollment)
    if not method.facts.posterior:
        with pytest.raises(EvaluationError, match="no posterior"):
            personal.layer_posterior("classifier")
        return
    frozen = method.encoder.personal_layout(method.config.personal_layers).flatten_global(
        personal.freeze().state_dict()
    )
    shown = torch.cat([personal.layer_posterior(layer).mean for layer in personal.layer_names])
    torch.testing.assert_close(shown, frozen, rtol=1e-4, atol=1e-5)
    assert personal.clip_posteriors.batch_shape == (3,)
    assert personal.health.persons == 1


def test_somebody_of_whom_there_is_no_clip_has_the_prior_or_is_refused(asked):
    task, method = asked
    if not method.facts.prior and method.facts.personal:
        with pytest.raises(EvaluationError, match="without enrollment"):
            method.prior_model()
        return
    found = method.prior_model().predict(task.query).probabilities
    torch.testing.assert_close(
        found, method.predict_persons(None, task.query[None])[0], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(("task", "name"), REGISTERED)
def test_a_method_is_built_again_from_its_description(task, name, monkeypatch):
    monkeypatch.setitem(ENCODERS, TwoLayers.name, TwoLayers)
    method = TASKS[task].method(name)
    built = REGISTRY[name].from_description(json.loads(json.dumps(method.description())))
    built.load_state_dict(method.state_dict())
    assert built.fingerprint == method.fingerprint


def test_another_methods_person_is_refused_though_the_weights_are_the_same(tmp_path):
    task = TASKS["digits"]
    tent, adabn = (REGISTRY[name].from_global(task.global_model()) for name in ("tent", "adabn"))
    tent.enroll(task.enrollment).save(tmp_path / "person")
    with pytest.raises(PersonFileError, match="another model"):
        adabn.load_person(tmp_path / "person")


@pytest.mark.parametrize(("task", "name"), REGISTERED)
def test_a_method_that_reads_labels_says_so_when_it_gets_none(task, name):
    task = TASKS[task]
    method = task.method(name)
    if method.facts.labels:
        with pytest.raises(EvaluationError, match="labels"):
            method.enroll(task.enrollment)
    else:
        other = task.method(name).enroll(task.enrollment, 2 - WORDS)
        same = answer(method.enroll(task.enrollment), task.query).probabilities
        torch.testing.assert_close(answer(other, task.query).probabilities, same, rtol=0, atol=0)


@pytest.mark.parametrize("name", REGISTRY)
def test_no_clip_is_refused_in_one_sentence(name):
    task = TASKS["digits"]
    with pytest.raises(EvaluationError, match="at least one clip"):
        enroll(task.method(name), task.enrollment[:0], WORDS[:0])


@pytest.mark.parametrize(("task", "name"), REGISTERED)
def test_what_is_kept_of_persons_has_a_person_axis_and_only_personal_methods_read_clips(task, name):
    task = TASKS[task]
    method = task.method(name)
    clips = torch.stack([task.inputs(3, seed=seed) for seed in (1, 6)])
    words = WORDS.expand(2, 3) if method.facts.labels else None
    with torch.no_grad():
        represented = method.represent(clips.flatten(0, 1)).unflatten(0, (2, 3))
        adaptation = method.adapt(represented, words)
        answers = method.predict_proba(
            adaptation, represented[:1].expand(2, *represented.shape[1:])
        )
    assert all(value.shape[0] == 2 for value in adaptation.values())
    assert bool(torch.equal(answers[0], answers[1])) is not method.facts.personal


@pytest.mark.parametrize(("task", "name"), TRAINED)
def test_a_trained_method_has_a_loss_that_reaches_what_it_trains(task, name):
    method = TASKS[task].method(name).train()
    loss, logs = method.loss(
        TASKS[task].batch(), progress=0.5, label_smoothing=0.0, generator=seeded()
    )
    loss.backward()
    assert loss.isfinite() and set(logs) >= {"loss"}
    reached = [
        key
        for key, value in method.named_parameters()
        if value.grad is not None and value.grad.any()
    ]
    assert any(key.startswith("encoder.") for key in reached)
    own = [key for key, _ in method.named_parameters() if not key.startswith("encoder.")]
    assert not own or set(own) & set(reached)


@pytest.mark.parametrize(("task", "name"), TRAINED)
def test_a_trained_method_starts_at_the_global_models_answers(task, name):
    """Then whatever it becomes was learned in the bench's few steps; dropout and draws aside."""
    task = TASKS[task]
    model = task.global_model()
    method = REGISTRY[name].from_global(model)
    method.prepare(task.table)
    found = enroll(method, task.enrollment).predict(task.query).probabilities
    expected = model.predict(task.query).probabilities
    assert (found - expected).abs().max() < 0.15


@pytest.mark.parametrize("name", REGISTRY)
def test_the_settings_that_are_tried_are_different_and_the_first_is_the_default(name):
    choices = REGISTRY[name].choices()
    assert len(set(map(repr, choices))) == len(choices)
    assert all(isinstance(choice, REGISTRY[name].config_type) for choice in choices)
