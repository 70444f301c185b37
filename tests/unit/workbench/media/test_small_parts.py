"""The small modules under decoding: cache, names, orientation, groups of pictures."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.media.cache import BytesCache
from workbench.media.gops import Entry, entry_kind, is_well_timed, ranges_to_feed, shown_tick
from workbench.media.names import display_name, safe_text, shortened
from workbench.media.orientation import matrix_from_bytes, rotation_degrees


def test_bytes_cache__an_error_is_not_kept() -> None:
    cache = BytesCache(100, len)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: b"x" * (1 // 0))
    assert cache.get("a", lambda: b"good") == b"good"


def test_bytes_cache__too_large_is_made_but_not_kept() -> None:
    cache = BytesCache(3, len)
    assert cache.get("a", lambda: b"12345") == b"12345"
    assert "a" not in cache


def test_bytes_cache__used_last_stays() -> None:
    cache = BytesCache(2, len)
    for key in "aba":
        cache.get(key, lambda: b"1")
    cache.get("c", lambda: b"1")
    assert [key in cache for key in "abc"] == [True, False, True]


def test_bytes_cache__threads_make_once() -> None:
    cache, start, made = BytesCache(100, len), Barrier(8), []

    def ask(_: int) -> bytes:
        start.wait()
        return cache.get("key", lambda: made.append(1) or b"value")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {b"value"}
    assert len(made) == 1


@given(st.binary(max_size=60).filter(lambda name: b"\0" not in name))
def test_safe_text__any_name_is_valid_text_on_one_line(name: bytes) -> None:
    import os

    text = safe_text(os.fsdecode(name))
    text.encode("utf-8")
    assert not any(ord(char) < 0x20 or char in "\x7f\x85\u2028\u2029\u202e" for char in text)


@given(st.text(min_size=1, max_size=200), st.integers(3, 80))
def test_shortened__never_longer(text: str, limit: int) -> None:
    assert len(shortened(text, limit)) == min(len(text), limit)


def test_display_name__keeps_the_ending() -> None:
    assert display_name("/a/" + "x" * 200 + ".mp4").endswith(".mp4")


@pytest.mark.parametrize(
    ("matrix", "degrees"),
    [
        ((65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30), 0),
        ((0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30), 90),
        ((0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30), 270),
        ((64000, 9000, 0, -9000, 64000, 0, 0, 0, 1 << 30), 0),
        ((0,) * 9, 0),
        (None, 0),
    ],
)
def test_rotation_degrees__nearest_quarter_turn(matrix: tuple[int, ...] | None, degrees: int) -> None:
    assert rotation_degrees(matrix) == degrees


def test_matrix_from_bytes__too_short() -> None:
    assert matrix_from_bytes(b"\0" * 20) is None


def test_is_well_timed__a_jump_back_is_not() -> None:
    assert is_well_timed(list(range(200)))
    assert not is_well_timed([*range(100, 200), *range(100)])
    assert not is_well_timed([])


@given(st.lists(st.integers(-1000, 1000), min_size=1, unique=True).map(sorted), st.integers(-1100, 1100))
def test_shown_tick__last_at_or_before(ticks: list[int], tick: int) -> None:
    before = [candidate for candidate in ticks if candidate <= tick]
    assert shown_tick(ticks, tick) == (before[-1] if before else ticks[0])


@given(st.data())
def test_ranges_to_feed__start_at_keys_and_hold_what_is_wanted(data: st.DataObject) -> None:
    ticks = data.draw(st.permutations(range(20)))
    keys = sorted({0, *data.draw(st.sets(st.integers(0, 19)))})
    usable = set(data.draw(st.sets(st.sampled_from(keys))))
    wanted = data.draw(st.sets(st.integers(0, 19), min_size=1))
    ranges = ranges_to_feed(ticks, keys, wanted, lambda key: Entry.CLEAN if key in usable else Entry.UNUSABLE)
    fed = {place for first, last in ranges for place in range(first, last + 1)}
    assert {ticks.index(tick) for tick in wanted} <= fed
    assert all(first == 0 or first in usable for first, _ in ranges)
    assert all(one[1] + 1 < two[0] for one, two in pairwise(ranges))


def test_entry_kind__h264() -> None:
    recovery = b"\x00\x00\x01\x06\x06\x01%c\x80\x00\x00\x01\x41"
    assert entry_kind("h264", recovery % 0xC0, None) is Entry.AFTER_FLUSH
    assert entry_kind("h264", recovery % 0x40, None) is Entry.UNUSABLE
    assert entry_kind("h264", b"\x00\x00\x01\x41", None) is Entry.UNUSABLE
    avcc = b"\x01\x64\x00\x1f\xff"
    assert entry_kind("h264", b"\x00\x00\x00\x02\x65\x88", avcc) is Entry.CLEAN
    assert entry_kind("h264", b"", avcc) is Entry.UNUSABLE
    assert entry_kind("hevc", b"", None) is Entry.AFTER_FLUSH


def test_bytes_cache__a_value_that_is_made_twice_counts_once() -> None:
    cache = BytesCache(100, len)
    cache._store("a", b"x" * 40)
    cache._store("a", b"y" * 40)
    assert cache._bytes == 40
    assert cache.get("a", lambda: b"") == b"y" * 40
