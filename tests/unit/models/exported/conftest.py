"""Tiny models and their exports, each made once a session."""

from pathlib import Path

import pytest

from models.export import export_package
from models.packages import ModelPackage
from models.registry import resolve_model_class
from tests.tiny_packages import maker_of

FAMILIES = ("clip", "siglip", "siglip2")
BACKENDS = ("onnx", "openvino")


class Tiny:
    """Tiny packages of the families in the layout of a models folder, their models and exports."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made: dict[tuple[str, ...], object] = {}

    def home(self, family: str) -> ModelPackage:
        return self._once((family,), lambda: maker_of(family)(self.root / "workbench" / f"tiny-{family}"))

    def model(self, family: str):
        load = resolve_model_class(family, "embedding", "hugging-face").from_pretrained
        return self._once((family, "model"), lambda: load(self.home(family).directory))

    def export(self, family: str, backend: str) -> ModelPackage:
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime" if backend == "onnx" else "openvino")
        return self._once((family, backend), lambda: export_package(self.model(family), backend=backend))

    def exported(self, family: str, backend: str):
        load = resolve_model_class(family, "embedding", backend).from_pretrained
        return self._once((family, backend, "model"), lambda: load(self.export(family, backend).directory))

    def _once(self, key, make):
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """See ``Tiny``; whoever changes a package copies it first."""
    return Tiny(tmp_path_factory.mktemp("models"))
