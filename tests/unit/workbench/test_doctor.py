"""The doctor: finds what is missing, and never breaks itself."""

import json

import pytest

from workbench import doctor
from workbench.doctor import NOTE, OK, PROBLEM, Check, examine, run_doctor
from workbench.terminal import Terminal


def test_examine__looks_at_everything_here():
    checks = {check.name: check for check in examine()}
    for name in (
        "python",
        "packages",
        "devices",
        "memory",
        "disk",
        "video codecs",
        "notebook kernel",
        "uploads",
    ):
        assert checks[name].status in (OK, NOTE), checks[name]
    assert "torch" in checks["packages"].found
    assert "H.264" in checks["video codecs"].found


def test_examine__a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.metadata.requires", lambda _: ["no-such-package>=1", "numpy>=99"])
    check = doctor._packages()
    assert check.status == PROBLEM
    assert "no-such-package is missing" in check.found
    assert "numpy" in check.found
    assert "pip install" in check.next_step


def test_examine__a_probe_that_breaks_is_a_problem(monkeypatch):
    def broken():
        raise OSError("planted")

    monkeypatch.setattr(doctor, "_disk", broken)
    checks = {check.name: check for check in examine()}
    assert checks["disk"].status == PROBLEM
    assert "planted" in checks["disk"].found


def test_examine__no_chromium_is_only_a_note(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    check = doctor._chromium()
    assert check.status == NOTE
    assert "make browser" in check.next_step


@pytest.mark.parametrize(("status", "healthy"), [(OK, True), (NOTE, True), (PROBLEM, False)])
def test_run_doctor__says_whether_all_is_well(monkeypatch, capsys, status, healthy):
    monkeypatch.setattr(doctor, "examine", lambda: [Check("thing", status, "found", "Do this.")])
    assert run_doctor(Terminal(as_json=True)) is healthy
    document = json.loads(capsys.readouterr().out)
    assert document["healthy"] is healthy
    assert document["checks"][0]["next_step"] == "Do this."
    run_doctor(Terminal())
    assert "Do this." in capsys.readouterr().out
