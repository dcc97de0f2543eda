"""Page: "Test me", words to say one after the other, and the score of what was said."""

import pytest

from tests.app.conftest import (
    PERSONS,
    alternatives,
    open_app,
    open_page,
    press,
    record,
    upload,
    words,
)
from vop_core.models.personal_test import AskedModels

ROWS = 6  # global, own, prior, wrong person, mixed, noise


def choose(app):
    """Turn to the test."""
    open_page(app, "compare")
    (view,) = [each for each in app.segmented_control if each.label == "What to compare"]
    return view.set_value("Test me").run()


@pytest.fixture
def testing(enrolled):
    """A visitor with three clips who is to say the first word."""
    return choose(enrolled)


def said(app) -> list[str]:
    test = app.session_state["visit"].test
    return [test.words[place] for place in sorted(test.clips)]


def say(app, voice, count: int):
    """Answer the next prompts, each with another sound."""
    begun = len(app.session_state["visit"].test.clips)
    for number in range(begun, begun + count):
        record(app, voice(20 + number))
    return app


def known(app) -> int:
    return sum(word in ("yes", "no", "up", "down", "left", "right") for word in said(app))


def score_tables(app):
    return [each.value for each in app.table]


def test_without_clips_there_is_no_test(app):
    open_page(app, "compare")
    assert not app.segmented_control


def test_words_are_asked_for_one_after_the_other(testing, voice):
    test = testing.session_state["visit"].test
    assert len(test.words) == 20
    for number in range(3):
        assert f"Say “{test.words[number]}”" in words(testing)
        say(testing, voice, 1)
    assert not testing.exception
    assert said(testing) == test.words[:3]
    assert "3 test clips" in words(testing)


def test_a_score_is_shown_from_the_third_word_that_models_know(testing, voice):
    assert testing.button(key="show-score").disabled
    while known(say(testing, voice, 1)) < 3:
        assert testing.button(key="show-score").disabled
    press(testing, "show-score")
    assert not testing.exception
    assert any(f"Right answers of {known(testing)}" in text for text in alternatives(testing))
    assert len(score_tables(testing)[0]) == ROWS - 1
    press(testing, "go-on-saying")
    assert f"Say “{testing.session_state['visit'].test.words[len(said(testing))]}”" in words(
        testing
    )


def test_a_word_can_be_skipped_or_said_again(testing, voice):
    test = testing.session_state["visit"].test
    press(testing, "skip-word")
    assert f"Say “{test.words[1]}”" in words(testing)
    say(testing, voice, 1)
    first = test.clips[1]
    press(testing, "again")
    assert f"Say “{test.words[1]}”" in words(testing)
    record(testing, voice(40))
    assert said(testing) == [test.words[1]] and test.clips[1].digest != first.digest


def test_a_clip_that_enrolled_or_was_said_before_tests_nothing(testing, voice):
    record(testing, voice(1))  # the second of the clips that enrolled
    assert "which made the model" in testing.error[0].value and not said(testing)
    say(testing, voice, 1)
    record(testing, voice(20))
    assert "counts once" in testing.error[0].value and len(said(testing)) == 1


def test_files_bring_their_words_in_their_names_or_in_order(testing, voice):
    upload(testing, ("left.wav", voice(20)), ("Yes 2.wav", voice(21)))
    assert not testing.error and sorted(said(testing)) == ["left", "yes"]
    upload(testing, ("up.wav", voice(22)), ("b.wav", voice(23)))
    assert "b.wav" in testing.error[0].value and len(said(testing)) == 2
    left = [
        word
        for place, word in enumerate(testing.session_state["visit"].test.words)
        if place not in testing.session_state["visit"].test.clips
    ]
    upload(testing, ("a.wav", voice(24)), ("b.wav", voice(25)))
    assert sorted(said(testing)) == sorted(["left", "yes", *left[:2]])


