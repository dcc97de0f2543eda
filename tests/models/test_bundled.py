"""What a card says of the bundled persons: counted on query clips, chosen on enrollment clips."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch

from vop_core.data.environments import CLEAN, own_environments
from vop_core.data.voices import CORPORA, BundledClip, BundledPerson
from vop_core.models import bundled
from vop_core.models.bundle import Bundle
from vop_core.models.bundled import (
    bundled_results,
    enrolled_clips,
    won_lost_unchanged,
)
from vop_core.types import Clip

WORDS = ("go", "no")
EASY, HARD = 0.0, 1.0  # for the global model
HELPS = 1.0  # whoever enrolls such a clip is understood where others are not
ODD = -1.0  # an enrollment with such a clip is called no one person's


@dataclass(frozen=True)
class Numbers(BundledClip):
    """A word's number and the two values, in the place of a sound."""

    numbers: tuple[float, ...] = ()

    def load(self) -> Clip:
        return Clip(torch.tensor(self.numbers))


def said(word: str, hard: float = HARD, helps: float = 0.0) -> BundledClip:
    number = float(WORDS.index(word)) if word in WORDS else 0.0
    return Numbers(Path(), word, 0, "", (number, hard, helps))


def person(name: str, enrollment: list, query: list) -> BundledPerson:
    corpus = CORPORA["en"]
    return BundledPerson(f"{corpus.name}/{name}", name, corpus, tuple(enrollment), tuple(query))


def answers(clips, understood):
    """The word where it is understood, else the other one."""
    return torch.where(understood, clips[..., 0], 1 - clips[..., 0]).long()


class Personal:
    """Understands what is easy, and everything where a clip that helps enrolled."""

    refusal = "several persons"

    def enroll(self, clips):
        odd = bool((clips[:, 2] == ODD).any())
        return SimpleNamespace(health=SimpleNamespace(verdict=self.refusal if odd else "healthy"))

    def predict_persons(self, enrollment, query):
        helped = (enrollment[..., 2] == HELPS).any(1, keepdim=True)
        return torch.nn.functional.one_hot(answers(query, helped | (query[..., 1] == EASY)), 2)


@pytest.fixture
def models(monkeypatch):
    """Models that hear where a clip is heard: not at all but clean and where the app opens."""

    def met_in(environment, name, clip):
        return clip if environment == CLEAN else Clip(clip.waveform * 0 + EASY)

    def predict(clips):
        return SimpleNamespace(label_index=answers(clips, clips[:, 1] == EASY))

    task = SimpleNamespace(met_in=met_in, environments=own_environments)
    monkeypatch.setitem(bundled.TASKS, "toy", task)
    return Mock(
        spec=Bundle,
        task="toy",
        labels=WORDS,
        features=lambda clips: torch.stack([clip.waveform for clip in clips]),
        global_model=SimpleNamespace(predict=predict),
        vop=Personal(),
    )


def test_right_answers_are_counted_over_query_clips_of_words_the_models_know(models):
    enrollment = [said("go", helps=HELPS), said("no"), said("go"), said("no")]
    query = [said("go"), said("no"), said("no", EASY), said("maybe", EASY)]
    asked = person("a", enrollment, query)
    found = bundled_results(models, [asked])
    assert [row["environment"] for row in found["rows"]] == [CLEAN, *own_environments(asked.id)]
    assert found["rows"][0] == {
        "person": asked.id,
        "environment": CLEAN,
        "queries": 3,
        "global": 1,
        "personal": 3,
    }


def test_only_as_many_clips_enroll_as_the_card_says(models):
    late = [said("go"), said("no"), said("go"), said("no", helps=HELPS)]
    found = bundled_results(models, [person("a", late, [said("go"), said("no")])])
    assert found["shots"] == 3
    assert (found["rows"][0]["global"], found["rows"][0]["personal"]) == (0, 0)


def test_the_app_opens_by_enrollment_clips_whatever_the_queries_say(models):
    """Of a's four turns three enroll the clip that helps; c gains as much and comes later; all of
    b's queries are gained, and none of what is left of b's enrollment.
    """
    helps = said("go", helps=HELPS)
    a = person("a", [said("no"), said("no"), said("go"), helps], [said("go", EASY)])
    easy = [said("no", EASY), said("go", EASY), said("no", EASY)]
    b = person("b", [said("go", EASY, HELPS), *easy], [said("go"), said("no")])
    c = person("c", [helps, said("no"), said("no"), said("go")], [said("go", EASY)])
    found = bundled_results(models, [b, a, c])
    assert found["opening"] == {"person": a.id, "environment": CLEAN}
    gains = {row["person"]: row["personal"] - row["global"] for row in found["rows"][0::4]}
    assert gains == {b.id: 2, a.id: 0, c.id: 0}


def test_it_opens_wherever_the_person_is_heard_with_most_to_gain(models, monkeypatch):
    """As recorded everything is understood; in one environment what helps is needed."""
    helps = said("go", EASY, HELPS)
    one = person("a", [said("no", EASY), helps, said("go", EASY), said("no", EASY)], [said("go")])
    place = list(own_environments(one.id))[1]

    def met_in(environment, name, clip):
        harder = torch.tensor([0.0, HARD - EASY, 0.0])
        return Clip(clip.waveform + harder * (environment == place))

    task = SimpleNamespace(met_in=met_in, environments=own_environments)
    monkeypatch.setitem(bundled.TASKS, "toy", task)
    assert bundled_results(models, [one])["opening"] == {"person": one.id, "environment": place}


def test_of_equal_gains_the_one_with_more_query_clips_to_show_it_on_is_taken(models):
    helps = said("go", helps=HELPS)
    clips = [said("no"), said("no"), said("go"), helps]
    a, b = (person(name, clips, [said("go")] * count) for name, count in (("a", 2), ("b", 3)))
    assert bundled_results(models, [a, b])["opening"]["person"] == b.id


@pytest.mark.parametrize("verdict", ["several persons", "nobody"])
def test_clips_that_the_light_refuses_are_passed_over_unless_it_refuses_all(models, verdict):
    """One after another, round and round."""
    models.vop.refusal = verdict
    odd, clips = said("no", helps=ODD), [said(word) for word in ("go", "no", "go", "no")]
    for enrollment, places in (
        ((*clips,), (0, 1, 2)),
        ((clips[0], odd, *clips[1:]), (2, 3, 4)),
        ((clips[0], clips[1], odd, clips[2]), (3, 0, 1)),
        ((odd, odd, clips[0]), (0, 1, 2)),
    ):
        found = enrolled_clips(models, person("a", list(enrollment), []), CLEAN, 3)
        assert found == tuple(enrollment[place] for place in places)
    few = person("a", clips[:2], [])
    assert enrolled_clips(models, few, CLEAN, 5) == few.enrollment


def test_what_is_counted_is_what_enrolls(models):
    """The clip that helps stands after one that is refused."""
    clips = [said("go", helps=ODD), said("no"), said("go"), said("no", helps=HELPS)]
    found = bundled_results(models, [person("a", clips, [said("go"), said("no")])])
    assert (found["rows"][0]["global"], found["rows"][0]["personal"]) == (0, 2)


def test_persons_are_won_lost_or_unchanged():
    rows = [
        {"environment": place, "global": 5, "personal": 5 + gain}
        for place, gains in ((CLEAN, (1, 2, -1, 0, 0, 0)), ("elsewhere", (3,)))
        for gain in gains
    ]
    assert won_lost_unchanged(rows, CLEAN) == (2, 1, 3)
    assert won_lost_unchanged(rows, "elsewhere") == (1, 0, 0)
