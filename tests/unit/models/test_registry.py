import logging
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.catalog import CATALOG, ModelCard
from models.errors import InvalidParameterError, ModelImplementationNotFoundError, UnknownBackendTypeError
from models.registry import (
    REGISTERED_MODELS,
    BackendType,
    LazyClass,
    RegistryEntry,
    implementations,
    model_implementation_exists,
    on_registry_change,
    register_model,
    registered_cards,
    resolve_model_class,
    unregister_model,
)
from tests.fakes import MeanColorModel, MotionModel


def test_lazy_class__resolves_once_for_all_threads():
    lazy = LazyClass("fractions", "Fraction")
    with ThreadPoolExecutor(8) as pool:
        classes = set(pool.map(lambda _: lazy.resolve(), range(32)))
    assert len(classes) == 1
    assert classes.pop().__name__ == "Fraction"


def test_lazy_class__errors_surface_unchanged():
    with pytest.raises(ModuleNotFoundError):
        LazyClass("no_such_module_here", "X").resolve()
    with pytest.raises(AttributeError):
        LazyClass("fractions", "Nothing").resolve()


def test_lazy_class__compares_by_name():
    assert LazyClass("a", "B") == LazyClass("a", "B")
    assert hash(LazyClass("a", "B")) == hash(LazyClass("a", "B"))


@pytest.mark.parametrize(
    ("package", "supported", "required", "problems"),
    [
        ([], None, None, 0),
        (["nms"], None, None, 1),
        (["nms"], {"nms"}, None, 0),
        ([], {"nms"}, None, 0),
        ([], None, {"nms"}, 1),
        (["nms"], None, {"nms"}, 0),
        (["other"], {"nms"}, {"must"}, 2),
    ],
)
def test_feature_problems__two_subset_rules(package, supported, required, problems):
    assert len(RegistryEntry(MotionModel, supported, required).feature_problems(package)) == problems


def test_register_model__adds_a_row_and_a_card():
    register_model("motion", "embedding", "TORCH", MotionModel)
    assert resolve_model_class("motion", "embedding", "torch") is MotionModel
    [card] = registered_cards()
    assert (card.model_id, card.architecture, card.source) == ("motion", "motion", "registered")
    assert (card.embedding_dim, card.num_frames, card.revision) == (6, 4, "1")
    assert card.modalities == ("text", "image", "video")
    assert card.description.startswith("Knows the mean colour of a clip")


def test_register_model__replacing_is_said_once(caplog):
    caplog.set_level(logging.INFO, logger="models")
    register_model("m", "embedding", "torch", MeanColorModel)
    with pytest.warns(UserWarning, match="MotionModel now runs m/embedding/torch in place of MeanColorModel"):
        register_model("m", "embedding", "torch", MotionModel)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        register_model("m", "embedding", "torch", MeanColorModel)
    assert resolve_model_class("m", "embedding", "torch") is MeanColorModel
    assert len([r for r in caplog.records if "in place of" in r.message]) == 2
    assert len(registered_cards()) == 1


def test_register_model__the_same_class_again_is_no_replacement():
    register_model("m", "embedding", "torch", MeanColorModel)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        register_model("m", "embedding", "torch", MeanColorModel)


def test_register_model__two_backends_are_one_card():
    register_model("m", "embedding", "onnx", MeanColorModel)
    register_model("m", "embedding", "torch", MotionModel)
    [card] = registered_cards()
    assert card.backends == ("onnx", "torch")
    assert set(implementations("m", "embedding")) == {BackendType.ONNX, BackendType.TORCH}


def test_register_model__a_new_backend_of_a_known_architecture_adds_no_model():
    known = next(iter(CATALOG.values()))
    register_model(known.architecture, known.task_type, "onnx", MotionModel)
    assert registered_cards() == []
    assert BackendType.ONNX in implementations(known.architecture, known.task_type)


def test_register_model__by_name_only():
    register_model("m", "embedding", "torch", LazyClass("no_such_package.model", "Far"))
    assert registered_cards()[0].description == "Far, registered by name."
    register_model("n", "embedding", "torch", LazyClass("tests.fakes", "MotionModel"))
    assert resolve_model_class("n", "embedding", "torch") is MotionModel
    assert registered_cards()[1].embedding_dim == 6


def test_register_model__with_a_card():
    card = ModelCard(model_id="me/motion", architecture="m", task_type="embedding", embedding_dim=6)
    register_model("m", "embedding", "torch", MotionModel, card=card)
    assert registered_cards() == [card]


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ("card", "str came"),
        (ModelCard(model_id="a/b", architecture="x", task_type="embedding"), "x/embedding"),
        (ModelCard(model_id=next(iter(CATALOG)), architecture="m", task_type="embedding"), "belongs to"),
    ],
)
def test_register_model__refuses_misleading_cards(card, words):
    with pytest.raises(InvalidParameterError, match=words):
        register_model("m", "embedding", "torch", MotionModel, card=card)
    assert ("m", "embedding", BackendType.TORCH) not in REGISTERED_MODELS


def test_register_model__says_what_a_class_lacks():
    class Half(MotionModel.__mro__[1]):
        def embed_text(self, texts):
            return texts

    with pytest.raises(InvalidParameterError, match="Half is not complete: it lacks embed_videos"):
        register_model("m", "embedding", "torch", Half)
    with pytest.raises(InvalidParameterError, match="neither from_pretrained nor setup"):
        register_model("m", "embedding", "torch", dict)
    with pytest.raises(InvalidParameterError, match="not an object of it"):
        register_model("m", "embedding", "torch", MotionModel())


