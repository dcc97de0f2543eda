"""The bench from plan to results: resumable, nothing overwritten, a new method is one file and one
line.
"""

import itertools
import json
import re
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from tests.buzzing import KEYWORDS
from tests.toy_task import Digits
from tests.toys import make_encoder
from vop_core.bench import suites
from vop_core.bench.recipes import BenchConfig, Contender
from vop_core.bench.results import (
    DONE,
    FAILED,
    Result,
    Store,
    load_results,
    save_results,
)
from vop_core.bench.run import BenchJob, bench, run_job
from vop_core.bench.training import Trainer, paced_training
from vop_core.cli import app
from vop_core.cli.bench import outcome
from vop_core.cli.output import whole_numbers
from vop_core.data.locations import repository_root, voices_root
from vop_core.data.metadata import SAME_PERSONS
from vop_core.data.sources.registry import SOURCES
from vop_core.data.splits import CHOOSE, RULES, persons_with_role
from vop_core.data.voices import CORPORA
from vop_core.errors import DataError, EvaluationError
from vop_core.evaluation.comparison import Run, ScoreIndex
from vop_core.evaluation.score import COLUMNS
from vop_core.methods import registry
from vop_core.methods.base import MethodFacts, PersonalizationMethod
from vop_core.methods.global_model import GlobalModel
from vop_core.report.page import bench_page
from vop_core.report.summary import baseline_of, summary
from vop_core.tasks.keyword_spotting import UNKNOWN_WORDS

VOICES = str(voices_root() / KEYWORDS.in_the_box)
SAID_LITTLE = ("135c6841", "18f8afd5")  # in a copy of them


