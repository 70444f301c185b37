"""A SigLIP package of half a megabyte with random weights, made without a download."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.families.siglip.model import SiglipEmbedder
from models.families.siglip.tokens import clean_text
from models.tiny_packages import SENTENCES, finish_package, save_network, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.packages import ModelPackage

__all__ = ["make_tiny_package", "save_siglip_files"]

_TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
_SIZE, _LENGTH = 32, 64
_SCALE, _BIAS = 117.3, -12.9  # about what the published checkpoints learnt


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
    save_siglip_files(folder, _save_vocabulary, seed=seed)
    card = tiny_card("SigLIP")
    return finish_package(folder, SiglipEmbedder.from_pretrained, architecture="siglip", card=card)


def tiny_card(name: str) -> dict[str, Any]:
    """What the card of a tiny package says that its model does not know."""
    return {
        "input_size": _SIZE,
        "text_length": _LENGTH,
        "modalities": ["text", "image", "video"],
        "description": f"A tiny {name} with random weights, to try the family without a download.",
    }


def save_siglip_files(folder: Path, save_vocabulary: Callable[[Path], dict[str, int]], *, seed: int) -> None:
    """Write everything of a tiny package but its manifest.

    Args:
        folder: Where to write.
        save_vocabulary: Writes the tokenizer files; returns numbers for the text tower's configuration.
        seed: Draws the weights.
    """
    from transformers import SiglipConfig

    config = SiglipConfig(
        text_config={**_TOWER, **save_vocabulary(folder), "max_position_embeddings": _LENGTH},
        vision_config={**_TOWER, "image_size": _SIZE, "patch_size": 8},
    )
    save_network(lambda: _network(config), folder, seed=seed)
    write_json(folder / "preprocessor_config.json", _preprocessor())


def _network(config: Any) -> Any:
    """A network whose scores are scaled as those of the published checkpoints."""
    from transformers import SiglipModel

    network = SiglipModel(config)
    network.logit_scale.data.fill_(math.log(_SCALE))
    network.logit_bias.data.fill_(_BIAS)
    return network


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


def _preprocessor() -> dict[str, Any]:
    """Image preprocessing in the spelling of Google's own repositories."""
    return {
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_processor_type": "SiglipImageProcessor",
        "image_std": [0.5, 0.5, 0.5],
        "processor_class": "SiglipProcessor",
        "resample": 3,
        "rescale_factor": 0.00392156862745098,
        "size": {"height": _SIZE, "width": _SIZE},
    }
