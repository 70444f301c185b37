import inspect

import numpy as np
import pytest
import torch

import models
from models import categories
from models.categories import (
    ClassificationModel,
    DepthEstimationModel,
    KeyPointsDetectionModel,
    ObjectDetectionModel,
    OpenVocabularyObjectDetectionModel,
    StructuredOCRModel,
    TextOnlyOCRModel,
)
from models.errors import ModelInputError, PredictionError

PAIRS = {
    "DepthEstimationModel",
    "InstanceSegmentationModel",
    "KeyPointsDetectionModel",
    "ObjectDetectionModel",
    "OpenVocabularyObjectDetectionModel",
    "SemanticSegmentationModel",
    "StructuredOCRModel",
}
BATCHES = {"ClassificationModel", "MultiLabelClassificationModel", "TextOnlyOCRModel"}
UNLABELLED = {"DepthEstimationModel", "TextOnlyOCRModel", "OpenVocabularyObjectDetectionModel"}


def filled_in(base, *, pair):
    """A model of a category whose steps say what reached them."""

    class Filled(base):
        class_names = ("word",)

        def __init__(self):
            self._model = torch.nn.Linear(2, 2)
            self.calls = []

        @classmethod
        def from_pretrained(cls, model_name_or_path, **kwargs):
            return cls()

        def pre_process(self, images, **kwargs):
            self.calls.append(("pre_process", images, kwargs))
            return ("batch", "meta") if pair else "batch"

        def forward(self, pre_processed_images, *args, **kwargs):
            self.calls.append(("forward", pre_processed_images, *args, kwargs))
            self.gradients = torch.is_grad_enabled()
            return "raw"

        def post_process(self, model_results, *args, **kwargs):
            self.calls.append(("post_process", model_results, *args, kwargs))
            return ["prediction"]

    return Filled()


@pytest.mark.parametrize("name", sorted(PAIRS | BATCHES))
def test_category__is_public_and_lazy(name):
    assert getattr(models, name) is getattr(categories, name)


@pytest.mark.parametrize("name", sorted(PAIRS - {"OpenVocabularyObjectDetectionModel"}))
def test_detection_like__steps_pass_the_meta(name):
    model = filled_in(getattr(categories, name)[torch.Tensor, dict, torch.Tensor], pair=True)
    assert model("images", threshold=0.5) == ["prediction"]
    options = {"threshold": 0.5}
    assert model.calls == [
        ("pre_process", "images", options),
        ("forward", "batch", options),
        ("post_process", "raw", "meta", options),
    ]
    assert model.gradients is False
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", sorted(BATCHES))
def test_classification_like__steps_pass_the_batch_alone(name):
    model = filled_in(getattr(categories, name)[np.ndarray, torch.Tensor], pair=False)
    assert model.infer("images", k=1) == ["prediction"]
    assert model.calls == [
        ("pre_process", "images", {"k": 1}),
        ("forward", "batch", {"k": 1}),
        ("post_process", "raw", {"k": 1}),
    ]


def test_open_vocabulary__takes_the_classes():
    model = filled_in(OpenVocabularyObjectDetectionModel[torch.Tensor, dict, torch.Tensor], pair=True)
    assert model("images", ["a dog", "a ball"], k=1) == ["prediction"]
    assert model.calls[1] == ("forward", "batch", ["a dog", "a ball"], {"k": 1})
    assert model.calls[2] == ("post_process", "raw", "meta", {"k": 1})
    model("images", classes="a dog")
    assert model.calls[4] == ("forward", "batch", ["a dog"], {})


@pytest.mark.parametrize("classes", [[], "", [" "], [3], None, 3])
def test_open_vocabulary__refuses_no_classes(classes):
    model = filled_in(OpenVocabularyObjectDetectionModel[torch.Tensor, dict, torch.Tensor], pair=True)
    with pytest.raises(ModelInputError, match="one or more words"):
        model("images", classes)
    assert model.calls == []


def test_pre_process__without_a_meta_is_said_plainly():
    model = filled_in(ObjectDetectionModel[torch.Tensor, dict, torch.Tensor], pair=False)
    with pytest.raises(PredictionError, match=r"Filled.pre_process returned str; a pair \(batch, meta\)"):
        model("images")


@pytest.mark.parametrize("name", sorted(PAIRS | BATCHES))
def test_category__what_must_be_written(name):
    wanted = {"from_pretrained", "pre_process", "forward", "post_process"}
    wanted |= set() if name in UNLABELLED else {"class_names"}
    assert getattr(categories, name).__abstractmethods__ == wanted


@pytest.mark.parametrize(
    ("base", "arity"), [(ClassificationModel, 2), (TextOnlyOCRModel, 2), (StructuredOCRModel, 3)]
)
def test_brackets__one_type_a_step(base, arity):
    assert inspect.isclass(base)
    base[(int,) * arity]
    with pytest.raises(TypeError):
        base[(int,) * (5 - arity)]


def test_brackets__are_optional():
    assert filled_in(DepthEstimationModel, pair=True)("images") == ["prediction"]


def test_key_points__names_and_skeletons_are_optional():
    model = filled_in(KeyPointsDetectionModel, pair=True)
    assert (model.key_points_classes, model.skeletons) == ([], [])


def test_unload__drops_the_network():
    model = filled_in(ClassificationModel, pair=False)
    model.unload()
    model.unload()
    assert model._model is None
