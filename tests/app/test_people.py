"""Several persons in one visit: nobody's clips, model or tally is another's."""

import pytest
import torch

from tests.app.conftest import PERSONS, WORDS, make_bundle, open_app, open_page, press, words
from tests.app.conftest import record as speak
from vop_core.data.environments import CLEAN, COMMON_ENVIRONMENTS, NOISY_ROOM, TELEPHONE, heard_in


def visit_of(app):
    return app.session_state["visit"]


def turn_to(app, number: int):
    choice = next(each for each in app.segmented_control if each.label == "Person")
    return choice.set_value(number).run()


def be_heard(app, environment: str):
    choice = next(each for each in app.segmented_control if each.label == "How you are heard")
    return choice.set_value(environment).run()


def load(app, name: str, data: bytes):
    return app.file_uploader[-1].set_value((name, data, "application/octet-stream")).run()


@pytest.fixture
def two(enrolled):
    """Three own clips, and a bundled person beside them, who has the turn."""
    return press(enrolled, "borrow")


def test_a_borrowed_voice_is_another_person_and_takes_nothing_away(two):
    own, borrowed = visit_of(two).people
    assert [entry.person for entry in own.entries] == [None] * 3
    assert [entry.person for entry in borrowed.entries] == [PERSONS[0]] * 3
    assert "Speaker 01's personal model is ready" in words(two)
    press(two, "borrow")
    assert len(visit_of(two).people) == 2, "the same voice again is the same person"
    turn_to(two, 1)
    assert "Person 1's personal model is ready" in words(two) and "recorded ·" in words(two)


def test_a_visit_with_one_person_offers_no_choice_of_persons(enrolled):
    assert not any(each.label == "Person" for each in enrolled.segmented_control)
    assert "Your personal model is ready" in words(enrolled)


def test_every_page_and_the_receipt_follow_the_person(two):
    open_page(two, "compare")
    press(two, "ask-bundled")
    assert "**Speaker 01's model**" in words(two) and two.metric
    turn_to(two, 1)
    said = words(two)
    assert "No query yet" in said and not two.metric
    assert "**Person 1**: 3 clips" in said and "**Speaker 01**: 3 clips" in said
    assert "1 query clip" in said and "1 answer in the tally" in said
    turn_to(two, 2)
    assert "Answers to query 1" in words(two) and two.metric, "nothing was lost meanwhile"
    open_page(two, "posterior")
    switches = next(each for each in two.pills if "switch them on" in each.label)
    borrowed = [entry.number for entry in visit_of(two).people[1].entries]
    assert switches.value == borrowed


def test_a_person_is_added_named_and_removed(two, voice):
    press(two, "add-person")
    assert "No clips yet" in words(two) and len(visit_of(two).people) == 3
    speak(two, voice(5))
    two.text_input[0].set_value("  Anna  *b* ").run()
    assert "Anna `*b*`'s personal model is ready" in words(two)
    two.text_input[0].set_value("Speaker 01").run()
    assert "called Speaker 01 already" in two.error[0].value
    two.text_input[0].set_value("x" * 60).run()
    assert "up to 24" in two.error[0].value
    press(two, "remove-person")
    assert [person.number for person in visit_of(two).people] == [1, 2]
    for _ in range(2):
        press(two, "remove-person") if len(visit_of(two).people) > 1 else None
    assert visit_of(two).people[0].entries, "the last one goes by forgetting"


def test_a_ninth_person_is_refused(two):
    for _ in range(6):
        press(two, "add-person")
    press(two, "add-person")
    assert "up to 8 persons" in two.error[0].value and len(visit_of(two).people) == 8


def test_forgetting_empties_everybody(two):
    press(two, "forget-me")
    assert "No clips yet" in words(two) and "Nothing." in words(two)
    (person,) = visit_of(two).people
    assert person.empty


# --- where one's own clips are heard --------------------------------------------------------------


