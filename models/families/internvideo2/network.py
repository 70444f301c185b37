"""The visual tower: patches, 40 blocks with three kinds of norm, attention pooling.

Modules are named as the published checkpoint names their weights, so nothing is renamed on load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from models.families.internvideo2.errors import FrameShapeError

if TYPE_CHECKING:
    from models.families.internvideo2.config import VisionConfig

__all__ = ["VisionTower"]


class VisionTower(nn.Module):
    """Frames to tokens and to one pooled vector.

    Args:
        config: Its sizes.
    """

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        width, patches = config.embed_dim, config.patches_per_frame
        self.patch_embed = _PatchEmbedding(config.patch_size, width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.num_frames * patches, width))
        self.img_pos_embed = nn.Parameter(torch.zeros(1, 1 + patches, width))
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.depth))
        self.clip_projector = _AttentionPooling(config)

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode clips, or images as clips of one frame.

        Args:
            frames: float [B, T, 3, S, S] with T the configured number of frames, or 1.

        Returns:
            Tokens [B, 1 + T * patches, width], the class token first, and pooled [B, pooled width].

        Raises:
            FrameShapeError: If the frames have another shape.
        """
        self._check(frames)
        tokens = self.patch_embed(frames).flatten(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], dim=1)
        tokens = tokens + (self.img_pos_embed if frames.shape[1] == 1 else self.pos_embed)
        for block in self.blocks:
            tokens = block(tokens)
        return tokens, self.clip_projector(tokens)

    def _check(self, frames: torch.Tensor) -> None:
        """Refuse clips that the position embeddings do not fit."""
        count, side = self.config.num_frames, self.config.img_size
        shape = tuple(frames.shape)
        if len(shape) != 5 or shape[1] not in (1, count) or shape[2:] != (3, side, side):
            raise FrameShapeError(
                f"Frames of shape {shape} came; [B, {count}, 3, {side}, {side}] is expected, "
                f"or [B, 1, 3, {side}, {side}] for images.",
                next_step="Pass what formulate_input_frames returned.",
            )


class _PatchEmbedding(nn.Module):
    """Non-overlapping patches to tokens: a convolution, computed as one product of matrices."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.patch = patch
        self.proj = nn.Conv3d(3, width, kernel_size=(1, patch, patch), stride=(1, patch, patch))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames [B, T, 3, S, S] to tokens [B, T, patches, width], patches row by row."""
        batch, count, colours, side, _ = frames.shape
        grid, patch = side // self.patch, self.patch
        cut = frames.reshape(batch, count, colours, grid, patch, grid, patch)
        pieces = cut.permute(0, 1, 3, 5, 2, 4, 6).reshape(batch, count, grid * grid, -1)
        # as a product it is exact float32 on every device; a convolution may run in TF32
        return functional.linear(pieces, self.proj.weight.flatten(1), self.proj.bias)


class _RMSNorm(nn.Module):
    """Divide by the root mean square, in float32; then the weight, in the number format of the input."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Same shape and dtype."""
        wide = x.float()
        return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)).to(x.dtype) * self.weight


class _LayerScale(nn.Module):
    """One factor per channel, multiplied in float32."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Same shape and dtype."""
        return (x.float() * self.gamma.float()).to(x.dtype)


class _Attention(nn.Module):
    """Self-attention whose queries and keys are normalised over all heads together."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width = config.embed_dim
        self.heads = config.num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_norm = _RMSNorm(width, config.rms_norm_eps)
        self.k_norm = _RMSNorm(width, config.rms_norm_eps)
        self.proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens [B, N, width] to the same shape."""
        queries, keys, values = self.qkv(x).chunk(3, dim=-1)
        return self.proj(_attend(self.q_norm(queries), self.k_norm(keys), values, self.heads))


class _Mlp(nn.Module):
    """Two layers with the exact GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Same shape."""
        return self.fc2(functional.gelu(self.fc1(x)))


class _Block(nn.Module):
    """Attention and MLP, each normalised before and scaled after."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width = config.embed_dim
        self.norm1 = _RMSNorm(width, config.rms_norm_eps)
        self.attn = _Attention(config)
        self.ls1 = _LayerScale(width)
        self.norm2 = _RMSNorm(width, config.rms_norm_eps)
        self.mlp = _Mlp(width, config.mlp_hidden_dim)
        self.ls2 = _LayerScale(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens [B, N, width] to the same shape."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class _AttentionPooling(nn.Module):
    """All tokens to one vector: their mean asks, all of them answer."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width, eps = config.embed_dim, config.attn_pool_norm_eps
        self.norm1_q = nn.LayerNorm(width, eps=eps)
        self.norm1_k = nn.LayerNorm(width, eps=eps)
        self.norm1_v = nn.LayerNorm(width, eps=eps)
        self.cross_attn = _CrossAttention(width, config.attn_pool_num_heads, config.clip_embed_dim)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens [B, N, width], the class token among them, to [B, pooled width]."""
        query = self.norm1_q(tokens.mean(dim=1, keepdim=True))
        return self.cross_attn(query, self.norm1_k(tokens), self.norm1_v(tokens))[:, 0]


class _CrossAttention(nn.Module):
    """Attention of one query to all tokens; its three biases are weights of their own."""

    def __init__(self, width: int, heads: int, pooled: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, width, bias=False)
        self.v = nn.Linear(width, width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.k_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.proj = nn.Linear(width, pooled)

    def forward(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """[B, 1, width] and [B, N, width] twice to [B, 1, pooled width]."""
        queries, keys = self.q(query) + self.q_bias, self.k(key) + self.k_bias
        values = self.v(value) + self.v_bias
        return self.proj(_attend(queries, keys, values, self.heads))


def _attend(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, heads: int) -> torch.Tensor:
    """Scaled dot-product attention of [B, N, width] split into heads, joined again."""
    split = [one.unflatten(-1, (heads, -1)).transpose(1, 2) for one in (queries, keys, values)]
    return functional.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2)
