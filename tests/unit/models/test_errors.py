import inspect
import pickle

import pytest

import models.errors
from models.errors import (
    MissingDependencyError,
    ModelInputError,
    ModelPackageAlternativesExhaustedError,
    NoModelPackagesAvailableError,
    PackageNotFoundError,
    WorkbenchError,
)

TREE = [
    value for _, value in inspect.getmembers(models.errors, inspect.isclass) if issubclass(value, Exception)
]


@pytest.mark.parametrize("error_class", TREE, ids=lambda value: value.__name__)
def test_tree__one_root_and_documented(error_class):
    assert issubclass(error_class, WorkbenchError)
    assert "Occurs:" in error_class.__doc__
    assert "What to do:" in error_class.__doc__


@pytest.mark.parametrize("error_class", TREE, ids=lambda value: value.__name__)
def test_tree__message_and_next_step_survive_a_pickle(error_class):
    error = pickle.loads(pickle.dumps(error_class("It broke.", next_step="Mend it.")))
    assert (error.message, error.next_step, str(error)) == ("It broke.", "Mend it.", "It broke. Mend it.")


def test_workbench_error__without_next_step_is_the_message():
    assert str(WorkbenchError("It broke.")) == "It broke."


def test_builtin_bases__are_caught_as_such():
    with pytest.raises(ValueError, match="grey"):
        raise ModelInputError("grey")
    with pytest.raises(FileNotFoundError):
        raise PackageNotFoundError("gone")
    with pytest.raises(ImportError):
        raise MissingDependencyError("no onnx")


def test_missing_dependency__names_the_extra():
    error = MissingDependencyError("onnxruntime is not installed.", extra="onnx")
    assert error.extra == "onnx"
    assert "pip install 'embedding-workbench[onnx]'" in str(error)


def test_errors_with_data__carry_it():
    cause = ValueError("x")
    assert ModelPackageAlternativesExhaustedError(
        "m", alternatives_errors={"a": cause}
    ).alternatives_errors == {"a": cause}
    assert NoModelPackagesAvailableError("m", reasons={"a": ("b",)}).reasons == {"a": ["b"]}
