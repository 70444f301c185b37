"""Manifests in every format: what they ask for, and what is wrong with a row."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from workbench import bounded_parquet
from workbench.media import manifests
from workbench.media.clips import ClipSet
from workbench.media.sources import load_clips

ROWS = [
    {"path": "films/a.mp4", "start_s": 0.5, "stop_s": 1.5, "caption": "a grey ramp", "key": "first"},
    {"path": "films/a.mp4", "start_s": None, "stop_s": None, "caption": None, "key": None},
    {"path": "gone.mp4", "start_s": None, "stop_s": None, "caption": "x", "key": "third"},
]


@pytest.fixture
def folder(ramp: Path, tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    shutil.copy(ramp, tmp_path / "films" / "a.mp4")
    return tmp_path


def load(folder: Path, name: str, text: str | bytes) -> ClipSet:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_clips(path)


def reasons(clips: ClipSet) -> list[str]:
    return [f"{Path(error.path).name}: {error.reason}" for error in clips.errors]


@pytest.mark.parametrize("ending", ["csv", "tsv", "json", "jsonl", "parquet"])
def test_load_clips__every_format_says_the_same(folder: Path, ending: str) -> None:
    table, path = pd.DataFrame(ROWS).assign(other=1), folder / f"list.{ending}"
    if ending in {"csv", "tsv"}:
        table.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    elif ending == "parquet":
        table.to_parquet(path, index=False)
    else:
        records = [json.dumps(row) for row in ROWS]
        path.write_text("\n".join(records) if ending == "jsonl" else f"[{','.join(records)}]")
    clips = load_clips(path)
    assert [(c.key, c.start_s, c.stop_s, c.caption) for c in clips] == [
        ("first", 0.5, 1.5, "a grey ramp"),
        ("films/a.mp4", 0.0, 3.0, ""),
    ]
    place = {"csv": "line 4", "tsv": "line 4", "jsonl": "line 3"}.get(ending, "row 3")
    assert reasons(clips) == [f"list.{ending}, {place}: There is no file gone.mp4."]
    assert clips[0].frames(2).times_s[0] >= 0.5


def test_load_clips__text_with_a_path_a_line(folder: Path, ramp: Path) -> None:
    clips = load(folder, "list.txt", f"\ufeff# remarks\n\nfilms/a.mp4\r\n{ramp}\n")
    assert clips.keys == ["films/a.mp4", str(ramp)]


def test_load_clips__bad_rows_end_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MAX_LINE_BYTES", 200)
    text = "Path;START_S;stop_s\n" + "\n".join(
        [
            "films/a.mp4;two;",
            ";1;2",
            "films/a.mp4;-1;",
            "films/a.mp4;2;1",
            "films/a.mp4;99;",
            "x" * 900,
            "a\0b.mp4;;",
            "films/a.mp4;nan;inf",
            "films/a.mp4;1;99",
        ]
    )
    clips = load(folder, "list.csv", text)
    assert [(clip.start_s, clip.stop_s) for clip in clips] == [(1.0, 3.0)]
    found = sorted(reasons(clips))
    assert [one.split(":")[0] for one in found] == [f"list.csv, line {number}" for number in range(2, 10)]
    for reason, part in zip(
        found,
        [
            "start_s is 'two'",
            "no path",
            "-1",
            "nothing from 2 to 1",
            "nothing from 99",
            "longer",
            "zero",
            "nan",
        ],
        strict=True,
    ):
        assert part in reason


def test_load_clips__json_lines_that_are_no_records(folder: Path) -> None:
    lines = ['{"path": "films/a.mp4"}', "[1]", "not json", '{"path": 7}', '"films/a.mp4"', "[" * 9000]
    lines += ['{"path": "\\ud800.mp4"}', '{"path": "~nobody/x.mp4"}']
    clips = load(folder, "list.jsonl", "\n".join(lines))
    assert clips.keys == ["films/a.mp4"]  # the last good row names the same file: it is kept once
    assert [one.split(":")[0] for one in sorted(reasons(clips))] == [
        f"list.jsonl, line {number}" for number in (2, 3, 4, 6, 7, 8)
    ]


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("a.csv", "file,caption\nx.mp4,y\n", "has no column named path; its columns: file, caption"),
        ("a.csv", "<b>\x1b[31m\n1\n", "its columns: <b>\\x1b[31m"),
        ("a.json", '{"path": "x"}', "holds a dict, not a list"),
        ("a.json", "[1,", "not JSON"),
        ("a.parquet", b"PAR1 this is not one PAR1", "no sound Parquet file"),
        ("a.csv", "", "empty"),
    ],
)
def test_load_clips__what_is_no_manifest(folder: Path, name: str, text: str, part: str) -> None:
    clips = load(folder, name, text)
    assert len(clips) == 0
    assert len(clips.errors) == 1
    assert part in clips.errors[0].reason


def test_load_clips__parquet_without_paths_or_too_large(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pd.DataFrame({"url": ["x"]}).to_parquet(folder / "a.parquet")
    assert "its columns: url" in load_clips(folder / "a.parquet").errors[0].reason
    pd.DataFrame({"path": ["x" * 9999] * 99}).to_parquet(folder / "b.parquet")
    assert len(load_clips(folder / "b.parquet").errors) == 99
    monkeypatch.setattr(bounded_parquet, "LEAST_BOUND_BYTES", 100)
    assert "unpacks to more than 100 times its size" in load_clips(folder / "b.parquet").errors[0].reason
    pd.DataFrame({"path": ["x" * 999]}).to_parquet(folder / "b.parquet")
    monkeypatch.setattr(manifests, "MAX_COLUMN_BYTES", 100)
    assert "smaller row groups" in load_clips(folder / "b.parquet").errors[0].reason


def test_load_clips__hostile_texts_are_made_safe(folder: Path) -> None:
    row = {
        "path": "films/a.mp4",
        "key": "<script>\n\x1b[2J\ud800",
        "caption": "<img src=x>\u202e\n" + "x" * 9000,
    }
    clips = load(folder, "list.jsonl", json.dumps(row))
    (clip,) = clips
    text = clip.key + clip.caption
    assert text.encode()
    assert not any(ord(char) < 32 for char in text)
    assert "\u202e" not in text
    assert len(clip.caption) <= 1000
    assert "<script>" not in clips._repr_html_()
    assert "<img src=x>" not in clips._repr_html_()


def test_load_clips__a_manifest_in_a_folder_is_no_clip(folder: Path) -> None:
    (folder / "list.csv").write_text("path\nfilms/a.mp4\nfilms/a.mp4\n")
    clips = load_clips(folder)
    assert clips.keys == ["films/a.mp4"]
    assert clips.outcomes.ignored == 1


def test_load_clips__a_manifest_may_name_members_and_other_folders(folder: Path, ramp: Path) -> None:
    import tarfile

    with tarfile.open(folder / "0.tar", "w") as tar:
        tar.add(ramp, "1.mp4")
    clips = load(folder / "films", "list.txt", "../0.tar/1.mp4\n")
    assert clips.keys == ["../0.tar/1.mp4"]
    assert len(clips[0].frames(2)) == 2
