"""`workbench models`: list, show, download, verify, remove."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from models.cards import ModelCard
from models.catalog import CATALOG
from models.packages import download_package, is_installed, models_root
from tests.hub.server import safetensors
from workbench import cli

CARD = ModelCard(model_id="org/tiny", architecture="clip", task_type="embedding")
FILES = {"config.json": b"{}", "model.safetensors": safetensors(50_000)}


@pytest.fixture
def run(capsys):
    """Run a command line; gives exit code, stdout, stderr."""

    def call(*words: object):
        with pytest.raises(SystemExit) as left:
            cli.main(["models", *(str(word) for word in words)])
        printed = capsys.readouterr()
        return left.value.code or 0, printed.out, printed.err

    return call


@pytest.fixture
def commit(hub, monkeypatch):
    monkeypatch.setitem(CATALOG, "org/tiny", CARD)
    return hub.commit("org/tiny", FILES)


def test_models__alone_and_list_are_the_same(run, commit):
    code, out, _ = run("list")
    assert code == 0
    assert run()[1] == out
    assert "org/tiny" in out
    assert "org/tiny" not in run("list", "--installed")[1]
    download_package("org/tiny")
    assert "org/tiny" in run("list", "--installed")[1]
    listed = {card["model_id"]: card["installed"] for card in json.loads(run("--json")[1])}
    assert (listed["org/tiny"], listed["openai/clip-vit-base-patch32"]) == (True, False)


def test_download__then_verify_and_remove(run, commit, tmp_path):
    code, out, _ = run("download", "org/tiny")
    assert code == 0
    assert "org/tiny is here" in out
    assert run("verify", "org/tiny")[:2] == (0, "org/tiny: whole\n")
    (models_root() / "org" / "tiny" / "config.json").unlink()
    code, out, err = run("verify")
    assert code == 1
    assert "org/tiny: config.json: missing" in out
    assert "workbench models download" in err
    assert run("download", "org/tiny")[0] == 0
    code, out, _ = run("verify", "org/tiny", "--full", "--json")
    assert [report["ok"] for report in json.loads(out)] == [True]
    code, out, _ = run("remove", "org/tiny")
    assert code == 0
    assert "are free again" in out
    assert not is_installed("org/tiny")
    assert run("remove", "org/tiny")[0] == 1


def test_verify__all_that_are_here(run, commit):
    download_package("org/tiny")
    code, out, _ = run("verify")
    assert code == 0
    assert {line.split(":")[0] for line in out.splitlines()} >= {"org/tiny", "workbench/spriteclip-tiny"}


def test_download__json_and_another_folder(run, commit, tmp_path):
    code, out, _ = run("download", "org/tiny", "--model-dir", tmp_path / "there", "--json")
    assert code == 0
    (done,) = json.loads(out)
    assert done["revision"] == commit
    assert done["directory"] == str(tmp_path / "there" / "org" / "tiny")


def test_download__dry_run_writes_nothing(run, commit, hub):
    code, out, _ = run("download", "org/tiny", "--dry-run", "--json")
    (plan,) = json.loads(out)
    assert code == 0
    assert plan["total_bytes"] == sum(map(len, FILES.values()))
    assert not models_root().exists()
    assert "revision" in run("download", "org/tiny", "--dry-run")[1]


def test_download__a_model_outside_the_list(run, hub):
    hub.commit("me/finetuned", FILES)
    code, _, err = run("download", "me/finetuned")
    assert code == 1
    assert "me/finetuned" in err
    assert run("download", "me/finetuned", "--architecture", "clip")[0] == 0
    assert run("verify", "me/finetuned")[0] == 0
    assert run("remove", "me/finetuned")[0] == 0


def test_download__errors_say_what_to_do(run, commit, hub, monkeypatch):
    hub.gated = True
    code, out, err = run("download", "org/tiny", "--json")
    assert code == 1
    assert "hf auth login" in err
    assert "401" in json.loads(out)["error"]["message"]
    assert "Traceback" not in err
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, _, err = run("download", "org/tiny")
    assert code == 1
    assert "HF_HUB_OFFLINE" in err


def test_download__ctrl_c_keeps_what_is_there(hub, repo_root):
    model_id = "openai/clip-vit-base-patch32"
    big = safetensors(1_000_000)
    commit = hub.commit(model_id, {**FILES, "model.safetensors": big})
    hub.rule("^/model.safetensors/", lambda answer: replace(answer, piece=20_000, pause_s=0.1))
    # a process in the background would not hear the key
    listens = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{listens}; from workbench.cli import main; main()"]
    words = ["models", "download", model_id, "--revision", commit]
    child = subprocess.Popen(
        [*command, *words], cwd=repo_root, env=os.environ, stderr=subprocess.PIPE, text=True
    )
    half = models_root() / "openai" / ".clip-vit-base-patch32.partial" / "model.safetensors.incomplete"
    waiting = threading.Event()
    try:
        for _ in range(300):
            if half.is_file() and half.stat().st_size:
                break
            waiting.wait(0.1)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=20)
    finally:
        child.kill()
    assert child.returncode == 130, err
    assert "is kept" in err
    assert "Traceback" not in err
    assert 0 < half.stat().st_size < len(big)
