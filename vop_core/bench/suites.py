"""The questions of the bench, each a suite: which methods, with which settings, on which data,
folds and seeds.

``tuning``       every method with each of its settings, asked of persons who stand in no fold
``paper``        every method as tuned: closed and open set, 1 to 20 clips, all folds and seeds
``ablations``    VoP with one thing changed, and its amortised forms, in environments of persons'
                 own; two sets, two folds
``few-persons``  6, 12, 25, 50 and all training persons
``conditions``   clean, own and unforeseen environments; right or other person, same or other place;
                 one call enrolled, another asked
``groups``       women, men, native and other speakers, after training that never heard their group
``tasks``        handwriting: clean, own and unforeseen scans, and 10, 30, 100 and all training
                 writers
``dua``          server methods on sequences of tasks, and what devices make of their models
``smoke``        every method, a few steps on the bundled voices: does everything run

Settings are chosen on *other people*: what a method uses on one data set was best on the others'
persons kept for choices (own clips at the main shots; three seeds of what needs no training, one of
what does), who are neither trained nor tested on there. The baseline that VoP is compared with is
picked the same way. VoP's own recipe, and how its networks are trained, were found on those persons
of Speech Commands and WUW: docs/diary.md.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from vop_core.bench.run import AnyJob, BenchJob, bench
from vop_core.bench.sequences import SUITE as DUA
from vop_core.bench.sequences import sequence_jobs
from vop_core.continual.registry import SERVER_METHODS
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
from vop_core.data.pretrained import GET_IT, has_speaker_encoder
from vop_core.data.splits import CHOOSE, persons_with_role
from vop_core.data.virtual_persons import OFF
from vop_core.errors import DataError, EvaluationError
from vop_core.evaluation.plan import OPEN
from vop_core.evaluation.score import CLEAN, OWN, Condition, Scoring
from vop_core.methods.amortised_vop import PERSONAL, STEADY, AmortisedVopConfig
from vop_core.methods.conditional_vop import ConditionalVopConfig
from vop_core.methods.film_hypernetwork import FilmHypernetworkConfig
from vop_core.methods.registry import METHODS
from vop_core.methods.samovar import SamovarConfig
from vop_core.methods.untrained_vop import UntrainedVopConfig
from vop_core.methods.vop import VopConfig
from vop_core.tasks.base import Task, choice_fold
from vop_core.tasks.few_shot import FEW_SHOT
from vop_core.tasks.registry import TASKS
from vop_core.tasks.speaker_verification import (
    SPEAKERS,
    PretrainedVerification,
    SpeakerVerification,
)
from vop_core.tasks.standard_few_shot import STANDARD
from vop_core.training.config import TrainConfig
from vop_core.writing import make_folder, write_text

KEYWORDS, HANDWRITING = TASKS["keywords-ar"], TASKS["handwriting"]
VERIFICATION, PRETRAINED_VERIFICATION = SpeakerVerification(), PretrainedVerification()
HANDS = ("mnist_train_writers", "unipen_characters", "chinese_mnist")
FEW_WRITERS = (10, 30, 100)
SPEECH = ("speech_commands_test", "wuw2", "arabic_speech_commands", "dspspeech20")
FOLDS = 3
PAPER_SEEDS = (0, 1, 2)
# Many persons with few words, few persons with many: of ablations, and of the choice of settings,
# which hold on all sets.
ABLATION_SETS = ("speech_commands_test", "arabic_speech_commands")
ABLATION_FOLDS = (0, 1)  # unless others are asked for
FEW_PERSONS = (6, 12, 25, 50)
FEW_PERSONS_METHODS = ("global", "vop", "untrained-vop", "film-hypernetwork", "adabn")
CONDITIONS_METHODS = (
    "global",
    "vop",
    "untrained-vop",
    "amortised-vop",
    "film-hypernetwork",
    "adabn",
    "content-adabn",
    "mean-subtraction",
    "trained-mean-subtraction",
    "arm-bn",
    "arm-cml",
    "tent",
    "fine-tune-film",
    "fine-tune-all",
    "lora",
)
FEW_SHOT_METHODS = (
    "global",
    "class-vop",
    "class-vop-film",
    "prototypical",
    "versa-trained-encoder",
    "labeled-samovar-2fc",
    "anil-trained-encoder",
    "simple-cnaps",
)
PRETRAINED = "global, resemblyzer"
NOT_INSTALLED = (
    f"The row of a pretrained speaker encoder is left out; it needs its weights: {GET_IT}"
)
VERIFICATION_METHODS = ("global", "vop", "untrained-vop", "film-hypernetwork", "adabn")
TASKS_METHODS = ("global", "vop", "untrained-vop", "film-hypernetwork", "adabn", "fine-tune-film")
GROUPS_METHODS = ("global", "vop", "untrained-vop", "film-hypernetwork", "adabn", "arm-bn")
OWN_ENVIRONMENT = Condition("own-environment", "own environment")
UNFORESEEN = Condition("unforeseen", "unforeseen environment")
CONDITIONS = (
    CLEAN,
    replace(OWN_ENVIRONMENT, swapped=SWAPPED_ENVIRONMENT),
    UNFORESEEN,
    Condition("across calls", across_calls=True),
)
# environments are of what is asked: words never taught have none
VERIFICATION_SCORING = Scoring(
    shots=(1, 3, 5), control_shots=(1, 3, 5), draw_shots=(5,), unknown_clips=0, closed=False
)
CONDITIONS_SCORING = Scoring(shots=(1, 3, 5, 10), draw_shots=(), unknown_clips=0, closed=False)
# of the persons who say keywords, WUW's callers alone have these
GROUP_ATTRIBUTES = ("gender", "dialect")
# WUW is at its ceiling where nothing else is heard
GROUP_CONDITIONS = (CLEAN, OWN_ENVIRONMENT)
NO_AGES = (
    "Adults and children are compared nowhere: speechocean762 has both, but no keywords, and no "
    "data set with keywords gives ages."
)
CHOICES = "choices.json"
ABLATION_SCORING = Scoring(
    shots=(1, 5, 20),
    unknown_clips=0,
    closed=False,
    further_draws=(1, 30),
    condition=OWN_ENVIRONMENT,
)
# only what a choice is made on
TUNING_SCORING = Scoring(shots=(5,), draw_shots=(), unknown_clips=0, controls=False, closed=False)

_AMORTISED = AmortisedVopConfig(**PERSONAL, **STEADY)

# One thing changed against ``vop``, and the amortised forms of the posterior: method and settings.
ABLATIONS: Mapping[str, tuple[str, Any]] = {
    "vop": ("vop", VopConfig()),
    "parallel": ("vop", VopConfig(cascade=False)),
    "no code": ("vop", VopConfig(code=0)),
    "content": ("vop", VopConfig(content=True)),
    "beta 0.1": ("vop", VopConfig(beta=0.1)),
    "beta 1": ("vop", VopConfig(beta=1.0)),
    "not trained for it": ("untrained-vop", UntrainedVopConfig()),
    "not trained for it, content": ("untrained-vop", UntrainedVopConfig(content=True)),
    "amortised": ("amortised-vop", _AMORTISED),
    "amortised, beta 1": ("amortised-vop", replace(_AMORTISED, beta=1.0)),
    "amortised, the slides' letter": ("amortised-vop", replace(_AMORTISED, conditioning="self")),
    # each weight has its own number: spread over persons, they would be noise
    "amortised, diagonal": (
        "amortised-vop",
        replace(_AMORTISED, family="diagonal", prior_scale=0.1, mean_spread=0.0),
    ),
    "amortised, weights replaced": ("amortised-vop", replace(_AMORTISED, additive=False)),
    "amortised, log-mel evidence": ("amortised-vop", replace(_AMORTISED, evidence="input")),
    "amortised, classifier": (
        "amortised-vop",
        replace(_AMORTISED, personal_layers=("classifier",)),
    ),
    "amortised, average parameters": (
        "amortised-vop",
        replace(_AMORTISED, aggregation="average_parameters"),
    ),
    "amortised, product of experts": (
        "amortised-vop",
        replace(_AMORTISED, aggregation="product_of_experts"),
    ),
    "amortised, Bayes' fusion": ("amortised-vop", replace(_AMORTISED, aggregation="bayes_fusion")),
    "amortised, prior conditional": ("conditional-vop", ConditionalVopConfig(**STEADY)),
    "amortised, sigma 0, beta 0": ("film-hypernetwork", FilmHypernetworkConfig(**STEADY)),
}
# Why a published SAMOVAR row may lie below chance: rows written from scratch, at the bound's price
# and at a hundredth.
SAMOVAR_ABLATIONS: Mapping[str, tuple[str, SamovarConfig]] = {
    f"{method} from scratch{words}": (method, SamovarConfig(additive=False, beta=beta))
    for method in ("labeled-samovar-1fc", "labeled-samovar-2fc", "samovar-1fc", "samovar-2fc")
    for words, beta in (("", 1.0), (" beta 0.01", 0.01))
}


def _no_virtual_persons(config: BenchConfig) -> BenchConfig:
    return replace(config, checkpoint=replace(config.checkpoint, augmentation=OFF))


def _from_the_start(config: BenchConfig) -> BenchConfig:
    """As many steps in all, from untrained models, each at the first rate."""
    first = config.checkpoint.training
    steps = first.steps + config.further.steps
    further = replace(config.further, steps=steps, learning_rate=first.learning_rate)
    return replace(config, checkpoint=replace(config.checkpoint, training=None), further=further)


def _with_encoder(name: str, **settings: Any) -> Callable[[BenchConfig], BenchConfig]:
    def changed(config: BenchConfig) -> BenchConfig:
        encoder = {"name": name, "config": settings}
        return replace(config, checkpoint=replace(config.checkpoint, encoder=encoder))

    return changed


# What every method's training has in common, changed: each with a ``global`` of its own.
TRAINING_ABLATIONS: Mapping[str, Callable[[BenchConfig], BenchConfig]] = {
    "no virtual persons": _no_virtual_persons,
    "from the start": _from_the_start,
    "input rows personal too": _with_encoder("conv5", input_norm=True),
    "bc-resnet": _with_encoder("bc-resnet", tau=1.0, stem_stride=2),
}
TRAINING_ABLATION_METHODS = ("global", "vop", "adabn")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is wanted of a suite; None is all that the suite has."""

    datasets: Sequence[str] | None = None
    seeds: Sequence[int] | None = None
    methods: Sequence[str] | None = None

    def chosen(self, *among: str) -> tuple[Contender, ...]:
        """The methods wanted, of those in ``among`` if given, with their chosen settings.

        Raises EvaluationError as :func:`chosen_contenders`.
        """
        wanted = set(among or everywhere()) & set(METHODS if self.methods is None else self.methods)
        return chosen_contenders(methods=[each for each in METHODS if each in wanted])


