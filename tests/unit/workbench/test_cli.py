"""The command line: what it prints where, its exit codes, and what odd files do to it."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from workbench import Embeddings, cli
from workbench.engine.embed import EmbedJob

HEAVY = {"torch", "transformers", "pandas", "matplotlib", "ipywidgets", "av", "jupyterlab"}


@pytest.fixture
def run(capsys):
    """Run a command line; gives exit code, stdout, stderr."""

    def call(*words: object):
        with pytest.raises(SystemExit) as left:
            cli.main([str(word) for word in words])
        printed = capsys.readouterr()
        return left.value.code or 0, printed.out, printed.err

    return call


def test_help__loads_nothing_heavy():
    code = (
        "import sys\nfrom workbench import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit as left:\n    assert not left.code\n"
        f"loaded = {HEAVY!r} & set(sys.modules)\nassert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    for command in ("lab", "demo", "models", "embed", "rank", "doctor"):
        assert command in done.stdout


@pytest.mark.parametrize(
    ("words", "commands"),
    [
        ((), "lab demo embed rank search doctor models store"),
        (("models",), "list show download verify remove check export new"),
        (("store",), "info ls gc export import"),
    ],
)
def test_help__lists_the_commands_in_the_order_of_a_day(run, words, commands):
    shown = run(*words, "--help")[1].partition("Commands")[2]
    places = [shown.index(f"│ {name} ") for name in commands.split()]
    assert places == sorted(places)


def test_version__is_that_of_the_package(run):
    from importlib.metadata import version

    assert run("--version")[1].strip() == f"workbench {version('embedding-workbench')}"


def test_main__an_unknown_option_is_a_usage_error(run):
    code, out, err = run("rank", "--topp", "3")
    assert code == 2
    assert not out
    assert "--topp" in err


@pytest.mark.parametrize("words", [["rank", "-p", "red"], ["embed", "--out", "x.npz"]])
def test_main__no_source_says_what_to_name(run, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*words)
    assert code == 1
    assert not out
    assert "--samples" in err
    assert "Traceback" not in err


def test_main__a_defect_is_a_message_and_debug_shows_the_trace(run, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("workbench.models_commands.show_models", broken)
    code, _, err = run("models")
    assert code == 1
    assert "ZeroDivisionError: planted" in err
    assert "--debug" in err
    with pytest.raises(ZeroDivisionError):
        cli.main(["models", "--debug"])


def test_models__lists_the_bundled_one(run):
    code, out, _ = run("models", "--json")
    cards = json.loads(out)
    assert code == 0
    assert "workbench/spriteclip-tiny" in [card["model_id"] for card in cards]
    assert "workbench/spriteclip-tiny" in run("models")[1]


def test_models_show__an_unknown_id_says_what_to_do(run):
    code, out, err = run("models", "show", "no-such-model")
    assert code == 1
    assert not out
    assert "no-such-model" in err
    assert "Next:" in err


def test_models_show__a_registered_one(run, color_model):
    code, out, _ = run("models", "show", color_model, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["card"]["model_id"] == color_model
    assert [one["accepted"] for one in found["candidates"]] == [True]


def test_rank__the_right_picture_is_first(run, color_model, picture_folder):
    code, out, err = run("rank", picture_folder, "-m", color_model, "-p", "red", "-p", "blue", "--top", "1")
    assert code == 0, err
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["prompt", "rank", "score", "clip"]
    assert [line[0::3] for line in lines[1:]] == [["red", "red.png"], ["blue", "blue.png"]]


def test_rank__json_is_one_document(run, color_model, picture_folder):
    code, out, _ = run("rank", picture_folder, "-m", color_model, "-p", "green", "--top", "2", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["clips"] == 4
    assert [best["rank"] for best in found["prompts"][0]["top"]] == [1, 2]
    best = found["prompts"][0]["top"][0]
    assert best["key"] == "green.png"
    assert best["score"] == pytest.approx(1.0, abs=1e-3)
    assert best["path"] == str(picture_folder / "green.png")


def test_rank__broken_files_are_listed_and_the_rest_is_ranked(run, color_model, picture_folder):
    (picture_folder / "notes.mp4").write_text("not a video")
    (picture_folder / "empty.png").touch()
    words = ["rank", picture_folder, "-m", color_model, "-p", "red"]
    code, out, err = run(*words)
    assert code == 0
    assert "red.png" in out
    assert "notes.mp4" in err
    assert "empty.png" in err
    assert "notes.mp4" not in out
    assert run(*words, "--strict")[0] == 3
    assert len(json.loads(run(*words, "--json")[1])["skipped"]) == 2


def test_rank__names_are_data(run, color_model, tmp_path):
    names = ["[red]markup[bold].png", "bell\a\x1b[31m.png", "<img src=x onerror=alert(1)>.png"]
    for name in names:
        Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / name)
    code, out, err = run("rank", tmp_path, "-m", color_model, "-p", "red [bold]x[/bold]", "--top", "3")
    assert code == 0
    assert "[red]markup[bold].png" in out
    assert "<img src=x onerror=alert(1)>.png" in out
    assert "red [bold]x[/bold]" in out
    assert "\x1b" not in out + err
    assert "\a" not in out + err


def test_rank__unknown_words_are_named(run, color_model, picture_folder):
    code, _, err = run("rank", picture_folder, "-m", color_model, "-p", "red giraffe")
    assert code == 0
    assert "does not know: 'giraffe'" in err


def test_rank__prompts_come_from_a_file_too(run, color_model, picture_folder, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("blue\n\n  yellow \n", encoding="utf-8")
    words = ["rank", picture_folder, "-m", color_model, "-p", "red", "--prompts-file", prompts, "--json"]
    found = json.loads(run(*words)[1])
    assert [one["prompt"] for one in found["prompts"]] == ["red", "blue", "yellow"]


def test_rank__no_prompt_and_no_prompts_file(run, color_model, picture_folder):
    assert "--prompt" in run("rank", picture_folder, "-m", color_model)[2]
    code, _, err = run("rank", picture_folder, "-m", color_model, "--prompts-file", "/no/such/file")
    assert code == 1
    assert "/no/such/file" in err


def test_rank__nothing_that_opens_ends_before_the_model_is_loaded(run, tmp_path):
    code, _, err = run("rank", tmp_path / "gone", "-p", "red", "-m", "no-such-model")
    assert code == 1
    assert "gone" in err
    assert "no-such-model" not in err


@pytest.mark.parametrize("ending", ["csv", "json", "html"])
def test_rank__writes_the_table(run, color_model, picture_folder, tmp_path, ending):
    out = tmp_path / f"ranking.{ending}"
    assert run("rank", picture_folder, "-m", color_model, "-p", "red", "--out", out)[0] == 0
    assert "red.png" in out.read_text(encoding="utf-8")


def test_rank__an_unknown_ending_is_refused_before_the_work(run, tmp_path):
    code, _, err = run("rank", "--samples", "-p", "red", "--out", tmp_path / "x.xlsx", "-m", "no-such-model")
    assert code == 1
    assert ".csv" in err


@pytest.mark.parametrize("ending", ["parquet", "npz"])
def test_embed__saved_vectors_are_ranked_without_the_clips(
    run, color_model, picture_folder, tmp_path, ending
):
    saved = tmp_path / f"vectors.{ending}"
    code, out, _ = run("embed", picture_folder, "-m", color_model, "--out", saved, "--json")
    document = json.loads(out)
    assert code == 0
    assert (document["clips"], document["dim"], document["skipped"]) == (4, 4, [])
    assert document["space"]["model_id"] == color_model
    assert np.allclose(np.linalg.norm(Embeddings.load(saved).vectors, axis=1), 1, atol=1e-5)
    for picture in picture_folder.iterdir():
        picture.unlink()
    code, out, err = run("rank", saved, "-p", "blue", "--top", "1")
    assert code == 0, err
    assert "blue.png" in out


def test_rank__a_manifest_in_parquet_is_a_manifest(run, color_model, picture_folder, tmp_path):
    manifest = tmp_path / "list.parquet"
    chosen = [{"path": str(one)} for one in sorted(picture_folder.iterdir()) if one.name != "red.png"]
    pd.DataFrame(chosen).to_parquet(manifest)
    code, out, err = run("rank", manifest, "-m", color_model, "-p", "blue", "--json")
    assert code == 0, err
    assert json.loads(out)["clips"] == len(chosen) == 3


def test_rank__a_broken_parquet_is_taken_for_saved_vectors(run, tmp_path):
    (tmp_path / "vectors.parquet").write_bytes(b"PAR1")
    code, _, err = run("rank", tmp_path / "vectors.parquet", "-p", "blue")
    assert code == 1
    assert "does not hold embeddings" in err


def test_embed__an_interrupt_keeps_what_is_done(run, gated_model, many_pictures, tmp_path, monkeypatch):
    wait, calls = EmbedJob.wait, []

    def interrupted(self, timeout=None):
        calls.append(timeout)
        if len(calls) == 1:
            assert gated_model.waiting.wait(30)
            raise KeyboardInterrupt
        return wait(self, timeout)

    monkeypatch.setattr(EmbedJob, "wait", interrupted)
    saved, folder = tmp_path / "vectors.npz", many_pictures[0].path.parent
    code, _, err = run("embed", folder, "-m", "fake-gated", "--batch-size", 10, "--out", saved)
    assert code == 130
    assert "Traceback" not in err
    assert 10 <= len(Embeddings.load(saved)) < 200
    before = saved.read_bytes()  # as if it were whole
    calls.clear()
    code, said, _ = run("embed", folder, "-m", "fake-gated", "--batch-size", 10, "--out", saved)
    assert (code, saved.read_bytes()) == (130, before)
    assert "vectors.partial.npz" in said
    assert len(Embeddings.load(tmp_path / "vectors.partial.npz")) < 200


def test_embed__an_interrupt_while_loading_is_one(run, many_pictures, monkeypatch, tmp_path):
    wait, calls, let_go = EmbedJob.wait, [], threading.Event()

    def interrupted(self, timeout=None):
        calls.append(timeout)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return wait(self, timeout)

    monkeypatch.setattr(EmbedJob, "wait", interrupted)
    monkeypatch.setattr("workbench.engine.embed.as_clips", lambda _: let_go.wait(30))
    code, _, err = run("embed", many_pictures[0].path, "--out", tmp_path / "v.npz")
    let_go.set()
    assert code == 130
    assert "Interrupted before the first clip" in err


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(28, "No space left on device", "/films/v.npz"), "/films/v.npz: the disk is full."),
        (PermissionError(13, "Permission denied", "/x"), "/x: permission is denied."),
    ],
)
def test_main__what_the_machine_refuses_is_no_defect(run, monkeypatch, tmp_path, error, says):
    def refused(*args):
        raise error

    monkeypatch.setattr("workbench.engine.embeddings.Embeddings.save", refused)
    code, _, err = run("embed", "--samples", "--out", tmp_path / "v.npz")
    assert code == 1
    assert says in err
    assert "defect" not in err


def test_embed__a_folder_that_may_not_be_written_is_told_before_the_work(run, monkeypatch, tmp_path):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    code, _, err = run("embed", "--samples", "--out", tmp_path / "v.npz")
    assert code == 1
    assert "Nothing may be written to" in err


def test_module__a_closed_pipe_is_no_trace():
    shell = f"{sys.executable} -c 'from workbench.cli import main; main()' --help | true"
    done = subprocess.run(
        ["bash", "-c", shell], capture_output=True, text=True, check=False, env=os.environ, timeout=240
    )
    assert "Traceback" not in done.stderr


def test_main__an_interrupt_is_said(run, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.commands.load_model", interrupted)
    code, _, err = run("rank", "--samples", "-p", "red")
    assert (code, "Interrupted." in err) == (130, True)


@pytest.mark.parametrize(("code", "expected"), [("130", 130), ("None", 0), ("'why'", 1)])
def test_run__leaves_though_a_job_is_in_the_middle_of_something(code, expected):
    source = (
        "import threading, time\nfrom workbench import cli\nfrom workbench.engine.job import JOB_THREAD\n"
        "threading.Thread(target=time.sleep, args=(60,), name=JOB_THREAD).start()\n"
        f"def main():\n    print('said'); raise SystemExit({code})\n"
        "cli.main = main\ncli.run()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False, timeout=50
    )
    assert (done.returncode, done.stdout) == (expected, "said\n")
