"""What every method promises, whatever it does inside and whatever is personalized [VOP slides,
Method].
"""

import copy
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property

import pytest
import torch
from torch.nn import functional

from tests.toy_task import TwoLayers, TwoLayersConfig, digits_table
from tests.toys import (
    LABELS,
    make_batch,
    make_encoder,
    make_table,
    make_vop,
    ready,
    seeded,
    train_config,
)
from vop_core.data.features import FeatureTable
from vop_core.errors import EvaluationError, PersonFileError
from vop_core.methods.amortised_vop import FAMILIES, AmortisedVop
from vop_core.methods.anil import Anil
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.personal import PersonalModel
from vop_core.methods.registry import METHODS as REGISTRY
from vop_core.methods.vop import Vop
from vop_core.modes import visited
from vop_core.nets.hyper_personalizer import EVIDENCE
from vop_core.nets.registry import ENCODERS
from vop_core.training.batches import EpisodeBatch, EpisodeSampler, RepresentedEpisodes
from vop_core.training.loop import train
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

    @cached_property
    def enrollment(self) -> torch.Tensor:
        return self.inputs(3, seed=1)

    @cached_property
    def query(self) -> torch.Tensor:
        return self.inputs(5, seed=2)

    def batch(self) -> EpisodeBatch:
        plain = make_batch()
        shots, queries = plain.enrollment.shape[1], plain.query.shape[1]
        return replace(
            plain, enrollment=self.inputs(3, shots, seed=3), query=self.inputs(3, queries, seed=4)
        )

    @cached_property
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

    def fresh(self, name: str, config=None) -> PersonalizationMethod:
        """A method of the registry as the bench makes it."""
        with torch.random.fork_rng():
            torch.manual_seed(1)
            method = REGISTRY[name].from_global(self.global_model, config)
        method.prepare(self.table)
        return method

    def shaken(self, name: str, config=None) -> PersonalizationMethod:
        """The same with its own parts shaken, so that persons differ."""
        method, generator = self.fresh(name, config), seeded(1)
        with torch.no_grad():
            for value in method.parameters():
                value.add_(0.05 * torch.randn(value.shape, generator=generator))
        method.prepare(self.table)
        return method


