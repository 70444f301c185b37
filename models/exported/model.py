"""An exported package as a model: everything but the engine that runs the towers."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from models.encoders.dual_encoder import DualEncoderModel, EncoderParts
from models.exported.record import read_record
from models.exported.towers import check_graphs
from models.registry import resolve_model_class

if TYPE_CHECKING:
    from pathlib import Path

    from models.exported.record import ExportRecord
    from models.exported.towers import ExportedTowers

__all__ = ["ExportedDualEncoder"]


class ExportedDualEncoder(DualEncoderModel):
    """An image-text model whose towers were exported; of any family.

    Args:
        model_dir: The package folder.
        device: Where to compute.
        dtype: Number format to compute in.
        num_frames: T, how many frames the workbench takes of a clip; None is the model's own.
        threads: Threads of one call; None is torch's number.
        cache_dir: Folder for compiled graphs, where the engine has such.
    """

    backend: ClassVar[str]

    def __init__(
        self,
        model_dir: str | Path | None = None,
        *,
        device: str = "cpu",
        dtype: Any = "auto",
        num_frames: int | None = None,
        threads: int | None = None,
        cache_dir: str | Path | None = None,
    ) -> None:
        super().__init__(model_dir, device=device, dtype=dtype, num_frames=num_frames)
        self._own_num_frames = num_frames is None
        self.threads, self.cache_dir = threads, cache_dir

    @classmethod
    def from_pretrained(  # ty: ignore[incompatible-method-override]  (a graph has nothing to compile)
        cls,
        model_name_or_path: str | Path,
        *,
        device: str = "cpu",
        dtype: Any = "auto",
        num_frames: int | None = None,
        threads: int | None = None,
        cache_dir: str | Path | None = None,
    ) -> Self:
        """Load a package folder; nothing is fetched from a network.

        Args:
            model_name_or_path: The folder.
            device: Where to compute.
            dtype: Number format to compute in; "auto" is what the package was exported for.
            num_frames: T, how many frames the workbench takes of a clip; None is the model's own.
            threads: Threads of one call; None is torch's number.
            cache_dir: Folder for compiled graphs, where the engine has such.

        Returns:
            The model, ready to use.

        Raises:
            PackageNotFoundError: If the folder, or what says what it is, is missing.
            CorruptedModelPackageError: If a file is missing or damaged, or is another tower.
            MissingDependencyError: If the engine is not installed; ``extra`` names the extra.
            InvalidParameterError: If it cannot compute on that device or in that number format.
        """
        model = cls(
            model_name_or_path,
            device=device,
            dtype=dtype,
            num_frames=num_frames,
            threads=threads,
            cache_dir=cache_dir,
        )
        model.setup()
        return model

    @abstractmethod
    def _open_towers(self, folder: Path, record: ExportRecord) -> ExportedTowers:
        """Open both graphs with the engine of this class."""

    def _load(self, folder: Path) -> EncoderParts:
        """Open the towers; texts are read by the family's own class, so both read the same."""
        record = read_record(folder, self.backend)
        home: Any = resolve_model_class(record.architecture, record.task_type, record.home_backend)
        tokenizer = home.read_tokens(folder, max_length=record.text_length, vocab_size=record.vocab_size)
        towers = self._open_towers(folder, record)
        check_graphs(*towers.graphs, record)
        if self._own_num_frames:
            self.num_frames = record.num_frames
        return EncoderParts(
            preprocessing=record.image_preprocessing(),
            towers=towers,
            tokenizer=tokenizer,
            embedding_dim=record.embedding_dim,
            logit_scale=record.logit_scale,
            logit_bias=record.logit_bias,
            score_kind=record.score_kind,
        )
