"""Our preprocessing against the PIL processors of transformers, pixel by pixel."""

import functools
import threading
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    BitImageProcessorPil,
    CLIPImageProcessorPil,
    SiglipImageProcessorPil,
    VideoMAEImageProcessorPil,
    ViTImageProcessorPil,
)

from models.encoders.preprocessing import ImagePreprocessing
from models.errors import InvalidParameterError, ModelInputError

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
PROCESSORS = {
    "clip": CLIPImageProcessorPil(),
    "clip336": CLIPImageProcessorPil(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}),
    "siglip": SiglipImageProcessorPil(),
    "siglip2-fixed": SiglipImageProcessorPil(size={"height": 256, "width": 256}, resample=2),
    "xclip": VideoMAEImageProcessorPil(**IMAGENET),
    "dinov2": BitImageProcessorPil(size={"shortest_edge": 256}, **IMAGENET),
    "vit": ViTImageProcessorPil(),
    "crop larger than the picture": CLIPImageProcessorPil(
        size={"shortest_edge": 50}, crop_size={"height": 63, "width": 72}
    ),
    "crop larger one way": CLIPImageProcessorPil(
        size={"shortest_edge": 51}, crop_size={"height": 64, "width": 40}
    ),
    "crop alone": CLIPImageProcessorPil(do_resize=False),
}
SIZES = {
    "landscape": (480, 640),
    "portrait": (640, 481),
    "hd": (720, 1280),
    "square, of the size": (224, 224),
    "one off": (223, 225),
    "tiny": (5, 7),
    "a pixel": (1, 1),
    "one pixel wide": (40, 1),
    "one pixel tall": (1, 40),
    "strip": (31, 900),
    "odd": (37, 53),
    "huge": (1081, 1921),
}


