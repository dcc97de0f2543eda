"""Train the models that come in the box, test them, and write their cards."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from vop_core.data.episodes import draw_episodes
from vop_core.data.features import FeatureTable, join_tables, load_features
from vop_core.data.locations import cache_folder, cache_root, models_root
from vop_core.data.persons import load_dataset
from vop_core.data.voices import bundled_dataset
from vop_core.evaluation.cost import multiply_accumulates, parameter_count
from vop_core.evaluation.report import Report, make_report
from vop_core.evaluation.scores import ScoreTable
from vop_core.evaluation.tables import markdown
from vop_core.experiments.bundle import README, Bundle, check_bundle_folder, load_bundle, save_bundle
from vop_core.experiments.recipes import RECIPES, RunConfig, as_plain
from vop_core.experiments.runs import ScoringConfig, score_task, scores_file, train_branch, training_seconds
from vop_core.methods.global_model import GlobalModel
from vop_core.methods.personal import gaussian_of
from vop_core.methods.vop import Vop
from vop_core.tasks.keyword_spotting import COMMANDS, DIGITS, KEYWORDS_EN, TASKS, UNKNOWN, TaskData, relabel
from vop_core.training.loop import Logs
from vop_core.variational.diagnostics import posterior_health
from vop_core.variational.gaussian import DiagonalGaussian
from vop_core.writing import write_text

DEFAULT_RECIPE = "personal"

LICENCES = {
    "arabic_speech_commands": "Arabic Speech Commands (Ghandoura, Hjabo, Al Dakkak 2021), CC BY 4.0",
    "dspspeech20": "DSPSpeech-20 (Zhongyu Chen 2019), MIT",
    "fsdd": "Free Spoken Digit Dataset (Jackson et al.), CC BY-SA 4.0",
    "synthetic-training": "synthetic training persons, made by this repository with espeak-ng",
}


def train_task(
    task: str,
    *,
    recipe: str = DEFAULT_RECIPE,
    seed: int = 0,
    config: RunConfig | None = None,
    scoring: ScoringConfig | None = None,
    folder: Path | None = None,
    report: Callable[[str, int, int, Logs], None] | None = None,
) -> Bundle:
    """Train, test and write a task's models; resumes an interrupted training.

    Raises DataError when the task's data are not there, and VopError, before anything is trained, where the folder
    cannot be written or holds something else than an earlier model.
    """
    config, scoring = config or task_config(task).with_seed(seed), scoring or ScoringConfig()
    destination = folder or models_root() / task
    check_bundle_folder(destination)
    cache_folder("runs")
    data = TASKS[task]()
    runs = cache_folder("runs", data.name)
    global_model = train_branch(data, config, None, runs, report=report)
    vop = train_branch(data, config, RECIPES[recipe], runs, report=report)
    minutes = training_seconds(data, config, RECIPES[recipe], runs) / 60
    file = scores_file(
        runs, config, scoring, RECIPES[recipe], data.name, data.recordings, data.train.persons, data.open.persons
    )
    if not file.exists():
        score_task(data, global_model, vop, scoring, seed=config.seed).save(file)
    scores = ScoreTable.load(file)
    described = {"recipe": recipe, "vop": as_plain(RECIPES[recipe]), "run": as_plain(config)}
    result = make_report(task, described | {"scoring": as_plain(scoring)}, scores)
    card = {
        "task": task,
        "recipe": recipe,
        "config": described,
        "seed": config.seed,
        "training_minutes": round(minutes, 1),
        "persons": {"trained": list(data.train.persons), "open": list(data.open.persons)},
        "training_clips": len(data.train),
        "data": [text for name, text in LICENCES.items() if any(p.startswith(name + "/") for p in data.train.persons)],
        "health": health_of(vop, data.open),
        "cost": cost_of(global_model, vop, data.open),
        "checks": checks_of(task, global_model, vop, data),
        "results": result.to_json(),
    }
    save_bundle(destination, task, data.train.labels, global_model, vop, card)
    write_text(destination / README, model_card(card, result))
    return load_bundle(task, folder=destination)


def task_config(task: str) -> RunConfig:
    """How a shipped model is trained; keywords-en for longer, and half of its persons through a telephone band."""
    config = RunConfig()
    if task != "keywords-en":
        return config
    return replace(
        config,
        virtual=replace(config.virtual, telephone_probability=0.5),
        shared=replace(config.shared, steps=1500),
        branch=replace(config.branch, steps=700),
    )


def health_of(vop: Vop, table: FeatureTable, shots: int = 5) -> dict[str, Any]:
    """Both collapses, measured over the open set's persons."""
    posteriors = open_posteriors(vop, table, shots)
    health = posterior_health(posteriors, vop.prior_model().posterior)
    return {
        "shots": shots,
        "persons": health.persons,
        "kl_nats": round(health.kl, 2),
        "std_ratio": round(health.std_ratio, 3),
        "between_person_std": None if health.between_person_std is None else round(health.between_person_std, 3),
        "active_units": health.active_units,
        "units": posteriors.mean.shape[-1],
        "verdict": health.verdict,
        "sentence": health.sentence,
    }


