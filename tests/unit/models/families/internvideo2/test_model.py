"""The reference class, method by method: what each takes, gives and refuses."""

import numpy as np
import pytest
import torch

import models.families.internvideo2 as family
from models.base import VideoTextEmbeddingModel, model_ids
from models.errors import InvalidParameterError, ModelInputError, ModelNotReadyError, PackageNotFoundError
from models.families.internvideo2.model import (
    BERT_MODEL_ID,
    BERT_MODEL_REVISION,
    BERT_MODEL_REVISION_FULL,
    INTERNVIDEO2_MODEL_FILE,
    INTERNVIDEO2_MODEL_ID,
    INTERNVIDEO2_MODEL_REVISION,
    INTERNVIDEO2_MODEL_REVISION_FULL,
    InternVideo2MultiModality,
)

FRAMES = [np.full((30, 40, 3), 20 * i, np.uint8) for i in range(7)]


def frames_of(seed, count=4, height=30, width=40):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


def test_constants__as_the_reference_has_them():
    assert INTERNVIDEO2_MODEL_ID == "OpenGVLab/InternVideo2-Stage2_1B-224p-f4"
    assert INTERNVIDEO2_MODEL_FILE == "InternVideo2-stage2_1b-224p-f4.pt"
    assert (INTERNVIDEO2_MODEL_REVISION, BERT_MODEL_REVISION) == ("4362e1f", "6da4b6a")
    assert BERT_MODEL_ID == "google-bert/bert-large-uncased"
    for short, full in (
        (INTERNVIDEO2_MODEL_REVISION, INTERNVIDEO2_MODEL_REVISION_FULL),
        (BERT_MODEL_REVISION, BERT_MODEL_REVISION_FULL),
    ):
        assert full.startswith(short)
        assert len(full) == 40


def test_family__offers_the_names_of_the_reference():
    for name in family.__all__:
        assert getattr(family, name) is not None
    assert family.InternVideo2MultiModality is InternVideo2MultiModality
    assert issubclass(InternVideo2MultiModality, VideoTextEmbeddingModel)


def test_model_id_names__as_a_property_and_as_a_method():
    made = InternVideo2MultiModality("anywhere")
    expected = [INTERNVIDEO2_MODEL_ID, BERT_MODEL_ID]
    assert made.model_id_names == expected
    assert made.model_id_names() == expected
    assert model_ids(made) == expected


def test_constructor__stores_and_loads_nothing(tmp_path):
    made = InternVideo2MultiModality(str(tmp_path / "missing"), False)
    assert not made.utils_only
    assert made._model is None
    with pytest.raises(InvalidParameterError, match="float16"):
        InternVideo2MultiModality(tmp_path, dtype="float16")


CALLS = {
    "get_target_num_frames": lambda made: made.get_target_num_frames(),
    "formulate_input_frames": lambda made: made.formulate_input_frames(FRAMES),
    "_normalize": lambda made: made._normalize(FRAMES[0]),
    "_construct_frames": lambda made: made._construct_frames(FRAMES, 4),
    "encode_video_frames": lambda made: made.encode_video_frames(np.zeros((1, 4, 3, 56, 56), np.float32)),
    "get_text_embedding": lambda made: made.get_text_embedding("cat"),
    "evaluate": lambda made: made.evaluate(torch.ones(1, 32), [torch.ones(1, 32)]),
    "embed_videos": lambda made: made.embed_videos([np.stack(FRAMES)]),
    "embed_images": lambda made: made.embed_images(FRAMES[0]),
    "embed_text": lambda made: made.embed_text("cat"),
    "preprocess_clip": lambda made: made.preprocess_clip(np.stack(FRAMES)),
}
UTILITIES = (
    "get_target_num_frames",
    "formulate_input_frames",
    "_normalize",
    "_construct_frames",
    "preprocess_clip",
)


@pytest.mark.parametrize("name", CALLS)
def test_before_setup__is_not_ready_and_an_attribute_error(package, name):
    made = InternVideo2MultiModality(package.directory)
    with pytest.raises(ModelNotReadyError) as raised:
        CALLS[name](made)
    assert isinstance(raised.value, AttributeError)


@pytest.mark.parametrize("name", CALLS)
def test_utils_only__prepares_frames_and_nothing_else(package, name):
    made = InternVideo2MultiModality(package.directory, utils_only=True)
    made.setup()
    if name in UTILITIES:
        CALLS[name](made)
        return
    with pytest.raises(ModelNotReadyError, match="without utils_only") as raised:
        CALLS[name](made)
    assert isinstance(raised.value, AssertionError)


def test_utils_only__needs_no_weights(tmp_path):
    made = InternVideo2MultiModality(str(tmp_path), utils_only=True)
    made.setup()
    assert made.get_target_num_frames() == 4
    assert made.formulate_input_frames(FRAMES).shape == (1, 4, 3, 224, 224)


def test_setup__without_weights(tmp_path):
    with pytest.raises(FileNotFoundError, match=INTERNVIDEO2_MODEL_FILE) as raised:
        InternVideo2MultiModality(str(tmp_path)).setup()
    assert isinstance(raised.value, PackageNotFoundError)
    assert "workbench models download" in raised.value.next_step


