"""The example code of the seeds, with only its import lines changed, filled in where it leaves `pass`."""

from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import pytest
import torch

from models.auto import AutoModel
from models.base import ModelInterface, model_ids
from models.conformance import check_model
from models.developer_tools import get_model_package_contents
from models.registry import BackendType, LazyClass, RegistryEntry, register_model, unregister_model

WEIGHTS_MODEL_ID = "example/my-model"


class MyCore(torch.nn.Module):
    def __init__(self, resolution: int = 224):
        super().__init__()
        self.resolution = resolution
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        # Initialize your network here
        self.net = torch.nn.Identity().to(self.device)

    @torch.no_grad()
    def __call__(self, x: npt.NDArray[np.float32]) -> torch.Tensor:
        tensor = torch.from_numpy(x).to(self.device).float()
        return self.net(tensor)


class MyModel(ModelInterface):
    def __init__(self, model_dir: str, resolution: int = 224) -> None:
        self.model_dir = model_dir
        self.resolution = resolution
        self._model: Optional[MyCore] = None  # noqa: UP045 - as the example spells it

    def model_id_names(self) -> list[str]:
        return [WEIGHTS_MODEL_ID]

    def setup(self) -> None:
        # Load weights from self.model_dir/WEIGHTS_MODEL_ID if needed
        self._model = MyCore(self.resolution)
        self._model.eval()


class YourUniqueModel:
    """Model with unique interface not fitting standard categories."""

    @classmethod
    def from_pretrained(cls, model_name_or_path: str, **kwargs: Any) -> "YourUniqueModel":
        package_contents = get_model_package_contents(model_name_or_path)
        return cls(model_path=package_contents["config.json"], **kwargs)

    def __init__(self, model_path: str, **kwargs: Any) -> None:
        self.model_path = model_path
        self.kwargs = kwargs


@pytest.fixture(autouse=True)
def without_my_model():
    yield
    for backend in ("torch", "onnx"):
        unregister_model("my-model", "embedding", backend)


def test_seed_000__my_model_is_registered_loaded_checked_and_unloaded(tmp_path):
    register_model("my-model", "embedding", "torch", MyModel)
    model = AutoModel.from_pretrained("my-model", model_dir=tmp_path, resolution=64)
    assert (model.model_dir, model.resolution) == (str(tmp_path), 64)
    assert model._model(np.ones((1, 2), np.float32)).tolist() == [[1.0, 1.0]]
    assert model_ids(model) == [WEIGHTS_MODEL_ID]
    assert check_model(model).passed
    model.unload()
    assert model._model is None


def test_seed_000__the_constructor_is_all_it_needs():
    register_model("my-model", "embedding", "torch", MyModel)
    assert AutoModel.from_pretrained("my-model").resolution == 224


def test_seed_003__a_standalone_model_reads_its_folder(tiny_package):
    register_model("my-model", "embedding", BackendType.ONNX, YourUniqueModel)
    with pytest.raises(Exception, match=r"library of backend 'onnx' is not installed|no model package"):
        AutoModel.from_pretrained("my-model", model_dir=tiny_package.directory / "gone", backend="onnx")
    register_model("my-model", "embedding", BackendType.TORCH, YourUniqueModel)
    model = AutoModel.from_pretrained("my-model", model_dir=tiny_package.directory, backend="torch")
    assert model.model_path.endswith("config.json")
    assert model.kwargs["device"]


def test_seed_003__entries_with_features():
    register_model(
        "my-model",
        "embedding",
        BackendType.TORCH,
        RegistryEntry(
            model_class=LazyClass(module_name="tests.fakes", class_name="MotionModel"),
            supported_model_features={"nms_fused", "dynamic_batching"},
        ),
    )
    assert AutoModel.from_pretrained("my-model").embedding_dim == 6
