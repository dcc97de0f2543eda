"""The bench from plan to result files: resumable, nothing overwritten, a new method is one file and one line."""

import itertools
import json
import shutil
import time
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from tests.toys import make_encoder
from vop_core.cli import app
from vop_core.cli.bench import outcome
from vop_core.cli.output import whole_numbers
from vop_core.data.locations import repository_root, voices_root
from vop_core.data.sources.registry import SOURCES
from vop_core.data.virtual_persons import OFF
from vop_core.errors import DataError, EvaluationError
from vop_core.evaluation.method_scores import MethodScoring, PersonScore
from vop_core.experiments import bench as bench_module
from vop_core.experiments import suites
from vop_core.experiments.bench import BenchConfig, Contender, bench, paced_training, run_bench, run_job
from vop_core.experiments.bench_files import DONE, FAILED, FORMAT, BenchResult, bench_folder, load_bench_result
from vop_core.experiments.bench_outputs import reported_suites
from vop_core.experiments.bench_report import baseline_of, summary
from vop_core.experiments.recipes import RunConfig, as_plain, config_hash, named_settings
from vop_core.experiments.report_page import bench_page
from vop_core.methods import registry
from vop_core.methods.base import MethodFacts, PersonalizationMethod
from vop_core.methods.global_model import GlobalModel
from vop_core.tasks.keyword_spotting import UNKNOWN_WORDS, crossval_data, unknown_words

VOICES = str(voices_root() / "synthetic-en")


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
    """A data set that can be planned for and not heard: eighteen persons, twenty words, no sound in the files."""
    folder = tmp_path_factory.mktemp("listed") / "words"
    rows = ["path,person,label,take"]
    for person, word in itertools.product(range(18), range(20)):
        path = folder / f"p{person}" / f"w{word}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{person} {word}")
        rows.append(f"{path.relative_to(folder)},p{person},w{word},1")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return str(folder)


@pytest.fixture
def toys(monkeypatch):
    """The registry with some lines more."""
    for name, kind in (("toy", documented_method()), ("twice", Twice), ("broken", Broken)):
        monkeypatch.setitem(registry.METHODS, name, kind)


def jobs(tmp_path, *names, **changes):
    contenders = [Contender(variant=name, method=name) for name in names]
    config = changes.pop("config", suites.smoke_config())
    return bench(
        "smoke",
        VOICES,
        contenders,
        config=config,
        folds=4,
        only_folds=(0,),
        runs=tmp_path / "runs",
        results=tmp_path / "results",
        **changes,
    )


@pytest.mark.slow
def test_a_method_added_by_one_line_is_run_saved_and_not_run_again(tmp_path, toys, monkeypatch):
    names = ("global", "toy", "twice", "broken")
    (job,) = jobs(tmp_path, *names)
    assert tuple(each.variant for each in job.missing) == names
    run_job(job)
    assert job.missing == ()
    rival, toy, twice, broken = (load_bench_result(job.result_file(each)) for each in job.contenders)
    assert {score.row for score in toy.scores} >= {"own", "mixed", "wrong-person", "noise"}
    assert {score.row for score in rival.scores} == {"own"}
    own = [score.accuracy for score in twice.scores if score.row == "own"]
    assert own == [score.accuracy for score in rival.scores if score.row == "own"], "the same clips, the same weights"
    start = [replace(score, row="own") for score in toy.scores if score.row == "start"]
    assert start == [replace(score, bins=None) for score in rival.scores], "what it was made of is the row `global`"
    assert toy.figures["gradient_steps"] == 0 and toy.figures["bytes_per_person"] > 0
    assert toy.figures["answer_multiply_accumulates"] == toy.figures["encoder_multiply_accumulates"]
    assert (broken.status, broken.scores) == (FAILED, ())
    assert "no probabilities" in broken.reason
    assert any("broken" in line and "did not converge" in line for line in outcome([job]))

    tables = summary({"synthetic-en": [load_bench_result(job.result_file(each)) for each in job.contenders]}, "smoke")
    page = bench_page({"smoke": tables})
    for name in names:
        assert f'<th scope="row">{name}</th>' in page, "a method that was added is in the tables, also where it failed"

    monkeypatch.setattr(bench_module, "crossval_data", lambda *args: pytest.fail("nothing was missing"))
    before = {path: path.read_bytes() for path in (tmp_path / "results").rglob("*.json")}
    run_job(job)
    assert {path: path.read_bytes() for path in (tmp_path / "results").rglob("*.json")} == before


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(600)  # the assertion is to speak, not the clock of the runner
def test_the_smoke_suite_runs_every_method_and_every_control_in_five_minutes(tmp_path, monkeypatch):
    monkeypatch.setenv("VOP_CACHE", str(tmp_path))
    started = time.monotonic()
    work = suites.suite_jobs("smoke")
    run_bench(work, processes=1)
    assert time.monotonic() - started < 300
    (job,) = work
    found = {each.variant: load_bench_result(job.result_file(each)) for each in job.contenders}
    assert set(found) == set(registry.METHODS)
    assert {name: result.reason for name, result in found.items() if result.status == FAILED} == {}
    for name, result in found.items():
        rows = {score.row for score in result.scores}
        facts = registry.METHODS[name].facts
        assert rows >= ({"own", "mixed", "wrong-person", "noise"} if facts.personal else {"own"}), name
        assert ("draws" in rows, "nobody" in rows) == (facts.posterior, facts.prior)
        assert (result.figures["gradient_steps"] > 0) is facts.gradients
    assert suites.suite_results("smoke", tmp_path / "bench-smoke" / "results").keys() == {"synthetic-en"}


