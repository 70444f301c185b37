"""Start JupyterLab for the workbench, without touching anybody's Jupyter settings."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from workbench.errors import InvalidParameterError, SourceNotFoundError, WorkbenchError
from workbench.terminal import Terminal

FIRST_NOTEBOOK = Path("notebooks") / "01_first_ranking.ipynb"
USUAL_PORTS = range(8888, 8898)
MAX_MESSAGE_BYTES = 500 * 1024 * 1024  # Jupyter's own 10 MB drops larger uploads without a word
START_TIMEOUT_S = 60.0
LOG_NAME, LOG_LINES = "jupyter.log", 12
_PAGE_CONFIG = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}


@dataclass(frozen=True)
class LabPlan:
    """What will be started.

    Args:
        root: Folder that JupyterLab shows.
        notebook: Notebook to open, relative to the folder; None opens the folder.
        ip: Address to listen on.
        port: Port to listen on.
        token: Secret that the address carries.
    """

    root: Path
    notebook: Path | None
    ip: str
    port: int
    token: str

    @property
    def base_url(self) -> str:
        """Where the server answers this machine."""
        host = "127.0.0.1" if self.ip in {"", "0.0.0.0", "::", "*"} else self.ip  # noqa: S104 compared, not bound
        return f"http://{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address to open, token included."""
        place = f"/tree/{quote(self.notebook.as_posix())}" if self.notebook is not None else ""
        return f"{self.base_url}/lab{place}?token={self.token}"

    @property
    def command(self) -> list[str]:
        """The command line of the server."""
        return [
            *(sys.executable, "-m", "jupyter", "lab", "--no-browser"),
            f"--ServerApp.ip={self.ip}",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            "--ServerApp.allow_root=True",
            f"--ServerApp.root_dir={self.root}",
            f"--ServerApp.tornado_settings={{'websocket_max_message_size': {MAX_MESSAGE_BYTES}}}",
            "--Application.log_level=WARN",
        ]


def plan_lab(notebook: Path | None, *, port: int | None = None, ip: str = "127.0.0.1") -> LabPlan:
    """Decide which folder, notebook and port to use.

    Args:
        notebook: A notebook or a folder; None takes the first tutorial where it can be found,
            else the current folder.
        port: A port to insist on; None takes a free one, 8888 first.
        ip: Address to listen on.

    Returns:
        The plan, with a new token.

    Raises:
        SourceNotFoundError: If there is no such notebook.
        InvalidParameterError: If the port is taken.
    """
    target = _first_notebook() if notebook is None else notebook.expanduser().absolute()
    if not target.exists():
        raise SourceNotFoundError(
            f"There is no notebook {notebook}.",
            next_step="Look at the notebooks/ folder, or name no notebook.",
        )
    here = Path.cwd()
    inside = target if target.is_dir() else target.parent
    root = here if inside.is_relative_to(here) else inside
    opened = None if target.is_dir() else target.relative_to(root)
    return LabPlan(root, opened, ip, _free_port(ip, port), secrets.token_hex(16))


def has_display(environ: Mapping[str, str], *, is_root: bool) -> bool:
    """Tell whether opening a browser would show it to the person who typed the command.

    Args:
        environ: The environment variables.
        is_root: Whether this is root, whose browsers refuse to start or show up nowhere.

    Example:
        >>> has_display({"DISPLAY": ":0", "SSH_CONNECTION": "1.2.3.4"}, is_root=False)
        False
    """
    if is_root or environ.get("SSH_CONNECTION") or environ.get("SSH_TTY") or environ.get("CI"):
        return False
    return sys.platform == "darwin" or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def run_lab(terminal: Terminal, notebook: Path | None, *, port: int | None, ip: str, browser: bool) -> int:
    """Start JupyterLab, say where it is, and wait until it ends; Ctrl-C stops it.

    Returns:
        The exit code.

    Raises:
        WorkbenchError: If it cannot be started.
    """
    plan = plan_lab(notebook, port=port, ip=ip)
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    terminal.note("Starting JupyterLab ...")
    with _server(plan) as (server, log):
        wait_until_up(plan, server, log)
        opened = browser and has_display(os.environ, is_root=is_root) and _open_browser(plan.url)
        _announce(terminal, plan, opened=opened, is_root=is_root)
        terminal.note(f"Its log: {log}")
        terminal.json({"url": plan.url, "token": plan.token, "port": plan.port, "root": str(plan.root)})
        sys.stdout.flush()
        try:
            code = server.wait()
        except KeyboardInterrupt:
            terminal.note("\nStopping JupyterLab ...")
            return 0
        if code:
            terminal.warn(f"JupyterLab ended with code {code}. {_end_of(log)}")
        return code


