"""A pretrained speaker encoder's weights, and the front end that it must be given.

``resemblyzer`` [RESEMBLYZER] is an optional package that brings its weights as a pickle. They are
read once, as tensors alone, and kept as safetensors in the cache; the package's own code is never
run.
"""

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from vop_core.data.audio import LogMelConfig
from vop_core.data.locations import cache_folder
from vop_core.data.spectrogram import band_widths
from vop_core.errors import DataError
from vop_core.writing import whole_file

PACKAGE, WEIGHTS = "resemblyzer", "pretrained.pt"
GET_IT = f"pip install --no-deps {PACKAGE}"
LEARNED = ("lstm.", "linear.")  # the rest belongs to its own loss
# power, as far as a logarithm can say it
FRONT_END = LogMelConfig(window=400, fft=400, floor=1e-12)
QUIETEST_DB = -30.0  # of full scale: quieter clips are raised to this


def has_speaker_encoder() -> bool:
    """Whether the package is installed."""
    return find_spec(PACKAGE) is not None


def speaker_weights() -> dict[str, Tensor]:
    """By the names that the encoder has for them.

    Raises DataError where the package is not installed or brings something else, and VopError where
    the cache cannot be written.
    """
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise DataError(
            f"The pretrained speaker encoder is not installed; its weights are needed: {GET_IT}"
        )
    folder, source = cache_folder("pretrained"), Path(found.origin).parent / WEIGHTS
    try:
        kept = folder / f"{PACKAGE}-{source.stat().st_size}.safetensors"
        with suppress(OSError, SafetensorError):
            return load_file(kept)
        state = torch.load(source, map_location="cpu", weights_only=True)["model_state"]
    # a damaged pickle raises whatever it likes
    except Exception:
        raise DataError(
            f"The weights of '{PACKAGE}' are missing or damaged; install it anew: {GET_IT} "
            "--force-reinstall"
        ) from None
    learned = {
        name: value.contiguous() for name, value in state.items() if name.startswith(LEARNED)
    }
    with whole_file(kept) as part:
        part.write_bytes(save(learned))  # whose failure is the system's own
    return learned


def raised(
    log_mels: Float[Tensor, "clip mel frame"], config: LogMelConfig = FRONT_END
) -> Float[Tensor, "clip mel frame"]:
    """Quiet clips as loud as the encoder expects, others as they are.

    Neighbouring bands, each times its width, add up to the spectrum, and its mean to the level.
    """
    spectrum = (band_widths(config)[:, None] / 2 * log_mels.double().exp()).sum(1).mean(-1)
    window = torch.hann_window(config.window, dtype=torch.float64).square().sum()
    level = 2 * spectrum / (config.fft * window)
    gain = (QUIETEST_DB / 10 * torch.log(torch.tensor(10.0)) - level.log()).clamp(min=0)
    return log_mels + gain[:, None, None].to(log_mels)
