"""Networks and tokenizers of transformers from a package folder: offline, checked, no foreign code.

Whatever is wrong with the files ends in an error of ours. A weight that is missing, left over
or of another shape is an error too: transformers would fill it with random numbers.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import torch

from models.encoders.preprocessing import ImagePreprocessing
from models.encoders.transformers_checks import check_all_loaded, check_layers, check_weights_are_there
from models.encoders.transformers_towers import HubTokens, TransformersTowers, feature_rows
from models.errors import CorruptedModelPackageError, PackageNotFoundError
from models.json_text import read_json

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

__all__ = [
    "HubTokens",
    "TransformersTowers",
    "check_picture_size",
    "feature_rows",
    "load_network",
    "load_tokenizer",
    "quietly",
    "read_config",
    "read_object",
    "read_preprocessing",
]

_FRESH_COPY = "Put a fresh copy of the package there."
_LEFT_OVER = (r"(.*\.)?position_ids",)  # a buffer that old checkpoints stored; it is counted, not learnt
_quiet = threading.RLock()


def read_object(folder: Path, name: str) -> dict[str, Any]:
    """Read a JSON object of a package.

    Args:
        folder: The package folder.
        name: File in it.

    Returns:
        The object.

    Raises:
        PackageNotFoundError: If the folder or the file is missing.
        CorruptedModelPackageError: If it is no JSON object.
    """
    path = folder / name
    if not path.is_file():
        what = f"There is no folder {folder}." if not folder.is_dir() else f"{name} is missing in {folder}."
        raise PackageNotFoundError(what, next_step="Put the model's files there, or correct the path.")
    try:
        content = read_json(path)
    except (ValueError, OSError) as error:
        raise CorruptedModelPackageError(
            f"{path} cannot be read as JSON: {error}.", next_step=_FRESH_COPY
        ) from error
    if not isinstance(content, dict):
        raise CorruptedModelPackageError(f"{path} is no JSON object.", next_step=_FRESH_COPY)
    return content


def read_config(folder: Path, model_types: Sequence[str]) -> dict[str, Any]:
    """Read ``config.json`` and see that it describes the right kind of network.

    Args:
        folder: The package folder.
        model_types: Values of "model_type" that the caller can run.

    Returns:
        The JSON object.

    Raises:
        PackageNotFoundError: If it is missing.
        CorruptedModelPackageError: If it is unreadable, or describes another kind of network or
            one that no file can hold.
    """
    config = read_object(folder, "config.json")
    found = config.get("model_type")
    if found not in model_types:
        raise CorruptedModelPackageError(
            f"{folder / 'config.json'} describes a network of type {found!r}; "
            f"{' or '.join(map(repr, model_types))} is expected here.",
            next_step="Load it as the architecture that it is, or put the right files there.",
        )
    check_layers(folder, config)
    return config


def read_preprocessing(folder: Path, default_type: str) -> ImagePreprocessing:
    """Read how a package wants its pictures, from either file that the hub has for it.

    Args:
        folder: The package folder.
        default_type: Image processor to assume when the file names none.

    Returns:
        The preprocessing.

    Raises:
        PackageNotFoundError: If neither file is there.
        CorruptedModelPackageError: If it cannot be done exactly.
    """
    if (folder / "processor_config.json").is_file():
        nested = read_object(folder, "processor_config.json").get("image_processor")
        if isinstance(nested, dict):
            return ImagePreprocessing.from_config(nested, default_type=default_type)
    config = read_object(folder, "preprocessor_config.json")
    return ImagePreprocessing.from_config(config, default_type=default_type)


def check_picture_size(folder: Path, preprocessing: ImagePreprocessing, size: Any) -> None:
    """See that the preprocessing makes the pictures that the network was trained on.

    Args:
        folder: The package folder, for the message.
        preprocessing: What the package says about its pictures.
        size: What ``config.json`` says the network takes: a number for both sides, or two.

    Raises:
        CorruptedModelPackageError: If they differ.
    """
    wanted = tuple(size) if isinstance(size, list | tuple) else (size, size)
    if preprocessing.output_size != wanted:
        made, taken = (" x ".join(map(str, sides)) for sides in (preprocessing.output_size, wanted))
        raise CorruptedModelPackageError(
            f"The preprocessing in {folder} makes pictures of {made} pixels; the network takes {taken}.",
            next_step=_FRESH_COPY,
        )


def load_network(
    model_class: Any, folder: Path, *, model_types: Sequence[str], left_over: Sequence[str] = ()
) -> Any:
    """Load a network of transformers in float32 on the CPU, every weight of it from the files.

    Args:
        model_class: Class of transformers, for example ``CLIPModel``.
        folder: The package folder: ``config.json`` and safetensors, or ``pytorch_model.bin``.
        model_types: Values of "model_type" that the class can run.
        left_over: Patterns of stored names that the class does not use and may be ignored.

    Returns:
        The network, ready for inference.

    Raises:
        PackageNotFoundError: If a file is missing.
        CorruptedModelPackageError: If the files are damaged or do not fit the configuration.
    """
    read_config(folder, model_types)
    check_weights_are_there(folder, read_object)
    try:
        with quietly():
            network, found = model_class.from_pretrained(
                str(folder),
                local_files_only=True,
                weights_only=True,
                attn_implementation="sdpa",
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # they are reported, and refused below
                output_loading_info=True,
            )
    except Exception as error:  # whatever a damaged file makes a reader raise
        raise CorruptedModelPackageError(
            f"The weights or the configuration in {folder} cannot be read: {_one_line(error)}",
            next_step=_FRESH_COPY,
        ) from error
    check_all_loaded(folder, found, (*_LEFT_OVER, *left_over))
    return network.eval().requires_grad_(requires_grad=False)


def load_tokenizer(tokenizer_class: Any, folder: Path, *, max_length: int, vocab_size: int) -> HubTokens:
    """Load a tokenizer of transformers from a package folder.

    Args:
        tokenizer_class: Class of transformers, for example ``CLIPTokenizer``.
        folder: The package folder: ``tokenizer.json``, or the older files of that class.
        max_length: L, the number of tokens that the text tower reads.
        vocab_size: Number of tokens that the text tower knows.

    Returns:
        The tokenizer.

    Raises:
        PackageNotFoundError: If its files are missing.
        CorruptedModelPackageError: If they are damaged, or hold tokens the network does not know.
    """
    wanted = tokenizer_class.vocab_files_names
    old = [name for key, name in wanted.items() if key != "tokenizer_file"]
    if not (folder / "tokenizer.json").is_file() and not all((folder / name).is_file() for name in old):
        raise PackageNotFoundError(
            f"{folder} has no tokenizer; expected is tokenizer.json, or {' and '.join(old)}.",
            next_step="Download the package again, or correct the path.",
        )
    try:
        with quietly():
            tokenizer = tokenizer_class.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # whatever a damaged file makes a reader raise
        raise CorruptedModelPackageError(
            f"The tokenizer in {folder} cannot be read: {_one_line(error)}", next_step=_FRESH_COPY
        ) from error
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if not 0 <= largest < vocab_size:
        raise CorruptedModelPackageError(
            f"The tokenizer in {folder} has tokens up to number {largest}; the network knows {vocab_size}.",
            next_step=_FRESH_COPY,
        )
    return HubTokens(tokenizer, max_length)


def _one_line(error: BaseException) -> str:
    """What an error says, shortly."""
    text = " ".join(str(error).split()) or type(error).__name__
    if "weights_only" in text:  # torch's own advice there is to run whatever the file holds
        return "the file holds something else than tensors; nothing of it was run."
    return text if len(text) <= 300 else f"{text[:297]}..."


@contextlib.contextmanager
def quietly() -> Generator[None]:
    """Keep transformers from drawing bars and printing reports; what matters is raised.

    Yields:
        Nothing.
    """
    from transformers.utils import logging

    with _quiet:
        level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity(logging.CRITICAL)
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()
