"""Work that is waited for later."""

import functools
import weakref

import pytest

from models.pending import Pending


class Rows:
    pass


def test_result__waits_once_and_lets_go_of_the_work():
    calls, work = [], Rows()
    pending = Pending(functools.partial(lambda held: calls.append(type(held)) or 7, work))
    gone = weakref.ref(work)
    del work
    assert gone() is not None
    assert [pending.result(), pending.result()] == [7, 7]
    assert len(calls) == 1
    assert gone() is None


def test_result__raises_what_the_work_raised_each_time():
    pending = Pending(lambda: 1 / 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            pending.result()
