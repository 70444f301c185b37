"""One suite for every row of the registry. A new row adds its package below, and nothing else."""

import pytest

from models.auto import AutoModel
from models.base import EmbeddingSpace, model_ids
from models.catalog import CATALOG
from models.conformance import check_model
from models.registry import REGISTERED_MODELS, as_entry

# Row -> what AutoModel loads for it: an id of the catalogue that is bundled, or a function that
# makes a tiny package in a folder.
ROWS = {("spriteclip", "embedding", "torch"): "workbench/spriteclip-tiny"}


@pytest.mark.parametrize("row", list(REGISTERED_MODELS), ids="/".join)
def test_row__has_a_package_to_be_tested_with(row):
    assert row in ROWS, f"{row} is in models/registry.py: add its package to ROWS in {__file__}."


@pytest.mark.parametrize("row", list(REGISTERED_MODELS), ids="/".join)
def test_row__resolves_to_a_class_that_can_be_loaded(row):
    model_class = as_entry(REGISTERED_MODELS[row]).resolve()
    assert isinstance(model_class, type)
    assert callable(model_class.from_pretrained)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Models of the rows, each loaded once."""
    models = {}

    def load(row):
        if row not in models:
            package = ROWS[row]
            where = package(tmp_path_factory.mktemp("row")) if callable(package) else package
            models[row] = AutoModel.from_pretrained(where, backend=row[2], device="cpu")
        return models[row]

    return load


@pytest.mark.parametrize("row", list(ROWS), ids="/".join)
def test_row__conforms(loaded, row):
    report = check_model(loaded(row))
    assert report.passed, str(report)


@pytest.mark.parametrize("row", list(ROWS), ids="/".join)
def test_row__knows_its_answers_and_its_space(loaded, row):
    model = loaded(row)
    assert model.known_answers_verified
    assert model_ids(model)
    space = EmbeddingSpace.of(model)
    assert space.model_id
    assert space.revision
    assert space.preprocessing


@pytest.mark.parametrize(
    "card", [card for card in CATALOG.values() if card.source == "bundled"], ids=lambda card: card.model_id
)
def test_bundled_card__says_what_the_model_is(card):
    described = AutoModel.describe(card.model_id)
    assert described.chosen is not None, str(described)
    model = AutoModel.from_pretrained(card.model_id, device="cpu")
    for name in ("embedding_dim", "num_frames", "score_kind", "revision", "model_id"):
        assert getattr(described.card, name) == getattr(model, name), name
    assert described.card.size_bytes > 0
