"""What a shipped verification model says of claims, and of how often a person would be refused."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.evaluation.test_verification_metrics import simulated
from tests.toys import seeded
from vop_core.errors import AudioError
from vop_core.evaluation.plan import OPEN
from vop_core.evaluation.score import COLUMNS, OWN, Scoring
from vop_core.evaluation.verification import KEPT, SAME_GENDER, SIMILARITY, SPEAKER
from vop_core.evaluation.verification_metrics import Threshold, Trials, Verdict, errors_at
from vop_core.models import load_bundle
from vop_core.models.verification import (
    MOST_CERTAIN,
    Verifier,
    beta_over_persons,
    copied_between_groups,
    copied_thresholds,
    operating_points,
)
from vop_core.tasks.registry import TASKS

TASK = TASKS["verification"]
AGES = ("children", "adults")


def as_table(set_name: str, corpus: str, trials: Trials) -> pd.DataFrame:
    """A score table of one set, claimant by claimant."""
    lines = []
    for person in range(len(trials.persons)):
        mine = trials.claimant == person
        key = (set_name, 3, f"{corpus}/{person:02d}", 0, OWN)
        lines += [
            (*key, SIMILARITY, 0.0, trials.score[mine].tolist()),
            (*key, SPEAKER, float(person), trials.speaker[mine].astype(float).tolist()),
            (*key, SAME_GENDER, np.nan, trials.same_gender[mine].tolist()),
        ]
    return pd.DataFrame(lines, columns=list(COLUMNS))


def moved(trials: Trials, by: float) -> Trials:
    return dataclasses.replace(trials, score=trials.score + by)


def test_a_threshold_is_from_the_kept_and_its_errors_from_the_tested():
    kept, tested = simulated(seed=1, persons=12), simulated(seed=2, persons=12)
    table = pd.concat([as_table(KEPT, "a", kept), as_table(OPEN, "a", tested)])
    (found,) = operating_points({"vop": table})
    assert (found["misses"], found["false_alarms"]) == errors_at(tested, found["threshold"])
    assert errors_at(kept, found["threshold"])[1] <= 0.05
    assert len(found["det"]["misses"]) == len(found["det"]["false_alarms"]) > 10
    assert json.dumps(found)


def test_a_threshold_that_is_copied_to_louder_persons_lets_others_pass():
    quiet, loud = simulated(seed=1, persons=12), moved(simulated(seed=2, persons=12), 1.0)
    table = pd.concat(
        as_table(name, corpus, trials)
        for corpus, trials in (("quiet", quiet), ("loud", loud))
        for name in (KEPT, OPEN)
    )
    cells = {(cell["from"], cell["to"]): cell for cell in copied_thresholds(table, 3)}
    assert len(cells) == 4
    for corpus in ("quiet", "loud"):
        assert cells[corpus, corpus]["false_alarms"] <= 0.05
    assert cells["quiet", "loud"]["false_alarms"] > 0.15
    assert cells["loud", "quiet"]["misses"] > cells["quiet", "quiet"]["misses"]


def test_a_threshold_from_one_age_misses_those_of_another():
    """Children's voices are told apart by less here: what is asked of adults refuses them."""
    persons = 12
    trials = simulated(seed=1, persons=persons), simulated(seed=2, persons=persons)
    child = np.arange(persons) < persons // 2
    lower = [
        dataclasses.replace(each, score=each.score - 1.5 * child[each.claimant]) for each in trials
    ]
    table = pd.concat(
        as_table(name, corpus, each)
        for corpus in ("a", "b")
        for name, each in zip((KEPT, OPEN), lower, strict=True)
    )
    ages = {
        f"a/{number:02d}": "a, children" if child[number] else "a, adults"
        for number in range(persons)
    }
    cells = {(cell["from"], cell["to"]): cell for cell in copied_between_groups(table, 3, ages)}
    assert set(cells) == {(f"a, {x}", f"a, {y}") for x in AGES for y in AGES}
    for age in AGES:
        # at most so many of those it was chosen on: 180 claims of others
        assert cells[f"a, {age}", f"a, {age}"]["false_alarms"] < 0.05 + 4 * (0.05 / 180) ** 0.5
    assert cells["a, children", "a, adults"]["false_alarms"] > 0.2
    own = cells["a, children", "a, children"]["misses"]
    assert cells["a, adults", "a, children"]["misses"] > own + 0.2
    assert copied_between_groups(table, 3, {"a/00": "a, children"}) == []


