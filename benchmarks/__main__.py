"""Run every benchmark and write what it printed into docs/performance.md.

    python -m benchmarks [NAME ...]

Exit code 1 when one of them missed its limit or broke; the others still run.
"""

import argparse
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
NAMES = (
    "import_time",
    "panel_latency",
    "engine_memory",
    "decode",
    "no_hang",
    "preprocessing",
    "forward",
    "end_to_end",
    "backends",
    "internvideo2",
    "store",
    "search",
    "kill_resume",
    "ray_pipeline",
    "spriteclip_quality",
)
ONLY_WHEN_NAMED = ("gpu",)  # needs a CUDA device; `make bench-gpu` names it


def main() -> int:
    """Run the benchmarks that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; none is all")
    names = parser.parse_args().names or list(NAMES)
    known = NAMES + ONLY_WHEN_NAMED
    if unknown := set(names) - set(known):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    failed = [name for name in names if not run(name)]
    print(f"Written: {PAGE.relative_to(ROOT)}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def run(name: str) -> bool:
    """Run one benchmark; True when it stayed within its limits."""
    command = f"python -m benchmarks.{name}"
    print(f"$ {command}", flush=True)
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    print(
        f"{done.stdout}{done.stderr if done.returncode else ''}({time.monotonic() - start:.0f} s)", flush=True
    )
    if text := done.stdout.strip("\n"):
        write_block(name, f"```text\n$ {command}\n{machine()}\n{text}\n```")
    return done.returncode == 0


def machine() -> str:
    """Say what was measured on, without a name."""
    from models import describe_runtime, probes

    runtime = describe_runtime(probe_devices=True)
    ram = f", {runtime.ram_total_bytes / 1e9:.0f} GB of memory" if runtime.ram_total_bytes else ""
    devices = ", ".join(device.name for device in runtime.devices) or "no accelerator"
    return (
        f"# {runtime.cpu_count} processors ({probes.processor()}, {platform.machine()}){ram}, "
        f"{devices}, Python {runtime.python}, torch {runtime.torch}, on {time.strftime('%Y-%m-%d')}"
    )


def write_block(name: str, text: str) -> None:
    """Replace what stands between the two marks of a benchmark."""
    page = PAGE.read_text(encoding="utf-8")
    marks = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    if not marks.search(page):
        raise SystemExit(f"docs/performance.md has no place for {name}.")
    PAGE.write_text(marks.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
