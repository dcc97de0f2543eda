"""The models made with the wrong clips, which must not help."""

import math

import torch

from tests.app.conftest import make_bundle
from vop_core.data.features import matched_noise
from vop_core.evaluation.controls import generator_for
from vop_core.types import Clip


def voice(generator: torch.Generator, name: str) -> Clip:
    return Clip(0.1 * torch.randn(16_000, generator=generator), name=name)


def test_no_clip_of_ones_own_enters_a_control_and_each_enrolls_as_many(generator, monkeypatch):
    own = [voice(generator, f"own {number}") for number in range(3)]
    others = [[voice(generator, f"{person}-{take}") for take in range(2)] for person in range(4)]
    bundle, heard = make_bundle("keywords-en"), []
    hear = type(bundle).features
    monkeypatch.setattr(
        type(bundle), "features", lambda self, clips: heard.append(list(clips)) or hear(self, clips)
    )
    models = bundle.control_models(own, others, generator=generator_for(3))
    assert list(models) == ["prior", "wrong-person", "mixed", "noise"]
    wrong, mixed, noise = heard
    assert len(wrong) == len(mixed) == len(noise) == 3
    assert not any(clip is mine for clips in heard for clip in clips for mine in own)
    assert len({clip.name.split("-")[0] for clip in wrong}) == 1
    assert len({clip.name.split("-")[0] for clip in mixed}) == 3
    assert torch.equal(models["prior"].posterior.mean, bundle.vop.prior_model().posterior.mean)


def test_the_pages_noise_has_the_clips_level_and_not_the_wave(generator):
    waveform = torch.randn(16_000, generator=generator) * torch.linspace(0, 0.3, 16_000)
    noise = matched_noise(waveform, generator=generator_for(3))
    torch.testing.assert_close(noise.norm(), waveform.norm(), rtol=1e-3, atol=0)
    correlation = torch.corrcoef(torch.stack([waveform, noise]))[0, 1]
    assert abs(float(correlation)) < 4 / math.sqrt(16_000), (
        "independent within four standard errors"
    )


def test_a_seed_without_names_is_the_seed_itself():
    named, plain = generator_for(7, "rows"), generator_for(7)
    assert torch.equal(
        torch.rand(3, generator=plain), torch.rand(3, generator=torch.Generator().manual_seed(7))
    )
    assert not torch.equal(
        torch.rand(3, generator=named), torch.rand(3, generator=generator_for(7))
    )
