"""THE table: (architecture, task type, backend) -> the class that runs it.

A new family adds one row. Rows name classes without importing them, so reading the table
loads no library. ``register_model`` adds a row from a notebook cell; the dict itself may be
edited as well.
"""

import logging
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from models.backends import BackendType
from models.errors import ModelImplementationNotFoundError
from models.registry_entry import (
    LazyClass,
    ModelArchitecture,
    ModelTable,
    RegistryEntry,
    RegistryKey,
    TaskType,
    as_entry,
    check_name,
)

if TYPE_CHECKING:
    from models.catalog import ModelCard

__all__ = [
    "REGISTERED_MODELS",
    "BackendType",
    "LazyClass",
    "ModelArchitecture",
    "RegistryEntry",
    "TaskType",
    "as_entry",
    "implementations",
    "model_implementation_exists",
    "on_registry_change",
    "register_model",
    "registered_cards",
    "resolve_model_class",
    "unregister_model",
]

_logger = logging.getLogger("models")
_listeners: dict[object, Callable[[], Any]] = {}


def _notify() -> None:
    """Tell all listeners; a broken one is logged and does not stop the others."""
    for callback in list(_listeners.values()):
        try:
            callback()
        except Exception:
            _logger.exception("A listener of the model registry failed.")


REGISTERED_MODELS: dict[RegistryKey, LazyClass | RegistryEntry | type] = ModelTable(
    {
        ("clip", "embedding", BackendType.HUGGING_FACE): LazyClass(
            "models.families.clip.model", "CLIPEmbedder"
        ),
        ("clip", "embedding", BackendType.ONNX): LazyClass("models.exported.onnx", "OnnxDualEncoder"),
        ("clip", "embedding", BackendType.OPENVINO): LazyClass(
            "models.exported.openvino", "OpenVINODualEncoder"
        ),
        ("dinov2", "embedding", BackendType.HUGGING_FACE): LazyClass(
            "models.families.dinov2.model", "DINOv2Embedder"
        ),
        ("siglip", "embedding", BackendType.HUGGING_FACE): LazyClass(
            "models.families.siglip.model", "SiglipEmbedder"
        ),
        ("siglip", "embedding", BackendType.ONNX): LazyClass("models.exported.onnx", "OnnxDualEncoder"),
        ("siglip", "embedding", BackendType.OPENVINO): LazyClass(
            "models.exported.openvino", "OpenVINODualEncoder"
        ),
        ("siglip2", "embedding", BackendType.HUGGING_FACE): LazyClass(
            "models.families.siglip2.model", "Siglip2Embedder"
        ),
        ("siglip2", "embedding", BackendType.ONNX): LazyClass("models.exported.onnx", "OnnxDualEncoder"),
        ("siglip2", "embedding", BackendType.OPENVINO): LazyClass(
            "models.exported.openvino", "OpenVINODualEncoder"
        ),
        ("internvideo2", "embedding", BackendType.TORCH): LazyClass(
            "models.families.internvideo2.model", "InternVideo2MultiModality"
        ),
        ("spriteclip", "embedding", BackendType.TORCH): LazyClass(
            "models.families.spriteclip.model", "SpriteCLIP"
        ),
        ("xclip", "embedding", BackendType.HUGGING_FACE): LazyClass(
            "models.families.xclip.model", "XCLIPEmbedder"
        ),
    },
    changed=_notify,
)

_BUILT_IN = frozenset(REGISTERED_MODELS)  # their models stand in the catalogue
_given_cards: dict[RegistryKey, "ModelCard"] = {}
_announced: set[RegistryKey] = set()


def register_model(
    architecture: str,
    task_type: str,
    backend: str | BackendType,
    model_class: type | LazyClass | RegistryEntry,
    *,
    card: "ModelCard | None" = None,
) -> None:
    """Add a model class to the table, for example from a notebook cell.

    The class needs ``from_pretrained(directory, **kwargs)``, or a constructor and ``setup()``.
    Registering a key again replaces its class (a cell that is run again); the first time that
    happens it is said in a warning, later in the log of "models".

    Args:
        architecture: Name of the family. Without a card it is also the model's id, unless the
            catalogue has models of that architecture already.
        task_type: What it does, for example "embedding".
        backend: What runs it, for example "torch".
        model_class: The class, or its name as ``LazyClass``, or a ``RegistryEntry``.
        card: What the picker shows; made from the class when not given.

    Raises:
        InvalidParameterError: If the class cannot be loaded by anybody, with what it lacks.
        UnknownBackendTypeError: If there is no such backend.

    Example:
        >>> class Grey:
        ...     def setup(self): ...
        >>> register_model("grey", "embedding", "torch", Grey)
        >>> resolve_model_class("grey", "embedding", "torch") is Grey
        True
        >>> unregister_model("grey", "embedding", "torch")
    """
    from models.registered import check_card, check_class

    names = check_name("architecture", architecture), check_name("task_type", task_type)
    key = (*names, BackendType.parse(backend))
    entry = as_entry(model_class)
    if not isinstance(entry.model_class, LazyClass):
        check_class(entry.model_class)
    _given_cards.pop(key, None)
    if card is not None:
        _given_cards[key] = check_card(key, card)
    replaced = REGISTERED_MODELS.get(key)
    REGISTERED_MODELS[key] = entry
    if replaced is not None and as_entry(replaced).model_class is not entry.model_class:
        _announce(key, as_entry(replaced), entry)


