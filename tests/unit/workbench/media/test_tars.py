"""Walking tar archives whose headers are made to do harm."""

import bz2
import gzip
import lzma
import random
import tracemalloc

import pytest

from workbench.errors import UnsupportedMediaError
from workbench.media import tars
from workbench.media.archive import list_shard
from workbench.media.shards import read_shard
from workbench.media.tars import ShardProblem

END = b"\0" * 1024


def header(name, size, kind=b"0"):
    """One block with a right checksum; a size that octal digits cannot hold goes in as a binary number."""
    block = bytearray(512)
    block[: len(name)] = name
    block[100:108], block[108:116], block[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    octal = b"%011o\0" % size if 0 <= size < 8**11 else b""
    block[124:136] = octal or (b"\xff" if size < 0 else b"\x80") + (size % 2**88).to_bytes(11, "big")
    block[136:148], block[156:157], block[257:265] = b"%011o\0" % 0, kind, b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(content):
    return content + b"\0" * (-len(content) % 512)


def member(name=b"a.jpg", content=b"abc"):
    return header(name, len(content)) + padded(content)


def pax(**records):
    """A header with records of its own; "__" in a name stands for a dot."""
    lines = b""
    for name, value in records.items():
        line = f" {name.replace('__', '.')}={value}\n".encode()
        length = next(n for n in range(len(line), len(line) + 9) if n == len(line) + len(str(n)))
        lines += str(length).encode() + line
    return header(b"x", len(lines), b"x") + padded(lines)


SPARSE = {"GNU__sparse__major": 1, "GNU__sparse__minor": 0, "GNU__sparse__name": "s.jpg"}
HARM = {
    "headers without end": pax(path="b.jpg") * 3000,
    "names without end": (header(b"l", 6, b"L") + padded(b"b.jpg\0")) * 3000,
    "a long name of 8 GB": header(b"l", 8**11 - 1, b"L"),
    "records of 8 GB": header(b"x", 8**11 - 1, b"x"),
    "records of fewer than no bytes": header(b"x", -512, b"x"),
    "a record that is no record": header(b"x", 40, b"x") + padded(b"99999999999999999999 path=b.jpg\n"),
    "2 ** 70 bytes": header(b"b.jpg", 2**70),
    "2 ** 63 bytes": header(b"b.jpg", 2**63 - 1),
    "fewer than no bytes": header(b"b.jpg", -(2**60)),
    "a stated size that is huge": pax(size=2**70),
    "holes of no size": pax(**SPARSE, GNU__sparse__size="zz"),
    "a map of holes that is none": pax(**SPARSE, GNU__sparse__realsize=10) + member(b"s", b"zz\n0\n0\n"),
    "a map of holes without end": pax(**SPARSE, GNU__sparse__realsize=10)
    + header(b"s", 8**11 - 1)
    + b"9999999\n"
    + b"0\n" * (2 << 20),
    "an old map of holes": pax(GNU__sparse__map="0,5,x"),
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("harm", HARM)
def test_read_shard__ends_where_headers_do_harm(tmp_path, harm, pack):
    path = tmp_path / "0.tar"
    path.write_bytes(pack(member(b"first.jpg") + HARM[harm] + member(b"last.jpg") + END))
    tracemalloc.start()
    try:
        found = list(read_shard(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    samples = [one.key for one in found if not isinstance(one, ShardProblem)]
    problems = [str(one) for one in found if isinstance(one, ShardProblem)]
    assert samples[0] == "first"
    assert 1 <= len(problems) <= 2  # the member, and that the rest was not read
    assert peak < 40 << 20
    if pack is bytes:
        listed = list_shard(path)
        assert listed.files[0].key == "first"
        assert len(listed.broken) == len(problems)


@pytest.mark.parametrize("harm", HARM)
def test_read_shard__harm_in_the_first_header(tmp_path, harm):
    path = tmp_path / "0.tar"
    path.write_bytes(HARM[harm] + END)
    try:
        found = list(read_shard(path))
    except UnsupportedMediaError:
        return
    assert found
    assert all(isinstance(one, ShardProblem) for one in found)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_read_shard__damage_anywhere_is_a_problem_or_no_archive(tmp_path, pack):
    draw = random.Random(0)
    records = [pax(path=f"p{number}.jpg") + member() for number in range(9)]
    parts = [member(b"%d.jpg" % number, draw.randbytes(700)) for number in range(9)]
    content = pack(b"".join([*parts, *records]) + END)
    path = tmp_path / "0.tar"
    outcomes = set()
    for _ in range(200):
        damaged = bytearray(content)
        for _ in range(draw.randint(1, 6)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        path.write_bytes(damaged[: draw.randrange(len(damaged)) if draw.random() < 0.3 else None])
        try:
            outcomes.add(any(isinstance(one, ShardProblem) for one in read_shard(path)))
        except UnsupportedMediaError:
            outcomes.add(None)
    assert None in outcomes
    assert True in outcomes or pack is bz2.compress  # so small a file is one block there


def test_read_shard__counts_members(tmp_path, monkeypatch):
    monkeypatch.setattr(tars, "MAX_MEMBERS", 2)
    path = tmp_path / "0.tar"
    path.write_bytes(b"".join(member(b"%d.jpg" % number) for number in range(4)) + END)
    found = list(read_shard(path))
    assert [one.key for one in found if not isinstance(one, ShardProblem)] == ["0", "1"]
    assert [str(one) for one in found if isinstance(one, ShardProblem)] == [
        "0.tar, 2.jpg: at most 2 members are read; the rest was not"
    ]


def test_read_shard__bounds_a_sample(tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.media.shards.MAX_SAMPLE_BYTES", 5)
    path = tmp_path / "0.tar"
    path.write_bytes(member(b"a.jpg") + member(b"a.png") + member(b"b.png") + END)
    problem, *_ = [one for one in read_shard(path) if isinstance(one, ShardProblem)]
    assert str(problem) == "0.tar, a.png: a sample has at most 5 bytes"


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_read_shard__one_that_was_cut_between_two_members_says_so(tmp_path, pack):
    (tmp_path / "a.tar").write_bytes(pack(member(b"a.jpg") + member(b"b.jpg")))
    found = list(read_shard(tmp_path / "a.tar"))
    problems = [one for one in found if isinstance(one, ShardProblem)]
    assert [one.key for one in found if one not in problems] == ["a", "b"]
    assert ["damaged after b.jpg" in str(one) for one in problems] == [True]
    (tmp_path / "b.tar").write_bytes(pack(member(b"a.jpg") + member(b"b.jpg") + END))
    assert [one.key for one in read_shard(tmp_path / "b.tar")] == ["a", "b"]
