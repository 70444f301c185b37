import json

import numpy as np
import pytest
import torch

from models.checks.pixels import RECIPES, Pixels, pixels_seen, stated_normalisation
from models.checks.probes import Probe
from models.inputs import as_rgb_images


class Shown:
    """An image model whose layer gets pixels in a layout of choice."""

    def __init__(self, prepare, *, layer=None):
        self.prepare = prepare
        self.layer = layer or torch.nn.Identity()

    def embed_images(self, images):
        rows = [self.layer(self.prepare(torch.from_numpy(image).float())) for image in as_rgb_images(images)]
        return torch.nn.functional.normalize(torch.stack([row.flatten()[:5] for row in rows]).float() + 1)


CLIP_MEAN, CLIP_STD = (torch.tensor(part) for part in RECIPES["CLIP"])
LAYOUTS = {
    "channels last": lambda x: (x / 255 - CLIP_MEAN) / CLIP_STD,
    "channels first": lambda x: ((x / 255 - CLIP_MEAN) / CLIP_STD).permute(2, 0, 1),
    "a batch of frames": lambda x: ((x / 255 - CLIP_MEAN) / CLIP_STD).permute(2, 0, 1)[None, :, None],
    "flat": lambda x: ((x / 255 - CLIP_MEAN) / CLIP_STD).permute(2, 0, 1).flatten(),
    "bfloat16": lambda x: ((x / 255 - CLIP_MEAN) / CLIP_STD).permute(2, 0, 1).bfloat16(),
    "with a border": lambda x: torch.nn.functional.pad(
        ((x / 255 - CLIP_MEAN) / CLIP_STD).permute(2, 0, 1), (4, 4)
    ),
}


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_pixels_seen__in_any_layout(layout):
    seen = pixels_seen(Probe.of(Shown(LAYOUTS[layout])))
    assert seen is not None
    assert (seen.order, seen.recipe) == ("RGB", "CLIP")


@pytest.mark.parametrize(
    ("prepare", "order", "recipe"),
    [
        (lambda x: x.flip(-1), "BGR", "0..255"),
        (lambda x: x / 127.5 - 1, "RGB", "-1..1"),
        (lambda x: x / 255, "RGB", "0..1"),
        (lambda x: x[..., [1, 0, 2]] / 100, "GRB", ""),
    ],
)
def test_pixels_seen__order_and_recipe(prepare, order, recipe):
    seen = pixels_seen(Probe.of(Shown(prepare)))
    assert seen is not None
    assert (seen.order, seen.recipe) == (order, recipe)


@pytest.mark.parametrize("prepare", [lambda x: x.mean(-1), lambda x: (x / 255) ** 2.2, lambda x: x * 0])
def test_pixels_seen__nothing_where_colours_are_mixed_or_bent(prepare):
    assert pixels_seen(Probe.of(Shown(prepare))) is None


def test_pixels_seen__the_last_layer_that_gets_them_counts():
    class Normalise(torch.nn.Module):
        def forward(self, x):
            return (x / 255 - CLIP_MEAN) / CLIP_STD

    seen = pixels_seen(Probe.of(Shown(lambda x: x, layer=torch.nn.Sequential(Normalise(), torch.nn.ReLU()))))
    assert seen is not None
    assert seen.recipe == "CLIP"


def test_stated_normalisation__the_package_goes_before_the_object(tmp_path):
    model = Shown(lambda x: x)
    assert stated_normalisation(model) is None
    model.mean, model.std = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])
    where, mean, std = stated_normalisation(model)
    assert where == "model.mean/std"
    assert Pixels("RGB", mean, std).recipe == "ImageNet"
    model.model_dir = str(tmp_path)
    config = {"image_processor": {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}}
    (tmp_path / "processor_config.json").write_text(json.dumps(config))
    assert stated_normalisation(model)[0] == "processor_config.json"


@pytest.mark.parametrize("config", ["", "[]", '{"image_mean": 3}', '{"image_mean": [1], "image_std": [1]}'])
def test_stated_normalisation__passes_over_files_that_state_none(config, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(config)
    model = Shown(lambda x: x)
    model.model_dir = tmp_path
    assert stated_normalisation(model) is None
