"""From files to features: a clip's log-mel beside other libraries', a data set in parallel, and
what a second start reads.
"""

import importlib
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from unittest import mock

import torch
from torch import Tensor

from vop_core.data.audio import decode_file, focus
from vop_core.data.environments import OWN_ENVIRONMENT
from vop_core.data.features import load_features
from vop_core.data.persons import PersonDataset
from vop_core.data.spectrogram import LogMelConfig, log_mel
from vop_core.data.voices import bundled_dataset
from vop_core.perf.comparison import Finding, Unavailable
from vop_core.perf.subject import SHOTS
from vop_core.perf.timing import Effort, interleaved

CONFIG = LogMelConfig()
EQUAL = 1e-4  # natural logarithms of power
CLIPS = 200  # of the bundled English voices


def _waveforms() -> list[Tensor]:
    records = bundled_dataset("en").records[:SHOTS]
    return [focus(decode_file(record.path).waveform) for record in records]


def _library(name: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (ImportError, OSError):
        # OSError: a build for another torch, whose shared libraries are lacking.
        raise Unavailable(f"{what} is not installed, or not for this torch.") from None


def _against(theirs: Callable[[Tensor], Tensor], effort: Effort, *, equal: bool = True) -> Finding:
    """Another library's log-mel of each clip; how many times faster ours is."""
    clips = _waveforms()
    apart = max(float((theirs(clip) - log_mel(clip)).abs().max()) for clip in clips) if equal else 0
    ratio = interleaved(
        lambda: [theirs(clip) for clip in clips], lambda: [log_mel(clip) for clip in clips], effort
    )
    facts = {"clips": len(clips), "largest_difference": apart} if equal else {"clips": len(clips)}
    exact = {f"the features are equal within {EQUAL:g}": apart < EQUAL} if equal else {}
    return Finding.of_ratio(ratio, exact=exact, facts=facts)


def librosa(effort: Effort) -> Finding:
    """librosa's mel spectrogram with the same settings, and its logarithm."""
    library = _library("librosa", "librosa")

    def theirs(clip: Tensor) -> Tensor:
        power = library.feature.melspectrogram(
            y=clip.numpy(),
            sr=CONFIG.sample_rate,
            n_fft=CONFIG.fft,
            hop_length=CONFIG.hop,
            win_length=CONFIG.window,
            n_mels=CONFIG.mels,
            fmin=CONFIG.lowest_hz,
            fmax=CONFIG.highest_hz,
            pad_mode="constant",
        )
        return torch.from_numpy(power + CONFIG.floor).log()

    return _against(theirs, effort)


def torchaudio(effort: Effort) -> Finding:
    """torchaudio's mel spectrogram with the same settings, and its logarithm."""
    library = _library("torchaudio", "torchaudio")
    transform = library.transforms.MelSpectrogram(
        sample_rate=CONFIG.sample_rate,
        n_fft=CONFIG.fft,
        win_length=CONFIG.window,
        hop_length=CONFIG.hop,
        f_min=CONFIG.lowest_hz,
        f_max=CONFIG.highest_hz,
        n_mels=CONFIG.mels,
        pad_mode="constant",
        norm="slaney",
        mel_scale="slaney",
    )
    return _against(lambda clip: (transform(clip) + CONFIG.floor).log(), effort)


def kaldi(effort: Effort) -> Finding:
    """Kaldi's filterbanks: as many, but with its own mel scale, edges and pre-emphasis."""
    library = _library("kaldi_native_fbank", "kaldi-native-fbank")
    options = library.FbankOptions()
    options.frame_opts.samp_freq = CONFIG.sample_rate
    options.frame_opts.frame_length_ms = 1_000 * CONFIG.window / CONFIG.sample_rate
    options.frame_opts.frame_shift_ms = 1_000 * CONFIG.hop / CONFIG.sample_rate
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = CONFIG.mels

    def theirs(clip: Tensor) -> Tensor:
        bank = library.OnlineFbank(options)
        bank.accept_waveform(CONFIG.sample_rate, clip.numpy())
        bank.input_finished()
        return torch.stack(
            [torch.as_tensor(bank.get_frame(place)) for place in range(bank.num_frames_ready)]
        )

    return _against(theirs, effort, equal=False)


# --- a data set -----------------------------------------------------------------------------------


def _dataset(effort: Effort) -> PersonDataset:
    whole = bundled_dataset("en")
    clips = min(CLIPS, effort.largest)
    return PersonDataset(whole.name, whole.root, whole.records[:clips])


def in_parallel(effort: Effort) -> Finding:
    """Decoding and features with a thread for each core, against one clip after the other."""
    dataset = _dataset(effort)

    def one_by_one() -> list[Tensor]:
        clips = (focus(decode_file(record.path).waveform) for record in dataset.records)
        return [log_mel(clip).half() for clip in clips]

    together = load_features(dataset, cache=False).features
    equal = together.equal(torch.stack(one_by_one()).float())
    ratio = interleaved(lambda: load_features(dataset, cache=False), one_by_one, effort, whole=True)
    facts = {"clips": len(dataset), "cores": os.cpu_count()}
    return Finding.of_ratio(ratio, exact={"both give the same numbers": equal}, facts=facts)


def second_start(effort: Effort) -> Finding:
    """A data set's features once more, from the cache."""
    return _started_again(("original",), effort)


def environments_again(effort: Effort) -> Finding:
    """The same in every person's own room, microphone and noise."""
    return _started_again((OWN_ENVIRONMENT,), effort)


def _started_again(variants: tuple[str, ...], effort: Effort) -> Finding:
    records = _dataset(effort)

    def start() -> None:
        # as a new process has it: nothing of its recordings is known
        load_features(PersonDataset(records.name, records.root, records.records), variants=variants)

    with _own_cache() as folder:
        with opened() as files:
            start()
        first = files.copy()
        with opened() as files:
            start()
        again = files.copy()

        def afresh() -> None:
            for file in folder.rglob("*.safetensors"):
                file.unlink()
            start()

        ratio = interleaved(start, afresh, effort, whole=True)
    facts = {
        "clips": len(records),
        "files_opened_first": sum(first.values()),
        "megabytes_first": _megabytes(first),
        "files_opened_again": sum(again.values()),
        "megabytes_again": _megabytes(again),
    }
    exact = {"no file is opened twice": max(again.values()) == 1}
    return Finding.of_ratio(ratio, exact=exact, facts=facts)


@contextmanager
def _own_cache() -> Iterator[Path]:
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, {"VOP_CACHE": folder}),
    ):
        yield Path(folder)


_counted: list[Counter[str]] = []  # where files that are opened meanwhile are counted


def _count(event: str, arguments: tuple) -> None:
    if _counted and event == "open" and isinstance(arguments[0], str | bytes):
        _counted[-1][os.fsdecode(arguments[0])] += 1


@contextmanager
def opened() -> Iterator[Counter[str]]:
    """Which recordings and caches are opened in the meantime, and how often."""
    if _count not in _hooks:
        sys.addaudithook(_count)  # never taken away again: there is no way
        _hooks.append(_count)
    files: Counter[str] = Counter()
    _counted.append(files)
    try:
        yield files
    finally:
        _counted.remove(files)
        for name in [name for name in files if not name.endswith(KINDS)]:
            del files[name]


KINDS = (".opus", ".wav", ".safetensors")
_hooks: list[Callable] = []


def _megabytes(files: Counter[str]) -> float:
    sizes = (
        count * Path(name).stat().st_size for name, count in files.items() if Path(name).exists()
    )
    return sum(sizes) / 1e6
