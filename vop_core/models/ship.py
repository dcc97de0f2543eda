"""Train the models that come in the box, test them, and write their cards."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from vop_core.bench.measure import Scene
from vop_core.bench.recipes import (
    DEFAULT_RECIPE,
    GLOBAL,
    VOP,
    BenchConfig,
    Contender,
    as_plain,
    shipped_contender,
)
from vop_core.bench.run import described
from vop_core.bench.training import Trainer
from vop_core.data.episodes import draw_episodes
from vop_core.data.features import FeatureTable
from vop_core.data.locations import cache_folder, cache_root, models_root
from vop_core.errors import VopError
from vop_core.evaluation.cost import multiply_accumulates, parameter_count
from vop_core.methods.base import GaussianMethod, PersonalizationMethod
from vop_core.methods.personal import gaussian_of
from vop_core.models.bundle import README, Bundle, check_bundle_folder, load_bundle, save_bundle
from vop_core.models.bundled import bundled_results
from vop_core.models.card import model_card
from vop_core.models.evaluate import overview_of, scene_tables
from vop_core.models.health import health_errors, health_reference
from vop_core.models.verification import (
    copied_between_groups,
    copied_thresholds,
    operating_points,
)
from vop_core.processes import first_before_others, number, together
from vop_core.tasks.base import Task, TaskData
from vop_core.tasks.registry import TASKS
from vop_core.training.device import training_device
from vop_core.training.loop import Logs
from vop_core.variational.diagnostics import posterior_health
from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.writing import write_text

NOBODYS = 200  # enrollments of each kind of what no person gave


def train_task(
    task: str,
    *,
    recipe: str = DEFAULT_RECIPE,
    seed: int = 0,
    config: BenchConfig | None = None,
    folder: Path | None = None,
    resume: bool = True,
    report: Callable[[str, int, int, Logs], None] | None = None,
) -> Bundle | None:
    """Train, test and write a task's models; goes on with an interrupted training, or with
    ``resume=False`` forgets it. Processes that ``torchrun`` started train together; the first one
    tests and writes, the others give None.

    Raises DataError when the task's data are not there, EvaluationError when a training diverges,
    and VopError, before anything is trained, where the folder cannot be written or holds something
    else than an earlier model, or where another training of the task goes on.
    """
    with together(), _alone(task) if number() == 0 else nullcontext():
        if not resume and number() == 0:
            with suppress(FileNotFoundError):
                shutil.rmtree(cache_root() / "runs" / task)
        return _train_task(task, recipe, seed, config, folder, report)


@contextmanager
def _alone(task: str) -> Iterator[None]:
    """While a task is trained; the system lets the lock go when its holder is killed."""
    lock = FileLock(cache_folder("runs") / f"{task}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise VopError(
            f"Another training of {task} goes on in '{cache_root()}'; wait until it has ended, or "
            "set VOP_CACHE to another folder."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _train_task(
    task: str,
    recipe: str,
    seed: int,
    config: BenchConfig | None,
    folder: Path | None,
    report: Callable[[str, int, int, Logs], None] | None,
) -> Bundle | None:
    asked = TASKS[task]
    contender = shipped_contender(asked, recipe)
    config = config or BenchConfig.of_shipped(asked, asked.scoring).with_seed(seed)
    destination = folder or models_root() / task
    check_bundle_folder(destination)
    cache_folder("runs")
    persons = asked.bundled_persons()
    data = first_before_others(asked.data)
    kept = asked.kept_for_choices(data)
    data = replace(data, kept=kept and asked.enrollable(kept))
    trainer = Trainer(
        data.to(training_device()),
        config,
        cache_folder("runs", task),
        report if number() == 0 else None,
        asked.compares,
    )
    vop = trainer.make(contender).cpu()  # where it is tested, as persons use it
    baseline = Contender(variant=asked.baseline, method=asked.baseline)
    global_model = trainer.make(baseline).cpu()
    if number():
        return None
    vop.prepare(asked.enrollable(data.train), data.kept)
    methods = {asked.baseline: global_model, VOP: vop}
    about = {"recipe": recipe, "vop": as_plain(contender.settings)} | described(config)
    light = isinstance(vop, GaussianMethod)  # whose enrollments it can judge
    generator = torch.Generator().manual_seed(config.checkpoint.seed)
    errors = set_light(vop, asked, data, generator=generator) if light else []
    scene = Scene.of_task(asked, data, config.scoring)
    tables = scene_tables(methods, scene, config.scoring)
    results = overview_of(task, about, tables)
    unknown = dict.fromkeys(map(asked.group_of, data.open.persons))
    card = {
        "task": task,
        "recipe": recipe,
        "config": about,
        "seed": config.checkpoint.seed,
        "training_minutes": round(sum(trainer.seconds.values()) / 60, 1),
        "persons": {"trained": list(data.train.persons), "open": list(unknown)},
        "training_clips": len(data.train),
        "data": [
            text
            for name, text in asked.licences.items()
            if any(p.startswith(name + "/") for p in data.train.persons)
        ],
        "cost": cost_of(global_model, vop, data.open),
        "checks": asked.checks({GLOBAL: global_model, "prior": vop}, data),
        "results": results,
    }
    if asked.compares:
        most = {name: max(table["shots"]) for name, table in tables.items()}
        copied = {name: copied_thresholds(table, most[name]) for name, table in tables.items()}
        ages = asked.age_groups()
        by_age = {
            name: copied_between_groups(table, most[name], ages) for name, table in tables.items()
        }
        card |= {
            "operating": operating_points(tables),
            "copied_thresholds": copied,
            "copied_between_ages": by_age,
        }
    if light:
        card["health"] = health_of(vop, data.open) | {"errors": errors}
    if persons and not asked.compares:
        made = Bundle(task, data.labels, global_model.eval(), vop.eval(), card)
        card["bundled"] = bundled_results(made, persons)
    save_bundle(destination, task, data.labels, global_model, vop, card)
    write_text(destination / README, model_card(card))
    return load_bundle(task, folder=destination)


def set_light(
    vop: GaussianMethod, task: Task, data: TaskData, *, generator: torch.Generator
) -> list[dict[str, Any]]:
    """Give a model its health reference, and count on persons never trained on how often it errs.

    Only of what persons may enroll. Without anybody kept for choices there is no reference, and
    nothing is counted.
    """
    if data.kept is None:
        return []
    trained, others = map(task.enrollable, (data.train, data.open))
    # other noise is measured with than the limits are set by
    noise, other_noise = (task.nobodys(NOBODYS, generator=generator) for _ in range(2))
    vop.health_reference = health_reference(vop, trained, data.kept, noise, generator=generator)
    return health_errors(vop, others, other_noise, generator=generator)


def health_of(vop: GaussianMethod, table: FeatureTable, shots: int = 5) -> dict[str, Any]:
    """Both collapses, measured over the open set's persons."""
    posteriors = open_posteriors(vop, table, shots)
    health = posterior_health(posteriors, vop.prior_model().posterior)
    return {
        "shots": shots,
        "persons": health.persons,
        "kl_nats": round(health.kl, 2),
        "std_ratio": round(health.std_ratio, 3),
        "between_person_std": None
        if health.between_person_std is None
        else round(health.between_person_std, 3),
        "active_units": health.active_units,
        "units": posteriors.mean.shape[-1],
        "verdict": health.verdict,
        "sentence": health.sentence,
    }


