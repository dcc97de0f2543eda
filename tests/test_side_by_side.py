"""Tests beside tests, and tests alone: who waits for whom."""

import threading

from tests.conftest import beside_others

ROOMS = ["gw0", "gw1", "gw2"]
PATIENCE = 30  # seconds; only a failure waits so long
MOMENT = 0.3  # seconds in which one who need not wait would long have begun


class Test:
    """One that begins in its room, or in all, and ends when told to."""

    __test__ = False

    def __init__(self, folder, room: str, *, alone: bool = False) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run, args=(folder, room, alone), daemon=True)
        self.thread.start()

    def _run(self, folder, room: str, alone: bool) -> None:
        with beside_others(folder, room, ROOMS, alone=alone):
            self.began.set()
            self.may_end.wait(PATIENCE)

    def end(self) -> None:
        self.may_end.set()
        self.thread.join(PATIENCE)


def test_others_run_beside_each_other(tmp_path):
    tests = [Test(tmp_path, room) for room in ROOMS]
    assert all(test.began.wait(PATIENCE) for test in tests)
    for test in tests:
        test.end()


def test_one_alone_waits_for_those_within_and_holds_off_those_who_come_later(tmp_path):
    within = Test(tmp_path, "gw0")
    assert within.began.wait(PATIENCE)
    alone = Test(tmp_path, "gw1", alone=True)
    assert not alone.began.wait(MOMENT), "one is still within"
    later = Test(tmp_path, "gw2")
    assert not later.began.wait(MOMENT), "it would get ahead of one who waits"
    within.end()
    assert alone.began.wait(PATIENCE)
    assert not later.began.wait(MOMENT), "it would run beside one who is alone"
    alone.end()
    assert later.began.wait(PATIENCE)
    later.end()
