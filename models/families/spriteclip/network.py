"""The two towers of SpriteCLIP: plain torch modules, no files, no words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from models.families.spriteclip.preprocessing import NUM_FRAMES

__all__ = ["DualEncoder", "NetworkConfig"]


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of both towers; saved beside the weights."""

    num_tokens: int
    max_tokens: int = 40
    embedding_dim: int = 256
    stem: tuple[int, int] = (48, 96)
    video_width: int = 192
    video_layers: int = 2
    text_width: int = 160
    text_layers: int = 2
    head_width: int = 32
    pool_queries: int = 4

    def to_dict(self) -> dict[str, object]:
        """As plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NetworkConfig:
        """From what ``to_dict`` gave, read back from JSON."""
        first, second = values["stem"]
        return replace(cls(**values), stem=(first, second))


class _Block(nn.Module):
    """Pre-norm transformer block; attention is written out, which trains faster on CPUs."""

    def __init__(self, width: int, head_width: int) -> None:
        super().__init__()
        self.heads = width // head_width
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        count, length, width = x.shape
        packed = self.qkv(self.norm1(x)).view(count, length, 3, self.heads, width // self.heads)
        query, key, value = packed.permute(2, 0, 3, 1, 4)
        scores = (query * (width // self.heads) ** -0.5) @ key.transpose(-1, -2)
        if bias is not None:
            scores = scores + bias
        mixed = (_softmax(scores) @ value).transpose(1, 2).reshape(count, length, width)
        x = x + self.out(mixed)
        return x + self.down(functional.relu(self.up(self.norm2(x))))


def _softmax(scores: torch.Tensor) -> torch.Tensor:
    """Softmax over keys that stays in the dtype of autocast (the default would widen to float32)."""
    return torch.softmax(scores, -1, dtype=scores.dtype)


class _AttentionPool(nn.Module):
    """A few learnt queries look at all tokens; their answers are laid side by side."""

    def __init__(self, width: int, queries: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, queries)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(x)
        weights = _softmax(self.query(x).transpose(1, 2))
        return (weights @ x).flatten(1)


class _VideoTower(nn.Module):
    """Per-frame convolutions, then all 8 frames of a place mixed at once, then attention over places.

    Means and maxima of every level go straight to the output beside the attention, so that
    colours and backdrops are learnt within the first minutes and bindings after them.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        first, second = config.stem
        width = config.video_width
        self.conv1 = nn.Conv2d(3, first, 7, 4, 3, bias=False)
        self.conv2 = nn.Conv2d(first, second, 3, 2, 1, bias=False)
        self.mix = nn.Linear(NUM_FRAMES * second, width, bias=False)
        self.near = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.merge = nn.Conv2d(width, width, 3, 2, 1, bias=False)
        self.far = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = _batch_norm(first), _batch_norm(second)
        self.norm3, self.norm4, self.norm5, self.norm6 = (_batch_norm(width) for _ in range(4))
        self.place = nn.Sequential(nn.Linear(10, width), nn.ReLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(_Block(width, config.head_width) for _ in range(config.video_layers))
        self.pool = _AttentionPool(width, config.pool_queries)
        levels = 2 * (second + 2 * width) + config.pool_queries * width
        self.out = nn.Linear(levels, config.embedding_dim)
        # takes away what all clips share: without it the cosine of any two stays near 1
        self.centre = nn.BatchNorm1d(config.embedding_dim, momentum=0.03)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalised frames (B, 8, h, w, 3) of one picture size to features (B, D)."""
        return self.centre(self.features(x))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Features before centring, which in training needs the whole batch."""
        count = len(x)
        x = x.flatten(0, 1).permute(0, 3, 1, 2)
        x = functional.relu(self.norm1(self.conv1(x)), inplace=True)
        x = functional.relu(self.norm2(self.conv2(x)), inplace=True)
        low = x.permute(0, 2, 3, 1).reshape(count, NUM_FRAMES, -1, x.shape[1])
        grid = self.mix(low.transpose(1, 2).flatten(2)).view(count, *x.shape[2:], -1).permute(0, 3, 1, 2)
        grid = functional.relu(self.norm3(grid))
        grid = grid + functional.relu(self.norm4(self.near(grid)))
        top = functional.relu(self.norm5(self.merge(grid)))
        top = top + functional.relu(self.norm6(self.far(top)))
        height, width = top.shape[2:]
        tokens = top.flatten(2).transpose(1, 2)
        levels = [*_ends(low.flatten(1, 2)), *_ends(grid.flatten(2).transpose(1, 2)), *_ends(tokens)]
        tokens = tokens + self.place(_coordinates(height, width, tokens))
        for block in self.blocks:
            tokens = block(tokens)
        return self.out(torch.cat([*levels, self.pool(tokens)], 1))


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    """Batch norm whose running averages last about a hundred calls."""
    return nn.BatchNorm2d(channels, momentum=0.02)


def _ends(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and maximum over places, (B, C) each."""
    return x.mean(1), x.amax(1)


def _coordinates(height: int, width: int, like: torch.Tensor) -> torch.Tensor:
    """Smooth functions of each place, (places, 10)."""
    y = torch.linspace(-1, 1, height, device=like.device)[:, None].expand(height, width).flatten()
    x = torch.linspace(-1, 1, width, device=like.device)[None].expand(height, width).flatten()
    waves = [x, y]
    for frequency in (1.57, 3.14):
        waves += [(frequency * v).sin() for v in (x, y)] + [(frequency * v).cos() for v in (x, y)]
    return torch.stack(waves, -1).to(like.dtype)


class _TextTower(nn.Module):
    """A small transformer over words; the summary token and the mean make the feature."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.text_width
        self.words = nn.Embedding(config.num_tokens, width)
        self.order = nn.Parameter(torch.randn(config.max_tokens, width) * 0.05)
        nn.init.normal_(self.words.weight, std=0.5)
        self.blocks = nn.ModuleList(_Block(width, config.head_width) for _ in range(config.text_layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(2 * width, config.embedding_dim)
        self.centre = nn.BatchNorm1d(config.embedding_dim, momentum=0.03)

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Token numbers (B, L) to features (B, D)."""
        return self.centre(self.features(numbers))

    def features(self, numbers: torch.Tensor) -> torch.Tensor:
        """Features before centring."""
        real = numbers > 0
        x = self.words(numbers) + self.order[: numbers.shape[1]]
        bias = x.new_zeros(real.shape).masked_fill(~real, -1e4)[:, None, None]
        for block in self.blocks:
            x = block(x, bias)
        x = self.norm(x)
        weight = (real / real.sum(1, keepdim=True)).unsqueeze(-1).to(x.dtype)
        return self.out(torch.cat([x[:, 0], (x * weight).sum(1)], -1))


class DualEncoder(nn.Module):
    """Both towers and the learnt scale of their cosine.

    Example:
        >>> network = DualEncoder(NetworkConfig(num_tokens=5, video_layers=1)).eval()
        >>> network.encode_video(torch.zeros(2, 8, 96, 96, 3, dtype=torch.uint8)).shape
        torch.Size([2, 256])
        >>> network.encode_text(torch.tensor([[1, 4, 0]])).shape
        torch.Size([1, 256])
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.video, self.text = _VideoTower(config), _TextTower(config)
        self.log_scale = nn.Parameter(torch.tensor(2.7))

    @property
    def logit_scale(self) -> float:
        """Factor from cosine to logit."""
        return float(self.log_scale.detach().exp().clamp(max=100.0))

    def encode_video(self, pixels: torch.Tensor) -> torch.Tensor:
        """Clips of one picture size, uint8 (B, 8, h, w, 3), to unit rows (B, D)."""
        frames = pixels.to(self.log_scale.dtype).mul_(1 / 127.5).sub_(1.0)
        return functional.normalize(self.video(frames).float(), dim=-1)

    def encode_text(self, numbers: torch.Tensor) -> torch.Tensor:
        """Token numbers padded with 0, (B, L), to unit rows (B, D)."""
        return functional.normalize(self.text(numbers).float(), dim=-1)