def test_a_result_is_named_by_everything_it_depends_on(tmp_path):
    base = jobs(tmp_path, "global")[0]
    name = base.result_file(base.contenders[0])
    config = base.config
    others = [
        replace(base, config=config.with_seed(1)),
        replace(base, recordings="others"),
        replace(base, persons=replace(base.persons, train=base.persons.train[1:])),
        replace(base, persons=replace(base.persons, test=base.persons.test[1:])),
        replace(base, config=replace(config, extra=replace(config.extra, steps=4))),
        replace(base, config=replace(config, run=replace(config.run, tau=1.0))),
        replace(base, config=replace(config, scoring=replace(config.scoring, repetitions=2))),
    ]
    assert len({job.result_file(job.contenders[0]).name.rpartition("-")[2] for job in others} | {name.name}) == 8


def test_scoring_otherwise_does_not_train_again(tmp_path):
    base = jobs(tmp_path, "global")[0]
    other = replace(base, config=replace(base.config, scoring=replace(base.config.scoring, repetitions=2)))
    assert base.weights_file(base.contenders[0]) == other.weights_file(other.contenders[0])


def test_the_names_of_runs_made_before_a_setting_existed_stay():
    """Settings marked as later enter a name only where they are used; nested ones too."""
    config = RunConfig()
    used = replace(config, branch=replace(config.branch, encoder_rate=0.5))
    assert config_hash(config) != config_hash(used)
    text = json.dumps(_without(config, "encoder_rate"), sort_keys=True)
    assert config_hash(config) == config_hash(json.loads(text))


def _without(config, name):
    plain = as_plain(config)
    for phase in ("shared", "branch"):
        plain[phase].pop(name)
    return plain


def test_a_method_that_says_only_half_of_itself_cannot_be_built():
    class Half(PersonalizationMethod):
        facts = MethodFacts(summary="adapts, and never answers", source="VOP")

        def adapt(self, enrollment, labels=None, present=None):
            return {}

    with pytest.raises(TypeError, match="predict_proba"):
        Half(make_encoder())


def test_a_file_of_another_version_is_named_and_left_alone(tmp_path):
    path = BenchResult(
        suite="smoke", method="toy", variant="toy", dataset="voices", fold=0, folds=4, seed=0, hash="abc"
    ).save(tmp_path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"format": FORMAT + 1}))
    kept = path.read_bytes()
    with pytest.raises(EvaluationError, match="another version"):
        load_bench_result(path)
    assert path.read_bytes() == kept
    path.write_text("{")
    with pytest.raises(EvaluationError, match="no result file"):
        load_bench_result(path)
    path.write_text(json.dumps(content | {"scores": {"set": ["open"], "shots": []}}))
    with pytest.raises(EvaluationError, match="damaged"):
        load_bench_result(path)


def test_too_few_persons_for_the_folds_is_one_sentence(tmp_path):
    with pytest.raises(EvaluationError, match="use fewer folds"):
        bench("smoke", VOICES, [Contender(variant="global", method="global")], folds=99)


