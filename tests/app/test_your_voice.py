"""Page: give clips. What is usable becomes a tile; what is not becomes one sentence and costs
nothing.
"""

import numpy as np
import pytest
import torch

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
from tests.data.audio_fixtures import av_bytes, soundfile_bytes, spoken, vowel
from vop_core.data.environments import CLEAN, heard_in, own_environments

GOOD = {
    "voice.wav": lambda: soundfile_bytes(vowel(0.8)),
    "voice.flac": lambda: soundfile_bytes(vowel(0.8), kind="FLAC"),
    "voice.ogg": lambda: soundfile_bytes(vowel(0.8), kind="OGG", subtype="VORBIS"),
    "voice.opus": lambda: soundfile_bytes(
        vowel(0.8, rate=48_000), 48_000, kind="OGG", subtype="OPUS"
    ),
    "voice.mp3": lambda: soundfile_bytes(vowel(0.8), kind="MP3", subtype="MPEG_LAYER_III"),
    "voice.m4a": lambda: av_bytes(vowel(0.8, rate=44_100), 44_100, kind="ipod", codec="aac"),
    "voice.webm": lambda: av_bytes(vowel(0.8, rate=48_000), 48_000, kind="webm", codec="libopus"),
    "four-kilohertz.wav": lambda: soundfile_bytes(vowel(0.8, rate=4_000), 4_000),
    "studio.wav": lambda: soundfile_bytes(vowel(0.8, rate=192_000), 192_000),
    "stereo.wav": lambda: soundfile_bytes(np.stack([vowel(0.8), vowel(0.8)], axis=1)),
}
CONVERTED = (
    "voice.m4a",
    "voice.webm",
    "voice.opus",
    "four-kilohertz.wav",
    "studio.wav",
    "stereo.wav",
)


def _not_finite() -> bytes:
    samples = vowel(0.8)
    samples[5_000:5_100] = np.nan
    return soundfile_bytes(samples, subtype="FLOAT")


BAD = {
    "empty.wav": lambda: b"",
    "truncated.wav": lambda: soundfile_bytes(vowel(0.8))[:1_000],
    "random.wav": lambda: np.random.default_rng(0).bytes(20_000),
    "picture.png": lambda: b"\x89PNG\r\n\x1a\n" + bytes(2_000),
    "letter.wav": lambda: b"Dear Sir or Madam, " * 200,
    "silence.wav": lambda: soundfile_bytes(np.zeros(16_000, np.float32)),
    "clipped.wav": lambda: soundfile_bytes(
        np.sign(np.sin(np.arange(16_000) / 20)).astype(np.float32)
    ),
    "nan.wav": _not_finite,
    "short.wav": lambda: soundfile_bytes(vowel(0.8)[6_000:6_800]),
    "long.wav": lambda: soundfile_bytes(np.tile(vowel(1.0), 61)),
}


def test_an_empty_visit_says_what_to_do_and_that_nothing_is_kept(app):
    assert not app.exception
    assert "No clips yet" in words(app)
    assert "Nothing." in words(app)
    assert [tab.label.split(": ")[-1] for tab in app.tabs] == [
        "Record",
        "Upload files",
        "Borrow a voice",
    ]


def test_three_recordings_become_three_tiles_and_a_personal_model(enrolled):
    assert not enrolled.exception
    said = words(enrolled)
    assert (
        "Your personal model is ready" in said
        and "from 3 clips" in said
        and "0 gradient steps" in said
    )
    assert "3 clips" in said and "the posterior that they make" in said
    assert len(enrolled.get("plotly_chart")) == 3 and len(enrolled.get("audio")) == 3
    assert all("mel spectrogram" in alternative for alternative in alternatives(enrolled))
    assert [badge for badge in ("Good", "Usable", "Poor") if badge in said]


def test_a_single_clip_is_enough_to_begin(app, voice):
    record(app, voice())
    assert "from 1 clip" in words(app) and "2 more clips" in words(app)


def test_the_microphone_is_empty_again_after_each_clip(enrolled):
    assert enrolled.audio_input[0].value is None
    assert enrolled.audio_input[0].label.startswith("Clip 4: say one word")


