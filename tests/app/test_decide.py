"""Decide: the verdict follows the numbers, and what is not there is said."""

import re

import pytest

from tests.app.conftest import (
    alternatives,
    choose_model,
    open_app,
    open_page,
    press,
    record,
    words,
)
from vop_core.evaluation.intervals import Interval
from vop_core.models import load_bundle
from vop_core.models.decision import card_regimes
from vop_core.models.verification import ClaimSetting, card_claims

PEOPLE = 16


def rows(gain: float, *, shots=(1, 5), wrong=0.0, harmed=()):
    """A card's results over people: the global model right on 70 to 85 %, the personal ones
    ``gain`` more, models of another person's clips ``wrong`` more.
    """
    made = []
    for count in shots:
        everybody = {f"corpus/p{n}": 0.7 + 0.01 * n for n in range(PEOPLE)}
        for method, row, more in (
            ("global", "own", 0.0),
            ("vop", "own", gain),
            ("vop", "wrong-person", wrong),
        ):
            # people differ, so that an interval has a width
            per_person = {
                person: share + (more and more + 0.002 * (place % 3 - 1))
                for place, (person, share) in enumerate(everybody.items())
            }
            made.append(
                {
                    "method": method,
                    "row": row,
                    "set": "open",
                    "shots": count,
                    "harmed": list(harmed) if method == "vop" and row == "own" else None,
                    "per_person": per_person,
                }
            )
    return made


@pytest.fixture
def decide(bundle, persons, monkeypatch):
    """The page on a card; the other language's voices are the same three persons'."""

    def opened(**card):
        bundle.update(card)
        return open_app("decide")

    return opened


def test_a_gain_for_everybody_that_needs_the_right_person_is_shipped(decide):
    app = decide(rows=rows(0.1))
    assert not app.exception
    assert "Ship it" in app.success[0].value
    assert "+10.0" in words(app)


def test_one_harmed_person_takes_the_everybody_out_of_the_verdict(decide):
    app = decide(rows=rows(0.1, harmed=["corpus/p3"]))
    assert "not for everybody" in app.success[0].value
    assert "Harm is shown for **1**" in words(app)


def test_a_gain_that_another_person_s_clips_bring_as_well_is_not_shown(decide):
    app = decide(rows=rows(0.1, wrong=0.1))
    assert "Not shown" in app.warning[0].value
    assert "not shown to be personal" in words(app)


def test_a_gain_with_many_clips_alone_is_shipped_for_those(decide):
    app = decide(rows=[*rows(0.0, shots=(1,)), *rows(0.1, shots=(5,))])
    assert "5 clips" in app.success[0].value and "1" not in app.success[0].value


def test_a_loss_is_called_one(decide):
    assert "Do not ship" in decide(rows=rows(-0.1)).error[0].value


def test_nobody_is_named(decide):
    app = decide(rows=rows(0.1))
    shown = words(app) + "".join(frame.value.to_csv() for frame in app.table)
    assert "corpus" not in shown
    assert re.search(r"\bp\d", shown) is None


def test_without_results_the_page_says_so(decide):
    app = decide()
    assert not app.exception
    assert "no results over people" in words(app)


def test_a_smaller_gain_needs_more_people(decide):
    app = decide(rows=rows(0.1))

    def needed() -> int:
        found = re.search(r"\*\*([\d,]+) people\*\* would be needed", words(app))
        return int(found[1].replace(",", ""))

    before = needed()
    app.select_slider[0].set_value(0.005).run()
    assert needed() > before


def test_the_bundled_people_are_asked_on_a_click(decide):
    app = decide(rows=rows(0.1))
    figures = len(alternatives(app))
    app = press(app, "ask-people")
    assert not app.exception
    assert len(alternatives(app)) == figures + 1
    assert "False alarms" in app.table[-1].value.to_csv()