TASKS = {
    "speech": Task(make_table(), lambda: make_encoder(dropout=0.0)),
    "digits": Task(digits_table(labels=LABELS), lambda: TwoLayers(TwoLayersConfig(labels=LABELS))),
}
LAYERS = {
    "film": ("film",),
    "band film, classifier": ("band_film", "classifier"),
    "pointwise, classifier": ("pointwise", "classifier"),
}
# Every rule with every layer; either family and either evidence meet each of them, and each other.
METHODS = {
    ("speech", f"vop {rule}, {layers}"): {
        "aggregation": rule,
        "personal_layers": LAYERS[layers],
        "family": FAMILIES[(row + column) % 2],
        "evidence": EVIDENCE[(row // 2 + column) % 2],
    }
    for row, rule in enumerate(AGGREGATIONS)
    for column, layers in enumerate(LAYERS)
}
REGISTERED = list(itertools.product(TASKS, REGISTRY))
TRAINED = [name for name, kind in REGISTRY.items() if kind.facts.trained]


@cache
def made(task: str, name: str) -> PersonalizationMethod:
    """A method to look at: a test that changes it takes a copy."""
    if name in REGISTRY:
        return TASKS[task].shaken(name)
    return make_vop(**METHODS[task, name])


@pytest.fixture(params=[*METHODS, *REGISTERED], ids=" ".join, scope="module")
def asked(request):
    """A task and a method on it."""
    return TASKS[request.param[0]], made(*request.param)


@pytest.fixture(params=REGISTERED, ids=" ".join, scope="module")
def registered(request):
    """The same, of the registry only."""
    return TASKS[request.param[0]], made(*request.param)


@pytest.fixture(scope="module")
def personal(asked):
    """The person who says the task's enrollment."""
    task, method = asked
    return enroll(method, task.enrollment)


def enroll(method, clips, words=WORDS):
    """With labels where the method reads them, without where it does not."""
    return method.enroll(clips, words) if method.facts.labels else method.enroll(clips)


def answer(model, query, seed=3, draws=4):
    return model.predict(query, draws=draws, generator=seeded(seed))


def step_of(method, batch, *, generator_seed=0):
    """The loss of a step, and what is logged."""
    return method.loss(batch, progress=0.5, generator=seeded(generator_seed))


def same(first, second):
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def close(first, second):
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)


def meanwhile(method, act, other):
    """What ``act`` gives; in the middle of its first pass, ``other`` runs in another thread."""
    found = []

    def interrupt(*_):
        if not found:
            found.append(None)
            with ThreadPoolExecutor(1) as threads:
                found[0] = threads.submit(other).result()

    norms = list(method.encoder.normalisations.values())
    with visited({norms[len(norms) // 2]: interrupt}):
        return act(), found[0] if found else other()


# --- one person -----------------------------------------------------------------------------------


def test_it_gives_a_personal_model_that_knows_its_clips(asked, personal):
    task, _ = asked
    assert isinstance(personal, PersonalModel)
    assert personal.shots == 3
    assert personal.heard(torch.cat((task.query, task.enrollment[1:2]))).tolist() == [False] * 5 + [
        True
    ]


def test_enrolling_and_predicting_leave_the_method_untouched_even_in_its_training(asked, personal):
    task, method = asked
    before = {key: value.clone() for key, value in method.train().state_dict().items()}
    found = answer(enroll(method, task.enrollment), task.query)
    same(dict(method.state_dict()), before)
    assert all(part.training and not part._forward_hooks for part in method.modules())
    method.eval()
    assert all(value.grad is None for value in method.parameters())
    same(found.probabilities, answer(personal, task.query).probabilities)


def test_probabilities_are_probabilities(asked, personal):
    task, method = asked
    for draws in (0, 4):
        prediction = answer(personal, task.query, draws=draws)
        assert isinstance(prediction, Prediction)
        assert prediction.probabilities.shape == (len(task.query), LABELS)
        assert (prediction.probabilities >= 0).all()
        torch.testing.assert_close(prediction.probabilities.sum(-1), torch.ones(len(task.query)))
        assert (prediction.lower <= prediction.probabilities + 1e-6).all() or draws
        torch.testing.assert_close(prediction.total, prediction.aleatoric + prediction.epistemic)
    assert (prediction.epistemic.max() > 1e-6) == method.facts.drawn


def test_the_same_generator_gives_the_same_prediction_and_none_is_refused(asked, personal):
    task, method = asked
    first, second = (answer(personal, task.query).probabilities for _ in range(2))
    same(first, second)
    if method.facts.drawn:
        with pytest.raises(ValueError, match="needs a generator"):
            personal.predict(task.query, draws=2)


def test_two_who_enroll_and_ask_at_once_know_nothing_of_each_other(asked, personal):
    """Visitors of the app share a method, each in a thread of their own."""
    task, method = asked
    clips, query = task.inputs(3, seed=11), task.inputs(4, seed=12)
    other = enroll(method, clips)
    expected = [answer(personal, task.query), answer(other, query)]
    both = meanwhile(method, lambda: enroll(method, task.enrollment), lambda: enroll(method, clips))
    asked_alone = [answer(both[0], task.query), answer(both[1], query)]
    asked_at_once = meanwhile(
        method, lambda: answer(both[0], task.query), lambda: answer(both[1], query)
    )
    for found in (asked_alone, asked_at_once):
        for one, alone in zip(found, expected, strict=True):
            same(one.probabilities, alone.probabilities)


def test_the_order_of_the_clips_is_irrelevant(asked):
    """An untrained network is steep: it enlarges what the order of a sum rounds differently, and
    gradient steps so much that double precision is needed.
    """
    task, method = asked
    precision = torch.float64 if method.facts.gradients else torch.float32
    exact = copy.deepcopy(method).to(precision)
    clips, query = task.enrollment.to(precision), task.query.to(precision)
    first, second = (
        answer(enroll(exact, clips[order], WORDS[order]), query).probabilities
        for order in (torch.arange(3), torch.arange(3).flip(0))
    )
    torch.testing.assert_close(first, second, rtol=0, atol=1e-3)


def test_a_query_is_answered_whatever_stands_beside_it(asked, personal):
    """Batch normalisation in training mode would break this."""
    task, _ = asked
    together = personal.predict(task.query).probabilities
    close(together, torch.cat([personal.predict(clip[None]).probabilities for clip in task.query]))


def test_persons_answered_together_are_persons_answered_one_by_one(asked):
    task, method = asked
    # distances between the large features of an untrained encoder magnify rounding
    method = copy.deepcopy(method).double()
    enrollment, query = task.inputs(2, 2, seed=4).double(), task.inputs(2, 5, seed=5).double()
    words = torch.tensor([[0, 1], [2, 2]])
    known = {"labels": words} if method.facts.labels else {}
    together = method.predict_persons(enrollment, query, **known)
    for person in range(2):
        alone = enroll(method, enrollment[person], words[person])
        close(together[person], alone.predict(query[person]).probabilities)


def test_a_person_is_saved_and_loaded_exactly(asked, personal, tmp_path):
    task, method = asked
    personal.save(tmp_path / "person", task="toy")
    loaded = method.load_person(tmp_path / "person", task="toy")
    same((loaded.adaptation, loaded.clips), (personal.adaptation, personal.clips))
    same(*(answer(each, task.query).probabilities for each in (personal, loaded)))
    assert (loaded.shots, loaded.bytes) == (3, personal.bytes)
    assert loaded.heard(task.enrollment).all() and not loaded.heard(task.query).any()


def test_a_person_is_frozen_into_a_plain_network_of_the_encoders_kind(asked, personal):
    task, method = asked
    if not method.facts.foldable:
        with pytest.raises(EvaluationError, match="plain network"):
            personal.freeze()
        return
    before = {key: value.clone() for key, value in method.state_dict().items()}
    frozen = personal.freeze()
    assert type(frozen) is type(method.encoder) and not frozen.training
    assert frozen.state_dict().keys() == method.encoder.state_dict().keys()
    with torch.no_grad():
        close(frozen(task.query).softmax(-1), personal.predict(task.query).probabilities)
        for value in frozen.parameters():
            value.add_(1)
    same(dict(method.state_dict()), before)


def test_a_posterior_is_shown_where_one_is_kept_and_refused_where_none_is(asked, personal):
    _, method = asked
    if not method.facts.posterior:
        with pytest.raises(EvaluationError, match="no posterior"):
            personal.layer_posterior("classifier")
        return
    frozen = method.layout.flatten_global(personal.freeze().state_dict())
    close(
        torch.cat([personal.layer_posterior(layer).mean for layer in personal.layer_names]), frozen
    )
    assert personal.clip_posteriors.batch_shape == (3,)
    assert personal.health.posterior.persons == 1
    assert personal.health.verdict in ("not judged", "prior", "point mass")


def test_somebody_of_whom_there_is_no_clip_has_the_prior_or_is_refused(asked):
    task, method = asked
    if not method.facts.prior and method.facts.personal:
        with pytest.raises(EvaluationError, match="without enrollment"):
            method.prior_model()
        return
    nobody = method.prior_model()
    close(
        nobody.predict(task.query).probabilities, method.predict_persons(None, task.query[None])[0]
    )
    assert nobody.shots == 0 and not nobody.heard(task.enrollment).any()


# --- the registry ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "name"), REGISTERED)
def test_a_method_is_built_again_from_its_description(task, name, monkeypatch):
    monkeypatch.setitem(ENCODERS, TwoLayers.name, TwoLayers)
    for method in (made(task, name), TASKS[task].fresh(name, REGISTRY[name].choices()[-1])):
        built = REGISTRY[name].from_description(json.loads(json.dumps(method.description())))
        assert built.config == method.config
        built.load_state_dict(method.state_dict())
        assert built.fingerprint == method.fingerprint


def test_another_methods_person_is_refused_though_the_weights_are_the_same(tmp_path):
    task = TASKS["digits"]
    tent, adabn = (task.fresh(name) for name in ("tent", "adabn"))
    tent.enroll(task.enrollment).save(tmp_path / "person")
    with pytest.raises(PersonFileError, match="another model"):
        adabn.load_person(tmp_path / "person")


def test_a_method_reads_labels_only_if_it_says_so_and_asks_for_them_then(asked, personal):
    task, method = asked
    other = method.enroll(task.enrollment, 2 - WORDS)
    alike = (
        torch.equal(value, other.adaptation[key]) for key, value in personal.adaptation.items()
    )
    assert all(alike) is not method.facts.labels
    if method.facts.labels:
        with pytest.raises(EvaluationError, match="labels"):
            method.enroll(task.enrollment)


@pytest.mark.parametrize("name", REGISTRY)
def test_no_clip_is_refused_in_one_sentence(name):
    with pytest.raises(EvaluationError, match=r"^[^.]*at least one clip[^.]*\.$"):
        enroll(made("digits", name), TASKS["digits"].enrollment[:0], WORDS[:0])


def test_what_is_kept_of_persons_has_a_person_axis_and_only_personal_methods_read_clips(registered):
    task, method = registered
    clips = torch.stack([task.inputs(3, seed=seed) for seed in (1, 6)])
    words = WORDS.expand(2, 3) if method.facts.labels else None
    with torch.no_grad():
        represented = method.represent(clips.flatten(0, 1)).unflatten(0, (2, 3))
        adaptation = method.adapt(represented, words)
        answers = method.predict_proba(
            adaptation, represented[:1].expand(2, *represented.shape[1:])
        )
    assert all(len(value) == 2 and not value.requires_grad for value in adaptation.values())
    assert bool(torch.equal(answers[0], answers[1])) is not method.facts.personal
    with torch.inference_mode():
        close(dict(method.adapt(represented.clone(), words)), dict(adaptation))
    assert (method.gradient_steps > 0) is method.facts.gradients


@pytest.mark.parametrize("name", REGISTRY)
def test_every_setting_that_is_tried_works_none_twice_and_the_first_is_the_default(name):
    task, choices = TASKS["digits"], REGISTRY[name].choices()
    assert len(set(map(repr, choices))) == len(choices)
    assert made("digits", name).config == choices[0]
    for config in choices:
        assert isinstance(config, REGISTRY[name].config_type)
        found = enroll(task.shaken(name, config), task.enrollment)
        assert all(value.isfinite().all() for value in found.adaptation.values())
        probabilities = found.predict(task.query).probabilities
        torch.testing.assert_close(probabilities.sum(-1), torch.ones(len(task.query)))


@pytest.mark.parametrize("kind", dict.fromkeys(kind.config_type for kind in REGISTRY.values()))
def test_a_rule_for_a_setting_is_not_lost_where_a_class_gives_another_default(kind):
    for base in kind.__mro__[1:-1]:
        for each in fields(base):
            assert each.metadata.get("rule") == kind.__dataclass_fields__[each.name].metadata.get(
                "rule"
            )


# --- training -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("task", TASKS)
def test_every_parameter_learns_from_the_loss(task, name):
    method = copy.deepcopy(made(task, name)).train()
    loss, logs = step_of(method, TASKS[task].batch())
    loss.backward()
    assert loss.isfinite() and logs["loss"] == loss
    assert all(value.isfinite() and not value.requires_grad for value in logs.values())
    for key, value in method.named_parameters():
        if method.facts.every_class and key.startswith("encoder.classifier"):
            assert value.grad is None  # everybody's has nothing to say of classes that are new
        else:
            assert value.grad is not None and value.grad.isfinite().all(), key


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("task", TASKS)
def test_clips_that_are_not_present_do_not_count(task, name):
    """A person is as if there were no place for them, whatever stands there."""
    method, batch = made(task, name), TASKS[task].batch()
    for person, count in enumerate(batch.present.sum(1).tolist()):
        one = EpisodeBatch(**{key: value[[person]] for key, value in vars(batch).items()})
        hidden = replace(one, enrollment=one.enrollment.clone())
        hidden.enrollment[:, count:] = 1e4
        only = replace(
            one,
            enrollment=one.enrollment[:, :count],
            present=one.present[:, :count],
            enrollment_labels=one.enrollment_labels[:, :count],
        )
        close(step_of(method, hidden)[0], step_of(method, only)[0])


@pytest.mark.parametrize("name", [name for name in TRAINED if not REGISTRY[name].facts.every_class])
@pytest.mark.parametrize("task", TASKS)
def test_a_trained_method_starts_at_the_global_models_answers(task, name):
    """Then whatever it becomes was learned in the bench's few steps; a hyper-personalizer's first
    deviations aside. The cascade reads clips from the start, and starts there with none.
    """
    task, kind = TASKS[task], REGISTRY[name]
    expected = task.global_model.predict(task.query).probabilities
    for config in kind.choices()[:1] if issubclass(kind, AmortisedVop) else kind.choices():
        if issubclass(kind, Anil):  # which takes its steps from the start
            config = replace(config, inner_rate=1e-9)
        if hasattr(config, "source_clips"):  # and these mix in the person's own statistics
            config = replace(config, source_clips=1e9)
        method = task.fresh(name, config)
        started = method.prior_model() if kind is Vop else enroll(method, task.enrollment)
        found = started.predict(task.query)
        far = (found.probabilities - expected).abs().max()
        assert far < (0.15 if issubclass(kind, AmortisedVop) else 1e-5)


@pytest.mark.parametrize("name", TRAINED)
def test_a_few_steps_on_the_loss_make_the_persons_answers_better(name):
    """Of the very queries that are asked about again."""
    task = TASKS["digits"]
    method, batch = task.fresh(name), task.batch()
    if method.facts.every_class:  # which knows no other
        known = batch.enrollment_labels[:, :1].expand_as(batch.labels)
        batch = replace(batch, labels=known, present=torch.ones_like(batch.present))
    optimizer = torch.optim.Adam(method.parameters(), lr=1e-2)

    def misfit():
        known = batch.enrollment_labels if method.facts.labels else None
        answers = method.predict_persons(batch.enrollment, batch.query, labels=known)
        return functional.nll_loss(answers.flatten(0, 1).log(), batch.labels.flatten()).item()

    before = misfit()
    for _ in range(10):
        loss, _ = step_of(method, batch, generator_seed=4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert misfit() < before - 0.02


@pytest.mark.parametrize("name", TRAINED)
def test_training_runs_through_the_loop_and_is_deterministic(name):
    task, config = TASKS["digits"], train_config(steps=2)
    first, second = (
        train(task.fresh(name), EpisodeSampler(task.table, config), config) for _ in range(2)
    )
    assert not first.training
    same(dict(first.state_dict()), dict(second.state_dict()))
    found, start = (enroll(each, task.enrollment) for each in (first, task.fresh(name)))
    assert not torch.equal(*(each.predict(task.query).probabilities for each in (found, start)))


@pytest.mark.parametrize("name", [name for name in TRAINED if REGISTRY[name].facts.encoder_fixed])
def test_training_on_embeddings_moves_nothing_of_the_encoder_but_its_classifier(name):
    task, config = TASKS["digits"], train_config()
    method = task.fresh(name)
    before = copy.deepcopy(method.encoder.state_dict())
    sampler = EpisodeSampler(task.table, config)
    train(method, RepresentedEpisodes(sampler, method.represent, 4, generator=seeded()), config)
    moved = [
        key for key, value in method.encoder.state_dict().items() if (value != before[key]).any()
    ]
    assert {key.partition(".")[0] for key in moved} <= {"classifier"}
    assert moved or any(not key.startswith("encoder.") for key, _ in method.named_parameters())
