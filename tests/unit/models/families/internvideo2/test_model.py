"""The reference class, method by method, and what the workbench asks of a model."""

import threading

import numpy as np
import pytest
import torch
from easydict import EasyDict

import models.families.internvideo2 as family
from models.auto import AutoModel
from models.base import VideoTextEmbeddingModel, model_ids
from models.conformance import check_model
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
    _create_config,
    _InternVideo2Stage2Wrapper,
    _setup_internvideo2,
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


@pytest.mark.parametrize("shape", [(1, 2, 3, 56, 56), (1, 8, 3, 56, 56), (1, 4, 3, 224, 224), (4, 3, 56, 56)])
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


def test_evaluate__falling_probabilities_of_plain_numbers(model):
    video = torch.nn.functional.normalize(torch.randn(2, 32), dim=1)
    texts = [torch.nn.functional.normalize(video[:1] + 0.9 * torch.randn(1, 32), dim=1) for _ in range(4)]
    values, places = model.evaluate(video, texts)
    expected = (100.0 * video[:1] @ torch.cat(texts).T).softmax(dim=-1)[0]
    assert values == sorted(values, reverse=True)
    assert all(type(value) is float for value in values)
    assert all(type(place) is int for place in places)
    assert values == pytest.approx([float(expected[place]) for place in places], abs=1e-5)
    assert sorted(places) == [0, 1, 2, 3]


def test_evaluate__as_many_results_as_the_list_is_long(model):
    values, places = model.evaluate(torch.ones(1, 32), [torch.eye(32)[:3]])
    assert len(values) == len(places) == 1
    assert values[0] == pytest.approx(1 / 3)


def test_evaluate__no_text_is_a_value_error(model):
    with pytest.raises(ValueError, match="No text") as raised:
        model.evaluate(torch.ones(1, 32), [])
    assert isinstance(raised.value, ModelInputError)


@pytest.mark.parametrize(
    ("video", "texts"),
    [
        (torch.empty(0), [torch.ones(1, 32)]),
        (torch.ones(1, 31), [torch.ones(1, 32)]),
        (torch.ones(1, 32), [torch.ones(1, 32), torch.ones(1, 30)]),
    ],
)
def test_evaluate__vectors_that_do_not_fit_are_a_runtime_error(model, video, texts):
    with pytest.raises(RuntimeError, match=r"needed|expected") as raised:
        model.evaluate(video, texts)
    assert isinstance(raised.value, ModelInputError)


def test_predict_label__sorted_on_the_cpu_and_not_more_than_there_are(model):
    videos, texts = torch.randn(3, 32), torch.randn(6, 32)
    values, places = model._model.predict_label(videos, texts)
    assert values.shape == places.shape == (3, 5)
    assert values.dtype == torch.float32
    assert places.dtype == torch.int64
    expected = (100.0 * videos @ texts.T).softmax(dim=-1)
    assert torch.allclose(values, expected.gather(1, places))
    with pytest.raises(RuntimeError, match="The best 5 of 4"):
        model._model.predict_label(videos, texts[:4])


def test_create_config__an_easydict_that_a_network_is_built_from(package, model):
    config = _create_config("a.pt", "some/bert")
    assert isinstance(config, EasyDict)
    assert (config.num_frames, config.origin_num_frames, config.size_t, config.max_txt_l) == (4, 4, 224, 40)
    assert (config.model.embed_dim, config.pretrained_path) == (512, "a.pt")
    assert config.model.text_encoder.pretrained == "some/bert"
    tiny = model._ready.to_easydict()
    network = _setup_internvideo2(tiny)
    assert isinstance(network, _InternVideo2Stage2Wrapper)
    assert torch.equal(network.get_txt_feat("a dog"), model.get_text_embedding("a dog"))


def test_setup_internvideo2__reads_what_was_changed_in_the_configuration(model):
    config = model._ready.to_easydict()
    config.num_frames = 6
    network = _setup_internvideo2(config)
    assert network.get_vid_feat(torch.zeros(1, 6, 3, 56, 56)).shape == (1, 32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda config: config.model.text_encoder.update(name="t5"), "Not implemented"),
        (lambda config: config.pop("num_frames"), "num_frames"),
        (lambda config: config.model.pop("vision_encoder"), "vision_encoder"),
        (lambda config: config.update(size_t=57), "does not divide"),
        (lambda config: config.update(dtype="int8"), "int8"),
    ],
)
def test_setup_internvideo2__refuses_an_impossible_configuration(model, change, words):
    config = model._ready.to_easydict()
    change(config)
    with pytest.raises(ValueError, match=words) as raised:
        _setup_internvideo2(config)
    assert isinstance(raised.value, InvalidParameterError)


