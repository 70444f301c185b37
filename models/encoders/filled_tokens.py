"""Texts to token numbers for text towers that were trained without a mask (SigLIP, SigLIP 2).

Such a tower reads its vector from the last place, filled or not, and looks at the filling as it
looks at words. So each text is cleaned, ended and filled to one length, and nothing is masked.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from models.encoders.spiece import read_spiece
from models.encoders.transformers_loading import read_object
from models.errors import CorruptedModelPackageError, ModelInputError, PackageNotFoundError

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
        end: Token behind every text, when the package does not name one.
        filling: Token that fills the length, when the package does not name one.
        clean: How texts are written before they are cut into tokens.
        is_other: Whether a vocabulary (token -> number) is known to be another model's.
        ends_itself: Tokenizer classes that end a text whatever their file says; "" is none named.
    """

    name: str
    end: str
    filling: str
    clean: Callable[[str], str]
    is_other: Callable[[dict[str, int]], bool]
    ends_itself: tuple[str, ...] = ()


class FilledTokens:
    """Texts to token numbers of one fixed length.

    Args:
        tokenizer: A tokenizer of the library "tokenizers", which adds the marks of a text itself.
        max_length: L, the number of tokens that the text tower reads.
        vocab_size: Number of tokens that the text tower knows.
        filling: Number of the token that fills the length.
        clean: How texts are written before they are cut into tokens.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        max_length: int,
        vocab_size: int,
        filling: int,
        clean: Callable[[str], str],
    ) -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length)  # the marks of a text are kept
        self.max_length, self._vocab_size = max_length, vocab_size
        self._tokenizer, self._clean, self._filling = tokenizer, clean, filling
        self._lock = threading.Lock()

    def __call__(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Turn texts into numbers.

        Args:
            texts: The texts.

        Returns:
            Token numbers and mask (1 = a token of the text or a mark), both int64 [P, L]. The
            mask is for counting; the text tower does not use it.

        Raises:
            ModelInputError: If a text spells out a mark that the text tower does not know.
        """
        rows = [self._encode(text).ids for text in texts]
        for text, row in zip(texts, rows, strict=True):
            if max(row, default=0) >= self._vocab_size:
                raise ModelInputError(
                    f"The text {text[:60]!r} has a mark of the tokenizer that the network does not know.",
                    next_step="Write it without words in angle brackets.",
                )
        filled = [[*row, *[self._filling] * (self.max_length - len(row))] for row in rows]
        lengths = torch.tensor([len(row) for row in rows])
        mask = torch.arange(self.max_length)[None] < lengths[:, None]
        return torch.tensor(filled, dtype=torch.int64), mask.to(torch.int64)

    def cut_off(self, text: str) -> str:
        """The end of a text that does not fit, as the model would read it; "" when all of it does.

        Args:
            text: A text.
        """
        found = self._encode(text)
        if not found.overflowing:
            return ""
        return self._clean(text)[max(stop for _, stop in found.offsets) :].strip()

    def _encode(self, text: str) -> Any:
        """Cut one text into tokens, with its marks."""
        with self._lock:
            return self._tokenizer.encode(self._clean(text))


def load_tokens(folder: Path, words: Words, *, max_length: int, vocab_size: int) -> FilledTokens:
    """Read the tokenizer of a package folder.

    Args:
        folder: The package folder with ``tokenizer.json``, or else ``spiece.model``.
        words: Which model's vocabulary it must be.
        max_length: L, the number of tokens that the text tower reads.
        vocab_size: Number of tokens that the text tower knows.

    Returns:
        The tokenizer.

    Raises:
        PackageNotFoundError: If both files are missing.
        CorruptedModelPackageError: If it is damaged, of another family, or does not fit the network.
    """
    tokenizer, settings = _read_tokenizer(folder), _settings(folder)
    _check_vocabulary(folder, tokenizer, words, vocab_size)
    known = {token: number for token, number in tokenizer.get_vocab().items() if number < vocab_size}
    end = _first(known, _named(settings, "eos_token"), words.end)
    filling = _first(known, _named(settings, "pad_token"), words.filling, end)
    if filling is None:
        raise CorruptedModelPackageError(
            f"The tokenizer in {folder} has no token to fill a text with: neither {words.filling!r} nor a "
            "pad_token of tokenizer_config.json.",
            next_step=_FRESH_COPY,
        )
    if end is not None and _must_be_ended(tokenizer, settings, words):
        _end_texts(tokenizer, end, known[end])
    return FilledTokens(
        tokenizer,
        max_length=max_length,
        vocab_size=vocab_size,
        filling=known[filling],
        clean=words.clean,
    )


def _check_vocabulary(folder: Path, tokenizer: Any, words: Words, vocab_size: int) -> None:
    """Refuse the vocabulary of another model, and words that the network does not know."""
    if words.is_other(tokenizer.get_vocab()):
        raise CorruptedModelPackageError(
            f"The tokenizer in {folder} is not one of {words.name}, but that of another model.",
            next_step="Load it as the architecture that it is; 'siglip' and 'siglip2' are two.",
        )
    # marks that were added later may lie above the network's: no text has them by chance
    largest = max(tokenizer.get_vocab(with_added_tokens=False).values(), default=-1)
    if largest >= vocab_size:
        raise CorruptedModelPackageError(
            f"The tokenizer in {folder} has tokens up to number {largest}; the network knows {vocab_size}.",
            next_step=_FRESH_COPY,
        )


def _read_tokenizer(folder: Path) -> Any:
    """Open ``tokenizer.json``, else ``spiece.model``; what it says about cutting is set aside."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file() and (folder / "spiece.model").is_file():
        return read_spiece(folder / "spiece.model")
    if not path.is_file():
        raise PackageNotFoundError(
            f"{folder} has no tokenizer; expected is tokenizer.json, or spiece.model.",
            next_step="Download the package again, or correct the path.",
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # whatever the reader makes of a damaged file
        raise CorruptedModelPackageError(f"{path} cannot be read: {error}", next_step=_FRESH_COPY) from error
    tokenizer.no_truncation()
    return tokenizer


def _settings(folder: Path) -> dict[str, Any]:
    """What ``tokenizer_config.json`` says; nothing when there is none."""
    path = folder / "tokenizer_config.json"
    return read_object(folder, path.name) if path.is_file() else {}


def _named(settings: dict[str, Any], name: str) -> str | None:
    """A token that the settings name, in either spelling of the hub."""
    token = settings.get(name)
    token = token.get("content") if isinstance(token, dict) else token
    return token if isinstance(token, str) else None


def _first(vocab: dict[str, int], *tokens: str | None) -> str | None:
    """The first of several tokens that the vocabulary has."""
    return next((token for token in tokens if token is not None and token in vocab), None)


def _must_be_ended(tokenizer: Any, settings: dict[str, Any], words: Words) -> bool:
    """Tell whether an end has to be added that the file does not add by itself."""
    if tokenizer.num_special_tokens_to_add(is_pair=False) > 0:
        return False
    named = str(settings.get("tokenizer_class") or "")
    return settings.get("add_eos_token") is True or named in words.ends_itself


def _end_texts(tokenizer: Any, end: str, number: int) -> None:
    """Let the tokenizer put an end behind every text."""
    from tokenizers.processors import TemplateProcessing

    marks: Any = [(end, number)]  # its signature names another type than it takes
    tokenizer.post_processor = TemplateProcessing(single=["$A", end], special_tokens=marks)