@pytest.mark.parametrize("name", GOOD)
def test_a_file_of_every_accepted_kind_becomes_a_tile(app, name):
    upload(app, (name, GOOD[name]()))
    assert not app.exception and not app.error
    assert "from 1 clip" in words(app)
    if name in CONVERTED:
        assert ":material/sync_alt:" in words(app), "a conversion leaves a note"


@pytest.mark.parametrize("name", BAD)
def test_a_bad_upload_gives_one_sentence_and_keeps_everything(enrolled, name):
    upload(enrolled, (name, BAD[name]()))
    assert not enrolled.exception
    (refusal,) = enrolled.error
    sentence = refusal.value.removesuffix(" Everything you had is still here.")
    assert refusal.value != sentence, "it is said that nothing is lost"
    assert sentence.startswith(name) and sentence.count(". ") == 0 and sentence.endswith(".")
    assert len(enrolled.get("plotly_chart")) == 3 and "from 3 clips" in words(enrolled)


def test_of_several_files_the_good_ones_are_kept(app):
    upload(
        app,
        ("a.wav", GOOD["voice.wav"]()),
        ("b.wav", b""),
        ("c.wav", soundfile_bytes(vowel(0.9, pitch=110.0))),
    )
    assert "from 2 clips" in words(app)
    assert len(app.error) == 1 and "b.wav" in app.error[0].value


def test_the_next_good_step_ends_the_complaint(app, voice):
    upload(app, ("b.wav", b""))
    assert app.error
    record(app, voice())
    assert not app.error


def test_a_complaint_can_be_dismissed(app):
    upload(app, ("b.wav", b""))
    press(app, "dismiss")
    assert not app.error


def test_the_same_recording_does_not_count_twice(app, voice):
    record(app, voice())
    record(app, voice())
    assert "from 1 clip" in words(app)
    assert "same recording as Clip 1" in app.error[0].value


def test_a_recording_of_several_words_says_so_and_offers_them_all(app):
    upload(app, ("three.wav", soundfile_bytes(spoken(110.0, 150.0, 200.0))))
    assert "3 words: the model hears one second," in words(app)
    press(app, "each-word-1")
    assert not app.error
    assert "from 3 clips" in words(app) and "words: the model hears" not in words(app)


def test_words_that_do_not_fit_beside_the_clips_there_are_leave_everything_as_it_was(app, voice):
    upload(app, *[(f"{number}.wav", voice(number)) for number in range(9)])
    upload(app, ("three.wav", soundfile_bytes(spoken(250.0, 300.0, 350.0))))
    press(app, "each-word-10")
    assert "from 10 clips" in words(app)
    assert "these are 12; leave out 2." in app.error[0].value


def test_a_model_of_a_poor_clip_is_not_praised(app, voice):
    record(app, voice())
    upload(app, ("fan.wav", soundfile_bytes(np.random.default_rng(0).normal(0, 0.1, 16_000))))
    assert not app.warning and "from 1 clip" in words(app), "a poor clip is off at first"
    assert app.button(key="switch-2").label == "Use anyway"
    press(app, "switch-2")
    assert app.warning[0].value.startswith("Poor clips: 1 of 2;")
    open_page(app, "posterior")
    assert "Poor clips: 1 of 2;" in app.warning[0].value
    assert not any("Healthy" in box.value for box in app.success)


def test_the_eleventh_clip_is_refused_because_training_saw_ten(app, voice):
    upload(app, *[(f"{number}.wav", voice(number)) for number in range(11)])
    assert "from 10 clips" in words(app)
    assert len(app.error) == 1 and "10 clips are as many" in app.error[0].value


def test_a_removed_clip_is_gone_from_the_model(enrolled):
    press(enrolled, "remove-2")
    said = words(enrolled)
    assert "from 2 clips" in said and "**Clip 2**" not in said and "**Clip 3**" in said


def test_a_borrowed_voice_gives_three_clips_with_their_attribution(app, persons):
    press(app, "borrow")
    said = words(app)
    assert said.count("borrowed ·") == 3 and "from 3 clips" in said
    assert said.count(f"Speaker 01 of {persons[0].corpus.attribution}") == 3


