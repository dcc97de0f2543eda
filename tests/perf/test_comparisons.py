"""The table of comparisons on small work: what each must find whatever the clock says."""

import json

import pytest
import torch
from typer.testing import CliRunner

from vop_core.cli import app
from vop_core.data.locations import repository_root
from vop_core.perf import alternatives, networks, programs, sound
from vop_core.perf.comparison import Unavailable
from vop_core.perf.memory import peak_megabytes
from vop_core.perf.scaling import GROWING, scaling
from vop_core.perf.subject import SHOTS, subject
from vop_core.perf.table import COMPARISONS, machine, measure
from vop_core.perf.timing import Effort
from vop_core.report.speed import scale_page, speed_files, speed_page

QUICK = Effort(rounds=2, slice_seconds=0.0, slow_rounds=2, largest=16)
PROCESSES = {"import", "predict", "app-memory", "first-page"}  # take seconds each


@pytest.fixture(scope="module")
def found():
    """All but whole processes, and one library that is not there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "STEP", networks.TrainConfig(persons_per_step=2, max_shots=2))
        patch.setattr(alternatives, "STEPS", (1, 2))
        patch.setitem(__import__("sys").modules, "laplace", None)
        names = [each.name for each in COMPARISONS if each.name not in PROCESSES]
        return measure(names, growing=True, effort=QUICK)


def row_of(found, name):
    (row,) = [row for row in found["rows"] if row["name"] == name]
    return row


def test_every_line_of_the_table_is_in_the_json(found):
    kept = json.loads(json.dumps(found, allow_nan=False))
    wanted = [each.name for each in COMPARISONS if each.name not in PROCESSES]
    assert [row["name"] for row in kept["rows"]] == wanted
    for row in kept["rows"]:
        assert "skipped" in row or row["interval95"][0] <= row["value"] <= row["interval95"][1]


def test_a_frozen_person_has_the_global_models_keys_and_operations_exactly(found):
    assert row_of(found, "frozen")["exact"] == {
        "both have the same state-dict keys": True,
        "both take the same multiply-accumulates": True,
    }


def test_an_enrollment_takes_the_operations_of_one_pass_and_a_hundredth(found):
    facts = row_of(found, "enrollment")["facts"]
    assert 1 <= facts["bound"] < 1.01
    assert row_of(found, "enrollment")["target"] == pytest.approx(1.2 * facts["bound"])


def test_librosas_features_are_ours(found):
    row = row_of(found, "log-mel-librosa")
    assert row["facts"]["largest_difference"] < 1e-4 and all(row["exact"].values())


def test_a_second_start_opens_each_recording_once_and_decodes_none(found):
    for name in ("features-again", "environments-again"):
        row = row_of(found, name)
        assert row["exact"] == {"no file is opened twice": True}
        assert row["facts"]["files_opened_again"] == row["facts"]["clips"]
        assert row["value"] < 1


def test_parallel_features_are_those_of_one_clip_after_the_other(found):
    assert row_of(found, "features")["exact"] == {"both give the same numbers": True}


def test_the_monte_carlo_error_falls_with_the_root_of_the_draws():
    effort = Effort(largest=1_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "COUNTS", (10, 100))
        patch.setattr(networks, "REPEATS", 20)
        error = networks.monte_carlo_error(effort)
    # 200 means of ten draws and 20 of a hundred: the ratio's logarithm has an error of 1 in 6
    assert 10**0.5 / 2 < error["10"] / error["100"] < 10**0.5 * 2


def test_what_is_not_installed_is_said_and_stops_nothing(found):
    assert row_of(found, "laplace")["skipped"] == "laplace-torch is not installed."


def test_memory_that_a_call_holds_is_counted_at_its_peak():
    def call():
        for _ in range(3):
            torch.ones(250_000).neg()

    # one megabyte and its negative at a time, however often
    assert peak_megabytes(call) == pytest.approx(2.0, rel=0.01)


def test_growth_has_every_dimension_over_its_sizes(found):
    assert [row["what"] for row in found["scaling"]] == list(GROWING)
    for row in found["scaling"]:
        assert len(row["sizes"]) == len(row["seconds"]) == len(row["megabytes"])
        assert row["sizes"][-1] == QUICK.largest


def test_progress_of_growth_ends_with_all_of_it():
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vop_core.perf.scaling.GROWING", {"clips": GROWING["clips"]})
        scaling(QUICK, lambda done, total: told.append((done, total)))
    assert told[-1] == (len(told), len(told))


def test_the_page_is_made_of_the_json(found, tmp_path):
    page = speed_page(found)
    for row in found["rows"]:
        assert row["timed"] in page
    assert "Not measured: laplace-torch is not installed." in page
    assert speed_files(tmp_path) == {}
    kept = tmp_path / "data" / "results"
    kept.mkdir(parents=True)
    (kept / "perf.json").write_text(json.dumps(found), encoding="utf-8")
    files = speed_files(tmp_path)
    made = {"perf.md", "scale.md", "perf-time.svg", "perf-memory.svg"}
    assert {path.name for path in files} == made
    assert files[tmp_path / "docs" / "perf.md"] == page


def test_many_persons_take_what_one_takes_as_often(found):
    (size,) = (row["facts"]["bytes_of_a_file"] for row in found["rows"] if row["name"] == "persons")
    (row,) = (line for line in scale_page(found).splitlines() if "whole file" in line)
    assert f"{size:,} bytes" in row
    for cell, persons in zip(row.split("|")[2:5], (1e3, 1e6, 1e9), strict=True):
        count, unit = cell.split()
        power = ("bytes", "kB", "MB", "GB", "TB").index(unit)
        assert float(count.replace(",", "")) * 1000**power == pytest.approx(
            size * persons, rel=0.006
        )


def test_the_committed_page_is_that_of_the_committed_figures():
    for path, text in speed_files(repository_root()).items():
        assert path.read_text(encoding="utf-8") == text, "run: vop report"


def test_the_machine_is_named_without_a_name_of_its_own():
    import platform

    said = json.dumps(machine())
    assert platform.node() not in said and str(repository_root()) not in said


def test_an_unknown_comparison_is_refused_with_those_there_are():
    refused = CliRunner().invoke(app, ["perf", "--only", "everything"])
    assert refused.exit_code == 2
    assert "There is no comparison 'everything'; choose one of enrollment" in refused.output


def test_files_opened_meanwhile_are_counted_each_time(tmp_path):
    clip = tmp_path / "a.wav"
    clip.write_bytes(b"12")
    with sound.opened() as files:
        clip.read_bytes()
        clip.read_bytes()
        (tmp_path / "other.txt").write_text("no recording")
    assert files == {str(clip): 2}
    clip.read_bytes()
    assert files == {str(clip): 2}


def test_a_process_that_fails_is_not_timed():
    with pytest.raises(Exception, match="returned non-zero"):
        programs.run("raise SystemExit(3)")


@pytest.mark.slow
def test_an_answering_process_imports_nothing_that_trains_or_tests():
    heavy = ("pandas", "scipy.stats", "sklearn", "lightning_fabric", "torch._dynamo", "librosa")
    code = f"{programs.ANSWERING}\nimport sys\nassert not {heavy!r} & sys.modules.keys()"
    programs.run(code.replace(repr(heavy), repr(set(heavy))))


def test_a_server_that_does_not_start_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "repository_root", lambda: tmp_path)
    with pytest.raises(Unavailable, match="not beside the package"):
        programs.app_memory(QUICK)


def test_the_subject_is_one_person_with_clips_enough():
    known = subject()
    assert known.enrollment.shape[0] == SHOTS == len(known.labels)
    assert known.clips(7, 3).shape[:2] == (7, 3)
