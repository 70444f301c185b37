"""The last layer of CLIP's image tower, for the one token whose row becomes the vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn.functional import scaled_dot_product_attention

if TYPE_CHECKING:
    import torch

__all__ = ["ClassTokenLayer"]


class ClassTokenLayer(nn.Module):
    """The last encoder layer, computed for the class token alone.

    The image tower drops every other row after it, so only their keys and values are needed: the same
    vector with 10 of the layer's 12 products left out for the patches, 7 % of a ViT-B.

    Args:
        layer: The last ``CLIPEncoderLayer`` of an image tower of transformers.

    Example:
        >>> import torch
        >>> from transformers import CLIPVisionConfig, CLIPVisionModel
        >>> tower = CLIPVisionModel(CLIPVisionConfig(hidden_size=8, intermediate_size=16,
        ...     num_hidden_layers=2, num_attention_heads=2, image_size=8, patch_size=4)).eval()
        >>> pixels = torch.ones(1, 3, 8, 8)
        >>> whole = tower(pixels).pooler_output
        >>> tower.encoder.layers[-1] = ClassTokenLayer(tower.encoder.layers[-1])
        >>> torch.allclose(tower(pixels).pooler_output, whole, atol=1e-5)
        True
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        """Rows [N, L, D] of all tokens to that of the first one, [N, 1, D]; an image has no mask."""
        attention = self.layer.self_attn
        seen = self.layer.layer_norm1(hidden_states)
        row = hidden_states[:, :1]
        query, key, value = (
            project(tokens).unflatten(-1, (-1, attention.head_dim)).transpose(1, 2)
            for project, tokens in (
                (attention.q_proj, seen[:, :1]),
                (attention.k_proj, seen),
                (attention.v_proj, seen),
            )
        )
        mixed = scaled_dot_product_attention(query, key, value, scale=attention.scale)
        row = row + attention.out_proj(mixed.transpose(1, 2).flatten(2))
        return row + self.layer.mlp(self.layer.layer_norm2(row))
