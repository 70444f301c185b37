"""OpenVINO sends an event to a server when it is imported; through the workbench it does not."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import socket, sys, threading
asked = []
def refuse(*args, **kwargs):
    asked.append(args)
    raise OSError("no network here")
socket.getaddrinfo = refuse
from models.exported.openvino import computes_bfloat16, convert_onnx
computes_bfloat16()
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join(timeout=5)
print(asked, [name for name in sys.modules if name.startswith("openvino_telemetry")])
"""


def test_openvino__is_imported_without_its_telemetry(tmp_path, repo_root):
    pytest.importorskip("openvino")
    environment = {name: value for name, value in os.environ.items() if name != "CI"}  # it is off in CI
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        cwd=repo_root,
        timeout=120,
        env={**environment, "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "[] []"
    assert list(tmp_path.iterdir()) == []  # nor does it leave an identification in the home folder
