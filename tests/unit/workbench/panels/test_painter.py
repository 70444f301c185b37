import asyncio
import threading
from itertools import pairwise

from workbench.panels.painter import Painter
from workbench.session import Session


def test_ask__without_a_loop_paints_at_once_in_the_same_thread():
    painter, painted = Painter(Session()), []
    painter.ask(lambda: painted.append(threading.get_ident()))
    assert painted == [threading.get_ident()]


def test_ask__many_wishes_from_a_thread_cost_few_paints_and_end_on_the_last_value():
    async def main():
        painter, state, seen = Painter(Session(), interval_s=0.02), [0], []
        last = asyncio.Event()

        def paint():
            seen.append((state[0], threading.get_ident()))
            if state[0] == 2000:
                last.set()

        def work():
            for number in range(1, 2001):
                state[0] = number
                painter.ask(paint)

        await asyncio.to_thread(work)
        await last.wait()
        return seen

    seen = asyncio.run(main())
    assert seen[-1][0] == 2000
    assert len(seen) < 200
    assert {thread for _, thread in seen} == {threading.get_ident()}


def test_ask__rounds_keep_their_distance():
    async def main():
        painter, times = Painter(Session(), interval_s=0.05), []
        loop, enough = asyncio.get_running_loop(), asyncio.Event()

        def paint():
            times.append(loop.time())
            painter.ask(paint) if len(times) < 4 else enough.set()

        painter.ask(paint)
        await enough.wait()
        return times

    times = asyncio.run(main())
    assert all(later - earlier >= 0.045 for earlier, later in pairwise(times))


def test_ask__an_error_is_shown_and_the_others_still_paint():
    session = Session()
    painter, painted = Painter(session), []

    def broken():
        raise ZeroDivisionError("oops")

    painter.ask(broken)
    painter.ask(lambda: painted.append(1))
    assert painted == [1]
    assert "ZeroDivisionError while showing the panel" in session.status.text


def test_call__hops_to_the_home_thread():
    async def main():
        painter, where, called = Painter(Session()), [], asyncio.Event()

        def note():
            where.append(threading.get_ident())
            called.set()

        await asyncio.to_thread(painter.call, note)
        await called.wait()
        return where

    assert asyncio.run(main()) == [threading.get_ident()]


def test_ask__after_the_loop_has_gone_paints_directly():
    async def main():
        return Painter(Session())

    painter, painted = asyncio.run(main()), []
    painter.ask(lambda: painted.append(1))
    assert painted == [1]
