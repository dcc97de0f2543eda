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

from vop_core.continual.base import Experts, server_batches
from vop_core.continual.merging import HEAD

MOST_BATCHES = 50
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
