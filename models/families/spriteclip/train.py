"""Train SpriteCLIP from nothing: ``python -m models.families.spriteclip.train``.

Rounds of two phases on all cores: render one new shard of clips, then take gradient steps
on the newest shards. Every choice comes from the seed and the step, so a run that was
stopped and resumed ends where an undisturbed run ends.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import multiprocessing
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from models.families.spriteclip.batches import Batch, draw_batch
from models.families.spriteclip.network import DualEncoder, NetworkConfig
from models.families.spriteclip.objective import NUM_TARGETS, attribute_loss, contrastive_loss, fits
from models.families.spriteclip.synthesis import Shard, make_shard
from models.families.spriteclip.tokenizer import Tokenizer

__all__ = ["Trainer", "TrainingConfig", "main"]

_PARTS = 2  # files of one shard, rendered side by side


@dataclass(frozen=True)
class TrainingConfig:
    """Everything a run depends on."""

    seed: int = 20
    steps: int = 1000
    clips: int = 256
    warmup: int = 60
    peak_rate: float = 2e-3
    weight_decay: float = 0.02
    shard_families: int = 512
    steps_per_shard: int = 50
    window: int = 8
    attribute_weight: float = 4.0
    save_every: int = 40


class Trainer:
    """One training run in one folder.

    Args:
        out: Folder of checkpoint and shards.
        config: The run's settings.
        workers: Rendering processes; 0 renders in this one.
    """

    def __init__(self, out: Path, config: TrainingConfig, workers: int = 2) -> None:
        self.out, self.config, self.workers = out, config, workers
        out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.tokenizer = Tokenizer()
        self.network = DualEncoder(NetworkConfig(num_tokens=len(self.tokenizer.tokens)))
        self.head = nn.Linear(self.network.config.embedding_dim, NUM_TARGETS)
        self.optimizer = torch.optim.AdamW(self._groups(), lr=config.peak_rate, betas=(0.9, 0.98))
        self.step = 0
        self._shards: dict[int, list[Shard]] = {}
        self._pool = None
        self._thread = ThreadPoolExecutor(1)
        self._ahead: tuple[int, Future] | None = None

    def _groups(self) -> list[dict]:
        """Weight decay for matrices only."""
        parameters = [*self.network.parameters(), *self.head.parameters()]
        matrices = [p for p in parameters if p.ndim >= 2]
        rest = [p for p in parameters if p.ndim < 2]
        return [
            {"params": matrices, "weight_decay": self.config.weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ]

    def resume(self) -> bool:
        """Continue from the folder's checkpoint; False if there is none."""
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.head.load_state_dict(state["head"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        return True

    def save(self) -> None:
        """Write the checkpoint; a stop at any moment leaves a whole one."""
        part = self.out / "checkpoint.part"
        state = {"network": self.network.state_dict(), "head": self.head.state_dict()}
        torch.save(state | {"optimizer": self.optimizer.state_dict(), "step": self.step}, part)
        part.replace(self.out / "checkpoint.pt")

    def rate(self) -> float:
        """Learning rate of the current step: a short rise, then half a cosine."""
        config = self.config
        if self.step < config.warmup:
            return config.peak_rate * (self.step + 1) / config.warmup
        done = (self.step - config.warmup) / max(1, config.steps - config.warmup)
        return config.peak_rate * (0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * min(done, 1.0)))))

    def run(self, *, minutes: float = float("inf"), stop_at: int | None = None) -> bool:
        """Train until the end, a step or a time; True when the run is complete.

        Args:
            minutes: Stop (with a checkpoint) after this long.
            stop_at: Stop (with a checkpoint) at this step.
        """
        began, first = time.monotonic(), self.step
        end = min(self.config.steps, self.config.steps if stop_at is None else stop_at)
        while self.step < end and time.monotonic() - began < 60 * minutes:
            losses = self.train_step()
            self.step += 1
            if self.step % 20 == 0 or self.step == end:
                pace = (time.monotonic() - began) / (self.step - first)
                self._report(losses, pace, (self.config.steps - self.step) * pace)
            if self.step % self.config.save_every == 0:
                self.save()
        self.save()
        self.close()
        return self.step >= self.config.steps

    def train_step(self) -> dict[str, float]:
        """Take one gradient step."""
        config = self.config
        batch = self._next_batch()
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            sizes = [len(pixels) for pixels in batch.pixels]
            parts = zip(batch.pixels, batch.gain.split(sizes), batch.shift.split(sizes), strict=True)
            video = torch.cat(
                [
                    self.network.video.features(torch.addcmul(shift, x.bfloat16(), gain))
                    for x, gain, shift in parts
                ]
            )
            text = self._encode_captions(batch.tokens)
        video, text = self.network.video.centre(video.float()), self.network.text.centre(text.float())
        video, text = (nn.functional.normalize(rows, dim=-1) for rows in (video, text))
        fitting = torch.from_numpy(fits(batch.captions, batch.scenes))
        own = torch.from_numpy(batch.own)
        scale = self.network.log_scale.exp().clamp(max=100.0)
        contrast = contrastive_loss(text, video, own, fitting, scale)
        seen = attribute_loss(self.head, video, batch.scenes)
        told = attribute_loss(self.head, text, batch.captions)
        loss = contrast + config.attribute_weight * (seen + 0.5 * told)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        right = (text.detach() @ video.detach().T).masked_fill(
            fitting & (own[:, None] != torch.arange(len(video))), -2
        )
        first = float((right.argmax(1) == own).float().mean())
        values = {"loss": loss, "nce": contrast, "seen": seen, "told": told}
        return {name: float(value.detach()) for name, value in values.items()} | {"r1": first}

    def _encode_captions(self, tokens: torch.Tensor) -> torch.Tensor:
        """Features of captions in their order; the shorter half runs with less padding."""
        lengths = (tokens > 0).sum(1)
        order = lengths.argsort(stable=True)
        half = len(order) // 2
        cut = min(-(-int(lengths[order[half - 1]]) // 4) * 4, tokens.shape[1])
        encode = self.network.text.features
        rows = [encode(tokens[order[:half], :cut]), encode(tokens[order[half:]])]
        return torch.cat(rows)[order.argsort()]

    def _next_batch(self) -> Batch:
        """This step's batch, prepared during the step before it where the shards were there already."""
        ready, self._ahead = self._ahead, None
        batch = ready[1].result() if ready and ready[0] == self.step else self._draw(self.step, self.shards())
        if (self.step + 1) % self.config.steps_per_shard:
            task = self._thread.submit(self._draw, self.step + 1, self.shards())
            self._ahead = (self.step + 1, task)
        return batch

    def _draw(self, step: int, shards: list[Shard]) -> Batch:
        """Draw the batch of a step; depends on nothing but seed and step."""
        rng = np.random.default_rng((self.config.seed, 1, step))
        return draw_batch(shards, self.tokenizer, rng, self.config.clips)

    def shards(self) -> list[Shard]:
        """The newest shards of this step, rendered if need be."""
        newest = self.step // self.config.steps_per_shard + 1
        wanted = range(max(0, newest - self.config.window + 1), newest + 1)
        missing = [index for index in wanted if index not in self._shards]
        if missing:
            self._render(missing, wanted)
        return [part for index in wanted for part in self._shards[index]]

    def _render(self, missing: list[int], wanted: range) -> None:
        """Render missing shards in parallel parts and drop those that left the window."""
        half = self.config.shard_families // _PARTS
        jobs = [
            (self._path(index, part), self.config.seed, index * _PARTS + part, half, easy_share(index))
            for index in missing
            for part in range(_PARTS)
        ]
        if self.workers and self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = context.Pool(self.workers, initializer=_start_worker)
        paths = self._pool.starmap(make_shard, jobs) if self._pool else [make_shard(*job) for job in jobs]
        for index in [index for index in self._shards if index not in wanted]:
            del self._shards[index]
            for path in self.out.glob(f"shard{index:04d}-*"):
                path.unlink()
        for place, index in enumerate(missing):
            loaded = [Shard.load(path) for path in paths[place * _PARTS : (place + 1) * _PARTS]]
            self._shards[index] = loaded

    def _path(self, index: int, part: int) -> Path:
        """Base name of a part of a shard."""
        return self.out / f"shard{index:04d}-{part}"

    def close(self) -> None:
        """Stop the rendering processes."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()
            self._pool = None

    def _report(self, losses: dict[str, float], pace: float, eta_s: float) -> None:
        """Print one line of progress."""
        values = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
        clips = self.config.clips / pace
        line = f"step {self.step}/{self.config.steps} {values} {clips:.0f} clips/s, {eta_s / 60:.1f} min left"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def easy_share(shard: int) -> float:
    """Share of plain clips in a shard: most of the first, none from the ninth on.

    Example:
        >>> easy_share(0), easy_share(8)
        (0.8, 0.0)
    """
    return max(0.0, 0.8 - 0.1 * shard)


def _start_worker() -> None:
    """One thread a rendering process: the processes share the cores."""
    torch.set_num_threads(1)


def _keep_memory() -> None:
    """Stop glibc from giving big blocks back after every step (a third of the time on 2 cores)."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 2**28)):
            library.mallopt(option, value)


def main(arguments: list[str] | None = None) -> int:
    """Train, then write the weights as a model package."""
    parser = argparse.ArgumentParser(prog="python -m models.families.spriteclip.train", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("build/spriteclip"), help="folder of checkpoint and shards"
    )
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this long, resumable")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint in --out")
    parser.add_argument(
        "--steps", type=int, default=TrainingConfig.steps, help="length of the whole schedule"
    )
    parser.add_argument("--seed", type=int, default=TrainingConfig.seed)
    parser.add_argument("--package", type=Path, help="also write a model package here when complete")
    options = parser.parse_args(arguments)
    _keep_memory()
    began = time.monotonic()
    trainer = Trainer(options.out, TrainingConfig(seed=options.seed, steps=options.steps))
    if options.resume and trainer.resume():
        sys.stdout.write(f"resumed at step {trainer.step}\n")
    complete = trainer.run(minutes=options.minutes)
    record = {
        "config": asdict(trainer.config),
        "step": trainer.step,
        "minutes": (time.monotonic() - began) / 60,
    }
    sys.stdout.write(json.dumps(record) + "\n")
    if complete and options.package:
        from models.families.spriteclip.package import write_package

        write_package(trainer.network, trainer.tokenizer, options.package)
    return 0


if __name__ == "__main__":
    sys.exit(main())
