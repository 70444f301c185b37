import pytest

from models.auto import AutoModel
from models.catalog import ModelCard
from models.errors import InvalidParameterError, ModelLoadingError, ModelNotFoundError
from models.loader.providers import provided_card, register_model_provider, unregister_model_provider


def test_provider__a_folder_becomes_a_loadable_model(tiny_package):
    register_model_provider("share", lambda name: tiny_package.directory if name == "team/tiny" else None)
    model = AutoModel.from_pretrained("team/tiny", device="cpu")
    assert model.model_id == "fakes/tiny"
    assert model.known_answers_verified
    with pytest.raises(ModelNotFoundError):
        AutoModel.from_pretrained("team/other")


def test_provider__a_card_with_its_place(tiny_package):
    card = ModelCard(
        model_id="team/tiny",
        architecture="tiny",
        task_type="embedding",
        source="local",
        location=str(tiny_package.directory),
    )
    register_model_provider("share", lambda name: card if name == "team/tiny" else None)
    assert AutoModel.from_pretrained("team/tiny", device="cpu").model_id == "team/tiny"


def test_provider__the_first_that_knows_answers(tiny_package):
    card = ModelCard(model_id="a", architecture="tiny", task_type="embedding")
    register_model_provider("none", lambda _: None)
    register_model_provider("one", lambda _: card)
    register_model_provider("two", lambda _: pytest.fail("asked"))
    assert provided_card("x") is card
    unregister_model_provider("two")


def test_provider__known_ids_are_not_asked_for():
    register_model_provider("greedy", lambda _: pytest.fail("asked"))
    AutoModel.describe("workbench/spriteclip-tiny")


@pytest.mark.parametrize(
    ("name", "handler"), [("", print), (" ", print), (None, print), ("hub", print), ("x", None), ("x", "y")]
)
def test_register_model_provider__refuses(name, handler):
    with pytest.raises(InvalidParameterError):
        register_model_provider(name, handler)


def test_register_model_provider__a_handler_that_is_none_is_a_type_error():
    with pytest.raises(TypeError):
        register_model_provider("x", None)


def test_provider__failures_name_it():
    register_model_provider("broken", lambda _: 1 / 0)
    with pytest.raises(ModelLoadingError, match="provider 'broken' failed when asked for 'x'") as caught:
        provided_card("x")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    register_model_provider("broken", lambda _: 3)
    with pytest.raises(ModelLoadingError, match="returned int"):
        provided_card("x")
