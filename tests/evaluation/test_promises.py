"""The four promises are measured: keeping them passes, breaking any one of them is seen."""

import threading

import pytest
import torch

from vop_core.evaluation.promises import SealedLabel, watch_enrollment


class Method(torch.nn.Module):
    """A stand-in that keeps every promise unless told otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
        self.register_buffer("seen", torch.zeros(()))

    def enroll(self, features: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return self.linear(features).mean(0)


@pytest.fixture
def method() -> Method:
    torch.manual_seed(0)
    return Method()


def kept(promises) -> dict[str, bool]:
    return {promise.name: promise.kept for promise in promises}


def watch(method: Method, action=None, *, clips: int = 3, seals=()) -> dict[str, bool]:
    def enroll():
        if action:
            action()
        return method.enroll(torch.ones(clips, 3))

    result, promises = watch_enrollment(enroll, clips=clips, model=method, seals=seals)
    assert result.shape == (2,)
    return kept(promises)


def test_a_forward_pass_keeps_all_four(method):
    seals = [SealedLabel("open"), SealedLabel("close")]
    assert watch(method, seals=seals) == {
        "source-free": True,
        "few-shot": True,
        "unsupervised": True,
        "training-free": True,
    }


def test_vop_itself_keeps_all_four():
    from tests.app.conftest import make_bundle

    bundle = make_bundle("keywords-en")
    features = torch.randn(3, 40, 101, generator=torch.Generator().manual_seed(0))
    model, promises = watch_enrollment(
        lambda: bundle.vop.enroll(features), clips=3, model=bundle.vop
    )
    assert model.shots == 3 and all(promise.kept for promise in promises)
    assert promises[-1].measured == "0 gradient steps"


def test_opening_a_data_file_breaks_source_free_only(method, tmp_path):
    table = tmp_path / "train.npz"
    table.write_bytes(b"features")
    found = watch(method, lambda: table.read_bytes())
    assert found == {
        "source-free": False,
        "few-shot": True,
        "unsupervised": True,
        "training-free": True,
    }


def test_what_another_thread_opens_is_not_counted(method, tmp_path):
    table = tmp_path / "train.npz"
    table.write_bytes(b"features")

    def elsewhere():
        thread = threading.Thread(target=table.read_bytes)
        thread.start()
        thread.join()

    assert watch(method, elsewhere)["source-free"]


def test_a_connection_breaks_source_free(method):
    import socket

    def connect():
        with socket.socket() as outside, pytest.raises(OSError):
            outside.settimeout(0.01)
            outside.connect(("127.0.0.1", 9))

    assert not watch(method, connect)["source-free"]


def test_an_optimizer_step_breaks_training_free(method):
    optimizer = torch.optim.SGD(method.parameters(), lr=0.0)  # the first one imports a compiler

    def train():
        method.linear(torch.ones(1, 3)).sum().backward()
        optimizer.step()

    assert watch(method, train) == {
        "source-free": True,
        "few-shot": True,
        "unsupervised": True,
        "training-free": False,
    }


def test_a_tensor_kept_for_a_backward_pass_breaks_training_free(method):
    assert not watch(method, lambda: method.linear(torch.ones(1, 3)).square())["training-free"]


def test_a_changed_buffer_breaks_training_free(method):
    assert not watch(method, lambda: method.seen.add_(1))["training-free"]


def test_an_opened_seal_breaks_unsupervised(method):
    seals = [SealedLabel("open"), SealedLabel("close")]
    found = watch(method, lambda: seals[1].open(), seals=seals)
    assert found == {
        "source-free": True,
        "few-shot": True,
        "unsupervised": False,
        "training-free": True,
    }
    assert seals[1].openings == 1 and "open" not in repr(seals[0]).split("(")[1].replace(
        "openings", ""
    )


def test_eleven_clips_are_no_longer_few(method):
    assert watch(method, clips=10)["few-shot"]
    assert not watch(method, clips=11)["few-shot"]


def test_the_watch_ends_even_when_enrolling_fails(method, tmp_path):
    def fail():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        watch_enrollment(fail, clips=1, model=method)
    (tmp_path / "later.csv").write_text("x")
    assert watch(method)["source-free"]
