"""The questions of the bench, each a suite: which methods, with which settings, on which data,
folds and seeds.

``tuning``       every method with each of its settings, asked of persons who stand in no fold
``paper``        every method as tuned: closed and open set, 1 to 20 clips, all folds and seeds
``ablations``    VoP, one setting changed at a time: what the paper leaves open; 2 folds, 12 persons
``few-persons``  3, 6, 12 and all training persons
``conditions``   clean, own and unforeseen environments; right or other person, same or other place;
                 one call enrolled, another asked
``groups``       women, men, native and other speakers, after training that never heard their group
``smoke``        every method, a few steps on the bundled voices: does everything run

Settings are chosen on *other people*: what a method uses on one data set was best on the others'
persons kept for choices (own clips at the main shots; three seeds of what needs no training, one of
what does), who are neither trained nor tested on there. The baseline that VoP is compared with is
picked the same way. VoP's own recipe, and how its networks are trained, were found on fold 0 of
both speech sets, whose persons are tested in these tables: docs/diary.md.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vop_core.bench.calls import calls_remarks, clips_across_calls
from vop_core.bench.recipes import (
    GLOBAL,
    BenchConfig,
    Contender,
    as_plain,
)
from vop_core.bench.results import DONE, Result, Store
from vop_core.bench.run import BenchJob, bench
from vop_core.data.features import SWAPPED_ENVIRONMENT
from vop_core.data.groups import group_remarks, group_trainings, groups_of
from vop_core.data.locations import (
    cache_root,
    find_dataset,
    has_dataset,
    repository_root,
    voices_root,
)
from vop_core.data.persons import Fold, spread
from vop_core.data.splits import CHOOSE, persons_with_role
from vop_core.data.virtual_persons import OFF
from vop_core.errors import EvaluationError
from vop_core.evaluation.plan import OPEN
from vop_core.evaluation.score import CLEAN, OWN, Condition, Scoring
from vop_core.methods.amortised_vop import PERSONAL, STEADY, AmortisedVopConfig
from vop_core.methods.registry import METHODS
from vop_core.methods.samovar import SamovarConfig
from vop_core.tasks.base import Task, choice_fold
from vop_core.tasks.registry import TASKS
from vop_core.training.config import TrainConfig
from vop_core.writing import make_folder, write_text

# trained as usual: keywords-en alone is trained for longer, and by telephone
KEYWORDS = TASKS["keywords-ar"]
SPEECH = ("arabic_speech_commands", "dspspeech20")
FOLDS = {"arabic_speech_commands": 4, "dspspeech20": 4, "fsdd": 5}
# unless others are asked for: 39 rows of 12 persons, from where an interval is a bootstrap
ABLATION_FOLDS = (0, 1)
PAPER_SEEDS = (0, 1, 2)
FEW_PERSONS = (3, 6, 12)
FEW_PERSONS_METHODS = ("global", "vop", "film-hypernetwork", "adabn")
CONDITIONS_METHODS = ("global", "vop", "conditional-vop", "film-hypernetwork", "adabn", "arm-cml")
CONDITIONS = (
    CLEAN,
    Condition("own-environment", "own environment", SWAPPED_ENVIRONMENT),
    Condition("unforeseen", "unforeseen environment"),
    Condition("across calls", across_calls=True),
)
# some of WUW's persons called more than once
CONDITION_SETS = (*SPEECH, "wuw2")
# environments are of what is asked: words never taught have none
CONDITIONS_SCORING = Scoring(shots=(1, 5), draw_shots=(), unknown_clips=0, closed=False)
# of the persons who say keywords, WUW's callers alone have these attributes
GROUP_SETS = ("wuw2", *SPEECH)
GROUP_ATTRIBUTES = ("gender", "dialect")
# WUW is at its ceiling where nothing else is heard
GROUP_CONDITIONS = (CLEAN, Condition("own-environment", "own environment"))
NO_AGES = (
    "Adults and children are compared nowhere: speechocean762 has both, but no keywords, and no "
    "data set with keywords gives ages."
)
CHOICES = "choices.json"
ABLATION_SCORING = Scoring(shots=(1, 5, 20), unknown_clips=0, closed=False, further_draws=(1, 30))
# only what a choice is made on
TUNING_SCORING = Scoring(shots=(5,), draw_shots=(), unknown_clips=0, controls=False, closed=False)

_BASE = AmortisedVopConfig(**PERSONAL, **STEADY)

# What the paper leaves open: one change each against the recipe ``personal``, trained steadily.
ABLATIONS: Mapping[str, AmortisedVopConfig] = {
    "vop": _BASE,
    "conditioning self": replace(_BASE, conditioning="self"),
    "conditioning mixture": replace(_BASE, conditioning="mixture"),
    "layers film": replace(_BASE, personal_layers=("film",)),
    "layers pointwise": replace(_BASE, personal_layers=("pointwise",)),
    "layers classifier": replace(_BASE, personal_layers=("classifier",)),
    "layers band film, classifier": replace(_BASE, personal_layers=("band_film", "classifier")),
    "code 4": replace(_BASE, code=4),
    "code 64": replace(_BASE, code=64),
    "replace": replace(_BASE, additive=False),
    # each of 1,840 weights has its own number: spread over persons, they would be noise
    "diagonal": replace(_BASE, family="diagonal", prior_scale=0.1, mean_spread=0.0),
    "prior fixed": replace(_BASE, learned_prior_mean=False),
    "prior scale 0.3": replace(_BASE, prior_scale=0.3),
    "prior scale 3": replace(_BASE, prior_scale=3.0),
    "beta 0": replace(_BASE, beta=0.0),
    "beta 0.02": replace(_BASE, beta=0.02),
    "beta 1": replace(_BASE, beta=1.0),
    "beta 1, no annealing": replace(_BASE, beta=1.0, kl_warmup=0.0),
    "beta 1, free bits 0.5": replace(_BASE, beta=1.0, free_bits=0.5),
    "average parameters": replace(_BASE, aggregation="average_parameters"),
    "product of experts": replace(_BASE, aggregation="product_of_experts"),
    "bayes fusion": replace(_BASE, aggregation="bayes_fusion"),
    "no person loss": replace(_BASE, person_loss=0.0),
    "log-mel evidence": replace(_BASE, evidence="input"),
    "means not spread": replace(_BASE, mean_spread=0.0),
    "fast, units may die": AmortisedVopConfig(**PERSONAL),
}
# Why a published SAMOVAR row may lie below chance: rows written from scratch, at the bound's price
# and at a hundredth.
SAMOVAR_ABLATIONS: Mapping[str, tuple[str, SamovarConfig]] = {
    f"{method} from scratch{words}": (method, SamovarConfig(additive=False, beta=beta))
    for method in ("labeled-samovar-1fc", "labeled-samovar-2fc", "samovar-1fc", "samovar-2fc")
    for words, beta in (("", 1.0), (" beta 0.01", 0.01))
}
# its own checkpoint and its own ``global``, on the clips as they are
NO_VIRTUAL_PERSONS = "no virtual persons"


def contender_choices(method: str) -> tuple[Contender, ...]:
    """A method with each of the settings that are tried."""
    configs = METHODS[method].choices()
    return tuple(Contender(variant=method, method=method, config=config) for config in configs)


def tuning_seeds(method: str) -> tuple[int, ...]:
    """With which seeds a method's settings are compared: all where nothing is trained for it, else
    the first.
    """
    return PAPER_SEEDS[:1] if METHODS[method].facts.trained else PAPER_SEEDS


def default_contenders() -> tuple[Contender, ...]:
    """Every method with the first of its settings."""
    return tuple(Contender(variant=method, method=method) for method in METHODS)


def chosen_contenders(dataset: str, folder: Path | None = None) -> tuple[Contender, ...]:
    """Every method with the settings chosen on the other data sets' persons.

    Raises EvaluationError before the suite ``tuning`` has run, or where a choice is no setting any
    more.
    """
    own = _chosen(dataset, folder)
    found = []
    for method in METHODS:
        choices = contender_choices(method)
        place = None if method not in own else _place_of(method, own[method])
        if len(choices) == 1:  # nothing to choose
            place = 0
        if place is None:
            raise EvaluationError(
                f"The settings of '{method}' are not chosen yet; run: vop bench --suite tuning"
            )
        found.append(choices[place])
    return tuple(found)


def _chosen(dataset: str, folder: Path | None) -> dict[str, Any]:
    file = (folder or repository_root() / "data" / "results") / CHOICES
    if not file.exists():
        raise EvaluationError("No settings are chosen yet; run: vop bench --suite tuning")
    try:
        chosen = json.loads(file.read_text(encoding="utf-8"))["chosen"]
        return dict(chosen.get(dataset, chosen["others"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise EvaluationError(
            f"'{file.name}' is damaged; bring it back, or run: vop bench --suite tuning"
        ) from None


def tried_settings(method: str) -> list[dict[str, Any]]:
    """What is tried of a method, by what the choices differ in."""
    plain = [as_plain(each.settings) for each in contender_choices(method)]
    differing = [name for name in plain[0] if any(each[name] != plain[0][name] for each in plain)]
    return [{name: each[name] for name in differing} for each in plain]


def _place_of(method: str, settings: Mapping[str, Any]) -> int | None:
    """Which of a method's choices has these settings."""
    places = (
        place
        for place, tried in enumerate(tried_settings(method))
        if tried.items() <= settings.items()
    )
    return next(places, None)


