"""Reports: the claim of a personal gain, folds and seeds, the format, and the tables."""

import json

import numpy as np
import pytest
import torch
from rich.console import Console

from vop_core.errors import EvaluationError
from vop_core.evaluation.calibration import reliability
from vop_core.evaluation.protocol import (
    GLOBAL,
    MIXED,
    ROWS,
    VOP,
    WRONG_PERSON,
    ZERO,
    EvaluationClips,
    evaluate,
)
from vop_core.evaluation.report import (
    BEST_CONTROL,
    PERSONAL_GAIN,
    RIGHT_MINUS_WRONG,
    Report,
    load_report,
    make_report,
    report_from_json,
)
from vop_core.evaluation.scores import EpisodeScore, ScoreTable, merge
from vop_core.evaluation.tables import markdown, rich_tables


def score(method, person, correct, *, set_name="open", shots=5, repetition=0, seed=0, fold=0, clips=None):
    """An entry of the table with the given answers (1 right, 0 wrong), each with confidence 0.75."""
    correct = np.asarray(correct, dtype=float)
    clips = np.arange(len(correct)) if clips is None else np.asarray(clips)
    nll = -np.log(np.where(correct > 0, 0.75, 0.25))
    bins = reliability(np.full(len(correct), 0.75), correct)
    return EpisodeScore(method, set_name, shots, person, repetition, seed, fold, clips, correct, nll, correct, bins)


def table_of(accuracies, *, clips=100, **further):
    """{method: [accuracy of each person]} as a table."""
    return ScoreTable(
        tuple(
            score(method, f"set/p{i:02d}", np.arange(clips) < round(value * clips), **further)
            for method, values in accuracies.items()
            for i, value in enumerate(values)
        )
    )


def fake_report(fakes, accents, vop, shots=(3,)):
    voices = fakes.voices(accents)
    table = evaluate(
        EvaluationClips(**voices.arguments()),
        fakes.episodes(voices, shots=shots),
        global_model=fakes.fixed(),
        vop=vop,
        trained_persons=(),
        generator=torch.Generator().manual_seed(0),
    )
    return make_report("fake", {"steps": 1}, table)


def test_a_personal_method_has_a_personal_gain_and_right_beats_wrong(fakes):
    report = fake_report(fakes, (1, 2, 3, 4, 5, 6) * 2 + (1,), fakes.personalizing())
    gain = report.difference(PERSONAL_GAIN, "open", 3)
    right = report.difference(RIGHT_MINUS_WRONG, "open", 3)
    assert gain.mean > 0.5 and gain.ci95[0] > 0 and gain.ci95_conservative[0] > 0
    assert gain.b == BEST_CONTROL and gain.best_control == MIXED
    assert right.mean > 0.5 and right.ci95[0] > 0
    assert report.row(VOP, "open", 3).accuracy == 1
    assert report.row(VOP, "open", 3).harmed == ()


def test_a_regularizing_method_has_a_gain_over_global_and_no_personal_gain(fakes):
    report = fake_report(fakes, (1,) * 13, fakes.fixed(accent=1))
    assert report.difference("vop - global", "open", 3).mean == 1
    gain = report.difference(PERSONAL_GAIN, "open", 3)
    assert gain.mean == 0 and gain.ci95 == (0, 0) and gain.best_control in (ZERO, MIXED)
    assert report.difference(RIGHT_MINUS_WRONG, "open", 3).mean == 0


def test_a_person_who_is_harmed_is_named(fakes):
    report = fake_report(fakes, (0, 2, 3, 4, 5, 6), fakes.harming())
    assert report.row(VOP, "open", 3).harmed == ("fake/p00",)
    assert report.row(GLOBAL, "open", 3).harmed is None
    assert "1 (p00)" in markdown(report)


def test_the_personal_gain_is_measured_against_the_best_control():
    table = table_of({VOP: [0.9, 0.8], GLOBAL: [0.7, 0.7], ZERO: [0.6, 0.9], MIXED: [0.5, 0.5]})
    gain = make_report("t", {}, table).difference(PERSONAL_GAIN, "open", 5)
    assert gain.best_control == ZERO
    assert gain.mean == pytest.approx(0.1)
    assert gain.per_person == pytest.approx({"set/p00": 0.3, "set/p01": -0.1})


def test_without_a_control_there_is_no_personal_gain():
    report = make_report("t", {}, table_of({VOP: [0.9], GLOBAL: [0.7], ZERO: [0.6]}))
    assert report.difference(PERSONAL_GAIN, "open", 5) is None
    assert report.difference("vop - global", "open", 5).mean == pytest.approx(0.2)


