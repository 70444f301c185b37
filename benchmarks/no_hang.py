"""Does a decoder that is closed early ever hang? A thousand times in a row, with several decoder threads.

    python -m benchmarks.no_hang [--times 1000] [--limit 900]

A clip of 1080p is opened, a few frames are taken, and it is closed while decoder threads are at work, in a
process of its own; PyAV's logging stays as it is, since a changed one can deadlock here. Exit code 1 when
the process has not ended after the limit, in seconds.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.mixed_clips import pictures

CLOSE_EARLY = """
import sys
from pathlib import Path
from workbench.media.container import open_video
from workbench.media.packets import FrameReader, PacketReader

for number in range(int(sys.argv[2])):
    with open_video(Path(sys.argv[1]), threads=2 + number % 3) as video:
        for place, _ in enumerate(FrameReader(video, PacketReader(video))):
            if place >= number % 4:
                break
"""


def main() -> int:
    """Make a clip, close it early again and again, say how long that took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--limit", type=float, default=900.0)
    given = parser.parse_args()
    from workbench.media.encode import write_video

    with tempfile.TemporaryDirectory() as folder:
        shown = pictures(1920, 1080, 48, seed=0)
        path = write_video(
            Path(folder) / "clip.mp4", shown, 24, codec="libx264", options={"preset": "veryfast"}
        )
        began = time.perf_counter()
        try:
            done = subprocess.run(
                [sys.executable, "-c", CLOSE_EARLY, str(path), str(given.times)],
                timeout=given.limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"hung: not done with {given.times} early-closed decodes after {given.limit:.0f} s")
            return 1
    took = time.perf_counter() - began
    print(f"{given.times} early-closed decodes of 1080p with 2 to 4 threads: no hang, {took:.0f} s")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
