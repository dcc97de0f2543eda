"""Shipped models outside of Python."""
