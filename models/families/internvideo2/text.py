"""The text tower: BERT's first layers, and the word pieces that it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from models.errors import CorruptedModelPackageError, PackageNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.families.internvideo2.config import TextConfig

__all__ = ["VOCABULARY_FILE", "build_bert", "load_tokenizer", "place_buffers", "tokenize"]

VOCABULARY_FILE = "vocab.txt"
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def build_bert(config: TextConfig) -> Any:
    """Build transformers' BERT with the layers that are used and no pooler.

    Args:
        config: Its sizes.

    Returns:
        A ``BertModel`` on the device of the current context, weights not loaded.
    """
    from transformers import BertConfig, BertModel

    sizes = BertConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.fusion_layer,
        num_attention_heads=config.num_attention_heads,
        intermediate_size=config.intermediate_size,
        hidden_act="gelu",
        max_position_embeddings=config.max_position_embeddings,
        type_vocab_size=config.type_vocab_size,
        layer_norm_eps=config.layer_norm_eps,
        pad_token_id=config.pad_token_id,
    )
    return BertModel(sizes, add_pooling_layer=False)


def load_tokenizer(folder: Path, config: TextConfig) -> Any:
    """Make BERT's lower-casing tokenizer from a word list.

    Args:
        folder: Folder with ``vocab.txt``, one piece per line.
        config: Sizes of the tower that will read the numbers.

    Returns:
        A ``BertTokenizer``.

    Raises:
        PackageNotFoundError: If there is no word list.
        CorruptedModelPackageError: If it lacks BERT's special pieces or has more pieces than the tower.
    """
    path = folder / VOCABULARY_FILE
    if not path.is_file():
        raise PackageNotFoundError(
            f"InternVideo2's word list is missing; it was expected at {path}.",
            next_step="Put the vocab.txt of google-bert/bert-large-uncased (or of the package) there, "
            "or run: workbench models download google-bert/bert-large-uncased.",
        )
    try:
        pieces = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise CorruptedModelPackageError(f"{path} is no text in UTF-8: {error}.") from error
    numbers = {piece: i for i, piece in enumerate(pieces)}
    missing = [piece for piece in _SPECIAL if piece not in numbers]
    if missing or len(pieces) > config.vocab_size:
        raise CorruptedModelPackageError(
            f"{path} does not fit the network: it has {len(pieces)} pieces of at most {config.vocab_size}"
            + (f" and lacks {', '.join(missing)}." if missing else "."),
            next_step="Put the word list there that the weights were trained with.",
        )
    from transformers import BertTokenizer

    return BertTokenizer(vocab=numbers, do_lower_case=True)


def tokenize(
    tokenizer: Any, texts: Sequence[str], length: int, *, end_with_sep: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn texts into numbers: ``[CLS] pieces [SEP]``, cut and padded to one length.

    Args:
        tokenizer: A ``BertTokenizer``.
        texts: The texts.
        length: L, numbers per text, special ones counted.
        end_with_sep: Close each text with ``[SEP]``, as the reference class does; the model was
            trained without.

    Returns:
        Numbers and mask (1 where a piece stands), both int64 [P, L].
    """
    # cut here and not by the tokenizer, which would change its own state: threads share it
    encoded = tokenizer(list(texts), add_special_tokens=False)
    end = [tokenizer.sep_token_id] if end_with_sep else []
    room = length - 1 - len(end)
    numbers = torch.full((len(texts), length), tokenizer.pad_token_id)
    mask = torch.zeros_like(numbers)
    for i, pieces in enumerate(encoded["input_ids"]):
        row = [tokenizer.cls_token_id, *pieces[:room], *end]
        numbers[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return numbers, mask


def place_buffers(bert: Any, device: str) -> None:
    """Give a BERT that was built without memory the two constants that no checkpoint holds.

    Args:
        bert: What ``build_bert`` made.
        device: Where its weights are.
    """
    embeddings, length = bert.embeddings, bert.config.max_position_embeddings
    embeddings.position_ids = torch.arange(length, device=device)[None]
    embeddings.token_type_ids = torch.zeros(1, length, dtype=torch.long, device=device)
