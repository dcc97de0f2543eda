"""Synthetic persons by espeak-ng, rooms and microphones: persons to train on, and talkers in the
background of environments.

They are synthetic, and every page and table calls them so. The talkers are never trained or tuned
on.
"""

from vop_core.data.sources.synthetic.build import (
    generate_training_persons,
    generate_unknown_test,
    write_talkers,
)
from vop_core.data.sources.synthetic.words import (
    KEYWORD_WORDS,
    TALKER_WORDS,
    UNKNOWN_TEST_WORDS,
    UNKNOWN_TRAINING_WORDS,
    invent_word,
)

__all__ = [
    "KEYWORD_WORDS",
    "TALKER_WORDS",
    "UNKNOWN_TEST_WORDS",
    "UNKNOWN_TRAINING_WORDS",
    "generate_training_persons",
    "generate_unknown_test",
    "invent_word",
    "write_talkers",
]
