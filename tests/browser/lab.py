"""A real JupyterLab and a real Chromium for tests, with folders of their own."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
ARGS = ["--no-sandbox", "--disable-dev-shm-usage", "--enable-unsafe-swiftshader"]
TOKEN = "test-token"
START_S = 180
READY = """() => { const w = window.jupyterapp && window.jupyterapp.shell.currentWidget;
    const k = w && w.sessionContext && w.sessionContext.session && w.sessionContext.session.kernel;
    return k && k.status === 'idle'; }"""


@dataclass(frozen=True)
class Lab:
    """A running server.

    Args:
        url: Its address, without the token.
        root: The folder with the notebooks.
    """

    url: str
    root: Path

    def write(self, name: str, cells: list[str]) -> str:
        """Write a notebook and return its name."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = {
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell-{number}",
                    "metadata": {},
                    "execution_count": None,
                    "outputs": [],
                    "source": source,
                }
                for number, source in enumerate(cells)
            ],
            "metadata": {"kernelspec": kernel},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        (self.root / name).write_text(json.dumps(notebook), encoding="utf-8")
        return name

    def address(self, notebook: str) -> str:
        """Return the address that opens a notebook in an empty workspace."""
        return f"{self.url}/lab/workspaces/{Path(notebook).stem}/tree/{notebook}?token={TOKEN}&reset"

    def shut_kernels_down(self) -> None:
        """End every kernel of this server."""
        for session in json.loads(self._ask("GET", "/api/sessions")):
            with contextlib.suppress(OSError):
                self._ask("DELETE", f"/api/sessions/{session['id']}")

    def _ask(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(
            self.url + path, method=method, headers={"Authorization": f"token {TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read()


@contextlib.contextmanager
def lab_server(home: Path, *, dark: bool = False) -> Iterator[Lab]:
    """Run `jupyter lab` on a free port until the block ends."""
    root = home / "notebooks"
    root.mkdir(parents=True)
    _write_settings(home, dark=dark)
    port = _free_port()
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            _command(root, port),
            env=_environment(home),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    lab = Lab(f"http://127.0.0.1:{port}", root)
    try:
        _wait_until_up(lab, process, home / "server.log")
        yield lab
    finally:
        _end(process)


def _write_settings(home: Path, *, dark: bool) -> None:
    """Switch off what would lie over the notebook; keep every cell rendered."""
    page = {
        "disabledExtensions": {
            "@jupyterlab/apputils-extension:announcements": True,
            "@jupyterlab/extensionmanager-extension:plugin": True,
        }
    }
    files = {
        "config/labconfig/page_config.json": page,
        "settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},
        "settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings": {
            "theme": "JupyterLab Dark" if dark else "JupyterLab Light"
        },
    }
    for name, content in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")


def _environment(home: Path) -> dict[str, str]:
    """Point everything Jupyter keeps into the test's own folder."""
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    own = {name: str(home / folder) for name, folder in folders.items()}
    return {**os.environ, **own, "PYTHONPATH": str(Path(__file__).parents[2])}


def _command(root: Path, port: int) -> list[str]:
    """Write the command line of the server."""
    options = {
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.allow_root": True,
        "ServerApp.root_dir": root,
        "IdentityProvider.token": TOKEN,
        "LabApp.expose_app_in_browser": True,
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", *flags]


def _free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_up(lab: Lab, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Ask until the server answers."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            lab._ask("GET", "/api/status")
            return
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the server and its kernels: a process group of their own."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