def test_takes_and_repetitions_are_averaged_within_a_person_first():
    """Ten episodes of one person weigh as much as one of another."""
    many = [score(VOP, "set/a", [1, 1, 1, 1], repetition=i) for i in range(10)]
    row = make_report("t", {}, ScoreTable((*many, score(VOP, "set/b", [0, 0])))).rows[0]
    assert row.accuracy == 0.5 and row.persons == 2 and row.repetitions == 10


def test_seeds_are_averaged_within_persons_and_their_spread_is_reported():
    first = table_of({VOP: [0.9, 0.7], GLOBAL: [0.8, 0.6]}, seed=0)
    second = table_of({VOP: [0.7, 0.5], GLOBAL: [0.8, 0.6]}, seed=1)
    report = make_report("t", {}, merge([first, second]))
    row = report.row(VOP, "open", 5)
    assert row.persons == 2 and row.seeds == 2
    assert row.per_person == pytest.approx({"set/p00": 0.8, "set/p01": 0.6})
    assert row.seed_sd == pytest.approx(np.std([0.8, 0.6], ddof=1))
    assert report.row(GLOBAL, "open", 5).seed_sd == pytest.approx(0)
    assert report.difference("vop - global", "open", 5).mean == pytest.approx(0)
    alone = make_report("t", {}, first).row(VOP, "open", 5)
    assert alone.seed_sd is None and alone.seeds == 1


def test_folds_concatenate_unknown_persons_and_average_known_ones():
    folds = [
        ScoreTable((score(VOP, "set/a", [1, 1], fold=0), score(VOP, "set/c", [1], fold=0, set_name="closed"))),
        ScoreTable((score(VOP, "set/b", [0, 1], fold=1), score(VOP, "set/c", [0], fold=1, set_name="closed"))),
    ]
    report = make_report("t", {}, merge(folds))
    assert report.row(VOP, "open", 5).per_person == {"set/a": 1, "set/b": 0.5}
    assert report.row(VOP, "closed", 5).per_person == {"set/c": 0.5}


def test_an_unknown_person_in_two_folds_is_refused():
    folds = [ScoreTable((score(VOP, "set/a", [1], fold=fold),)) for fold in (0, 1)]
    with pytest.raises(EvaluationError, match="different persons"):
        merge(folds)


def test_the_same_run_twice_is_refused():
    table = table_of({VOP: [0.9]})
    with pytest.raises(EvaluationError, match="only once"):
        merge([table, table])


def test_differences_pair_the_clips_that_both_rows_have():
    """The wrong-person row answered two clips only: vop is compared on these two."""
    table = ScoreTable(
        (
            score(VOP, "set/a", [1, 0, 1, 0], clips=[3, 5, 7, 9]),
            score(VOP, "set/a", [0, 0, 0, 0], clips=[3, 5, 7, 9], repetition=1),
            score(WRONG_PERSON, "set/a", [0.25, 0.25], clips=[3, 7]),
        )
    )
    assert table.paired_values(VOP, WRONG_PERSON, "open", 5) == {"set/a": 0.75}


def test_sets_are_told_apart_by_who_was_trained_on(fakes):
    voices = fakes.voices((1, 2, 3, 4))
    table = evaluate(
        EvaluationClips(**voices.arguments()),
        fakes.episodes(voices),
        global_model=fakes.fixed(),
        vop=fakes.personalizing(),
        trained_persons={"fake/p01", "fake/p03", "elsewhere/p00"},
        generator=torch.Generator().manual_seed(0),
    )
    report = make_report("t", {}, table)
    assert set(report.row(VOP, "closed", 3).per_person) == {"fake/p01", "fake/p03"}
    assert set(report.row(VOP, "open", 3).per_person) == {"fake/p00", "fake/p02"}


