"""The page of verification, on the shipped model: who enrolled is accepted, others are not."""

from dataclasses import replace

import pytest

from tests.app.conftest import open_app, press, words
from tests.data.audio_fixtures import soundfile_bytes, vowel
from vop_core.evaluation.controls import generator_for
from vop_core.models import load_bundle
from vop_core.models.verification import Verifier
from vop_core.tasks.registry import TASKS

PERSONS = TASKS["verification"].bundled_persons()


@pytest.fixture
def enrolled():
    """The page, with three of the first bundled person's clips enrolled."""
    import streamlit

    streamlit.cache_resource.clear()
    app = open_app("verify")
    from session import clips

    clips.borrow(app.session_state["visit"], PERSONS[0], 3)
    return app.run()


def claim(app, person: int, number: int = 1):
    app.selectbox[0].set_value(PERSONS[person]).run()
    app.selectbox[1].set_value(number).run()
    return press(app, "claim-bundled")


def test_before_anything_was_given_the_page_says_how_to_begin():
    app = open_app("verify")
    assert not app.exception and "Give three clips first" in words(app)


def test_a_claim_is_judged_as_the_library_judges_it(enrolled):
    app = claim(enrolled, 0)
    assert not app.exception
    visit = app.session_state["visit"]
    found = visit.person.verdicts[1]
    other = next(each for each in PERSONS[1:])
    expected = Verifier(load_bundle("verification")).verdicts(
        [entry.clip for entry in visit.entries],
        PERSONS[0].query[0].load(),
        other=[clip.load() for clip in other.enrollment[:3]],
        generator=generator_for(0),
    )
    for name, verdict in expected.items():
        assert found[name].score == pytest.approx(verdict.score, abs=1e-5)
        assert found[name].threshold == verdict.threshold
    said = words(app)
    word = "Accepted" if expected["personal"].accepted else "Refused"
    assert f"{word}, rightly" in said or f"{word}, wrongly" in said
    assert "would be refused" in said
    gaps = load_bundle("verification").card["results"]["differences"]
    shown = [gap["ci95"] for gap in gaps if (gap["a"], gap["b"]) == ("draws", "global")]
    clear = sum(low > 0 or high < 0 for low, high in shown)
    word = f"In none of {len(shown)} settings" if not clear else f"Of {len(shown)} settings"
    assert word in said


def test_an_impostor_is_judged_by_the_truth(enrolled):
    app = claim(enrolled, 5)
    verdict = app.session_state["visit"].person.verdicts[1]["personal"]
    assert ("Refused, rightly" if not verdict.accepted else "Accepted, wrongly") in words(app)


def test_an_upload_that_is_no_sound_is_refused_and_the_claim_stays(enrolled):
    app = claim(enrolled, 0)
    before = app.session_state["visit"].claim
    app.file_uploader[0].set_value(("x.wav", b"nothing", "audio/wav")).run()
    assert not app.exception
    assert app.session_state["visit"].claim is before
    assert "x.wav" in words(app)


def test_one_s_own_clip_against_a_bundled_person_is_an_impostor_s(enrolled):
    sound = soundfile_bytes(vowel(0.8))
    app = enrolled.file_uploader[0].set_value(("me.wav", sound, "audio/wav")).run()
    assert not app.exception
    visit = app.session_state["visit"]
    assert visit.claim.person is None and visit.holds_own
    assert "rightly" in words(app) or "wrongly" in words(app)
    press(app, "forget-me")
    assert app.session_state["visit"].claim is None


def test_the_page_says_whose_weights_a_lock_should_go_by(enrolled):
    from session import verify
    from texts.verify import which_decides

    assert which_decides(verify.settings()) in words(claim(enrolled, 0))
    one = verify.settings()[0]
    below, above = (replace(one.gap, bounds=each) for each in ((-2.0, -0.5), (0.5, 2.0)))
    better, worse = replace(one, gap=below, against_wrong=below), replace(one, gap=above)
    assert "by the **personal** weights: in 1 of 1 settings" in which_decides([better])
    assert which_decides([better, worse]).endswith("shown to err more somewhere.")
    assert which_decides([replace(better, against_wrong=above)]).endswith(
        "to err less by being theirs."
    )
