import io
import sys

from models.packaging.plan import DownloadProgress
from models.packaging.report import report_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_report_progress__one_line_of_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with report_progress("org/far") as report:
        report(DownloadProgress("org/far", 0, 200_000_000, ""))
        report(DownloadProgress("org/far", 50_000_000, 200_000_000, "model.safetensors"))
    shown = sys.stderr.getvalue()
    assert "\rDownloading org/far: 25% of 200.0 MB model.safetensors" in shown
    assert shown.count("\n") == 1
    assert shown.endswith("\n")


def test_report_progress__every_tenth_in_the_log_where_nobody_watches(monkeypatch, caplog):
    caplog.set_level("INFO", logger="models")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with report_progress("org/far") as report:
        for done in range(0, 1001, 25):
            report(DownloadProgress("org/far", done, 1000, "model.safetensors"))
    assert len(caplog.records) == 11
    assert sys.stderr.getvalue() == ""


def test_report_progress__without_a_stderr(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with report_progress("org/far") as report:
        report(DownloadProgress("org/far", 0, 0, ""))
