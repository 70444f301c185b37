"""What models that do not embed return: records of tensors whose shapes are checked when made.

Letters in shapes: B images, N found things in one image, K points of one thing, H, W the image.
Lists and arrays become tensors; a tensor stays the object it was, on its device. Equality of two
records is that of objects: compare their tensors.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from models.errors import PredictionError
from models.reprs import html_table

if TYPE_CHECKING:
    import torch

__all__ = [
    "ClassificationPrediction",
    "DepthMap",
    "Detections",
    "InstanceDetections",
    "KeyPoints",
    "MultiLabelClassificationPrediction",
    "SemanticSegmentationResult",
]

_SHOWN = 20  # rows of a table in a notebook


class _Prediction:
    """Checks the fields of a record against its shapes; shows them without their pixels."""

    _SHAPES: ClassVar[dict[str, str]]
    _LISTS: ClassVar[dict[str, str]]

    def __init_subclass__(cls, *, shapes: dict[str, str], lists: dict[str, str] | None = None) -> None:
        """Keep the shape of each tensor, one letter or digit an axis; what follows "?" may be absent.

        ``lists`` names fields that hold one dict for each of an axis.
        """
        cls._SHAPES, cls._LISTS = shapes, lists or {}

    def __post_init__(self) -> None:
        """Read every tensor, check all shapes against each other."""
        sizes: dict[str, tuple[int, str]] = {}
        for name, axes in self._SHAPES.items():
            tensor = _read(self, name, axes)
            object.__setattr__(self, name, tensor)
            _match(self, name, axes, tuple(tensor.shape), sizes)
        for name, axis in self._LISTS.items():
            given = getattr(self, name)
            if given is not None and len(given) != sizes[axis][0]:
                raise PredictionError(
                    f"{type(self).__name__}.{name} has {len(given)} entries; "
                    f"{sizes[axis][1]} has {sizes[axis][0]}."
                )

    def __len__(self) -> int:
        """Things found: the length of the first tensor."""
        return int(getattr(self, next(iter(self._SHAPES))).shape[0])

    def __repr__(self) -> str:
        parts = [f"{field.name}={_say(getattr(self, field.name))}" for field in fields(self)]  # ty: ignore[invalid-argument-type]
        given = ", ".join(part for part in parts if not part.endswith("=None"))
        return f"{type(self).__name__}({given})"

    def _repr_html_(self) -> str:
        """The first rows as a table."""
        columns = {name: getattr(self, name) for name in self._SHAPES}
        flat = {name: value for name, value in columns.items() if value.ndim <= 2}
        if len(flat) < len(columns) or "H" in "".join(self._SHAPES.values()):
            flat = {name: value for name, value in flat.items() if "H" not in self._SHAPES[name]}
        if not flat:
            return html_table([(name, _say(value)) for name, value in columns.items()])
        count = min(len(value) for value in flat.values())
        rows = [[i, *(_numbers(value[i]) for value in flat.values())] for i in range(min(count, _SHOWN))]
        more = f", the first {_SHOWN} shown" if count > _SHOWN else ""
        return html_table(rows, headers=["", *flat], caption=f"{type(self).__name__}: {count}{more}")


@dataclass(frozen=True, eq=False, repr=False)
class Detections(
    _Prediction, shapes={"xyxy": "N4", "class_id": "N", "confidence": "N"}, lists={"bboxes_metadata": "N"}
):
    """Boxes found in one image.

    Args:
        xyxy: [N, 4] left, top, right, bottom in pixels of the original image.
        class_id: [N] whole numbers, places in the model's ``class_names``.
        confidence: [N].
        image_metadata: Anything about the image.
        bboxes_metadata: One dict per box.

    Raises:
        PredictionError: If a shape is another one, or the counts differ.

    Example:
        >>> Detections(xyxy=[[0, 0, 8, 6]], class_id=[2], confidence=[0.75])
        Detections(xyxy=int64 [1, 4], class_id=int64 [1], confidence=float32 [1])
    """

    xyxy: "torch.Tensor"
    class_id: "torch.Tensor"
    confidence: "torch.Tensor"
    image_metadata: dict[str, Any] | None = None
    bboxes_metadata: Sequence[dict[str, Any]] | None = None

    def __iter__(self) -> Iterator[tuple[Any, int, float]]:
        """Each box as (xyxy [4], class id, confidence)."""
        for i in range(len(self)):
            yield self.xyxy[i], int(self.class_id[i]), float(self.confidence[i])


@dataclass(frozen=True, eq=False, repr=False)
class InstanceDetections(
    _Prediction,
    shapes={"xyxy": "N4", "class_id": "N", "confidence": "N", "mask": "NHW"},
    lists={"bboxes_metadata": "N"},
):
    """Boxes and outlines found in one image.

    Args:
        xyxy: [N, 4] left, top, right, bottom in pixels of the original image.
        class_id: [N] whole numbers, places in the model's ``class_names``.
        confidence: [N].
        mask: [N, H, W], true where the thing is.
        image_metadata: Anything about the image.
        bboxes_metadata: One dict per box.

    Raises:
        PredictionError: If a shape is another one, or the counts differ.
    """

    xyxy: "torch.Tensor"
    class_id: "torch.Tensor"
    confidence: "torch.Tensor"
    mask: "torch.Tensor"
    image_metadata: dict[str, Any] | None = None
    bboxes_metadata: Sequence[dict[str, Any]] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class ClassificationPrediction(
    _Prediction, shapes={"class_id": "B", "confidence": "B?C"}, lists={"images_metadata": "B"}
):
    """The class of each image of a batch.

    Args:
        class_id: [B] the most likely class, a place in the model's ``class_names``.
        confidence: [B] of that class, or [B, C] of every class.
        images_metadata: One dict per image.

    Raises:
        PredictionError: If a shape is another one, or the counts differ.
    """

    class_id: "torch.Tensor"
    confidence: "torch.Tensor"
    images_metadata: Sequence[dict[str, Any]] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class MultiLabelClassificationPrediction(_Prediction, shapes={"class_ids": "L", "confidence": "C"}):
    """All classes of one image.

    Args:
        class_ids: [L] the classes it has, places in the model's ``class_names``.
        confidence: [L] of those, or one number for every class there is.
        image_metadata: Anything about the image.

    Raises:
        PredictionError: If one of them is no list of numbers.
    """

    class_ids: "torch.Tensor"
    confidence: "torch.Tensor"
    image_metadata: dict[str, Any] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class KeyPoints(
    _Prediction, shapes={"xy": "NK2", "class_id": "N", "confidence": "NK"}, lists={"key_points_metadata": "N"}
):
    """Things found in one image, each with its points.

    Args:
        xy: [N, K, 2] in pixels of the original image.
        class_id: [N] whole numbers, places in the model's ``class_names``.
        confidence: [N, K].
        image_metadata: Anything about the image.
        key_points_metadata: One dict per thing.

    Raises:
        PredictionError: If a shape is another one, or the counts differ.
    """

    xy: "torch.Tensor"
    class_id: "torch.Tensor"
    confidence: "torch.Tensor"
    image_metadata: dict[str, Any] | None = None
    key_points_metadata: Sequence[dict[str, Any]] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class SemanticSegmentationResult(_Prediction, shapes={"segmentation_map": "HW", "confidence": "HW"}):
    """The class of every pixel of one image.

    Args:
        segmentation_map: [H, W] whole numbers, places in the model's ``class_names``.
        confidence: [H, W].
        image_metadata: Anything about the image.

    Raises:
        PredictionError: If the two are no pictures of one size.
    """

    segmentation_map: "torch.Tensor"
    confidence: "torch.Tensor"
    image_metadata: dict[str, Any] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class DepthMap(_Prediction, shapes={"depth": "HW"}):
    """How far away every pixel of one image is.

    Args:
        depth: [H, W].
        unit: "m" when the depth is metric; "" when it is only larger or smaller.
        image_metadata: Anything about the image.

    Raises:
        PredictionError: If it is no picture.
    """

    depth: "torch.Tensor"
    unit: str = ""
    image_metadata: dict[str, Any] | None = None


def _read(record: _Prediction, name: str, axes: str) -> "torch.Tensor":
    """Read one field as a tensor; ids are whole numbers, an empty list has all its axes."""
    import torch

    try:
        tensor = torch.as_tensor(getattr(record, name))
    except (TypeError, ValueError, RuntimeError) as error:
        raise PredictionError(f"{type(record).__name__}.{name} is no tensor: {error}.") from error
    if tensor.numel() == 0 and tensor.ndim == 1 and axes == "N4":
        tensor = tensor.reshape(0, 4)
    if name in ("class_id", "class_ids", "segmentation_map") and tensor.is_floating_point():
        if not torch.equal(tensor, tensor.round()):
            raise PredictionError(f"{type(record).__name__}.{name} must be whole numbers.")
        tensor = tensor.long()
    return tensor


def _match(
    record: _Prediction, name: str, axes: str, shape: tuple[int, ...], sizes: dict[str, tuple[int, str]]
) -> None:
    """Check one shape against its letters and against the fields before it."""
    required, _, optional = axes.partition("?")
    letters = required + optional if len(shape) > len(required) else required
    fits = len(letters) == len(shape) and all(
        size == (int(letter) if letter.isdigit() else sizes.get(letter, (size, ""))[0])
        for letter, size in zip(letters, shape, strict=False)
    )
    if not fits:
        known = " and ".join(
            f"{letter} = {size} as in {of}" for letter, (size, of) in sizes.items() if letter in letters
        )
        raise PredictionError(
            f"{type(record).__name__}.{name} has shape {list(shape)}; "
            f"[{', '.join(letters)}]{f' with {known}' if known else ''} is expected."
        )
    for letter, size in zip(letters, shape, strict=True):
        if not letter.isdigit():
            sizes.setdefault(letter, (size, name))


def _say(value: Any) -> str:
    """A tensor by type and shape; everything else as it is."""
    if not hasattr(value, "dtype"):
        return repr(value)
    where = "" if value.device.type == "cpu" else f" on {value.device}"
    return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}{where}"


def _numbers(value: Any) -> str:
    """Numbers of one row, shortly."""
    values = value.reshape(-1).tolist()
    shown = ", ".join(f"{number:.4g}" for number in values[:8])
    return shown + (" …" if len(values) > 8 else "")
