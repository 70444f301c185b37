import pytest
import torch

from models.errors import InvalidParameterError
from models.interface import ModelInterface, model_ids
from tests.fakes import MotionModel


def test_model_interface__asks_for_ids_and_setup():
    with pytest.raises(TypeError, match=r"model_id_names.*setup"):
        ModelInterface()


def test_model_ids__property_and_method_and_none():
    class AsProperty:
        model_id_names = property(lambda self: ["a/b"])

    class AsMethod:
        def model_id_names(self):
            return ("a/b", "c/d")

    class AsText:
        model_id_names = "a/b"

    assert model_ids(AsProperty()) == ["a/b"]
    assert model_ids(AsMethod()) == ["a/b", "c/d"]
    assert model_ids(AsText()) == ["a/b"]
    assert model_ids(object()) == []
    assert model_ids(MotionModel()) == ["fakes/motion"]


def test_model_ids__refuses_other_things():
    class Wrong:
        model_id_names = 3

    with pytest.raises(InvalidParameterError, match="Wrong gives 3"):
        model_ids(Wrong())


def test_unload__drops_the_network_and_may_be_called_twice():
    class Loaded(MotionModel):
        def setup(self):
            self._model = torch.nn.Linear(2, 2)

    model = Loaded()
    model.unload()
    model.setup()
    model.unload()
    model.unload()
    assert model._model is None
