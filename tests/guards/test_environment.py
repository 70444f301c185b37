"""environment.yml lists what pyproject.toml lists: the same names with the same versions."""

import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.guards.source import ROOT, fail_with


def requirements(lines):
    """Name -> (extras, versions, condition), comparable across files."""
    parsed = [Requirement(line) for line in lines]
    return {
        canonicalize_name(one.name): (frozenset(one.extras), one.specifier, str(one.marker or ""))
        for one in parsed
    }


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def environment():
    return yaml.safe_load((ROOT / "environment.yml").read_text())


def pip_lines(environment):
    [pip] = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    return pip


def test_environment__has_the_projects_requirements_and_no_others(project, environment):
    wanted = requirements(project["dependencies"] + project["optional-dependencies"]["dev"])
    present = requirements(pip_lines(environment))
    different = [
        f"{name}: pyproject.toml {_say(wanted, name)}, environment.yml {_say(present, name)}"
        for name in sorted(wanted.keys() | present.keys())
        if wanted.get(name) != present.get(name)
    ]
    fail_with(different, "Write the same line into both files (dependencies and the extra `dev`).")


def test_environment__lists_nothing_twice(environment):
    names = [canonicalize_name(Requirement(line).name) for line in pip_lines(environment)]
    fail_with(
        sorted({name for name in names if names.count(name) > 1}), "Keep one line of each in environment.yml."
    )


def test_environment__asks_for_the_same_python(project, environment):
    [python] = [entry for entry in environment["dependencies"] if str(entry).startswith("python")]
    assert Requirement(python).specifier == Requirement(f"python{project['requires-python']}").specifier


@pytest.fixture(scope="module")
def pins():
    return requirements(
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line.strip() and not line.lstrip().startswith(("#", "-"))
    )


def test_constraints__pin_what_the_project_requires(project, pins):
    wanted = requirements(project["dependencies"])
    missing = [f"{name} is not pinned" for name in wanted if name not in pins]
    outside = [
        f"{name} is pinned to {pins[name][1]}, pyproject.toml asks for {specifier}"
        for name, (_, specifier, _) in wanted.items()
        if name in pins
        and not all(specifier.contains(pin.version, prereleases=True) for pin in pins[name][1])
    ]
    fail_with(missing + outside, "Run `make constraints`, or mend constraints.txt.")


def test_constraints__nothing_slows_every_start(pins):
    """From 4.25 on jsonschema imports rfc3987-syntax, which takes seconds: JupyterLab and Ray start late."""
    assert "rfc3987-syntax" not in pins, "Pin jsonschema below 4.25 and run `make constraints`."


def test_requirements__heavy_libraries_with_cuda_builds_stay_out(project):
    everything = requirements(
        project["dependencies"]
        + [line for extra in project["optional-dependencies"].values() for line in extra]
    )
    fail_with(
        [name for name in ("torchvision", "torchcodec", "timm", "open-clip-torch") if name in everything],
        "There is no processor-only build of it for this torch.",
    )


def _say(found, name):
    return str(found[name][1]) or "any version" if name in found else "lacks it"
