"""Files are written whole or not at all: see :mod:`vop_core.writing`."""

from vop_core.writing import JSON, Kind, check_output, whole_file, whole_folder, write_error, write_text

__all__ = ["JSON", "Kind", "check_output", "whole_file", "whole_folder", "write_error", "write_text"]