# method -> place of the choice -> accuracy and NLL
Measured = dict[str, dict[int, tuple[float, float]]]


def choose(results: Mapping[str, Sequence[Result]]) -> dict[str, Any]:
    """The choice for each data set from the others' tuning results, with the figures it was made
    on.

    ``results`` maps a data set to its tuning results. Accuracy decides, then NLL, both means over
    seeds; ties go to the earlier setting.
    """
    measured = {dataset: _measured(found) for dataset, found in results.items()}
    chosen: dict[str, dict[str, Any]] = {}
    for target in (*results, "others"):
        sources = [measured[name] for name in results if name != target] or list(measured.values())
        chosen[target] = {
            method: tried_settings(method)[_best(method, sources)] for method in METHODS
        }
    described = {
        dataset: {
            method: [
                tried_settings(method)[place] | {"accuracy": a, "nll": n}
                for place, (a, n) in places.items()
            ]
            for method, places in methods.items()
        }
        for dataset, methods in measured.items()
    }
    return {"chosen": chosen, "measured": described}


def _measured(results: Sequence[Result]) -> Measured:
    seeds: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for result in results:
        if (place := _tuned_place(result)) is not None:
            seeds.setdefault((result.method, place), []).append(_main_figures(result))
    found: Measured = {}
    for (method, place), figures in sorted(seeds.items()):
        accuracy, nll = (
            round(sum(values) / len(values), 5) for values in zip(*figures, strict=True)
        )
        found.setdefault(method, {})[place] = accuracy, nll
    return found


