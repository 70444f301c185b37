"""Names of spaces in a store: a version lasts, without one a name is drawn for the object."""

import gc

from models.vectors import EmbeddingSpace
from tests.fakes import MeanColorModel
from workbench.engine.spaces import as_stated, call_session, may_ask, new_session, session_of, stored_space


class Unversioned(MeanColorModel):
    revision = ""


def test_stored_space__a_version_is_kept():
    model = MeanColorModel()
    assert stored_space(model) == EmbeddingSpace.of(model)
    assert stored_space(model, EmbeddingSpace("m", "7", "p", "s")) == EmbeddingSpace("m", "7", "p", "s")


def test_stored_space__without_a_version_each_object_has_a_name_of_its_own():
    one, other = Unversioned(), Unversioned()
    assert stored_space(one) == stored_space(one) != stored_space(other)
    assert as_stated(stored_space(one)) == EmbeddingSpace.of(one)
    assert may_ask(stored_space(one), stored_space(other))
    assert not may_ask(stored_space(one), stored_space(MeanColorModel()))


def test_call_session__copies_elsewhere_have_the_same_name():
    one, copy = Unversioned(), Unversioned()
    call_session(copy, session_of(one))
    assert stored_space(copy) == stored_space(one)
    name = session_of(one)
    del one
    gc.collect()
    assert session_of(copy) == name != new_session()
