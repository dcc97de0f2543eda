"""An address opens a bundled voice in a state; what a visitor gave stays beside it."""

import torch

from tests.app.conftest import PERSONS, open_app, open_page, press, record, words
from vop_core.data.environments import heard_in, own_environments


def test_an_address_enrolls_a_bundled_voice(bundle, persons):
    app = open_app(task="keywords-en", person=PERSONS[1], clips="2", query="1", seed="4")
    assert not app.exception
    state = app.session_state["visit"]
    assert [entry.person for entry in state.entries] == [PERSONS[1]] * 2
    assert state.query is not None and state.draw_seed == 4
    assert "Your personal model is ready" in words(app)


def test_forgetting_does_not_open_the_address_again(bundle, persons):
    app = open_app(person=PERSONS[1])
    assert app.session_state["visit"].entries
    app = press(app, "forget-me")
    assert not app.session_state["visit"].entries
    assert not app.run().session_state["visit"].entries


def test_a_visitor_s_own_clips_are_kept(bundle, persons, voice):
    app = open_app()
    record(app, voice(0))
    app.query_params["person"] = PERSONS[0]
    app.run()
    own, borrowed = app.session_state["visit"].people
    assert [entry.person for entry in own.entries] == [None]
    assert [entry.person for entry in borrowed.entries] == [PERSONS[0]] * 3


def test_an_address_that_asks_for_nonsense_is_one_sentence(bundle, persons):
    for address, said in (
        ({"task": "chess"}, "the task 'chess'"),
        ({"person": "speech_commands_test/nobody"}, "'speech_commands_test/nobody'"),
        ({"person": PERSONS[0], "clips": "-3"}, "clips '-3'"),
        ({"person": PERSONS[0], "environment": "on the moon"}, "heard in 'on the moon'"),
        ({"person": PERSONS[0], "weight": "x"}, "weight 'x'"),
    ):
        app = open_app(page=None, **address)
        assert not app.exception
        assert said in words(app)
        assert not app.session_state["visit"].entries


def test_more_clips_than_there_are_open_those_that_are(bundle, persons):
    app = open_app(person=PERSONS[2], clips="500", query="77")
    assert len(app.session_state["visit"].entries) == 5
    assert app.session_state["visit"].query is not None


def test_an_address_says_where_enrollment_and_query_are_heard(bundle, persons):
    place = own_environments(PERSONS[0])["second environment"]
    app = open_app(person=PERSONS[0], environment="second environment", clips="1", query="2")
    state = app.session_state["visit"]
    for clip, recorded in (
        (state.entries[0].clip, persons[0].enrollment[0]),
        (state.query.clip, persons[0].query[2]),
    ):
        expected = heard_in(place, recorded.load()).waveform
        torch.testing.assert_close(clip.waveform, expected, rtol=0, atol=0)
    clean = open_app(person=PERSONS[0]).session_state["visit"].entries[0].clip
    recorded = persons[0].enrollment[0].load().waveform
    torch.testing.assert_close(clean.waveform, recorded, rtol=0, atol=0)


def test_a_link_opens_the_layer_and_the_weight_that_were_looked_at(bundle, persons):
    app = open_app(person=PERSONS[0])
    visit = app.session_state["visit"]
    layer = visit.personal.model.layer_names[-1]
    visit.layers[visit.task], visit.weights[visit.task, layer] = layer, 2
    linked = shown(app).as_query()
    there = open_app(**linked).session_state["visit"]
    assert there.layers == {there.task: layer} and there.weights == {(there.task, layer): 2}
    nowhere = open_app(page=None, **linked | {"layer": "attic"})
    assert "asks for the layer 'attic'; this model has" in words(nowhere)
    assert nowhere.session_state["visit"].entries, "the voice is there all the same"


def test_a_link_from_the_lecture_opens_its_step(bundle, persons):
    from session import address

    visit = open_page(open_app(person=PERSONS[0]), "learn").session_state["visit"]
    visit.lesson.step = 3
    assert address.query(visit)["step"] == "4"


def test_the_link_of_a_state_opens_that_state(bundle, persons):
    app = open_app(person=PERSONS[0], environment="own environment", clips="2", query="2", seed="4")
    linked = shown(app).as_query()
    assert linked["person"] == PERSONS[0]
    there, here = (each.session_state["visit"] for each in (open_app(**linked), app))
    for one, other in ((there, here), (here, there)):
        clips = [[entry.clip.digest for entry in visit.entries] for visit in (one, other)]
        assert clips[0] == clips[1] and len(clips[0]) == 2
    assert there.query.clip.digest == here.query.clip.digest
    assert (there.task, there.draw_seed) == (here.task, here.draw_seed)


def test_a_link_says_nothing_of_a_voice_of_ones_own(bundle, persons, voice):
    app = open_app()
    record(app, voice(0))
    assert shown(app).as_query() == {"task": "keywords-en"}
    assert "No voice travels in a link" in words(app)


def shown(app):
    from session import address

    return address.shown(app.session_state["visit"])


# --- what the pages make of the address -----------------------------------------------------------


def linked(app) -> dict[str, str]:
    from session import address

    return address.query(app.session_state["visit"])


def test_the_address_says_whose_digits_are_seen_and_opens_them_again(bundle):
    from session.shared import bundled_persons

    writer = bundled_persons("handwriting")[1]
    app = open_app("hands", writer=writer.id, scan="by fax", digit="2")
    hand = app.session_state["visit"].hand
    assert (hand.writer, hand.environment) == (writer.id, "by fax")
    assert hand.query.seal.open() == writer.query[2].label
    again = open_app("hands", **linked(app)).session_state["visit"].hand
    assert [each.picture.digest for each in (*hand.samples, hand.query)] == [
        each.picture.digest for each in (*again.samples, again.query)
    ]


def test_the_address_says_which_part_of_a_page_is_open(bundle, persons):
    app = open_app("compare", person=PERSONS[0], view="swap-models")
    assert linked(app)["view"] == "swap-models"
    assert "view" not in linked(open_app("compare", person=PERSONS[0], view="attic"))
    inspected = open_app("inspection", model="handwriting", section="persons")
    assert linked(inspected) == {
        "task": "keywords-en",
        "model": "handwriting",
        "section": "persons",
    }


def test_what_the_page_made_of_the_address_is_not_opened_again(bundle, persons):
    """A reload has an address that this visit made; a run of the same visit has it as well."""
    app = open_app(person=PERSONS[1], clips="2")
    state = app.session_state["visit"]
    number = state.entries[0].number
    for name, value in linked(app).items():
        app.query_params[name] = value
    assert app.run().session_state["visit"].entries[0].number == number
    assert [entry.person for entry in open_app(**linked(app)).session_state["visit"].entries] == [
        PERSONS[1]
    ] * 2


def test_an_address_that_asks_for_no_such_hand_or_model_is_one_sentence(bundle):
    for address, said in (
        ({"writer": "nobody"}, "asks for 'nobody', who is no bundled writer"),
        ({"writer": "virtual-writers/01", "scan": "on ice"}, "asks for digits seen 'on ice'"),
        ({"model": "chess"}, "asks for the model 'chess'; there are "),
    ):
        assert said in words(open_app(page=None, **address))
