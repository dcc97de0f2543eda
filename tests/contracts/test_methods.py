"""What every method promises, whatever it does inside [VOP slides, Method]."""

import copy
import itertools

import pytest
import torch

from tests.toys import LABELS, encoder_config, log_mels, make_batch, make_table, make_vop, ready, seeded
from vop_core.errors import EvaluationError
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.registry import METHODS as REGISTRY
from vop_core.methods.vop import FAMILIES
from vop_core.nets.hyper_personalizer import EVIDENCE
from vop_core.types import Method, PersonalModel, Prediction
from vop_core.variational.aggregate import AGGREGATIONS

LAYERS = {
    "film": ("film",),
    "band film, classifier": ("band_film", "classifier"),
    "pointwise, classifier": ("pointwise", "classifier"),
}
METHODS = {"global": lambda: ready(GlobalModel(encoder_config()))} | {
    f"vop {family}, {rule}, {evidence}, {layers}": (
        lambda family=family, rule=rule, evidence=evidence, layers=layers: make_vop(
            family=family, aggregation=rule, evidence=evidence, personal_layers=LAYERS[layers]
        )
    )
    for family, rule, evidence, layers in itertools.product(FAMILIES, AGGREGATIONS, EVIDENCE, LAYERS)
}


def lively_model() -> GlobalModel:
    """Normalised by what it hears: an untrained encoder would answer every clip alike."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ready(GlobalModel(encoder_config(dropout=0.0)))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train().encoder(log_mels(64, seed=9))
    return model.eval()


def rival(name: str):
    """A method of the registry as the bench makes it, its own parts shaken so that persons differ."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        method = REGISTRY[name].from_global(lively_model())
    with torch.no_grad():
        generator = seeded(1)
        for value in method.parameters():
            value.add_(0.05 * torch.randn(value.shape, generator=generator))
    method.prepare(make_table())
    return method.eval()


METHODS |= {f"bench {name}": (lambda name=name: rival(name)) for name in REGISTRY}
ENROLLMENT, QUERY = log_mels(3, seed=1), log_mels(5, seed=2)
WORDS = torch.tensor([0, 2, 1])


@pytest.fixture(params=METHODS, ids=str, scope="module")
def method(request):
    torch.manual_seed(0)
    return METHODS[request.param]()


def reads_labels(method) -> bool:
    return hasattr(method, "facts") and method.facts.labels


def enroll(method, clips=ENROLLMENT, words=WORDS):
    """With labels where the method reads them, without where it does not."""
    return method.enroll(clips, words) if reads_labels(method) else method.enroll(clips)


def answer(model, seed=3, draws=4):
    return model.predict(QUERY, draws=draws, generator=seeded(seed))


def test_it_is_a_method_and_gives_a_personal_model(method):
    assert isinstance(method, Method)
    assert isinstance(enroll(method), PersonalModel)


def test_enrolling_and_predicting_leave_the_method_untouched(method):
    before = copy.deepcopy(method.state_dict())
    modes = [module.training for module in method.modules()]
    answer(enroll(method))
    for name, value in method.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert [module.training for module in method.modules()] == modes


def test_probabilities_are_probabilities(method):
    for draws in (0, 4):
        prediction = answer(enroll(method), draws=draws)
        assert isinstance(prediction, Prediction)
        assert prediction.probabilities.shape == (len(QUERY), LABELS)
        torch.testing.assert_close(prediction.probabilities.sum(-1), torch.ones(len(QUERY)))
        assert (prediction.lower <= prediction.probabilities + 1e-6).all() or draws
        torch.testing.assert_close(prediction.total, prediction.aleatoric + prediction.epistemic)


def test_the_order_of_the_clips_is_irrelevant(method):
    forward, backward = enroll(method), enroll(method, ENROLLMENT.flip(0), WORDS.flip(0))
    torch.testing.assert_close(answer(forward).probabilities, answer(backward).probabilities, rtol=1e-4, atol=1e-5)


