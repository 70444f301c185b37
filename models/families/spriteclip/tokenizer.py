"""Words in, token numbers out, and the words that mean nothing to the model."""

from __future__ import annotations

import functools
import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from models.families.spriteclip.grammar import COLOURS
from models.families.spriteclip.lexicon import FILLERS, TOKENS, WORD_TO_TOKEN, base_forms
from models.json_text import read_json

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Tokenizer", "pad"]

_SHADED = {*COLOURS, "grey"} - {"black"}
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


class Tokenizer:
    """Turn a caption into token numbers.

    Case, punctuation and hyphens do not matter; plural and verb forms fall back to their
    base ("slides", "sliding" and "slid e" are "move"); synonyms share one token; articles and
    other words without content are known but leave no token.

    Args:
        tokens: The tokens in the order of their numbers.
        max_tokens: Longest sequence; what comes after is cut.

    Example:
        >>> tokenizer = Tokenizer()
        >>> tokenizer.tokens_of("A crimson ball slides to the right!")
        ['red', 'circle', 'move', 'to', 'right']
        >>> tokenizer.unknown_words("a giraffe on white")
        ['giraffe']
    """

    def __init__(self, tokens: tuple[str, ...] = TOKENS, max_tokens: int = 40) -> None:
        self.tokens = tuple(tokens)
        self.max_tokens = max_tokens
        self._numbers = {token: number for number, token in enumerate(self.tokens)}

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Read the token list that a checkpoint was trained with."""
        record = read_json(path)
        return cls(tuple(record["tokens"]), int(record["max_tokens"]))

    def save(self, path: Path) -> None:
        """Write the token list beside a checkpoint."""
        record = {"max_tokens": self.max_tokens, "tokens": list(self.tokens)}
        path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")

    def tokens_of(self, text: str) -> list[str]:
        """Tokens of a caption in order; unknown words are ``<unknown>``.

        Fillers are left out, and "dark" before a colour: alone it means a black backdrop.

        Example:
            >>> Tokenizer().tokens_of("a dark blue ring on a dark background")
            ['blue', 'ring', 'on', 'dark', 'background']
        """
        found = [token for token in map(_token, _words(text)) if token]
        shades = {
            place for place, pair in enumerate(pairwise(found)) if pair[0] == "dark" and pair[1] in _SHADED
        }
        return [token for place, token in enumerate(found) if place not in shades]

    def encode(self, text: str) -> list[int]:
        """Token numbers of a caption, the summary token first.

        Example:
            >>> Tokenizer().encode("")
            [1]
        """
        numbers = [self._numbers["<text>"]]
        numbers += [self._numbers.get(token, self._numbers["<unknown>"]) for token in self.tokens_of(text)]
        return numbers[: self.max_tokens]

    def unknown_words(self, text: str) -> list[str]:
        """Words of a caption that the model does not know, in order, each once.

        Example:
            >>> Tokenizer().unknown_words("Two Zebras and a red-hot ZEBRA spinning")
            ['zebras', 'hot', 'zebra']
        """
        return list(dict.fromkeys(word for word in _words(text) if _token(word) == "<unknown>"))


def _words(text: str) -> list[str]:
    """Lower-case words of a text; an apostrophe belongs to its word."""
    return _WORD.findall(text.lower().replace("\u2019", "'"))


@functools.lru_cache(maxsize=4096)
def _token(word: str) -> str:
    """Token of a word: "" for a filler, ``<unknown>`` when no form of it is known."""
    plain = word.removesuffix("'s").replace("'", "")
    for form in base_forms(plain):
        if form in WORD_TO_TOKEN:
            return WORD_TO_TOKEN[form]
        if form in FILLERS:
            return ""
    return "<unknown>"


def pad(sequences: list[list[int]], multiple: int = 1) -> torch.Tensor:
    """Stack number sequences, filled up with 0 to a multiple of a length.

    Example:
        >>> pad([[1, 2], [1]]).tolist()
        [[1, 2], [1, 0]]
    """
    longest = max(len(sequence) for sequence in sequences)
    length = -(-longest // multiple) * multiple
    return torch.tensor([sequence + [0] * (length - len(sequence)) for sequence in sequences])
