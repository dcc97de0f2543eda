"""One way to personalize per file; VoP is a sibling of its baselines."""
