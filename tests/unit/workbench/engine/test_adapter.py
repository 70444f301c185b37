import threading

import numpy as np
import pytest

from models.errors import InvalidParameterError
from models.pending import Pending
from tests.fakes import MeanColorModel, MotionModel, plain_clip
from workbench.engine.adapter import adapt, load_if_named
from workbench.errors import ModelOutputError


class Duck:
    def embed_images(self, images):
        return np.ones((len(images), 1))


def test_adapt__defaults_for_what_a_model_does_not_say():
    duck = adapt(Duck())
    assert (duck.name, duck.num_frames, duck.device) == ("Duck", 1, "cpu")
    assert (duck.score_kind, duck.logit_scale, duck.logit_bias) == ("softmax", 100.0, 0.0)
    assert duck.embedding_dim is None
    assert adapt(MotionModel()).num_frames == 4
    assert adapt(duck) is duck


def test_adapt__a_class_or_a_stranger_is_refused():
    with pytest.raises(InvalidParameterError, match=r"Pass Duck\(\)"):
        adapt(Duck)
    with pytest.raises(InvalidParameterError, match="str has neither"):
        adapt("text")


def test_load_if_named__a_model_object_is_left_alone():
    model = MeanColorModel()
    assert load_if_named(model) is model


def test_space__pooling_is_part_of_the_sampling():
    assert adapt(MotionModel()).space().sampling == "uniform-middle:4"
    assert adapt(Duck()).space(3).sampling == "uniform-middle:3+frame-mean"


def test_embed_items__unequal_items_go_in_groups_and_come_back_in_order():
    class Grouped(MeanColorModel):
        def __init__(self):
            self.groups = []

        def preprocess_clip(self, frames):
            return {"pixels": np.asarray(frames, np.float32), "more": [np.zeros(2)]}

        def embed_preprocessed(self, batch):
            self.groups.append(len(batch))
            pixels = np.stack([item["pixels"] for item in batch])
            return super().embed_preprocessed(list(pixels.astype(np.uint8)))

    model = Grouped()
    adapted = adapt(model)
    colors = ["red", "green", "blue", "white"]
    clips = [plain_clip(color, num_frames=1 + i % 2) for i, color in enumerate(colors)]
    rows = adapted.embed_items([adapted.preprocess(clip) for clip in clips])
    assert model.groups == [2, 2]
    np.testing.assert_allclose(rows, MeanColorModel().embed_text(colors).numpy(), atol=1e-6)


def test_embed_items__one_thread_at_a_time_in_a_model():
    inside, most = [], []

    class Watched(MeanColorModel):
        def embed_preprocessed(self, batch):
            inside.append(1)
            most.append(len(inside))
            rows = super().embed_preprocessed(batch)
            inside.pop()
            return rows

    model = Watched()
    items = [adapt(model).preprocess(plain_clip("red"))]
    threads = [threading.Thread(target=lambda: adapt(model).embed_items(items)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def test_embed_items__gradients_are_cut():
    torch = pytest.importorskip("torch")

    class Trained(MeanColorModel):
        def embed_preprocessed(self, batch):
            weight = torch.nn.Parameter(torch.tensor([1.0, 0, 0, 0]))
            return weight.expand(len(batch), 4).to(torch.bfloat16)

    rows = adapt(Trained()).embed_items([plain_clip("red")])
    assert rows.dtype == np.float32
    assert rows.tolist() == [[1, 0, 0, 0]]


def test_start_items__the_rows_are_waited_for_later():
    waited = []

    class Slow(MeanColorModel):
        def embed_preprocessed_async(self, batch):
            rows = self.embed_preprocessed(batch)
            return Pending(lambda: waited.append(len(batch)) or rows)

    model = adapt(Slow())
    items = [model.preprocess(plain_clip(color)) for color in ("red", "blue")]
    first, second = model.start_items(items), model.start_items(items[:1])
    assert waited == []
    assert second().shape == (1, 4)
    np.testing.assert_array_equal(first(), adapt(MeanColorModel()).embed_items(items))
    assert waited == [1, 2]


def test_start_items__of_an_object_that_only_looks_like_a_model():
    assert adapt(Duck()).start_items([plain_clip("red")])().tolist() == [[1.0]]


def test_start_items__what_is_wrong_with_the_rows_is_raised_when_they_are_asked_for():
    class Wrong(MeanColorModel):
        def embed_preprocessed(self, batch):
            return 2 * super().embed_preprocessed(batch)

    model = adapt(Wrong())
    finish = model.start_items([model.preprocess(plain_clip("red"))])
    with pytest.raises(ModelOutputError, match="length 1"):
        finish()
