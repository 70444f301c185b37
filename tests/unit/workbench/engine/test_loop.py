import threading
import time

import numpy as np
import pytest

from workbench.engine.loop import Batch, Prepared, StopSignal, chunks, prefetch, run_batches
from workbench.engine.sizing import BatchSizer


def each(prepare):
    """Prepare the items of a unit one by one."""
    return lambda unit: [prepare(item) for item in unit]


def test_prefetch__never_runs_further_ahead_than_told():
    started, taken, most = [], 0, 0
    for _ in prefetch(range(50), started.append, workers=2, ahead=lambda: 5, stop=StopSignal()):
        taken += 1
        most = max(most, len(started) - taken)
    assert taken == 50
    assert most <= 5


def test_prefetch__reads_its_source_only_as_far_as_needed():
    read = []

    def source():
        for i in range(1000):
            read.append(i)
            yield i

    steps = prefetch(source(), lambda i: i, workers=1, ahead=lambda: 3, stop=StopSignal())
    assert next(steps) == 0
    steps.close()
    assert len(read) <= 4


def test_prefetch__an_exception_comes_where_its_item_would_have_come():
    def prepare(i):
        if i == 3:
            raise ZeroDivisionError
        return i

    got = []
    with pytest.raises(ZeroDivisionError):
        got.extend(prefetch(range(9), prepare, workers=2, ahead=lambda: 4, stop=StopSignal()))
    assert got in ([0, 1, 2], [])


def test_prefetch__stop_wakes_up_a_waiting_reader():
    never, stop = threading.Event(), StopSignal()
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    got = list(prefetch(range(4), lambda _: never.wait(60), workers=2, ahead=lambda: 4, stop=stop))
    assert got == []
    assert time.monotonic() - began < 30
    never.set()


def test_run_batches__a_problem_in_the_middle_splits_nothing():
    def prepare(i):
        return Prepared(i, problem="odd one") if i == 2 else Prepared(i, value=float(i))

    outcomes = list(
        run_batches(
            chunks(range(6), 1),
            each(prepare),
            lambda values: lambda: np.array(values)[:, None],
            sizer=BatchSizer(3),
            workers=2,
            stop=StopSignal(),
        )
    )
    batches = [outcome for outcome in outcomes if isinstance(outcome, Batch)]
    assert [[one.item for one in batch.items] for batch in batches] == [[0, 1, 3], [4, 5]]
    assert [batch.rows.ravel().tolist() for batch in batches] == [[0, 1, 3], [4, 5]]
    assert [one.item for one in outcomes if isinstance(one, Prepared)] == [2]


def test_run_batches__prepared_values_are_let_go():
    outcomes = run_batches(
        chunks(range(4), 1),
        each(lambda i: Prepared(i, value=np.zeros(9))),
        lambda values: lambda: np.zeros((len(values), 1)),
        sizer=BatchSizer(2),
        workers=1,
        stop=StopSignal(),
    )
    assert all(one.value is None for batch in outcomes for one in batch.items)


class Accelerator:
    """Starts steps and notes in which order they were started and waited for; two at once are too much."""

    def __init__(self, most_items=99):
        self.log = []
        self.most_items = most_items
        self.held = 0

    def start(self, values):
        if self.held + len(values) > self.most_items:
            raise MemoryError
        self.held += len(values)
        self.log.append(("start", values[0]))

        def finish():
            self.held -= len(values)
            self.log.append(("wait", values[0]))
            return np.array(values, float)[:, None]

        return finish

    def rows(self, *, overlap, batch_size=2, count=6):
        outcomes = run_batches(
            chunks(range(count), 1),
            each(lambda i: Prepared(i, value=i)),
            self.start,
            sizer=BatchSizer(batch_size),
            workers=1,
            stop=StopSignal(),
            overlap=overlap,
        )
        return [row for batch in outcomes for row in batch.rows.ravel().tolist()]


def test_run_batches__overlapping_starts_the_next_step_before_it_takes_the_rows_of_one():
    device, log = Accelerator(), []
    outcomes = run_batches(
        chunks(range(6), 1),
        each(lambda i: Prepared(i, value=i)),
        lambda values: log.append(values[0]) or device.start(values),
        sizer=BatchSizer(2),
        workers=1,
        stop=StopSignal(),
        overlap=True,
    )
    assert next(outcomes).rows.ravel().tolist() == [0, 1]
    assert log == [0, 2]
    assert [row for batch in outcomes for row in batch.rows.ravel().tolist()] == [2, 3, 4, 5]


def test_run_batches__without_overlap_a_step_is_waited_for_at_once():
    device = Accelerator()
    assert device.rows(overlap=False) == [0, 1, 2, 3, 4, 5]
    assert [kind for kind, _ in device.log] == ["start", "wait"] * 3


def test_run_batches__overlapping_and_out_of_memory_loses_nothing():
    device = Accelerator(most_items=4)
    assert device.rows(overlap=True, batch_size=4, count=9) == list(range(9))


def test_run_batches__units_of_any_length_come_one_by_one():
    def prepare(unit):
        return [Prepared(i, problem="odd one") if i == 5 else Prepared(i, value=i) for i in unit]

    outcomes = list(
        run_batches(
            [[0, 1, 2, 3, 4, 5, 6], [7], [], [8, 9]],
            prepare,
            lambda values: lambda: np.array(values)[:, None],
            sizer=BatchSizer(4),
            workers=2,
            stop=StopSignal(),
        )
    )
    rows = [outcome.rows.ravel().tolist() for outcome in outcomes if isinstance(outcome, Batch)]
    assert rows == [[0, 1, 2, 3], [4, 6, 7, 8], [9]]


def test_run_batches__long_units_are_not_prepared_far_ahead():
    started = []

    def prepare(unit):
        started.append(len(unit))
        return [Prepared(i, value=i) for i in unit]

    outcomes = run_batches(
        chunks(range(640), 16),
        prepare,
        lambda values: lambda: np.zeros((len(values), 1)),
        sizer=BatchSizer(16),
        workers=2,
        stop=StopSignal(),
    )
    assert [one.item for one in next(outcomes).items] == list(range(16))
    for taken in range(2, 9):
        next(outcomes)
        assert len(started) <= taken + 3  # one more than there are workers
    outcomes.close()