def open_posteriors(vop: Vop, table: FeatureTable, shots: int) -> DiagonalGaussian:
    """Posteriors of all persons of a table, enrolled from as many random clips each."""
    episodes = draw_episodes(
        table.person,
        table.label,
        persons=list(range(len(table.persons))),
        shots=shots,
        generator=torch.Generator().manual_seed(0),
        names=table.persons,
    )
    with torch.no_grad():
        return gaussian_of(vop.adapt(torch.stack([table.features[episode.enrollment] for episode in episodes])))


def cost_of(global_model: GlobalModel, vop: Vop, table: FeatureTable) -> dict[str, Any]:
    """Parameters and multiply-accumulates: a frozen personal network costs what the global one costs."""
    clip = table.features[:1]
    parameters = parameter_count(global_model.encoder)
    return {
        "global_parameters": parameters,
        "global_multiply_accumulates": multiply_accumulates(global_model.encoder, clip),
        "frozen_multiply_accumulates": multiply_accumulates(vop.enroll(clip).freeze(), clip),
        "hyper_personalizer_parameters": parameter_count(vop) - parameters,
        "personal_weights": vop.layout.size,
        "bytes_per_person": vop.enroll(clip).bytes,
    }


@torch.no_grad()
def checks_of(task: str, global_model: GlobalModel, vop: Vop, data: TaskData) -> dict[str, Any]:
    """keywords-en must hear words, not bandwidth, and know what it was never taught."""
    if task != "keywords-en":
        return {}
    tables = {"held-out takes and persons": _commands_of(data)}
    bundled = bundled_dataset("en")
    table = load_features(bundled, variants=("telephone",))
    tables["bundled synthetic persons"] = _only(relabel(table, KEYWORDS_EN), COMMANDS)
    checks: dict[str, Any] = {
        f"rise of commands called digits when low-passed at 4 kHz, {name}": {
            method: round(digit_share_rise(model, part), 4) for method, model in models(global_model, vop).items()
        }
        for name, part in tables.items()
    }
    unknown = cache_root() / "synthetic-test"
    if not (unknown / "metadata.csv").exists():
        from vop_core.data.sources.synthetic import generate_unknown_test

        generate_unknown_test(unknown)
    words = relabel(load_features(load_dataset(unknown)), KEYWORDS_EN)
    checks["English words never trained, answered unknown"] = {
        method: round(float((_answers(model, words.features) == KEYWORDS_EN.index(UNKNOWN)).float().mean()), 4)
        for method, model in models(global_model, vop).items()
    }
    return checks


def models(global_model: GlobalModel, vop: Vop) -> dict[str, GlobalModel | Vop]:
    """The two networks a check asks when nobody is enrolled."""
    return {"global": global_model, "vop-zero": vop}


def _answers(model: GlobalModel | Vop, features: torch.Tensor) -> torch.Tensor:
    return model.predict_persons(None, features[None])[0].argmax(-1)


def digit_share_rise(model: GlobalModel | Vop, table: FeatureTable) -> float:
    """How much more often command clips are called a digit once they are heard through a telephone band."""
    digits = torch.tensor([table.labels.index(digit) for digit in DIGITS])
    shares = [
        torch.isin(_answers(model, table.variants[variant]), digits).float().mean()
        for variant in ("original", "telephone")
    ]
    return float(shares[1] - shares[0])


def _commands_of(data: TaskData) -> FeatureTable:
    return _only(join_tables([data.closed, data.open], data.closed.labels), COMMANDS)


def _only(table: FeatureTable, labels: tuple[str, ...]) -> FeatureTable:
    wanted = torch.tensor([table.labels.index(label) for label in labels if label in table.labels])
    return table.select(torch.isin(table.label, wanted))


def model_card(card: dict[str, Any], result: Report) -> str:
    """The card as Markdown, every number from the card's own figures."""
    health, cost = card["health"], card["cost"]
    lines = [
        f"# {card['task']}",
        "",
        "A reconstruction of Variational On-the-Fly Personalization; written by `vop train " + card["task"] + "`.",
        "",
        f"- **Data**: {'; '.join(card['data'])}. {card['training_clips']} training clips of "
        f"{len(card['persons']['trained'])} persons; {len(card['persons']['open'])} persons kept out (open set).",
        f"- **Recipe** `{card['recipe']}`, seed {card['seed']}, trained in {card['training_minutes']} minutes (three "
        "trainings, on one of two shared cores). The full config, and every person's name, is in `card.json`.",
        f"- **Posterior** ({health['shots']} clips, {health['persons']} open persons): {health['sentence']} "
        f"KL {health['kl_nats']} nats over {health['units']} units, {health['active_units']} of them active; sd "
        f"{health['std_ratio']} of the prior's.",
        f"- **Cost**: {cost['global_parameters']} parameters and {cost['global_multiply_accumulates']} "
        f"multiply-accumulates a clip, for the global and for the frozen personal network alike; the detachable "
        f"hyper-personalizer has {cost['hyper_personalizer_parameters']} parameters, a person takes "
        f"{cost['bytes_per_person']} bytes.",
        *[
            f"- **Check**: {name}: " + ", ".join(f"{method} {value:.1%}" for method, value in figures.items()) + "."
            for name, figures in card["checks"].items()
        ],
        "",
        "## Results",
        "",
        markdown(result),
        "",
        "## Limits",
        "",
        "Few persons, read words, one second a clip. Trained for study, not for products: no far-field, babble or "
        "children's speech was tested, and a personal gain measured on so few persons is as uncertain as its interval "
        "says.",
        "",
    ]
    return "\n".join(lines)
