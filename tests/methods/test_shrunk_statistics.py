"""What clips say of a person by shrunk means: mean subtraction, ARM-BN, AdaBN less the words."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from tests.methods.test_post_hoc_methods import (
    ENROLLMENT,
    LABELS,
    PERSONS,
    QUERY,
    SHOTS,
    TABLE,
    answers,
    close,
    global_answers,
    made,
)
from tests.toys import make_batch, seeded
from vop_core.methods.adabn import AdaBn, AdaBnConfig, clip_statistics, own_statistics
from vop_core.methods.arm_bn import ArmBn, ArmBnConfig, person_statistics
from vop_core.methods.base import PersonalizationMethod
from vop_core.methods.content_adabn import ContentAdaBn
from vop_core.methods.mean_subtraction import (
    MeanSubtraction,
    MeanSubtractionConfig,
    TrainedMeanSubtraction,
)

SHRUNK = (MeanSubtraction, TrainedMeanSubtraction, ArmBn, ContentAdaBn)


def with_source_clips(kind, source_clips: float) -> PersonalizationMethod:
    return made(kind, kind.config_type(source_clips=source_clips))


@pytest.mark.parametrize("kind", SHRUNK)
def test_endless_source_clips_leave_the_global_model(kind):
    close(answers(with_source_clips(kind, 1e9)), global_answers())


@pytest.mark.parametrize("kind", SHRUNK)
@pytest.mark.parametrize("source_clips", [0.0, 3.0])
def test_neither_the_order_of_clips_nor_the_persons_beside_matter(kind, source_clips):
    method = with_source_clips(kind, source_clips)
    together = answers(method)
    close(answers(method, ENROLLMENT.flip(1)), together)
    for person in range(PERSONS):
        close(answers(method, ENROLLMENT[[person]], QUERY[[person]])[0], together[person])
    assert (together - global_answers()).abs().max() > 1e-3


# Mean subtraction


def test_without_source_clips_the_enrollments_own_mean_becomes_the_typical_one():
    method = with_source_clips(MeanSubtraction, 0.0)
    left = ENROLLMENT - method.adapt(ENROLLMENT)["offset"][:, None, :, None]
    close(left.mean((1, 3)), method.typical.expand(PERSONS, -1))


def test_a_constant_spectrum_on_all_of_a_persons_clips_is_taken_away_again():
    device = torch.randn(PERSONS, 1, ENROLLMENT.shape[2], 1, generator=seeded(3))
    method = with_source_clips(MeanSubtraction, 0.0)
    close(answers(method, ENROLLMENT + device, QUERY + device), answers(method))
    firm = with_source_clips(MeanSubtraction, 10.0)
    moved = firm.adapt(ENROLLMENT + device)["offset"] - firm.adapt(ENROLLMENT)["offset"]
    close(moved, SHOTS / (10 + SHOTS) * device[:, 0, :, 0])


def test_typical_is_the_mean_over_persons_and_words_however_often_somebody_speaks():
    method, rows = made(MeanSubtraction), torch.arange(len(TABLE))
    close(method.typical, TABLE.features.mean((0, 2)))
    once = rows[TABLE.take == 1]
    often = TABLE.select(torch.cat((once, once[TABLE.person[once] == 0].repeat(5))))
    method.prepare(often)
    close(method.typical, TABLE.features[once].mean((0, 2)))


# Trained under the person's own statistics


def test_persons_statistics_are_torchs_of_their_clips():
    value = torch.randn(6, 4, 7, generator=seeded(1)) + 5
    owner = torch.tensor([0, 2, 0, 0, 2, 0])
    count, mean, variance = person_statistics(value, owner, 3)
    assert count.tolist() == [4, 0, 2]
    for person in (0, 2):
        own = value[owner == person].transpose(0, 1).flatten(1)
        close(mean[person], own.mean(1))
        close(variance[person], own.var(1, correction=0))


@pytest.mark.parametrize("source_clips", [0.0, 3.0])
@pytest.mark.parametrize("kind", [ArmBn, TrainedMeanSubtraction])
def test_training_asks_what_enrolling_will_answer(kind, source_clips):
    """In evaluation mode, where the running statistics stay; the typical spectrum is the step's."""
    method, batch = with_source_clips(kind, source_clips), make_batch()
    batch = replace(batch, present=torch.ones_like(batch.present))
    if kind is TrainedMeanSubtraction:
        method.typical.copy_(batch.enrollment.mean((0, 1, 3)))
    loss, _ = method.loss(batch, progress=0.5, generator=seeded())
    found = method.predict_persons(batch.enrollment, batch.query)
    close(loss, functional.nll_loss(found.log().flatten(0, 1), batch.labels.flatten()))


