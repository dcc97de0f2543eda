"""What makes two clips one recording: the same sound, whatever file and whatever name it has."""

import hashlib
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int16
from torch import Tensor

from vop_core.data.metadata import ClipRecord
from vop_core.errors import DataError
from vop_core.text import printable

LONGEST_PATH = 100  # characters in a sentence


def to_16_bit(waveform: Float[Tensor, " sample"]) -> Int16[np.ndarray, " sample"]:
    """Amplitudes in [-1, 1] on the 16-bit grid, as data sets store them."""
    # rounded here: libsndfile would scale by 32767 and alter every sample
    return np.clip(np.round(waveform.numpy() * 32768.0), -32768, 32767).astype(np.int16)


def sound_digest(waveform: Float[Tensor, " sample"]) -> bytes:
    """Equal for two decoded clips exactly where their 16-bit samples are."""
    return hashlib.sha256(to_16_bit(waveform).tobytes()).digest()


def shown_path(record: ClipRecord, root: Path) -> str:
    """A clip's path below its data set's folder, as a sentence can hold it."""
    text = printable(record.path.relative_to(root).as_posix())
    return text if len(text) <= LONGEST_PATH else text[: LONGEST_PATH - 1] + "…"


class Recordings:
    """The recordings of one data set, each of which counts once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._heard: dict[bytes, ClipRecord] = {}

    def add(self, record: ClipRecord, digest: bytes) -> None:
        """Raise DataError where another record is the very same recording.

        Its clip would be enrolled and asked about, or trained on and tested with.
        """
        first = self._heard.setdefault(digest, record)
        if first is record:
            return
        later, earlier = (f"'{shown_path(each, self._root)}'" for each in (record, first))
        if first.person == record.person:
            raise DataError(
                f"{later} is the same recording as {earlier}; a clip counts once, so remove one."
            )
        raise DataError(
            f"{later} of '{record.person}' is the same recording as {earlier} of '{first.person}'; "
            "remove one, or a split over persons leaks."
        )