def documented_method():
    """The class that CONTRIBUTING.md shows, as a newcomer would paste it."""
    text = (repository_root() / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = text.split("```python", 1)[1].split("```", 1)[0]
    names = {"PersonalizationMethod": PersonalizationMethod, "MethodFacts": MethodFacts}
    exec(code, names)
    return names["Centred"]


class Twice(GlobalModel):
    """The global model again, but it reads the clips it is given."""

    facts = MethodFacts(summary="the global model again", source="VOP")

    def adapt(self, enrollment, labels=None, present=None):
        return {"seen": enrollment.mean(1)}


class Broken(Twice):
    """Its answers are no numbers."""

    def predict_proba(self, adaptation, query):
        return super().predict_proba(adaptation, query) * torch.nan


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """A data set that can be planned for and not heard: eighteen persons, a third of them women,
    twenty words, no sound in the files.
    """
    folder = tmp_path_factory.mktemp("listed") / "words"
    rows = ["path,person,label,take,gender"]
    for person, word in itertools.product(range(18), range(20)):
        path = folder / f"p{person}" / f"w{word}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{person} {word}")
        gender = "man" if person % 3 else "woman"
        rows.append(f"{path.relative_to(folder)},p{person},w{word},1,{gender}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return str(folder)


@pytest.fixture
def toys(monkeypatch):
    """The registry with some lines more."""
    for name, kind in (("toy", documented_method()), ("twice", Twice), ("broken", Broken)):
        monkeypatch.setitem(registry.METHODS, name, kind)


def jobs(tmp_path, *names, **changes):
    contenders = [Contender(variant=name, method=name) for name in names]
    config = changes.pop("config", suites.smoke_config(KEYWORDS))
    return bench(
        "smoke",
        KEYWORDS,
        VOICES,
        contenders,
        config=config,
        folds=4,
        only_folds=(0,),
        runs=tmp_path / "runs",
        store=Store(tmp_path / "smoke.parquet", tmp_path / "results"),
        **changes,
    )


def read(job, contender):
    """A contender's new result."""
    (result,) = load_results(job.result_file(contender))
    return result


def rows(result):
    return set(result.scores["row"])


def accuracies(result, row):
    scores = result.scores
    found = scores[(scores["row"] == row) & (scores["metric"] == "accuracy")]
    return found.set_index(["set", "shots", "person", "repetition"])["value"].to_dict()


@pytest.mark.slow
def test_a_method_added_by_one_line_is_run_saved_and_not_run_again(tmp_path, toys, monkeypatch):
    names = ("global", "toy", "twice", "broken")
    (job,) = jobs(tmp_path, *names)
    assert tuple(each.variant for each in job.missing) == names
    run_job(job)
    assert job.missing == ()
    baseline, toy, twice, broken = results = [read(job, each) for each in job.contenders]
    assert rows(toy) >= {"own", "mixed", "wrong-person", "noise"}
    assert rows(baseline) == {"own"}
    assert accuracies(twice, "own") == accuracies(baseline, "own"), (
        "the same clips, the same weights"
    )
    assert accuracies(toy, "start") == accuracies(baseline, "own"), (
        "what it was made of is the row `global`"
    )
    assert toy.figures["gradient_steps"] == 0 and toy.figures["bytes_per_person"] > 0
    assert toy.figures["answer_multiply_accumulates"] == toy.figures["encoder_multiply_accumulates"]
    assert broken.status == FAILED and not len(broken.scores)
    assert "no probabilities" in broken.reason
    assert any("broken" in line and "did not converge" in line for line in outcome([job], results))

    tables = summary({KEYWORDS.in_the_box: results}, "smoke")
    page = bench_page({"smoke": tables})
    for name in names:
        assert f'<th scope="row">{name}</th>' in page, (
            "a method that was added is in the tables, also where it failed"
        )

    monkeypatch.setattr(BenchJob, "data", lambda job: pytest.fail("nothing was missing"))
    before = {path: path.read_bytes() for path in (tmp_path / "results").rglob("*.parquet")}
    run_job(job)
    assert {path: path.read_bytes() for path in (tmp_path / "results").rglob("*.parquet")} == before


def test_a_result_is_named_by_everything_it_depends_on(tmp_path):
    base = jobs(tmp_path, "global")[0]
    name = base.result_file(base.contenders[0])
    config = base.config
    others = [
        replace(base, config=config.with_seed(1)),
        replace(base, recordings="others"),
        replace(base, task=Digits()),
        replace(base, persons=replace(base.persons, train=base.persons.train[1:])),
        replace(base, persons=replace(base.persons, test=base.persons.test[1:])),
        replace(base, config=replace(config, further=replace(config.further, steps=4))),
        replace(base, config=replace(config, checkpoint=replace(config.checkpoint, encoder={}))),
        replace(base, config=replace(config, scoring=replace(config.scoring, repetitions=2))),
    ]
    assert (
        len(
            {job.result_file(job.contenders[0]).name.rpartition("-")[2] for job in others}
            | {name.name}
        )
        == 9
    )


def test_jobs_side_by_side_that_need_the_same_weights_train_them_once(tmp_path, monkeypatch):
    """The second waits for the first, and reads."""
    trained, ready = [], threading.Barrier(2)

    def train_slowly(module, *args, **settings):
        trained.append(threading.get_ident())
        time.sleep(1)
        with torch.no_grad():
            module.encoder.classifier.bias.fill_(len(trained))

    monkeypatch.setattr("vop_core.bench.training.train", train_slowly)
    (job,) = jobs(tmp_path, "global")
    trainers = [Trainer(job.data(), job.config, tmp_path) for _ in range(2)]
    started = [trainer.checkpoint.encoder.classifier.bias[0].item() for trainer in trainers]

    def bias(trainer):
        ready.wait()
        return trainer.make(job.contenders[0]).encoder.classifier.bias[0].item()

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(bias, trainers))
    assert (started, made, len(trained)) == ([1.0, 1.0], [2.0, 2.0], 2)


