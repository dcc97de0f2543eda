"""The course's own tools: budget, predictions, exercises, sliders, links, sources."""

import json
import math
import sys
from types import ModuleType

import nbformat.v4
import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from vop_core import course
from vop_core.course import predictions
from vop_core.course.budget import BUDGET
from vop_core.course.build import make_static
from vop_core.course.exercises import EXERCISES
from vop_core.course.exercises.mistakes import MISTAKES
from vop_core.course.links import LinkedState
from vop_core.course.reading import PLOTLY_MIME
from vop_core.course.sliders import EXPLORER_MIME
from vop_core.errors import VopError
from vop_core.plots import style
from vop_core.variational.gaussian import DiagonalGaussian

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.mark.parametrize(
    ("asked", "taken"), [(None, "long"), ("full", "long"), (" Short ", "brief"), ("", "long")]
)
def test_the_budget_is_full_unless_short_is_asked_for(monkeypatch, asked, taken):
    monkeypatch.delenv(BUDGET, raising=False) if asked is None else monkeypatch.setenv(
        BUDGET, asked
    )
    assert course.within_budget(full="long", short="brief") == taken


def test_an_unknown_budget_is_refused(monkeypatch):
    monkeypatch.setenv(BUDGET, "tiny")
    with pytest.raises(VopError, match="tiny"):
        course.within_budget(full=1, short=0)


@pytest.fixture
def question(monkeypatch, tmp_path):
    monkeypatch.setenv("VOP_CACHE", str(tmp_path))
    return course.predict("test", "Which?", ("this", "that"))


def test_a_prediction_is_kept_here_and_revealed(question, tmp_path):
    assert question.reveal("that").startswith("No prediction was made")
    question.choose(1)
    assert json.loads((tmp_path / "course" / "predictions.json").read_text()) == {"test": "this"}
    assert course.predict("test", "Which?", ("this", "that")).chosen == "this"
    assert "rightly" in question.reveal("this")
    assert "rightly" not in question.reveal("that", "It was.") and "It was." in question.reveal(
        "that", "It was."
    )


def test_a_prediction_refuses_what_is_no_option_and_forgets_one_that_is_gone(question):
    for wrong in (0, 3, "other"):
        with pytest.raises(VopError, match="no option"):
            question.choose(wrong)
    with pytest.raises(VopError, match="no option"):
        question.reveal("other")
    question.choose("that")
    assert course.predict("test", "Which?", ("this", "none")).chosen is None


def test_damaged_predictions_count_as_none(question):
    question.choose(2)
    predictions.answers_file().write_text("{", encoding="utf-8")
    assert question.chosen is None
    question.choose(1)
    assert question.chosen == "this"


def test_without_widgets_a_prediction_is_text(question, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ipywidgets", None)
    bundle = question._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert "1. this" in bundle["text/plain"] and ".choose(1)" in bundle["text/plain"]


def test_with_widgets_choosing_a_button_keeps_the_answer(question):
    assert WIDGET in question._repr_mimebundle_()


def line(slope: float, name: str = "a") -> go.Figure:
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, slope], name=name))
    return style.finish(figure, alt=f"A line of slope {slope}.", height=200)


def test_a_slider_redraws_the_figure_and_its_words():
    explorer = course.explore(line, slope=[1.0, 2.0, 3.0], name=("b", ["a", "b"]))
    slope, name, figure, words = explorer.box.children
    assert (slope.value, name.value) == (2.0, "b")
    assert list(figure.data[0].y) == [0, 2.0]
    slope.value = 3.0
    assert list(figure.data[0].y) == [0, 3.0]
    assert "slope 3.0" in words.value
    name.value = "a"
    assert figure.data[0].name == "a"


def test_a_figure_with_other_curves_takes_the_place_of_the_former():
    def curves(count: int) -> go.Figure:
        figure = go.Figure([go.Scatter(x=[0], y=[index]) for index in range(count)])
        return style.finish(figure, alt=f"{count} curves", height=200)

    slider, figure, words = course.explore(curves, count=[1, 2, 3]).box.children
    slider.value = 3
    assert len(figure.data) == 3
    slider.value = 1
    assert len(figure.data) == 1
    assert "1 curves" in words.value


def test_an_explorer_shows_a_figure_where_there_are_no_widgets(monkeypatch):
    explorer = course.explore(line, slope=[1.0, 2.0, 3.0])
    assert {WIDGET, PLOTLY_MIME, "text/plain"} <= set(explorer._repr_mimebundle_())
    monkeypatch.setattr("vop_core.course.sliders.WIDGETS", ("no_such_package",))
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {PLOTLY_MIME, EXPLORER_MIME, "text/plain"}
    assert bundle["text/plain"] == "A line of slope 2.0."
    assert bundle[EXPLORER_MIME] == {"scene": "line", "controls": {"slope": [2.0, [1.0, 2.0, 3.0]]}}


