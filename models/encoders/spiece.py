"""Read ``spiece.model``, a SentencePiece vocabulary, with neither sentencepiece nor protobuf.

Only what a unigram vocabulary needs is read: the pieces with their scores, the unknown piece and
the table that normalises letters. The file is a protocol buffer: numbered fields, each a number,
four or eight bytes, or a run of bytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from models.errors import CorruptedModelPackageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["read_spiece"]

_UNIGRAM, _UNKNOWN = 1, 2  # kinds of vocabulary, and of piece
_FIXED = {1: 8, 5: 4}  # wire type -> bytes of a value


def read_spiece(path: Path) -> Any:
    """Build a tokenizer from a SentencePiece file.

    Args:
        path: The file ``spiece.model``.

    Returns:
        A tokenizer of the library "tokenizers" that adds no marks.

    Raises:
        CorruptedModelPackageError: If it is damaged, or its vocabulary is no unigram one.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    try:
        pieces, kind, table = _read(path.read_bytes())
        unknown = next(i for i, (_, _, piece_kind) in enumerate(pieces) if piece_kind == _UNKNOWN)
        steps = [normalizers.Precompiled(table)] if table else []
    except Exception as error:  # whatever a damaged file makes of the reading
        raise CorruptedModelPackageError(
            f"{path} cannot be read as a SentencePiece vocabulary.",
            next_step="Put a fresh copy of the package there.",
        ) from error
    if kind != _UNIGRAM:
        raise CorruptedModelPackageError(f"{path} is no unigram vocabulary; only those can be read.")
    vocab = [(piece, score) for piece, score, _ in pieces]
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def _read(content: bytes) -> tuple[list[tuple[str, float, int]], int, bytes]:
    """The pieces (text, score, kind), the kind of vocabulary, and the table of letters."""
    pieces, kind, table = [], _UNIGRAM, b""
    for number, value in _fields(content):
        inside = dict(_fields(value)) if number in (1, 2, 3) else {}
        if number == 1:
            score = struct.unpack("<f", inside.get(2, bytes(4)))[0]
            pieces.append((inside[1].decode("utf-8"), score, inside.get(3, 1)))
        elif number == 2:
            kind = inside.get(3, _UNIGRAM)
        elif number == 3:
            table = inside.get(2, b"")
    return pieces, kind, table


def _fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of each field; a number for wire type 0, bytes for all others."""
    place = 0
    while place < len(content):
        key, place = _varint(content, place)
        if key & 7 == 0:
            value, place = _varint(content, place)
            yield key >> 3, value
            continue
        length = _FIXED.get(key & 7)
        if key & 7 == 2:
            length, place = _varint(content, place)
        if length is None or place + length > len(content):
            raise ValueError(f"No field can be read at byte {place}.")
        yield key >> 3, content[place : place + length]
        place += length


def _varint(content: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = shift = 0
    while content[place] & 0x80:
        value |= (content[place] & 0x7F) << shift
        shift, place = shift + 7, place + 1
    return value | content[place] << shift, place + 1