def test_scoring_otherwise_does_not_train_again(tmp_path):
    (job,) = jobs(tmp_path, "global")
    data = job.data()
    other = replace(job.config, scoring=replace(job.config.scoring, repetitions=2))
    first, second = (
        Trainer(data, config, tmp_path).weights_file(job.contenders[0])
        for config in (job.config, other)
    )
    assert first == second


def test_a_method_that_says_only_half_of_itself_cannot_be_built():
    class Half(PersonalizationMethod):
        facts = MethodFacts(summary="adapts, and never answers", source="VOP")

        def adapt(self, enrollment, labels=None, present=None):
            return {}

    with pytest.raises(TypeError, match="predict_proba"):
        Half(make_encoder())


# What is kept


def made(variant="toy", *, fold=0, seed=0, accuracy=0.5, hash=None, **more):
    """A run in which one person was asked once."""
    lines = [
        ("open", 5, f"voices/p{fold}", 0, "own", "accuracy", accuracy, [1.0, 0.0]),
        ("open", 5, f"voices/p{fold}", 0, "own", "nll", 0.3, None),
    ]
    settings = {
        "suite": "toys",
        "method": "toy",
        "dataset": "voices",
        "folds": 4,
        "config": {"method": {"rate": 1.0}},
    }
    scores = pd.DataFrame(lines, columns=list(COLUMNS))
    about = {
        "variant": variant,
        "fold": fold,
        "seed": seed,
        "hash": hash or f"{variant}{fold}{seed}",
        "scores": scores,
    }
    return Result(**settings | about | more)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "toys.parquet", tmp_path / "new")


def keep(store, *results):
    for result in results:
        save_results(store.folder / result.file_name, [result])


def test_results_come_back_as_they_were(store):
    failed = made(fold=1, status=FAILED, reason="It diverged.", scores=made().scores[:0])
    keep(store, made(accuracy=1 / 3, facts={"labels": True}, train_persons=("voices/p1",)), failed)
    first, second = store.results()
    assert first.facts == {"labels": True} and first.train_persons == ("voices/p1",)
    index = ScoreIndex.of([Run(0, 0, first.scores)])
    assert index.person_values("own", "open", 5) == {"voices/p0": 0.33333}
    assert [parts.tolist() for parts in index.parts("own", "open", 5).values()] == [[1.0, 0.0]]
    assert (second.status, second.reason, len(second.scores)) == (FAILED, "It diverged.", 0)


def test_gathering_moves_new_results_into_one_file_and_loses_none(store):
    keep(store, made(), made(seed=1))
    before = store.done()
    assert store.gather() == 2 and not list(store.folder.glob("*.parquet"))
    keep(store, made(seed=2))
    assert store.gather() == 1 and store.gather() == 0
    assert store.done() == before | {"toy02": DONE}
    assert [result.seed for result in store.results()] == [0, 1, 2]


def test_the_tidy_table_is_read_by_anybody(store):
    keep(store, made(), made(fold=1))
    store.gather()
    table = pd.read_parquet(store.file)
    assert list(table.columns) == ["method", "dataset", "variant", "fold", "seed", *COLUMNS_ON_DISK]
    assert len(table) == 4 and set(table["metric"]) == {"accuracy", "nll"}


COLUMNS_ON_DISK = ["set", "shots", "person", "repetition", "row", "metric", "value", "parts"]


def test_a_later_run_takes_the_place_of_the_earlier_and_of_those_with_other_settings(store):
    keep(store, made(), made(fold=1), made("other"))
    store.gather()
    keep(store, made(hash="again", accuracy=0.9))
    assert [result.hash for result in store.results()] == ["other00", "again", "toy10"]
    keep(store, made(hash="slow", seed=3, config={"method": {"rate": 0.5}}))
    assert [result.hash for result in store.results()] == ["other00", "slow"]


def test_runs_made_before_a_fact_was_told_stay_beside_later_ones(store):
    earlier, later = made(), made(seed=1)
    earlier = replace(earlier, facts={"draws": 1})
    keep(store, earlier, replace(later, facts={"draws": 1, "every_class": False}))
    assert [result.seed for result in store.results()] == [0, 1]
    keep(store, replace(made(seed=2), facts={"draws": 2, "every_class": False}))
    assert [result.seed for result in store.results()] == [2]


