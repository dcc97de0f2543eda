"""Kernels that need not start: each is a fork of one process that has the libraries in memory.

``vop_core`` is not among them: every kernel imports it anew, from wherever its ``PYTHONPATH`` says.
"""

import multiprocessing
import os
import sys

LIBRARIES = (
    "anywidget",
    "ipykernel.kernelapp",
    "ipywidgets",
    "librosa",
    "lightning_fabric",
    "nbformat",
    "pandas",
    "plotly.graph_objects",
    "plotly.io",
    "pooch",
    "pyarrow.parquet",
    "scipy.optimize",
    "scipy.stats",
    "sklearn.metrics",
    "sklearn.neighbors",
    "soundfile",
    "torch._dynamo",
    "torchmetrics.functional.classification",
)


class ForkedKernel:
    """A running kernel, with what jupyter_client asks of a ``subprocess.Popen``."""

    stdin = stdout = stderr = None

    def __init__(self, command, *, env, cwd, **_):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(LIBRARIES))
        began, begin = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(command, env, cwd, begin), daemon=True)
        self._process.start()
        began.recv()
        self.pid = self._process.pid
        self.kill, self.terminate = self._process.kill, self._process.terminate

    def poll(self):
        """The exit code, or None while it runs."""
        return self._process.exitcode

    def wait(self):
        """The exit code, once it has ended."""
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number):
        """Signal the kernel."""
        os.kill(self.pid, number)


def _run(command, environment, folder, begin):
    """``python -m ipykernel_launcher -f FILE`` in this process."""
    from ipykernel import kernelapp

    assert "vop_core" not in sys.modules
    # whoever started us must be able to signal the kernel's whole group, and nobody else
    os.setsid()
    begin.send(None)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[:0] = environment["PYTHONPATH"].split(os.pathsep)
    sys.argv = list(command[2:])
    kernelapp.launch_new_instance()
