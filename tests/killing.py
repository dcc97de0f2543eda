"""Work that is killed outright at random moments, until it comes to its end."""

import os
import random
import signal
import time
from collections.abc import Callable

import torch


def killed_until_done(work: Callable[[], None], seconds: float, *, seed: int) -> int:
    """How often ``work``, which takes so many seconds alone, was killed before it ended.

    Each try is a fork of this process, which must have a single thread, and lives the longer the
    more there were.
    """
    torch.set_num_threads(1)
    moment = random.Random(seed)
    for killed in range(50):
        child = os.fork()
        if not child:
            try:
                work()
            finally:
                os._exit(0)
        time.sleep(moment.uniform(0, seconds * (1 + killed / 4) / 2))
        os.kill(child, signal.SIGKILL)  # of one that has ended nothing is left to kill
        if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
            return killed
    raise AssertionError("never came to its end")