def test_what_did_not_converge_is_forgotten_where_that_is_asked_for(store):
    failed = made(fold=1, status=FAILED, reason="It diverged.", scores=made().scores[:0])
    keep(store, made(), failed)
    store.gather()
    keep(store, replace(failed, fold=2, hash="toy20"))
    store.forget_failed()
    assert store.done() == {"toy00": DONE}


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[:-200], lambda b: b"PAR1" + b[50:], lambda b: b"{}"]
)
def test_a_damaged_file_is_named_and_left_alone(store, damage):
    keep(store, made())
    (path,) = store.folder.glob("*.parquet")
    path.write_bytes(damage(path.read_bytes()))
    kept = path.read_bytes()
    for ask in (store.results, store.gather):
        with pytest.raises(EvaluationError, match=re.escape(path.name)):
            ask()
    assert path.read_bytes() == kept


def test_a_table_of_somebody_elses_is_refused(store):
    store.folder.mkdir()
    pd.DataFrame({"a": [1]}).to_parquet(store.folder / "x.parquet")
    with pytest.raises(EvaluationError, match="no results that this program reads"):
        store.results()


def test_too_few_persons_for_the_folds_is_one_sentence(tmp_path):
    with pytest.raises(EvaluationError, match="use fewer folds"):
        bench("smoke", KEYWORDS, VOICES, [Contender(variant="global", method="global")], folds=99)


def test_a_fold_of_fewer_persons_is_trained_and_tested_with_those_alone():
    """The few-persons suite asks for it; whoever is neither trained nor tested on must not be heard
    at all.
    """
    contenders = [Contender(variant="global", method="global")]
    config = suites.smoke_config(KEYWORDS)
    (whole, *_) = bench("smoke", KEYWORDS, VOICES, contenders, config=config, folds=4)
    fewer = replace(whole.persons, train=suites.spread(whole.persons.train, 3))
    for persons in (whole.persons, fewer):
        data = replace(whole, persons=persons).data()
        assert set(data.train.persons) == set(data.closed.persons) == set(persons.train)
        assert set(data.open.persons) == set(persons.test)
        assert set(data.train.person.tolist()) == set(range(len(persons.train)))


@pytest.fixture
def large_set(tmp_path, monkeypatch):
    """The bundled voices under the name of a large public set, as such sets are: two persons said
    only a few words.
    """
    folder = tmp_path / "speech_commands_v2"
    shutil.copytree(VOICES, folder)
    table = (folder / "metadata.csv").read_text("utf-8").splitlines(keepends=True)
    said_by = [[line for line in table if f",{person}," in line] for person in SAID_LITTLE]
    many = [line for lines in said_by for line in lines[5:]]
    (folder / "metadata.csv").write_text(
        "".join(line for line in table if line not in many), "utf-8"
    )
    monkeypatch.setenv("VOP_DATA", str(tmp_path))
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    return folder.name


@pytest.mark.load
def test_a_large_public_set_runs_by_the_same_command_with_those_who_said_little(large_set):
    kinds = "global", "adabn", "laplace", "vop"  # every method runs the suite on digits
    little = [f"speech_commands_test/{person}" for person in SAID_LITTLE]
    asked = ["bench", "--suite", "smoke", "--data", large_set, "--jobs", "1"]
    ran = CliRunner().invoke(app, asked + [word for name in kinds for word in ("--method", name)])
    assert ran.exit_code == 0, ran.output
    assert f"2 after 5 enrolled ({', '.join(little)})." in ran.stderr
    assert "4 of 4 results are done" in ran.stdout
    (job,) = suites.suite_jobs("smoke", datasets=[large_set], methods=kinds)
    everybody = {*job.persons.train, *job.persons.test}
    assert job.missing == () and everybody >= set(little)
    for contender in job.contenders:
        result = read(job, contender)
        assert (result.dataset, result.status) == (large_set, DONE)
        assert set(result.scores["person"]) <= everybody
        assert ("noise" in rows(result)) is contender.type.facts.personal


