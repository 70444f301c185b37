from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from models.base import (
    ImageEmbeddingModel,
    TextImageEmbeddingModel,
    VideoTextEmbeddingModel,
    model_ids,
)
from models.errors import EmbeddingSpaceError, ModelInputError
from tests.fakes import MeanColorModel, MotionModel, moving_clip, plain_clip


class FiveLines(VideoTextEmbeddingModel):
    def embed_videos(self, videos):
        return torch.nn.functional.normalize(torch.tensor([[float(len(v)), 1.0] for v in videos]))

    def embed_text(self, texts):
        return torch.ones(1 if isinstance(texts, str) else len(texts), 2) / 2**0.5


def test_five_line_class__everything_else_has_a_default():
    model = FiveLines()
    assert (model.model_id, model.revision, model.num_frames, model.embedding_dim) == ("", "", 8, None)
    assert (model.score_kind, model.logit_scale, model.logit_bias, model.device) == (
        "softmax",
        100.0,
        0.0,
        "cpu",
    )
    assert model.get_target_num_frames() == 8
    assert model.get_text_embedding("red").shape == (1, 2)
    assert model_ids(model) == []
    model.setup()
    model.unload()


def test_five_line_class__a_still_image_is_repeated():
    model = FiveLines()
    image = plain_clip("red")[0]
    eight = torch.nn.functional.normalize(torch.tensor([[8.0, 1.0]]))
    assert torch.allclose(model.embed_images(image), eight)
    assert torch.allclose(model.embed_preprocessed([model.preprocess_clip(image[None])]), eight)


def test_dataclass_model__works():
    @dataclass
    class Model(FiveLines):
        scale: float = 2.0
        notes: list = field(default_factory=list)

    assert Model(scale=3.0).embed_text(["a"]).shape == (1, 2)


@pytest.mark.parametrize("base", [ImageEmbeddingModel, TextImageEmbeddingModel, VideoTextEmbeddingModel])
def test_embedding_classes__ask_only_for_embed_methods(base):
    assert all(name.startswith("embed_") for name in base.__abstractmethods__)


def test_compare_embeddings__cosine_of_any_scale():
    model = FiveLines()
    scores = model.compare_embeddings(
        torch.tensor([[2.0, 0.0], [0.0, 3.0]]), np.array([[1.0, 1.0], [0.0, 5.0], [-1, 0]])
    )
    assert scores.dtype == torch.float32
    assert torch.allclose(scores, torch.tensor([[0.7071, 0.0, -1.0], [0.7071, 1.0, 0.0]]), atol=1e-4)


def test_compare_embeddings__one_vector_each():
    assert FiveLines().compare_embeddings(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.0])).tolist() == [
        [1.0]
    ]


def test_compare_embeddings__refuses_other_dims():
    with pytest.raises(EmbeddingSpaceError, match="2 and of 3 dimensions"):
        FiveLines().compare_embeddings(torch.ones(1, 2), torch.ones(1, 3))


def test_evaluate__softmax_sorted_for_the_first_row():
    model = MotionModel()
    model.logit_scale = 1.0
    video = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    probabilities, order = model.evaluate(video, [torch.tensor([[0.0, 1.0]]), torch.tensor([1.0, 0.0])])
    assert order == [1, 0]
    assert probabilities == pytest.approx([np.e / (np.e + 1), 1 / (np.e + 1)], abs=1e-6)


def test_evaluate__sigmoid_models_judge_each_text_alone():
    model = MotionModel()
    model.score_kind, model.logit_scale, model.logit_bias = "sigmoid", 10.0, -10.0
    probabilities, order = model.evaluate(
        torch.tensor([[1.0, 0.0]]), [torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])]
    )
    assert order == [1, 0]
    assert probabilities == pytest.approx([0.5, 1 / (1 + np.exp(10.0))], abs=1e-6)


def test_evaluate__ties_keep_the_order_of_the_texts():
    text = torch.tensor([[1.0, 0.0]])
    assert MotionModel().evaluate(text, [text, text, text])[1] == [0, 1, 2]


def test_evaluate__refuses_no_texts():
    with pytest.raises(ModelInputError, match="No text"):
        MotionModel().evaluate(torch.ones(1, 2), [])


@pytest.mark.parametrize(
    ("available", "expected"),
    [(8, [1, 3, 5, 7]), (15, [1, 5, 9, 13]), (4, [0, 1, 2, 3]), (2, [0, 0, 1, 1]), (1, [0] * 4)],
)
def test_formulate_input_frames__covers_the_whole_clip(available, expected):
    clip = np.zeros((available, 2, 2, 3), np.uint8)
    clip[..., 0] = np.arange(available)[:, None, None]
    frames = MotionModel().formulate_input_frames(list(clip))
    assert frames.shape == (1, 4, 2, 2, 3)
    assert frames[0, :, 0, 0, 0].tolist() == expected


def test_encode_video_frames__takes_what_formulate_gives():
    model = MotionModel()
    both = np.concatenate(
        [model.formulate_input_frames(moving_clip("red", way)) for way in ("right", "left")]
    )
    rows = model.encode_video_frames(both)
    assert rows.shape == (2, 6)
    assert rows[0, 4] > 0.5 > rows[0, 5]
    assert rows[1, 5] > 0.5 > rows[1, 4]


def test_image_model__a_clip_is_the_mean_of_its_unit_frames():
    model = MeanColorModel()
    clip = np.concatenate([plain_clip("red", num_frames=1), plain_clip("green", num_frames=1)])
    row = model.embed_preprocessed([model.preprocess_clip(clip)])
    assert torch.allclose(row, torch.tensor([[0.5**0.5, 0.5**0.5, 0.0, 0.0]]))


def test_image_model__clips_of_different_lengths_keep_their_rows():
    model = MeanColorModel()
    clips = [
        plain_clip("red", num_frames=3),
        plain_clip("blue", num_frames=1),
        plain_clip("black", num_frames=2),
    ]
    rows = model.embed_preprocessed([model.preprocess_clip(clip) for clip in clips])
    assert rows.argmax(dim=1).tolist() == [0, 2, 3]