def persons_with(rates: np.ndarray, clips: int, seed: int = 0) -> Trials:
    """Persons whose true claims score 1 or, at the rate given, 0; and one claim by another."""
    rng = np.random.default_rng(seed)
    claimant = np.repeat(np.arange(len(rates)), clips + 1)
    speaker = claimant.copy()
    speaker[clips :: clips + 1] = (speaker[clips :: clips + 1] + 1) % len(rates)
    score = (rng.random(len(claimant)) > rates[claimant]).astype(float)
    names = tuple(f"corpus/{place}" for place in range(len(rates)))
    return Trials(names, claimant, speaker, score, np.full(len(claimant), np.nan))


def test_the_spread_of_persons_miss_rates_is_found():
    """Of 4,000 persons with 10 claims each: mean within four standard errors, concentration to a
    fifth.
    """
    first, second, persons, clips = 1.0, 4.0, 4_000, 10
    rates = np.random.default_rng(1).beta(first, second, persons)
    a, b = beta_over_persons(persons_with(rates, clips), 0.5)
    mean, spread = first / (first + second), stats.beta(first, second).var()
    error = (spread + mean * (1 - mean) / clips) ** 0.5 / persons**0.5
    assert abs(a / (a + b) - mean) < 4 * error
    assert abs((a + b) / (first + second) - 1) < 0.2


def test_persons_who_are_alike_are_worth_as_many_claims_as_are_allowed():
    a, b = beta_over_persons(persons_with(np.full(500, 0.2), 2, seed=3), 0.5)
    assert a + b <= MOST_CERTAIN
    never = beta_over_persons(persons_with(np.zeros(20), 3), 0.5)
    assert 0 < never[0] / sum(never) < 0.02


def test_a_claim_is_accepted_above_the_threshold_and_close_within_its_interval():
    threshold = Threshold(0.5, (0.4, 0.6))
    scores = (0.3, 0.45, 0.5, 0.55, 0.7)
    found = [Verdict(score, threshold) for score in scores]
    assert [each.accepted for each in found] == [False, False, False, True, True]
    assert [each.close for each in found] == [False, True, True, True, False]


# --- the model in the box -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def verifier():
    return Verifier(load_bundle(TASK.name))


@pytest.fixture(scope="module")
def persons():
    return TASK.bundled_persons()[:8]


def test_bundled_persons_are_told_from_each_other(verifier, persons):
    """None was trained on: their own clips score above others', for both models."""
    own, others = [], []
    for place, person in enumerate(persons):
        enrolled = [clip.load() for clip in person.enrollment[:3]]
        impostor = persons[(place + 1) % len(persons)]
        for asked, found in ((person, own), (impostor, others)):
            verdicts = verifier.verdicts(
                enrolled,
                asked.query[0].load(),
                other=[clip.load() for clip in persons[(place + 2) % 8].enrollment[:3]],
                generator=seeded(0),
            )
            assert list(verdicts) == ["global", "personal", "another"]
            assert len(verdicts["personal"].draws) == Scoring.draws
            found.append([verdicts[name].score for name in ("global", "personal")])
    above = np.array(own)[:, None] > np.array(others)
    # the chance of one in 20 that 64 pairs of eight persons each fall below is far from 0.8
    assert (above.mean((0, 1)) > 0.8).all()


def test_a_person_s_own_clips_move_what_others_say_of_the_miss_rate(verifier, persons):
    clips = [clip.load() for clip in persons[0].enrollment[:3]]
    alone, together = verifier.miss_rate(clips[:1]), verifier.miss_rate(clips)
    assert alone.claimed == 0 and alone.mean == pytest.approx(alone.of_others)
    assert together.claimed == 3
    point = verifier.point("vop", 2)
    first, second = point["rate"]
    expected = (first + together.missed) / (first + second + 3)
    assert together.mean == pytest.approx(expected)
    assert together.bounds[0] < together.mean < together.bounds[1]


def test_clips_that_may_not_enroll_together_are_refused(verifier, persons):
    first, *more = [clip.load() for person in persons[:3] for clip in person.enrollment]
    for enrolled, says in (
        ([], "clip"),
        ([first, first], "given twice"),
        ([first, *more], "10"),
    ):
        with pytest.raises(AudioError, match=says):
            verifier.verdicts(enrolled, first, generator=seeded(0))


def test_more_clips_than_any_list_has_take_the_largest(verifier):
    assert verifier.point("vop", 10) == verifier.point("vop", 5) != verifier.point("vop", 4)
    assert set(verifier.bands(3)) == {"global", "personal"}
