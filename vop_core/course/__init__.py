"""What the notebooks need beside the package they teach: time budget, predictions, exercises,
sliders, links.

Nothing here computes what is taught; that is imported from its own room, and shown with ``source``.
"""

from vop_core.course.budget import BUDGET, within_budget
from vop_core.course.exercises import check, hint
from vop_core.course.links import in_app
from vop_core.course.predictions import Question, predict
from vop_core.course.reading import about, begin, say, show, source
from vop_core.course.sliders import explore

__all__ = [
    "BUDGET",
    "Question",
    "about",
    "begin",
    "check",
    "explore",
    "hint",
    "in_app",
    "predict",
    "say",
    "show",
    "source",
    "within_budget",
]