def test_setup__on_a_device_that_is_not_here(package):
    if torch.cuda.is_available():
        pytest.skip("there is such a device")
    with pytest.raises(InvalidParameterError, match="cuda"):
        InternVideo2MultiModality(package.directory, device="cuda").setup()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_formulate__too_few_frames_give_an_empty_array_and_a_log_line(model, count, caplog):
    found = model.formulate_input_frames(FRAMES[:count])
    assert found.shape == (0,)
    assert found.dtype == np.float32
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert model.encode_video_frames(found).shape == (0,)


def test_formulate__strided_from_the_first_frame(model):
    found = model.formulate_input_frames([frames_of(i, 1)[0] for i in range(11)])
    assert found.shape == (1, 4, 3, 56, 56)
    assert found.dtype == np.float32
    for place, wanted in enumerate((0, 2, 4, 6)):
        alone = model.formulate_input_frames([frames_of(wanted, 1)[0]] * 4)
        assert np.array_equal(found[0, place], alone[0, 0])


def test_formulate__a_list_and_an_array_are_the_same(model):
    frames = frames_of(0, 5)
    assert np.array_equal(model.formulate_input_frames(frames), model.formulate_input_frames(list(frames)))


def test_formulate__frames_of_different_sizes(model):
    frames = [frames_of(0, 1, 20 + i, 30)[0] for i in range(4)]
    assert model.formulate_input_frames(frames).shape == (1, 4, 3, 56, 56)


@pytest.mark.parametrize("channels", [(), (1,), (4,)])
def test_formulate__grey_and_rgba_frames_are_value_errors(model, channels):
    with pytest.raises(ValueError, match=r"3 channels|axes|single image") as raised:
        model.formulate_input_frames([np.zeros((30, 40, *channels), np.uint8)] * 4)
    assert isinstance(raised.value, ModelInputError)


def test_formulate__refuses_what_has_no_length(model):
    with pytest.raises(ModelInputError, match="list of frames"):
        model.formulate_input_frames(None)


def test_construct_frames__eight_of_224_by_default(model):
    found = model._construct_frames([frames_of(0, 1)[0]] * 8)
    assert found.shape == (1, 8, 3, 224, 224)
    assert model._construct_frames(FRAMES, 3, (20, 10)).shape == (1, 3, 3, 10, 20)


def test_normalize__the_usual_colours(model):
    found = model._normalize(np.array([[[0, 128, 255]]], np.uint8))
    expected = [(0 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert np.allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32


def test_encode__several_clips_without_gradient(model):
    clips = np.concatenate([model.formulate_input_frames(frames_of(i)) for i in range(3)])
    found = model.encode_video_frames(clips)
    assert found.shape == (3, 32)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert torch.allclose(found.norm(dim=1), torch.ones(3))
    for i in range(3):
        assert torch.allclose(model.encode_video_frames(clips[i : i + 1]), found[i : i + 1], atol=1e-6)


def test_encode__one_frame_takes_the_path_of_images(model):
    image = frames_of(0, 1)
    pixels = model._normalize(np.stack([model.preprocess_clip(image)[0].numpy()])).transpose(0, 3, 1, 2)
    found = model.encode_video_frames(pixels[None])
    assert torch.allclose(found, model.embed_images(image), atol=1e-6)
    still = model.encode_video_frames(np.repeat(pixels[None], 4, axis=1))
    assert not torch.allclose(found, still, atol=1e-3)


@pytest.mark.parametrize(
    "shape", [(1, 2, 3, 56, 56), (1, 8, 3, 56, 56), (1, 4, 3, 224, 224), (4, 3, 56, 56), ()]
)
def test_encode__another_shape_is_a_runtime_error(model, shape):
    with pytest.raises(RuntimeError, match="expected") as raised:
        model.encode_video_frames(np.zeros(shape, np.float32))
    assert isinstance(raised.value, ModelInputError)


@pytest.mark.parametrize(
    "wrong", [torch.zeros(1, 4, 3, 56, 56), [[0.0]], None, np.zeros((1, 4, 3, 56, 56), np.uint8)]
)
def test_encode__anything_but_an_array_of_floats_is_a_type_error(model, wrong):
    with pytest.raises(TypeError, match="array of floats") as raised:
        model.encode_video_frames(wrong)
    assert isinstance(raised.value, ModelInputError)


def test_encode__an_empty_array_needs_no_network():
    found = InternVideo2MultiModality("anywhere").encode_video_frames(np.empty(0, np.float32))
    assert found.shape == (0,)
    assert found.device.type == "cpu"


def test_text_embedding__one_or_several_any_case_even_empty(model):
    one = model.get_text_embedding("A red BALL")
    assert one.shape == (1, 32)
    assert torch.equal(one, model.get_text_embedding("a red ball"))
    both = model.get_text_embedding(["a red ball", ""])
    assert torch.allclose(both[:1], one, atol=1e-6)
    assert torch.allclose(both[1:], model.get_text_embedding(""), atol=1e-6)
    assert torch.allclose(both.norm(dim=1), torch.ones(2))


@pytest.mark.parametrize("wrong", [[], 3, None, ["a", 3]])
def test_text_embedding__refuses_what_is_no_text(model, wrong):
    with pytest.raises(ModelInputError, match="list of texts"):
        model.get_text_embedding(wrong)


def test_text__is_cut_at_the_longest_length(model):
    long = "dog " * 100
    assert torch.equal(model.embed_text(long), model.embed_text("dog " * 38))
    assert not torch.equal(model.embed_text(long), model.embed_text("dog " * 37))