def test_own_clips_are_heard_where_chosen_and_the_recordings_stay(enrolled, voice):
    recorded = [entry.clip.waveform for entry in visit_of(enrolled).entries]
    clean = visit_of(enrolled).personal.model.posterior.mean
    be_heard(enrolled, TELEPHONE)
    assert not enrolled.exception and "by mobile telephone" in words(enrolled)
    for entry, before in zip(visit_of(enrolled).entries, recorded, strict=True):
        expected = heard_in(COMMON_ENVIRONMENTS[TELEPHONE], entry.original).waveform
        assert torch.equal(entry.clip.waveform, expected)
        assert torch.equal(entry.original.waveform, before)
    assert not torch.equal(visit_of(enrolled).personal.model.posterior.mean, clean)
    speak(enrolled, voice(7))
    assert visit_of(enrolled).entries[-1].clip.notes[-1].startswith("heard by mobile telephone")
    speak(enrolled, voice(7))
    assert "same recording as Clip 4" in enrolled.error[0].value, "known again as it was recorded"
    press(enrolled, f"remove-{visit_of(enrolled).entries[-1].number}")
    be_heard(enrolled, CLEAN)
    after = [entry.clip.waveform for entry in visit_of(enrolled).entries]
    assert all(map(torch.equal, after, recorded))
    torch.testing.assert_close(visit_of(enrolled).personal.model.posterior.mean, clean)


def test_a_query_is_heard_where_the_clips_are_and_each_environment_has_its_tally(enrolled, voice):
    be_heard(enrolled, NOISY_ROOM)
    open_page(enrolled, "compare")
    speak(enrolled, voice(7))
    query = visit_of(enrolled).query
    expected = heard_in(COMMON_ENVIRONMENTS[NOISY_ROOM], query.original).waveform
    assert torch.equal(query.clip.waveform, expected)
    tell(enrolled)
    assert "heard in a room with noise" in words(enrolled) and enrolled.metric
    open_page(enrolled, "your_voice")
    be_heard(enrolled, CLEAN)
    open_page(enrolled, "compare")
    assert not enrolled.metric
    assert torch.equal(visit_of(enrolled).query.clip.waveform, query.original.waveform)


def tell(app) -> None:
    question = next(each for each in app.pills if each.label.startswith("Was it right?"))
    question.set_value(question.options[0]).run()


def test_the_switch_is_not_offered_for_borrowed_voices(two):
    assert not any(each.label == "How you are heard" for each in two.segmented_control)


# --- a person's file ------------------------------------------------------------------------------


@pytest.fixture
def saved(enrolled) -> bytes:
    """The file of the person who enrolled."""
    from session import people

    return people.saved(visit_of(enrolled))


