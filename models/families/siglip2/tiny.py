"""A SigLIP 2 package of half a megabyte with random weights, made without a download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.encoders.tiny_packages import SENTENCES, finish_package, write_json
from models.encoders.tiny_sigmoid import save_sigmoid_files, tiny_card
from models.families.siglip2.model import Siglip2Embedder, small_letters
from models.json_text import parse_json

if TYPE_CHECKING:
    from models.packages import ModelPackage

__all__ = ["make_tiny_package"]

_MARKS = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>")


def make_tiny_package(directory: str | Path, *, seed: int = 0, naflex: bool = False) -> ModelPackage:
    """Write a tiny SigLIP 2 package: random weights, a real small vocabulary, known answers.

    Args:
        directory: Where to write; made when it is missing.
        seed: Draws the weights.
        naflex: Make one that keeps the aspect ratio of pictures.

    Returns:
        The package, for ``AutoModel.from_pretrained(package.directory)``.

    Example:
        >>> make_tiny_package("tiny-siglip2").manifest.architecture
        'siglip2'
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    save_sigmoid_files(folder, _save_vocabulary, seed=seed, naflex=naflex)
    return finish_package(
        folder, Siglip2Embedder.from_pretrained, architecture="siglip2", card=tiny_card("SigLIP 2")
    )


def _save_vocabulary(folder: Path) -> dict[str, int]:
    """Save a vocabulary in the form of Gemma's: BPE over spaces written as a sign, bytes for the rest."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocab, merges = _learnt()
    unknown: dict[str, Any] = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, **unknown))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", behavior="merged_with_previous")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", vocab["<eos>"])]
    )
    tokenizer.add_special_tokens(list(_MARKS))
    tokenizer.save(str(folder / "tokenizer.json"))
    settings: dict[str, Any] = {f"{mark.strip('<>')}_token": mark for mark in _MARKS}
    settings |= {"add_bos_token": False, "add_eos_token": True, "model_input_names": ["input_ids"]}
    settings |= {"padding_side": "right", "tokenizer_class": "GemmaTokenizer"}
    write_json(folder / "tokenizer_config.json", settings)
    return {"vocab_size": len(vocab), "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}


def _learnt() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges learnt from a few sentences, word by word."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    learner = Tokenizer(models.BPE())
    learner.normalizer = normalizers.Replace(" ", "▁")
    learner.pre_tokenizer = pre_tokenizers.Split("▁", behavior="merged_with_next")
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=["▁"], show_progress=False)
    learner.train_from_iterator(map(small_letters, SENTENCES), trainer)
    learnt = parse_json(learner.to_str())["model"]
    names = [*_MARKS, *(f"<0x{byte:02X}>" for byte in range(256))]
    names += [name for name, _ in sorted(learnt["vocab"].items(), key=lambda item: item[1])]
    return {name: number for number, name in enumerate(names)}, [tuple(pair) for pair in learnt["merges"]]
