"""A Ray cluster for the length of a run: joined where there is one, started and ended where there is none."""

import logging
import os
import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import workbench
from models.errors import MissingDependencyError
from models.runtime import describe_runtime
from workbench.errors import StageError

__all__ = ["import_ray", "ray_session", "worker_environment"]

_FAREWELL_S = 15.0
_TRIES = 3  # each takes a minute when it fails
_OBJECT_STORE_BYTES = 512 * 2**20  # parcels are small; what is more goes to the disk


def import_ray() -> Any:
    """Import Ray, quietly.

    Returns:
        The package ``ray``, with ``ray.data``.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    # What Ray will do soon, without its warning.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "60")  # its 30 s are short on a busy machine
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingDependencyError(
            "RayDataExecutor needs Ray, which is not installed.", extra="ray"
        ) from error
    return ray


@contextmanager
def ray_session(cpus: float) -> Generator[Any, None, None]:
    """Have a cluster: the one that is there, that of ``RAY_ADDRESS``, else one on this machine.

    Args:
        cpus: Processors that the workers ask for; a cluster made here counts at least as many.

    Yields:
        The package ``ray``.

    Raises:
        StageError: If Ray does not start.
    """
    ray = import_ray()
    # Ray's own processes are started by forking and execute something else at once.
    warnings.filterwarnings("ignore", "lancedb fork support", RuntimeWarning)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # its errors arrive as ours
    if ray.is_initialized():
        yield ray
        return
    address = os.environ.get("RAY_ADDRESS")
    if address:
        how: dict[str, Any] = {"address": address}
    else:
        count = max(describe_runtime().cpu_count, int(-(-cpus // 1)))
        how = {"address": "local", "num_cpus": count, "object_store_memory": _OBJECT_STORE_BYTES}
        how |= {"include_dashboard": False}
    _start(ray, log_to_driver=False, logging_level=logging.ERROR, **how)
    try:
        yield ray
        _wait_for_workers(ray)
    finally:
        ray.shutdown()


def _start(ray: Any, **how: Any) -> None:
    """Start or join a cluster; again where a part of Ray came too late for the others, on a busy machine."""
    for tries_left in reversed(range(_TRIES)):
        try:
            ray.init(**how)
        except Exception as error:  # Ray raises plain exceptions when it does not start
            ray.shutdown()
            if "timed out" not in str(error):
                raise
            if not tries_left:
                raise StageError(
                    f"Ray did not start within {_TRIES} tries: {error}",
                    next_step="Run it again when the machine is less busy, or name a running cluster in "
                    "RAY_ADDRESS.",
                ) from error
        else:
            return


def _wait_for_workers(ray: Any) -> None:
    """Wait until the workers have torn their stages down and given their processors back."""
    total, until = ray.cluster_resources().get("CPU"), time.monotonic() + _FAREWELL_S
    while ray.available_resources().get("CPU") != total and time.monotonic() < until:
        time.sleep(0.1)


def worker_environment() -> dict[str, str]:
    """What workers need in their environment to import what this process imports."""
    root = str(Path(workbench.__file__).parents[1])
    paths = [root, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {"PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, paths)))}
