"""Speed as ratios: what is claimed, timed beside what people use instead, in one run."""