def _tuned_place(result: Result) -> int | None:
    return _place_of(result.method, result.config["method"]) if result.method in METHODS else None


def _best(method: str, sources: Sequence[Measured]) -> int:
    def quality(place: int) -> tuple[float, float]:
        pairs = [source.get(method, {}).get(place, (0.0, float("inf"))) for source in sources]
        return sum(a for a, _ in pairs) / len(pairs), -sum(n for _, n in pairs) / len(pairs)

    return max(range(len(contender_choices(method))), key=quality)


def _main_figures(result: Result) -> tuple[float, float]:
    """Accuracy and NLL of the open set's own row at the main shots, mean over persons."""
    if result.status != DONE:
        return 0.0, float("inf")
    scores, shots = result.scores, result.config["scoring"]["main_shots"]
    own = scores[(scores["set"] == OPEN) & (scores["row"] == OWN) & (scores["shots"] == shots)]
    persons = own.groupby(["metric", "person"], observed=True)["value"].mean()
    means = persons.groupby("metric", observed=True).mean()
    return round(float(means["accuracy"]), 5), round(float(means["nll"]), 5)


# --- jobs -----------------------------------------------------------------------------------------


def suite_jobs(
    suite: str,
    *,
    datasets: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    folds: Sequence[int] | None = None,
    methods: Sequence[str] | None = None,
) -> list[BenchJob]:
    """All jobs of a suite, done or not, those of seed 0 first.

    Raises EvaluationError for an unknown suite or method, DataError when none of its data sets is
    there.
    """
    if suite not in SUITES:
        raise EvaluationError(f"There is no suite '{suite}'; choose one of {', '.join(SUITES)}.")
    for method in methods or ():
        if method not in METHODS:
            raise EvaluationError(
                f"There is no method '{method}'; choose from {', '.join(METHODS)}."
            )
    jobs = SUITES[suite](datasets, seeds)
    if suite == "ablations" and folds is None:
        folds = ABLATION_FOLDS
    if methods:
        jobs = [
            replace(
                job, contenders=tuple(each for each in job.contenders if each.method in methods)
            )
            for job in jobs
        ]
    if folds is not None:
        jobs = [job for job in jobs if job.fold in folds]
    return sorted(jobs, key=lambda job: (job.seed, job.fold))


