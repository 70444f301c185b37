"""`workbench doctor`: what this machine can run, what is missing, and how to get it."""

import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from models.reprs import readable_size
from workbench.terminal import Cell, Terminal

OK, NOTE, PROBLEM = "ok", "note", "problem"
LOW_MEMORY_BYTES = 2 * 10**9
LOW_DISK_BYTES = 10**9
CODECS = {"H.264": "libx264", "VP9": "libvpx-vp9"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_STYLES = {OK: "green", NOTE: "yellow", PROBLEM: "bold red"}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Args:
        name: What it is.
        status: "ok"; "note" for what only narrows the choice; "problem" for what must be mended.
        found: What is there.
        next_step: How to get what is missing.
    """

    name: str
    status: str
    found: str
    next_step: str = ""


def run_doctor(terminal: Terminal) -> bool:
    """Print every check.

    Returns:
        Whether nothing must be mended.
    """
    checks = examine()
    rows: list[list[Cell]] = [
        [(check.name, "bold"), (check.status, _STYLES[check.status]), check.found] for check in checks
    ]
    terminal.table(["check", "status", "found"], rows)
    for check in checks:
        if check.next_step:
            terminal.say(f"{check.name}: {check.next_step}", style=_STYLES[check.status])
    healthy = all(check.status != PROBLEM for check in checks)
    terminal.say("Everything needed is here." if healthy else "Something must be mended, see above.")
    terminal.json({"healthy": healthy, "checks": [asdict(check) for check in checks]})
    return healthy


def examine() -> list[Check]:
    """Look at everything; a check that breaks is a problem with its reason, and the others go on.

    Example:
        >>> [check.name for check in examine()][:2]
        ['python', 'packages']
    """
    probes: list[tuple[str, Callable[[], Check]]] = [
        ("python", _python),
        ("packages", _packages),
        ("devices", _devices),
        ("memory", _memory),
        ("disk", _disk),
        ("video codecs", _codecs),
        ("default model", _model),
        ("notebook kernel", _kernel),
        ("uploads", _uploads),
        ("browser for tests", _chromium),
        ("torchvision", _torchvision),
    ]
    return [_guarded(name, probe) for name, probe in probes]


def _guarded(name: str, probe: Callable[[], Check]) -> Check:
    """Run one check; whatever it raises is its result."""
    try:
        return probe()
    except Exception as error:
        step = getattr(error, "next_step", "")
        return Check(name, PROBLEM, f"{type(error).__name__}: {error}", step or "Install again: make lab")


def _python() -> Check:
    """The interpreter."""
    new_enough = sys.version_info >= (3, 11)
    step = "" if new_enough else "Install Python 3.11 or newer: apt-get install -y python3 python3-venv"
    found = f"{platform.python_version()} at {sys.executable}"
    return Check("python", OK if new_enough else PROBLEM, found, step)


def _packages() -> Check:
    """Every package that the workbench declares, in a version that it accepts."""
    from packaging.requirements import Requirement

    wrong, there = [], []
    for line in metadata.requires("embedding-workbench") or []:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} is not {requirement.specifier}")
        there.append(f"{requirement.name} {version}")
    if wrong:
        return Check("packages", PROBLEM, "; ".join(wrong), "pip install -c constraints.txt -e .")
    return Check("packages", OK, ", ".join(there))


def _devices() -> Check:
    """Where models can run."""
    from models import describe_runtime

    runtime = describe_runtime(probe_devices=True)
    if runtime.devices:
        return Check("devices", OK, ", ".join(f"{one.id} ({one.name})" for one in runtime.devices))
    return Check(
        "devices",
        OK,
        f"cpu, {runtime.cpu_count} processors; no accelerator, which the default model needs not",
    )


def _memory() -> Check:
    """Memory, as far as it can be known."""
    from models import describe_runtime

    runtime = describe_runtime()
    total, free = runtime.ram_total_bytes, runtime.ram_free_bytes
    if total is None:
        return Check("memory", NOTE, "unknown on this system")
    low = free is not None and free < LOW_MEMORY_BYTES
    found = readable_size(total) + (f", {readable_size(free)} free" if free else "")
    step = "Close other programs, or embed with --batch-size 1." if low else ""
    return Check("memory", NOTE if low else OK, found, step)


def _disk() -> Check:
    """Room for what is written here."""
    free = shutil.disk_usage(Path.cwd()).free
    low = free < LOW_DISK_BYTES
    step = "Free some space before vectors or reports are saved." if low else ""
    return Check("disk", NOTE if low else OK, f"{readable_size(free)} free in {Path.cwd()}", step)


def _codecs() -> Check:
    """Write and read back a small clip with each codec: what really works, not what is listed."""
    import numpy as np

    from workbench.media.decode import probe
    from workbench.media.encode import write_video

    frames = np.zeros((8, 64, 96, 3), np.uint8)
    works, fails = [], []
    with tempfile.TemporaryDirectory(prefix="workbench-doctor-") as folder:
        for name, codec in CODECS.items():
            path = Path(folder) / f"{codec}.mp4"
            try:
                write_video(path, frames, 8, codec=codec)
                probe(path)
                works.append(name)
            except Exception as error:
                fails.append(f"{name} ({error})")
    status = PROBLEM if "H.264" not in works else NOTE if fails else OK
    found = f"read and written: {', '.join(works) or 'none'}" + (
        f"; not: {'; '.join(fails)}" if fails else ""
    )
    return Check("video codecs", status, found, "pip install --force-reinstall av" if fails else "")


def _model() -> Check:
    """The bundled model loads and gives the vectors that were recorded with it."""
    from models import AutoModel
    from workbench.commands import DEFAULT_MODEL

    model = AutoModel.from_pretrained(DEFAULT_MODEL, device="cpu")
    verified = "its recorded vectors agree" if getattr(model, "known_answers_verified", False) else "it loads"
    return Check("default model", OK, f"{DEFAULT_MODEL}: {verified}")


def _kernel() -> Check:
    """Whether notebooks run in this environment."""
    missing = [
        name for name in ("jupyterlab", "ipykernel", "ipywidgets", "anywidget") if find_spec(name) is None
    ]
    if missing:
        step = f"pip install -c constraints.txt {' '.join(missing)}"
        return Check("notebook kernel", PROBLEM, f"missing: {', '.join(missing)}", step)
    from jupyter_client.kernelspec import KernelSpecManager

    argv = KernelSpecManager().get_kernel_spec("python3").argv
    ours = Path(argv[0]).name == argv[0] or Path(argv[0]).absolute() == Path(sys.executable).absolute()
    if ours:
        return Check("notebook kernel", OK, "python3 is this environment")
    step = f"{sys.executable} -m ipykernel install --sys-prefix"
    return Check("notebook kernel", PROBLEM, f"python3 is {argv[0]}, another environment", step)


def _uploads() -> Check:
    """The websocket limit, which Jupyter never mentions when it drops an upload."""
    from workbench.lab import MAX_MESSAGE_BYTES

    ours = f"up to {MAX_MESSAGE_BYTES // 2**20} MB a message with `workbench lab`"
    found = f"{ours}; 10 MB where JupyterLab is started otherwise"
    return Check("uploads", OK, found)


def _chromium() -> Check:
    """The browser that the tests drive."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path:
        return Check("browser for tests", OK, path)
    step = "Only the browser tests need it: make browser (as root), or apt-get install -y chromium"
    return Check("browser for tests", NOTE, "no chromium", step)


def _torchvision() -> Check:
    """A torchvision that does not fit breaks transformers; the workbench does without it."""
    if find_spec("torchvision") is None:
        return Check("torchvision", OK, "not installed, and not needed")
    try:
        __import__("torchvision")
    except Exception as error:
        found = f"installed, but it does not fit this torch: {error}"
        return Check("torchvision", PROBLEM, found, "pip uninstall torchvision")
    return Check("torchvision", OK, f"{metadata.version('torchvision')}, not used")
