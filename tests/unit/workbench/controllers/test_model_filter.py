import pytest

from models.catalog import ModelCard
from workbench.controllers.model_filter import ModelFilter, filter_cards, licence_choices


def card(name, architecture, **fields):
    return ModelCard(model_id=f"me/{name}", architecture=architecture, **{"task_type": "embedding", **fields})


CARDS = (
    card("video", "v", modalities=("text", "video"), license="MIT"),
    card("image", "i", modalities=("image",), license="mit-0"),
    card("boxes", "yolo", task_type="object-detection", modalities=()),
)


def ids(wanted, **options):
    return [card.model_id for card in filter_cards(CARDS, wanted, **{"installed": {"me/image"}, **options})]


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (ModelFilter(), ["me/video", "me/image", "me/boxes"]),
        (ModelFilter(text="ME YOLO"), ["me/boxes"]),
        (ModelFilter(text="object-detection"), ["me/boxes"]),
        (ModelFilter(modality="video"), ["me/video"]),
        (ModelFilter(modality="image"), ["me/image"]),
        (ModelFilter(installed="yes"), ["me/image"]),
        (ModelFilter(installed="no"), ["me/video", "me/boxes"]),
        (ModelFilter(licence="MIT"), ["me/video"]),
        (ModelFilter(licence="not stated"), ["me/boxes"]),
        (ModelFilter(text="me", modality="text", installed="no", licence="MIT"), ["me/video"]),
        (ModelFilter(text="nobody"), []),
    ],
)
def test_filter_cards__keeps_what_has_everything(wanted, left):
    assert ids(wanted) == left


def test_filter_cards__the_chosen_model_stays():
    assert ids(ModelFilter(modality="video"), keep="me/boxes") == ["me/video", "me/boxes"]


def test_licence_choices__are_those_there_are():
    assert licence_choices(CARDS) == (
        ("All licences", ""),
        ("MIT", "MIT"),
        ("mit-0", "mit-0"),
        ("not stated", "not stated"),
    )
