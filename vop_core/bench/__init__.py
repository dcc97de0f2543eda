"""The bench: every method on the same folds, from the same checkpoint, asked about the same
queries.
"""