def test_a_data_set_asked_for_by_name_is_never_skipped(large_set):
    with pytest.raises(DataError, match="no data set at 'audiomnist'"):
        suites.suite_jobs("paper", datasets=[large_set, "audiomnist"])


def test_words_never_taught_come_from_what_is_there(large_set, tmp_path):
    bundled = str(voices_root() / CORPORA["ar"].folder)
    assert KEYWORDS.never_taught(large_set) == bundled, "its own other set is not there"
    (tmp_path / UNKNOWN_WORDS[large_set]).mkdir()
    assert KEYWORDS.never_taught(large_set) == UNKNOWN_WORDS[large_set]
    english = str(voices_root() / CORPORA["en"].folder)
    assert KEYWORDS.never_taught(CORPORA["ar"].folder) == english, "no words of its own language"
    known = {*SOURCES, *RULES, *SAME_PERSONS}
    assert {*UNKNOWN_WORDS, *UNKNOWN_WORDS.values()} <= known


def test_unknown_suites_methods_and_numbers_are_refused():
    for call in (
        lambda: suites.suite_jobs("nothing"),
        lambda: suites.suite_jobs("smoke", methods=["nothing"]),
        lambda: whole_numbers("1,x", "--seeds"),
    ):
        with pytest.raises(EvaluationError, match=r"nothing|whole numbers"):
            call()
    assert whole_numbers("2, 0,2", "--seeds") == (0, 2)


def tuning_result(method, settings, dataset, seed, accuracy):
    """One person, asked once."""
    config = {"method": suites.as_plain(settings), "scoring": {"main_shots": 5}}
    about = {"suite": "tuning", "method": method, "dataset": dataset, "config": config}
    return made(method, seed=seed, accuracy=accuracy, **about)


def test_one_setting_is_chosen_for_all_data_sets_by_the_mean_over_those_that_were_tried(
    tmp_path, monkeypatch
):
    """Accuracies of two settings on A and on B; a tie goes to the earlier one."""
    film = registry.METHODS["film-hypernetwork"]
    monkeypatch.setattr(suites, "METHODS", {"film-hypernetwork": film})
    options = suites.contender_choices("film-hypernetwork")

    def chosen(*accuracies):
        found = {
            name: [
                tuning_result("film-hypernetwork", option.config, name, 0, accuracy)
                for option, accuracy in zip(options, pair, strict=True)
            ]
            for name, pair in zip("ab", accuracies, strict=True)
        }
        (tmp_path / suites.CHOICES).write_text(json.dumps(suites.choose(found)))
        (contender,) = suites.chosen_contenders(tmp_path)
        return options.index(contender)

    assert chosen((0.5, 0.9), (0.7, 0.2)) == 0
    assert chosen((0.5, 0.9), (0.5, 0.2)) == 1
    assert chosen((0.5, 0.75), (0.5, 0.25)) == 0


@pytest.mark.data
def test_settings_are_tried_on_persons_who_stand_in_no_fold(real_data, first_settings, monkeypatch):
    name = suites.ABLATION_SETS[0]
    if not (real_data / name).is_dir():
        pytest.skip(f"no {name} there")
    monkeypatch.setenv("VOP_DATA", str(real_data))
    tried, folds = (suites.suite_jobs(suite, datasets=[name]) for suite in ("tuning", "conditions"))
    asked = {person for job in tried for person in job.persons.test}
    assert asked == set(persons_with_role(KEYWORDS.dataset(name), CHOOSE))
    for job in folds:
        assert not asked & {*job.persons.train, *job.persons.test}


