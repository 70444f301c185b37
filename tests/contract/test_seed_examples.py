"""The example code of the seeds, with only its import lines changed, filled in where it leaves `pass`."""

import abc
import json
from typing import Union

import numpy as np
import pytest
import torch

from models.auto import AutoModel
from models.base import ModelInterface, model_ids
from models.conformance import check_model
from models.errors import InvalidParameterError, NoModelPackagesAvailableError
from models.packages import write_manifest
from models.predictions import Detections
from models.registry import (
    REGISTERED_MODELS,
    BackendType,
    LazyClass,
    ModelArchitecture,
    RegistryEntry,
    TaskType,
    register_model,
)
from tests.contract.seed_code import (
    BLOCKS,
    CONTENTS,
    CUSTOM_STAGE,
    DETECTOR,
    EMBEDDER,
    ENTRY,
    INTERFACE,
    MY_MODEL,
    STANDALONE,
    TABLE,
    filled_in,
    module,
    with_our_imports,
)

IMAGE = np.zeros((40, 60, 3), np.uint8)
IMAGE[8:16, 20:40] = 255

# What a reader writes under the seed's class to make it an embedding model.
EMBEDDING = """
    def embed_images(self, images):
        if self._model is None:
            raise ModelNotReadyError("MyModel is not loaded.", next_step="Call setup().")
        rows = []
        for image in as_rgb_images(images):
            high, wide = max(len(image) // 6, 1), max(image.shape[1] // 6, 1)
            rows.append(image[::high, ::wide][:6, :6].reshape(-1))
        return unit_rows(self._model(np.stack(rows).astype(np.float32) + 1.0))

    def embed_text(self, texts):
        words = {"red": 0, "green": 1, "blue": 2}
        rows = np.ones((len(as_texts(texts)), 6, 6, 3), np.float32)
        for row, text in zip(rows, as_texts(texts), strict=True):
            for word in text.split():
                row[..., words.get(word, len(word) % 3)] += len(word)
        return unit_rows(self._model(rows.reshape(len(rows), -1)))
"""
EMBEDDING_IMPORTS = """
from models.base import unit_rows
from models.errors import ModelNotReadyError
from models.inputs import as_rgb_images, as_texts
"""
STEPS = {
    "# Preprocess images and return preprocessing metadata": (
        "batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255\n"
        'return batch, {"sizes": [image.shape[:2] for image in images]}'
    ),
    "# Run model inference": "return pre_processed_images.amax(dim=1)",
    "# Convert raw outputs to Detections": (
        "found = []\n"
        "for picture in model_results:\n"
        "    rows, columns = torch.where(picture > kwargs.get('threshold', 0.5))\n"
        "    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]\n"
        "    found.append(Detections(torch.stack(edges)[None], torch.tensor([0]), picture.max()[None]))\n"
        "return found"
    ),
}


@pytest.fixture(autouse=True)
def restored_table():
    rows = dict(REGISTERED_MODELS)
    yield
    REGISTERED_MODELS.clear()
    REGISTERED_MODELS.update(rows)


@pytest.fixture
def my_model():
    """Seed 000's module, filled in as an embedding model."""
    source = EMBEDDING_IMPORTS + with_our_imports(MY_MODEL) + EMBEDDING
    with module("my_family.model", source) as made:
        yield made.MyModel


@pytest.fixture
def your_model():
    """Seed 003's detector under the two names of its table."""
    source = with_our_imports(filled_in(DETECTOR, STEPS))
    source = source.replace("self._class_names = []  # Load", 'self._class_names = ["box"]  # Load')
    names = source + "\nYourModel = YourModelTorch = YourObjectDetectionModel\n"
    with (
        module("inference_models.models.your_model.model", names) as made,
        module("inference_models.models.your_model.model_torch", names),
    ):
        yield made.YourObjectDetectionModel


@pytest.mark.shared
@pytest.mark.parametrize("number", BLOCKS)
def test_blocks__are_the_seeds_word_for_word(shared_dir, number):
    [seed] = (shared_dir / "seeds").glob(f"{number}_*.txt")
    text = seed.read_text(encoding="utf-8")
    for block in BLOCKS[number]:
        assert block.strip("\n") in text


