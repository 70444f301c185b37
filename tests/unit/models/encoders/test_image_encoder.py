"""The shared model over towers that one can compute by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.base import EmbeddingSpace, TextImageEmbeddingModel, VideoTextEmbeddingModel
from models.conformance import check_model
from models.encoders import image_encoder
from models.encoders.dual_encoder import DualEncoderModel, EncoderParts, Towers
from models.encoders.image_encoder import torch_dtype
from models.encoders.preprocessing import ImagePreprocessing
from models.errors import InvalidParameterError, ModelInputError, ModelNotReadyError


class ColourTowers:
    """Rows of 4: mean red, green, blue and 1; texts: how often each of the letters r, g, b came, and 1."""

    device = "cpu"

    def __init__(self):
        self.passes = []
        self.unloaded = False

    def encode_images(self, pixels):
        self.passes.append(len(pixels))
        colours = pixels.double().mean(dim=(2, 3))
        return torch.cat([colours, torch.ones(len(pixels), 1)], dim=1)

    def encode_text(self, input_ids, attention_mask):
        self.passes.append(len(input_ids))
        counts = [(input_ids == ord(letter)).sum(dim=1) for letter in "rgb"]
        return torch.stack([*counts, torch.ones(len(input_ids))], dim=1).to(torch.bfloat16)

    def unload(self):
        self.unloaded = True


class Letters:
    """One number per letter, ten of them."""

    max_length = 10

    def __call__(self, texts):
        rows = [[ord(letter) for letter in text[:10]] + [0] * (10 - len(text)) for text in texts]
        ids = torch.tensor(rows)
        return ids, (ids > 0).long()

    def cut_off(self, text):
        return text[10:]


def parts(**changes):
    preprocessing = ImagePreprocessing(size=8, crop=(8, 8))
    fields = {"tokenizer": Letters(), "embedding_dim": 4, **changes}
    return EncoderParts(preprocessing=preprocessing, towers=ColourTowers(), **fields)


@pytest.fixture
def model():
    return DualEncoderModel.from_parts(parts())


def plain(red, green, blue, num_frames=1):
    return np.full((num_frames, 12, 16, 3), (red, green, blue), np.uint8)


def unit(*numbers):
    row = torch.tensor([numbers], dtype=torch.float32)
    return row / row.norm()


def test_embed_images__gives_unit_rows(model):
    rows = model.embed_images([plain(255, 0, 0)[0], plain(0, 0, 0)[0]])
    torch.testing.assert_close(rows, torch.cat([unit(1, 0, 0, 1), unit(0, 0, 0, 1)]))
    assert rows.dtype == torch.float32


def test_embed_videos__is_the_mean_of_unit_rows_made_unit(model):
    clip = np.concatenate([plain(255, 0, 0, 2), plain(0, 255, 0)])
    rows = model.embed_videos([clip, plain(0, 0, 255, 5)])
    mean = (2 * unit(1, 0, 0, 1) + unit(0, 1, 0, 1)) / 3
    torch.testing.assert_close(rows, torch.cat([mean / mean.norm(), unit(0, 0, 1, 1)]))


def test_embed_text__reads_all_texts_at_one_length(model):
    rows = model.embed_text(["rrg", "b"])
    torch.testing.assert_close(rows, torch.cat([unit(2, 1, 0, 1), unit(0, 0, 1, 1)]))
    assert rows.dtype == torch.float32


def test_embed_text__says_what_it_does_not_read(model, caplog):
    model.embed_text(["rgbrgbrgbr", "short"])
    assert not caplog.records
    model.embed_text("rgbrgbrgbr and more")
    assert "' and more'" in caplog.text
    assert model.cut_off("rgbrgbrgbr and more") == " and more"
    assert model.text_length == 10


def test_passes__are_bounded(model):
    towers = model.parts.towers
    model.embed_videos([plain(9, 9, 9, 50)])
    assert sum(towers.passes) == 50
    assert max(towers.passes) <= 16
    towers.passes.clear()
    model.embed_text(["r"] * 130)
    assert sum(towers.passes) == 130
    assert max(towers.passes) <= 64


def test_long_lists__are_not_held_as_pixels():
    preprocessed, groups = [], []

    class Watched(DualEncoderModel):
        def preprocess_clip(self, frames):
            preprocessed.append(1)
            return super().preprocess_clip(frames)

        def embed_preprocessed(self, batch):
            groups.append((len(batch), len(preprocessed)))
            return super().embed_preprocessed(batch)

    assert Watched.from_parts(parts()).embed_images([plain(0, 0, 0)[0]] * 100).shape == (100, 4)
    assert groups == [(32, 32), (32, 64), (32, 96), (4, 100)]


def test_model__is_a_text_image_and_a_video_text_model(model):
    assert isinstance(model, TextImageEmbeddingModel)
    assert isinstance(model, VideoTextEmbeddingModel)
    assert isinstance(model.parts.towers, Towers)
    assert model.get_target_num_frames() == 8
    assert model.formulate_input_frames(plain(1, 2, 3, 30)).shape == (1, 8, 12, 16, 3)
    red = model.encode_video_frames(model.formulate_input_frames(plain(255, 0, 0, 30)))
    texts = [model.get_text_embedding(text) for text in ("gg", "rr")]
    assert model.evaluate(red, texts)[1] == [1, 0]


def test_model__conforms(model):
    report = check_model(model, unload=False)
    assert report.passed, str(report)


def test_space__names_pixels_and_pooling(model):
    space = EmbeddingSpace.of(model)
    assert space.preprocessing == f"{model.image_preprocessing.signature}|frame-mean"


def test_scores__are_those_of_the_parts():
    model = DualEncoderModel.from_parts(parts(score_kind="sigmoid", logit_scale=7.0, logit_bias=-3.0))
    assert (model.score_kind, model.logit_scale, model.logit_bias) == ("sigmoid", 7.0, -3.0)
    probabilities, _ = model.evaluate(unit(1, 0, 0, 0), [unit(1, 0, 0, 0)])
    assert probabilities == pytest.approx([1 / (1 + np.exp(-4.0))])


def test_unload__lets_the_towers_go(model):
    towers = model.parts.towers
    model.unload()
    model.unload()
    assert towers.unloaded
    for call in (lambda: model.embed_images(plain(0, 0, 0)), lambda: model.embed_text("r")):
        with pytest.raises(ModelNotReadyError, match="setup"):
            call()
    assert model.preprocess_clip(plain(0, 0, 0)).shape == (1, 3, 8, 8)  # needs no network
    with pytest.raises(ModelNotReadyError, match="folder"):
        model.setup()


def test_preprocess_clip__before_setup_is_not_ready(tmp_path):
    with pytest.raises(ModelNotReadyError, match="preprocessing"):
        DualEncoderModel(tmp_path).preprocess_clip(plain(0, 0, 0))


def test_setup__of_the_bare_class_says_that_it_loads_nothing(tmp_path):
    with pytest.raises(ModelNotReadyError, match="_load"):
        DualEncoderModel.from_pretrained(tmp_path)


def test_embed_text__without_a_tokenizer_is_not_ready():
    with pytest.raises(ModelNotReadyError, match="tokenizer"):
        DualEncoderModel.from_parts(parts(tokenizer=None)).embed_text("r")


def test_embed_preprocessed__refuses_an_empty_batch(model):
    with pytest.raises(ModelInputError):
        model.embed_preprocessed([])


@pytest.mark.parametrize("num_frames", [0, -1, 2.5, "8"])
def test_num_frames__is_a_whole_number_from_1(num_frames):
    with pytest.raises(InvalidParameterError, match="num_frames"):
        DualEncoderModel.from_parts(parts(), num_frames=num_frames)


def test_rows__can_be_trained_on(model):
    # a probe learns on these rows: inference tensors would make autograd fail
    probe = torch.nn.Linear(4, 1)
    for rows in (
        model.embed_images(plain(0, 0, 9)),
        model.embed_videos([plain(0, 0, 9)]),
        model.embed_text("r"),
    ):
        probe(rows).sum().backward()
    assert probe.weight.grad is not None


@pytest.mark.parametrize("name", ["float64", "int8", None, "float"])
def test_torch_dtype__refuses_others(name):
    with pytest.raises(InvalidParameterError, match="bfloat16"):
        torch_dtype(name)


def test_embed_preprocessed_async__gives_the_same_rows_later(model):
    clips = [model.preprocess_clip(plain(200, 10, 10, 3)), model.preprocess_clip(plain(0, 0, 90))]
    pending = model.embed_preprocessed_async(clips)
    assert model.parts.towers.passes == [4]
    assert torch.equal(pending.result(), model.embed_preprocessed(clips))


def test_embed_preprocessed_async__respects_a_batch_step_of_a_subclass():
    class Doubled(DualEncoderModel):
        def embed_preprocessed(self, batch):
            return -super().embed_preprocessed(batch)

    own = Doubled.from_parts(parts())
    clips = [own.preprocess_clip(plain(200, 10, 10))]
    assert torch.equal(own.embed_preprocessed_async(clips).result(), own.embed_preprocessed(clips))


def test_embed_preprocessed_async__raises_at_once_for_an_empty_batch(model):
    with pytest.raises(ModelInputError, match="nothing to embed"):
        model.embed_preprocessed_async([])


def test_passes__are_larger_on_an_accelerator(model, monkeypatch):
    clips = [model.preprocess_clip(plain(1, 2, 3, 20))]
    model.embed_preprocessed(clips)
    model.device = "cuda:0"
    monkeypatch.setattr(image_encoder, "send", lambda parts, device: torch.cat(parts))
    model.embed_preprocessed(clips)
    assert model.parts.towers.passes == [16, 4, 20]


def test_compile__is_asked_of_towers_that_can():
    class Compiles(ColourTowers):
        asked = 0

        def compile(self):
            self.asked += 1

    class Made(DualEncoderModel):
        def _load(self, folder):
            return replace(parts(), towers=Compiles())

    assert Made.from_pretrained("x", compile=True).parts.towers.asked == 1
    assert Made.from_pretrained("x").parts.towers.asked == 0
