"""Property tests without a stopwatch (two busy cores) and with the same examples on every
machine.
"""

from hypothesis import settings

settings.register_profile("vop", deadline=None, derandomize=True, max_examples=30)
settings.load_profile("vop")
