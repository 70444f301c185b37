import inspect
import pickle

import pytest

from models.errors import FileHashMismatchError, WorkbenchError
from models.packaging import hub_errors
from models.packaging.hub_errors import DownloadStoppedError, HubUnreachableError, ModelRetrievalError

TREE = [
    value
    for _, value in inspect.getmembers(hub_errors, inspect.isclass)
    if value.__module__ == hub_errors.__name__
]


@pytest.mark.parametrize("error_class", TREE, ids=lambda value: value.__name__)
def test_tree__one_branch_and_documented(error_class):
    assert issubclass(error_class, ModelRetrievalError | DownloadStoppedError)
    assert issubclass(error_class, WorkbenchError)
    assert "Occurs:" in error_class.__doc__
    assert "What to do:" in error_class.__doc__


@pytest.mark.parametrize("error_class", TREE, ids=lambda value: value.__name__)
def test_tree__message_and_next_step_survive_a_pickle(error_class):
    error = pickle.loads(pickle.dumps(error_class("It broke.", next_step="Mend it.")))
    assert (error.message, error.next_step, str(error)) == ("It broke.", "Mend it.", "It broke. Mend it.")


def test_hub_unreachable__says_whether_to_wait():
    error = pickle.loads(pickle.dumps(HubUnreachableError("Busy.", transient=True, wait_s=3.0)))
    assert (error.transient, error.wait_s) == (True, 3.0)
    assert "HF_ENDPOINT" in error.next_step


def test_bases__are_caught_as_such():
    assert issubclass(hub_errors.DownloadedFileError, FileHashMismatchError)
    assert issubclass(hub_errors.DiskFullError, OSError)
