"""One suite for every row of the registry. A new row brings its family's tiny.py, and nothing else."""

import pytest

from models.auto import AutoModel
from models.backends import BackendType
from models.base import EmbeddingSpace, model_ids
from models.catalog import CATALOG
from models.conformance import check_model
from models.errors import WorkbenchError
from models.registry import REGISTERED_MODELS, as_entry, implementations
from tests.tiny_packages import has_package, maker_of, missing_library, package_for

ROWS = list(REGISTERED_MODELS)
FAMILIES = sorted({row[0] for row in ROWS if maker_of(row[0]) is not None})
ABILITIES = {"text": "embed_text", "image": "embed_images", "video": "embed_videos"}


@pytest.mark.parametrize("row", ROWS, ids="/".join)
def test_row__has_a_package_to_be_tested_with(row):
    assert has_package(row), f"Write models/families/{row[0]}/tiny.py with make_tiny_package(directory)."


@pytest.mark.parametrize("row", ROWS, ids="/".join)
def test_row__resolves_to_a_class_that_can_be_loaded(row):
    model_class = as_entry(REGISTERED_MODELS[row]).resolve()
    assert isinstance(model_class, type)
    assert callable(model_class.from_pretrained)


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """What AutoModel takes for a row; each package is made once."""
    made = {}

    def package(row):
        if missing_library(row):
            pytest.skip(f"{missing_library(row)} is not installed")
        if row not in made:
            made[row] = package_for(row, tmp_path_factory.mktemp(row[0]))
        return made[row]

    return package


@pytest.fixture(scope="module")
def loaded(packages):
    """Models of the rows, each loaded once."""
    models = {}

    def load(row):
        if row not in models:
            models[row] = AutoModel.from_pretrained(packages(row), backend=row[2], device="cpu")
        return models[row]

    return load


@pytest.mark.parametrize("row", ROWS, ids="/".join)
def test_row__is_what_auto_model_chooses(packages, row):
    described = AutoModel.describe(packages(row), backend=row[2], device="cpu")
    assert described.chosen is not None, str(described)
    assert described.chosen.backend == row[2]


@pytest.mark.parametrize("row", ROWS, ids="/".join)
def test_row__conforms(loaded, row):
    report = check_model(loaded(row))
    assert report.passed, str(report)
    assert "known answers" in {check.name for check in report.checks}


@pytest.mark.parametrize("row", ROWS, ids="/".join)
def test_row__knows_its_answers_and_its_space(loaded, row):
    model = loaded(row)
    assert model.known_answers_verified
    assert model_ids(model)
    space = EmbeddingSpace.of(model)
    assert space.model_id
    assert space.revision
    assert space.preprocessing


@pytest.mark.parametrize("row", ROWS, ids="/".join)
def test_row__its_package_says_what_the_model_is(loaded, packages, row):
    model, card = loaded(row), AutoModel.describe(packages(row)).card
    for name in ("embedding_dim", "num_frames", "score_kind", "revision", "model_id"):
        assert getattr(card, name) == getattr(model, name), name
    assert card.architecture == row[0]
    assert card.size_bytes > 0
    assert {name for name in card.modalities if not callable(getattr(model, ABILITIES[name], None))} == set()


@pytest.mark.parametrize("family", FAMILIES)
def test_row__refuses_the_package_of_another_family(packages, family):
    homes = [row for row in ROWS if row[0] in FAMILIES and not missing_library(row)]
    others = {row[0]: row for row in reversed(homes) if row[0] != family}
    model_class = as_entry(next(REGISTERED_MODELS[row] for row in ROWS if row[0] == family)).resolve()
    for row in others.values():
        with pytest.raises(WorkbenchError):
            model_class.from_pretrained(str(packages(row)), device="cpu")


@pytest.mark.parametrize("card", list(CATALOG.values()), ids=lambda card: card.model_id)
def test_card__has_a_row_for_each_of_its_backends(card):
    rows = implementations(card.architecture, card.task_type)
    assert card.backends
    assert {BackendType(backend) for backend in card.backends} <= set(rows)


@pytest.mark.parametrize("card", list(CATALOG.values()), ids=lambda card: card.model_id)
def test_card__agrees_with_the_class_that_runs_it(card):
    entry = implementations(card.architecture, card.task_type)[BackendType(card.backends[0])]
    model_class = entry.resolve()
    assert model_class.score_kind == card.score_kind
    for modality in card.modalities:
        assert callable(getattr(model_class, ABILITIES[modality], None)), modality


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
