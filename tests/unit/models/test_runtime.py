import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest
import torch

from models import probes
from models.backends import BackendType
from models.errors import InvalidParameterError
from models.runtime import Device, backend_installed, check_dtype, describe_runtime, pick_device


@pytest.fixture(autouse=True)
def fresh_probes():
    probes.forget()
    yield
    probes.forget()  # and look at nothing yet: what a test has put in a probe's place may still be there


@pytest.fixture
def two_gpus(monkeypatch):
    devices = (Device("cuda:0", "Big", 100, 50), Device("cuda:1", "Small", 10, 5))
    monkeypatch.setattr(probes, "_cuda_devices", lambda: devices)
    describe_runtime(refresh=True)
    return devices


def test_describe_runtime__facts():
    runtime = describe_runtime(probe_devices=True)
    assert runtime.torch == torch.__version__
    assert runtime.cpu_count >= 1
    assert runtime.ram_total_bytes >= runtime.ram_free_bytes > 2**20
    assert "torch" in runtime.backends
    assert runtime.device_names[-1] == "cpu"
    assert runtime.devices_probed
    with pytest.raises(FrozenInstanceError):
        runtime.python = "4"


def test_describe_runtime__does_not_import_torch():
    code = (
        "import sys; from models.runtime import describe_runtime;"
        "r = describe_runtime(); print(r.torch, 'torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == [torch.__version__, "False"]


def test_describe_runtime__without_a_driver_there_is_no_accelerator(monkeypatch, tmp_path):
    monkeypatch.setattr(probes.sys, "platform", "linux")
    monkeypatch.setattr(probes, "_DRIVER_FILES", (tmp_path / "nvidiactl",))
    assert not probes.accelerator_possible()
    assert describe_runtime().devices_probed
    (tmp_path / "nvidiactl").touch()
    assert probes.accelerator_possible()


def test_describe_runtime__the_driver_is_read(monkeypatch, tmp_path):
    (tmp_path / "version").write_text("NVRM version: NVIDIA UNIX x86_64  550.54.14  Thu Feb 22")
    monkeypatch.setattr(probes, "_DRIVER_VERSION", tmp_path / "version")
    assert describe_runtime().driver == "550.54.14"
    assert "driver 550.54.14" in str(describe_runtime())


def test_free_memory__of_a_device_or_the_machine(two_gpus):
    runtime = describe_runtime()
    assert runtime.free_memory("cuda") == 50
    assert runtime.free_memory("cuda:1") == 5
    assert runtime.free_memory("cpu") == runtime.ram_free_bytes
    assert runtime.device("cpu") is None


def test_describe_runtime__probes_never_raise(monkeypatch):
    def broken(*_):
        raise OSError("no such thing")

    for name in ("_ram_proc", "_ram_sysconf", "_cuda_devices", "_mps_devices"):
        monkeypatch.setattr(probes, name, broken)
    monkeypatch.setattr("importlib.metadata.version", broken)
    monkeypatch.setattr("os.sched_getaffinity", broken)
    monkeypatch.setattr(probes, "find_spec", broken)
    runtime = describe_runtime(probe_devices=True, refresh=True)
    assert (runtime.ram_total_bytes, runtime.ram_free_bytes, runtime.devices) == (None, None, ())
    assert runtime.backends == ("custom",)
    assert "processors" in str(runtime)


def test_describe_runtime__without_proc_asks_sysconf(monkeypatch):
    monkeypatch.setattr(probes, "_ram_proc", lambda: 1 / 0)
    runtime = describe_runtime()
    assert runtime.ram_total_bytes > 2**20
    assert runtime.ram_free_bytes is None


def test_describe_runtime__a_container_limit_counts(monkeypatch, tmp_path):
    (tmp_path / "max").write_text("1000\n")
    (tmp_path / "current").write_text("400\n")
    monkeypatch.setattr(probes, "_CGROUP_LIMIT", tmp_path / "max")
    monkeypatch.setattr(probes, "_CGROUP_USED", tmp_path / "current")
    runtime = describe_runtime()
    assert (runtime.ram_total_bytes, runtime.ram_free_bytes) == (1000, 600)
    (tmp_path / "max").write_text("max\n")
    assert describe_runtime().ram_total_bytes > 2**20


def test_runtime__rows_and_html(two_gpus):
    runtime = describe_runtime()
    assert runtime.cuda_devices == two_gpus
    assert not runtime.mps
    assert "cuda:0: Big 100 bytes (50 bytes free)" in dict(runtime.rows())["accelerators"]
    assert runtime._repr_html_().startswith("<table>")


def test_pick_device__auto_and_names(two_gpus):
    assert pick_device() == "cuda"
    assert pick_device("CUDA") == "cuda"
    assert pick_device("cuda:1") == "cuda:1"
    assert pick_device(torch.device("cpu")) == "cpu"


def test_pick_device__auto_without_accelerator(monkeypatch):
    monkeypatch.setattr(probes, "_cuda_devices", list)
    monkeypatch.setattr(probes, "_mps_devices", list)
    assert pick_device("auto") == "cpu"


@pytest.mark.parametrize("device", ["gpu", "cuda:7", "mps", "", None, 3])
def test_pick_device__refuses(two_gpus, device):
    with pytest.raises(InvalidParameterError):
        pick_device(device)


def test_pick_device__says_what_there_is(two_gpus):
    with pytest.raises(InvalidParameterError, match="it has cuda:0, cuda:1, cpu"):
        pick_device("mps")


@pytest.mark.parametrize("dtype", ["auto", "float32", torch.bfloat16, "torch.float16"])
def test_check_dtype__names(dtype):
    assert check_dtype(dtype) in ("auto", "float32", "bfloat16", "float16")


@pytest.mark.parametrize("dtype", ["int8", None, "half"])
def test_check_dtype__refuses(dtype):
    with pytest.raises(InvalidParameterError, match="allowed are auto, float32"):
        check_dtype(dtype)


def test_backend_installed__by_library():
    assert backend_installed(BackendType.TORCH)
    assert backend_installed(BackendType.CUSTOM)
    assert not backend_installed(BackendType.TRT)
