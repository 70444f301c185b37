from models.backends import BackendType
from models.catalog import ModelCard
from models.registered import made_card, merge_cards
from models.registry import RegistryEntry
from tests.fakes import MotionModel

KEY = ("m", "embedding", BackendType.TORCH)


def test_made_card__a_bare_class():
    class Bare:
        embedding_dim = property(lambda self: 4)
        score_kind = "nonsense"

        def setup(self):
            """Nothing to load."""

    card = made_card(KEY, RegistryEntry(Bare))
    assert (card.embedding_dim, card.num_frames, card.score_kind) == (None, 1, "softmax")
    assert card.modalities == ()
    assert card.description.endswith("Bare, registered here.")


def test_made_card__a_subclass_does_not_take_the_words_of_its_base():
    class Mine(MotionModel):
        pass

    assert made_card(KEY, RegistryEntry(Mine)).description.endswith("Mine, registered here.")


def test_merge_cards__first_fields_all_backends():
    first = ModelCard(model_id="m", architecture="m", task_type="t", backends=("onnx",), license="MIT")
    second = ModelCard(model_id="m", architecture="m", task_type="t", backends=("torch", "onnx"))
    other = ModelCard(model_id="n", architecture="m", task_type="t")
    merged = merge_cards([first, second, other])
    assert [(card.model_id, card.backends, card.license) for card in merged] == [
        ("m", ("onnx", "torch"), "MIT"),
        ("n", ("torch",), ""),
    ]
