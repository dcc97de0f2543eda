"""What importance weights depend on: the model, or the data they are estimated from [DUA].

The talk found high correlations on one model between different data, and low ones on one set of
data between different models; so that merging by a user's own importance (RACL) is nearly merging
by everybody's (IMM).
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor
from torch.nn.functional import avg_pool2d

from vop_core.continual.base import Experts, server_batches
from vop_core.continual.merging import HEAD

MOST_BATCHES = 50
MAPPED_USERS = 6
MOST_USERS = 20  # whose importances are compared with the server's
KINDS = ("mas", "fim")  # another task's samples have no label that a model could be told


def importance_figures(experts: Experts) -> dict[str, Any]:
    """For each kind of importance, rank correlations (Spearman) of all numbers but the heads':

    ``users``    one task's model, a user's samples and the server's: a list, one a user and task
    ``data``     one task's model, the task's samples and another task's
    ``models``   one task's samples, the task's model and another task's
    """
    found: dict[str, Any] = {}
    tasks = range(len(experts.sequence.tasks))
    for kind in KINDS:
        ranks = {
            (model, data): _ranks(_importance(experts, kind, model, data))
            for model in tasks
            for data in tasks
        }
        found[kind] = {
            "users": [
                round(_correlation(_ranks(own), ranks[task, task]), 4)
                for task in tasks
                for own in _of_users(experts, kind, task)
            ],
            "data": [
                round(_correlation(ranks[model, one], ranks[model, other]), 4)
                for model in tasks
                for one, other in combinations(tasks, 2)
            ],
            "models": [
                round(_correlation(ranks[one, data], ranks[other, data]), 4)
                for data in tasks
                for one, other in combinations(tasks, 2)
            ],
        }
    return found


def importance_maps(experts: Experts) -> dict[str, Any] | None:
    """What the first layer's importance (MAS) says of each part of a picture, half as many rows and
    columns, from 0 to 1: task by task, the server's and those of some users. None for networks that
    read no picture as one row of numbers.
    """
    name, encoder = experts.encoder.first_matrix, experts.encoder
    if encoder.get_parameter(name).ndim != 2 or len(encoder.input_shape) != 2:
        return None
    tasks = range(len(experts.sequence.tasks))

    def seen(importance: Mapping[str, Tensor], row: int) -> list[list[float]]:
        whole = importance[name][row].sum(0).view(1, *encoder.input_shape)
        coarse = avg_pool2d(whole, 2)[0]
        return [[round(value, 3) for value in line] for line in (coarse / coarse.max()).tolist()]

    able = [set(experts.sequence.able(task)) for task in tasks]
    whole = sorted(set.intersection(*able))
    shown = whole[:: max(1, len(whole) // MAPPED_USERS)][:MAPPED_USERS]
    return {
        "server": [seen(experts.server_importance("mas", task), 0) for task in tasks],
        "users": {
            experts.sequence.users[user]: [
                seen(experts.user_importance("mas", task), user) for task in tasks
            ]
            for user in shown
        },
    }


def _importance(experts: Experts, kind: str, model: int, data: int) -> Mapping[str, Tensor]:
    """Of one task's model on the server's samples of another, read by the head that it learned."""
    if model == data:
        return {name: value[0] for name, value in experts.server_importance(kind, model).items()}
    part = experts.sequence.of_task(experts.sequence.server, data)
    samples, known = server_batches(part, experts.sequence, data, seed=experts.seed)
    found = experts.importance(kind, model, samples[:MOST_BATCHES], known[:MOST_BATCHES])
    return {name: value.mean(0) for name, value in found.items()}


def _of_users(experts: Experts, kind: str, task: int) -> list[Mapping[str, Tensor]]:
    whole = experts.user_importance(kind, task)
    users = experts.sequence.able(task)
    return [
        {name: value[user] for name, value in whole.items()}
        for user in users[:: max(1, len(users) // MOST_USERS)][:MOST_USERS]
    ]


def _ranks(importance: Mapping[str, Tensor]) -> np.ndarray:
    every = torch.cat([value.flatten() for name, value in importance.items() if name not in HEAD])
    return rankdata(every.numpy())


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    if not (one.std() and other.std()):
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
