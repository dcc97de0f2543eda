"""The health light is set on persons kept from training, and its errors are measured on others."""

import copy
import math
from dataclasses import replace

import pytest
import torch

from tests.models.test_bundle import refused_model
from tests.toys import seeded
from vop_core.data.features import FeatureTable
from vop_core.methods.amortised_vop import AmortisedVop
from vop_core.methods.vop import Vop
from vop_core.models import bundle as bundle_module
from vop_core.models.bundle import load_bundle, save_bundle
from vop_core.models.card import model_card
from vop_core.models.health import enrollments, health_errors, health_reference
from vop_core.models.ship import set_light
from vop_core.nets.conv5 import Conv5, Conv5Config
from vop_core.tasks.base import TaskData
from vop_core.tasks.keyword_spotting import SILENCE, UNKNOWN, with_silence
from vop_core.tasks.registry import TASKS
from vop_core.variational.enrollment_health import LEVEL

SIDE, CLIPS = 12, 8


def table(persons: int, *, seed: int, apart: float = 1.0) -> FeatureTable:
    """Persons of pictures, each with rows of a brightness of its own."""
    generator = seeded(seed)
    own = apart * torch.randn(persons, 1, SIDE, 1, generator=generator)
    clip = 0.3 * torch.randn(persons, CLIPS, SIDE, 1, generator=generator)
    pictures = own + clip + torch.randn(persons, CLIPS, SIDE, SIDE, generator=generator)
    flat = pictures.flatten(0, 1)
    owner = torch.arange(persons).repeat_interleave(CLIPS)
    variants = {"original": flat, "environment 1": flat + 0.1, "noise": noise(len(flat), seed=seed)}
    label, names = owner % 2, tuple(f"toy/{seed}-{person:03}" for person in range(persons))
    return FeatureTable(variants, owner, label, torch.zeros_like(owner), names, ("a", "b"))


def noise(count: int, *, seed: int) -> torch.Tensor:
    """Far brighter and flatter than a person's pictures."""
    return 4 + 0.1 * torch.randn(count, SIDE, SIDE, generator=seeded(1000 + seed))


@pytest.fixture(scope="module", params=[Vop, AmortisedVop])
def method(request):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = request.param(Conv5(Conv5Config(labels=2, rows=SIDE, offset=0.0, spread=1.0)))
    made.eval().requires_grad_(False)
    trained = table(60, seed=1)
    made.prepare(trained)
    made.health_reference = health_reference(
        made, trained, table(40, seed=2), {"flat": noise(50, seed=7)}, generator=seeded(0)
    )
    return made


@pytest.fixture(scope="module")
def errors(method):
    scattered = 9 * torch.randn(200, 1, SIDE, 1, generator=seeded(9))
    nobodys = {"flat": noise(200, seed=8), "scattered": scattered[:, 0] + noise(200, seed=10)}
    return health_errors(method, table(60, seed=3), nobodys, generator=seeded(1))


def passed(errors, enrolled, clips, heard="original"):
    return next(
        row["passed"]
        for row in errors
        if (row["enrolled"], row["clips"], row["heard"]) == (enrolled, clips, heard)
    )


@pytest.mark.parametrize("clips", [3, 5])
def test_persons_never_seen_pass_at_the_level(errors, clips):
    """A share near LEVEL fails; of 40 and 60 persons, whose enrollments are much alike, so that
    each counts once. Distances alone hardly ever fail: the limit leaves room.
    """
    four_errors = 4 * math.sqrt(LEVEL * (1 - LEVEL) * (1 / 40 + 1 / 60))
    for heard in ("original", "environment 1"):
        assert passed(errors, "one person", clips, heard) > 1 - LEVEL - four_errors


def test_noise_never_passes(errors):
    shares = [
        row["passed"]
        for row in errors
        if row["enrolled"] in ("flat", "noise with a person's spectra")
    ]
    assert len(shares) == 6 and max(shares) == 0


def test_what_nobody_gave_does_not_pass_even_where_it_is_like_persons(method):
    """Single clips that the limit was set with; then real persons are refused, too."""
    trained, kept = table(60, seed=1), table(40, seed=2)
    alike = {"alike": table(30, seed=4).features}
    strict = copy.copy(method)
    strict.health_reference = health_reference(method, trained, kept, alike, generator=seeded(0))
    errors = health_errors(strict, table(60, seed=3), alike, generator=seeded(1))
    assert passed(errors, "alike", 1) == 0
    assert passed(errors, "one person", 1) < 0.5


def test_white_noise_is_never_healthy_in_a_persons_model(method):
    for draw in range(20):
        for clips in (1, 3, 10):
            assert method.enroll(noise(clips, seed=20 + draw)).health.verdict == "nobody"


def test_shares_are_shares_of_all_that_enrolled(errors):
    for row in errors:
        assert row["nobody"] + row["several persons"] + row["passed"] == pytest.approx(1, abs=2e-4)
    assert {row["clips"] for row in errors} == {1, 3, 5}  # nobody has ten


