"""Data, encoder and metrics that belong together."""
