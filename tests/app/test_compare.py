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


def tell(app, word: str) -> None:
    """Answer the question below the cards."""
    question = next(each for each in app.pills if each.label.startswith("Was it right?"))
    if word in question.options:
        question.set_value(word).run()
        return
    question.set_value("Another word").run()
    next(each for each in app.selectbox if each.label == "The word").set_value(word).run()


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
    assert "3 words: the model hears one second," in words(enrolled)
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
    assert "no query with a known word yet" in words(asked)
    tell(asked, WORDS[0])
    assert sum(int(metric.value) for metric in asked.metric) == 1
    record(asked, voice(9))
    assert sum(int(metric.value) for metric in asked.metric) == 1
    tell(asked, WORDS[1])
    assert sum(int(metric.value) for metric in asked.metric) == 2


def test_a_borrowed_query_is_counted_by_its_known_word_and_enrollment_read_none(app):
    press(app, "borrow")
    (ways,) = open_page(app, "compare").get("tab_container")
    assert ways.proto.tab_container.default_tab_index == 2, "whoever borrowed a voice goes on in it"
    assert "**0 of 3 known labels read**" in words(app)
    press(app, "ask-bundled")
    assert not app.exception
    visit = app.session_state["visit"]
    assert f"it was {visit.query.word}" in words(app) or ":green-badge" in words(app)
    assert all(entry.seal.openings == 0 for entry in visit.entries), "enrollment labels stay sealed"
    assert sum(int(metric.value) for metric in app.metric) == 1


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


def test_the_cards_say_right_or_wrong_and_the_truth(asked):
    assert "badge[:material/check_circle: Right]" not in words(asked), "nobody knows it yet"
    said = asked.session_state["visit"].answers
    best = said.by_global.best.label, said.by_personal.best.label
    for word in WORDS:
        tell(asked, word)
        right = words(asked).count("badge[:material/check_circle: Right]")
        wrong = words(asked).count(f"badge[:material/cancel: Wrong: it was {word}]")
        assert (right, wrong) == (best.count(word), 2 - best.count(word))


def test_a_changed_answer_is_for_better_or_worse_only_where_the_truth_is_known(app_modules):
    import texts

    from vop_core.evaluation.answers import LabelProbability

    no, yes = LabelProbability("no", 0.6), LabelProbability("yes", 0.7)
    assert "better" in texts.verdict(no, yes, "won") and "worse" in texts.verdict(no, yes, "lost")
    unknown, both_wrong = (texts.verdict(no, yes, found) for found in (None, "both wrong"))
    assert not any(word in unknown + both_wrong for word in ("better", "worse"))
    assert "wrong" in both_wrong and "wrong" not in unknown
    assert "right" in texts.verdict(no, no, "both right")


def test_one_clip_asked_twice_is_one_query_and_its_word_is_remembered(asked, voice):
    tell(asked, WORDS[0])
    record(asked, voice(9))
    tell(asked, WORDS[1])
    record(asked, voice(7))  # the first again
    assert "Answers to query 3" in words(asked)
    assert sum(int(metric.value) for metric in asked.metric) == 2
    assert f"it was {WORDS[0]}" in words(asked) or "check_circle: Right" in words(asked)


def test_another_persons_clip_is_flagged_and_not_counted(app, voice):
    press(app, "borrow")
    open_page(app, "compare")
    record(app, voice(7))  # the visitor's voice, and the model is of a bundled person
    tell(app, WORDS[0])
    assert any("spoken by **you**" in box.value for box in app.warning)
    assert f"it was {WORDS[0]}" in words(app) or "check_circle: Right" in words(app)
    assert not app.metric
    box = next(box for box in app.selectbox if box.label == "Person")
    box.select_index(1).run()
    press(app, "ask-bundled")
    assert any("spoken by **Speaker 02**" in box.value for box in app.warning)
    assert not app.metric
    box = next(box for box in app.selectbox if box.label == "Person")
    box.select_index(0).run()
    press(app, "ask-bundled")
    assert not app.warning and sum(int(metric.value) for metric in app.metric) == 1


def test_each_person_has_a_tally(app):
    press(app, "borrow")
    open_page(app, "compare")
    press(app, "ask-bundled")
    assert app.metric
    open_page(app, "your_voice")
    next(box for box in app.selectbox if box.label == "Person").select_index(1).run()
    press(app, "borrow")
    open_page(app, "compare")
    assert not app.metric
    press(app, "ask-bundled")
    assert sum(int(metric.value) for metric in app.metric) == 1


def test_another_task_answers_nothing_before_it_is_asked(asked):
    tell(asked, WORDS[0])
    open_page(asked, "your_voice")
    asked.segmented_control[0].set_value("keywords-ar").run()
    open_page(asked, "compare")
    said = words(asked)
    assert "Query 1 was asked of other models" in said and "Answers to query" not in said
    press(asked, "ask-again")
    said = words(asked)
    assert "Answers to query 2" in said and "it was" not in said, "the word was told of other words"
    assert not asked.metric, "a tally belongs to a task"


def test_with_every_clip_off_the_page_says_so_and_offers_to_switch_one_on(enrolled):
    open_page(enrolled, "posterior")
    enrolled.pills[0].set_value([]).run()
    open_page(enrolled, "compare")
    assert "All 3 clips are switched off" in words(enrolled)
    enrolled.pills[0].set_value([2]).run()
    assert "No query yet" in words(enrolled)


def test_a_clip_switched_off_beside_the_answer_leaves_the_model_that_answers(asked):
    next(each for each in asked.pills if "switch them on and off" in each.label).set_value(
        [1, 3]
    ).run()
    said = words(asked)
    assert "**Your model**, from 2 clips" in said and "Off: Clip 2" in said


def test_no_label_of_a_borrowed_clip_gives_its_word_away(app, persons):
    press(app, "borrow")
    open_page(app, "compare")
    press(app, "ask-bundled")
    names = [clip.path.name for clip in (*persons[0].enrollment, *persons[0].query)]
    spoken = [player.proto.alt for player in app.get("audio")] + alternatives(app)
    assert "Play Query 1" in spoken
    assert not any(name in text for name in names for text in spoken)
