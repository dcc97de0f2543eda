"""What users get of a server method and an adaptation on the device: accuracy, and what was
forgotten.

A(i, t) is a user's accuracy on task t with the model after task i. Of T tasks, a task's accuracy is
A(T, t), and ``accuracy when learned`` A(t, t); their difference is forgotten.
"""

import copy
from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from vop_core.continual.base import Experts, ServerMethod
from vop_core.continual.importance import Weights
from vop_core.continual.local import LocalAdaptation, answers
from vop_core.continual.sequence import Users
from vop_core.evaluation.plan import OPEN
from vop_core.evaluation.score import COLUMNS
from vop_core.nets.encoder import Encoder

ACCURACY, WHEN_LEARNED = "accuracy", "accuracy when learned"
WRONG = ", wrong person"  # behind a row's name: adapted with the next user's samples


def asked(
    method: ServerMethod, experts: Experts, adaptations: Mapping[str, type[LocalAdaptation]]
) -> pd.DataFrame:
    """Each user's accuracy in each task, a row for each adaptation that the encoder offers and for
    its control; the columns of score tables, with the task's number as the repetition.
    """
    tasks, found = range(len(experts.sequence.tasks)), []
    for task in tasks[:-1]:
        found += _of_task(method, experts, task, task, adaptations, WHEN_LEARNED)
    for task in tasks:
        found += _of_task(method, experts, tasks[-1], task, adaptations, ACCURACY)
        if len(experts.sequence.able(task)) > 1:
            found += _of_task(method, experts, tasks[-1], task, adaptations, ACCURACY, wrong=True)
    return pd.DataFrame(found, columns=list(COLUMNS))


def _of_task(
    method: ServerMethod,
    experts: Experts,
    stage: int,
    task: int,
    adaptations: Mapping[str, type[LocalAdaptation]],
    metric: str,
    *,
    wrong: bool = False,
) -> list[tuple]:
    sequence, found = experts.sequence, []
    batches = [
        (users, method.weights(experts, stage, task, users, wrong=wrong))
        for users in sequence.batches(task, wrong=wrong)
    ]
    mean = mean_encoder(experts, batches)
    part = sequence.of_task(sequence.server, task)
    for name, kind in adaptations.items():
        local = kind()
        if not local.offered(experts.encoder):
            continue
        if wrong and not (method.facts.personal or local.facts.personal):
            continue
        local.prepare(mean, part)
        for users, weights in batches:
            own = local.adapt(experts, weights, task, users)
            right = correct(experts, own, users, task)
            shares = (right.sum(1) / users.present.sum(1)).tolist()
            for user, share in zip(users.users.tolist(), shares, strict=True):
                row = name + WRONG if wrong else name
                shots = users.own.shape[1]
                found.append((OPEN, shots, sequence.users[user], task, row, metric, share, None))
    return found


def correct(experts: Experts, weights: Weights, users: Users, task: int) -> torch.Tensor:
    """Which queries are answered right, (user, query); those that are not present are not."""
    said = answers(experts.encoder, weights, users, experts.sequence.tasks[task]).argmax(-1)
    return (said == users.asked_label) & users.present


def mean_encoder(experts: Experts, batches: Sequence[tuple[Users, Weights]]) -> Encoder:
    """The encoder with the mean of what the users were sent."""
    count = sum(len(users) for users, _ in batches)
    mean: Weights = {}
    for users, weights in batches:
        for name, value in weights.items():
            part = value.double().mean(0) * len(users) / count
            mean[name] = mean.get(name, 0) + part
    held = copy.deepcopy(experts.encoder)
    state = held.state_dict()
    held.load_state_dict({name: mean[name].to(state[name].dtype) for name in state})
    return held.eval()
