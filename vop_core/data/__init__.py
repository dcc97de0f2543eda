"""Who said what; no model."""