def _present(asked: Sequence[str] | None, usual: Sequence[str]) -> Sequence[str]:
    """The data sets asked for, else those of the usual ones that are there.

    Raises DataError when one that was asked for is missing, or all of the usual ones are.
    """
    found = asked or [name for name in usual if has_dataset(name)]
    for name in found or usual[:1]:
        find_dataset(name)  # says what to do where it is missing
    return found


def _tuning(datasets: Sequence[str] | None, seeds: Sequence[int] | None) -> list[BenchJob]:
    config = BenchConfig.of_task(KEYWORDS, scoring=TUNING_SCORING)
    jobs = []
    for name in _present(datasets, SPEECH):
        for seed in seeds or PAPER_SEEDS:
            asked = [
                each
                for method in METHODS
                if seed in tuning_seeds(method)
                for each in contender_choices(method)
            ]
            if asked:
                found = bench(
                    "tuning",
                    KEYWORDS,
                    name,
                    asked,
                    config=config,
                    folds=_folds(name),
                    only_folds=(0,),
                    seeds=(seed,),
                )
                jobs += [replace(job, persons=_choosing(job)) for job in found]
    return jobs


def _choosing(job: BenchJob) -> Fold:
    """Those whom the data set's split keeps for choices; its fold 0 where there is no split."""
    dataset = job.task.dataset(job.dataset)
    if not persons_with_role(dataset, CHOOSE):
        return job.persons
    return choice_fold(dataset, clips=job.config.clips_per_person)


def _paper(datasets: Sequence[str] | None, seeds: Sequence[int] | None) -> list[BenchJob]:
    return [
        job
        for name in _present(datasets, tuple(FOLDS))
        for job in bench(
            "paper",
            KEYWORDS,
            name,
            chosen_contenders(Path(name).name),
            folds=_folds(name),
            seeds=seeds or PAPER_SEEDS,
        )
    ]


def _ablations(datasets: Sequence[str] | None, seeds: Sequence[int] | None) -> list[BenchJob]:
    contenders = [Contender(variant=GLOBAL, method=GLOBAL)]
    contenders += [
        Contender(variant=name, method="vop", config=config) for name, config in ABLATIONS.items()
    ]
    contenders += [
        Contender(variant=name, method=method, config=METHODS[method].choices()[0])
        for name, method in (
            ("sigma 0, beta 0", "film-hypernetwork"),
            ("prior conditional", "conditional-vop"),
        )
    ]
    contenders += [
        Contender(variant=name, method=method, config=config)
        for name, (method, config) in SAMOVAR_ABLATIONS.items()
    ]
    plain = [
        Contender(variant=f"{name}, {NO_VIRTUAL_PERSONS}", method=name, config=config)
        for name, config in (("global", None), ("vop", _BASE))
    ]
    usual = BenchConfig.of_task(KEYWORDS, scoring=ABLATION_SCORING)
    real_persons = replace(usual, checkpoint=replace(usual.checkpoint, augmentation=OFF))
    jobs = []
    for name in _present(datasets, SPEECH):
        for config, asked in ((usual, contenders), (real_persons, plain)):
            jobs += bench(
                "ablations",
                KEYWORDS,
                name,
                asked,
                config=config,
                folds=_folds(name),
                seeds=seeds or (0,),
            )
    return jobs


