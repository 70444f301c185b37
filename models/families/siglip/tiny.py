"""A SigLIP package of half a megabyte with random weights, made without a download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.encoders.tiny_packages import SENTENCES, finish_package, write_json
from models.encoders.tiny_sigmoid import save_sigmoid_files, tiny_card
from models.families.siglip.model import SiglipEmbedder, clean_text

if TYPE_CHECKING:
    from models.packages import ModelPackage

__all__ = ["make_tiny_package"]


def make_tiny_package(directory: str | Path, *, seed: int = 0) -> ModelPackage:
    """Write a tiny SigLIP package: random weights, a real small vocabulary, known answers.

    Args:
        directory: Where to write; made when it is missing.
        seed: Draws the weights.

    Returns:
        The package, for ``AutoModel.from_pretrained(package.directory)``.

    Example:
        >>> make_tiny_package("tiny-siglip").manifest.architecture
        'siglip'
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    save_sigmoid_files(folder, _save_vocabulary, seed=seed)
    card = tiny_card("SigLIP")
    return finish_package(folder, SiglipEmbedder.from_pretrained, architecture="siglip", card=card)


def _save_vocabulary(folder: Path) -> dict[str, int]:
    """Learn a unigram vocabulary from a few sentences and save it as SigLIP's tokenizer files."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer: Any = trainers.UnigramTrainer(
        vocab_size=200,
        special_tokens=["<unk>", "</s>"],
        unk_token="<unk>",  # noqa: S106  (a token of a vocabulary, no secret)
        initial_alphabet=list("abcdefghijklmnopqrstuvwxyz0123456789"),
        show_progress=False,
    )
    tokenizer.train_from_iterator(map(clean_text, SENTENCES), trainer)
    end = tokenizer.get_vocab()["</s>"]
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", end)])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"model_input_names": ["input_ids"], "pad_token": "</s>", "tokenizer_class": "SiglipTokenizer"}
    write_json(folder / "tokenizer_config.json", settings)
    size = tokenizer.get_vocab_size()
    return {"vocab_size": size, "bos_token_id": end, "eos_token_id": end, "pad_token_id": end}