def test_what_needs_no_training_is_tuned_with_every_seed_and_chosen_by_their_mean(
    listed, monkeypatch
):
    """With seed 0 the first setting is better, in the mean of three seeds the second."""
    jobs = suites.suite_jobs("tuning", datasets=[listed])
    asked = {(job.seed, each.method) for job in jobs for each in job.contenders}
    assert {seed for seed, method in asked if method == "adabn"} == {0, 1, 2}
    assert {seed for seed, method in asked if method == "vop"} == {0}
    for job in jobs:  # no setting's result takes the place of another's
        names = [each.variant for each in job.contenders]
        assert len(set(names)) == len(names)
    monkeypatch.setattr(suites, "METHODS", {"adabn": registry.METHODS["adabn"]})
    first, second, *_ = suites.contender_choices("adabn")

    def results(contender, accuracies):
        for seed, accuracy in enumerate(accuracies):
            yield tuning_result("adabn", contender.config, "a", seed, accuracy)

    found = {"a": [*results(first, (0.9, 0.2, 0.4)), *results(second, (0.6, 0.6, 0.6))]}
    choice = suites.choose(found)
    assert choice["chosen"]["adabn"] == suites.tried_settings("adabn")[1]
    assert [each["accuracy"] for each in choice["measured"]["a"]["adabn"]] == [0.5, 0.6]


def test_without_a_choice_the_main_suite_says_what_to_run(tmp_path):
    with pytest.raises(EvaluationError, match="--suite tuning"):
        suites.chosen_contenders(tmp_path)


def test_a_damaged_choice_and_a_choice_that_is_no_setting_any_more_are_refused(tmp_path):
    (tmp_path / suites.CHOICES).write_text('{"chosen": 3}')
    with pytest.raises(EvaluationError, match=r"'choices\.json' is damaged; bring it back"):
        suites.chosen_contenders(tmp_path)
    chosen = {method: suites.tried_settings(method)[0] for method in registry.METHODS}
    (tmp_path / suites.CHOICES).write_text(
        json.dumps({"chosen": chosen | {"adabn": {"source_clips": -3}}})
    )
    with pytest.raises(EvaluationError, match="'adabn' are not chosen yet"):
        suites.chosen_contenders(tmp_path)


def test_the_committed_choices_are_settings_of_methods():
    file = repository_root() / "data" / "results" / suites.CHOICES
    if not file.exists():
        pytest.skip("no settings are committed; they are made by: vop bench --suite tuning")
    chosen = list(json.loads(file.read_text())["chosen"])
    assert [each.method for each in suites.chosen_contenders(methods=chosen)] == chosen


def test_a_method_is_chosen_for_once_all_its_settings_have_been_tried_everywhere(
    tmp_path, monkeypatch
):
    names = ("film-hypernetwork", "versa")
    monkeypatch.setattr(suites, "METHODS", {name: registry.METHODS[name] for name in names})
    monkeypatch.setattr(suites, "ABLATION_SETS", ("a", "b"))
    found = {
        dataset: [
            tuning_result(name, option.config, dataset, 0, 0.5)
            for name in names
            for option in suites.contender_choices(name)
        ]
        for dataset in "ab"
    }
    assert suites.write_choices(tmp_path, found) == names
    found["b"].pop()
    assert suites.write_choices(tmp_path, found) == names[:1]
    (film,) = suites.chosen_contenders(tmp_path, methods=names[:1])
    assert film.method == names[0]
    with pytest.raises(EvaluationError, match="'versa' are not chosen yet"):
        suites.chosen_contenders(tmp_path, methods=names)
    assert suites.write_choices(tmp_path, {"a": found["a"]}) == ()


def test_jobs_of_the_same_trainings_stand_apart(listed, first_settings):
    jobs = suites.suite_jobs("conditions", datasets=[listed], methods=["vop"])
    others = [replace(job, dataset="other") for job in jobs]
    turns = suites._in_turn([*jobs, *others])
    assert [(job.seed, job.fold) for job in turns] == sorted((job.seed, job.fold) for job in turns)
    for first, second in itertools.pairwise(turns):
        assert (first.dataset, first.seed, first.fold) != (second.dataset, second.seed, second.fold)


