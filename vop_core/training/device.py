"""On which device networks are trained and compared; persons enroll on the CPU."""

import torch


def training_device() -> torch.device:
    """CUDA where torch has it, else the CPU.

    Convolutions keep every bit of float32 there, so that devices differ by rounding alone.
    """
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