def _few_persons(datasets: Sequence[str] | None, seeds: Sequence[int] | None) -> list[BenchJob]:
    jobs = []
    for name in _present(datasets, SPEECH[:1]):
        chosen = [
            each
            for each in chosen_contenders(Path(name).name)
            if each.method in FEW_PERSONS_METHODS
        ]
        for job in bench(
            "few-persons", KEYWORDS, name, chosen, folds=_folds(name), seeds=seeds or (0,)
        ):
            jobs.append(job)
            for count in FEW_PERSONS:
                kept = Fold(train=spread(job.persons.train, count), test=job.persons.test)
                named = tuple(
                    replace(each, variant=f"{each.variant}, {count} persons") for each in chosen
                )
                jobs.append(replace(job, persons=kept, contenders=named))
    return jobs


def _conditions(datasets: Sequence[str] | None, seeds: Sequence[int] | None) -> list[BenchJob]:
    jobs = []
    for name in _present(datasets, CONDITION_SETS):
        chosen = [
            each for each in chosen_contenders(Path(name).name) if each.method in CONDITIONS_METHODS
        ]
        found: list[BenchJob] = []
        for condition in CONDITIONS:
            scoring = replace(CONDITIONS_SCORING, condition=condition)
            suffix = "" if condition == CLEAN else f", {condition.name}"
            found += bench(
                "conditions",
                KEYWORDS,
                name,
                [replace(each, variant=each.variant + suffix) for each in chosen],
                config=BenchConfig.of_task(KEYWORDS, scoring=scoring),
                folds=_folds(name),
                seeds=seeds or (0,),
            )
        jobs += _with_somebody_to_ask(found)
    return jobs


def _with_somebody_to_ask(jobs: Sequence[BenchJob]) -> list[BenchJob]:
    """One data set's jobs, across calls only where a test person called more than once, and all
    with the remarks on that.
    """
    dataset = jobs[0].task.dataset(jobs[0].dataset)
    shots = jobs[0].config.scoring.shots
    clips = clips_across_calls(dataset)
    folds = tuple({job.fold: job.persons for job in jobs}.values())
    remarks = tuple(calls_remarks(dataset, folds, shots))
    return [
        replace(job, remarks=(*job.remarks, *remarks))
        for job in jobs
        if not job.config.scoring.condition.across_calls
        or any(clips.get(person, 0) > min(shots) for person in job.persons.test)
    ]


def _groups(datasets: Sequence[str] | None, seeds: Sequence[int] | None) -> list[BenchJob]:
    """Each group after training that never heard it, and after training of as many persons that
    did. Raises EvaluationError where no data set tells groups apart.
    """
    jobs: list[BenchJob] = []
    remarks = [NO_AGES]
    for name in _present(datasets, GROUP_SETS):
        chosen = [
            each for each in chosen_contenders(Path(name).name) if each.method in CONDITIONS_METHODS
        ]
        whole = [
            job
            for condition in GROUP_CONDITIONS
            for job in bench(
                "groups",
                KEYWORDS,
                name,
                chosen,
                config=BenchConfig.of_task(
                    KEYWORDS, scoring=replace(CONDITIONS_SCORING, condition=condition)
                ),
                folds=_folds(name),
                seeds=seeds or (0,),
            )
        ]
        folds = tuple({job.fold: job.persons for job in whole}.values())
        # nobody on whom choices are made
        asked = {person for fold in folds for person in fold.test}
        dataset = KEYWORDS.dataset(name).restrict(persons=asked)
        for attribute in GROUP_ATTRIBUTES:
            remarks += group_remarks(dataset, attribute, folds)
            for group in groups_of(dataset, attribute):
                trainings = group_trainings(group, folds)
                jobs += [
                    _of_group(job, group.name, heard, persons)
                    for job in whole
                    for heard, persons in trainings.get(job.fold, {}).items()
                ]
    if not jobs:
        raise EvaluationError(
            f"No data set here tells groups of persons apart by {' or '.join(GROUP_ATTRIBUTES)}; "
            "name one that has such a column, as wuw2 has."
        )
    return [replace(job, remarks=(*job.remarks, *remarks)) for job in jobs]