def test_no_model_hears_which_word_it_was(testing, voice, monkeypatch):
    """The seals are opened after everybody has answered."""
    from vop_core.methods.global_model import GlobalModel
    from vop_core.models import personal_test

    seals, opened_when_asked = [], []
    ask, predict = AskedModels.ask, GlobalModel.predict

    def asked(self, clips, sealed):
        seals.extend(sealed)
        return ask(self, clips, sealed)

    def predicted(self, query):
        opened_when_asked.append(sum(seal.openings for seal in seals))
        return predict(self, query)

    monkeypatch.setattr(personal_test.AskedModels, "ask", asked)
    monkeypatch.setattr(GlobalModel, "predict", predicted)
    press(say(testing, voice, 6), "show-score")
    assert [seal.openings for seal in seals] == [1] * 6 and opened_when_asked == [0]


def test_a_switched_clip_changes_the_answers_and_loses_no_word(testing, voice):
    press(say(testing, voice, 6), "show-score")
    visit = testing.session_state["visit"]
    before = visit.test.result
    testing.run()
    assert visit.test.result is before, "nothing is asked again on a rerun"
    (switches,) = [each for each in testing.pills if "switch them on" in each.label]
    switches.set_value([1, 2]).run()
    assert visit.test.result[0] != before[0] and len(said(testing)) == 6
    assert len(score_tables(testing)[1]) == 2, "the influence of two clips"


def test_what_was_said_outlasts_the_clips_that_enrolled(testing, voice):
    say(testing, voice, 3)
    open_page(testing, "your_voice")
    for number in (1, 2, 3):
        press(testing, f"remove-{number}")
    assert len(testing.session_state["visit"].test.clips) == 3


def test_a_borrowed_person_is_tested_at_one_click(app, persons):
    press(app, "borrow")
    choose(app)
    press(app, "run-test")
    assert not app.exception
    test = app.session_state["visit"].test
    assert sorted(test.words[:4]) == sorted(record.label for record in persons[0].query)
    assert all("in another language" in word for word in test.words[4:]) and len(test.words) == 7
    said_here = words(app)
    assert "4 words" in said_here and "interval" in said_here
    assert len(score_tables(app)[1]) == 3


def test_with_one_clip_it_is_said_what_none_would_do(bundle, persons):
    app = open_app(person=PERSONS[0], clips="1")
    press(choose(app), "run-test")
    assert not app.exception
    test = app.session_state["visit"].test.result[1]
    assert (test.without[0] - test.probabilities["prior"]).abs().max() < 1e-6


def test_where_the_words_are_not_written_down_only_the_bundled_are_tested(enrolled):
    (task,) = [each for each in enrolled.segmented_control if "listens for" in each.label]
    task.set_value("keywords-ar").run()
    choose(enrolled)
    assert not enrolled.exception
    assert "Borrow a bundled speaker" in words(enrolled)
    assert not [each for each in enrolled.button if each.key == "run-test"]


def test_the_slider_withholds_answers(app):
    press(app, "borrow")
    press(choose(app), "run-test")
    (slider,) = [each for each in app.slider if "at least so sure" in each.label]
    slider.set_value(0).run()
    everything = words(app).count("answers **4 of 4**")
    slider.set_value(99).run()
    assert everything and "answers **0 of 4**" in words(app)


def verdict_of(own: int, everybody: int, wrong: int, asked: int = 20):
    """The verdict on a test whose models get their first words right."""
    import torch
    from texts import personal_test as texts

    from vop_core.evaluation.personal_test import PersonalTest

    def right(count):
        return torch.tensor([[0.9, 0.1]] * count + [[0.1, 0.9]] * (asked - count))

    found = {"global": right(everybody), "own": right(own)}
    found |= {row: right(wrong) for row in ("prior", "wrong-person", "mixed", "noise")}
    labels = ("yes", "no")
    return texts.verdict(
        PersonalTest(labels, frozenset(), ("yes",) * asked, found, right(own)[None])
    )


def test_the_verdict_is_computed_from_the_numbers(app_modules):
    assert verdict_of(18, 8, 9)[0] == "success" and "is about you" in verdict_of(18, 8, 9)[2]
    shared = verdict_of(18, 8, 18)
    assert shared[0] == "success" and "nothing shows that your clips did it" in shared[2]
    assert verdict_of(8, 18, 9)[0] == "error"
    open_question = verdict_of(10, 9, 9)
    assert open_question[0] == "info" and "140 more words" in open_question[2]
    assert "nothing to gain" in verdict_of(20, 20, 20)[2]
