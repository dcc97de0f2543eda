"""The shipped models: read, made and tested anew."""

from vop_core.models.bundle import Bundle, load_bundle, open_person_file
from vop_core.models.evaluate import evaluate_folder
from vop_core.models.ship import train_task

__all__ = ["Bundle", "evaluate_folder", "load_bundle", "open_person_file", "train_task"]