def everywhere() -> tuple[str, ...]:
    """The methods that need no labeled clip of every class."""
    return tuple(name for name, kind in METHODS.items() if not kind.facts.every_class)


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
    return tuple(Contender(variant=method, method=method) for method in everywhere())


def chosen_contenders(
    folder: Path | None = None, *, methods: Sequence[str] | None = None
) -> tuple[Contender, ...]:
    """These methods, or all, with the settings chosen on persons who are tested nowhere.

    Raises EvaluationError before the suite ``tuning`` has tried them, or where a choice is no
    setting any more.
    """
    own = _chosen(folder)
    found = []
    for method in everywhere() if methods is None else methods:
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


def _chosen(folder: Path | None) -> dict[str, Any]:
    file = (folder or repository_root() / "data" / "results") / CHOICES
    if not file.exists():
        raise EvaluationError("No settings are chosen yet; run: vop bench --suite tuning")
    try:
        return dict(json.loads(file.read_text(encoding="utf-8"))["chosen"])
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


def choose(
    results: Mapping[str, Sequence[Result]], *, methods: Sequence[str] | None = None
) -> dict[str, Any]:
    """One choice for all data sets from the tuning results of some, with the figures behind it; for
    these methods, or all.

    ``results`` maps a data set to its tuning results. Accuracy decides, then NLL, both means over
    seeds and data sets; ties go to the earlier setting.
    """
    measured = {dataset: _measured(found) for dataset, found in results.items()}
    sources = list(measured.values())
    chosen = {
        method: tried_settings(method)[_best(method, sources)]
        for method in (everywhere() if methods is None else methods)
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
) -> list[AnyJob]:
    """All jobs of a suite, done or not, those of seed 0 first.

    Raises EvaluationError for an unknown suite or method, DataError when none of its data sets is
    there.
    """
    if suite not in SUITES:
        raise EvaluationError(f"There is no suite '{suite}'; choose one of {', '.join(SUITES)}.")
    known = SERVER_METHODS if suite == DUA else METHODS
    for method in methods or ():
        if method not in known:
            raise EvaluationError(f"There is no method '{method}'; choose from {', '.join(known)}.")
    jobs = SUITES[suite](Asked(datasets=datasets, seeds=seeds, methods=methods or None))
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
    return _in_turn(jobs)