def test_wrapper__tokens_and_pooled_and_texts(model):
    network = model._model
    tokens, pooled = network.encode_vision(torch.zeros(2, 4, 3, 56, 56))
    assert tokens.shape == (2, 65, 48)
    assert pooled.shape == (2, 40)
    assert network.get_txt_feat(["a", "b c"]).shape == (2, 32)
    bare = _InternVideo2Stage2Wrapper(model._ready.to_easydict(), None)
    with pytest.raises(AssertionError, match="without a tokenizer"):
        bare.get_txt_feat("a")


def test_embed_videos__covers_the_tail_and_keeps_order(model):
    long = np.concatenate([frames_of(0, 4), frames_of(1, 3)])
    changed = long.copy()
    changed[6:] = 0
    assert not torch.allclose(model.embed_videos([long]), model.embed_videos([changed]), atol=1e-4)
    assert np.array_equal(model.formulate_input_frames(long), model.formulate_input_frames(changed))
    clips = [frames_of(i, count) for i, count in enumerate((4, 9, 1, 2, 30))]
    rows = model.embed_videos(clips)
    for i, clip in enumerate(clips):
        assert torch.allclose(model.embed_videos([clip])[0], rows[i], atol=1e-6)


def test_embed__with_as_many_frames_as_it_sees_is_what_the_reference_gives(model):
    clip = frames_of(3, 4)
    reference = model.encode_video_frames(model.formulate_input_frames(clip))
    assert torch.allclose(model.embed_videos([clip]), reference, atol=1e-6)


def test_embed__in_several_passes_is_the_same(model, monkeypatch):
    clips, texts = [frames_of(i) for i in range(5)], [f"{word} ball" for word in ["red", "green", "blue"]]
    rows, text_rows = model.embed_videos(clips), model.embed_text(texts)
    monkeypatch.setattr("models.families.internvideo2.embedding._TOKENS_ON_PROCESSOR", 130)
    monkeypatch.setattr("models.families.internvideo2.embedding._TEXTS_PER_PASS", 2)
    assert torch.allclose(model.embed_videos(clips), rows, atol=1e-6)
    assert torch.allclose(model.embed_text(texts), text_rows, atol=1e-6)


def test_preprocess_clip__in_threads_is_the_same(model):
    clips = [frames_of(i, 6, 40 + i, 50) for i in range(8)]
    expected = [model.preprocess_clip(clip) for clip in clips]
    found = {}
    threads = [
        threading.Thread(target=lambda i=i: found.update({i: model.preprocess_clip(clips[i])}), daemon=True)
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert all(torch.equal(found[i], expected[i]) for i in range(8))
    assert torch.equal(model.embed_preprocessed(expected), model.embed_videos(clips))


def test_end_with_sep__changes_texts_and_their_space(package, model):
    without = InternVideo2MultiModality.from_pretrained(package.directory, device="cpu", end_with_sep=False)
    assert not torch.allclose(without.embed_text("a dog"), model.embed_text("a dog"), atol=1e-3)
    assert without.preprocessing != model.preprocessing
    clip = [frames_of(0)]
    assert torch.equal(without.embed_videos(clip), model.embed_videos(clip))


def test_from_pretrained__a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(PackageNotFoundError, match="There is no folder"):
        InternVideo2MultiModality.from_pretrained(tmp_path / "nothing")


def test_from_pretrained__says_what_it_is(package, model):
    assert model.model_id == "local/tiny"
    assert (model.num_frames, model.embedding_dim, model.logit_scale) == (4, 32, 100.0)
    known = AutoModel.from_pretrained(package.directory, device="cpu")
    assert known.model_id == "workbench/internvideo2-tiny"
    assert known.revision == package.manifest.revision
    assert known.known_answers_verified
    assert torch.equal(known.embed_text("a dog"), model.embed_text("a dog"))


def test_check_model__finds_no_fault(package):
    report = check_model(AutoModel.from_pretrained(package.directory, device="cpu"))
    assert report.passed, str(report)
    assert report.check("known answers").passed
    assert report.check("unload").passed


def test_check_model__finds_no_fault_in_bfloat16(package):
    report = check_model(AutoModel.from_pretrained(package.directory, device="cpu", dtype="bfloat16"))
    assert report.passed, str(report)


def test_download_weights_on_node__fetches_both_and_keeps_what_is_there(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "models.packages.download_package", lambda model_id, model_dir: asked.append((model_id, model_dir))
    )
    InternVideo2MultiModality.download_weights_on_node(str(tmp_path))
    assert asked == [(INTERNVIDEO2_MODEL_ID, str(tmp_path)), (BERT_MODEL_ID, str(tmp_path))]
    by_hand = tmp_path / INTERNVIDEO2_MODEL_ID
    by_hand.mkdir(parents=True)
    (by_hand / INTERNVIDEO2_MODEL_FILE).write_bytes(b"weights")
    asked.clear()
    InternVideo2MultiModality.download_weights_on_node(str(tmp_path))
    assert asked == [(BERT_MODEL_ID, str(tmp_path))]
