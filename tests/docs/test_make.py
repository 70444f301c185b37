"""`make` and its scripts: they parse, and say what to do when something is missing."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
SCRIPTS = [path for path in sorted((ROOT / ".ci").iterdir()) if path.read_text().startswith("#!")]

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def run(*command: object, cwd: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command and give what it printed."""
    words = [str(word) for word in command]
    env = {**os.environ, **environ}
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=240)


@pytest.fixture
def fake_venv(tmp_path):
    """A folder like .venv whose python runs a shell script; gives a function that sets the script."""
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)

    def becomes(script: str) -> Path:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        return tmp_path

    return becomes


@needs_make
def test_make__lists_every_target():
    text = run("make").stdout
    assert {"lab", "demo", "test", "check", "bench"} <= set(TARGETS)
    assert all(f"make {target}" in text for target in TARGETS)


@needs_make
@pytest.mark.parametrize("target", TARGETS)
def test_make__each_target_can_be_planned(target):
    done = run("make", "--dry-run", target)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script__parses_and_may_be_run(script):
    assert os.access(script, os.X_OK)
    assert run("bash", "-n", script).returncode == 0


def test_make_venv__without_python_says_how_to_get_it(tmp_path):
    done = run(ROOT / ".ci/make-venv", ".venv", cwd=tmp_path, PYTHON="/no/such/python")
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "apt-get install" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_make_venv__an_old_python_is_refused(tmp_path, fake_venv):
    old = (
        fake_venv('case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac') / ".venv" / "bin" / "python"
    )
    done = run(ROOT / ".ci/make-venv", "other", cwd=tmp_path, PYTHON=str(old))
    assert done.returncode == 1
    assert "found: Python 3.9.2" in done.stderr


def test_make_venv__one_that_works_is_kept(fake_venv):
    folder = fake_venv("exit 0")
    (folder / ".venv" / "bin" / "activate").write_text(f"VIRTUAL_ENV={folder}/.venv\n")
    done = run(ROOT / ".ci/make-venv", ".venv", cwd=folder, PYTHON="/no/such/python")
    assert done.returncode == 0, done.stderr


def test_make_venv__one_that_was_copied_is_made_again(fake_venv):
    folder = fake_venv("exit 0")
    (folder / ".venv" / "bin" / "activate").write_text("VIRTUAL_ENV=/somewhere/else/.venv\n")
    done = run(ROOT / ".ci/make-venv", ".venv", cwd=folder, PYTHON="/no/such/python")
    assert done.returncode == 1


def test_pip_install__shows_the_large_downloads_and_keeps_the_log(fake_venv):
    folder = fake_venv("echo '  Downloading torch-2.whl (190.1 MB)'; echo '  Downloading six.whl (11 kB)'")
    done = run(ROOT / ".ci/pip-install", ".venv", "-e", ".", cwd=folder)
    assert done.returncode == 0
    assert done.stdout == "  torch-2.whl (190.1 MB)\n"
    assert "six.whl" in (folder / ".venv" / "install.log").read_text()


def test_pip_install__a_failure_shows_the_end_of_the_log(fake_venv):
    folder = fake_venv("echo 'ERROR: no such index' >&2; exit 1")
    done = run(ROOT / ".ci/pip-install", ".venv", "-e", ".", cwd=folder)
    assert done.returncode == 1
    assert "ERROR: no such index" in done.stderr
    assert "Next:" in done.stderr