def test_a_borrowed_voice_is_heard_where_it_is_asked_to_be_and_the_page_says_where(app, persons):
    (heard,) = [box for box in app.selectbox if box.label == "Heard"]
    assert heard.value == CLEAN
    heard.set_value("own environment").run()
    place = own_environments(PERSONS[0])["own environment"]
    assert f"9 clips here, heard {place.description}." in words(app)
    press(app, "borrow")
    entries = app.session_state["visit"].entries
    assert [entry.clip.notes[-1] for entry in entries] == [f"heard {place.description}"] * 3
    expected = heard_in(place, persons[0].enrollment[0].load()).waveform
    torch.testing.assert_close(entries[0].clip.waveform, expected, rtol=0, atol=0)


def test_every_way_to_be_heard_has_its_words():
    import texts

    assert tuple(texts.HEARD) == (CLEAN, *own_environments(PERSONS[0]))


def test_the_page_opens_as_the_card_says_and_says_what_became_of_everybody(bundle, persons):
    rows = [
        {"person": name, "environment": place, "queries": 4, "global": 2, "personal": right}
        for place, rights in (("own environment", (1, 4, 3)), (CLEAN, (2, 2, 2)))
        for name, right in zip(PERSONS, rights, strict=True)
    ]
    opening = {"person": PERSONS[1], "environment": "own environment"}
    bundle["bundled"] = {"shots": 3, "opening": opening, "rows": rows}
    app = open_app()
    said = words(app)
    assert "Of all 3 people, heard this way" in said
    assert "global one for 2, less often for 1, as often for 0." in said
    assert "Speaker 02 is proposed because" in said
    press(app, "borrow")
    of_person = "Of Speaker 02's 4 query clips, which did not enroll, **your model gets 4 right"
    assert of_person in words(app)
    assert {entry.person for entry in app.session_state["visit"].entries} == {PERSONS[1]}
    (heard,) = [box for box in app.selectbox if box.label == "Heard"]
    heard.set_value(CLEAN).run()
    assert "global one for 0, less often for 0, as often for 3." in words(app)
    entry = app.session_state["visit"].entries[0]
    press(app, f"remove-{entry.number}")
    assert of_person not in words(app), "the card counted other clips"


def test_clips_of_different_people_are_pointed_out(app, voice):
    press(app, "borrow")
    record(app, voice())
    assert "different people" in app.warning[0].value


def test_another_task_keeps_the_clips(enrolled):
    enrolled.segmented_control[0].set_value("keywords-ar").run()
    assert not enrolled.exception
    assert "from 3 clips" in words(enrolled)


def test_forget_me_empties_everything(enrolled):
    upload(enrolled, ("b.wav", b""))
    press(enrolled, "forget-me")
    said = words(enrolled)
    assert "No clips yet" in said and "Nothing." in said and not enrolled.error
    assert not enrolled.get("plotly_chart") and not enrolled.get("audio")
    visit = enrolled.session_state["visit"]
    assert (visit.entries, visit.personal, visit.query, visit.outcomes) == ([], None, None, {})
    assert enrolled.audio_input[0].value is None and not enrolled.file_uploader[0].value


def test_another_visitor_sees_nothing_of_this_one(enrolled, bundle):
    other = open_app()
    assert "No clips yet" in words(other) and "Nothing." in words(other)


def test_what_is_shared_between_visitors_holds_no_sound(enrolled):
    from session import shared as cached

    shared = [cached.bundle("keywords-en"), cached.bundled_persons("keywords-en")]
    waveforms = {id(entry.clip.waveform) for entry in enrolled.session_state["visit"].entries}
    import gc

    from vop_core.types import Clip

    reachable, waiting = set(), list(shared)
    while waiting:
        thing = waiting.pop()
        if (
            id(thing) in reachable
            or isinstance(thing, type)
            or type(thing).__name__ in ("module", "function")
        ):
            continue
        reachable.add(id(thing))
        assert not isinstance(thing, Clip)
        waiting += gc.get_referents(thing)
    assert not waveforms & reachable


