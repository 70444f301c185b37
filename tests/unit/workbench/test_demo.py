"""The demo: the bundled clips, ranked without a browser."""

import json

import pytest

from workbench import cli


def demo(out, *words):
    with pytest.raises(SystemExit) as left:
        cli.main(["demo", "--out", str(out), *words])
    return left.value.code or 0


@pytest.mark.slow
def test_demo__the_right_clip_is_first(tmp_path, capsys):
    out = tmp_path / "deep" / "demo"
    assert demo(out, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["prompts"]) >= 10
    assert document["right_first"] >= 0.9 * len(document["prompts"])
    assert (out / "heatmap.png").read_bytes().startswith(b"\x89PNG")
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("data:video/mp4;base64,") == document["clips"]


def test_demo__prints_the_table_and_may_be_repeated(tmp_path, capsys, color_model):
    for _ in range(2):
        assert demo(tmp_path, "--model", color_model) == 0
    text = capsys.readouterr().out
    assert "a crimson ball slides to the right" in text
    assert "The right clip is first for" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["heatmap.png", "index.html"]


def test_demo__a_clip_that_cannot_be_read_fails_it(tmp_path, capsys, color_model, monkeypatch):
    from workbench import sample_clips

    clips = sample_clips()
    clips.add(tmp_path / "gone.mp4")
    monkeypatch.setattr("workbench.sample_clips", lambda: clips)
    assert demo(tmp_path / "out", "--model", color_model) == 1
    assert "gone.mp4" in capsys.readouterr().err


def test_demo__a_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert demo(tmp_path / "file" / "demo") == 1
    assert "--out" in capsys.readouterr().err
