import pytest

from models.cards import ModelCard, card_fields
from models.errors import CorruptedModelPackageError, InvalidParameterError

FIELDS = {"model_id": "me/m", "architecture": "m", "task_type": "embedding"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"model_id": ""}, "model_id"),
        ({"architecture": None}, "architecture"),
        ({"source": "moon"}, "bundled, hub, local, registered"),
        ({"score_kind": "dot"}, "softmax, sigmoid"),
        ({"modalities": ("sound",)}, "text, image, video"),
        ({"modalities": "text"}, "text, image, video"),
        ({"needs": "them/words"}, "needs is a tuple"),
        ({"file_patterns": "*.json"}, "file_patterns is a tuple"),
    ],
)
def test_model_card__refuses(wrong, words):
    with pytest.raises(InvalidParameterError, match=words):
        ModelCard(**{**FIELDS, **wrong})


def test_rows__leave_out_what_is_unknown():
    assert [title for title, _ in ModelCard(**FIELDS).rows()] == [
        "model",
        "architecture",
        "takes",
        "sees",
        "scores",
        "revision",
        "source",
    ]


def test_rows__a_hub_model_without_a_commit_is_not_pinned():
    assert dict(ModelCard(**FIELDS).rows())["revision"] == "not pinned"
    assert ModelCard(**FIELDS, revision="abc").version == "abc"
    assert "revision" not in dict(ModelCard(**FIELDS, source="registered").rows())


def test_rows__name_what_else_is_needed():
    card = ModelCard(**FIELDS, needs=("them/words", "them/more"))
    assert dict(card.rows())["needs"] == "them/words, them/more"


def test_rows__say_what_is_known():
    card = ModelCard(
        **FIELDS,
        embedding_dim=4,
        num_frames=8,
        input_size=64,
        license="MIT",
        gated=True,
        size_bytes=4_000_000,
        parameters=1_000_000,
        text_length=77,
        revision="abc",
    )
    rows = dict(card.rows())
    assert rows["sees"] == "8 frames of 64 x 64 pixels"
    assert rows["licence"] == "MIT (gated)"
    assert rows["size"] == "4.0 MB, 1.0 M weights"
    assert rows["text"] == "at most 77 tokens"


def test_repr_html__escapes():
    card = ModelCard(**FIELDS, description="<script>alert(1)</script>")
    assert "<script>" not in card._repr_html_()
    assert "&lt;script&gt;" in card._repr_html_()


@pytest.mark.parametrize(
    "wrong",
    [
        {"embedding_dim": "four"},
        {"num_frames": 0},
        {"modalities": "text"},
        {"modalities": ["sound"]},
        {"score_kind": "dot"},
        {"license": None},
    ],
)
def test_card_fields__refuses_what_no_card_can_say(wrong):
    with pytest.raises(CorruptedModelPackageError, match=next(iter(wrong))):
        card_fields(wrong)


def test_card_fields__a_package_cannot_rename_itself():
    assert card_fields({"model_id": "other/id", "source": "bundled", "location": "/"}) == {}