def test_a_control_must_begin_among_its_values():
    with pytest.raises(ValueError, match="slope"):
        course.explore(line, slope=(9.0, [1.0, 2.0]))


def test_a_link_opens_a_page_in_a_state():
    person = "speech_commands_test/135c6841"
    link = course.in_app(
        "Posterior", LinkedState(task="keywords-en", person=person, clips=2, seed=5)
    )
    where = "localhost:8501/posterior?task=keywords-en&person=speech_commands_test%2F135c6841"
    assert f"{where}&clips=2&seed=5" in link
    assert "localhost:8501/your_voice)" in course.in_app("Your voice")
    with pytest.raises(VopError, match="no page"):
        course.in_app("Nowhere")


def test_the_source_shown_is_the_package_s_own(capsys, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    course.source(DiagonalGaussian.kl)
    course.show(line(1.0))
    course.say("**2**")
    assert "vop_core/variational/gaussian.py" in shown[0]["text/markdown"]
    assert "def kl(self" in shown[0]["text/markdown"]
    assert PLOTLY_MIME in shown[1]
    assert shown[2]["text/markdown"] == "**2**"
    assert "In words: A line of slope 1.0." in capsys.readouterr().out


def test_a_module_speaks_in_paragraphs_and_keeps_its_formulas(monkeypatch):
    shown = []
    monkeypatch.setattr("vop_core.course.reading.display_bundle", shown.append)
    course.about(
        ModuleType(
            "lesson", "First line\nand its end, ``code``.\n\n    a = b\n      + c\n\nDeparts: here."
        )
    )
    (said,) = (bundle["text/markdown"] for bundle in shown)
    assert "> First line and its end, `code`.\n" in said
    assert "> ```text\n> a = b\n>   + c\n> ```\n" in said
    assert said.endswith("> Departs: here.")


def test_hints_are_a_ladder_that_ends_at_the_solution():
    said = [course.hint("kl-by-hand") for _ in range(3)]
    assert said[0].startswith("Hint 1 of 2") and said[1].startswith("Hint 2 of 2")
    assert "solutions" in said[2]


def test_an_exercise_that_does_not_exist_is_refused():
    with pytest.raises(VopError, match="no exercise"):
        course.check("nothing", ...)


def test_code_that_stops_is_spoken_about_and_not_raised():
    feedback = course.check("spread-by-luck", lambda p, n: p / 0)
    assert feedback.sentence.startswith("Not yet")
    assert "ZeroDivisionError" in feedback.sentence


def test_dots_are_no_answer():
    for key, arguments in (("spread-by-luck", 2), ("loss-of-a-person", 4), ("fuse-two", 6)):
        assert course.check(key, ...).sentence.startswith("Your turn")
        open_answer = eval(f"lambda {', '.join(f'a{n}' for n in range(arguments))}: ...")
        assert course.check(key, open_answer).sentence.startswith("Your turn")


KNOWN_MISTAKES = [(key, each) for key, found in MISTAKES.items() for each in found]


@pytest.mark.parametrize(
    ("key", "mistake"),
    KNOWN_MISTAKES,
    ids=[f"{key}-{n}" for n, (key, _) in enumerate(KNOWN_MISTAKES)],
)
def test_a_known_mistake_is_refused_with_its_own_sentence(key, mistake):
    said = course.check(key, mistake.answer).sentence
    assert said == f"Not yet: {mistake.sentence} A hint: course.hint({key!r})"


def test_every_exercise_knows_three_mistakes_at_least_and_each_once():
    assert set(MISTAKES) == set(EXERCISES)
    assert min(map(len, MISTAKES.values())) >= 3
    sentences = [each.sentence for _, each in KNOWN_MISTAKES]
    assert len(set(sentences)) == len(sentences)


def climbing(*, first=0, rate=0.02, score=None, seen=None, mean=torch.mean, early=False):
    """The training loop, with slips to be asked for."""

    def climb(make_network, draw_people, bound, steps):
        network = make_network()
        asked = draw_people(steps) if early else None
        optimiser = torch.optim.Adam(network.parameters(), lr=rate)
        for step in range(first, steps + first):
            optimiser.zero_grad()
            (-bound(network, draw_people(step if seen is None else seen)).mean()).backward()
            optimiser.step()
        asked = asked or draw_people(steps if score is None else score)
        return mean(bound(network, asked))

    return climb


def ranked(truth_of, clips_of, draws_of, persons, count):
    ranks = [
        int((draws_of(clips_of(each, truth_of(each)), count) < truth_of(each)).sum())
        for each in range(persons)
    ]
    return torch.tensor(ranks)


def loss_with(power):
    return lambda misfits, kl, clips, beta: misfits.mean() + beta**power * kl / clips


def tied(targets, others):
    cuts = np.array([*targets, *others])[:, None]
    misses, alarms = (np.array(targets) < cuts).mean(1), (np.array(others) > cuts).mean(1)
    return float(np.maximum(misses, alarms).min())


def components(shown, floor=None):
    within = shown.var(1).mean()
    between = shown.mean(1).var() - within / shown.shape[1]
    return torch.stack([between if floor is None else between.clamp_min(floor), within])


def taken_in_place(clips, layers, prior_clips):
    taken = []
    for usual, weights in layers:
        offset = (clips - usual).sum(0) / (len(clips) + prior_clips)
        clips -= offset
        clips = (clips @ weights).tanh()
        taken.append(offset)
    return torch.stack(taken)


WRONG = {
    "a threshold that is none": ("threshold-for-false-alarms", lambda *_: math.nan),
    "the worst, without looking": (
        "gain-of-the-worst",
        lambda _, base, own: (own - base)[:3].mean(),
    ),
    "without its gradient": (
        "reparameterised-draw",
        lambda mean, log_std, noise: (mean + log_std.exp() * noise).detach(),
    ),
    "clips that do not add up": (
        "precision-asked-for",
        lambda prior, features, noise: prior + features**2 / noise**2,
    ),
    "a precision below 0": ("precision-asked-for", lambda *_: -1.0),
    "a pair": ("equal-error-rate", lambda *_: (0.1, 0.2)),
    "a dict": ("spread-by-luck", lambda *_: {"spread": 0.1}),
    "true": ("reparameterised-draw", lambda *_: True),
    "the control that is best for most": (
        "personal-gain",
        lambda own, *controls: (own - max(controls, key=lambda each: each.median())).mean(),
    ),
    "the control that is never worst": (
        "personal-gain",
        lambda own, *controls: (own - max(controls, key=lambda each: each.min())).mean(),
    ),
    "a figure that was read": ("ece-of-bins", lambda *_: 0.1773),
    "one stranger too few": (
        "threshold-for-false-alarms",
        lambda scores, allowed: (
            sorted(scores, reverse=True)[max(int(allowed * len(scores) + 1e-9) - 1, 0)] + 1e-9
        ),
    ),
    "four clips, always": (
        "cascade",
        lambda clips, layers, prior: taken_in_place(
            torch.cat((clips, clips.mean(0).expand(max(4 - len(clips), 0), -1)))[:4], layers, prior
        ),
    ),
    "six clips, always": (
        "variance-components",
        lambda shown: (shown.mean(1).var() - shown.var(1).mean() / 6, shown.var(1).mean()),
    ),
    "three persons, always": (
        "gain-of-the-worst",
        lambda chosen, base, own: (own - base)[chosen.argsort()[:3]].mean(),
    ),
    "a bound a person": ("climb-the-bound", climbing(mean=lambda bounds: bounds)),
    "the bound's sum": ("climb-the-bound", climbing(mean=torch.sum)),
    "a typed number": ("climb-the-bound", lambda *_: -3.36),
    "scored on what was trained on": ("climb-the-bound", climbing(first=1)),
    "one crowd again and again": ("climb-the-bound", climbing(seen=3)),
    "another crowd scored": ("climb-the-bound", climbing(score=0)),
    "beta squared": ("loss-of-a-person", loss_with(2)),
    "beta's root": ("loss-of-a-person", loss_with(0.5)),
    "cut off at 0": ("variance-components", lambda shown: components(shown, floor=0.0)),
    "a tie that is no error": ("equal-error-rate", tied),
    "bins left out": ("rank-histogram", lambda *given: ranked(*given).bincount()),
    "no return": ("fuse-two", lambda *_: None),
    "text": ("bytes-of-a-person", lambda *_: "many"),
    "one less, which may be none": ("spread-by-luck", lambda p, n: (p * (1 - p) / (n - 1)) ** 0.5),
    "the end of the kernel": ("mel-of-hertz", lambda hertz: sys.exit()),
}
RIGHT = {
    "as an array": ("variance-components", lambda shown: components(shown).numpy()),
    "in place": ("cascade", taken_in_place),
    "with its gradient": ("climb-the-bound", climbing()),
    "who is asked, drawn first": ("climb-the-bound", climbing(early=True)),
    "a row of one": ("spread-by-luck", lambda p, n: [(p * (1 - p) / n) ** 0.5]),
    "one after the other": (
        "row-of-mean",
        lambda mean, scale: (each for each in (-scale * (mean @ mean), 2 * scale * mean)),
    ),
    "weight by weight": (
        "kl-by-hand",
        lambda m, s, pm, ps: torch.stack(
            [
                (d / b).log() + (b**2 + (a - c) ** 2) / (2 * d**2) - 0.5
                for a, b, c, d in zip(m, s, pm, ps, strict=True)
            ]
        ),
    ),
    "counted": (
        "rank-histogram",
        lambda *given: ranked(*given).bincount(minlength=given[-1] + 1),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_student_might_try_is_refused_in_a_sentence(name):
    key, answer = WRONG[name]
    said = course.check(key, answer).sentence
    assert said.startswith("Not yet: ") and said.endswith(f"A hint: course.hint({key!r})")


def test_only_what_an_answer_s_own_code_raises_is_said_to_be_its_own():
    stopped = course.check("spread-by-luck", lambda p, n: p / 0).sentence
    assert "your code stopped with ZeroDivisionError" in stopped
    for name in ("without its gradient", "clips that do not add up", "a pair", "a dict", "true"):
        key, answer = WRONG[name]
        assert "stopped" not in course.check(key, answer).sentence, name
    by_numpy = course.check("class-posterior", lambda samples, *_: (np.mean(samples), 1.0))
    assert "torch tensors" in by_numpy.sentence


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_is_right_in_whatever_form(name):
    key, answer = RIGHT[name]
    assert course.check(key, answer).sentence.startswith("Right")


def test_a_list_is_as_good_as_a_tuple_and_an_empty_bin_is_named():
    def fused(a, b, c, d, m, s):
        precision = 1 / b**2 + 1 / d**2 - 1 / s**2
        return [(a / b**2 + c / d**2 - m / s**2) / precision, precision**-0.5]

    assert course.check("fuse-two", fused).sentence.startswith("Right")
    by_bin = course.check(
        "ece-of-bins",
        lambda clips, sums, right: (clips / clips.sum() * ((sums - right) / clips).abs()).sum(),
    )
    assert "0 is divided by 0" in by_bin.sentence


def test_a_constant_passes_no_exercise():
    for key in EXERCISES:
        assert not course.check(key, lambda *_: 0.5).sentence.startswith("Right"), key


def test_the_picture_of_an_exercise_shows_where_a_plausible_wrong_answer_fails():
    """What a right answer draws is there before there is one; a wrong answer leaves it, a broken
    one draws nothing.
    """
    for key in EXERCISES:
        answer = MISTAKES[key][0].answer
        aim = course.check(key, ...).picture
        assert [trace.name for trace in aim.data] == ["a right answer"]
        assert np.isfinite(aim.data[0].y).all() and np.ptp(aim.data[0].y) > 0, key
        tried = course.check(key, answer).picture
        assert [trace.name for trace in tried.data] == ["a right answer", "your answer"]
        assert "farthest" in style.text_alternative(tried), key
        broken = course.check(key, lambda *_: 1 / 0).picture
        assert "draws nothing yet" in style.text_alternative(broken)


def test_feedback_shows_its_picture_and_then_its_sentence(monkeypatch):
    shown = []
    monkeypatch.setattr("vop_core.course.reading.display_bundle", shown.append)
    monkeypatch.setattr("vop_core.course.exercises.exercise.display_bundle", shown.append)
    course.check("kl-by-hand", ...)._ipython_display_()
    assert PLOTLY_MIME in shown[0]
    assert shown[1]["text/plain"].startswith("Your turn")


def test_a_kernel_of_another_environment_gets_a_sentence(monkeypatch):
    from vop_core.course.build import GUARD

    monkeypatch.setitem(sys.modules, "vop_core", None)
    with pytest.raises(SystemExit, match=r"python run.py lab"):
        exec(GUARD, {})


def test_where_the_kernel_cut_a_print_is_not_stored():
    """A timer cuts it; the same notebook would be stored differently each time."""
    parts = [("stdout", "one\n"), ("stdout", "two\n"), ("stderr", "oh\n"), ("stdout", "three\n")]
    outputs = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in parts]
    figure = nbformat.v4.new_output("display_data", {"text/plain": "a figure"})
    cell = nbformat.v4.new_code_cell(outputs=[*outputs, figure, outputs[0].copy()])
    make_static(nbformat.v4.new_notebook(cells=[cell]))
    texts = [output.get("text") for output in cell.outputs]
    assert texts == ["one\ntwo\n", "oh\n", "three\n", None, "one\n"]
