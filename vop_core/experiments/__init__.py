"""Named recipes and the runs made of them: what the command line, the app and the notebooks call."""

from vop_core.experiments.bundle import Bundle, load_bundle, open_person_file
from vop_core.experiments.crossval import crossval
from vop_core.experiments.evaluate import evaluate_folder
from vop_core.experiments.recipes import RECIPES, RunConfig
from vop_core.experiments.runs import ScoringConfig
from vop_core.experiments.ship import train_task

__all__ = [
    "RECIPES",
    "Bundle",
    "RunConfig",
    "ScoringConfig",
    "crossval",
    "evaluate_folder",
    "load_bundle",
    "open_person_file",
    "train_task",
]
