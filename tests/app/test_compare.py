"""Page: one more word, two answers, the controls, the tally and the four promises."""

import pytest

from tests.app.conftest import (
    PERSONS,
    WORDS,
    alternatives,
    open_app,
    open_page,
    press,
    record,
    words,
)
from tests.data.audio_fixtures import soundfile_bytes, spoken
from vop_core.data.environments import own_environments


@pytest.fixture
def asked(enrolled, voice):
    """The compare page after three clips and one query."""
    open_page(enrolled, "compare")
    return record(enrolled, voice(7))


def test_without_clips_there_is_nobody_to_compare_with(app):
    open_page(app, "compare")
    assert not app.exception
    assert "no personal model" in words(app)


def test_without_a_query_the_promises_stand_already(enrolled):
    open_page(enrolled, "compare")
    said = words(enrolled)
    assert "No query yet" in said
    for promise in ("source-free", "few-shot", "unsupervised", "training-free"):
        assert promise in said and f"{promise}: broken" not in said
    assert (
        "**3 clips**" in said
        and "**0 gradient steps**" in said
        and "**0 data files and 0 connections opened**" in said
    )


def test_a_query_gets_both_answers_with_an_interval_and_the_split_of_doubt(asked):
    assert not asked.exception
    said = words(asked)
    assert "**Global model**" in said and "**Your model**, from 3 clips" in said
    assert sum(f"## {word}" in said for word in WORDS) >= 1 and said.count("sure") >= 2
    assert "95 % of 64 draws" in said
    assert "aleatoric" in said and "epistemic" in said
    assert any(text.startswith("Probabilities of") for text in alternatives(asked))


def test_a_second_query_replaces_the_answers(asked, voice):
    record(asked, voice(9))
    assert "Answers to query 2" in words(asked)


def test_a_bad_query_keeps_the_former_answers(asked):
    asked.file_uploader[0].set_value(("b.wav", b"", "audio/wav")).run()
    assert not asked.exception
    assert "b.wav is empty" in asked.error[0].value and "still here" in asked.error[0].value
    assert "Answers to query 1" in words(asked)


def test_of_a_recording_of_several_words_another_one_can_be_asked_about(enrolled):
    open_page(enrolled, "compare")
    recording = soundfile_bytes(spoken(300.0, 350.0, 390.0))
    enrolled.file_uploader[0].set_value(("three.wav", recording, "audio/wav")).run()
    assert "3 words: the model hears the second from" in words(enrolled)
    pills = next(each for each in enrolled.pills if "3 words in this recording" in each.label)
    pills.set_value(2).run()
    assert not enrolled.exception
    assert "Answers to query 2" in words(enrolled)
    assert "from 1.8 to 2.8 s of the recording" in words(enrolled)


def test_a_clip_that_enrolled_is_pointed_out_and_not_counted(enrolled, voice):
    open_page(enrolled, "compare")
    record(enrolled, voice(1))  # the second of the three clips
    assert "This is the recording of **Clip 2**" in words(enrolled)
    assert not any("Which word did you say" in box.label for box in enrolled.selectbox)


def test_the_controls_are_answered_by_models_made_with_the_wrong_clips(asked):
    (toggle,) = [toggle for toggle in asked.toggle if toggle.label == "Show the controls"]
    toggle.set_value(True).run()
    assert not asked.exception
    said = words(asked)
    for control in ("Prior mean", "Wrong person", "Mixed persons", "Noise"):
        assert f"**{control}**" in said
    (text,) = [text for text in alternatives(asked) if text.startswith("Probabilities of")]
    assert "wrong person" in text and "noise" in text


def test_all_words_can_be_shown(asked):
    (toggle,) = [toggle for toggle in asked.toggle if toggle.label == "All words"]
    toggle.set_value(True).run()
    assert any(f"Probabilities of {len(WORDS)} labels" in text for text in alternatives(asked))


def test_the_tally_counts_only_queries_whose_word_is_told(asked, voice):
    assert "No query with a known word yet" in words(asked)
    asked.selectbox(key="truth-1-0").set_value(WORDS[0]).run()
    assert sum(int(metric.value) for metric in asked.metric) == 1
    record(asked, voice(9))
    assert sum(int(metric.value) for metric in asked.metric) == 1
    asked.selectbox(key="truth-2-0").set_value(WORDS[1]).run()
    assert sum(int(metric.value) for metric in asked.metric) == 2


def test_a_borrowed_query_is_counted_by_its_known_word_and_enrollment_read_none(app):
    press(app, "borrow")
    (ways,) = open_page(app, "compare").get("tab_container")
    assert ways.proto.tab_container.default_tab_index == 2, "whoever borrowed a voice goes on in it"
    assert "**0 of 3 known labels read**" in words(app)
    press(app, "ask-bundled")
    assert not app.exception
    visit = app.session_state["visit"]
    assert f"The word was **{visit.query.counted}**" in words(app)
    assert all(entry.seal.openings == 0 for entry in visit.entries), "enrollment labels stay sealed"
    assert len(visit.outcomes) == 1


def test_whatever_is_borrowed_is_heard_in_the_environment_of_the_clips_that_enroll(
    bundle, persons, monkeypatch
):
    """The query, other persons' clips in the controls, and the queries of the Posterior page."""
    from vop_core.models import Bundle

    app, heard, hear = (
        open_app(person=PERSONS[0], environment="own environment"),
        [],
        Bundle.features,
    )
    monkeypatch.setattr(
        Bundle, "features", lambda self, clips: heard.extend(clips) or hear(self, clips)
    )
    open_page(app, "posterior")
    asked = len(heard)
    assert asked > 3
    open_page(app, "compare")
    press(app, "ask-bundled")
    (toggle,) = [toggle for toggle in app.toggle if toggle.label == "Show the controls"]
    toggle.set_value(True).run()
    assert not app.exception and len(heard) > asked + 9
    places = {own_environments(person)["own environment"].description for person in PERSONS}
    assert {clip.notes[-1] for clip in heard} == {f"heard {place}" for place in places}
    assert f"Speaker 01 of {persons[0].corpus.attribution}" in words(app)


def test_the_same_question_is_answered_alike_on_the_next_run(asked):
    before = words(asked)
    asked.run()
    assert words(asked) == before


def test_forget_me_works_here_too(asked):
    press(asked, "forget-me")
    assert not asked.exception
    assert "no personal model" in words(asked) and "Nothing." in words(asked)


def test_asking_makes_no_new_personal_model(asked, voice):
    before = asked.session_state["visit"].personal
    record(asked, voice(9))
    assert asked.session_state["visit"].personal is before
