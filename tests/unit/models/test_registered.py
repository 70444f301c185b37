from models.backends import BackendType
from models.catalog import ModelCard
from models.registered import card_for, merge_cards
from models.registry import RegistryEntry
from tests.fakes import MotionModel

KEY = ("m", "embedding", BackendType.TORCH)


def test_card_for__a_bare_class():
    class Bare:
        embedding_dim = property(lambda self: 4)
        score_kind = "nonsense"

        def setup(self):
            """Nothing to load."""

    card = card_for(KEY, RegistryEntry(Bare), None)
    assert (card.embedding_dim, card.num_frames, card.score_kind) == (None, 1, "softmax")
    assert card.modalities == ()
    assert card.description.endswith("Bare, registered here.")


def test_card_for__a_subclass_does_not_take_the_words_of_its_base():
    class Mine(MotionModel):
        pass

    assert card_for(KEY, RegistryEntry(Mine), None).description.endswith("Mine, registered here.")


def test_merge_cards__first_fields_all_backends():
    first = ModelCard(model_id="m", architecture="m", task_type="t", backends=("onnx",), license="MIT")
    second = ModelCard(model_id="m", architecture="m", task_type="t", backends=("torch", "onnx"))
    other = ModelCard(model_id="n", architecture="m", task_type="t")
    merged = merge_cards([first, second, other])
    assert [(card.model_id, card.backends, card.license) for card in merged] == [
        ("m", ("onnx", "torch"), "MIT"),
        ("n", ("torch",), ""),
    ]
