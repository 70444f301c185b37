"""Texts to token numbers for text towers that were trained without a mask (SigLIP, SigLIP 2).

Such a tower reads its vector from the last place, filled or not, and looks at the filling as it
looks at words. So each text is cleaned, ended and filled to one length, and nothing is masked.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from models.errors import CorruptedModelPackageError, PackageNotFoundError
from models.transformers_loading import read_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["FilledTokens", "Words", "load_tokens"]

_FRESH_COPY = "Put a fresh copy of the package there."


@dataclass(frozen=True)
class Words:
    """What sets the vocabularies of such models apart.

    Args:
        name: What to call the model in messages.
        end: Token behind every text.
        filling: Token that fills the length, when the package does not name one.
        clean: How texts are written before they are cut into tokens.
    """

    name: str
    end: str
    filling: str
    clean: Callable[[str], str]


class FilledTokens:
    """Texts to token numbers of one fixed length.

    Args:
        tokenizer: A tokenizer of the library "tokenizers".
        max_length: L, the number of tokens that the text tower reads.
        end: Number of the token behind every text, also behind one that is cut.
        filling: Number of the token that fills the length.
        clean: How texts are written before they are cut into tokens.
    """

    def __init__(
        self, tokenizer: Any, *, max_length: int, end: int, filling: int, clean: Callable[[str], str]
    ) -> None:
        self.max_length = max_length
        self._tokenizer, self._clean = tokenizer, clean
        self._end, self._filling = end, filling
        self._lock = threading.Lock()

    def __call__(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Turn texts into numbers.

        Args:
            texts: The texts.

        Returns:
            Token numbers and mask (1 = a token of the text or its end), both int64 [P, L]. The
            mask is for counting; the text tower does not use it.
        """
        rows = [self._numbers(text)[: self.max_length - 1] for text in texts]
        lengths = torch.tensor([len(row) + 1 for row in rows])
        filled = [[*row, self._end, *[self._filling] * (self.max_length - 1 - len(row))] for row in rows]
        mask = torch.arange(self.max_length)[None] < lengths[:, None]
        return torch.tensor(filled, dtype=torch.int64), mask.to(torch.int64)

    def cut_off(self, text: str) -> str:
        """The end of a text that does not fit, as the model would read it; "" when all of it does.

        Args:
            text: A text.
        """
        offsets = self._encode(text).offsets
        kept = self.max_length - 1
        return "" if len(offsets) <= kept else self._clean(text)[offsets[kept - 1][1] :].strip()

    def _numbers(self, text: str) -> list[int]:
        """Token numbers of one text, without an end."""
        return self._encode(text).ids

    def _encode(self, text: str) -> Any:
        """Cut one text into tokens."""
        with self._lock:
            return self._tokenizer.encode(self._clean(text), add_special_tokens=False)


def load_tokens(folder: Path, words: Words, *, max_length: int, vocab_size: int) -> FilledTokens:
    """Read the tokenizer of a package folder.

    Args:
        folder: The package folder with ``tokenizer.json``.
        words: Which model's vocabulary it must be.
        max_length: L, the number of tokens that the text tower reads.
        vocab_size: Number of tokens that the text tower knows.

    Returns:
        The tokenizer.

    Raises:
        PackageNotFoundError: If ``tokenizer.json`` is missing.
        CorruptedModelPackageError: If it is damaged, of another family, or does not fit the network.
    """
    tokenizer = _read_tokenizer(folder)
    end, filling = tokenizer.token_to_id(words.end), tokenizer.token_to_id(_filling(folder, words))
    if end is None or filling is None:
        raise CorruptedModelPackageError(
            f"The tokenizer in {folder} has no {words.end!r}, so it is not one of {words.name}.",
            next_step="Load it as the architecture that it is; 'siglip' and 'siglip2' are two.",
        )
    largest = max(tokenizer.get_vocab().values())
    if largest >= vocab_size:
        raise CorruptedModelPackageError(
            f"The tokenizer in {folder} has tokens up to number {largest}; the network knows {vocab_size}.",
            next_step=_FRESH_COPY,
        )
    return FilledTokens(tokenizer, max_length=max_length, end=end, filling=filling, clean=words.clean)


def _read_tokenizer(folder: Path) -> Any:
    """Open ``tokenizer.json``; what it says about filling and cutting is set aside."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        raise PackageNotFoundError(
            f"{folder} has no tokenizer.json (a spiece.model alone is not enough).",
            next_step="Download the package again, or make tokenizer.json with the library tokenizers.",
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # whatever the reader makes of a damaged file
        raise CorruptedModelPackageError(f"{path} cannot be read: {error}", next_step=_FRESH_COPY) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _filling(folder: Path, words: Words) -> str:
    """Token that fills the length, as the package names it."""
    path = folder / "tokenizer_config.json"
    named = read_json(folder, path.name).get("pad_token") if path.is_file() else None
    named = named.get("content") if isinstance(named, dict) else named
    return named if isinstance(named, str) else words.filling