def test_silence_moves_neither_limits_nor_errors(method, monkeypatch):
    """Nobody says it; words that are no keywords somebody does say, and they count."""
    task, words = TASKS["keywords-en"], ("yes", UNKNOWN, SILENCE)
    monkeypatch.setattr(
        type(task), "nobodys", lambda self, count, *, generator: {"flat": noise(count, seed=7)}
    )
    found = []
    for added in (with_silence, lambda table: table):
        trained, kept, others = (
            added(replace(table(60, seed=seed), labels=words)) for seed in (1, 2, 3)
        )
        monkeypatch.setattr(type(task), "kept_for_choices", lambda self, data, kept=kept: kept)
        lit, data = copy.copy(method), TaskData.of("toy", "", (trained, trained, others))
        errors = set_light(lit, task, data, generator=seeded(0))
        found.append((lit.health_reference.tensors(), errors, len(trained)))
    (limits, errors, clips), (expected, expected_errors, fewer) = found
    assert clips > fewer and errors == expected_errors
    assert all(torch.equal(limits[name], value) for name, value in expected.items())
    keywords = task.enrollable(replace(table(60, seed=1), labels=words))
    assert set(keywords.label.tolist()) == {0, 1}


def test_mixtures_of_more_persons_are_caught_more_often(errors):
    """By more than four standard errors of shares of 1,200 enrollments."""
    one, two, five = (passed(errors, who, 5) for who in ("one person", "2 persons", "5 persons"))
    four_errors = 4 * math.sqrt(2 * 0.25 / 1200)
    assert one - two > four_errors and two - five > four_errors


def test_enrollments_are_of_one_person_each_and_of_different_clips():
    owner = torch.tensor([2, 0, 2, 0, 2, 1, 0, 2])
    rows = enrollments(owner, 3, 20, generator=seeded(0))
    assert rows.shape == (40, 3)  # person 1 has a single clip
    assert all(len(owner[row].unique()) == 1 and len(row.unique()) == 3 for row in rows)
    assert enrollments(owner, 5, 20, generator=seeded(0)).shape == (0, 5)


def test_with_a_loaded_bundle_the_light_says_the_same(models, tmp_path):
    bundle = load_bundle("keywords-ar", folder=models)
    clips = 2 * torch.randn(12, 40, 101, generator=seeded(0)) - 6
    owner = torch.arange(6).repeat_interleave(2)
    heard = FeatureTable(
        {"original": clips}, owner, owner % 2, owner, tuple("abcdef"), bundle.labels
    )
    assert bundle.vop.enroll(clips[:2]).health.verdict != "healthy"
    bundle.vop.health_reference = health_reference(
        bundle.vop, heard, heard, {}, generator=seeded(1)
    )
    save_bundle(
        tmp_path / "kept", bundle.task, bundle.labels, bundle.global_model, bundle.vop, bundle.card
    )
    again = load_bundle("keywords-ar", folder=tmp_path / "kept")
    assert again.fingerprint == bundle.fingerprint
    for rows in ([0], [0, 1], [0, 5, 7]):
        expected, found = (vop.enroll(clips[rows]).health for vop in (bundle.vop, again.vop))
        assert found.sentence == expected.sentence and found.agreement == expected.agreement
        assert found.distance == expected.distance is not None
    again.vop.enroll(clips[:2]).save(tmp_path / "me.safetensors")
    person = again.vop.load_person(tmp_path / "me.safetensors")
    assert person.health.agreement == bundle.vop.enroll(clips[:2]).health.agreement is not None


def test_a_bundle_with_half_a_reference_is_refused(models):
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    file = models / bundle_module.MODEL
    with safe_open(file, framework="pt") as stream:
        head = stream.metadata()
    save_file(load_file(file) | {"health.mean": torch.zeros(2)}, file, head)
    refused_model(models, "does not fit")


def test_the_card_says_what_passes_and_what_is_not_judged():
    card = load_bundle("keywords-ar").card
    assert "enrollments are not judged" in model_card(
        card | {"health": card["health"] | {"errors": []}}
    )
    row = {"enrolled": "white noise", "heard": "original", "nobody": 1.0, "several persons": 0.0}
    rows = [row | {"clips": clips, "passed": 0.0, "enrollments": 200} for clips in (1, 5)]
    rows.append(row | {"enrolled": "2 persons", "clips": 5, "passed": 0.553})
    said = model_card(card | {"health": card["health"] | {"errors": rows}})
    assert "| enrolled | heard | 1 clip | 5 clips |" in said
    assert "| white noise | original | 0.0 | 0.0 |" in said
    assert "| 2 persons | original |  | 55.3 |" in said


def test_noise_chords_and_hum_are_inputs_like_clips():
    found = TASKS["keywords-en"].nobodys(3, generator=seeded(0))
    assert list(found) == ["white noise", "chords", "hum"]
    for inputs in found.values():
        assert inputs.shape == (3, 40, 101) and bool(inputs.isfinite().all())
