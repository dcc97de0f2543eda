"""On which device networks are trained and compared; persons enroll on the CPU."""

import torch

from vop_core.processes import count


def training_device() -> torch.device:
    """CUDA where torch has it, and of several processes each its own; else the CPU.

    Convolutions keep every bit of float32 there, so that devices differ by rounding alone.
    """
    torch.backends.cudnn.allow_tf32 = False
    if torch.cuda.is_available() and count() > 1:
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
