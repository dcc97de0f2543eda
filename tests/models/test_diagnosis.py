"""A diagnosis that passes one person's clips, and fails noise, mixed persons and a collapse."""

import copy
from dataclasses import replace
from functools import cache

import pandas as pd
import pytest
import torch

from vop_core.data.features import matched_noise
from vop_core.data.voices import bundled_persons
from vop_core.evaluation.controls import generator_for
from vop_core.methods.vop import Vop
from vop_core.models import load_bundle
from vop_core.models.diagnosis import diagnose
from vop_core.models.inspection import HeardPerson, bundled_person

TASK, OPENING = "keywords-en", "speech_commands_test/97f4c236"
ASKED = 8  # query clips: enough to judge, few enough to be quick


class PointMass(Vop):
    """A VoP that claims to know everything, whatever it hears."""

    def adapt(self, enrollment, labels=None):
        kept = super().adapt(enrollment, labels)
        return kept | {"log_std": self.prior(len(enrollment))["log_std"] - 4}


@cache
def models():
    return load_bundle(TASK)


@cache
def person() -> HeardPerson:
    heard = bundled_person(models(), OPENING, "clean", 3)
    return HeardPerson(
        heard.name,
        heard.enrollment,
        heard.query[:ASKED],
        heard.enrollment_labels,
        heard.query_labels[:ASKED],
    )


@cache
def others() -> torch.Tensor:
    """Three clips of each of four other persons."""
    persons = [each for each in bundled_persons("en") if each.id != OPENING][:4]
    return torch.stack(
        [models().features([clip.load() for clip in each.enrollment[:3]]) for each in persons]
    )


def diagnosed(enrollment: torch.Tensor, vop=None, **known) -> dict[str, str]:
    heard = HeardPerson("x", enrollment, person().query, query_labels=person().query_labels)
    model = (vop or models().vop).enroll(enrollment)
    return {each.name: each.verdict for each in diagnose(model, heard, **known)}


def coverage(share: float) -> pd.DataFrame:
    """Of twelve persons after three clips, about as much."""
    return pd.DataFrame(
        [(f"p{each}", 3, 0.6, share + 0.01 * (each % 2)) for each in range(12)],
        columns=["person", "clips", "width", "coverage"],
    )


def test_one_persons_clips_pass_what_makes_them_one_persons():
    found = diagnosed(person().enrollment, others=others(), coverage=coverage(0.9))
    assert {found[name] for name in ("light", "width", "agreement")} == {"pass"}
    assert found["wrong person"] != "fail"


def test_clips_of_several_persons_do_not_agree():
    found = diagnosed(others()[:3, 0])
    assert found["agreement"] == found["light"] == "fail"


def test_noise_fails_the_light_and_gives_no_gain_over_others():
    clips = [clip.load() for clip in bundled_persons("en")[0].enrollment[:3]]
    generator = generator_for(0)
    noise = [matched_noise(clip.waveform, generator=generator) for clip in clips]
    heard = models().features(
        [replace(clip, waveform=each) for clip, each in zip(clips, noise, strict=True)]
    )
    found = diagnosed(heard, others=others())
    assert found["light"] == "fail" and found["wrong person"] != "pass"


def test_a_point_mass_fails_light_width_and_coverage():
    collapsed = copy.deepcopy(models().vop)
    collapsed.__class__ = PointMass
    found = diagnosed(person().enrollment, collapsed, coverage=coverage(0.9))
    assert found["light"] == found["width"] == found["coverage"] == "fail"
    # nothing is left to draw: draws and mean agree
    assert found["draws"] == "pass"


@pytest.mark.parametrize(("share", "verdict"), [(0.6, "fail"), (0.9, "pass"), (0.99, "fail")])
def test_coverage_is_judged_over_persons(share, verdict):
    heard = HeardPerson("x", person().enrollment, person().query[:0])
    model = models().vop.enroll(heard.enrollment)
    found = {each.name: each.verdict for each in diagnose(model, heard, coverage=coverage(share))}
    assert found["coverage"] == verdict


def test_a_strangers_clips_that_help_as_much_make_it_fail():
    """The person's own clips pose as other persons'."""
    heard = bundled_person(models(), OPENING, "clean", 3)
    same = heard.enrollment.expand(2, *heard.enrollment.shape)
    found = diagnose(models().vop.enroll(heard.enrollment), heard, others=same)
    assert {each.name: each.verdict for each in found}["wrong person"] == "fail"


def test_what_is_not_known_is_not_judged():
    alone = HeardPerson("x", person().enrollment[:1], person().query[:0])
    model = models().vop.enroll(alone.enrollment)
    assert {each.verdict for each in diagnose(model, alone)} == {"cannot tell"}
