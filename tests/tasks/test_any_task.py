"""A new task is one file and its lines in the registries: everything else works on it as it is."""

import json
from functools import partial

import pytest
import torch
from typer.testing import CliRunner

from tests.toy_task import Digits, TwoLayers, TwoLayersConfig, write_digits
from vop_core.bench import suites
from vop_core.bench.results import DONE
from vop_core.bench.suites import everywhere
from vop_core.cli import app
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.registry import METHODS
from vop_core.models import load_bundle
from vop_core.nets.registry import ENCODERS
from vop_core.tasks.registry import TASKS


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """The task in the registries, and nothing of this machine."""
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("vop_core.models.bundle.models_root", lambda: tmp_path / "models")
    monkeypatch.setattr("vop_core.models.ship.models_root", lambda: tmp_path / "models")
    monkeypatch.setitem(ENCODERS, TwoLayers.name, TwoLayers)
    monkeypatch.setitem(TASKS, Digits.name, Digits())
    monkeypatch.setitem(suites.SUITES, "smoke", partial(suites.smoke, task=Digits()))
    return Digits()


def run(*words: str) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_it_is_trained_carded_and_evaluated(digits, tmp_path, monkeypatch):
    # nobody of this corpus is kept for choices; any writers will do to set a light on
    monkeypatch.setattr(Digits, "kept_for_choices", lambda self, data, *_: data.open)
    assert "digits is trained" in run("train", "digits")
    bundle = load_bundle("digits")
    assert bundle.vop.health_reference is not None
    assert {row["enrolled"] for row in bundle.card["health"]["errors"]} >= {"one person"}
    assert isinstance(bundle.global_model.encoder, TwoLayers)
    assert digits.limits in (tmp_path / "models" / "digits" / "README.md").read_text("utf-8")

    others = write_digits(tmp_path / "others", writers=4)
    words = "evaluate", "digits", "--data", str(others), "--shots", "3", "--json", "-"
    found = json.loads(run(*words))
    rows = {(row["method"], row["row"]): row for row in found["rows"]}
    assert ("vop", "wrong-person") in rows and ("vop", "draws") in rows
    # it has learned to read: a tenth is chance, and no writer has fewer than 27 queries
    assert rows["global", "own"]["accuracy"] > 0.3

    pictures = sorted(others.glob("*.png"))[:3]
    personal = bundle.vop.enroll(bundle.features(pictures))
    personal.save(tmp_path / "writer.vop", task="digits")
    again = bundle.vop.load_person(tmp_path / "writer.vop", task="digits")
    query = bundle.features(pictures[:1])
    torch.testing.assert_close(
        again.predict(query).probabilities, personal.freeze()(query).softmax(-1)
    )


@pytest.mark.slow
def test_every_method_is_benched_on_it(digits):
    said = run("bench", "--suite", "smoke", "--jobs", "1")
    assert f"{len(everywhere())} of {len(everywhere())} results are done" in said
    (job,) = suites.suite_jobs("smoke")
    assert job.missing == ()
    results = suites.store_of("smoke").results()
    assert {result.variant: result.status for result in results} == dict.fromkeys(
        everywhere(), DONE
    )
    for result in results:
        facts, rows = METHODS[result.method].facts, set(result.scores["row"])
        assert {"mixed", "wrong-person"} <= rows if facts.personal else "own" in rows, result.method
        assert ("draws" in rows, "prior" in rows) == (facts.posterior, facts.prior), result.method
        assert (result.figures["gradient_steps"] > 0) is facts.gradients, result.method
        assert result.dataset == "digits"


def made(name: str):
    shared = GlobalModel(TwoLayers(TwoLayersConfig(labels=10))).eval()
    return METHODS[name].from_global(shared, None)


@pytest.mark.parametrize("name", [name for name, kind in METHODS.items() if kind.facts.foldable])
def test_a_person_classifies_by_the_features_that_are_compared(digits, name):
    method, table = made(name), digits.table(digits.dataset(digits.in_the_box))
    method.prepare(table)
    clips = method.represent(table.features[:6])[None]
    own = method.adapt(clips, table.label[None, :6])
    answers = method.folded(own).classifier(method.features(own, clips)[0]).softmax(-1)
    torch.testing.assert_close(answers, method.predict_proba(own, clips)[0])
