"""What every method promises, whatever it does inside [VOP slides, Method]."""

import copy
import itertools

import pytest
import torch

from tests.toys import LABELS, encoder_config, log_mels, make_vop, ready, seeded
from vop_core.methods.global_model import GlobalModel
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
ENROLLMENT, QUERY = log_mels(3, seed=1), log_mels(5, seed=2)


@pytest.fixture(params=METHODS, ids=str, scope="module")
def method(request):
    torch.manual_seed(0)
    return METHODS[request.param]()


def answer(model, seed=3, draws=4):
    return model.predict(QUERY, draws=draws, generator=seeded(seed))


def test_it_is_a_method_and_gives_a_personal_model(method):
    assert isinstance(method, Method)
    assert isinstance(method.enroll(ENROLLMENT), PersonalModel)


def test_enrolling_and_predicting_leave_the_method_untouched(method):
    before = copy.deepcopy(method.state_dict())
    modes = [module.training for module in method.modules()]
    answer(method.enroll(ENROLLMENT))
    for name, value in method.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert [module.training for module in method.modules()] == modes


def test_probabilities_are_probabilities(method):
    for draws in (0, 4):
        prediction = answer(method.enroll(ENROLLMENT), draws=draws)
        assert isinstance(prediction, Prediction)
        assert prediction.probabilities.shape == (len(QUERY), LABELS)
        torch.testing.assert_close(prediction.probabilities.sum(-1), torch.ones(len(QUERY)))
        assert (prediction.lower <= prediction.probabilities + 1e-6).all() or draws
        torch.testing.assert_close(prediction.total, prediction.aleatoric + prediction.epistemic)


def test_the_order_of_the_clips_is_irrelevant(method):
    forward, backward = method.enroll(ENROLLMENT), method.enroll(ENROLLMENT.flip(0))
    torch.testing.assert_close(answer(forward).probabilities, answer(backward).probabilities, rtol=1e-4, atol=1e-5)


def test_the_same_generator_gives_the_same_prediction(method):
    personal = method.enroll(ENROLLMENT)
    torch.testing.assert_close(answer(personal).probabilities, answer(personal).probabilities, rtol=0, atol=0)


def test_a_query_is_answered_whatever_stands_beside_it(method):
    """Batch normalisation in training mode would break this."""
    personal = method.enroll(ENROLLMENT)
    together = personal.predict(QUERY).probabilities
    alone = torch.cat([personal.predict(clip[None]).probabilities for clip in QUERY])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_persons_answered_together_are_persons_answered_one_by_one(method):
    enrollment, query = log_mels(3, 2, seed=4), log_mels(3, 5, seed=5)
    together = method.predict_persons(enrollment, query)
    for person in range(3):
        alone = method.enroll(enrollment[person]).predict(query[person]).probabilities
        torch.testing.assert_close(together[person], alone, rtol=1e-4, atol=1e-5)
