"""Speaker verification on the bundled voices: who learns, who claims, what a trained model says."""

import json
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from vop_core.bench.measure import Scene, cost_figures, posterior_figures, scene_scores
from vop_core.bench.recipes import BenchConfig, Contender
from vop_core.bench.training import Trainer
from vop_core.cli import app
from vop_core.data.locations import voices_root
from vop_core.data.persons import Fold
from vop_core.data.splits import CHOOSE, TRAIN, role_of
from vop_core.errors import DataError, EvaluationError
from vop_core.evaluation.plan import OPEN
from vop_core.evaluation.score import DRAWS, OWN, WRONG_PERSON, Scoring
from vop_core.evaluation.tables import markdown
from vop_core.evaluation.verification import AS_NORM
from vop_core.evaluation.verification_overview import verification_overview
from vop_core.models import load_bundle
from vop_core.models.bundle import save_bundle
from vop_core.models.evaluate import evaluate_folder
from vop_core.tasks.registry import TASKS
from vop_core.training.config import TrainConfig

TASK = TASKS["verification"]
SCORING = Scoring(shots=(1, 3), draw_shots=(3,), draws=2, unknown_clips=0)


@pytest.fixture(scope="module")
def voices():
    return str(voices_root() / TASK.in_the_box)


@pytest.fixture(scope="module")
def data(voices):
    persons = TASK.dataset(voices).persons
    return TASK.fold_data(voices, Fold(persons[:12], persons[12:]))


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    small = TrainConfig(steps=15, persons_per_step=6, queries_per_person=3, max_shots=3)
    config = BenchConfig.of_task(TASK, SCORING)
    config = replace(
        config, checkpoint=replace(config.checkpoint, training=small), further=small
    ).with_seed(0)
    trainer = Trainer(data, config, tmp_path_factory.mktemp("runs"), None, TASK.compares)
    return {name: trainer.make(Contender(variant=name, method=name)) for name in ("global", "vop")}


def test_labels_are_persons_and_nobody_is_on_both_sides(data):
    assert data.train.labels == data.train.persons and (data.train.label == data.train.person).all()
    assert not set(data.train.persons) & set(data.open.persons)
    assert not len(data.closed)


def test_claims_stay_within_the_persons_asked_about(voices, data):
    claims = TASK.claims([voices], data.open.persons, (1, 3))
    assert set(claims.persons) == set(data.open.persons)
    for episode in claims.planned:
        assert claims.persons[episode.person] == episode.name and episode.set_name == OPEN
        assert (claims.person[episode.enrollment] == episode.person).all()
        assert len(episode.enrollment) == episode.shots
        assert not torch.isin(episode.enrollment, episode.query).any()
    again = TASK.claims([voices], data.open.persons, (1, 3))
    assert all(
        torch.equal(one.query, other.query)
        for one, other in zip(claims.planned, again.planned, strict=True)
    )
    with pytest.raises(DataError, match="can claim to be themselves"):
        TASK.claims([voices], data.open.persons[:1], (1,))
    with pytest.raises(EvaluationError, match="Nobody has 9 clips"):
        TASK.claims([voices], data.open.persons, (9,))
    with pytest.raises(EvaluationError, match="compares nothing"):
        TASKS["handwriting"].claims([voices], data.open.persons, (1,))


def test_a_model_is_trained_scored_and_summed_up(data, trained):
    scene = Scene.of_task(TASK, data, SCORING)
    scores = {name: scene_scores(method, scene, SCORING) for name, method in trained.items()}
    assert AS_NORM in set(scores["global"]["row"]) and WRONG_PERSON in set(scores["vop"]["row"])
    found = verification_overview(TASK.name, {}, scores)
    rows = {(row["method"], row["row"], row["shots"]): row for row in found["rows"]}
    for row in rows.values():
        low, high = row["ci95"]
        assert 0 <= low <= row["eer"] <= high <= 1 and row["cllr"] is None  # nobody was kept
        assert row["targets"] and row["others"] and row["speakers"] == 12
    gaps = {(gap["method"], gap["a"], gap["b"], gap["shots"]): gap for gap in found["differences"]}
    assert {("vop", DRAWS, "prior, draws", 3), ("vop", OWN, "global", 1)} <= gaps.keys()
    gap = gaps["vop", OWN, "global", 3]
    assert gap["mean"] == pytest.approx(rows["vop", OWN, 3]["eer"] - rows["global", OWN, 3]["eer"])
    text = markdown(found)
    assert "bootstrap over speakers" in text and "vop: draws - wrong-person, draws" in text
    assert cost_figures(trained["vop"], scene)["bytes_per_person"] > 0
    assert posterior_figures(trained["vop"], scene, SCORING)[0] is None


def test_a_shipped_model_is_evaluated_on_a_folder(voices, data, trained, tmp_path):
    """By the same command as any, and those whom it learned from claim nothing."""
    card = {"persons": {"trained": list(data.train.persons)}, "recipe": "personal"}
    save_bundle(tmp_path, TASK.name, data.train.labels, trained["global"], trained["vop"], card)
    bundle = load_bundle(TASK.name, folder=tmp_path)
    found = evaluate_folder(bundle, voices, scoring=SCORING)
    assert {row["speakers"] for row in found["rows"]} == {len(data.open.persons)}
    assert {row["row"] for row in found["rows"] if row["method"] == "global"} == {OWN}
    assert json.dumps(found)


def test_a_missing_folder_is_one_sentence():
    result = CliRunner().invoke(app, ["evaluate", "verification", "--data", "/no/such/folder"])
    assert result.exit_code == 2 and "Traceback" not in result.output


@pytest.mark.data
def test_the_shipped_model_learns_from_persons_with_that_role_alone(real_data):
    for name in ("speech_commands_test", "wuw2", "speechocean762"):
        if not (real_data / name).is_dir():
            pytest.skip(f"{name} is not in VOP_DATA")
    fold = TASK.fold()
    assert {role_of(person) for person in fold.train} == {TRAIN}
    assert not {role_of(person) for person in fold.test} & {TRAIN, CHOOSE}


def test_claims_are_judged_by_the_command_line(tmp_path):
    """A clip that enrolled scores its part of the mean; nothing is written; no person's file is
    made.
    """
    person, other = TASK.bundled_persons()[:2]
    enrolled = [str(clip.path) for clip in person.enrollment[:3]]
    options = [word for path in enrolled for word in ("--enrolled", path)]
    claims = [str(person.query[0].path), str(other.query[0].path), enrolled[0]]
    result = CliRunner().invoke(app, ["verify", *claims, *options, "--json", "-"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [claim["clip"] for claim in found["claims"]] == claims
    assert result.stderr.count("it is accepted shows nothing") == 1  # of the one that enrolled
    for claim in found["claims"]:
        for name in ("global", "personal"):
            assert claim[name]["accepted"] == (claim[name]["score"] > claim[name]["threshold"])
    assert 0 < found["miss_rate"]["mean"] < 1
    out = tmp_path / "x.safetensors"
    refused = CliRunner().invoke(
        app, ["enroll", *enrolled, "--task", "verification", "--out", str(out)]
    )
    assert refused.exit_code == 2 and "use vop verify" in refused.output and not out.exists()
