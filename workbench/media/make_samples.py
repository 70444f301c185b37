"""Render the bundled samples: ``python -m workbench.media.make_samples``.

Deterministic: the same code gives the same pictures. Every colour, shape, motion and background
of SpriteCLIP's world appears; no two clips share colour and shape, so that each prompt has
exactly one right clip. Some compositions are ones that training never sees.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from workbench.media.encode import write_video

if TYPE_CHECKING:
    from models.families.spriteclip.grammar import Scene

SAMPLE_FOLDER = Path(__file__).parent / "sample_data"

# objects (size colour shape motion, joined by "+"), background, picture size, frames a second, seconds
_CLIPS = """
large blue star spin                       | black    | 320x240 | 24 | 2.0
small red circle right                     | white    | 426x240 | 30 | 2.0
large green square left                    | noise    | 320x240 | 24 | 1.5
yellow triangle up                         | gradient | 240x320 | 24 | 2.0
large magenta ring down                    | stripes  | 320x240 | 25 | 2.0
cyan cross grow                            | black    | 320x320 | 24 | 2.5
orange circle shrink                       | grey     | 320x240 | 24 | 2.0
white square blink                         | stripes  | 320x240 | 20 | 3.3
black star still                           | white    | 320x240 | 24 | 1.5
small white star right                     | gradient | 426x240 | 30 | 2.0
red triangle left                          | grey     | 320x240 | 24 | 2.0
blue circle grow                           | white    | 320x240 | 15 | 2.0
green ring up                              | black    | 240x320 | 24 | 2.0
yellow star blink                          | grey     | 320x240 | 24 | 3.0
large magenta cross spin                   | white    | 320x240 | 24 | 2.0
small cyan square down                     | gradient | 320x240 | 50 | 1.5
red ring still                             | stripes  | 320x240 | 24 | 1.5
small blue square up                       | white    | 240x426 | 24 | 2.0
green triangle shrink                      | black    | 320x240 | 24 | 2.0
white cross down                           | noise    | 256x192 | 24 | 1.5
red square left + blue cross right         | black    | 426x240 | 24 | 2.0
green star grow + magenta circle still     | white    | 426x240 | 24 | 2.0
yellow ring up + yellow ring up            | black    | 320x240 | 24 | 2.0
cyan triangle spin + orange square still   | grey     | 426x240 | 24 | 2.0
"""

_IMAGES = """
red cross still                            | black    | 320x240 | png
large green circle still                   | white    | 320x240 | jpg
blue ring still                            | gradient | 320x240 | jpg
small yellow square still                  | black    | 240x320 | png
magenta triangle still                     | grey     | 320x240 | png
large cyan star still                      | black    | 320x240 | jpg
small orange cross still                   | white    | 426x240 | png
white circle still                         | stripes  | 320x240 | png
black square still                         | noise    | 256x192 | jpg
magenta star still                         | gradient | 426x240 | jpg
blue triangle still + green cross still    | white    | 426x240 | png
yellow circle still + red star still       | grey     | 426x240 | jpg
"""

# Texts in several wordings, each right for one clip only.
PROMPTS = {
    "a blue star that spins": "blue-star-spinning.mp4",
    "a crimson ball slides to the right": "red-circle-moving-right.mp4",
    "a big green square moving left": "green-square-moving-left.mp4",
    "a yellow triangle rising": "yellow-triangle-moving-up.mp4",
    "a magenta ring falls": "magenta-ring-moving-down.mp4",
    "a cyan cross gets bigger": "cyan-cross-growing.mp4",
    "an orange disc that shrinks": "orange-circle-shrinking.mp4",
    "a white square blinking": "white-square-blinking.mp4",
    "a motionless black star on white": "black-star-still.mp4",
    "a red triangle moves to the left": "red-triangle-moving-left.mp4",
    "a green hoop moving up": "green-ring-moving-up.mp4",
    "a red square moving left and a blue cross moving right": (
        "red-square-moving-left-and-blue-cross-moving-right.mp4"
    ),
}

_MOTION_WORDS = {
    "still": "still",
    "left": "moving-left",
    "right": "moving-right",
    "up": "moving-up",
    "down": "moving-down",
    "grow": "growing",
    "shrink": "shrinking",
    "spin": "spinning",
    "blink": "blinking",
}


@dataclass(frozen=True)
class Sample:
    """One line of the tables: what to render, how large, and the last columns as they stand."""

    scene: "Scene"
    width: int
    height: int
    columns: tuple[str, ...]

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        things = [f"{item.colour}-{item.shape}" for item in self.scene.objects]
        if self.scene.alike:
            return f"two-{things[0]}s-{_MOTION_WORDS[self.scene.objects[0].motion]}"
        motions = [_MOTION_WORDS[item.motion] for item in self.scene.objects]
        return "-and-".join(f"{thing}-{motion}" for thing, motion in zip(things, motions, strict=True))


def read_table(table: str) -> list[Sample]:
    """Read the lines of a table.

    Example:
        >>> read_table("large blue star spin | black | 320x240 | 24 | 2.0")[0].stem
        'blue-star-spinning'
    """
    from models.families.spriteclip.grammar import Scene, SpriteObject

    samples = []
    for line in table.strip().splitlines():
        objects, background, size, *columns = (cell.strip() for cell in line.split("|"))
        items = []
        for thing in objects.split("+"):
            *extent, colour, shape, motion = thing.split()
            items.append(SpriteObject(colour, shape, extent[0] if extent else None, motion))
        width, height = map(int, size.split("x"))
        samples.append(Sample(Scene(tuple(items), background), width, height, tuple(columns)))
    return samples


def main(folder: Path = SAMPLE_FOLDER) -> int:
    """Render everything into a folder; return the bytes written."""
    from models.families.spriteclip.grammar import describe, held_out

    folder.mkdir(parents=True, exist_ok=True)
    captions: dict[str, dict[str, Any]] = {}
    written = 0
    for sample in read_table(_CLIPS) + read_table(_IMAGES):
        path = _write_clip(sample, folder) if len(sample.columns) == 2 else _write_image(sample, folder)
        captions[path.name] = {"caption": describe(sample.scene), "held_out": held_out(sample.scene)}
        written += path.stat().st_size
    facts = {"captions": dict(sorted(captions.items())), "prompts": PROMPTS}
    (folder / "captions.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return written


def _write_clip(sample: Sample, folder: Path) -> Path:
    """Render and encode one clip."""
    from models.families.spriteclip.renderer import render

    fps, seconds = map(float, sample.columns)
    frames = render(sample.scene, width=sample.width, height=sample.height, fps=fps, duration_s=seconds)
    path = folder / f"{sample.stem}.mp4"
    # One thread: the encoder's result then does not depend on the machine's cores.
    options = {"preset": "veryslow", "threads": "1"}
    return write_video(path, frames, fps, crf=_crf(sample), options=options)


def _write_image(sample: Sample, folder: Path) -> Path:
    """Render one still picture."""
    from models.families.spriteclip.renderer import render

    picture = render(sample.scene, width=sample.width, height=sample.height, num_frames=1)[0]
    path = folder / f"{sample.stem.replace('-still', '')}.{sample.columns[0]}"
    options: dict[str, Any] = {"quality": 85} if path.suffix == ".jpg" else {"optimize": True}
    Image.fromarray(np.ascontiguousarray(picture)).save(path, **options)
    return path


def _crf(sample: Sample) -> int:
    """Spend fewer bits where noise would take most of them."""
    return 35 if sample.scene.background == "noise" else 26


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE_FOLDER
    sys.stdout.write(f"{main(target)} bytes in {target}\n")
