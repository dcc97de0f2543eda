"""A thin hold on espeak-ng through ctypes [ESPEAK-NG]; needs the optional ``synth`` extra (GPL,
never a core dependency).

The same call twice in one process gives slightly different sound (the engine keeps state, and the
clock would seed its noise). Seeded, a fresh process repeats its sequence exactly: who wants the
same files again starts a new process and asks in the same order.
"""

import ctypes
from functools import cache
from pathlib import Path

import numpy as np

from vop_core.errors import DataError

_SYNCHRONOUS = 2
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_UTF8, _PHONEMES = 1, 0x100
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Espeak:
    """One espeak-ng engine; there can be only one in a process, so take it from `engine`."""

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError:
            raise DataError(
                "Synthetic voices need the 'synth' extra: install it with  pip install -e "
                '".[synth]".'
            ) from None
        self.data_folder = Path(espeakng_loader.get_data_path())
        self._library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        self._library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
        self._library.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int,
            ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        self.sample_rate = self._library.espeak_Initialize(
            _SYNCHRONOUS, 0, str(self.data_folder).encode(), 0
        )
        if self.sample_rate <= 0:
            raise DataError("espeak-ng did not start: reinstall the 'synth' extra.")
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(0))  # else seeded by the clock
        self._pieces: list[np.ndarray] = []
        self._callback = _CALLBACK(self._receive)  # kept, or ctypes would free it
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples, count, events) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def variants(self) -> tuple[str, ...]:
        """Names of the voice variants this espeak-ng really has, sorted."""
        return tuple(sorted(path.name for path in (self.data_folder / "voices" / "!v").iterdir()))

    def say(
        self,
        text: str,
        *,
        language: str,
        variant: str,
        rate: int,
        pitch: int,
        pitch_range: int,
        phonemes: bool,
    ) -> np.ndarray:
        """Speak and return a mono float32 waveform in [-1, 1] at ``sample_rate`` Hz, outer silence
        cut off.

        ``rate`` in words a minute (80 to 450), ``pitch`` and ``pitch_range`` from 0 to 99 on
        espeak-ng's own scale. With ``phonemes`` the text is a row of mnemonics of the *language's*
        phoneme table, else ordinary text. Raises DataError for a language or variant espeak-ng does
        not have (it would silently use another).
        """
        if variant not in self.variants():
            raise DataError(
                f"espeak-ng has no voice variant {variant!r}: choose one of "
                f"{self.data_folder}/voices/!v."
            )
        if self._library.espeak_SetVoiceByName(f"{language}+{variant}".encode()) != 0:
            raise DataError(
                f"espeak-ng has no language {language!r}: choose one listed by  espeak-ng --voices."
            )
        for parameter, value in (
            (_RATE, rate),
            (_VOLUME, 70),
            (_PITCH, pitch),
            (_RANGE, pitch_range),
        ):
            self._library.espeak_SetParameter(parameter, int(value), 0)
        self._pieces.clear()
        data = (f"[[{text}]]" if phonemes else text).encode()
        self._library.espeak_Synth(
            data, len(data) + 1, 0, 1, 0, _UTF8 | _PHONEMES * phonemes, None, None
        )
        self._library.espeak_Synchronize()
        waveform = (
            np.concatenate(self._pieces or [np.zeros(1, np.int16)]).astype(np.float32) / 32768
        )
        loud = np.flatnonzero(np.abs(waveform) > 0.003)
        if len(loud) < self.sample_rate // 20:
            raise DataError(f"espeak-ng said nothing for {text!r} as {language}+{variant}.")
        return waveform[loud[0] : loud[-1] + 1]


@cache
def engine() -> Espeak:
    """The process's one engine, started on first use."""
    return Espeak()