@functools.cache
def noise(height, width):
    return np.random.default_rng(height * 5000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@functools.cache
def drawing(height, width):
    """Soft ramps and hard edges."""
    rows, columns = np.mgrid[:height, :width]
    ramps = columns * 255 // max(width - 1, 1), rows * 255 // max(height - 1, 1)
    return np.stack([*ramps, (columns // 7 + rows // 5) % 2 * 255], axis=-1).astype(np.uint8)


def reference(processor, image, **options):
    """What the PIL processor makes of a picture: (3, h, w)."""
    values = processor([Image.fromarray(image)], return_tensors="np", **options)["pixel_values"]
    return np.asarray(values).reshape(3, *np.asarray(values).shape[-2:])


def ours(processor):
    return ImagePreprocessing.from_config(processor.to_dict())


@pytest.mark.parametrize("name", PROCESSORS)
def test_call__gives_the_pixels_of_the_pil_processor(name):
    processor, preprocessing = PROCESSORS[name], ours(PROCESSORS[name])
    far = total = 0
    for height, width in SIZES.values():
        for image in (noise(height, width), drawing(height, width)):
            expected = reference(processor, image, do_rescale=False, do_normalize=False)
            got = preprocessing(image)[0].numpy()
            assert got.shape == expected.shape
            off = np.abs(got.astype(int) - expected.astype(int))
            assert off.max() <= 2, (height, width)
            far, total = far + (off > 1).sum(), total + off.size
    assert far <= total / 10_000  # at most 1 grey level on 99.99 %


@pytest.mark.parametrize("size", SIZES)
def test_call__no_size_is_treated_worse_than_the_others(size):
    processor = PROCESSORS["clip"]
    image = drawing(*SIZES[size])
    expected = reference(processor, image, do_rescale=False, do_normalize=False)
    off = np.abs(ours(processor)(image)[0].numpy().astype(int) - expected.astype(int))
    assert (off > 1).mean() <= 0.001
    assert (off > 0).mean() <= 0.05


@pytest.mark.parametrize("name", PROCESSORS)
def test_normalise__gives_the_numbers_of_the_pil_processor(name):
    image = noise(*PROCESSORS[name].to_dict().get("crop_size", {"height": 224, "width": 224}).values())
    preprocessing = ours(PROCESSORS[name])
    pixels = reference(PROCESSORS[name], image, do_rescale=False, do_normalize=False)
    got = preprocessing.normalise(torch.from_numpy(pixels.copy())[None])
    assert got.dtype == torch.float32
    np.testing.assert_allclose(got[0].numpy(), reference(PROCESSORS[name], image), atol=2e-6)


def test_normalise__without_rescaling_or_normalising():
    pixels = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 2, 2)
    config = {"image_processor_type": "CLIPImageProcessor", "do_normalize": False}
    assert torch.equal(
        ImagePreprocessing.from_config({**config, "do_rescale": False}).normalise(pixels), pixels.float()
    )
    torch.testing.assert_close(ImagePreprocessing.from_config(config).normalise(pixels), pixels / 255)


@pytest.mark.parametrize(
    "pixels",
    [torch.zeros(1, 3, 4, 4), torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(1, 4, 4, 3).byte()],
)
def test_normalise__refuses_what_is_no_pixels(pixels):
    with pytest.raises(ModelInputError, match="uint8"):
        ImagePreprocessing(crop=(4, 4)).normalise(pixels)


def test_call__treats_each_frame_alone():
    preprocessing = ImagePreprocessing(size=32, crop=(32, 32))
    clip = np.stack([noise(48, 64), drawing(48, 64), noise(48, 64)[::-1]])
    together = preprocessing(clip)
    assert together.shape == (3, 3, 32, 32)
    assert together.is_contiguous()
    for frame, pixels in zip(clip, together, strict=True):
        assert torch.equal(preprocessing(frame)[0], pixels)


def test_call__does_not_share_memory_with_the_frames():
    clip = noise(32, 32)[None].copy()
    pixels = ImagePreprocessing(size=None, crop=(32, 32))(clip)
    clip[:] = 0
    assert pixels.any()


def test_call__takes_frames_that_may_only_be_read_without_a_warning():
    clip = noise(48, 64)[None].copy()
    expected = ImagePreprocessing(size=32, crop=(32, 32))(clip)
    clip.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(ImagePreprocessing(size=32, crop=(32, 32))(clip), expected)
    assert torch.equal(
        ImagePreprocessing(size=32, crop=(32, 32))(clip[:, ::-1, ::-1][:, ::-1, ::-1]), expected
    )


def test_call__refuses_what_is_no_clip():
    with pytest.raises(ModelInputError):
        ImagePreprocessing(size=32, crop=(32, 32))(np.zeros((48, 64), np.uint8))


def test_call__gives_the_same_in_many_threads():
    preprocessing = ImagePreprocessing(size=32, crop=(32, 32))
    clips = [drawing(40 + i, 60)[None] for i in range(16)]
    expected = [preprocessing(clip) for clip in clips]
    found = [None] * len(clips)

    def work(start):
        for i in range(start, len(clips), 4):
            found[i] = preprocessing(clips[i])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


def test_call__of_an_extreme_strip_stays_small():
    # whole, the resized strip would have 224 x 2,240,000 pixels: 1.5 GB
    pixels = ImagePreprocessing(size=224, crop=(224, 224))(drawing(1, 10_000))
    assert pixels.shape == (1, 3, 224, 224)


def test_signature__tells_every_setting():
    base = {"size": 224, "crop": (224, 224), "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    changes = (
        {"size": 256},
        {"size": (224, 224)},
        {"size": None},
        {"crop": (224, 200)},
        {"resample": "bilinear"},
        {"mean": (0.5, 0.5, 0.501)},
        {"std": (0.5, 0.501, 0.5)},
        {"scale": 1.0},
    )
    signatures = {ImagePreprocessing(**{**base, **change}).signature for change in ({}, *changes)}
    assert len(signatures) == 1 + len(changes)


@pytest.mark.parametrize(
    "settings",
    [
        {"size": 224},
        {"size": None},
        {"size": 0, "crop": (4, 4)},
        {"crop": (4, 0)},
        {"crop": (4, 4), "resample": "lanczos"},
        {"crop": (4, 4), "mean": (0.5,)},
        {"crop": (4, 4), "std": (1.0, 0.0, 1.0)},
    ],
)
def test_settings__that_make_no_sense_are_refused(settings):
    with pytest.raises(InvalidParameterError):
        ImagePreprocessing(**settings)