def test_a_fold_of_fewer_persons_is_trained_and_tested_with_those_alone():
    """The few-persons suite asks for it; whoever is neither trained nor tested on must not be heard at all."""
    contenders = [Contender(variant="global", method="global")]
    (whole, *_) = bench("smoke", VOICES, contenders, config=suites.smoke_config(), folds=4)
    fewer = replace(whole.persons, train=suites.spread(whole.persons.train, 3))
    for persons in (whole.persons, fewer):
        data = crossval_data(VOICES, persons)
        assert set(data.train.persons) == set(data.closed.persons) == set(persons.train)
        assert set(data.open.persons) == set(persons.test)
        assert set(data.train.person.tolist()) == set(range(len(persons.train)))


@pytest.fixture
def large_set(tmp_path, monkeypatch):
    """The bundled voices under the name of a large public set, as such sets are: two persons said only a few words."""
    folder = tmp_path / "speech_commands_v2"
    shutil.copytree(VOICES, folder)
    table = (folder / "metadata.csv").read_text("utf-8").splitlines(keepends=True)
    many = [line for line in table if line.startswith(("01/", "02/")) and line.split(",")[3] not in "12345"]
    (folder / "metadata.csv").write_text("".join(line for line in table if line not in many), "utf-8")
    monkeypatch.setenv("VOP_DATA", str(tmp_path))
    monkeypatch.setenv("VOP_CACHE", str(tmp_path / "cache"))
    return folder.name


@pytest.mark.slow
def test_a_large_public_set_runs_by_the_same_command_without_those_who_said_too_little(large_set):
    asked = ["bench", "--suite", "smoke", "--data", large_set, "--method", "global", "--method", "adabn", "--jobs", "1"]
    ran = CliRunner().invoke(app, asked)
    assert ran.exit_code == 0, ran.output
    assert "2 person(s) of speech_commands_v2 left out: fewer than 8 training clips" in ran.stderr
    assert "2 of 2 results are done" in ran.stdout
    (job,) = suites.suite_jobs("smoke", datasets=[large_set], methods=["global", "adabn"])
    everybody = {*job.persons.train, *job.persons.test}
    assert job.missing == () and not everybody & {"synthetic-en/01", "synthetic-en/02"}
    for contender in job.contenders:
        result = load_bench_result(job.result_file(contender))
        assert (result.dataset, result.status) == (large_set, DONE)
        assert {score.person for score in result.scores} <= everybody


def test_a_data_set_asked_for_by_name_is_never_skipped(large_set):
    with pytest.raises(DataError, match="no data set at 'audiomnist'"):
        suites.suite_jobs("paper", datasets=[large_set, "audiomnist"])


def test_words_never_taught_come_from_what_is_there(large_set, tmp_path):
    bundled = str(voices_root() / "synthetic-ar")
    assert unknown_words(large_set) == bundled, "its own other set is not there"
    (tmp_path / UNKNOWN_WORDS[large_set]).mkdir()
    assert unknown_words(large_set) == UNKNOWN_WORDS[large_set]
    assert UNKNOWN_WORDS.keys() <= SOURCES.keys() and set(UNKNOWN_WORDS.values()) <= SOURCES.keys()


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
    names = ("nll", "brier", "ece", "aurc", "coverage", "confidence", "accuracy_even", "accuracy_odd")
    score = dict.fromkeys(names, 0.0) | {"accuracy": accuracy, "person": f"{dataset}/p", "clips": 10}
    line = PersonScore(set="open", shots=5, repetition=0, row="own", **score)
    config = {"method": suites.as_plain(settings), "scoring": {"main_shots": 5}}
    return BenchResult(
        suite="tuning",
        method=method,
        variant=method,
        dataset=dataset,
        fold=0,
        folds=4,
        seed=seed,
        hash=f"{seed}",
        config=config,
        scores=(line,),
    )


def test_settings_are_chosen_on_the_other_data_sets_persons(tmp_path, monkeypatch):
    """On A the second setting is better, on B the first: A gets B's choice and B gets A's."""
    monkeypatch.setattr(suites, "METHODS", {"vop": registry.METHODS["vop"]})
    options = suites.contender_choices("vop")

    def result(dataset, index, accuracy):
        return tuning_result("vop", options[index].config, dataset, 0, accuracy)

    found = {
        "a": [result("a", 0, 0.5), result("a", 1, 0.9)],
        "b": [result("b", 0, 0.6), result("b", 1, 0.2)],
    }
    choice = suites.choose(found)["chosen"]
    first, second = (named_settings(options[index].config) for index in (0, 1))
    assert choice["a"]["vop"] == first
    assert choice["b"]["vop"] == second
    assert choice["others"]["vop"] == first  # 0.55 against 0.55: a tie goes to the earlier setting
    (tmp_path / suites.CHOICES).write_text(json.dumps(suites.choose(found)))
    (contender,) = suites.chosen_contenders("b", tmp_path)
    assert contender.config == options[1].config