@pytest.mark.parametrize("name", ["", " ", None, "./x", "/x", "~x"])
def test_register_model__refuses_names_that_are_none(name):
    with pytest.raises(InvalidParameterError, match="architecture must be a name"):
        register_model(name, "embedding", "torch", MotionModel)
    with pytest.raises(InvalidParameterError, match="task_type must be a name"):
        register_model("m", name, "torch", MotionModel)


def test_register_model__refuses_unknown_backends():
    with pytest.raises(UnknownBackendTypeError):
        register_model("m", "embedding", "caffe", MotionModel)


def test_table__a_row_written_by_hand_is_a_registration():
    calls = []
    on_registry_change(lambda: calls.append(1))
    REGISTERED_MODELS["m", "embedding", "Torch"] = LazyClass("tests.fakes", "MotionModel")
    REGISTERED_MODELS.update({("n", "object-detection", BackendType.ONNX): MotionModel})
    assert resolve_model_class("m", "embedding", "torch") is MotionModel
    assert [card.model_id for card in registered_cards()] == ["m", "n"]
    assert ("m", "embedding", BackendType.TORCH) in REGISTERED_MODELS
    del REGISTERED_MODELS["m", "embedding", BackendType.TORCH]
    assert [card.model_id for card in registered_cards()] == ["n"]
    assert len(calls) == 3


@pytest.mark.parametrize("method", ["setdefault", "|=", "pop", "popitem", "clear"])
def test_table__every_way_to_edit_is_told(method):
    calls = []
    REGISTERED_MODELS["m", "embedding", "torch"] = MotionModel
    on_registry_change(lambda: calls.append(1))
    if method == "setdefault":
        assert REGISTERED_MODELS.setdefault(("m", "embedding", "torch"), MeanColorModel) is MotionModel
        assert calls == []
        REGISTERED_MODELS.setdefault(("n", "embedding", "TORCH"), MeanColorModel)
    elif method == "|=":
        table = REGISTERED_MODELS
        table |= {("n", "embedding", "TORCH"): MotionModel}
        assert table is REGISTERED_MODELS
    elif method == "pop":
        assert REGISTERED_MODELS.pop(("m", "embedding", "TORCH")) is MotionModel
        with pytest.raises(KeyError):
            REGISTERED_MODELS.pop(("m", "embedding", "torch"))
    else:
        getattr(REGISTERED_MODELS, method)()
    assert calls == [1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("m", MotionModel),
        (("m", "embedding"), MotionModel),
        (("./m", "embedding", "torch"), MotionModel),
        (("m", "embedding", "torch"), MotionModel()),
        (("m", "embedding", "caffe"), MotionModel),
    ],
)
def test_table__refuses_rows_that_nobody_could_use(key, value):
    before = dict(REGISTERED_MODELS)
    with pytest.raises(ValueError, match=r"\w"):
        REGISTERED_MODELS[key] = value
    assert before == REGISTERED_MODELS


def test_registry_entry__features_are_no_string():
    with pytest.raises(InvalidParameterError, match="supported_model_features is a set of names"):
        RegistryEntry(MotionModel, "nms")


def test_model_implementation_exists__imports_nothing():
    register_model("m", "embedding", "torch", RegistryEntry(LazyClass("no_such", "X"), {"nms"}))
    assert model_implementation_exists("m", "embedding", "Torch", ["nms"])
    assert not model_implementation_exists("m", "embedding", "torch", ["other"])
    assert not model_implementation_exists("m", "embedding", "onnx")


def test_on_registry_change__calls_until_it_is_ended():
    calls = []
    end = on_registry_change(lambda: calls.append(1))
    register_model("m", "embedding", "torch", MotionModel)
    unregister_model("m", "embedding", "torch")
    end()
    end()
    register_model("m", "embedding", "torch", MotionModel)
    assert len(calls) == 2


def test_on_registry_change__a_broken_listener_harms_nobody(caplog):
    calls = []
    on_registry_change(lambda: 1 / 0)
    on_registry_change(lambda: calls.append(1))
    register_model("m", "embedding", "torch", MotionModel)
    assert calls == [1]
    assert "ZeroDivisionError" in caplog.text


def test_unregister_model__removes_row_and_card():
    register_model("m", "embedding", "torch", MotionModel)
    unregister_model("m", "embedding", "torch")
    unregister_model("m", "embedding", "torch")
    assert registered_cards() == []
    with pytest.raises(ModelImplementationNotFoundError):
        resolve_model_class("m", "embedding", "torch")


def test_resolve_model_class__says_what_there_is():
    register_model("m", "embedding", "torch", RegistryEntry(MotionModel, {"nms"}))
    assert resolve_model_class("m", "embedding", "torch", ["nms"]) is MotionModel
    with pytest.raises(ModelImplementationNotFoundError, match="Registered backends are torch"):
        resolve_model_class("m", "embedding", "trt")
    with pytest.raises(ModelImplementationNotFoundError, match="does not support the package's other"):
        resolve_model_class("m", "embedding", "torch", ["other"])
    with pytest.raises(ModelImplementationNotFoundError, match="No backend of it"):
        resolve_model_class("nothing", "embedding", "torch")
