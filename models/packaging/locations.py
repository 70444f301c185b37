"""Where model packages lie: paths are deduced from the model's id, never searched for."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import InvalidParameterError, InvalidTypeError
from models.packaging.manifest import is_safe_path
from models.user_cache import in_user_cache

if TYPE_CHECKING:
    from models.catalog import ModelCard

MODELS_ENV = "EMBEDDING_WORKBENCH_MODELS"
EXPORTED_BACKENDS = ("onnx", "openvino")  # a model's exported packages lie beside its home package


def models_root(model_dir: str | Path | None = None) -> Path:
    """Folder under which packages lie as ``<org>/<name>``.

    Args:
        model_dir: The folder, when the caller has a preference.

    Returns:
        ``model_dir``, else the environment variable EMBEDDING_WORKBENCH_MODELS, else
        ``embedding-workbench/models`` in the user's cache folder. It need not exist.
    """
    if model_dir is not None:
        if not isinstance(model_dir, str | os.PathLike):
            raise InvalidTypeError(f"model_dir is a folder; {model_dir!r:.60} came.")
        return Path(model_dir).expanduser()
    return in_user_cache(MODELS_ENV, "models")


def package_path(card: "ModelCard", model_dir: str | Path | None = None, backend: str | None = None) -> Path:
    """Say where a model's package belongs, whether it is there or not.

    Args:
        card: The model; "bundled" packages lie inside ``models``, "local" ones where the card
            says, all others under ``models_root`` as ``<org>/<name>``.
        model_dir: Folder to use instead of the default one.
        backend: An exported format, "onnx" or "openvino": ``<org>/<name>--<backend>`` under
            ``models_root``, whatever the source of the model. None for the home format.

    Returns:
        Absolute path of the folder.

    Raises:
        InvalidParameterError: If the model's id cannot be the name of a folder.
    """
    if backend is None and card.source == "bundled":
        return Path(__file__).parents[1] / card.location
    if backend is None and card.source == "local":
        return Path(card.location).expanduser().absolute()
    if not is_safe_path(card.model_id):
        raise InvalidParameterError(f"The model id {card.model_id!r} cannot be the name of a folder.")
    home = models_root(model_dir).absolute() / card.model_id
    return home if backend is None else home.with_name(f"{home.name}--{backend}")
