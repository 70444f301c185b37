import re

import pytest

from models.catalog import CATALOG, COMPANIONS, DINOV2_CARDS, VIDEO_CARDS
from models.catalog_images import IMAGE_CARDS


def test_catalog__keys_are_the_ids():
    assert all(model_id == card.model_id for model_id, card in (CATALOG | COMPANIONS).items())


def test_catalog__no_card_was_lost_to_another_of_the_same_id():
    assert len(CATALOG) == len(IMAGE_CARDS) + len(VIDEO_CARDS) + len(DINOV2_CARDS)


def test_catalog__companions_are_not_listed_among_the_models():
    assert not set(COMPANIONS) & set(CATALOG)
    assert COMPANIONS["google-bert/bert-large-uncased"].revision.startswith("6da4b6a")


@pytest.mark.parametrize("card", [*CATALOG.values(), *COMPANIONS.values()], ids=lambda card: card.model_id)
def test_catalog__card_says_what_one_must_know(card):
    assert card.license
    assert card.description.endswith(".")
    assert card.modalities
    assert set(card.needs) <= set(COMPANIONS)
    assert not card.revision or re.fullmatch("[0-9a-f]{40}", card.revision)


@pytest.mark.parametrize(
    "card", [card for card in CATALOG.values() if card.source == "hub"], ids=lambda card: card.model_id
)
def test_catalog__hub_card_has_its_numbers(card):
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", card.model_id)
    assert min(card.embedding_dim, card.parameters, card.size_bytes) > 0
    assert (card.input_size is None) == ("naflex" in card.model_id)
    assert ("text" in card.modalities) == (card.text_length is not None)
    assert ("video" in card.modalities) == (card.num_frames > 1)
    assert (card.score_kind == "sigmoid") == (card.architecture in ("siglip", "siglip2"))
