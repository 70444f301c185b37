import numpy as np
import pytest
import torch

from models.errors import PredictionError
from models.predictions import (
    ClassificationPrediction,
    DepthMap,
    Detections,
    InstanceDetections,
    KeyPoints,
    MultiLabelClassificationPrediction,
    SemanticSegmentationResult,
)


def boxes(count=2, **changed):
    given = {
        "xyxy": torch.arange(count * 4).reshape(count, 4).float(),
        "class_id": torch.arange(count),
        "confidence": torch.full((count,), 0.5),
    }
    return given | changed


def test_detections__keeps_the_tensors_it_was_given():
    given = boxes()
    found = Detections(**given)
    assert found.xyxy is given["xyxy"]
    assert len(found) == 2
    box, class_id, confidence = list(found)[1]
    assert (box.tolist(), class_id, confidence) == ([4.0, 5.0, 6.0, 7.0], 1, 0.5)


def test_detections__takes_lists_and_arrays():
    found = Detections(xyxy=np.zeros((1, 4)), class_id=[3.0], confidence=[0.25])
    assert found.class_id.tolist() == [3]
    assert not found.class_id.is_floating_point()
    assert len(Detections([], [], [])) == 0
    assert Detections([], [], []).xyxy.shape == (0, 4)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"xyxy": torch.zeros(2, 5)}, r"xyxy has shape \[2, 5\]; \[N, 4\] is expected"),
        ({"xyxy": torch.zeros(4)}, r"xyxy has shape \[4\]"),
        ({"class_id": torch.zeros(3)}, r"class_id has shape \[3\]; \[N\] with N = 2 as in xyxy"),
        ({"confidence": torch.zeros(2, 1)}, r"confidence has shape \[2, 1\]"),
        ({"class_id": torch.tensor([0.5, 1.0])}, "whole numbers"),
        ({"xyxy": "boxes"}, "xyxy is no tensor"),
        ({"xyxy": None}, "xyxy is no tensor"),
        ({"bboxes_metadata": [{}]}, "bboxes_metadata has 1 entries; xyxy has 2"),
    ],
)
def test_detections__refuses_what_does_not_fit(changed, words):
    with pytest.raises(PredictionError, match=words):
        Detections(**boxes(**changed))


def test_instance_detections__masks_are_one_per_box():
    found = InstanceDetections(**boxes(), mask=torch.zeros(2, 6, 8, dtype=torch.bool))
    assert found.mask.shape == (2, 6, 8)
    with pytest.raises(PredictionError, match=r"mask has shape \[1, 6, 8\]; \[N, H, W\] with N = 2"):
        InstanceDetections(**boxes(), mask=torch.zeros(1, 6, 8))


def test_classification__one_confidence_an_image_or_one_a_class():
    assert len(ClassificationPrediction([1, 0], [0.5, 0.75])) == 2
    assert ClassificationPrediction([1, 0], torch.zeros(2, 7)).confidence.shape == (2, 7)
    with pytest.raises(PredictionError, match="confidence"):
        ClassificationPrediction([1, 0], torch.zeros(3, 7))
    with pytest.raises(PredictionError, match="images_metadata"):
        ClassificationPrediction([1], [0.5], images_metadata=[{}, {}])


def test_multi_label__labels_and_all_confidences():
    found = MultiLabelClassificationPrediction(class_ids=[4, 7], confidence=torch.zeros(9))
    assert len(found) == 2
    with pytest.raises(PredictionError, match="class_ids"):
        MultiLabelClassificationPrediction(class_ids=[[4]], confidence=[0.5])


def test_key_points__shapes_agree():
    assert len(KeyPoints(xy=torch.zeros(3, 17, 2), class_id=[0, 0, 1], confidence=torch.zeros(3, 17))) == 3
    with pytest.raises(PredictionError, match=r"\[N, K\] with N = 3 as in xy and K = 17 as in xy"):
        KeyPoints(xy=torch.zeros(3, 17, 2), class_id=[0, 0, 1], confidence=torch.zeros(3, 5))
    with pytest.raises(PredictionError, match="xy has shape"):
        KeyPoints(xy=torch.zeros(3, 17, 3), class_id=[0, 0, 1], confidence=torch.zeros(3, 17))


def test_pictures__are_of_one_size():
    assert DepthMap(torch.zeros(4, 6), unit="m").unit == "m"
    with pytest.raises(PredictionError, match="depth"):
        DepthMap(torch.zeros(1, 4, 6))
    SemanticSegmentationResult(torch.zeros(4, 6, dtype=torch.long), torch.zeros(4, 6))
    with pytest.raises(PredictionError, match="H = 4 as in segmentation_map"):
        SemanticSegmentationResult(torch.zeros(4, 6, dtype=torch.long), torch.zeros(6, 4))


def test_repr__says_shapes_and_not_pixels():
    found = InstanceDetections(**boxes(), mask=torch.zeros(2, 600, 800, dtype=torch.bool))
    assert repr(found) == (
        "InstanceDetections(xyxy=float32 [2, 4], class_id=int64 [2], confidence=float32 [2], "
        "mask=bool [2, 600, 800])"
    )
    assert "4, 5, 6, 7" in found._repr_html_()
    assert "the first 20 shown" in Detections(**boxes(40))._repr_html_()
    assert "float32 [4, 6]" in DepthMap(torch.zeros(4, 6))._repr_html_()
    points = KeyPoints(xy=torch.zeros(3, 17, 2), class_id=[0, 0, 1], confidence=torch.zeros(3, 17))
    assert "KeyPoints: 3" in points._repr_html_()


def test_equality__is_that_of_objects():
    found = Detections(**boxes())
    assert found == found  # noqa: PLR0124 - tensors would make this ambiguous
    assert found != Detections(**boxes())
