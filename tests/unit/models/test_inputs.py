"""The input-form matrix: every accepted form gives the same pixels, every other one is refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from models.errors import ModelInputError
from models.inputs import as_rgb_clips, as_rgb_frames, as_rgb_images, as_texts

IMAGE = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
CLIP = np.random.default_rng(1).integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)


def chw(image):
    return torch.from_numpy(np.moveaxis(image, -1, -3).copy())


ONE_IMAGE = {
    "array": IMAGE,
    "float32 array": (IMAGE / 255.0).astype(np.float32),
    "float64 array": IMAGE / 255.0,
    "float16 array": (IMAGE / 255.0).astype(np.float16),
    "pil": Image.fromarray(IMAGE),
    "uint8 tensor": chw(IMAGE),
    "float tensor": chw(IMAGE).float() / 255,
    "bfloat16 tensor": (chw(IMAGE).float() / 255).bfloat16(),
    "tensor with gradient": (chw(IMAGE).float() / 255).requires_grad_(),
    "not contiguous": np.asfortranarray(IMAGE),
}


@pytest.mark.parametrize("form", ONE_IMAGE)
def test_as_rgb_images__each_form_alone_and_in_a_list(form):
    value = ONE_IMAGE[form]
    tolerance = 1 if "16" in form else 0
    for given in (value, [value], (value, IMAGE)):
        images = as_rgb_images(given)
        assert images[0].shape == (4, 6, 3)
        assert images[0].dtype == np.uint8
        assert images[0].flags.c_contiguous
        assert np.abs(images[0].astype(int) - IMAGE).max() <= tolerance


def test_as_rgb_images__mixed_list_of_different_sizes():
    other = np.zeros((2, 3, 3), np.uint8)
    assert [i.shape for i in as_rgb_images([IMAGE, Image.fromarray(other), chw(IMAGE)])] == [
        (4, 6, 3),
        (2, 3, 3),
        (4, 6, 3),
    ]


@pytest.mark.parametrize("stack", [CLIP, chw(CLIP), chw(CLIP).float() / 255, list(CLIP)])
def test_as_rgb_images__stacks(stack):
    assert np.array_equal(np.stack(as_rgb_images(stack)), CLIP)


BAD_IMAGES = {
    "grey": (IMAGE[..., 0], "2 axes"),
    "one channel": (IMAGE[..., :1], "3 channels"),
    "rgba": (np.dstack([IMAGE, IMAGE[..., :1]]), "3 channels"),
    "channels first": (np.moveaxis(IMAGE, -1, 0), "channels last"),
    "float in 0..255": (IMAGE.astype(np.float32), "floats from"),
    "negative float": (IMAGE / 255.0 - 0.5, "floats from -0"),
    "nan": (np.where(IMAGE > 128, np.nan, 0.5), "NaN"),
    "infinite": (np.where(IMAGE > 128, np.inf, 0.5), "NaN or infinite"),
    "int64": (IMAGE.astype(np.int64), "dtype int64"),
    "bool": (IMAGE > 3, "dtype bool"),
    "complex": (IMAGE.astype(complex), "dtype complex128"),
    "object": (np.array([[["a", "b", "c"]]], dtype=object), "dtype object"),
    "empty list": ([], "empty list"),
    "empty array": (IMAGE[:0], "empty"),
    "empty stack": (CLIP[:0], "empty"),
    "string": ("picture.jpg", "'picture.jpg'"),
    "bytes": (b"\xff\xd8", "bytes"),
    "none": (None, "NoneType"),
    "number": (3, "int 3"),
    "dict": ({"a": 1}, "dict"),
    "generator": ((image for image in [IMAGE]), "generator"),
    "list of lists": ([[IMAGE]], "list"),
    "stack in a list": ([CLIP], "no single image"),
    "five axes": (CLIP[None], "5 axes"),
    "pil grey": (Image.fromarray(IMAGE).convert("L"), "mode 'L'"),
    "pil rgba": (Image.fromarray(IMAGE).convert("RGBA"), "mode 'RGBA'"),
    "pil palette": (Image.fromarray(IMAGE).convert("P"), "mode 'P'"),
    "tensor channels last": (torch.from_numpy(IMAGE), "permute"),
    "grey tensor": (chw(IMAGE)[:1], "3 channels"),
    "tensor of ints": (chw(IMAGE).long(), "dtype int64"),
    "flat tensor": (torch.zeros(3), "1 axes"),
}


@pytest.mark.parametrize("form", BAD_IMAGES)
def test_as_rgb_images__refuses(form):
    value, words = BAD_IMAGES[form]
    with pytest.raises(ModelInputError) as caught:
        as_rgb_images(value)
    assert words in caught.value.message
    assert caught.value.next_step.startswith("Allowed are RGB images")


def test_as_rgb_images__names_the_place_in_a_list():
    with pytest.raises(ModelInputError, match=r"Image 1 .*'x.jpg'"):
        as_rgb_images([IMAGE, "x.jpg"])


CLIP_FORMS = {
    "array": CLIP,
    "list of arrays": list(CLIP),
    "tuple of arrays": tuple(CLIP),
    "list of pil": [Image.fromarray(frame) for frame in CLIP],
    "list of tensors": list(chw(CLIP)),
    "tensor": chw(CLIP),
    "float tensor": chw(CLIP).float() / 255,
    "float array": CLIP / 255.0,
    "backwards twice": CLIP[::-1][::-1],
}


@pytest.mark.parametrize("form", CLIP_FORMS)
def test_as_rgb_frames__each_form(form):
    frames = as_rgb_frames(CLIP_FORMS[form])
    assert frames.dtype == np.uint8
    assert frames.flags.c_contiguous
    assert np.array_equal(frames, CLIP)


@pytest.mark.parametrize("form", ONE_IMAGE)
def test_as_rgb_frames__an_image_is_a_clip_of_one_frame(form):
    assert as_rgb_frames(ONE_IMAGE[form]).shape == (1, 4, 6, 3)


def test_as_rgb_frames__does_not_copy_what_is_right():
    assert np.shares_memory(as_rgb_frames(CLIP), CLIP)


def test_as_rgb_frames__reversed_view_becomes_usable_by_torch():
    assert torch.from_numpy(as_rgb_frames(CLIP[::-1])).shape == (5, 4, 6, 3)


@pytest.mark.parametrize("form", [form for form in BAD_IMAGES if form != "stack in a list"])
def test_as_rgb_frames__refuses(form):
    with pytest.raises(ModelInputError) as caught:
        as_rgb_frames(BAD_IMAGES[form][0])
    assert caught.value.next_step.startswith("Allowed are the RGB frames of one clip")


def test_as_rgb_frames__frames_of_two_sizes():
    with pytest.raises(ModelInputError, match="frame 0 is \\(4, 6, 3\\), frame 2 is \\(2, 6, 3\\)"):
        as_rgb_frames([IMAGE, IMAGE, IMAGE[:2]])


@pytest.mark.parametrize(
    "videos", [[CLIP, CLIP], (CLIP, list(CLIP)), np.stack([CLIP, CLIP]), list(chw(np.stack([CLIP, CLIP])))]
)
def test_as_rgb_clips__each_form(videos):
    clips = as_rgb_clips(videos)
    assert len(clips) == 2
    assert all(np.array_equal(clip, CLIP) for clip in clips)


@pytest.mark.parametrize(
    ("videos", "words"),
    [
        (CLIP, "list of clips was expected"),
        (list(CLIP), "single image"),
        ([Image.fromarray(IMAGE)], "single image"),
        ([], "empty list"),
        ("clip.mp4", "'clip.mp4'"),
        (["clip.mp4"], "Clip 0:"),
        ([CLIP, CLIP.astype(np.float32)], "Clip 1:"),
        ([CLIP[:0]], "empty"),
        (None, "NoneType"),
    ],
)
def test_as_rgb_clips__refuses(videos, words):
    with pytest.raises(ModelInputError) as caught:
        as_rgb_clips(videos)
    assert words in caught.value.message


def test_as_texts__keeps_texts_and_order():
    assert as_texts(("b", "a ")) == ["b", "a "]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([], "empty list"),
        ("", "blank"),
        (["a", " \n"], "Text 1 is blank"),
        ([3], "int 3"),
        (None, "NoneType"),
        (["a", None], "Text 1"),
        (b"a", "bytes"),
    ],
)
def test_as_texts__refuses(texts, words):
    with pytest.raises(ModelInputError) as caught:
        as_texts(texts)
    assert words in caught.value.message
