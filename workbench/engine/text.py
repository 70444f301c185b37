"""Prompts as vectors, each text embedded once per model."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.engine.adapter import adapt
from workbench.engine.per_object import PerObject
from workbench.errors import InvalidParameterError

MOST_TEXTS = 10_000  # vectors kept per model: 20 MB at 512 numbers each


class _TextCache:
    """The latest text vectors of one model."""

    def __init__(self) -> None:
        self.rows: OrderedDict[str, np.ndarray] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the vectors that are there."""
        with self.lock:
            found = {text: self.rows[text] for text in texts if text in self.rows}
            for text in found:
                self.rows.move_to_end(text)
            return found

    def put(self, texts: Sequence[str], rows: np.ndarray) -> None:
        """Keep vectors; the least recently used ones go."""
        with self.lock:
            self.rows.update(zip(texts, rows, strict=True))
            while len(self.rows) > MOST_TEXTS:
                self.rows.popitem(last=False)


_caches = PerObject(_TextCache)  # documented cache: text vectors live as long as their model


def embed_prompts(
    model: Any, prompts: str | Sequence[str], *, templates: str | Sequence[str] | None = None
) -> np.ndarray:
    """Embed prompts; a text that this model object has embedded before is not computed again.

    With templates, a prompt's vector is the mean of the unit vectors of the prompt in each template,
    made a unit vector again (prompt ensembling, as CLIP's authors do it).

    Args:
        model: A model with ``embed_text``.
        prompts: One text or several.
        templates: One or several texts with ``{}`` where the prompt goes, such as "a video of {}".

    Returns:
        float32 (P, D), unit rows, one per prompt in order.

    Raises:
        InvalidParameterError: If there is no prompt, a template lacks ``{}``, or the model has no text side.

    Example:
        >>> class Letters:
        ...     def embed_videos(self, videos): ...
        ...     def embed_text(self, texts):
        ...         return [[1.0, 0.0] if text.startswith("a") else [0.0, 1.0] for text in texts]
        >>> embed_prompts(Letters(), ["cat"], templates=["a {}", "the {}"])
        array([[0.70710677, 0.70710677]], dtype=float32)
    """
    prompts = [prompts] if isinstance(prompts, str) else list(prompts)
    if not prompts:
        raise InvalidParameterError("There is no prompt to embed.")
    frames = check_templates(templates)
    rows = _cached_rows(model, [fill(frame, prompt) for prompt in prompts for frame in frames])
    if len(frames) == 1:
        return rows
    means = rows.reshape(len(prompts), len(frames), -1).mean(axis=1)
    return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)


def clean_prompts(prompts: Any) -> list[str]:
    r"""Read prompts as people type them.

    Args:
        prompts: A text with one prompt a line, or a list of texts.

    Returns:
        The prompts in order, without blank and repeated ones, without space around them.

    Raises:
        InvalidParameterError: If it is neither a text nor a list of texts.

    Example:
        >>> clean_prompts("red star\n\n blue ring \nred star")
        ['red star', 'blue ring']
    """
    lines = prompts.splitlines() if isinstance(prompts, str) else prompts
    if not isinstance(lines, list | tuple) or not all(isinstance(line, str) for line in lines):
        raise InvalidParameterError(f"Prompts are a text or a list of texts; {prompts!r:.200} came.")
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def check_templates(templates: str | Sequence[str] | None) -> list[str]:
    """Read templates; none is the same as "{}".

    Args:
        templates: One or several texts with ``{}`` in them, or None.

    Returns:
        At least one template.

    Raises:
        InvalidParameterError: Naming the template without ``{}``.
    """
    frames = ["{}"] if templates is None else clean_prompts(templates)
    for frame in frames:
        if "{}" not in frame:
            raise InvalidParameterError(
                f"Template {frame!r} has no {{}} to put the prompt in.",
                next_step='Write it like "a video of {}".',
            )
    return frames or ["{}"]


def fill(template: str, prompt: str) -> str:
    """Put a prompt into a template; other braces stay as they are."""
    return template.replace("{}", prompt)


def _cached_rows(model: Any, texts: list[str]) -> np.ndarray:
    """Embed the texts that are not known yet, in one call."""
    cache = _caches.of(model)
    found = cache.get(texts)
    missing = [text for text in dict.fromkeys(texts) if text not in found]
    if missing:
        rows = adapt(model).embed_texts(missing)
        cache.put(missing, rows)
        found |= dict(zip(missing, rows, strict=True))
    return np.stack([found[text] for text in texts])