def _in_turn(jobs: Sequence[AnyJob]) -> list[AnyJob]:
    """Seed by seed and fold by fold; those that share trainings come late after one another, so
    that side by side they do not both train.
    """
    before: Counter[tuple] = Counter()
    ranked = []
    for job in jobs:
        shared = job.dataset, job.seed, job.persons.train
        ranked.append(((job.seed, job.fold, before[shared]), job))
        before[shared] += 1
    return [job for _, job in sorted(ranked, key=lambda pair: pair[0])]


def _present(asked: Sequence[str] | None, usual: Sequence[str]) -> Sequence[str]:
    """The data sets asked for, else those of the usual ones that are there.

    Raises DataError when one that was asked for is missing, or all of the usual ones are.
    """
    found = asked or [name for name in usual if has_dataset(name)]
    for name in found or usual[:1]:
        find_dataset(name)  # says what to do where it is missing
    return found


def _tuning(asked: Asked) -> list[BenchJob]:
    config = BenchConfig.of_task(KEYWORDS, scoring=TUNING_SCORING)
    jobs = []
    for name in _present(asked.datasets, ABLATION_SETS):
        for seed in asked.seeds or PAPER_SEEDS:
            # each setting is a row of its own
            tried = [
                replace(each, variant=f"{method}, setting {place}")
                for method in everywhere()
                if seed in tuning_seeds(method)
                for place, each in enumerate(contender_choices(method), start=1)
            ]
            if tried:
                found = bench(
                    "tuning",
                    KEYWORDS,
                    name,
                    tried,
                    config=config,
                    folds=FOLDS,
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


def _paper(asked: Asked) -> list[BenchJob]:
    return [
        job
        for name in _present(asked.datasets, SPEECH)
        for job in bench(
            "paper",
            KEYWORDS,
            name,
            asked.chosen(),
            folds=FOLDS,
            seeds=asked.seeds or PAPER_SEEDS,
        )
    ]


def _ablations(asked: Asked) -> list[BenchJob]:
    compared = {GLOBAL: (GLOBAL, None)} | dict(ABLATIONS) | dict(SAMOVAR_ABLATIONS)
    usual = BenchConfig.of_task(KEYWORDS, scoring=ABLATION_SCORING)
    contenders = {
        "": [
            Contender(variant=name, method=method, config=config)
            for name, (method, config) in compared.items()
        ]
    }
    for change in TRAINING_ABLATIONS:
        contenders[change] = [
            Contender(variant=f"{method}, {change}", method=method)
            for method in TRAINING_ABLATION_METHODS
        ]
    return [
        job
        for name in _present(asked.datasets, ABLATION_SETS)
        for change, each in contenders.items()
        for job in bench(
            "ablations",
            KEYWORDS,
            name,
            each,
            config=TRAINING_ABLATIONS[change](usual) if change else usual,
            folds=FOLDS,
            seeds=asked.seeds or (0,),
        )
    ]


def _few_persons(asked: Asked) -> list[BenchJob]:
    jobs = []
    for name in _present(asked.datasets, SPEECH[:1]):
        chosen = asked.chosen(*FEW_PERSONS_METHODS)
        for job in bench(
            "few-persons", KEYWORDS, name, chosen, folds=FOLDS, seeds=asked.seeds or (0,)
        ):
            jobs += [job, *_of_few(job, FEW_PERSONS, "persons")]
    return jobs


def _conditions(asked: Asked) -> list[BenchJob]:
    jobs = []
    for name in _present(asked.datasets, SPEECH):
        chosen = asked.chosen(*CONDITIONS_METHODS)
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
                folds=FOLDS,
                seeds=asked.seeds or PAPER_SEEDS,
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


def _tasks(asked: Asked) -> list[BenchJob]:
    """Speaker verification and handwriting, by the settings chosen on speech; few-shot
    classification, by the first of those that are tried.
    """
    jobs = _verification(asked) + _few_shot(asked)
    others = {SPEAKERS}
    for task in (*FEW_SHOT, *STANDARD):
        others |= {task.named(name) for name in task.sets} | set(task.sets)
    others -= set(HANDS)  # letters of writers are both
    hands = None if asked.datasets is None else [n for n in asked.datasets if n not in others]
    for name in _present(hands, HANDS) if hands != [] else ():
        for condition in (CLEAN, OWN_ENVIRONMENT, UNFORESEEN):
            suffix = "" if condition == CLEAN else f", {condition.name}"
            named = [
                replace(each, variant=each.variant + suffix)
                for each in asked.chosen(*TASKS_METHODS)
            ]
            config = BenchConfig.of_task(
                HANDWRITING, scoring=replace(CONDITIONS_SCORING, condition=condition)
            )
            found = bench(
                "tasks",
                HANDWRITING,
                name,
                named,
                config=config,
                folds=FOLDS,
                seeds=asked.seeds or (0,),
            )
            jobs += found
            if condition == OWN_ENVIRONMENT and name == HANDS[0]:
                jobs += [job for each in found for job in _of_few(each, FEW_WRITERS, "writers")]
    return jobs


def _few_shot(asked: Asked) -> list[BenchJob]:
    """Every shape of episode on every set that has enough for it, as data sets of their own; the
    standard benchmarks where their data are.
    """
    jobs = []
    wanted = [name for name in FEW_SHOT_METHODS if asked.methods is None or name in asked.methods]
    for task in (*FEW_SHOT, *STANDARD):
        for name in task.sets:
            ways = task.named(name)
            if asked.datasets is None:
                there = has_dataset(name)
            elif there := not {name, ways}.isdisjoint(asked.datasets):
                find_dataset(name)  # says what to do where it is missing
            if there:
                jobs += bench(
                    "tasks",
                    task,
                    ways,
                    [Contender(variant=method, method=method) for method in wanted],
                    config=BenchConfig.of_task(task, task.scoring),
                    folds=FOLDS,
                    seeds=asked.seeds or (0,),
                )
    return jobs


def _verification(asked: Asked) -> list[BenchJob]:
    """One model on the persons of all corpora, asked by the trial lists of each; an encoder trained
    elsewhere likewise, where it is installed.
    """
    if asked.datasets is not None and SPEAKERS not in asked.datasets:
        return []
    try:
        persons, recordings = VERIFICATION.fold(), VERIFICATION.recordings
    except DataError:
        if asked.datasets is None:  # as other sets that are not here
            return []
        raise
    config, store = BenchConfig.of_task(VERIFICATION, VERIFICATION_SCORING), Store.of("tasks")
    trained = BenchJob(
        suite="tasks",
        task=VERIFICATION,
        dataset=SPEAKERS,
        recordings=recordings,
        fold=0,
        folds=1,
        persons=persons,
        contenders=asked.chosen(*VERIFICATION_METHODS),
        config=config,
        runs=cache_root() / "runs" / SPEAKERS,
        folder=store.folder,
        done=frozenset(store.done()),
    )
    found = [replace(trained, config=config.with_seed(seed)) for seed in asked.seeds or PAPER_SEEDS]
    if PRETRAINED not in (asked.methods or (PRETRAINED,)):
        return found
    if not has_speaker_encoder():
        return [replace(job, remarks=(*job.remarks, NOT_INSTALLED)) for job in found]
    usual = BenchConfig.of_task(PRETRAINED_VERIFICATION, VERIFICATION_SCORING)
    checkpoint = replace(usual.checkpoint, training=None, augmentation=OFF)
    elsewhere = replace(
        trained,
        task=PRETRAINED_VERIFICATION,
        contenders=(Contender(variant=PRETRAINED, method=GLOBAL),),
        config=replace(usual, checkpoint=checkpoint, further=None),
    )
    return [*found, elsewhere]


def _of_few(job: BenchJob, counts: Sequence[int], word: str) -> list[BenchJob]:
    """The same job after training on fewer persons, of each number that there are."""
    return [
        replace(
            job,
            persons=Fold(train=spread(job.persons.train, count), test=job.persons.test),
            contenders=tuple(
                replace(each, variant=f"{each.variant}, {count} {word}") for each in job.contenders
            ),
        )
        for count in counts
        if count < len(job.persons.train)  # else that many are all there are
    ]


def _groups(asked: Asked) -> list[BenchJob]:
    """Each group after training that never heard it, and after training of as many persons that
    did. Raises EvaluationError where no data set tells groups apart.
    """
    jobs: list[BenchJob] = []
    remarks = [NO_AGES]
    for name in _present(asked.datasets, SPEECH):
        chosen = asked.chosen(*GROUPS_METHODS)
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
                folds=FOLDS,
                seeds=asked.seeds or (0,),
            )
        ]
        folds = tuple({job.fold: job.persons for job in whole}.values())
        # nobody on whom choices are made
        tested = {person for fold in folds for person in fold.test}
        dataset = KEYWORDS.dataset(name).restrict(persons=tested)
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