def test_the_voice_is_played_from_the_page_itself_not_from_an_address(enrolled):
    assert all(
        player.proto.url.startswith("data:audio/wav;base64,") for player in enrolled.get("audio")
    )


def test_a_missing_model_is_one_sentence(persons, monkeypatch):
    import streamlit

    from vop_core import models
    from vop_core.errors import CheckpointError

    def missing(task):
        raise CheckpointError("There is no trained model yet; make it with: vop train keywords-en")

    streamlit.cache_resource.clear()
    monkeypatch.setattr(models, "load_bundle", missing)
    app = open_app()
    assert not app.exception
    assert "vop train" in app.error[0].value


def test_a_poor_clip_is_off_until_it_is_used_anyway(app):
    upload(app, ("fan.wav", soundfile_bytes(np.random.default_rng(0).normal(0, 0.1, 16_000))))
    assert "Your only clip is switched off" in words(app)
    assert "Your personal model is ready" not in words(app)
    press(app, "switch-1")
    assert "from 1 clip" in words(app)
    assert app.button(key="switch-1").label == "Switch off"


def test_a_tile_carries_the_name_of_its_file_and_is_switched_off_on_itself(enrolled, voice):
    upload(enrolled, ("kitchen.wav", voice(8)))
    assert "kitchen.wav · 1.0 s" in words(enrolled)
    press(enrolled, "switch-4")
    assert "4 clips, 1 off" in words(enrolled) and "from 3 clips" in words(enrolled)
    open_page(enrolled, "posterior")
    assert "Clip 4 · kitchen.wav" in enrolled.pills[0].options
    assert enrolled.pills[0].value == [1, 2, 3] and "Off: Clip 4" in words(enrolled)


def test_files_refused_together_are_named_once_for_each_reason(app, voice):
    silence = BAD["silence.wav"]()
    refused = [(f"silent-{number}.wav", silence) for number in range(3)]
    upload(
        app,
        *refused,
        ("letter.txt", BAD["letter.wav"]()),
        *[(f"{n}.wav", voice(n)) for n in range(12)],
    )
    (box,) = app.error
    lines = box.value.split("\n\n")
    assert lines[0] == "6 of 16 files were refused."
    assert lines[1].startswith("3 files (silent-0.wav, silent-1.wav and silent-2.wav): each is ")
    assert lines[2].startswith("letter.txt is text")
    assert (
        lines[3].startswith("2 files (10.wav and 11.wav): 10 clips") and "leave out 2" in lines[3]
    )


def test_a_poor_file_takes_no_room_from_a_better_one(app, voice):
    fan = soundfile_bytes(np.random.default_rng(0).normal(0, 0.1, 16_000))
    upload(app, ("fan.wav", fan), *[(f"{number}.wav", voice(number)) for number in range(10)])
    assert "from 10 clips" in words(app) and "fan.wav: 10 clips" in app.error[0].value


@pytest.mark.parametrize(
    "name",
    ["$x$.wav", "<b>a.wav", "**a** b.wav", ":smile:.wav", "www.a.b", "a->b", "`a.wav", "[a](b)"],
)
def test_what_could_be_markup_in_a_file_s_name_is_shown_as_code(app, name):
    upload(app, (name, b""))
    shown = app.error[0].value
    for word in name.split():
        plain = word.replace(".wav", "").isalnum()
        assert plain or f"`{word}`" in shown or f"`` {word} ``" in shown


def test_ordinary_names_and_sentences_are_shown_as_they_are(app_modules):
    import texts

    for text in (
        "a.wav is empty; record it again or choose another file.",
        "no_nohash_1.wav has a sample rate of 1,000 Hz; export it at 4 to 192 kHz, best at 16 kHz.",
        "10 clips are as many as the models were trained with, and these are 12; leave out 2.",
        "تسجيل.wav holds values that are no numbers (NaN or infinity); export it again.",
    ):
        assert texts.literal(text) == text
    assert texts.literal("1. a.wav") == "`1.` a.wav", "no list begins"