def _of_group(job: BenchJob, group: str, heard: str, persons: Fold) -> BenchJob:
    """A fold's job with these persons alone."""
    condition = job.config.scoring.condition
    suffix = heard if condition == CLEAN else f"{heard}, {condition.name}"
    named = tuple(replace(each, variant=f"{each.variant}, {suffix}") for each in job.contenders)
    return replace(job, group=group, persons=persons, contenders=named)


def _folds(name: str) -> int:
    return FOLDS.get(Path(name).name, 4)


def smoke_config(task: Task) -> BenchConfig:
    """Every training for a few steps: what comes out is no evidence of anything."""
    small = TrainConfig(
        steps=12, persons_per_step=4, queries_per_person=4, max_shots=4, learning_rate=4e-3
    )
    scoring = Scoring(
        shots=(1, 5), repetitions=1, draws=2, draw_shots=(5,), wrong_persons=2, unknown_clips=20
    )
    config = BenchConfig.of_task(task, scoring)
    checkpoint = replace(config.checkpoint, training=small)
    return replace(config, checkpoint=checkpoint, further=replace(small, steps=3)).with_seed(0)


def smoke(
    datasets: Sequence[str] | None, seeds: Sequence[int] | None, task: Task = KEYWORDS
) -> list[BenchJob]:
    """Every method on a task's data that come in the box, unless others are named."""
    place = cache_root() / "bench-smoke"
    return [
        job
        for name in datasets or [str(voices_root() / task.in_the_box)]
        for job in bench(
            "smoke",
            task,
            name,
            default_contenders(),
            config=smoke_config(task),
            folds=8,
            only_folds=(0,),
            seeds=seeds or (0,),
            runs=place / "runs",
            store=store_of("smoke"),
        )
    ]


# A suite makes its jobs from the data sets and seeds asked for, if any.
SUITES: dict[str, Callable[[Sequence[str] | None, Sequence[int] | None], list[BenchJob]]] = {
    "smoke": smoke,
    "tuning": _tuning,
    "paper": _paper,
    "ablations": _ablations,
    "few-persons": _few_persons,
    "conditions": _conditions,
    "groups": _groups,
}


def store_of(suite: str) -> Store:
    """Where a suite's results lie; what ``smoke`` finds is never gathered."""
    if suite == "smoke":
        return Store(
            cache_root() / "bench-smoke" / "smoke.parquet", cache_root() / "bench-smoke" / "results"
        )
    return Store.of(suite)


def suite_results(suite: str) -> dict[str, tuple[Result, ...]]:
    """What a suite has found so far, data set by data set. Raises EvaluationError where a file is
    damaged.
    """
    return by_dataset(store_of(suite).results())


def by_dataset(results: Sequence[Result]) -> dict[str, tuple[Result, ...]]:
    """Results under the name of their data set."""
    names = sorted({result.dataset for result in results})
    return {name: tuple(result for result in results if result.dataset == name) for name in names}


def write_choices(
    folder: Path | None = None, results: Mapping[str, Sequence[Result]] | None = None
) -> Path:
    """Choose from the tuning results and write the choice beside them.

    Raises EvaluationError where a setting of any method has no result yet.
    """
    results = suite_results("tuning") if results is None else results
    for dataset in SPEECH:
        there = {
            (result.method, _tuned_place(result), result.seed)
            for result in results.get(dataset, ())
        }
        for method in METHODS:
            wanted = {
                (method, p, seed)
                for p in range(len(contender_choices(method)))
                for seed in tuning_seeds(method)
            }
            if wanted - there:
                raise EvaluationError(
                    f"'{method}' is not tuned on {dataset} yet; run: vop bench --suite tuning "
                    f"--method {method}"
                )
    file = (folder or repository_root() / "data" / "results") / CHOICES
    make_folder(file.parent)
    text = json.dumps(
        choose({dataset: results[dataset] for dataset in SPEECH}), indent=1, ensure_ascii=False
    )
    write_text(file, text + "\n")
    return file
