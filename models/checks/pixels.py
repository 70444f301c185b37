"""What a picture has become when it reaches the network: the order of its colours, mean and std.

Plain pictures are shown to the model while its layers are watched. Numbers that follow one
colour each, on a straight line, are pixels: their order is the channel order, and the line
gives the mean and std that were used. So a wrong normalisation shows without known answers,
where something states the right one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.checks.memory import is_weight, networks
from models.checks.probes import Probe, plain_pictures
from models.json_text import read_json

# mean and std per colour of the usual training recipes, in 0..1
RECIPES = {
    "CLIP": ((0.4815, 0.4578, 0.4082), (0.2686, 0.2613, 0.2758)),
    "ImageNet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "-1..1": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "0..1": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "0..255": ((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255)),
}
_COLORS = ((0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (51, 102, 204))
_CLOSE = 0.02
_MOST_TENSORS, _MOST_NUMBERS = 12, 20_000_000
_FOLDERS = ("model_dir", "directory", "package_dir", "model_path", "path")
_PARTS = ("processor", "image_processor", "preprocessing", "image_preprocessing", "preprocessor", "transform")
_PAIRS = (("image_mean", "image_std"), ("pixel_mean", "pixel_std"), ("mean", "std"))


@dataclass(frozen=True)
class Pixels:
    """How colours reach the network.

    Args:
        order: The colours in the order of the channels, for example "RGB".
        mean: Value in 0..1 that became 0, per channel.
        std: Step in 0..1 that became 1, per channel.
    """

    order: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.order}, mean {_spell(self.mean)}, std {_spell(self.std)}"

    @property
    def recipe(self) -> str:
        """The usual recipe that this is; "" when it is none."""
        fits = (name for name, (mean, std) in RECIPES.items() if self.is_close(mean, std))
        return next(fits, "")

    def is_close(self, mean: Sequence[float], std: Sequence[float]) -> bool:
        """Tell whether mean and std are these, but for rounding."""
        off = np.abs(np.array(self.mean) - np.array(mean)) < _CLOSE
        steps = np.abs(np.array(self.std) / np.array(std) - 1.0) < _CLOSE * 2
        return bool(off.all() and steps.all())


def pixels_seen(probe: Probe) -> Pixels | None:
    """Watch the network while it is shown plain colours.

    Args:
        probe: The model.

    Returns:
        What reached its first layer; None when no layer of torch gets pixels.
    """
    side, modules = probe.pictures, networks(probe.model)
    if side is None or not modules:
        return None
    pictures = plain_pictures(side, probe.num_frames, _COLORS)
    try:
        runs = [_watch(modules, lambda item=picture: side.embed([item])) for picture in pictures]
    except Exception:  # a plain picture is a hard case for some; the other checks say what fails
        return None
    seen = None
    for tensors in zip(*runs, strict=False):
        if len({tensor.shape for tensor in tensors}) == 1:
            seen = _read(np.stack([tensor.reshape(-1) for tensor in tensors])) or seen
    return seen


def stated_normalisation(model: Any) -> tuple[str, tuple[float, ...], tuple[float, ...]] | None:
    """Find where mean and std are stated: in the package, else on the model or its processor.

    Args:
        model: The model.

    Returns:
        Where, mean and std in 0..1; None when nothing states them.
    """
    for path in _config_files(model):
        with suppress(OSError, ValueError, AttributeError):
            config = read_json(path)
            config = config.get("image_processor") or config
            stated = _pair(config.get("image_mean"), config.get("image_std"))
            if stated and config.get("do_normalize", True):
                return path.name, *stated
    for name, owner in _owners(model):
        for mean, std in _PAIRS:
            with suppress(Exception):
                stated = _pair(getattr(owner, mean, None), getattr(owner, std, None))
                if stated:
                    return f"{name}.{mean}/{std}", *stated
    return None


def _watch(modules: Sequence[Any], call: Callable[[], Any]) -> list[np.ndarray]:
    """Copy the first tensors that reach any layer during a call."""
    tensors: list[np.ndarray] = []

    def look(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep what one layer is given."""
        for value in (*args, *kwargs.values()):
            usable = is_weight(value) and hasattr(value, "numel") and 3 <= value.numel() <= _MOST_NUMBERS
            if usable and len(tensors) < _MOST_TENSORS:
                tensors.append(value.detach().float().cpu().numpy().copy())

    hooks = []
    for module in modules:
        with suppress(Exception):
            hooks.append(module.register_forward_pre_hook(look, with_kwargs=True))
    try:
        call()
    finally:
        for hook in hooks:
            hook.remove()
    return tensors


