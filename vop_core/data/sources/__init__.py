"""Public data sets with persons in them: fetch, verify, convert to the one on-disk format."""