def test_imports__are_all_that_is_changed():
    for block in (MY_MODEL, CUSTOM_STAGE, EMBEDDER, DETECTOR, STANDALONE, TABLE, CONTENTS):
        changed = [
            (old, new)
            for old, new in zip(block.splitlines(), with_our_imports(block).splitlines(), strict=True)
            if old != new
        ]
        assert all(old.startswith("from ") and " import " in old for old, _ in changed)


def test_seed_000__the_interface_is_ours():
    with module("seed_interface", INTERFACE, abc=abc) as made:
        assert made.ModelInterface.__abstractmethods__ == ModelInterface.__abstractmethods__


def test_seed_000__as_it_stands(tmp_path):
    with module("my_family.model", with_our_imports(MY_MODEL)) as made:
        register_model("my-model", "embedding", "torch", made.MyModel)
        model = AutoModel.from_pretrained("my-model", model_dir=tmp_path, resolution=64)
        assert (model.model_dir, model.resolution) == (str(tmp_path), 64)
        assert model._model(np.ones((1, 2), np.float32)).tolist() == [[1.0, 1.0]]
        assert model_ids(model) == ["example/my-model"]
        assert "looks at embedding models" in str(
            check_model(model)
        )  # says what it lacks, and does not crash
        model.unload()
        assert model._model is None
        assert AutoModel.from_pretrained("my-model").resolution == 224


@pytest.mark.parametrize("how", ["register_model", "the dict"])
def test_seed_000__filled_in_conforms(my_model, how):
    if how == "the dict":
        REGISTERED_MODELS["my-model", "embedding", BackendType.TORCH] = LazyClass(
            module_name="my_family.model", class_name="MyModel"
        )
    else:
        register_model("my-model", "embedding", "torch", my_model)
    [card] = [card for card in AutoModel.list_available_models() if card.model_id == "my-model"]
    assert (card.source, card.modalities) == ("registered", ("text", "image"))
    assert AutoModel.describe("my-model").chosen.class_name == "MyModel"
    report = check_model(AutoModel.from_pretrained("my-model", device="cpu"))
    assert report.passed, str(report)


def test_seed_000__in_the_panel(my_model):
    from workbench.controllers.models import ModelController
    from workbench.session import Session

    session = Session()
    controller = ModelController(session)
    try:
        REGISTERED_MODELS["my-model", "embedding", BackendType.TORCH] = my_model
        assert "my-model" in [card.model_id for card in controller.cards]
        controller.choose("my-model")
        model = controller.load().result(timeout=60)
        assert session.model is model
        assert session.status.level == "ok", session.status
    finally:
        controller.close()


def test_seed_000__ranks_clips(my_model):
    from workbench import rank, sample_clips

    register_model("my-model", "embedding", "torch", my_model)
    clips = sample_clips()
    ranking = rank(AutoModel.from_pretrained("my-model"), clips, ["red", "blue"], progress=False)
    assert ranking.scores.shape == (2, len(clips))


def table_of_seed_003():
    """The dict that the seed's block writes."""
    given = {
        "Dict": dict,
        "Tuple": tuple,
        "Union": Union,
        "ModelArchitecture": ModelArchitecture,
        "TaskType": TaskType,
        "BackendType": BackendType,
        "RegistryEntry": RegistryEntry,
    }
    with module("seed_table", with_our_imports(TABLE), **given) as made:
        return made.REGISTERED_MODELS


def test_seed_003__the_table_can_be_written_by_hand(your_model, tmp_path):
    REGISTERED_MODELS.update(table_of_seed_003())
    [card] = [card for card in AutoModel.list_available_models() if card.model_id == "your-model"]
    assert (card.task_type, set(card.backends)) == ("object-detection", {"onnx", "torch"})
    assert card.modalities == ()
    model = AutoModel.from_pretrained("your-model", model_dir=tmp_path, backend="torch", device="cpu")
    assert type(model).__name__ == your_model.__name__
    [found] = model([IMAGE], threshold=0.25)
    assert isinstance(found, Detections)
    assert found.xyxy.tolist() == [[20, 8, 40, 16]]
    assert model.class_names == ["box"]
    assert repr(found).startswith("Detections(xyxy=int64 [1, 4]")


