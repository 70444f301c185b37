"""What one can know of a model before it is loaded: its card."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models.errors import CorruptedModelPackageError, InvalidParameterError
from models.reprs import html_table, readable_size, text_table

SOURCES = ("bundled", "hub", "local", "registered")
MODALITIES = ("text", "image", "video")
SCORE_KINDS = ("softmax", "sigmoid")
NOT_PINNED = "not pinned"  # what a card says for a hub model whose commit is not known yet
DEFAULT_FILE_PATTERNS = ("*.json", "*.txt", "*.model", "model*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True)
class ModelCard:
    """What one can know of a model before it is loaded.

    Args:
        model_id: Id to load it by, ``org/name``.
        architecture: Family of the network, first part of the registry key.
        task_type: What it does, second part of the registry key.
        backends: Names of the backends that it has packages for.
        embedding_dim: D, length of its vectors; None when unknown.
        num_frames: T, frames it looks at per clip; 1 for a model that takes no clips.
        input_size: Side in pixels of what the network sees; None when unknown.
        modalities: What it embeds, of "text", "image", "video".
        license: Name of the licence, SPDX where there is one.
        size_bytes: Size of its package; 0 when unknown.
        revision: Exact version of its weights, a full commit on the hub; "" when it is not known
            before the first download.
        source: "bundled" with this project, on the "hub", in a "local" folder, or "registered"
            by a call.
        description: One or two sentences.
        gated: Whether the source asks for an agreement first.
        score_kind: How similarities become probabilities: "softmax" or "sigmoid".
        text_length: Longest text in tokens; None when unknown.
        parameters: Number of weights; None when unknown.
        location: Where the package lies: inside ``models`` for "bundled", a folder for "local".
        needs: Other repositories whose files it reads; their cards are in ``COMPANIONS``.
        file_patterns: Which files of a hub repository belong to the package, as shell patterns;
            of several weight formats one is taken, safetensors before others.

    Example:
        >>> ModelCard(model_id="me/m", architecture="m", task_type="embedding").source
        'hub'
    """

    model_id: str
    architecture: str
    task_type: str
    backends: tuple[str, ...] = ("torch",)
    embedding_dim: int | None = None
    num_frames: int = 1
    input_size: int | None = None
    modalities: tuple[str, ...] = ("text", "image")
    license: str = ""
    size_bytes: int = 0
    revision: str = ""
    source: str = "hub"
    description: str = ""
    gated: bool = False
    score_kind: str = "softmax"
    text_length: int | None = None
    parameters: int | None = None
    location: str = ""
    needs: tuple[str, ...] = ()
    file_patterns: tuple[str, ...] = DEFAULT_FILE_PATTERNS

    def __post_init__(self) -> None:
        """Refuse cards that would mislead."""
        for name in ("model_id", "architecture", "task_type"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise InvalidParameterError(f"A card needs a {name}; {getattr(self, name)!r} came.")
        if self.source not in SOURCES:
            raise InvalidParameterError(f"Unknown source {self.source!r}; there are {', '.join(SOURCES)}.")
        if self.score_kind not in SCORE_KINDS:
            raise InvalidParameterError(
                f"Unknown score_kind {self.score_kind!r}; there are {', '.join(SCORE_KINDS)}."
            )
        if isinstance(self.modalities, str) or not set(self.modalities) <= set(MODALITIES):
            raise InvalidParameterError(
                f"modalities is a tuple of {', '.join(MODALITIES)}; {self.modalities!r} came."
            )
        for name in ("needs", "file_patterns"):
            if isinstance(getattr(self, name), str):
                raise InvalidParameterError(f"{name} is a tuple of texts; {getattr(self, name)!r} came.")

    @property
    def version(self) -> str:
        """The revision in words: "not pinned" when a hub model's first download will settle it."""
        return self.revision or (NOT_PINNED if self.source == "hub" else "")

    def rows(self) -> list[tuple[str, str]]:
        """The card as pairs of title and text, for tables; unknown things are left out."""
        frames = f"{self.num_frames} frames" if self.num_frames > 1 else "1 frame"
        size = f" of {self.input_size} x {self.input_size} pixels" if self.input_size else ""
        weights = f", {self.parameters / 1e6:.1f} M weights" if self.parameters else ""
        pairs = [
            ("model", self.model_id),
            ("about", self.description),
            ("architecture", f"{self.architecture} ({self.task_type}; {', '.join(self.backends)})"),
            ("takes", ", ".join(self.modalities)),
            ("sees", frames + size),
            ("vectors", f"{self.embedding_dim} dimensions" if self.embedding_dim else ""),
            ("text", f"at most {self.text_length} tokens" if self.text_length else ""),
            ("scores", self.score_kind),
            ("licence", self.license + (" (gated)" if self.gated else "")),
            ("size", readable_size(self.size_bytes) + weights if self.size_bytes else ""),
            ("revision", self.version),
            ("needs", ", ".join(self.needs)),
            ("source", self.source),
        ]
        return [(title, text) for title, text in pairs if text]

    def __str__(self) -> str:
        return text_table(self.rows())

    def _repr_html_(self) -> str:
        """The card as a table."""
        return html_table(self.rows())


def card_fields(given: dict[str, Any]) -> dict[str, Any]:
    """Keep what a package may say about its own card, in the types a card has.

    Args:
        given: The "card" object of a manifest.

    Returns:
        The known fields; lists have become tuples.

    Raises:
        CorruptedModelPackageError: If a field has a value that no card can have.

    Example:
        >>> card_fields({"embedding_dim": 4, "modalities": ["image"], "unknown": 1})
        {'embedding_dim': 4, 'modalities': ('image',)}
    """
    kept = {name: value for name, value in given.items() if name in _FIELD_CHECKS}
    for name, value in kept.items():
        if not _FIELD_CHECKS[name](value):
            raise CorruptedModelPackageError(f"The package says {name} = {value!r}, which no card can say.")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}


_FIELD_CHECKS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("license", "description"), lambda value: isinstance(value, str)),
    **dict.fromkeys(
        ("embedding_dim", "num_frames", "input_size", "text_length", "parameters"),
        lambda value: isinstance(value, int) and value > 0,
    ),
    "score_kind": lambda value: value in SCORE_KINDS,
    "modalities": lambda value: isinstance(value, list) and all(name in MODALITIES for name in value),
}
