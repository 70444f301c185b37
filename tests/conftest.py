"""What every test gets: no network, its own caches, restored random state."""

import os
import random
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"

# Before any heavy import, and inherited by the worker processes, kernels and servers that tests start.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["JUPYTER_PLATFORM_DIRS"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("MPLCONFIGDIR", str(ROOT / ".pytest_cache" / "d" / "matplotlib"))
if "PYTEST_XDIST_WORKER" not in os.environ:
    _HOME = tempfile.TemporaryDirectory(prefix="workbench-tests-", ignore_cleanup_errors=True)
    for _name, _folder in {
        "XDG_CACHE_HOME": "cache",
        "HF_HOME": "huggingface",
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "jupyter/config",
        "JUPYTER_DATA_DIR": "jupyter/data",
        "JUPYTER_RUNTIME_DIR": "jupyter/runtime",
    }.items():
        _path = Path(_HOME.name) / _folder
        _path.mkdir(parents=True)
        os.environ[_name] = str(_path)

# No deadline: the machines that run the tests are shared. Derandomised: a red run is red for everybody.
settings.register_profile(
    "workbench",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("workbench")

_LOCAL_HOSTS = ("127.0.0.1", "::1", "localhost", "")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that would leave this machine."""
    connect = socket.socket.connect
    connect_ex = socket.socket.connect_ex

    def guard(address: object) -> None:
        if isinstance(address, tuple) and address[0] not in _LOCAL_HOSTS:
            raise RuntimeError(f"A test tried to reach {address!r}; tests run without a network.")

    def guarded_connect(self: socket.socket, address: object) -> None:
        guard(address)
        return connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: object) -> int:
        guard(address)
        return connect_ex(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)


@pytest.fixture(autouse=True)
def restored_random_state() -> Iterator[None]:
    """Give every test the same random numbers, and leave none of its seeds behind."""
    import numpy as np

    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    yield
    random.setstate(python_state)
    np.random.set_state(numpy_state)  # noqa: NPY002


@pytest.fixture(autouse=True)
def ordinary_scheduling() -> Iterator[None]:
    """Fail a test that leaves this process in real time: it and its children would starve all others."""
    yield
    if hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        pytest.fail("The test left its thread at real-time priority; see workbench.media.scheduling.")


@pytest.fixture
def without_new_rows() -> Iterator[None]:
    """Take back whatever a test registers, such as the code of a document that is run in this process."""
    from models.registry import REGISTERED_MODELS, unregister_model

    before = set(REGISTERED_MODELS)
    yield
    for row in set(REGISTERED_MODELS) - before:
        unregister_model(*row)


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Data that is handed out beside the product; absent on most machines."""
    if not SHARED.is_dir():
        pytest.skip("the shared data folder is not beside this checkout")
    return SHARED
