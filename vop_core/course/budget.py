"""How long a notebook may compute: the one place that reads ``VOP_COURSE_BUDGET``.

``full`` (the default) is what a reader runs. ``short`` shortens trainings and takes fewer persons
or draws, on the same pipeline; the tests use it.
"""

import os
from typing import TypeVar

from vop_core.errors import VopError

BUDGET = "VOP_COURSE_BUDGET"
BUDGETS = ("full", "short")

Value = TypeVar("Value")


def within_budget(full: Value, short: Value) -> Value:
    """``full``, or ``short`` where the environment asks for the short budget.

    Raises VopError for a budget that does not exist.
    """
    asked = os.environ.get(BUDGET, "").strip().lower() or "full"
    if asked not in BUDGETS:
        raise VopError(
            f"{BUDGET} is '{asked}', but there are only the budgets {' and '.join(BUDGETS)}; unset "
            "it."
        )
    return short if asked == "short" else full
