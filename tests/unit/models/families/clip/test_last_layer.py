"""The last layer of CLIP's image tower, beside the whole one of transformers."""

import pytest
import torch
from transformers import CLIPVisionConfig, CLIPVisionModel

from models.families.clip.last_layer import ClassTokenLayer


@pytest.fixture
def tower():
    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "intermediate_size": 40, "num_attention_heads": 3}
    config = CLIPVisionConfig(**sizes, num_hidden_layers=2, image_size=32, patch_size=8)
    tower = CLIPVisionModel(config).eval().requires_grad_(requires_grad=False)
    for weight in tower.parameters():  # far from how networks begin: every part of the layer counts
        weight.copy_(torch.randn_like(weight) / weight.shape[-1] ** 0.5)
    return tower


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("count", [1, 5])
def test_row__is_the_class_token_of_the_whole_layer(tower, attention, count):
    tower.set_attn_implementation(attention)
    pixels = torch.randn(count, 3, 32, 32)
    whole = tower(pixels)
    assert whole.last_hidden_state[:, 0].std() > 0.1
    tower.encoder.layers[-1] = ClassTokenLayer(tower.encoder.layers[-1])
    found = tower(pixels)
    assert found.last_hidden_state.shape == (count, 1, 24)
    torch.testing.assert_close(found.last_hidden_state, whole.last_hidden_state[:, :1], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.pooler_output, whole.pooler_output, atol=1e-5, rtol=1e-5)


def test_row__needs_fewer_products_than_the_whole_layer(tower):
    from torch.utils.flop_counter import FlopCounterMode

    def flops(layer):
        with FlopCounterMode(display=False) as counter:
            layer(torch.randn(2, 17, 24), None)
        return counter.get_total_flops()

    layer = tower.encoder.layers[-1]
    assert flops(ClassTokenLayer(layer)) < 0.5 * flops(layer)
