"""``vop enroll``, ``vop predict`` and ``vop verify``: a few clips or pictures, a person's file, and
both models' answers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from vop_core.cli.output import (
    JsonTarget,
    check_writable,
    progress_bars,
    publish,
    remark,
    say,
)
from vop_core.errors import VopError
from vop_core.text import printable
from vop_core.writing import check_output

MOST_SHOWN = 3  # most probable words in the table

EachWord = Annotated[
    bool,
    typer.Option("--each-word", help="Take every word of a longer recording as a clip of its own."),
]


def enroll(
    clips: Annotated[
        list[Path],
        typer.Argument(
            help="Clips of one person, or pictures of what one person wrote; which words or digits "
            "they are does not matter."
        ),
    ],
    task: Annotated[str, typer.Option(help="keywords-en, keywords-ar or handwriting.")],
    out: Annotated[
        Path, typer.Option(help="The person's file to write (safetensors; no audio in it).")
    ],
    each_word: EachWord = False,
) -> None:
    """Make a personal model from a few clips: forward passes only, no training, no labels."""
    import warnings

    from vop_core.data.enrollment import PoorClipWarning
    from vop_core.data.locations import models_root
    from vop_core.models import load_bundle
    from vop_core.training.checkpoint import tensor_file

    check_output(out, inputs=[*clips, models_root()], replaces=tensor_file("person"))
    bundle = load_bundle(task)
    heard = [clip for _, clip in _read(task, clips, each_word=each_word)]
    with warnings.catch_warnings():
        # said by _read, beside what is usable only
        warnings.simplefilter("ignore", PoorClipWarning)
        person = bundle.enroll(heard)
    person.save(out, task=task)
    kl = float(person.posterior.kl(person.prior))
    said = [
        f"Enrolled from {person.shots} clip(s): {out} ({out.stat().st_size / 1000:.1f} kB); the "
        f"posterior is {kl:.2f} nats from the prior.",
        person.health.sentence,
        _poor_share(heard),
    ]
    say(" ".join(filter(None, said)))


def predict(
    clips: Annotated[list[Path], typer.Argument(help="Clips or pictures to recognize.")],
    person: Annotated[Path, typer.Option(help="The person's file that 'vop enroll' wrote.")],
    draws: Annotated[int, typer.Option(help="Weight draws up to 1,000; 0 is the mean.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    each_word: EachWord = False,
    json_target: JsonTarget = None,
) -> None:
    """Ask the global and the personal model about clips."""
    import torch

    from vop_core.data.locations import models_root
    from vop_core.models import open_person_file
    from vop_core.variational.predictive import check_draws

    check_draws(draws)

    check_writable(json_target, inputs=[*clips, person, models_root()])
    bundle, model = open_person_file(person)
    heard = _read(bundle.task, clips, each_word=each_word)
    features = bundle.features([clip for _, clip in heard])
    generator = torch.Generator().manual_seed(seed)
    common = bundle.global_model.predict(features)
    with progress_bars() as bars:
        personal = model.predict(
            features,
            draws=draws,
            generator=generator,
            progress=lambda done, total: bars.update("draws", done, total),
        )
    answers = [
        {
            "clip": str(path),
            "name": clip.name,
            "notes": list(clip.notes),
            "quality": _quality(clip),
            "enrolled": known,
            "global": _answer(bundle.labels, common, position),
            "personal": _answer(bundle.labels, personal, position, spread=draws > 0),
        }
        for position, ((path, clip), known) in enumerate(
            zip(heard, model.heard(features).tolist(), strict=True)
        )
    ]
    for answer in answers:
        answer["changed"] = answer["global"]["label"] != answer["personal"]["label"]
        if answer["enrolled"]:
            remark(
                f"{answer['name']}: one of the clips that enrolled; its answer shows nothing new."
            )
    found = {
        "task": bundle.task,
        "shots": model.shots,
        "draws": draws,
        "model": bundle.fingerprint,
        "clips": answers,
    }
    publish(found, _table(answers), json_target)


def verify(
    clips: Annotated[list[Path], typer.Argument(help="Clips that claim to be of the person.")],
    enrolled: Annotated[
        list[Path],
        typer.Option("--enrolled", help="A clip of the person; give it once for each, up to ten."),
    ],
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    json_target: JsonTarget = None,
) -> None:
    """Is a clip of the person who enrolled? Both models judge every claim, whatever is said."""
    import torch

    from vop_core.data.enrollment import twin_of
    from vop_core.data.locations import models_root
    from vop_core.models import load_bundle
    from vop_core.models.verification import Verifier

    check_writable(json_target, inputs=[*clips, *enrolled, models_root()])
    verifier = Verifier(load_bundle("verification"))
    own, claims = (_read("verification", paths, each_word=False) for paths in (enrolled, clips))
    claimant = [clip for _, clip in own]
    found = []
    for path, clip in claims:
        if twin := twin_of(clip, claimant):
            remark(f"{clip.name} enrolled, as {twin.name}: that it is accepted shows nothing.")
        verdicts = verifier.verdicts(claimant, clip, generator=torch.Generator().manual_seed(seed))
        found.append(
            {"clip": str(path), "name": clip.name}
            | {
                name: {
                    "score": each.score,
                    "threshold": each.threshold.value,
                    "threshold_ci95": list(each.threshold.bounds),
                    "accepted": each.accepted,
                    "close": each.close,
                }
                for name, each in verdicts.items()
            }
        )
    rate = verifier.miss_rate(claimant)
    said = {
        "clips_enrolled": len(claimant),
        "claims": found,
        "miss_rate": {"mean": rate.mean, "interval90": list(rate.bounds)},
    }
    publish(said, _verdicts(found), json_target)


def _verdicts(found: Sequence[dict[str, Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("clip", "weights", "claim", "score", "threshold [95 %]")
    for each in found:
        for name in ("global", "personal"):
            verdict = each[name]
            low, high = verdict["threshold_ci95"]
            table.add_row(
                Text(printable(each["name"]) if name == "global" else ""),
                name,
                ("accepted" if verdict["accepted"] else "refused") + ", close" * verdict["close"],
                f"{verdict['score']:.2f}",
                f"{verdict['threshold']:.2f} [{low:.2f}, {high:.2f}]",
            )
    return table


def _read(task: str, paths: Sequence[Path], *, each_word: bool) -> list[tuple[Path, Any]]:
    """Every sample beside the file it is from; what was converted, left unheard or is not good is
    said.
    """
    from vop_core.tasks.registry import TASKS

    # a refusal comes before any remark
    read = [(path, TASKS[task].read(path)) for path in paths]
    if TASKS[task].heard:
        return _words(read, each_word=each_word)
    if each_word:
        raise VopError(f"--each-word is for recordings; '{task}' reads pictures.")
    for _, picture in read:
        for note in picture.notes:
            remark(f"{picture.name}: {note}")
    return read


def _words(recordings: Sequence[tuple[Path, Any]], *, each_word: bool) -> list[tuple[Path, Any]]:
    """Recordings, or every word of them as a clip of its own."""
    from vop_core.data.audio import words
    from vop_core.data.enrollment import remarks

    heard = []
    for path, clip in recordings:
        found = words(clip)
        taken = found if each_word else (clip,)
        for each in taken:
            for note in each.notes:
                remark(f"{each.name}: {note}")
        if len(found) > len(taken):
            remark(f"{clip.name}: --each-word takes all of them")
        heard += [(path, each) for each in taken]
    for said in remarks([clip for _, clip in heard]):
        remark(said)
    return heard


def _poor_share(heard: Sequence[Any]) -> str:
    """How many of the clips are poor, in a sentence; nothing of pictures."""
    from vop_core.data.clip_quality import assess
    from vop_core.data.enrollment import poor_share
    from vop_core.types import Clip

    return poor_share([assess(clip.waveform) for clip in heard if isinstance(clip, Clip)])


def _quality(clip: Any) -> dict[str, Any]:
    """The microphone coach's verdict as plain values; none of pictures."""
    from dataclasses import asdict

    from vop_core.data.clip_quality import assess
    from vop_core.types import Clip

    if not isinstance(clip, Clip):
        return {}
    quality = asdict(assess(clip.waveform))
    return {name: value if value != float("inf") else None for name, value in quality.items()}


def _answer(
    labels: tuple[str, ...], prediction: Any, position: int, *, spread: bool = False
) -> dict[str, Any]:
    """One clip's answer as plain values; with ``spread``, 95 % credible intervals and entropies in
    nats.
    """
    probabilities = prediction.probabilities[position].tolist()
    best = int(prediction.label_index[position])
    answer: dict[str, Any] = {
        "label": labels[best],
        "probability": probabilities[best],
        "probabilities": dict(zip(labels, probabilities, strict=True)),
    }
    if spread:
        bounds = zip(
            prediction.lower[position].tolist(), prediction.upper[position].tolist(), strict=True
        )
        answer["interval95"] = dict(zip(labels, map(list, bounds), strict=True))
        answer["entropy_nats"] = {
            kind: float(getattr(prediction, kind)[position])
            for kind in ("total", "aleatoric", "epistemic")
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
                Text(printable(answer["name"]) if name == "global" else ""),
                name,
                Text(f"{label} {probability:.0%}{interval}{changed}"),
                Text(", ".join(f"{other} {share:.0%}" for other, share in others)),
            )
    return table
