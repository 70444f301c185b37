"""Where the files of a model lie: in one package folder, or as the hub lays them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.errors import CorruptedModelPackageError, PackageNotFoundError
from models.families.internvideo2.config import InternVideo2Config
from models.families.internvideo2.ids import BERT_MODEL_ID, INTERNVIDEO2_MODEL_FILE, INTERNVIDEO2_MODEL_ID
from models.families.internvideo2.text import VOCABULARY_FILE
from models.json_text import read_json
from models.packaging.manifest import MANIFEST_NAME

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CONFIG_FILE", "WEIGHTS_FILE", "Files", "config_beside", "locate", "repositories_to_fetch"]

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"


@dataclass(frozen=True)
class Files:
    """What a model is loaded from. The paths need not exist: only the loader opens them.

    Args:
        config: Its sizes.
        weights: File with the weights.
        vocabulary: Folder with the word list.
        published: Whether these are the sizes and the file name of the published 1B model.
    """

    config: InternVideo2Config
    weights: Path
    vocabulary: Path
    published: bool


def locate(directory: Path) -> Files:
    """Find the files of a model.

    Args:
        directory: A package folder (``config.json``, ``model.safetensors`` or one ``.pt``, ``vocab.txt``);
            the folder of the published model, its tokenizer in the folder of BERT beside it; or
            the folder that holds both as ``<org>/<name>``. A file is taken for the weights of its folder.

    Returns:
        Where they are, or where they are expected.

    Raises:
        PackageNotFoundError: If a folder with weights lacks its ``config.json``.
        CorruptedModelPackageError: If ``config.json`` is malformed, or it is unclear which file
            has the weights.
    """
    directory = directory.absolute()
    if directory.is_file():
        folder, weights = directory.parent, directory
    else:
        folder = directory if _is_package(directory) else directory / INTERNVIDEO2_MODEL_ID
        weights = _weights(folder)
    config = _config(folder, weights)
    published = weights.name == INTERNVIDEO2_MODEL_FILE and config == InternVideo2Config.full_1b()
    return Files(config, weights, _vocabulary(folder), published)


def config_beside(weights: Path) -> InternVideo2Config:
    """Sizes from the ``config.json`` beside the weights; those of the published model without one.

    Args:
        weights: File with the weights; it need not exist.

    Returns:
        The sizes.

    Raises:
        CorruptedModelPackageError: If ``config.json`` is malformed.
    """
    path = weights.parent / CONFIG_FILE
    return InternVideo2Config.from_file(path) if _describes_towers(path) else InternVideo2Config.full_1b()


def repositories_to_fetch(model_dir: Path) -> list[str]:
    """Say which repositories a download shall look at: not those whose files were put there by hand.

    Args:
        model_dir: Folder that holds both as ``<org>/<name>``.

    Returns:
        Ids; a repository that was downloaded before is among them, to be verified or completed.
    """
    files = {INTERNVIDEO2_MODEL_ID: INTERNVIDEO2_MODEL_FILE, BERT_MODEL_ID: VOCABULARY_FILE}
    return [
        model_id
        for model_id, file in files.items()
        if not (model_dir / model_id / file).is_file() or (model_dir / model_id / MANIFEST_NAME).is_file()
    ]


def _is_package(directory: Path) -> bool:
    """Tell a folder with a model from one that holds packages as ``<org>/<name>``."""
    if (directory / INTERNVIDEO2_MODEL_ID).is_dir():
        return False
    return (directory / CONFIG_FILE).is_file() or _weights(directory).is_file()


def _weights(folder: Path) -> Path:
    """The file with the weights; where it is expected when there is none."""
    if (folder / WEIGHTS_FILE).is_file():
        return folder / WEIGHTS_FILE
    found = sorted(folder.glob("*.pt"))
    if len(found) == 1:
        return found[0]
    if (folder / INTERNVIDEO2_MODEL_FILE) in found or folder.as_posix().endswith(INTERNVIDEO2_MODEL_ID):
        return folder / INTERNVIDEO2_MODEL_FILE
    if found:
        raise CorruptedModelPackageError(
            f"{folder} has several weights: {', '.join(path.name for path in found)}.",
            next_step="Leave one of them there.",
        )
    return folder / WEIGHTS_FILE


def _config(folder: Path, weights: Path) -> InternVideo2Config:
    """Sizes from the folder's ``config.json``; the published file needs none."""
    path = folder / CONFIG_FILE
    if weights.name == INTERNVIDEO2_MODEL_FILE:
        return config_beside(weights)
    if not path.is_file():
        raise PackageNotFoundError(
            f"InternVideo2's {CONFIG_FILE} is missing; it was expected at {path}.",
            next_step="Put the package's config.json there.",
        )
    return InternVideo2Config.from_file(path)


def _describes_towers(path: Path) -> bool:
    """Tell our configuration from another ``config.json`` that a repository may hold."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return path.is_file()  # unreadable: reading it says why
    return isinstance(found, dict) and bool({"vision", "text", "proj_dim"} & found.keys())


def _vocabulary(folder: Path) -> Path:
    """Folder of the word list: the package itself, or BERT's beside it."""
    beside = folder.parent.parent / BERT_MODEL_ID
    in_hub_layout = folder.as_posix().endswith(INTERNVIDEO2_MODEL_ID) or beside.is_dir()
    return beside if in_hub_layout and not (folder / VOCABULARY_FILE).is_file() else folder
