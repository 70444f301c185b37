"""The repository holds what it is known to hold: nothing that a run left behind was taken in with it."""

import shutil
import subprocess

import pytest

from tests.guards.source import ROOT, fail_with

TOP_LEVEL = {
    *(".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md"),
    *("benchmarks", "constraints.txt", "docs", "environment.yml", "models", "notebooks", "pyproject.toml"),
    *("tests", "workbench"),
}
WEIGHTS = (".safetensors", ".bin", ".ckpt", ".onnx", ".pt", ".pth", ".pt2")
OURS = "models/families/spriteclip/weights/"


@pytest.fixture(scope="module")
def tracked():
    """Every file that the repository holds, as a path from the root."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name]


def test_top_level__is_what_it_is_known_to_be(tracked):
    strange = {name for name in tracked if name.partition("/")[0] not in TOP_LEVEL}
    fail_with(sorted(strange), "Put it where it belongs, or name it in TOP_LEVEL here.")


def test_weights__only_those_trained_here(tracked):
    strange = [name for name in tracked if name.endswith(WEIGHTS) and not name.startswith(OURS)]
    fail_with(strange, "Weights are downloaded, or made by a test; only SpriteCLIP's are kept here.")
