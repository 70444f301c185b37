"""Reading tar shards: good ones, broken ones, hostile ones."""

import gzip
import io
import random
import tarfile

import pytest

from workbench.errors import SourceNotFoundError, UnsupportedMediaError
from workbench.media.shards import ShardSample, read_shard
from workbench.media.tars import ShardProblem


def member(name, content=b"x", *, kind=tarfile.REGTYPE, size=None, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(content) if size is None else size
    return info, content


@pytest.fixture
def shard(tmp_path):
    """Write a shard of the members given."""

    def write(*members):
        path = tmp_path / "00000.tar"
        with tarfile.open(path, "w") as tar:
            for info, content in members:
                tar.addfile(info, io.BytesIO(content))
        return path

    return write


def split(path, **options):
    found = list(read_shard(path, **options))
    return (
        [one for one in found if isinstance(one, ShardSample)],
        [one for one in found if isinstance(one, ShardProblem)],
    )


def test_read_shard__groups_by_key_in_order(shard):
    path = shard(
        member("b/1.jpg", b"one"), member("b/1.JSON", b"{}"), member("b/0.jpg"), member("./c.seg.png")
    )
    samples, problems = split(path)
    assert not problems
    assert [(one.key, sorted(one.parts)) for one in samples] == [
        ("b/1", ["jpg", "json"]),
        ("b/0", ["jpg"]),
        ("c", ["seg.png"]),
    ]
    assert samples[0].parts["jpg"] == b"one"


def test_read_shard__only_the_parts_asked_for(shard):
    samples, _ = split(shard(member("1.jpg"), member("1.txt"), member("2.txt")), suffixes={".JPG"})
    assert [(one.key, set(one.parts)) for one in samples] == [("1", {"jpg"}), ("2", set())]


def test_read_shard__an_incomplete_sample_is_listed(shard):
    samples, problems = split(shard(member("1.jpg"), member("1.txt"), member("2.txt")), required=("jpg",))
    assert [one.key for one in samples] == ["1"]
    assert str(problems[0]) == "00000.tar, 2: it lacks jpg"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (member("/etc/passwd.jpg"), "leaves the folder"),
        (member("../up.jpg"), "leaves the folder"),
        (member("a/../../up.jpg"), "leaves the folder"),
        (member("C:/up.jpg"), "leaves the folder"),
        (member("a\\b.jpg"), "leaves the folder"),
        (member("link.jpg", b"", kind=tarfile.SYMTYPE, link="/etc/passwd"), "a link"),
        (member("hard.jpg", b"", kind=tarfile.LNKTYPE, link="1.jpg"), "a link"),
        (member("null.jpg", b"", kind=tarfile.CHRTYPE), "a device"),
        (member("pipe.jpg", b"", kind=tarfile.FIFOTYPE), "a pipe"),
        (member("big.jpg", b"y" * 2000), "at most 1,000 are read"),
        (member("none"), "no suffix"),
    ],
    ids=lambda value: value[0].name if isinstance(value, tuple) else "",
)
def test_read_shard__hostile_members_are_listed_and_the_others_read(shard, bad, reason):
    samples, problems = split(shard(member("1.jpg"), bad, member("2.jpg")), max_member_bytes=1000)
    assert [one.key for one in samples] == ["1", "2"]
    assert len(problems) == 1
    assert reason in problems[0].reason
    assert problems[0].shard == "00000.tar"


def test_read_shard__keys_and_parts_that_come_twice(shard):
    samples, problems = split(
        shard(member("1.jpg", b"a"), member("1.jpg", b"b"), member("2.jpg"), member("1.jpg", b"c"))
    )
    assert [(one.key, one.parts) for one in samples] == [("1", {"jpg": b"a"}), ("2", {"jpg": b"x"})]
    assert [one.reason for one in problems] == [
        "this part is in the sample twice",
        "this key was in the shard before",
    ]


def test_read_shard__markup_and_control_characters_stay_text(shard):
    samples, _ = split(shard(member("<img src=x>.jpg"), member("two\nlines.jpg")))
    assert [one.key for one in samples] == ["<img src=x>", "two\\nlines"]


def test_read_shard__cut_off_in_a_member(shard, tmp_path):
    path = shard(member("1.jpg", b"a" * 2000), member("2.jpg", b"b" * 2000))
    cut = tmp_path / "cut.tar"
    cut.write_bytes(path.read_bytes()[:4500])
    samples, problems = split(cut)
    assert [one.key for one in samples] == ["1"]
    assert "the rest was not read" in problems[-1].reason


def test_read_shard__a_damaged_header_is_not_taken_for_the_end(shard, tmp_path):
    content = bytearray(shard(member("1.jpg"), member("2.jpg"), member("3.jpg")).read_bytes())
    content[1024:1100] = b"?" * 76
    bad = tmp_path / "bad.tar"
    bad.write_bytes(content)
    samples, problems = split(bad)
    assert [one.key for one in samples] == ["1"]
    assert "damaged after 1.jpg" in problems[-1].reason


def test_read_shard__gzip(shard, tmp_path):
    noise = random.Random(0).randbytes(9000)
    packed = tmp_path / "00000.tar.gz"
    packed.write_bytes(
        gzip.compress(shard(member("1.jpg", noise[:4000]), member("2.jpg", noise)).read_bytes())
    )
    assert [one.key for one in split(packed)[0]] == ["1", "2"]
    packed.write_bytes(packed.read_bytes()[:8000])
    samples, problems = split(packed)
    assert [one.key for one in samples] == ["1"]
    assert "the rest was not read" in problems[-1].reason


def test_read_shard__a_sparse_giant_is_listed_at_once(tmp_path):
    info = tarfile.TarInfo("huge.jpg")
    info.size = 10 * 2**30
    path = tmp_path / "sparse.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT))
    with path.open("r+b") as file:
        file.truncate(info.size + 2048)
    samples, problems = split(path)
    assert not samples
    assert "10,737,418,240 bytes" in problems[0].reason


@pytest.mark.parametrize("content", [b"not a tar" * 200, b"\x1f\x8b broken gzip"])
def test_read_shard__what_is_no_archive(tmp_path, content):
    path = tmp_path / "x.tar"
    path.write_bytes(content)
    with pytest.raises(UnsupportedMediaError, match=r"x\.tar is no tar archive"):
        list(read_shard(path))


def test_read_shard__missing(tmp_path):
    with pytest.raises(SourceNotFoundError):
        list(read_shard(tmp_path / "none.tar"))
