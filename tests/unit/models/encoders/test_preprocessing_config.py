"""Every spelling of preprocessor_config.json that the hub has, and what is refused."""

import pytest

from models.encoders.preprocessing import ImagePreprocessing
from models.errors import CorruptedModelPackageError

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
NAMED = {"image_processor_type": "CLIPImageProcessor"}


def read(**fields):
    return ImagePreprocessing.from_config(fields)


@pytest.mark.parametrize(
    "name",
    ["CLIPImageProcessor", "CLIPFeatureExtractor", "CLIPImageProcessorFast", "CLIPImageProcessorPil"],
)
@pytest.mark.parametrize("field", ["image_processor_type", "feature_extractor_type"])
def test_from_config__reads_every_name_of_a_processor(name, field):
    found = read(**{field: name})
    assert (found.size, found.crop, found.resample, found.mean) == (224, (224, 224), "bicubic", CLIP_MEAN)


@pytest.mark.parametrize("size", [32, {"shortest_edge": 32}, {"shortest_edge": 32, "longest_edge": None}])
@pytest.mark.parametrize("crop", [30, {"height": 30, "width": 30}, [30, 30]])
def test_from_config__reads_every_spelling_of_a_size(size, crop):
    found = read(**NAMED, size=size, crop_size=crop)
    assert (found.size, found.crop) == (32, (30, 30))


@pytest.mark.parametrize("size", [{"height": 30, "width": 40}, [30, 40], (30, 40)])
def test_from_config__reads_a_size_to_stretch_to(size):
    found = read(image_processor_type="SiglipImageProcessor", size=size)
    assert (found.size, found.crop, found.output_size) == ((30, 40), None, (30, 40))


def test_from_config__a_bare_number_is_both_sides_for_a_vit_and_the_shorter_side_for_a_clip():
    assert read(image_processor_type="ViTFeatureExtractor", size=32).size == (32, 32)
    assert read(image_processor_type="CLIPFeatureExtractor", size=32).size == 32


@pytest.mark.parametrize(("number", "name"), [(2, "bilinear"), (3, "bicubic"), ("bicubic", "bicubic")])
def test_from_config__reads_the_filter(number, name):
    assert read(**NAMED, resample=number).resample == name


def test_from_config__defaults_are_those_of_the_named_processor():
    siglip = read(image_processor_type="SiglipImageProcessor")
    assert (siglip.size, siglip.crop, siglip.mean, siglip.resample) == (
        (224, 224),
        None,
        (0.5, 0.5, 0.5),
        "bicubic",
    )
    video = read(feature_extractor_type="VideoMAEFeatureExtractor")
    assert (video.size, video.crop, video.resample) == (224, (224, 224), "bilinear")
    assert ImagePreprocessing.from_config({}, default_type="BitImageProcessor").mean == CLIP_MEAN


def test_from_config__a_null_is_as_if_it_were_not_there():
    assert read(**NAMED, crop_size=None, image_mean=None, do_pad=None) == read(**NAMED)


def test_from_config__switches():
    assert read(**NAMED, do_normalize=False).mean == (0.0, 0.0, 0.0)
    assert read(**NAMED, do_rescale=False).scale == 1.0
    assert read(**NAMED, rescale_factor=0.5).scale == 0.5
    assert read(**NAMED, do_resize=False).size is None
    stretched = read(**NAMED, do_center_crop=False, size={"height": 8, "width": 8})
    assert (stretched.crop, stretched.output_size) == (None, (8, 8))


def test_from_config__one_number_may_stand_for_all_colours():
    found = read(**NAMED, image_mean=0.5, image_std=0.25)
    assert (found.mean, found.std) == ((0.5,) * 3, (0.25,) * 3)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"image_processor_type": "ConvNextImageProcessor"}, "ConvNextImageProcessor"),
        ({"image_processor_type": "Siglip2ImageProcessor"}, "Siglip2ImageProcessor"),
        ({}, "not named"),
        ({**NAMED, "resample": 1}, "Lanczos"),
        ({**NAMED, "resample": 0}, "nearest"),
        ({**NAMED, "resample": 77}, "unknown"),
        ({**NAMED, "resample": True}, "resample"),
        ({**NAMED, "resample": [3]}, "resample"),
        ({**NAMED, "do_pad": True}, "do_pad"),
        ({**NAMED, "use_square_size": True}, "use_square_size"),
        ({**NAMED, "do_flip_channel_order": True}, "do_flip_channel_order"),
        ({**NAMED, "size": {"longest_edge": 224}}, "size"),
        ({**NAMED, "size": {"shortest_edge": 224, "longest_edge": 300}}, "size"),
        ({**NAMED, "size": "224"}, "size"),
        ({**NAMED, "size": 0}, "size"),
        ({**NAMED, "size": True}, "size"),
        ({**NAMED, "size": 224.0}, "size"),
        ({**NAMED, "crop_size": [1, 2, 3]}, "crop_size"),
        ({**NAMED, "crop_size": {"height": 224}}, "crop_size"),
        ({**NAMED, "do_center_crop": False}, "unequal sizes"),
        ({**NAMED, "do_center_crop": "yes"}, "do_center_crop"),
        ({**NAMED, "image_mean": [0.5, 0.5]}, "image_mean"),
        ({**NAMED, "image_mean": ["a", 0.5, 0.5]}, "image_mean"),
        ({**NAMED, "image_std": [0.5, 0.0, 0.5]}, "image_std"),
        ({**NAMED, "image_std": [0.5, float("nan"), 0.5]}, "image_std"),
        ({**NAMED, "rescale_factor": "1/255"}, "rescale_factor"),
    ],
    ids=str,
)
def test_from_config__refuses_what_cannot_be_done_exactly(fields, said):
    with pytest.raises(CorruptedModelPackageError, match=said):
        ImagePreprocessing.from_config(fields)


def test_from_config__refuses_what_is_no_object():
    with pytest.raises(CorruptedModelPackageError, match="list"):
        ImagePreprocessing.from_config([1, 2])
