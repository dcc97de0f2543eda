"""Torch modules; no data, no loss."""