def open_posteriors(vop: GaussianMethod, table: FeatureTable, shots: int) -> DiagonalGaussian:
    """Posteriors of all persons of a table who have more clips than ``shots``, enrolled from so
    many random ones each.
    """
    clips = torch.bincount(table.person, minlength=len(table.persons))
    episodes = draw_episodes(
        table.person,
        table.label,
        persons=(clips > shots).nonzero().squeeze(1).tolist(),
        shots=shots,
        generator=torch.Generator().manual_seed(0),
        names=table.persons,
    )
    with torch.no_grad():
        return gaussian_of(
            vop.adapt(torch.stack([table.features[episode.enrollment] for episode in episodes]))
        )


def cost_of(
    global_model: PersonalizationMethod, vop: PersonalizationMethod, table: FeatureTable
) -> dict[str, Any]:
    """Parameters and multiply-accumulates: a frozen personal network costs what the global one
    costs.
    """
    parameters = parameter_count(global_model.encoder)
    clip = table.features[:1]
    person = vop.enroll(clip, torch.zeros(1, dtype=torch.long))  # any label, where one is read
    return {
        "global_parameters": parameters,
        "global_multiply_accumulates": multiply_accumulates(global_model.encoder, clip),
        "frozen_multiply_accumulates": multiply_accumulates(person.freeze(), clip),
        "hyper_personalizer_parameters": parameter_count(vop) - parameters,
        "personal_weights": sum(map(torch.numel, vop.own_weights(person.adaptation).values())),
        "bytes_per_person": person.bytes,
    }