def test_what_needs_no_training_is_tuned_with_every_seed_and_chosen_by_their_mean(listed, monkeypatch):
    """With seed 0 the first setting is better, in the mean of three seeds the second."""
    jobs = suites.suite_jobs("tuning", datasets=[listed])
    asked = {(job.seed, each.method) for job in jobs for each in job.contenders}
    assert {seed for seed, method in asked if method == "adabn"} == {0, 1, 2}
    assert {seed for seed, method in asked if method == "vop"} == {0}
    monkeypatch.setattr(suites, "METHODS", {"adabn": registry.METHODS["adabn"]})
    first, second, *_ = suites.contender_choices("adabn")

    def results(contender, accuracies):
        for seed, accuracy in enumerate(accuracies):
            yield tuning_result("adabn", contender.config, "a", seed, accuracy)

    found = {"a": [*results(first, (0.9, 0.2, 0.4)), *results(second, (0.6, 0.6, 0.6))]}
    choice = suites.choose(found)
    assert choice["chosen"]["others"]["adabn"] == named_settings(second.config)
    assert [each["accuracy"] for each in choice["measured"]["a"]["adabn"]] == [0.5, 0.6]


def test_without_a_choice_the_main_suite_says_what_to_run(tmp_path):
    with pytest.raises(EvaluationError, match="--suite tuning"):
        suites.chosen_contenders("dspspeech20", tmp_path)


def test_outliers_are_looked_for_in_the_main_tables_own_result_files(listed):
    """A suite of its own, in which nothing that the main one has done is done again."""
    ours, papers = (
        [job.result_file(each) for job in suites.suite_jobs(suite, datasets=[listed]) for each in job.contenders]
        for suite in ("outliers", "paper")
    )
    assert ours == papers != []


def test_outliers_have_the_main_tables_results_and_no_table_of_their_own(tmp_path):
    """Main suite, four methods of which few-persons borrows included, and not the ablations beside them."""
    place = tmp_path / "dspspeech20"
    place.mkdir()
    shutil.copy(bench_folder() / suites.CHOICES, tmp_path)
    for path in (bench_folder() / "dspspeech20").glob("*-fold0-seed0-*.json"):
        if path.name.startswith(("global", "vop", "t3a")):
            shutil.copy(path, place)
    found = suites.results_of_suites(("paper", "outliers", "ablations"), tmp_path)
    assert found["outliers"] == found["paper"] != found["ablations"] != {}
    assert {result.method for result in found["paper"]["dspspeech20"]} == {"global", "vop", "t3a"}
    assert found["paper"] == suites.suite_results("paper", tmp_path)
    assert "outliers" not in reported_suites(suites.SUITES)


def test_a_method_that_is_not_tuned_yet_takes_no_result_out_of_the_tables(tmp_path, toys):
    (tmp_path / "dspspeech20").mkdir()
    for path in (bench_folder() / "dspspeech20").glob("global-fold0-seed0-*.json"):
        shutil.copy(path, tmp_path / "dspspeech20")
    with pytest.raises(EvaluationError, match="No settings are chosen yet"):
        suites.suite_results("paper", tmp_path)
    (tmp_path / suites.CHOICES).write_text('{"chosen": 3}')
    with pytest.raises(EvaluationError, match=r"'choices\.json' is damaged; bring it back"):
        suites.suite_results("paper", tmp_path)
    shutil.copy(bench_folder() / suites.CHOICES, tmp_path)
    assert "toy" in registry.METHODS
    (found,) = suites.suite_results("paper", tmp_path)["dspspeech20"]
    assert found.method == "global"


def test_where_global_diverges_it_is_trained_once_and_the_others_say_why(tmp_path, monkeypatch):
    (job,) = jobs(tmp_path, "global", "adabn", "t3a", "versa")
    tries = []

    def diverge(self, contender, fit):
        tries.append(contender.variant)
        raise EvaluationError("Its training diverged: some weights are no numbers any more.")

    monkeypatch.setattr(bench_module.Workshop, "_train", diverge)
    run_job(job)
    found = {each.variant: load_bench_result(job.result_file(each)) for each in job.contenders}
    assert {result.status for result in found.values()} == {FAILED}
    assert tries.count("global") == 2, "once as a row, once as what the others are made of"
    assert found["adabn"].reason == f"The row 'global', which it is made of: {found['global'].reason}"
    (line,) = [line for line in outcome([job]) if line.startswith("t3a")]
    assert line.endswith(f"To try again, remove {job.result_file(job.contenders[2]).name}.")