def test_seed_003__an_entry_with_features_by_hand(your_model, tmp_path):
    given = {"BackendType": BackendType, "RegistryEntry": RegistryEntry, "LazyClass": LazyClass}
    with module("seed_entry", f"rows = {{{ENTRY}}}", **given) as made:
        REGISTERED_MODELS.update(made.rows)
        REGISTERED_MODELS["your-model", "object-detection", BackendType.TORCH] = made.rows[
            "your-model", "object-detection", BackendType.ONNX
        ]
    config = {"model_architecture": "your-model", "task_type": "object-detection", "backend_type": "torch"}
    for features, fits in ((["nms_fused"], True), (["nms_fused", "int8"], False)):
        (tmp_path / "model_config.json").write_text(json.dumps({**config, "model_features": features}))
        described = AutoModel.describe(tmp_path)
        assert (described.chosen is not None) == fits
    with pytest.raises(NoModelPackagesAvailableError, match="does not support the package's int8"):
        AutoModel.from_pretrained(tmp_path)


@pytest.mark.parametrize("how", ["manifest", "model_config.json"])
def test_seed_003__a_package_of_the_detector(your_model, tmp_path, how):
    REGISTERED_MODELS.update(table_of_seed_003())
    (tmp_path / "labels.txt").write_text("box")
    if how == "manifest":
        write_manifest(tmp_path, model_id="me/boxes", architecture="your-model", task_type="object-detection")
    else:
        config = {
            "model_architecture": "your-model",
            "task_type": "object-detection",
            "backend_type": "torch",
        }
        (tmp_path / "model_config.json").write_text(json.dumps(config))
    model = AutoModel.from_pretrained(tmp_path, device="cpu")
    assert len(model([IMAGE, IMAGE])) == 2


def test_seed_003__a_detector_is_no_embedding_model(your_model, tmp_path):
    from workbench import rank, sample_clips

    model = your_model.from_pretrained(str(tmp_path), device="cpu")
    report = check_model(model)
    assert not any(check.kind == "fault" and "raised" in check.detail for check in report.checks)
    assert "looks at embedding models" in str(report)
    with pytest.raises(InvalidParameterError, match="has embed_videos or embed_images"):
        rank(model, sample_clips(), ["red"], progress=False)
    model.unload()


def test_seed_003__the_detector_is_incomplete_until_all_is_written():
    source = with_our_imports(DETECTOR).replace("def post_process", "def other")
    with module("half_detector", source) as made:
        with pytest.raises(InvalidParameterError, match="it lacks post_process"):
            register_model("half", "object-detection", "torch", made.YourObjectDetectionModel)
        REGISTERED_MODELS["half", "object-detection", BackendType.TORCH] = made.YourObjectDetectionModel
        with pytest.raises(InvalidParameterError, match="it lacks post_process"):
            AutoModel.from_pretrained("half")


def test_seed_003__a_standalone_model(tmp_path):
    bodies = {
        "# Initialize model": "self.model_path, self.kwargs = model_path, kwargs",
        "# Your custom inference logic": "return [image.shape for image in images]",
    }
    with module("your_unique", with_our_imports(filled_in(STANDALONE, bodies))) as made:
        REGISTERED_MODELS["your-unique", "vlm", BackendType.CUSTOM] = made.YourUniqueModel
        model = AutoModel.from_pretrained("your-unique", model_dir=tmp_path, device="cpu", depth=2)
        assert model.model_path == str(tmp_path)
        assert model.kwargs == {"device": "cpu", "dtype": "auto", "depth": 2}
        assert model([IMAGE]) == [(40, 60, 3)]
        assert model.task_a([IMAGE]) is None
        assert "looks at embedding models" in str(check_model(model))


def test_seed_003__package_contents(tmp_path):
    class Reader:
        def __init__(self, weights_path, config_path, **kwargs):
            self.weights_path, self.config_path, self.kwargs = weights_path, config_path, kwargs

    with module("seed_contents", with_our_imports(CONTENTS)) as made:
        Reader.from_pretrained = made.from_pretrained
        register_model("reader", "object-detection", "torch", Reader)
        for name in ("model.onnx", "config.json"):
            (tmp_path / name).write_text("{}")
        model = AutoModel.from_pretrained("reader", model_dir=tmp_path, device="cpu")
    assert model.weights_path == str(tmp_path / "model.onnx")
    assert model.config_path == str(tmp_path / "config.json")
    assert torch.device(model.kwargs["device"]).type == "cpu"
