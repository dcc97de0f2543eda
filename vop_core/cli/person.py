"""``vop enroll`` and ``vop predict``: a few clips, a person's file, and both models' answers."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vop_core.cli.output import JsonTarget, check_writable, remark, show, write_json
from vop_core.errors import PersonFileError

MOST_SHOWN = 3  # most probable words in the table


def enroll(
    clips: Annotated[list[Path], typer.Argument(help="Clips of one person; which words they say does not matter.")],
    task: Annotated[str, typer.Option(help="keywords-en or keywords-ar.")],
    out: Annotated[Path, typer.Option(help="The person's file to write (safetensors; no audio in it).")],
) -> None:
    """Make a personal model from a few clips: forward passes only, no training, no labels."""
    from vop_core.experiments import load_bundle

    check_writable(str(out))
    heard = _read(clips)
    bundle = load_bundle(task)
    person = bundle.vop.enroll(bundle.features(heard))
    try:
        person.save(out, task=task)
    except OSError as error:
        raise PersonFileError(f"'{out}' cannot be written ({error.strerror}); choose another file.") from error
    kl = float(person.posterior.kl(person.prior))
    typer.echo(
        f"Enrolled from {person.shots} clip(s): {out} ({out.stat().st_size / 1000:.1f} kB); the posterior is "
        f"{kl:.2f} nats from the prior. {person.health.sentence}"
    )


def predict(
    clips: Annotated[list[Path], typer.Argument(help="Clips to recognize.")],
    person: Annotated[Path, typer.Option(help="The person's file that 'vop enroll' wrote.")],
    draws: Annotated[int, typer.Option(min=0, max=10_000, help="Weight draws; 0 uses the posterior's mean.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    json_target: JsonTarget = None,
) -> None:
    """Ask the global and the personal model about clips."""
    import torch

    from vop_core.experiments import open_person_file

    check_writable(json_target)
    bundle, model = open_person_file(person)
    heard = _read(clips)
    features = bundle.features(heard)
    generator = torch.Generator().manual_seed(seed)
    common = bundle.global_model.predict(features)
    personal = model.predict(features, draws=draws, generator=generator)
    answers = [
        {
            "clip": str(path),
            "notes": list(clip.notes),
            "global": _answer(bundle.labels, common, position),
            "personal": _answer(bundle.labels, personal, position, spread=draws > 0),
        }
        for position, (path, clip) in enumerate(zip(clips, heard, strict=True))
    ]
    for answer in answers:
        answer["changed"] = answer["global"]["label"] != answer["personal"]["label"]
    if json_target:
        about = {"task": bundle.task, "shots": model.shots, "draws": draws, "model": bundle.fingerprint}
        write_json({**about, "clips": answers}, json_target)
    if json_target != "-":
        show(_table(answers))


def _read(paths: list[Path]) -> list[Any]:
    from vop_core.data.audio import decode_file

    clips = [decode_file(path) for path in paths]
    for path, clip in zip(paths, clips, strict=True):
        for note in clip.notes:
            remark(f"{path.name}: {note}")
    return clips


def _answer(labels: tuple[str, ...], prediction: Any, position: int, *, spread: bool = False) -> dict[str, Any]:
    """One clip's answer as plain values; with ``spread``, 95 % credible intervals and entropies in nats."""
    probabilities = prediction.probabilities[position].tolist()
    best = int(prediction.label_index[position])
    answer: dict[str, Any] = {
        "label": labels[best],
        "probability": probabilities[best],
        "probabilities": dict(zip(labels, probabilities, strict=True)),
    }
    if spread:
        bounds = zip(prediction.lower[position].tolist(), prediction.upper[position].tolist(), strict=True)
        answer["interval95"] = dict(zip(labels, map(list, bounds), strict=True))
        answer["entropy_nats"] = {
            kind: float(getattr(prediction, kind)[position]) for kind in ("total", "aleatoric", "epistemic")
        }
    return answer


def _table(answers: list[dict[str, Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("clip", "model", "answer", "next")
    for answer in answers:
        for name in ("global", "personal"):
            found = answer[name]
            ranked = sorted(found["probabilities"].items(), key=lambda item: -item[1])[:MOST_SHOWN]
            (label, probability), *others = ranked
            bounds = found.get("interval95", {}).get(label)
            interval = f" [{bounds[0]:.0%} to {bounds[1]:.0%}]" if bounds else ""
            changed = "  changed" if name == "personal" and answer["changed"] else ""
            table.add_row(
                Text(Path(answer["clip"]).name if name == "global" else ""),
                name,
                Text(f"{label} {probability:.0%}{interval}{changed}"),
                Text(", ".join(f"{other} {share:.0%}" for other, share in others)),
            )
    return table
