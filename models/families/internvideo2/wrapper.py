"""Both towers as one network, with the reference's names for what it computes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from models.errors import ModelInputError
from models.families.internvideo2.checkpoint import WeightsFile, read_state
from models.families.internvideo2.errors import FrameShapeError, NetworkMissingError
from models.families.internvideo2.files import config_beside
from models.families.internvideo2.network import VisionTower
from models.families.internvideo2.setup import Setup, compute_dtype
from models.families.internvideo2.text import build_bert, load_tokenizer, place_buffers, tokenize
from models.runtime import pick_device

if TYPE_CHECKING:
    from collections.abc import Sequence

    from easydict import EasyDict

__all__: list[str] = []  # all names here are the reference's, and private there too

_logger = logging.getLogger("models")


class _InternVideo2Stage2Wrapper(nn.Module):
    """InternVideo2 Stage2 for inference: both towers and their projections into one space.

    Args:
        config: The configuration that ``_create_config`` makes.
        tokenizer: A ``BertTokenizer``; without one there are no text features.
        is_pretrain: Kept as the reference has it; nothing here is trained.

    Attributes:
        vision_encoder: The visual tower.
        text_encoder: BERT's first layers, as ``text_encoder.bert``.
        vision_proj: Pooled vision to the common space.
        text_proj: Pooled text to the common space.
    """

    def __init__(self, config: EasyDict, tokenizer: Any, *, is_pretrain: bool = True) -> None:
        super().__init__()
        setup = Setup.read(config)
        self.config = setup.config
        self.tokenizer, self.is_pretrain = tokenizer, is_pretrain
        self.end_with_sep = setup.end_with_sep
        self.vision_encoder = VisionTower(self.config.vision)
        self.text_encoder = nn.ModuleDict({"bert": build_bert(self.config.text)})
        self.vision_proj = nn.Linear(self.config.vision.clip_embed_dim, self.config.proj_dim)
        self.text_proj = nn.Linear(self.config.text.hidden_size, self.config.proj_dim)
        self.eval().requires_grad_(requires_grad=False)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The number format of the weights."""
        return next(self.parameters()).dtype

    @torch.no_grad()
    def encode_vision(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode clips or images, normalised as ``formulate_input_frames`` does.

        Args:
            image: float [B, T, 3, S, S]; T = 1 takes the position embedding of images.

        Returns:
            Tokens [B, 1 + T * patches, width] and pooled [B, pooled width].

        Raises:
            FrameShapeError: If the network is built for frames of another shape.
        """
        return self.vision_encoder(image.to(self.device, self.dtype))

    @torch.no_grad()
    def get_vid_feat(self, frames: torch.Tensor) -> torch.Tensor:
        """Embed clips or images.

        Args:
            frames: As ``encode_vision`` takes them.

        Returns:
            float32 [B, D], unit rows, on the model's device.
        """
        return _unit(self.vision_proj(self.encode_vision(frames)[1]))

    @torch.no_grad()
    def get_txt_feat(self, text: str | Sequence[str]) -> torch.Tensor:
        """Embed one text or several; an empty text is a text too.

        Args:
            text: A text or a list of texts.

        Returns:
            float32 [P, D], unit rows, on the model's device.

        Raises:
            NetworkMissingError: If there is no tokenizer.
            ModelInputError: If it is no text, or an empty list.
        """
        if self.tokenizer is None:
            raise NetworkMissingError("The network was built without a tokenizer, so it takes no texts.")
        texts = [text] if isinstance(text, str) else text
        if not isinstance(texts, list | tuple) or not texts or not all(isinstance(one, str) for one in texts):
            raise ModelInputError(f"A text or a list of texts is expected; {text!r:.80} came.")
        length = self.config.text.max_txt_l
        numbers, mask = tokenize(self.tokenizer, texts, length, end_with_sep=self.end_with_sep)
        longest = int(mask.sum(dim=1).max())  # the padding that all share has no say
        return _unit(self.text_proj(self.encode_text(numbers[:, :longest], mask[:, :longest])[1]))

    @torch.no_grad()
    def encode_text(self, numbers: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode the numbers of texts.

        Args:
            numbers: int64 [P, L].
            mask: int64 [P, L], 1 where a piece stands.

        Returns:
            Tokens [P, L, width] and the first of each, [P, width].
        """
        tokens = self.text_encoder["bert"](
            input_ids=numbers.to(self.device), attention_mask=mask.to(self.device)
        ).last_hidden_state
        return tokens, tokens[:, 0]

    @torch.no_grad()
    def predict_label(
        self, vid_feat: torch.Tensor, txt_feat: torch.Tensor, top: int = 5
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Tell which texts fit clips: a softmax over all texts of 100 times the similarity.

        Args:
            vid_feat: [B, D], unit rows.
            txt_feat: [P, D], unit rows.
            top: k, number of texts wanted.

        Returns:
            Probabilities, float32 [B, k], falling, and the indices of their texts, int64 [B, k];
            both on the CPU.

        Raises:
            FrameShapeError: If the two do not fit together, or ``top`` is more than there are texts.
        """
        if vid_feat.ndim != 2 or txt_feat.ndim != 2 or vid_feat.shape[1] != txt_feat.shape[1]:
            raise FrameShapeError(
                f"Clip vectors of shape {tuple(vid_feat.shape)} and text vectors of shape "
                f"{tuple(txt_feat.shape)} came; [B, D] and [P, D] are expected."
            )
        if not 1 <= top <= len(txt_feat):
            raise FrameShapeError(
                f"The best {top} of {len(txt_feat)} texts were asked for; top is 1 to that many."
            )
        logits = self.config.logit_scale * vid_feat.float() @ txt_feat.to(vid_feat.device).float().T
        best = logits.softmax(dim=-1).cpu().topk(top, dim=-1)
        return best.values, best.indices


def _create_config(model_pt: str, bert_path: str) -> EasyDict:
    """Make the configuration of the published 1B model, or of the ``config.json`` beside the weights.

    Args:
        model_pt: File with the weights.
        bert_path: Folder with BERT's ``vocab.txt``.

    Returns:
        The configuration under the reference's names; change what shall be otherwise.

    Example:
        >>> config = _create_config("InternVideo2.pt", "bert-large-uncased")
        >>> config.num_frames, config.size_t, config.model.embed_dim
        (4, 224, 512)
    """
    return Setup(config_beside(Path(model_pt)), Path(model_pt), Path(bert_path)).to_easydict()


def _setup_internvideo2(config: EasyDict) -> _InternVideo2Stage2Wrapper:
    """Build a network and read its weights, one tensor at a time into its final place.

    Args:
        config: The configuration.

    Returns:
        The network, ready for inference.

    Raises:
        PackageNotFoundError: If the weights or the word list are missing.
        CorruptedModelPackageError: If they do not fit the configuration.
        InvalidParameterError: If the configuration is impossible here.
    """
    setup = Setup.read(config)
    device, dtype = pick_device(setup.device), compute_dtype(setup.dtype)
    file = WeightsFile.open(setup.weights)
    tokenizer = load_tokenizer(setup.vocabulary, setup.config.text)
    with torch.device("meta"):  # sizes only: the weights that are read become the network's own
        network = _InternVideo2Stage2Wrapper(config, tokenizer)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    state = read_state(file, wanted, setup.config, device=device, dtype=dtype)
    network.load_state_dict(state, assign=True)
    place_buffers(network.text_encoder["bert"], device)
    _logger.info("InternVideo2: %d tensors from %s", len(state), setup.weights)
    return network.eval().requires_grad_(requires_grad=False)


def _unit(rows: torch.Tensor) -> torch.Tensor:
    """Bring rows to unit length in float32."""
    wide = rows.float()
    return wide / wide.norm(dim=-1, keepdim=True)