def _read(values: np.ndarray) -> Pixels | None:
    """Read the pixels of five plain pictures, float32 [5, numbers]; None when these are none."""
    black, mixed = values[0], values[4]
    slopes = (values[1:4] - black) / 255.0
    size = np.abs(slopes).max()
    if not np.isfinite(values).all() or size == 0:
        return None
    follows = np.abs(slopes) > 1e-3 * size
    pixel = follows.sum(axis=0) == 1
    expected = black + (slopes * np.array(_COLORS[4], np.float32)[:, None]).sum(axis=0)
    straight = np.abs(expected - mixed)[pixel].max(initial=0.0) < 0.02 * size * 255
    if follows[:, pixel].sum(axis=1).min() == 0 or (follows.sum(axis=0) > 1).any() or not straight:
        return None
    places = {color: int(np.argmax(follows[i])) for i, color in enumerate("RGB")}
    order = "".join(sorted(places, key=places.__getitem__))
    lines = [_line(black, slopes["RGB".index(color)], follows["RGB".index(color)]) for color in order]
    if None in lines:
        return None
    mean, std = zip(*[line for line in lines if line is not None], strict=True)
    return Pixels(order, mean, std)


def _line(black: np.ndarray, slope: np.ndarray, where: np.ndarray) -> tuple[float, float] | None:
    """Mean and std in 0..1 of one channel; None when its places do not share them."""
    slopes, starts = slope[where], black[where]
    step = float(np.median(slopes))
    if np.abs(slopes - step).max() > 0.02 * abs(step) or np.ptp(starts) > 0.02 * abs(step) * 255:
        return None
    return -float(np.median(starts)) / (255 * step), 1 / (255 * step)


def _config_files(model: Any) -> Iterator[Path]:
    """Files of the model's folder that state a preprocessing."""
    folders = [getattr(model, name, None) for name in _FOLDERS]
    configs = [getattr(module, "config", None) for module in networks(model)[:4]]
    folders += [getattr(config, "_name_or_path", None) for config in configs]
    for folder in folders:
        if isinstance(folder, str | Path) and str(folder):
            for name in ("preprocessor_config.json", "processor_config.json"):
                path = Path(folder) / name
                if path.is_file():
                    yield path


def _owners(model: Any) -> Iterator[tuple[str, Any]]:
    """The model, and its parts that deal with pictures."""
    yield "model", model
    attributes = {**{name: getattr(model, name, None) for name in _PARTS}, **getattr(model, "__dict__", {})}
    for name, part in attributes.items():
        if part is not None and name.lstrip("_") in _PARTS:
            yield name, part
            inner = getattr(part, "image_processor", None)
            if inner is not None:
                yield f"{name}.image_processor", inner


def _pair(mean: Any, std: Any) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Read a mean and a std of three colours each; values of 0..255 are brought to 0..1."""
    if mean is None or std is None:
        return None
    values = [np.asarray(part, dtype=np.float64).reshape(-1) for part in (mean, std)]
    if any(len(part) != 3 for part in values) or values[1].min() <= 0:
        return None
    scale = 255.0 if max(part.max() for part in values) > 4 else 1.0
    return tuple((values[0] / scale).tolist()), tuple((values[1] / scale).tolist())


def _spell(values: Sequence[float]) -> str:
    """Three numbers, short."""
    return "(" + ", ".join(f"{round(value, 3) + 0.0:.3f}" for value in values) + ")"
