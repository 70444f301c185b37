"""A loaded network and tokenizer of transformers in the shape that the shared models use."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import torch

from models.encoders.compiled import Compiled
from models.encoders.packed_linear import pack_linears, unpack_linears

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HubTokens", "TransformersTowers", "feature_rows"]


class HubTokens:
    """Texts to token numbers of one fixed length, with a tokenizer of transformers.

    Args:
        tokenizer: A fast tokenizer of transformers.
        max_length: L, the length that every text is padded or cut to.
    """

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        self.max_length = max_length
        self._tokenizer = tokenizer
        self._lock = threading.Lock()  # padding and truncation are states of the tokenizer

    def __call__(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Turn texts into numbers.

        Args:
            texts: The texts.

        Returns:
            Token numbers and mask (1 = a token of the text), both int64 [P, L].
        """
        with self._lock:
            found = self._tokenizer(
                texts,
                padding="max_length",
                padding_side="right",  # whatever the file says: positions count from the first token
                truncation=True,
                max_length=self.max_length,
                return_attention_mask=True,
                return_tensors="pt",
            )
        return found["input_ids"], found["attention_mask"]

    def cut_off(self, text: str) -> str:
        """The end of a text that does not fit; "" when all of it does.

        Args:
            text: A text.
        """
        with self._lock:
            whole = len(self._tokenizer(text, verbose=False)["input_ids"])
            if whole <= self.max_length:
                return ""
            kept = self._tokenizer(
                text, truncation=True, max_length=self.max_length, return_offsets_mapping=True
            )
        return text[max(stop for _, stop in kept["offset_mapping"]) :].strip()


class TransformersTowers:
    """Two towers of transformers behind ``get_image_features`` and ``get_text_features``.

    Args:
        network: The network, loaded in float32 on the CPU. Its linear layers are packed where that is
            faster (see ``models.encoders.packed_linear``).
        device: Where to compute.
        dtype: In which number format.
        images: Pixels -> rows; the network's ``get_image_features`` when not given.
        texts: Token numbers and mask -> rows; its ``get_text_features`` when not given.
    """

    def __init__(
        self,
        network: Any,
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        images: Callable[[Any, torch.Tensor], torch.Tensor] | None = None,
        texts: Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        self.network: Any = network.to(device, dtype)
        pack_linears(self.network)
        self.device, self.dtype = device, dtype
        self._images, self._texts = images or _image_features, texts or _text_features

    def encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
        """Encode normalised pixels float32 [N, 3, h, w]: [N, D]."""
        return self._images(self.network, pixels.to(self.device, self.dtype))

    def encode_text(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Encode token numbers int64 [P, L] with their mask: [P, D]."""
        return self._texts(self.network, input_ids.to(self.device), attention_mask.to(self.device))

    def compile(self) -> None:
        """Let torch compile both towers when they are first used; it packs weights in its own way."""
        unpack_linears(self.network)
        self._images, self._texts = Compiled(self._images), Compiled(self._texts)

    def unload(self) -> None:
        """Drop the network."""
        self.network = None


def feature_rows(output: Any) -> torch.Tensor:
    """Take the rows out of what a feature method returns: a tensor, or an output that holds them."""
    return output if torch.is_tensor(output) else output.pooler_output


def _image_features(network: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Projected rows of pixels."""
    return feature_rows(network.get_image_features(pixel_values=pixels))


def _text_features(network: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Projected rows of texts."""
    return feature_rows(network.get_text_features(input_ids=input_ids, attention_mask=attention_mask))