def wait_until_up(plan: LabPlan, server: "subprocess.Popen[Any]", log: Path) -> None:
    """Wait until the server answers.

    Args:
        plan: Where it shall answer.
        server: Its process.
        log: What it has said; the end of it is told if it fails.

    Raises:
        WorkbenchError: If it ended, or does not answer within a minute.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise WorkbenchError(
                f"JupyterLab ended with code {server.returncode} while it started. {_end_of(log)}".strip(),
                next_step="`workbench doctor` checks the installation.",
            )
        with contextlib.suppress(OSError):
            request = urllib.request.Request(  # noqa: S310 our own server
                f"{plan.base_url}/api/status", headers={"Authorization": f"token {plan.token}"}
            )
            with urllib.request.urlopen(request, timeout=2):  # noqa: S310
                return
        time.sleep(0.1)
    raise WorkbenchError(
        f"JupyterLab did not answer within {START_TIMEOUT_S:.0f} s.", next_step="Try again with --port."
    )


@contextlib.contextmanager
def _server(plan: LabPlan) -> "Generator[tuple[subprocess.Popen[Any], Path]]":
    """Run the server in a session of its own, with one setting of ours beside the user's; end it at last."""
    with tempfile.TemporaryDirectory(prefix="workbench-lab-") as folder:
        settings = Path(folder) / "labconfig" / "page_config.json"
        settings.parent.mkdir()
        settings.write_text(json.dumps(_PAGE_CONFIG), encoding="utf-8")
        paths = [folder, *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
        environ = os.environ | {"JUPYTER_CONFIG_PATH": os.pathsep.join(paths), "JUPYTER_TOKEN": plan.token}
        log = Path(folder) / LOG_NAME
        with log.open("wb") as stream:
            server = subprocess.Popen(  # noqa: S603 our own interpreter and arguments
                plan.command,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
        try:
            yield server, log
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            _end(server)


def _end_of(log: Path) -> str:
    """The last lines of what the server said."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])


def _interrupt(*_: object) -> None:
    """Treat a polite request to end like Ctrl-C, so that the server ends too."""
    raise KeyboardInterrupt


def _end(server: "subprocess.Popen[Any]") -> None:
    """End the server and its kernels."""
    if server.poll() is not None:
        return
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _announce(terminal: Terminal, plan: LabPlan, *, opened: bool, is_root: bool) -> None:
    """Say where JupyterLab is and how to stop it."""
    terminal.say()
    terminal.say(
        "JupyterLab is open in your browser." if opened else "JupyterLab is running. Open this address:"
    )
    terminal.say(f"  {plan.url}", style="bold cyan")
    terminal.say()
    if not opened and os.environ.get("SSH_CONNECTION"):
        terminal.say(
            f"From another machine, first: ssh -N -L {plan.port}:127.0.0.1:{plan.port} <this machine>"
        )
    if is_root:
        reach = "only this machine can reach it" if plan.ip == "127.0.0.1" else "its token is a password"
        terminal.say(f"It runs as root, which is allowed here: {reach}.", style="dim")
    terminal.say("Ctrl+C stops it.", style="dim")


def _open_browser(url: str) -> bool:
    """Open the default browser; False if there is none."""
    import webbrowser

    return webbrowser.open(url)


def _first_notebook() -> Path:
    """Find the first tutorial: here, or in the checkout this package was installed from."""
    for folder in (Path.cwd(), Path(__file__).resolve().parents[1]):
        if (folder / FIRST_NOTEBOOK).is_file():
            return folder / FIRST_NOTEBOOK
    return Path.cwd()


def _free_port(ip: str, port: int | None) -> int:
    """Take the port that was asked for, else a usual one that is free, else any free one."""
    if port is not None:
        if not _can_listen(ip, port):
            raise InvalidParameterError(
                f"Port {port} is taken.", next_step="Choose another one, or none: a free one is found then."
            )
        return port
    for usual in USUAL_PORTS:
        if _can_listen(ip, usual):
            return usual
    with socket.socket() as probe:
        probe.bind((ip, 0))
        return probe.getsockname()[1]


def _can_listen(ip: str, port: int) -> bool:
    """Tell whether a port is free."""
    with socket.socket() as probe:
        try:
            probe.bind((ip, port))
        except OSError:
            return False
    return True
