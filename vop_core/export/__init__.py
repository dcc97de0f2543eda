"""Models out of Python: ONNX files that personalize by themselves, checked against torch."""

from vop_core.export.folder import check_exportable, check_folder, export_model
from vop_core.export.reading import Export, OnnxModel, load_export

__all__ = [
    "Export",
    "OnnxModel",
    "check_exportable",
    "check_folder",
    "export_model",
    "load_export",
]
