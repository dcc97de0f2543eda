"""Synthetic persons by espeak-ng, rooms and microphones: the bundled voices and persons to train
on.

They are synthetic, and every page and table calls them so. The bundled ones are never trained or
tuned on.
"""

from vop_core.data.sources.synthetic.build import (
    build_bundled_voices,
    generate_training_persons,
    generate_unknown_test,
)
from vop_core.data.sources.synthetic.words import (
    ARABIC_WORDS,
    KEYWORD_WORDS,
    UNKNOWN_TEST_WORDS,
    UNKNOWN_TRAINING_WORDS,
    invent_word,
)

__all__ = [
    "ARABIC_WORDS",
    "KEYWORD_WORDS",
    "UNKNOWN_TEST_WORDS",
    "UNKNOWN_TRAINING_WORDS",
    "build_bundled_voices",
    "generate_training_persons",
    "generate_unknown_test",
    "invent_word",
]