def test_a_saved_person_is_loaded_as_another_who_answers_alike(enrolled, saved, voice):
    assert enrolled.get("download_button")
    own = visit_of(enrolled).personal.model
    load(enrolled, "Anna.safetensors", saved)
    assert not enrolled.exception and not enrolled.error
    person = visit_of(enrolled).person
    assert "a posterior from 3 clips" in words(enrolled) and not person.entries
    assert len(visit_of(enrolled).people) == 2
    assert torch.equal(person.loaded.model.posterior.mean, own.posterior.mean)
    open_page(enrolled, "posterior")
    assert not enrolled.exception and "holds no clips" in words(enrolled)
    open_page(enrolled, "compare")
    speak(enrolled, voice(7))
    assert not enrolled.exception and "**Anna's model**, from 3 clips" in words(enrolled)
    assert not any(each.label == "Show the controls" for each in enrolled.toggle)
    assert not any("is no test of it" in box.value for box in enrolled.warning)
    speak(enrolled, voice(1))
    assert "the recording of **a clip of the file**" in words(enrolled)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: b"PK\x03\x04" + data, "is a pickled file"),
        (lambda data: data[:200], "is damaged"),
        (lambda data: b"RIFF" + bytes(400), "is damaged"),
        (lambda data: data.replace(b"keywords-en", b"keywords-ar"), "not for keywords-en; choose"),
        (lambda data: data.replace(b"vop-studio", b"som-studio"), "was not written by VoP Studio"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_sentence(enrolled, saved, damage, said):
    load(enrolled, "some $x$ file.safetensors", damage(saved))
    (refusal,) = enrolled.error
    assert said in refusal.value and "still here" in refusal.value
    assert len(visit_of(enrolled).people) == 1 and len(visit_of(enrolled).entries) == 3


def test_a_file_of_other_weights_is_refused(enrolled):
    other = make_bundle("keywords-en")
    with torch.no_grad():
        next(other.vop.parameters()).add_(1.0)
    data = other.person_bytes(other.vop.enroll(torch.randn(2, 40, 101)))
    load(enrolled, "me.safetensors", data)
    assert "was enrolled with another model" in enrolled.error[0].value


def test_the_person_of_a_file_waits_for_the_task_of_the_file(enrolled, saved):
    load(enrolled, "Anna.safetensors", saved)
    task = next(each for each in enrolled.segmented_control if "listens" in each.label)
    task.set_value("keywords-ar").run()
    assert not enrolled.get("download_button")
    for page in ("your_voice", "compare", "posterior"):
        open_page(enrolled, page)
        assert not enrolled.exception and "Anna is unknown to these models" in words(enrolled)


# --- the exchange of models -----------------------------------------------------------------------


def show_swap(app):
    open_page(app, "compare")
    view = next(each for each in app.segmented_control if "Swap models" in str(each.options))
    return view.set_value("Swap models").run()


def test_it_takes_two_and_a_bundled_voice_is_added_at_one_click(enrolled):
    show_swap(enrolled)
    assert "It takes two to swap" in words(enrolled)
    press(enrolled, "swap-add")
    assert not enrolled.exception and len(visit_of(enrolled).people) == 2
    assert visit_of(enrolled).turn == 1, "the turn stays"
    assert "**Speaker 01** speaks" in words(enrolled)


def test_one_click_exchanges_the_answers(bundle, persons):
    app = open_app(person=PERSONS[0])
    next(box for box in app.selectbox if box.label == "Person").select_index(1).run()
    press(app, "borrow")
    show_swap(app)
    for number in (1, 2):
        press(app, f"swap-ask-{number}")
    assert not app.exception
    answers = visit_of(app).exchange[1]
    first, second = answers.answered
    assert [first["own"].told, second["own"].told] == [4, 4]
    said = words(app)
    assert "Speaker 01's model answers" in said and "Of 8 words of both" in said
    assert f"## {first['own'].right} of 4 right" in said
    press(app, "swap")
    said = words(app)
    assert said.index("Speaker 02's model answers") < said.index("Speaker 01's model answers")
    assert said.count(f"## {first['other'].right} of 4 right") >= 1
    assert visit_of(app).exchange[1] is answers, "nothing is asked anew"
    press(app, "swap")
    assert words(app).index("Speaker 01's model answers") < words(app).index("Speaker 02's model")
    assert all(
        entry.seal.openings == 0 for person in visit_of(app).people for entry in person.entries
    ), "enrollment labels stay sealed"


def test_two_who_gave_clips_of_their_own_have_a_microphone_each(enrolled, voice):
    open_page(enrolled, "your_voice")
    press(enrolled, "add-person")
    for number in (3, 4, 5):
        speak(enrolled, voice(number))
    show_swap(enrolled)
    assert not enrolled.exception and not enrolled.error
    assert len(enrolled.audio_input) == 2


def test_own_words_are_prompted_and_a_clip_that_enrolled_is_refused(enrolled, voice):
    show_swap(enrolled)
    press(enrolled, "swap-add")
    prompt = enrolled.audio_input[0].label
    assert any(f"“{word}”" in prompt for word in WORDS)
    speak(enrolled, voice(1))
    assert "is the recording of Clip 2, which enrolled" in enrolled.error[0].value
    speak(enrolled, voice(8))
    assert not enrolled.error and enrolled.audio_input[0].label != prompt
    press(enrolled, "swap-ask-2")
    assert f"“{visit_of(enrolled).people[0].spoken[0].word}”" in prompt
    assert "of 1 right" in words(enrolled)
    press(enrolled, "swap-again-1")
    assert not visit_of(enrolled).people[0].spoken