def smoke(asked: Asked, task: Task = KEYWORDS) -> list[BenchJob]:
    """Every method on a task's data that come in the box, unless others are named."""
    place = cache_root() / "bench-smoke"
    return [
        job
        for name in asked.datasets or [str(voices_root() / task.in_the_box)]
        for job in bench(
            "smoke",
            task,
            name,
            default_contenders(),
            config=smoke_config(task),
            folds=8,
            only_folds=(0,),
            seeds=asked.seeds or (0,),
            runs=place / "runs",
            store=store_of("smoke"),
        )
    ]


# A suite makes its jobs from what is asked of it.
SUITES: dict[str, Callable[[Asked], list[Any]]] = {
    "smoke": smoke,
    "tuning": _tuning,
    "paper": _paper,
    "ablations": _ablations,
    "few-persons": _few_persons,
    "conditions": _conditions,
    "groups": _groups,
    "tasks": _tasks,
    DUA: lambda asked: sequence_jobs(asked.datasets, asked.seeds, asked.methods),
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


def tuned_methods(results: Mapping[str, Sequence[Result]]) -> tuple[str, ...]:
    """The methods of which every setting has a result, on every data set that is there."""
    there = {
        (dataset, result.method, _tuned_place(result), result.seed)
        for dataset, found in results.items()
        for result in found
    }
    return tuple(
        method
        for method in everywhere()
        if all(
            (dataset, method, place, seed) in there
            for dataset in results
            for place in range(len(contender_choices(method)))
            for seed in tuning_seeds(method)
        )
    )


def write_choices(
    folder: Path | None = None, results: Mapping[str, Sequence[Result]] | None = None
) -> tuple[str, ...]:
    """Choose from the tuning results and write the choice beside them; returns the methods of which
    all settings were tried, which alone have a choice.
    """
    results = suite_results("tuning") if results is None else results
    file = (folder or repository_root() / "data" / "results") / CHOICES
    make_folder(file.parent)
    tried = {dataset: results.get(dataset, ()) for dataset in ABLATION_SETS}
    methods = tuned_methods(tried)
    found = choose(tried, methods=methods)
    write_text(file, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return methods
