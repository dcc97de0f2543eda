"""Plotly figures, one function each, shared by the app and the notebooks."""
