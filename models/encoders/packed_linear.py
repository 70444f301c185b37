"""Linear layers whose weights oneDNN has packed, for processors on which torch's own product is slow.

torch hands float32 products to MKL, which reaches half the speed of some processors, AMD's above all.
oneDNN does not, with the same accuracy. Its operators are private to torch, so they are compared with
``torch.nn.functional.linear`` before they are used, and measured: once per processor, version of torch
and number of threads.
"""

from __future__ import annotations

import functools
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from models.measurements import computing_on, recall, remember

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

__all__ = ["FEWEST_WEIGHTS", "PackedLinear", "pack_linears", "packing_gain", "unpack_linears", "unpacked"]

FEWEST_WEIGHTS = 20_000_000  # smaller networks are fast anyway, and stay bit for bit as torch computes them
_WORTH_IT = 1.05
_ROWS, _WIDE, _DEEP = 800, 768, 3072  # the middle of a ViT-B on 16 pictures
_ROUNDS = 7
_SHAPES = ((3, 40), (2, 5, 40), (1, 1, 40))


class PackedLinear(nn.Module):
    """An ``nn.Linear`` for inference on the processor, with its weights in oneDNN's own order.

    The plain weights are gone; ``weight`` writes them anew each time it is read.

    Args:
        linear: The layer, float32 on the CPU. It is not changed.

    Example:
        >>> layer = nn.Linear(8, 4)
        >>> packed = PackedLinear(layer)
        >>> bool(torch.allclose(packed(torch.ones(2, 8)), layer(torch.ones(2, 8)), atol=1e-6))
        True
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = linear.bias
        with torch.inference_mode(mode=False), torch.no_grad():
            self._packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach())  # noqa: SLF001

    @property
    def weight(self) -> torch.Tensor:
        """The weights [out, in] in plain order, a copy."""
        return self._packed.to_dense()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute ``x @ weight.T + bias`` for float32 [..., in]."""
        if x.dtype != torch.float32 or x.ndim < 2 or not x.numel():
            return functional.linear(x, self.weight.to(x.dtype), self.bias)
        return torch.ops.mkldnn._linear_pointwise(x, self._packed, self.bias, "none", [], "")  # noqa: SLF001

    def to_linear(self) -> nn.Linear:
        """The same layer as a plain ``nn.Linear``."""
        with torch.device("meta"):
            plain = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None)
        plain.weight = nn.Parameter(self.weight, requires_grad=False)
        plain.bias = self.bias
        return plain.train(self.training)


def pack_linears(network: nn.Module, *, fewest_weights: int = FEWEST_WEIGHTS) -> int:
    """Replace the linear layers of a network where that was measured to be faster.

    Subclasses of ``nn.Linear`` stay: their owners read the weights themselves, as torch's own
    attention does. Layers that share their weights with another module stay too.

    Args:
        network: A network that is used for inference only; changed in place.
        fewest_weights: Smaller networks are left alone.

    Returns:
        Number of layers that were replaced.
    """
    weights = list(network.parameters())
    if not weights or any(one.device.type != "cpu" or one.dtype != torch.float32 for one in weights):
        return 0
    if sum(one.numel() for one in weights) < fewest_weights or packing_gain() < _WORTH_IT:
        return 0
    del weights
    places = [place for place in _children(network) if type(place[2]) is nn.Linear]
    shared = _shared_weights(network)
    places = [place for place in places if id(place[2].weight) not in shared]
    count = len(places)
    while places:  # each layer is let go of before the next: a large network would be in memory twice
        parent, name, layer = places.pop()
        setattr(parent, name, PackedLinear(layer).train(layer.training))
        del layer
    return count


@contextmanager
def unpacked(network: nn.Module) -> Generator[None]:
    """Put plain linear layers in place of packed ones for a while, as for writing a network to a file.

    Args:
        network: The network; afterwards it is as before.

    Yields:
        Nothing.
    """
    places = unpack_linears(network)
    try:
        yield
    finally:
        for parent, name, layer in places:
            setattr(parent, name, layer)


def unpack_linears(network: nn.Module) -> list[tuple[nn.Module, str, PackedLinear]]:
    """Put plain linear layers in place of packed ones.

    Args:
        network: The network; changed in place.

    Returns:
        What was replaced: the module that holds it, its name there, the packed layer.
    """
    places = [place for place in _children(network) if isinstance(place[2], PackedLinear)]
    for parent, name, layer in places:
        setattr(parent, name, layer.to_linear())
    return places


def packing_gain() -> float:
    """How many times as fast packed layers are here; 0.0 where they cannot be used.

    Measured once, in a fraction of a second, and remembered.
    """
    if not _agrees():
        return 0.0
    key = ("packed linear", *computing_on("cpu"), f"{torch.get_num_threads()} threads")
    known = recall(*key)
    if not isinstance(known, int | float):
        known = round(_measured_gain(), 3)
        remember(known, *key)
    return float(known)


@functools.cache
def _agrees() -> bool:
    """Tell whether the private operators are there and compute what ``linear`` computes."""
    generator = torch.Generator().manual_seed(0)
    try:
        with torch.inference_mode():
            return all(_layer_agrees(bias, shape, generator) for bias in (True, False) for shape in _SHAPES)
    except Exception:  # whatever a version of torch without them raises
        return False


def _layer_agrees(bias: bool, shape: tuple[int, ...], generator: torch.Generator) -> bool:  # noqa: FBT001
    """Compare one layer on one shape of input."""
    layer = nn.Linear(40, 24, bias=bias).requires_grad_(requires_grad=False)
    x = torch.randn(*shape, generator=generator)
    packed = PackedLinear(layer)
    close = torch.allclose(packed(x), layer(x), rtol=1e-4, atol=1e-5)
    return close and torch.equal(packed.weight, layer.weight)


def _measured_gain() -> float:
    """Time a large layer both ways, in turns."""
    layer = nn.Linear(_WIDE, _DEEP).requires_grad_(requires_grad=False)
    ways: list[Any] = [layer, PackedLinear(layer)]
    x = torch.randn(_ROWS, _WIDE)
    best = [float("inf")] * len(ways)
    with torch.inference_mode():
        for _ in range(_ROUNDS):
            best = [min(known, _seconds(way, x)) for known, way in zip(best, ways, strict=True)]
    return best[0] / best[1]


def _seconds(way: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    way(x)
    return time.perf_counter() - start


def _children(network: nn.Module) -> Iterator[tuple[nn.Module, str, Any]]:
    """Every module inside a network with the module and the name that hold it."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            yield parent, name, child


def _shared_weights(network: nn.Module) -> set[int]:
    """Weights that several modules hold."""
    seen: set[int] = set()
    shared: set[int] = set()
    for module in network.modules():
        for weight in module.parameters(recurse=False):
            (shared if id(weight) in seen else seen).add(id(weight))
    return shared