def test_costs_on_a_visitor_s_clips_leave_out_what_needs_their_words(decide, voice):
    app = record(open_app(), voice(0))
    app = press(open_page(app, "decide"), "measure-costs")
    assert not app.exception
    costs = app.table[-1].value.set_index("Method")
    for method, labels in (("VoP (this one)", False), ("LoRA", True)):
        assert (costs.loc[method, "To enroll"] == "needs labels") == labels


def test_costs_of_other_clips_are_not_shown_for_these(decide, voice):
    app = press(decide(), "measure-costs")
    assert "Right answers" in app.table[-1].value.columns
    app = record(open_page(app, "your_voice"), voice(0))
    assert "Right answers" not in words(open_page(app, "decide"))


def test_the_report_holds_the_verdict_and_no_name(decide):
    app = decide(rows=rows(0.1))
    from session import decision

    visit = app.session_state["visit"]
    page = decision.report(visit, decision.regimes(visit)[0])
    assert "Ship it" in page
    assert page.count("<svg") == 2
    assert "corpus/" not in page
    assert "http" not in page


def test_groups_are_named_where_a_gain_or_harm_is_shown(decide):
    from texts import decide as words_of

    line = {"heard": "clean", "training": "heard", "clips": 5}
    groups = [
        line | {"group": "gender female", "shown": "shown"},
        line | {"group": "gender male", "shown": "not shown"},
        line | {"group": "dialect native", "shown": "the reverse shown", "training": "never heard"},
    ]
    said = words_of.of_groups(groups)
    gained, harmed = said.partition("harm for")[::2]
    assert "3 cases" in gained and "women (clean)" in gained and "men (clean)" in gained
    assert " men (clean)" not in said
    assert "native speakers (clean, never trained on)" in harmed
    assert words_of.of_groups(groups[1:2]).count("none") == 2


def test_hands_are_decided_by_their_own_card_in_their_own_words(decide):
    app = choose_model(decide(rows=rows(0.1)), "handwriting")
    assert not app.exception and not app.error
    regimes = card_regimes(load_bundle("handwriting").card)
    tested = {f"over {regime.gain.persons} people" for regime in regimes}
    assert any(each in words(app) for each in tested)
    press(app, "ask-people")
    press(app, "measure-costs")
    assert not app.exception and not app.error
    assert "clip" not in words(app).lower().replace("clipped", "")
    visit = app.session_state["visit"]
    assert visit.people_asked == {"handwriting"} and not visit.hand.samples
    # what would have to be sent: a byte for each pixel
    ledger = visit.ledger[1]
    assert ledger.bytes_to_send == ledger.clips * 28 * 28


def test_claims_are_told_setting_by_setting(decide):
    app = choose_model(decide(), "verification")
    assert not app.exception and not app.error
    found = card_claims(load_bundle("verification").card)
    assert len(app.table[0].value) == len(found) > 0


def claims(gap: float, *, wrong: float, wide: float = 0.01) -> ClaimSetting:
    """A setting whose error rate under personal weights differs by ``gap``."""
    level, difference, control = (
        Interval(mean, (mean - wide, mean + wide), 40, "made up") for mean in (0.1, gap, wrong)
    )
    return ClaimSetting("wuw2", False, 3, level, level, difference, control)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ([claims(-0.05, wrong=-0.05), claims(0.0, wrong=0.0)], "success"),
        ([claims(-0.05, wrong=0.0)], "warning"),
        ([claims(-0.005, wrong=-0.05)], "warning"),
        ([claims(0.05, wrong=0.0)], "error"),
        ([claims(-0.05, wrong=-0.05), claims(0.05, wrong=0.0)], "warning"),
    ],
    ids=["shown in one", "a stranger's weights do as well", "holds 0", "harm", "both"],
)
def test_fewer_errors_are_shown_where_they_need_the_right_person(settings, kind):
    from texts.verify import headline

    assert headline(settings)[0] == kind
