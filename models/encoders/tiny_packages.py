"""Parts of the tiny random packages with which a family can be tried without a download.

The weights are random, so the vectors mean nothing; everything else is real: files in the
hub's formats, a vocabulary learnt from a few sentences, a manifest with known answers.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from models.encoders.transformers_loading import quietly
from models.known_answers import record_known_answers
from models.packages import ModelPackage, write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

__all__ = ["SENTENCES", "finish_package", "save_clip_vocabulary", "save_network", "seeded", "write_json"]

KNOWN_TEXTS = ("a red ball", "a large blue star moving to the left", "two dogs run over green grass")
KNOWN_CLIPS = (("moving-square", (8, 48, 64, 3)), ("ramp", (1, 40, 56, 3)))
SENTENCES = (
    "a photo of a red ball on green grass",
    "a large blue star moving to the left over a black background",
    "a small yellow ring that spins over a grey background",
    "two dogs run through the water while a cat sleeps on the chair",
    "a person is cooking pasta in a bright kitchen",
    "an old man plays the guitar on a street at night",
    "a video of cars driving past white houses in the rain",
    "children jump, laugh and throw a green ball to each other",
    "somebody opens the door, walks in and sits down",
    "a woman rides a brown horse along the beach at sunset",
)


@contextmanager
def seeded(seed: int) -> Generator[None]:
    """Draw torch's random numbers from a seed, and leave its state as it was.

    Args:
        seed: Any whole number.

    Yields:
        Nothing.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def save_network(make: Callable[[], Any], folder: Path, *, seed: int = 0) -> None:
    """Make a network of transformers with random weights and save it as the hub has them.

    Weights are drawn so that different inputs get clearly different vectors; the usual start
    values are meant for training and make almost equal vectors of everything. Scalars (a learnt
    scale) keep their start values.

    Args:
        make: Makes the network, for example ``lambda: CLIPModel(config)``.
        folder: Where ``config.json`` and ``model.safetensors`` are written.
        seed: Draws the weights.
    """
    import torch

    with quietly(), seeded(seed), torch.no_grad():
        network = make()
        for name, weight in network.named_parameters():
            if weight.ndim >= 2:
                fan_in = weight[0].numel() if "embedding" not in name else weight.shape[-1] / 4
                weight.normal_(0.0, 1.0 / math.sqrt(fan_in))
            elif weight.numel() > 1 and name.endswith("bias"):
                weight.normal_(0.0, 0.1)
        network.save_pretrained(folder)


def save_clip_vocabulary(folder: Path, *, vocab_size: int = 640, max_length: int = 77) -> dict[str, int]:
    """Learn a byte-level BPE vocabulary from a few sentences and save it as CLIP's tokenizer files.

    Args:
        folder: Where ``vocab.json``, ``merges.txt``, ``tokenizer.json`` and
            ``tokenizer_config.json`` are written.
        vocab_size: Number of tokens, at least 514: the bytes, alone and at a word's end, and two marks.
        max_length: Number of tokens that the text tower reads.

    Returns:
        Numbers for the text tower's configuration: vocab_size, bos_token_id, eos_token_id and
        pad_token_id.
    """
    from tokenizers import pre_tokenizers
    from transformers import CLIPTokenizer

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    ends = [f"{letter}</w>" for letter in letters]
    merges = _learn_merges(vocab_size - len(letters) - len(ends) - 2)
    tokens = [*letters, *ends, *map("".join, merges), "<|startoftext|>", "<|endoftext|>"]
    vocab = {token: number for number, token in enumerate(tokens)}
    write_json(folder / "vocab.json", vocab)
    lines = "\n".join(" ".join(pair) for pair in merges)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{lines}\n", encoding="utf-8")
    tokenizer: Any = CLIPTokenizer  # its signature names other types than it takes
    with quietly():
        tokenizer(vocab=vocab, merges=merges, model_max_length=max_length).save_pretrained(folder)
    last = len(vocab) - 1
    return {"vocab_size": len(vocab), "bos_token_id": last - 1, "eos_token_id": last, "pad_token_id": last}


def _learn_merges(count: int) -> list[tuple[str, str]]:
    """Learn which neighbours to join, the most frequent first and ties by the alphabet.

    The learner of the tokenizers library breaks ties by chance: a package would differ each time.
    """
    words = Counter(re.findall(r"[a-z]+", " ".join(SENTENCES)))
    split = {word: [*word[:-1], f"{word[-1]}</w>"] for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in split.items():
            for pair in pairwise(parts):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        split = {word: _joined(parts, best) for word, parts in split.items()}
    return merges


def _joined(parts: list[str], pair: tuple[str, str]) -> list[str]:
    """Join a pair wherever it stands."""
    joined: list[str] = []
    for part in parts:
        if joined and (joined[-1], part) == pair:
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file as people like to read it.

    Args:
        path: The file.
        content: What to write.
    """
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def finish_package(
    folder: Path, load: Callable[..., Any], *, architecture: str, card: dict[str, Any], **manifest: Any
) -> ModelPackage:
    """Load what was written, record its known answers and write the manifest.

    Args:
        folder: The folder with all other files.
        load: Loads the model of a folder.
        architecture: Registered architecture that runs it.
        card: Fields of its card; what the model knows of itself is added.
        **manifest: More arguments of ``models.packages.write_manifest``.

    Returns:
        The package.
    """
    model = load(folder, dtype="float32")
    texts = KNOWN_TEXTS if hasattr(model, "embed_text") else ()
    answers = record_known_answers(model, texts=texts, clips=KNOWN_CLIPS)
    own = {
        "license": "Apache-2.0",
        "embedding_dim": model.embedding_dim,
        "num_frames": model.num_frames,
        "score_kind": model.score_kind,
    }
    model.unload()
    named = {"model_id": f"workbench/tiny-{architecture}", "backend": "hugging-face", **manifest}
    return write_manifest(
        folder, architecture=architecture, known_answers=answers, card={**own, **card}, **named
    )