def test_a_result_of_another_version_is_refused_before_anything_is_trained(tmp_path, monkeypatch):
    (job,) = jobs(tmp_path, "global", "adabn")
    path = job.empty_result(job.contenders[1]).save(job.results)
    path.write_text(path.read_text().replace(f'"format": {FORMAT}', f'"format": {FORMAT + 1}', 1))
    monkeypatch.setattr(bench_module, "run_all", lambda *args: pytest.fail("nothing may be trained"))
    with pytest.raises(EvaluationError, match="another version"):
        run_bench([job])


def test_every_suite_is_named_where_it_is_asked_for(listed):
    said = CliRunner().invoke(app, ["bench", "--help"], env={"COLUMNS": "400"}).output
    for name in suites.SUITES:
        assert suites.suite_jobs(name, datasets=[listed], methods=["vop"])
        assert name in said
        assert f"``{name}``" in suites.__doc__


def test_ablations_change_one_thing_each_and_bear_different_names():
    base = suites.as_plain(suites.ABLATIONS["vop"])
    for name, config in suites.ABLATIONS.items():
        changed = [key for key, value in suites.as_plain(config).items() if value != base[key]]
        together = {"vop": 0, "diagonal": 3, "fast, units may die": 3}  # the last undoes one repair of three parts
        assert len(changed) == together[name] if name in together else 1 <= len(changed) <= 2, (name, changed)
    assert len({json.dumps(suites.as_plain(config)) for config in suites.ABLATIONS.values()}) == len(suites.ABLATIONS)


def test_ablations_are_run_on_two_folds_unless_others_are_asked_for(listed):
    assert {job.fold for job in suites.suite_jobs("ablations", datasets=[listed])} == {0, 1}
    assert {job.fold for job in suites.suite_jobs("ablations", datasets=[listed], folds=[3])} == {3}
    assert {job.fold for job in suites.suite_jobs("paper", datasets=[listed])} == {0, 1, 2, 3}


def test_without_virtual_persons_the_rival_is_trained_without_them_too(listed):
    jobs = suites.suite_jobs("ablations", datasets=[listed], folds=[1])
    with_them, without = sorted(jobs, key=lambda job: len(job.contenders), reverse=True)
    assert without.config.run.virtual == OFF != with_them.config.run.virtual
    assert without.config.scoring == with_them.config.scoring
    assert without.config.with_seed(1).run.virtual == OFF
    names = [contender.variant for contender in without.contenders]
    assert [baseline_of(name, names) for name in names] == ["global, no virtual persons"] * 2
    assert not {contender.variant for contender in with_them.contenders} & set(names)


def test_settings_that_came_later_are_named_only_where_they_are_used():
    before = {"shots", "main_shots", "repetitions", "draws", "draw_shots", "wrong_persons", "unknown_clips"}
    before |= {"controls", "closed", "channel", "seed", "chunk_clips"}
    assert named_settings(MethodScoring()).keys() == before
    assert named_settings(suites.ABLATION_SCORING)["further_draws"] == [1, 30]


def test_a_slow_method_has_the_encoder_of_all_others():
    extra = BenchConfig().extra
    slow = paced_training(extra, registry.METHODS["arm-cml"].choices()[-1])
    assert slow.learning_rate < extra.learning_rate
    assert slow.learning_rate * slow.encoder_rate == pytest.approx(extra.learning_rate * extra.encoder_rate)
    assert paced_training(extra, registry.METHODS["t3a"].choices()[0]) == extra


def test_persons_left_are_spread_and_too_many_are_refused():
    persons = tuple("abcdefgh")
    assert suites.spread(persons, 3) == ("a", "c", "f")
    assert suites.spread(persons, 8) == persons
    with pytest.raises(EvaluationError, match="9 training persons"):
        suites.spread(persons, 9)


def test_all_shares_one_config_but_for_the_seed():
    config = BenchConfig()
    assert config.with_seed(3).scoring == config.scoring
    assert config.with_seed(3).extra.seed != config.extra.seed
