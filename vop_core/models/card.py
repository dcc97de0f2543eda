"""A model's card as its README."""

from collections.abc import Mapping
from typing import Any

from vop_core.evaluation.tables import markdown
from vop_core.models.bundled import won_lost_unchanged
from vop_core.tasks.registry import TASKS
from vop_core.text import counted


def model_card(card: dict[str, Any]) -> str:
    """The card as Markdown, every number from the card's own figures."""
    health, cost = card.get("health"), card["cost"]
    lines = [
        f"# {card['task']}",
        "",
        "A reconstruction of Variational On-the-Fly Personalization; written by `vop train "
        + card["task"]
        + "`.",
        "",
        f"- **Data**: {'; '.join(card['data'])}. {card['training_clips']} training clips of "
        f"{len(card['persons']['trained'])} persons; {len(card['persons']['open'])} persons kept "
        "out (open set).",
        f"- **Recipe** `{card['recipe']}`, seed {card['seed']}, trained in "
        f"{card['training_minutes']} minutes (three trainings, on one of two shared cores). The "
        "full config, and every person's name, is in `card.json`.",
        *_posterior(health),
        f"- **Cost**: {cost['global_parameters']} parameters and "
        f"{cost['global_multiply_accumulates']} multiply-accumulates a clip, for the global and "
        "for the frozen personal network alike; the detachable hyper-personalizer has "
        f"{cost['hyper_personalizer_parameters']} parameters, a person takes "
        f"{cost['bytes_per_person']} bytes.",
        *[
            f"- **Check**: {name}: "
            + ", ".join(f"{method} {value:.1%}" for method, value in figures.items())
            + "."
            for name, figures in card["checks"].items()
        ],
        "",
        "## Results",
        "",
        markdown(card["results"]),
        "",
        *_health_light(health),
        *_bundled(card),
        "## Limits",
        "",
        TASKS[card["task"]].limits,
        "",
    ]
    return "\n".join(lines)


def _bundled(card: dict[str, Any]) -> list[str]:
    """Of how many bundled persons the personal model is right more often than the global one."""
    if "bundled" not in card:
        return []
    found = card["bundled"]
    opening = found["opening"]
    environments = dict.fromkeys(row["environment"] for row in found["rows"])
    counts = {name: won_lost_unchanged(found["rows"], name) for name in environments}
    return [
        "## Bundled persons",
        "",
        f"Persons whose personal model, made of {found['shots']} clips, is right more often, less "
        "often and as often as the global one over their query clips. The app opens with "
        f"{opening['person']} ({opening['environment']}), chosen by enrollment clips alone.",
        "",
        "| heard | won | lost | unchanged |",
        "|---|---|---|---|",
        *(f"| {name} | {' | '.join(map(str, each))} |" for name, each in counts.items()),
        "",
    ]


def _posterior(health: Mapping[str, Any] | None) -> list[str]:
    """What it is like over unknown persons, where it is one over the network's weights."""
    if health is None:
        return []
    return [
        f"- **Posterior** ({health['shots']} clips, {health['persons']} open persons): "
        f"{health['sentence']} KL {health['kl_nats']} nats over {health['units']} units, "
        f"{health['active_units']} of them active; sd {health['std_ratio']} of the prior's."
    ]


def _health_light(health: Mapping[str, Any] | None) -> list[str]:
    """Shares of enrollments that pass, a line for what enrolled and a column for each number of
    clips.
    """
    if health is None:
        return []
    title, errors = ["## Health light", ""], health.get("errors", ())
    if not errors:
        return [*title, "Nobody was kept to set it on, so enrollments are not judged.", ""]
    counts = sorted({row["clips"] for row in errors})
    passed: dict[tuple[str, str], dict[int, float]] = {}
    for row in errors:
        passed.setdefault((row["enrolled"], row["heard"]), {})[row["clips"]] = row["passed"]
    table = [("enrolled", "heard", *(counted(count, "clip") for count in counts))]
    table += [("---",) * len(table[0])]
    table += [
        (*what, *(f"{100 * shares[count]:.1f}" if count in shares else "" for count in counts))
        for what, shares in passed.items()
    ]
    return [
        *title,
        "Of enrollments never trained on, the share (%) that passes: what one person lacks to 100 "
        "is false alarms, what the others have is misses. A single clip passes where it is not "
        "called nobody's.",
        "",
        *(f"| {' | '.join(cells)} |" for cells in table),
        "",
    ]
