"""ImageEmbedder: vectors for the samples of tar shards, joined to their metadata by id."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from models.counts import check_count
from models.errors import InvalidParameterError, InvalidTypeError
from models.vectors import EmbeddingSpace
from workbench.engine.adapter import as_array
from workbench.errors import MediaError, ShardError, UnsupportedMediaError
from workbench.media.images import decode_image
from workbench.media.names import display_name
from workbench.media.shards import ShardSample, read_shard
from workbench.media.tars import ShardProblem
from workbench.stages.dataset import VECTOR_COLUMNS, ImageTextPairDataset
from workbench.stages.shard_metadata import stated_id

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EmbeddingClassifier", "ImageEmbedder", "RegisteredModelEmbedder"]

IMAGE_SUFFIXES = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff")
MAX_BATCH_BYTES = 2**29  # of pictures that wait to be embedded; a small file may hold a huge one


class EmbeddingClassifier(Protocol):
    """What tells something from vectors, such as how pleasing a picture is: one value a sample."""

    pred_column: str
    """The column that gets the values."""

    def __call__(self, vectors: np.ndarray) -> Any:
        """Take float32 (n, D), give n values: numbers or labels."""
        ...


class ImageEmbedder(ABC):
    """Embeds the samples of a dataset. Write ``load_dataset_shard`` and ``load_embedding_model``.

    Calling it with a dataset gives a dataset with one column more. The model is loaded once, when the
    first shard is computed.

    Args:
        model_name: Name of the model in messages.
        image_embedding_column: The column that gets the vectors, float32 lists of length D.
        classifiers: Each adds a column of its own, computed from the vectors; None where there is no vector.
        device: Where to compute: "auto", "cpu", "cuda", ...

    Attributes:
        skipped: For each shard computed so far, the samples without a vector, with their reasons.
        problems: For each shard computed so far, the members that were not read.
    """

    def __init__(
        self,
        model_name: str = "",
        image_embedding_column: str = "image_embedding",
        classifiers: Sequence[EmbeddingClassifier] = (),
        *,
        device: str = "auto",
    ) -> None:
        self.model_name = model_name or type(self).__name__
        self.image_embedding_column = image_embedding_column
        self.classifiers = list(classifiers)
        self.device = device
        self._dim: int | None = None
        self.skipped: dict[str, dict[Any, str]] = {}
        self.problems: dict[str, list[ShardProblem]] = {}

    @abstractmethod
    def load_dataset_shard(self, tar_path: str) -> Iterable[tuple[Any, list[dict[str, Any]]]]:
        """Read a shard.

        Args:
            tar_path: The shard.

        Returns:
            Batches: what the model takes, and one dict per sample with the dataset's id column.
        """

    @abstractmethod
    def load_embedding_model(self, device: str) -> Callable[[Any], Any]:
        """Load the model.

        Args:
            device: Where to, such as "cpu" or "cuda".

        Returns:
            A callable from a batch to vectors (n, D), tensor or array.
        """

    def __call__(self, dataset: ImageTextPairDataset) -> ImageTextPairDataset:
        """Add the vectors to a dataset; they are computed when its metadata is asked for or saved.

        Args:
            dataset: The samples.

        Returns:
            A dataset with the column ``image_embedding_column``.
        """
        if dataset.id_col in {self.image_embedding_column, *(one.pred_column for one in self.classifiers)}:
            raise InvalidParameterError(
                f"{dataset.id_col!r} is the column of the ids; vectors and predictions need another."
            )
        return dataset.with_step(lambda tar_file, table: self._embed(tar_file, table, dataset.id_col))

    def __getstate__(self) -> dict[str, Any]:
        """What travels to a worker: not the model, which each loads for itself."""
        return {name: value for name, value in vars(self).items() if name != "_model"}

    def skip(self, tar_path: str, sample_id: Any, reason: str) -> None:
        """Note that a sample has no vector, and why; called by ``load_dataset_shard``."""
        self.skipped.setdefault(Path(tar_path).name, {})[sample_id] = reason

    @cached_property
    def _model(self) -> Callable[[Any], Any]:
        """The model, loaded when it is first needed."""
        from models.runtime import pick_device

        model = self.load_embedding_model(pick_device(self.device))
        if not callable(model):
            raise InvalidTypeError(
                f"load_embedding_model of {type(self).__name__} gave {model!r}; a callable from a batch to "
                "vectors is expected."
            )
        return model

    def _embed(self, tar_file: Path, table: "pd.DataFrame", id_col: str) -> "pd.DataFrame":
        """Embed one shard and join the vectors to its rows by id."""
        self.skipped.pop(tar_file.name, None)
        self.problems.pop(tar_file.name, None)
        vectors: dict[Any, np.ndarray] = {}
        for batch, samples in self._batches(tar_file):
            ids = [_id_of(sample, id_col, tar_file) for sample in samples]
            rows = self._rows_of(batch, len(ids), tar_file)
            for sample_id, row in zip(ids, rows, strict=True):
                if sample_id in vectors:
                    raise ShardError(f"{display_name(tar_file)} has the id {sample_id!r} twice.")
                vectors[sample_id] = row
        self._check_ids(tar_file, table, id_col, vectors)
        column = [vectors.get(sample_id) for sample_id in table[id_col]]
        predicted = {one.pred_column: _predictions(one, column, tar_file) for one in self.classifiers}
        joined = table.assign(**{self.image_embedding_column: column}, **predicted)
        joined.attrs[VECTOR_COLUMNS] = [*table.attrs.get(VECTOR_COLUMNS, []), self.image_embedding_column]
        return joined

    def _batches(self, tar_file: Path) -> Iterable[tuple[Any, list[dict[str, Any]]]]:
        """Read a shard; what is no series of batches is refused."""
        batches = self.load_dataset_shard(str(tar_file))
        if not isinstance(batches, Iterable):
            raise InvalidTypeError(
                f"load_dataset_shard of {type(self).__name__} gave {batches!r}; pairs of a batch and its "
                "samples are expected, yielded or in a list."
            )
        return batches

    def _rows_of(self, batch: Any, count: int, tar_file: Path) -> np.ndarray:
        """Embed a batch: float32 (n, D), finite, with the D of all others."""
        model = self._model
        no_grad = getattr(sys.modules.get("torch"), "no_grad", nullcontext)
        with no_grad():
            rows = as_array(model(batch))
        there = f"{count} samples of {display_name(tar_file)}"
        if rows.ndim != 2 or len(rows) != count or rows.shape[1] != (self._dim or rows.shape[1]):
            raise ShardError(
                f"{self.model_name} gave vectors of shape {rows.shape} for {there}; "
                f"({count}, {self._dim or 'D'}) is expected."
            )
        if not np.isfinite(rows).all():
            raise ShardError(f"{self.model_name} gave NaN or infinite numbers for {there}.")
        self._dim = rows.shape[1]
        return rows

    def _check_ids(self, tar_file: Path, table: "pd.DataFrame", id_col: str, vectors: dict[Any, Any]) -> None:
        """Refuse a shard whose samples are not those of its metadata."""
        skipped = self.skipped.get(tar_file.name, {})
        read, expected = set(vectors) | set(skipped), set(table[id_col])
        if read == expected:
            return
        lost, extra = list(expected - read)[:3], list(read - expected)[:3]
        details = [f"only in the metadata: {', '.join(map(repr, lost))}"] if lost else []
        details += [f"only in the shard: {', '.join(map(repr, extra))}"] if extra else []
        details += [str(problem) for problem in self.problems.get(tar_file.name, [])[:3]]
        raise ShardError(
            f"{display_name(tar_file)} has {len(read)} samples, its metadata {len(expected)} rows; "
            f"{'; '.join(details)}.",
            next_step="Shard and metadata must hold the same ids, in any order.",
        )


class RegisteredModelEmbedder(ImageEmbedder):
    """Runs any registered image model over tar shards.

    A sample that lacks an image, or whose image is broken, gets no vector; ``skipped`` lists it.

    Args:
        model: A model's id, a path to its package, or a loaded model.
        batch_size: Images per model call; fewer where they are huge.
        image_embedding_column: The column that gets the vectors.
        id_col: The field of the ``.json`` part that names a sample; a sample without it has its key as id.
        classifiers: Each adds a column of its own, computed from the vectors.
        device: Where to compute.

    Example:
        >>> RegisteredModelEmbedder("workbench/spriteclip-tiny").model_name
        'workbench/spriteclip-tiny'
    """

    def __init__(
        self,
        model: Any,
        *,
        batch_size: int = 32,
        image_embedding_column: str = "image_embedding",
        id_col: str = "id",
        classifiers: Sequence[EmbeddingClassifier] = (),
        device: str = "auto",
    ) -> None:
        named = isinstance(model, str | Path)
        name = str(model) if named else EmbeddingSpace.of(model).model_id
        super().__init__(name, image_embedding_column, classifiers, device=device)
        check_count("batch_size", batch_size)
        self.batch_size = batch_size
        self.id_col = id_col
        self._given = model

    def load_embedding_model(self, device: str) -> Callable[[Any], Any]:
        """Load the model; gives its ``embed_images``."""
        from models.auto import AutoModel

        if isinstance(self._given, str | Path):
            return AutoModel.from_pretrained(self._given, device=device).embed_images
        return self._given.embed_images

    def load_dataset_shard(self, tar_path: str) -> Iterator[tuple[list[np.ndarray], list[dict[str, Any]]]]:
        """Read the images of a shard, batch by batch."""
        images: list[np.ndarray] = []
        samples: list[dict[str, Any]] = []
        for found in read_shard(tar_path, suffixes={*IMAGE_SUFFIXES, "json"}):
            if isinstance(found, ShardProblem):
                self.problems.setdefault(Path(tar_path).name, []).append(found)
                continue
            sample = {self.id_col: stated_id(found, self.id_col)}
            try:
                images.append(_image_of(found))
            except MediaError as error:
                self.skip(tar_path, sample[self.id_col], error.message)
                continue
            samples.append(sample)
            if len(images) >= self.batch_size or sum(one.nbytes for one in images) > MAX_BATCH_BYTES:
                yield images, samples
                images, samples = [], []
        if images:
            yield images, samples


def _id_of(sample: Any, id_col: str, tar_file: Path) -> Any:
    """Read the id of a sample from what ``load_dataset_shard`` gave."""
    if not isinstance(sample, dict) or id_col not in sample:
        raise ShardError(
            f"A sample of {display_name(tar_file)} came with {sample!r}; a dict with {id_col!r} is expected.",
            next_step="load_dataset_shard gives one such dict per sample, in the order of the batch; "
            "RegisteredModelEmbedder takes id_col=, which must be that of the dataset.",
        )
    return sample[id_col]


def _predictions(classifier: EmbeddingClassifier, column: list[Any], tar_file: Path) -> list[Any]:
    """What a classifier says of the rows that have a vector; None for the others."""
    there = [place for place, vector in enumerate(column) if vector is not None]
    values = list(classifier(np.stack([column[place] for place in there]))) if there else []
    if len(values) != len(there):
        raise ShardError(
            f"{type(classifier).__name__} gave {len(values)} values for {len(there)} vectors of "
            f"{display_name(tar_file)}; one each is expected."
        )
    given = dict(zip(there, values, strict=True))
    return [given.get(place) for place in range(len(column))]


def _image_of(sample: ShardSample) -> np.ndarray:
    """Decode the image of a sample: RGB uint8 (H, W, 3)."""
    for suffix in IMAGE_SUFFIXES:
        if suffix in sample.parts:
            return decode_image(sample.parts[suffix], f"{sample.shard}, {sample.key}.{suffix}")
    there = f"; it has {', '.join(sorted(sample.parts))}" if sample.parts else ""
    raise UnsupportedMediaError(f"{sample.shard}, {sample.key}: it has no image{there}.")
