"""Packed layers compute what plain ones do, and are used only where that was measured to be faster."""

import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional

from models.encoders import packed_linear
from models.encoders.packed_linear import PackedLinear, pack_linears, packing_gain, unpack_linears, unpacked
from models.measurements import MEASUREMENTS_ENV

pytestmark = pytest.mark.skipif(not packed_linear._agrees(), reason="this torch has no packed layers")


class Reads(nn.Linear):
    """A layer whose owner reads its weights."""


def network():
    layers = nn.Sequential(
        nn.Linear(12, 8), nn.GELU(), nn.Sequential(nn.Linear(8, 8, bias=False)), Reads(8, 4)
    )
    return layers.eval().requires_grad_(False)


@pytest.fixture
def faster(monkeypatch):
    monkeypatch.setattr(packed_linear, "packing_gain", lambda: 2.0)


@pytest.mark.parametrize("shape", [(5, 12), (2, 3, 12), (2, 2, 2, 12), (0, 12), (12,)])
@pytest.mark.parametrize("bias", [True, False])
def test_packed_linear__computes_what_linear_does(shape, bias):
    layer = nn.Linear(12, 7, bias=bias).requires_grad_(False)
    x = torch.randn(*shape)
    with torch.inference_mode():
        assert torch.allclose(PackedLinear(layer)(x), layer(x), atol=1e-5)


def test_packed_linear__input_that_is_not_contiguous():
    layer = nn.Linear(12, 7).requires_grad_(False)
    x = torch.randn(12, 5).T
    assert torch.allclose(PackedLinear(layer)(x), layer(x), atol=1e-5)


def test_packed_linear__gives_its_weights_and_goes_back():
    layer = nn.Linear(12, 7).requires_grad_(False)
    packed = PackedLinear(layer)
    assert torch.equal(packed.weight, layer.weight)
    assert torch.equal(packed.to_linear().weight, layer.weight)
    assert torch.equal(packed.to_linear().bias, layer.bias)
    x = torch.randn(3, 12)
    assert torch.equal(functional.linear(x, packed.weight, packed.bias), layer(x))


def test_pack_linears__replaces_plain_layers_and_drops_their_weights(faster):
    net = network()
    x = torch.randn(4, 12)
    before = net(x)
    assert pack_linears(net, fewest_weights=0) == 2
    assert type(net[3]) is Reads
    assert sum(one.numel() for one in net.parameters()) == 8 + 8 * 4 + 4  # a bias, and the layer that stays
    assert torch.allclose(net(x), before, atol=1e-5)


def test_pack_linears__never_holds_the_weights_twice(faster, monkeypatch):
    net = nn.Sequential(*(nn.Linear(6, 6) for _ in range(5))).requires_grad_(requires_grad=False)
    plain = [weakref.ref(layer.weight) for layer in net]
    alive, pack = [], PackedLinear.__init__

    def counting(self, linear):
        alive.append(sum(one() is not None for one in plain))
        pack(self, linear)

    monkeypatch.setattr(PackedLinear, "__init__", counting)
    assert pack_linears(net, fewest_weights=0) == 5
    assert alive == [5, 4, 3, 2, 1]
    assert not any(one() is not None for one in plain)


def test_pack_linears__leaves_small_networks_alone(faster):
    assert pack_linears(network()) == 0


@pytest.mark.parametrize("gain", [0.0, 0.9, 1.0])
def test_pack_linears__not_where_it_is_no_faster(monkeypatch, gain):
    monkeypatch.setattr(packed_linear, "packing_gain", lambda: gain)
    net = network()
    assert pack_linears(net, fewest_weights=0) == 0
    assert not any(isinstance(one, PackedLinear) for one in net.modules())


def test_pack_linears__not_in_another_number_format(faster):
    assert pack_linears(network().to(torch.bfloat16), fewest_weights=0) == 0
    assert pack_linears(nn.Sequential(), fewest_weights=0) == 0


def test_pack_linears__shared_weights_stay_shared(faster):
    net = network()
    net[3].weight = nn.Parameter(net[3].weight)
    net.append(nn.Linear(4, 4).requires_grad_(False))
    net.append(nn.Linear(4, 4).requires_grad_(False))
    net[5].weight = net[4].weight
    assert pack_linears(net, fewest_weights=0) == 2
    assert net[4].weight is net[5].weight


def test_unpacked__plain_layers_for_a_while(faster):
    net = network()
    x = torch.randn(4, 12)
    before = net(x)
    pack_linears(net, fewest_weights=0)
    with unpacked(net):
        assert not any(isinstance(one, PackedLinear) for one in net.modules())
        assert torch.equal(net(x), before)
    assert sum(isinstance(one, PackedLinear) for one in net.modules()) == 2


def test_unpack_linears__for_good(faster):
    net = network()
    pack_linears(net, fewest_weights=0)
    assert len(unpack_linears(net)) == 2
    assert unpack_linears(net) == []


def test_packing_gain__is_measured_once_and_remembered(monkeypatch, tmp_path):
    monkeypatch.setenv(MEASUREMENTS_ENV, str(tmp_path / "m.json"))
    measured = []
    monkeypatch.setattr(packed_linear, "_measured_gain", lambda: measured.append(1) or 1.75)
    assert packing_gain() == packing_gain() == 1.75
    assert len(measured) == 1
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        packing_gain()
    finally:
        torch.set_num_threads(threads)
    assert len(measured) == 2


def test_packing_gain__is_zero_when_the_operators_are_wrong(monkeypatch):
    monkeypatch.setattr(packed_linear, "_agrees", lambda: False)
    assert packing_gain() == 0.0


def test_measured_gain__is_a_ratio():
    assert packed_linear._measured_gain() > 0
