"""`workbench models new`: what it writes works as it is, and keeps the house rules."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import InvalidParameterError
from workbench.new_model import write_new_model

ROOT = Path(__file__).resolve().parents[3]


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{cwd}{os.pathsep}{ROOT}"}
    return subprocess.run(
        words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """As much of a checkout as the command looks at."""
    (tmp_path / "models/families").mkdir(parents=True)
    for path in (*(ROOT / "models").glob("*.py"), ROOT / "models/families/__init__.py"):
        (tmp_path / path.relative_to(ROOT)).touch()  # by their names ruff knows what is this project's
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_write_new_model__its_own_test_passes_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = write_new_model("my_clip")
    assert made.class_name == "MyClip"
    assert made.test == Path("my_clip/test_my_clip.py")
    assert all(path.is_file() for path in made.written)
    done = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(made.test), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_write_new_model__in_a_checkout_keeps_the_house_rules(checkout):
    made = write_new_model("zebra")
    assert made.package == "models.families.zebra"
    assert made.test == Path("tests/unit/models/families/zebra/test_model.py")
    ruff, made_files = str(Path(sys.executable).with_name("ruff")), [str(path) for path in made.written]
    made_files = [name for name in made_files if name.endswith(".py")]
    for words in (("check", "--no-cache"), ("format", "--check", "--no-cache")):
        done = run(ruff, *words, *made_files, cwd=checkout)
        assert done.returncode == 0, done.stdout + done.stderr
    assert any("models/registry.py" in step for step in made.next_steps)
    assert max(len(path.read_text().splitlines()) for path in made.written) < 300


def test_write_new_model__says_nothing_that_is_left_to_fill_in(checkout):
    for path in write_new_model("zebra").written:
        assert "@" not in path.read_text().replace("@property", "").replace("@classmethod", "").replace(
            "@pytest.fixture", ""
        )


@pytest.mark.parametrize(
    "name", ["My-Clip", "9lives", "class", "../up", "a", "", "with space", "./here", "Ünï", "x" * 99]
)
def test_write_new_model__refuses_what_is_no_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidParameterError, match="cannot name a family") as error:
        write_new_model(name)
    assert "workbench models new" in error.value.next_step
    assert list(tmp_path.iterdir()) == []
    write_new_model(error.value.next_step.split()[-1])  # what it proposes is allowed


@pytest.mark.parametrize(
    ("name", "words"), [("torch", "installed Python module"), ("spriteclip", "family 'spriteclip' already")]
)
def test_write_new_model__refuses_names_that_are_taken(name, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidParameterError, match=words):
        write_new_model(name)
    assert list(tmp_path.iterdir()) == []


def test_write_new_model__never_writes_over_a_folder(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/model.py").write_text("precious")
    with pytest.raises(InvalidParameterError, match="exists already"):
        write_new_model("mine", tmp_path)
    assert (tmp_path / "mine/model.py").read_text() == "precious"


def test_command__writes_and_says_the_next_steps(tmp_path):
    program = "import sys; from workbench.cli import main; main(sys.argv[1:])"
    words = ["models", "new", "zebra", "--into", str(tmp_path), "--json"]
    done = run(sys.executable, "-c", program, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["class"] == "Zebra"
    assert (tmp_path / "zebra/model.py").is_file()
    again = run(sys.executable, "-c", program, *words, cwd=tmp_path)
    assert again.returncode == 1
    assert "exists already" in again.stderr