def test_the_json_has_the_fields_that_were_promised_and_comes_back(fakes, tmp_path):
    report = fake_report(fakes, (1, 2, 3, 4, 5, 6), fakes.personalizing(), shots=(1, 3))
    path = tmp_path / "report.json"
    report.save(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert list(content) == ["task", "config", "rows", "differences"]
    promised = ["method", "set", "shots", "persons", "accuracy", "ci95", "worst_decile", "nll", "ece"]
    assert all(list(row)[: len(promised)] == promised for row in content["rows"])
    assert {row["method"] for row in content["rows"]} == set(ROWS)
    for gap in content["differences"]:
        assert list(gap)[:6] == ["a", "b", "set", "shots", "mean", "ci95"]
    assert load_report(path) == report


def test_the_promised_fields_alone_are_enough():
    row = {
        "method": "vop",
        "set": "open",
        "shots": 5,
        "persons": 1,
        "accuracy": 0.9,
        "ci95": None,
        "worst_decile": 0.9,
        "nll": 0.3,
        "ece": 0.1,
    }
    gap = {"a": "vop", "b": "global", "set": "open", "shots": 5, "mean": 0.1, "ci95": [0.0, 0.2]}
    report = report_from_json({"task": "t", "config": {}, "rows": [row], "differences": [gap]})
    assert report.rows[0].accuracy == 0.9 and report.differences[0].ci95 == (0.0, 0.2)
    assert "vop" in markdown(report)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda c: c.pop("rows"), "'rows' is missing"),
        (lambda c: c.update(task=3), "'task' is missing or"),
        (lambda c: c["rows"][0].pop("nll"), "Row 1 has no 'nll'"),
        (lambda c: c["rows"][0].update(accuracy=87.0), "no fraction"),
        (lambda c: c["rows"][0].update(set="ajar"), "not open or closed"),
        (lambda c: c["rows"][0].update(shots=True), "no 'shots'"),
        (lambda c: c["rows"][1].update(ci95=[0.9, 0.1]), "ascending"),
        (lambda c: c["rows"].append(dict(c["rows"][0])), "two rows"),
        (lambda c: c["differences"][0].pop("ci95"), "Difference 1 has no 'ci95'"),
    ],
)
def test_what_is_not_in_the_format_is_refused(spoil, complaint, tmp_path):
    content = make_report("t", {}, table_of({VOP: [0.9, 0.8], GLOBAL: [0.7, 0.7]})).to_json()
    spoil(content)
    path = tmp_path / "report.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(EvaluationError, match=complaint):
        load_report(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[]"])
def test_a_damaged_report_is_refused(content, tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(EvaluationError, match="report"):
        load_report(path)
    with pytest.raises(EvaluationError, match="cannot be read"):
        load_report(tmp_path / "missing.json")


def test_scores_come_back_from_their_file(fakes, tmp_path):
    table = merge([table_of({VOP: [0.9, 0.7], GLOBAL: [0.8, 0.6]}, seed=seed) for seed in (0, 1)])
    path = tmp_path / "scores.npz"
    table.save(path)
    again = ScoreTable.load(path)
    assert make_report("t", {}, again) == make_report("t", {}, table)
    assert [s.reliability.expected_calibration_error for s in again.scores] == [
        s.reliability.expected_calibration_error for s in table.scores
    ]


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:200], lambda b: b"PK" + b[50:], lambda b: b"x"])
def test_a_damaged_table_of_scores_is_refused(damage, tmp_path):
    path = tmp_path / "scores.npz"
    table_of({VOP: [0.9]}).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(EvaluationError, match="no table of scores"):
        ScoreTable.load(path)


def test_no_scores_make_no_report():
    with pytest.raises(EvaluationError, match="no scores"):
        make_report("t", {}, ScoreTable(()))


def test_few_persons_are_all_shown_and_many_are_not():
    few = make_report("t", {}, table_of({VOP: [0.9] * 11, GLOBAL: [0.8] * 11}))
    many = make_report("t", {}, table_of({VOP: [0.9] * 12, GLOBAL: [0.8] * 12}))
    assert "| set/p10 | 80.0 | 90.0 |" in markdown(few)
    assert "set/p10" not in markdown(many)
    assert few.row(VOP, "open", 5).interval == "Student's t over persons"
    assert many.row(VOP, "open", 5).interval == "bootstrap over persons"


def test_the_markdown_table_says_percent_and_points():
    report = make_report("words", {}, table_of({GLOBAL: [0.7, 0.9], VOP: [0.8, 1.0]}))
    text = markdown(report, set_name="open", shots=5)
    assert "**words, open set, 2 persons, 5 clips**" in text
    assert "| vop | 90.0 [0.0, 100.0] | 80.0 |" in text
    assert "| vop - global | +10.0 [+10.0, +10.0] |" in text
    assert text.count("| method |") == 1
    assert "| method |" not in markdown(report, shots=3)


def test_the_terminal_shows_the_same_figures():
    report = make_report("words", {}, table_of({GLOBAL: [0.7, 0.9], VOP: [0.8, 1.0]}))
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(rich_tables(report))
        shown = console.export_text()
    assert "90.0 [0.0, 100.0]" in shown and "+10.0" in shown and "set/p01" in shown


def test_a_report_is_a_value():
    report = make_report("t", {"seed": 1}, table_of({VOP: [0.9]}))
    assert isinstance(report, Report) and report == report_from_json(report.to_json())