def test_the_same_generator_gives_the_same_prediction(method):
    personal = enroll(method)
    torch.testing.assert_close(answer(personal).probabilities, answer(personal).probabilities, rtol=0, atol=0)


def test_a_query_is_answered_whatever_stands_beside_it(method):
    """Batch normalisation in training mode would break this."""
    personal = enroll(method)
    together = personal.predict(QUERY).probabilities
    alone = torch.cat([personal.predict(clip[None]).probabilities for clip in QUERY])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_persons_answered_together_are_persons_answered_one_by_one(method):
    enrollment, query = log_mels(3, 2, seed=4), log_mels(3, 5, seed=5)
    words = torch.tensor([[0, 1], [2, 2], [1, 0]])
    known = {"labels": words} if reads_labels(method) else {}
    together = method.predict_persons(enrollment, query, **known)
    for person in range(3):
        alone = enroll(method, enrollment[person], words[person]).predict(query[person]).probabilities
        torch.testing.assert_close(together[person], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", REGISTRY)
def test_a_method_that_reads_labels_says_so_when_it_gets_none(name):
    method = rival(name)
    if method.facts.labels:
        with pytest.raises(EvaluationError, match="labels"):
            method.enroll(ENROLLMENT)
    else:
        other = rival(name).enroll(ENROLLMENT, 2 - WORDS)
        same = answer(method.enroll(ENROLLMENT)).probabilities
        torch.testing.assert_close(answer(other).probabilities, same, rtol=0, atol=0)


@pytest.mark.parametrize("name", REGISTRY)
def test_no_clip_is_refused_in_one_sentence(name):
    with pytest.raises(EvaluationError, match="at least one clip"):
        enroll(rival(name), ENROLLMENT[:0], WORDS[:0])


@pytest.mark.parametrize("name", REGISTRY)
def test_what_is_kept_of_persons_has_a_person_axis_and_only_personal_methods_read_clips(name):
    method = rival(name)
    clips = torch.stack([log_mels(3, seed=seed) for seed in (1, 6)])
    words = WORDS.expand(2, 3) if method.facts.labels else None
    with torch.no_grad():
        represented = method.represent(clips.flatten(0, 1)).unflatten(0, (2, 3))
        adaptation = method.adapt(represented, words)
        answers = method.answer(adaptation, represented[:1].expand(2, *represented.shape[1:]))
    assert all(value.shape[0] == 2 for value in adaptation.values())
    assert bool(torch.equal(answers[0], answers[1])) is not method.facts.personal


@pytest.mark.parametrize("name", [name for name in REGISTRY if REGISTRY[name].facts.trained])
def test_a_trained_method_has_a_loss_that_reaches_what_it_trains(name):
    method = rival(name).train()
    loss, logs = method.loss(make_batch(), progress=0.5, label_smoothing=0.0, generator=seeded())
    loss.backward()
    assert loss.isfinite() and set(logs) >= {"loss"}
    reached = [key for key, value in method.named_parameters() if value.grad is not None and value.grad.any()]
    assert any(key.startswith("encoder.") for key in reached)
    own = [key for key, _ in method.named_parameters() if not key.startswith("encoder.")]
    assert not own or set(own) & set(reached)


@pytest.mark.parametrize("name", [name for name in REGISTRY if REGISTRY[name].facts.trained])
def test_a_trained_method_starts_at_the_global_models_answers(name):
    """Then whatever it becomes was learned in the bench's few steps; dropout and draws aside."""
    model = lively_model()
    method = REGISTRY[name].from_global(model)
    method.prepare(make_table())
    found = enroll(method).predict(QUERY).probabilities
    expected = model.predict(QUERY).probabilities
    assert (found - expected).abs().max() < 0.15


@pytest.mark.parametrize("name", REGISTRY)
def test_the_settings_that_are_tried_are_different_and_the_first_is_the_default(name):
    choices = REGISTRY[name].choices()
    assert len(set(map(repr, choices))) == len(choices)
    assert all(isinstance(choice, REGISTRY[name].config_type) for choice in choices)
