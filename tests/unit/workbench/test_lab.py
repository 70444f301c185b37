"""Starting JupyterLab: which folder, which port, whether a browser, and that all of it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from workbench.errors import InvalidParameterError, SourceNotFoundError, WorkbenchError
from workbench.lab import MAX_MESSAGE_BYTES, LabPlan, has_display, plan_lab, wait_until_up


@pytest.mark.parametrize(
    ("environ", "is_root", "expected"),
    [
        ({"DISPLAY": ":0"}, False, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, False, True),
        ({}, False, False),
        ({"DISPLAY": ":0"}, True, False),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "x"}, False, False),
        ({"DISPLAY": ":0", "CI": "true"}, False, False),
    ],
)
@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac always has a display")
def test_has_display__cases(environ, is_root, expected):
    assert has_display(environ, is_root=is_root) is expected


def test_plan_lab__opens_the_first_tutorial(repo_root, monkeypatch):
    monkeypatch.chdir(repo_root)
    plan = plan_lab(None)
    assert (plan.root, plan.notebook) == (repo_root, Path("notebooks/01_first_ranking.ipynb"))
    assert plan.url.startswith(
        f"http://127.0.0.1:{plan.port}/lab/tree/notebooks/01_first_ranking.ipynb?token="
    )


def test_plan_lab__a_notebook_elsewhere_brings_its_folder(tmp_path, monkeypatch, repo_root):
    monkeypatch.chdir(repo_root)
    notebook = tmp_path / "my notes #1.ipynb"
    notebook.touch()
    plan = plan_lab(notebook)
    assert (plan.root, plan.notebook) == (tmp_path, Path(notebook.name))
    assert "my%20notes%20%231.ipynb" in plan.url


def test_plan_lab__a_folder_is_opened_as_one(tmp_path):
    assert plan_lab(tmp_path).notebook is None


def test_plan_lab__a_missing_notebook_is_said():
    with pytest.raises(SourceNotFoundError, match=r"nope\.ipynb"):
        plan_lab(Path("nope.ipynb"))


def test_plan_lab__a_taken_port_is_refused_and_a_free_one_found(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InvalidParameterError, match=str(port)):
            plan_lab(tmp_path, port=port)
        assert plan_lab(tmp_path).port != port


def test_plan_lab__tokens_differ(tmp_path):
    assert plan_lab(tmp_path).token != plan_lab(tmp_path).token


def test_command__raises_the_message_limit_and_opens_no_browser(tmp_path):
    command = " ".join(LabPlan(tmp_path, None, "127.0.0.1", 1, "t").command)
    assert str(MAX_MESSAGE_BYTES) in command
    assert "--no-browser" in command


def test_wait_until_up__a_server_that_ends_is_said(tmp_path):
    server = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    server.wait()
    log = tmp_path / "jupyter.log"
    log.write_text("no module named jupyter")
    with pytest.raises(WorkbenchError, match=r"code 7.*no module named jupyter"):
        wait_until_up(LabPlan(tmp_path, None, "127.0.0.1", 1, "t"), server, log)


def first_document(lines):
    """Read up to the line that ends the document, or to the end of the output."""
    read = []
    for line in lines:
        read.append(line)
        if line == "}\n":
            break
    return "".join(read)


@pytest.mark.slow
def test_lab__starts_answers_and_ends(tmp_path):
    user_config = tmp_path / "config"
    user_config.mkdir()
    environ = os.environ | {"TMPDIR": str(tmp_path), "JUPYTER_CONFIG_DIR": str(user_config)}
    command = [sys.executable, "-c", "from workbench.cli import main; main()", "lab", str(tmp_path), "--json"]
    lab = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        document = json.loads(first_document(lab.stdout))
        headers = {"Authorization": f"token {document['token']}"}
        url = f"http://127.0.0.1:{document['port']}/lab"
        page = (
            urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30).read().decode()
        )
        assert re.search(r'"disabledExtensions": \[[^]]*apputils-extension:announcements', page)
    finally:
        lab.send_signal(signal.SIGTERM)
        assert lab.wait(30) == 0
        lab.stdout.close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=5)
    assert not list(tmp_path.glob("workbench-lab-*"))
    assert not (user_config / "labconfig").exists()
