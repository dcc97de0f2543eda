"""The shipped models: read here; `evaluate` tests them anew and `ship` makes them."""

from vop_core.models.bundle import Bundle, load_bundle, open_person_file

__all__ = ["Bundle", "load_bundle", "open_person_file"]