def test_where_global_diverges_it_is_trained_once_and_the_others_say_why(tmp_path, monkeypatch):
    (job,) = jobs(tmp_path, "global", "adabn", "t3a", "versa")
    tries = []

    def diverge(self, contender, fit):
        tries.append(contender.variant)
        raise EvaluationError("Its training diverged: some weights are no numbers any more.")

    monkeypatch.setattr(Trainer, "_train", diverge)
    run_job(job)
    found = {each.variant: read(job, each) for each in job.contenders}
    assert {result.status for result in found.values()} == {FAILED}
    assert tries.count("global") == 2, "once as a row, once as what the others are made of"
    assert (
        found["adabn"].reason == f"The row 'global', which it is made of: {found['global'].reason}"
    )
    said = outcome([job], list(found.values()))
    assert [line for line in said if line.startswith("t3a")] and said[-1].endswith("--retry.")


def test_a_damaged_result_is_refused_before_anything_is_trained(tmp_path):
    (job,) = jobs(tmp_path, "global", "adabn")
    path = job.result_file(job.contenders[1])
    path.parent.mkdir()
    path.write_text("{")
    with pytest.raises(EvaluationError, match="no results that this program reads"):
        jobs(tmp_path, "global", "adabn")


def test_every_suite_is_named_where_it_is_asked_for(listed, first_settings):
    said = CliRunner().invoke(app, ["bench", "--help"], env={"COLUMNS": "400"}).output
    for name in suites.SUITES:
        if name != suites.DUA:  # has benchmarks and methods of its own
            assert suites.suite_jobs(name, datasets=[listed], methods=["vop"])
        assert name in said
        assert f"``{name}``" in suites.__doc__


def test_ablations_change_one_thing_each_and_bear_different_names():
    asked = suites.ABLATIONS.values()
    assert len({json.dumps([name, suites.as_plain(config)]) for name, config in asked}) == len(
        asked
    )
    for first, parts in (("vop", {}), ("amortised", {"diagonal": 3})):
        method, base = suites.ABLATIONS[first]
        for name, (other, config) in suites.ABLATIONS.items():
            if other != method or name == first:
                continue
            plain = suites.as_plain(config)
            changed = [key for key, value in suites.as_plain(base).items() if plain[key] != value]
            assert len(changed) == parts.get(name.rpartition(", ")[2], 1), (name, changed)


def test_ablations_are_run_on_two_folds_unless_others_are_asked_for(listed, first_settings):
    assert {job.fold for job in suites.suite_jobs("ablations", datasets=[listed])} == {0, 1}
    assert {job.fold for job in suites.suite_jobs("ablations", datasets=[listed], folds=[2])} == {2}
    assert {job.fold for job in suites.suite_jobs("paper", datasets=[listed])} == {0, 1, 2}


def test_what_changes_everybodys_training_has_a_baseline_of_its_own(listed):
    jobs = suites.suite_jobs("ablations", datasets=[listed], folds=[1])
    usual = next(job for job in jobs if job.contenders[0].variant == "global")
    for change in suites.TRAINING_ABLATIONS:
        (job,) = (job for job in jobs if job.contenders[0].variant == f"global, {change}")
        assert job.config.checkpoint != usual.config.checkpoint
        assert job.config.scoring == usual.config.scoring
        names = [contender.variant for contender in job.contenders]
        assert {baseline_of(name, names) for name in names} == {names[0]}
        assert not set(names) & {contender.variant for contender in usual.contenders}
        if change == "from the start":
            steps = usual.config.checkpoint.training.steps + usual.config.further.steps
            assert job.config.checkpoint.training is None and job.config.further.steps == steps