def test_queries_of_a_step_add_nothing_to_the_statistics_of_arm_bn():
    """Asked one by one, they are answered alike."""
    method, batch = made(ArmBn, ArmBnConfig(source_clips=0.0)), make_batch(queries=2)

    def loss(query: list[int]) -> torch.Tensor:
        asked = replace(batch, query=batch.query[:, query], labels=batch.labels[:, query])
        return method.loss(asked, progress=0.5, generator=seeded())[0]

    close((loss([0]) + loss([1])) / 2, loss([0, 1]))


# AdaBN without the words


def test_a_model_that_says_every_label_alike_makes_it_adabn():
    config = AdaBnConfig(source_clips=3.0)
    method, plain = made(ContentAdaBn, config), made(AdaBn, config)
    uniform = torch.full((PERSONS, SHOTS, LABELS), 1 / LABELS)
    found = own_statistics(method.encoder, ENROLLMENT, 3.0, method.expected(uniform))
    close(found, plain.adapt(ENROLLMENT))
    assert (answers(method) - answers(plain)).abs().max() > 1e-3


def test_offsets_are_the_labels_means_less_their_mean_in_the_first_layer():
    method = made(ContentAdaBn)
    maps = method.encoder.stem[0](TABLE.features[:, None])
    every = clip_statistics(maps)
    means = torch.stack([every[TABLE.label == label].mean(0) for label in range(LABELS)])
    close(method.offsets[:, : every.shape[1]], means - means.mean(0))
    close(method.offsets.mean(0), torch.zeros_like(method.offsets[0]), rtol=0, atol=1e-4)


def test_what_a_certain_prediction_removes_makes_words_alike():
    """Of clips that are nothing but their labels' means, the first layer sees no difference."""
    method = made(ContentAdaBn, AdaBnConfig(source_clips=0.0))
    label, first = torch.tensor([[0, 0], [3, 4]]), "stem.1"
    certain = functional.one_hot(label, LABELS).float()
    removed = method.expected(certain)[first]
    size = removed.shape[-1] // 2
    maps = method.encoder.stem[0](TABLE.features[:, None])
    of_label = torch.stack(
        [clip_statistics(maps)[TABLE.label == each].mean(0) for each in range(LABELS)]
    )
    left = of_label[label] - removed
    close(left, of_label.mean(0).expand_as(left))
    assert (of_label[label][..., :size] - left[..., :size]).abs().max() > 1e-3


def test_a_variance_stays_positive_whatever_is_removed():
    method = made(ContentAdaBn, AdaBnConfig(source_clips=0.0))
    method.offsets.fill_(1e6)
    found = method.adapt(ENROLLMENT)
    plain = made(AdaBn, AdaBnConfig(source_clips=0.0)).adapt(ENROLLMENT)["stem.1.running_var"]
    close(found["stem.1.running_var"], 0.1 * plain)
    assert all(value.isfinite().all() for value in found.values())


@pytest.mark.parametrize("clips", [-1.0, float("nan")])
def test_source_clips_that_mean_nothing_are_refused(clips):
    for kind in (MeanSubtractionConfig, ArmBnConfig):
        with pytest.raises(ValueError, match="source_clips must"):
            kind(source_clips=clips)
