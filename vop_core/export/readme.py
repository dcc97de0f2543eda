"""The page that an exported folder explains itself with."""

from collections.abc import Mapping
from typing import Any

WHAT = {
    "features": "a second of sound, 16 kHz, amplitude in [-1, 1], to its log-mel",
    "enroll": "a person's clips, whatever they say, to the Gaussian over the person's numbers, "
    "and what it means in weights",
    "answer": "clips and values of the numbers to log probabilities: zeros are the global model, "
    "the mean is the person's, draws of the Gaussian are Monte-Carlo answers",
    "personalize": "a person's clips and others to both answers, in one graph",
    "personal": "the network of one person, frozen",
}

RUN = """\
import numpy as np
import onnxruntime


def run(name, **inputs):
    return onnxruntime.InferenceSession(f"{name}.onnx").run(None, inputs)


enrollment, queries = (run("features", waveform=sound)[0] for sound in (spoken, asked))
mean, log_std, *of_weights = run("enroll", enrollment=enrollment)
drawn = mean + np.exp(log_std) * np.random.default_rng(0).normal(size=(100, len(mean)))
numbers = np.vstack([0 * mean, mean, drawn]).astype("float32")
(answers,) = run("answer", queries=queries, numbers=numbers)
by_everybody, by_person = answers[0].argmax(-1), answers[1].argmax(-1)
probabilities = np.exp(answers[2:]).mean(0)  # over the draws
"""
"""How a folder is run, by onnxruntime alone; ``spoken`` and ``asked`` are float32, (clip, sample).
"""


def readme(about: Mapping[str, Any]) -> str:
    """Markdown: what each file is, its size, its difference from torch, and what integers cost."""
    files, apart = about["files"], about["largest_difference"]
    lines = [
        f"# {about['task']}, exported",
        "",
        f"Made by `vop export {about['task']}` from the model {about['model']}. Labels, layers, "
        "shapes, sizes and hashes are in model.json.",
        "",
        "| graph | what it does | kB | kB, 8-bit | from torch by at most |",
        "|---|---|---|---|---|",
    ]
    for name, what in WHAT.items():
        if f"{name}.onnx" in files:
            integers = files.get(f"{name}-int8.onnx")
            lines.append(
                f"| {name}.onnx | {what} | {_kilobytes(files[f'{name}.onnx'])} | "
                f"{_kilobytes(integers) if integers else '-'} | {apart[name]:.1e} |"
            )
    costs = about["costs"]
    persons = costs["rows"][0]["float"]["persons"]
    lines += [
        "",
        f"What 8-bit integers cost: {persons} persons of '{costs['data']}' whom no model was "
        f"trained on, {costs['shots']} clips enrolled, 95 % intervals over persons, NLL in nats.",
        "",
        "| graphs | weights | metric | float | 8-bit | difference |",
        "|---|---|---|---|---|---|",
    ]
    for row in costs["rows"]:
        values = " | ".join(shown(row["metric"], row[key]) for key in ("float", "int8"))
        difference = shown(row["metric"], row["difference"], signed=True)
        lines.append(
            f"| {row['graphs']} | {row['weights']} | {row['metric']} | {values} | {difference} |"
        )
    lines += [
        "",
        "In Python, with `spoken` and `asked` as float32, a row of 16,000 samples for each clip "
        "(a task without sound begins with its inputs):",
        "",
        f"```python\n{RUN}```",
    ]
    return "\n".join(lines) + "\n"


def shown(metric: str, value: Mapping[str, Any], *, signed: bool = False) -> str:
    """A mean with its interval: percent of an accuracy, nats of an NLL."""
    form = "+" * signed + (".1%" if metric == "accuracy" else ".3f")
    mean, bounds = value["mean"], value["ci95"]
    interval = f" [{bounds[0]:{form}} to {bounds[1]:{form}}]" if bounds else ""
    return f"{mean:{form}}{interval}"


def _kilobytes(file: Mapping[str, Any]) -> str:
    return f"{file['bytes'] / 1000:.0f}"
