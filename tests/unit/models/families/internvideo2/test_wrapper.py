"""The network under the reference's names, its configuration and its scores."""

import pytest
import torch
from easydict import EasyDict

from models.errors import InvalidParameterError, ModelInputError
from models.families.internvideo2.model import (
    _create_config,
    _InternVideo2Stage2Wrapper,
    _setup_internvideo2,
)


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


def test_create_config__an_easydict_of_the_published_size():
    config = _create_config("a.pt", "some/bert")
    assert isinstance(config, EasyDict)
    assert (config.num_frames, config.origin_num_frames, config.size_t, config.max_txt_l) == (4, 4, 224, 40)
    assert (config.model.embed_dim, config.pretrained_path) == (512, "a.pt")
    assert config.model.text_encoder.pretrained == "some/bert"


def test_create_config__takes_the_sizes_beside_the_weights(package, model):
    tiny = _create_config(str(package.directory / "model.safetensors"), str(package.directory))
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