def unregister_model(architecture: str, task_type: str, backend: str | BackendType) -> None:
    """Take a row out of the table again; a row that is not there is no error.

    Args:
        architecture: As registered.
        task_type: As registered.
        backend: As registered.
    """
    key = (architecture, task_type, BackendType.parse(backend))
    _given_cards.pop(key, None)
    _announced.discard(key)
    REGISTERED_MODELS.pop(key, None)


def registered_cards() -> list["ModelCard"]:
    """Cards of the models that were added to the table, by a call or by editing it, in that order."""
    from models.registered import made_card, merge_cards

    rows = [(key, as_entry(value)) for key, value in list(REGISTERED_MODELS.items()) if key not in _BUILT_IN]
    return merge_cards(_given_cards.get(key) or made_card(key, entry) for key, entry in rows)


def on_registry_change(callback: Callable[[], Any]) -> Callable[[], None]:
    """Call something after each change of the table.

    Args:
        callback: Called without arguments, in the thread that made the change. Its errors are
            logged: they must not make a registration fail.

    Returns:
        A function that ends this; calling it twice does no harm.
    """
    token = object()
    _listeners[token] = callback

    def unsubscribe() -> None:
        """Stop calling back."""
        _listeners.pop(token, None)

    return unsubscribe


def implementations(architecture: str, task_type: str) -> dict[BackendType, RegistryEntry]:
    """All rows of one architecture and task.

    Args:
        architecture: Family of the network.
        task_type: What it does.

    Returns:
        Backend -> entry, in the order of the table; empty when there is none.
    """
    rows = list(REGISTERED_MODELS.items())
    return {key[2]: as_entry(value) for key, value in rows if key[:2] == (architecture, task_type)}


def resolve_model_class(
    architecture: str, task_type: str, backend: str | BackendType, model_features: Iterable[str] = ()
) -> type:
    """Import the class of one row.

    Args:
        architecture: Family of the network.
        task_type: What it does.
        backend: What runs it.
        model_features: Features of the package that it shall run.

    Returns:
        The class.

    Raises:
        ModelImplementationNotFoundError: If there is no such row, or it does not support the
            features; the message lists the backends that are there.
    """
    wanted = BackendType.parse(backend)
    rows = implementations(architecture, task_type)
    problems = rows[wanted].feature_problems(model_features) if wanted in rows else [_no_row(rows)]
    if problems:
        raise ModelImplementationNotFoundError(
            f"Nothing runs architecture {architecture!r}, task {task_type!r}, backend {wanted.value!r}: "
            + " ".join(problems),
            next_step="register_model(architecture, task_type, backend, model_class) adds a class.",
        )
    return rows[wanted].resolve()


def model_implementation_exists(
    architecture: str, task_type: str, backend: str | BackendType, model_features: Iterable[str] = ()
) -> bool:
    """Tell whether ``resolve_model_class`` would find a row; nothing is imported.

    Args:
        architecture: Family of the network.
        task_type: What it does.
        backend: What runs it.
        model_features: Features of the package that it shall run.
    """
    entry = implementations(architecture, task_type).get(BackendType.parse(backend))
    return entry is not None and not entry.feature_problems(model_features)


def _no_row(rows: Iterable[BackendType]) -> str:
    """Say which backends there are instead."""
    present = ", ".join(rows)
    return f"Registered backends are {present}." if present else "No backend of it is registered."


def _announce(key: RegistryKey, old: RegistryEntry, new: RegistryEntry) -> None:
    """Say that a class was replaced: in a warning the first time, then in the log."""
    message = f"{new.class_name} now runs {'/'.join(key)} in place of {old.class_name}."
    _logger.info(message)
    if key not in _announced:
        _announced.add(key)
        warnings.warn(f"{message} Further replacements go to the log only.", UserWarning, stacklevel=3)