def test_an_encoder_stays_where_it_is_fixed_and_learns_along_in_the_row_that_says_so(tmp_path):
    learning = [name for name in registry.METHODS if name.endswith("-trained-encoder")]
    fixed = [name.removesuffix("-trained-encoder") for name in learning]
    (job,) = jobs(tmp_path, *fixed, *learning)
    tmp_path.joinpath("runs").mkdir()
    trainer = Trainer(job.data(), job.config, tmp_path / "runs")
    for contender in job.contenders:
        encoder = trainer.make(contender).encoder
        moved = {
            start: any(
                not torch.equal(value, dict(model.encoder.named_parameters())[key])
                for key, value in encoder.named_parameters()
                if not key.startswith("classifier")
            )
            for start, model in (("global", trainer.baseline), ("checkpoint", trainer.checkpoint))
        }
        learns = contender.method in learning
        assert moved == {"global": learns, "checkpoint": True}, contender.method


def test_a_slow_method_has_the_encoder_of_all_others():
    extra = BenchConfig.of_task(KEYWORDS).further
    slow = paced_training(extra, registry.METHODS["arm-cml"].choices()[-1])
    assert slow.learning_rate < extra.learning_rate
    assert slow.learning_rate * slow.encoder_rate == pytest.approx(
        extra.learning_rate * extra.encoder_rate
    )
    assert paced_training(extra, registry.METHODS["t3a"].choices()[0]) == extra
    cascade = paced_training(extra, registry.METHODS["vop"].choices()[0])
    assert cascade == replace(extra, min_shots=0) != extra


def test_groups_are_asked_alike_after_trainings_that_heard_them_and_that_did_not(
    listed, first_settings
):
    """Sides differ in the persons trained on alone, and every group is a table of its own."""
    work = suites.suite_jobs("groups", datasets=[listed], methods=["global", "adabn"])
    assert {job.tested for job in work} == {"words, gender woman", "words, gender man"}
    sides = {}
    for job in work:
        key = job.tested, job.fold, job.config.scoring.condition.name
        for contender in job.contenders:
            variant, heard, *rest = contender.variant.split(", ")
            assert variant == contender.method and rest == [key[2]][: key[2] != "clean"]
            sides.setdefault((*key, variant), {})[heard] = job
    assert {key[2] for key in sides} == {"clean", "own-environment"}
    for (group, *_), found in sides.items():
        never, heard = found["never heard"], found["heard"]
        members = {
            f"words/p{person}" for person in range(18) if (person % 3 > 0) == ("woman" not in group)
        }
        assert set(never.persons.test) == set(heard.persons.test) <= members
        assert not members & set(never.persons.train)
        assert members & set(heard.persons.train)
        assert len(never.persons.train) == len(heard.persons.train)
        assert replace(never, persons=heard.persons, contenders=()) == replace(heard, contenders=())
    assert len({job.hash(each) for job in work for each in job.contenders}) == 2 * len(sides)
    assert sum(len(job.contenders) for job in work) == 2 * len(sides)
    said = {remark for job in work for remark in job.remarks}
    assert {suites.NO_AGES, "words does not tell two groups of persons apart by dialect."} < said


def test_a_set_without_groups_is_refused_in_one_sentence(first_settings):
    with pytest.raises(EvaluationError, match=r"^No data set here tells groups [^.]*\.$"):
        suites.suite_jobs("groups", datasets=[VOICES])


def test_persons_left_are_spread_and_too_many_are_refused():
    persons = tuple("abcdefgh")
    assert suites.spread(persons, 3) == ("a", "c", "f")
    assert suites.spread(persons, 8) == persons
    with pytest.raises(EvaluationError, match="9 training persons"):
        suites.spread(persons, 9)


def test_all_shares_one_config_but_for_the_seed():
    config = BenchConfig.of_task(KEYWORDS)
    assert config.with_seed(3).scoring == config.scoring
    assert config.with_seed(3).further.seed != config.further.seed
