"""The catalogue: which models this version knows, as pure data.

A new checkpoint of a known family is one entry here (or in ``catalog_images``) and nothing else.
What a bundled package says about itself (revision, size) is read from its manifest, never
repeated here.
"""

from typing import Any

from models.cards import MODALITIES, NOT_PINNED, SCORE_KINDS, SOURCES, ModelCard, card_fields
from models.catalog_images import IMAGE_CARDS, hub_card

__all__ = [
    "CATALOG",
    "COMPANIONS",
    "DINOV2_CARDS",
    "MODALITIES",
    "NOT_PINNED",
    "SCORE_KINDS",
    "SOURCES",
    "VIDEO_CARDS",
    "ModelCard",
    "card_fields",
]


def _xclip(model_id: str, revision: str, num_frames: int, **fields: Any) -> ModelCard:
    """A card of an X-CLIP checkpoint: clips, stills and 77 tokens of text."""
    common: dict[str, Any] = {"modalities": ("text", "image", "video"), "license": "MIT", "text_length": 77}
    return hub_card(
        "xclip", model_id=model_id, revision=revision, num_frames=num_frames, **{**common, **fields}
    )


def _dinov2(model_id: str, revision: str, **fields: Any) -> ModelCard:
    """A card of a DINOv2 checkpoint: images and clips, no texts."""
    common: dict[str, Any] = {"license": "Apache-2.0", "modalities": ("image", "video"), "input_size": 224}
    return hub_card("dinov2", model_id=model_id, revision=revision, **common, **fields)


VIDEO_CARDS: tuple[ModelCard, ...] = (
    ModelCard(
        model_id="workbench/spriteclip-tiny",
        architecture="spriteclip",
        task_type="embedding",
        num_frames=8,
        modalities=("text", "image", "video"),
        license="Apache-2.0",
        source="bundled",
        location="families/spriteclip/weights",
        description=(
            "Small video-text model trained on rendered shapes that move. Shows everything the "
            "workbench does without a download; it does not know the real world."
        ),
    ),
    ModelCard(
        model_id="OpenGVLab/InternVideo2-Stage2_1B-224p-f4",
        architecture="internvideo2",
        task_type="embedding",
        embedding_dim=512,
        num_frames=4,
        input_size=224,
        modalities=("text", "image", "video"),
        license="as its page on the hub states",
        size_bytes=2_820_610_931,
        parameters=1_410_146_493,
        # the full hash of the short one that NeMo Curator pins
        revision="4362e1f88a992e7edbfd7696f7f78b7f79426dfd",
        description="InternVideo2 Stage2 with 1 B parameters: four frames, and BERT-large for the texts.",
        gated=True,
        text_length=40,
        needs=("google-bert/bert-large-uncased",),
        file_patterns=("config.json", "InternVideo2-stage2_1b-224p-f4.pt"),
    ),
    # revisions of X-CLIP's base sizes: model list of the MTEB benchmark and public lock files
    _xclip(
        "microsoft/xclip-base-patch32",
        "a2e27a78a2b5d802e894b8a1ef14f3a8ce490963",
        8,
        embedding_dim=512,
        input_size=224,
        weights=196_585_729,
        description="X-CLIP on ViT-B/32: eight frames that look at each other, trained on Kinetics-400.",
    ),
    _xclip(
        "microsoft/xclip-base-patch16",
        "d6184e3fd8780d04c85d0f1eabe5f94bf44d98f6",
        8,
        embedding_dim=512,
        input_size=224,
        weights=194_929_153,
        description="X-CLIP on ViT-B/16: eight frames, finer patches, trained on Kinetics-400.",
    ),
    _xclip(
        "microsoft/xclip-large-patch14",
        # one public project's settings; the commit that MTEB lists is one of the code's repository
        "a9dd1429a16cf305df2aaea232d5e8dceba1c675",
        8,
        embedding_dim=768,
        input_size=224,
        weights=575_673_601,
        description="X-CLIP on ViT-L/14: eight frames, the largest of the eight-frame models.",
    ),
    _xclip(
        "microsoft/xclip-base-patch32-16-frames",
        "",
        16,
        embedding_dim=512,
        input_size=224,
        weights=196_589_825,
        description="X-CLIP on ViT-B/32 with sixteen frames.",
    ),
    _xclip(
        "microsoft/xclip-base-patch16-16-frames",
        "",
        16,
        embedding_dim=512,
        input_size=224,
        weights=194_933_249,
        description="X-CLIP on ViT-B/16 with sixteen frames.",
    ),
    _xclip(
        "microsoft/xclip-large-patch14-16-frames",
        "",
        16,
        embedding_dim=768,
        input_size=336,
        weights=576_007_425,
        description="X-CLIP on ViT-L/14 with sixteen frames of 336 pixels: the most detail, and slow.",
    ),
)

DINOV2_CARDS: tuple[ModelCard, ...] = (
    # revisions: model list of the MTEB benchmark
    _dinov2(
        "facebook/dinov2-small",
        "ed25f3a31f01632728cabb09d1542f84ab7b0056",
        embedding_dim=384,
        weights=22_056_576,
        description="DINOv2, small: pictures that look alike get near vectors. It knows no texts.",
    ),
    _dinov2(
        "facebook/dinov2-base",
        "f9e44c814b77203eaa57a6bdbbd535f21ede1415",
        embedding_dim=768,
        weights=86_580_480,
        description="DINOv2, base: likeness of pictures without texts.",
    ),
    _dinov2(
        "facebook/dinov2-large",
        "47b73eefe95e8d44ec3623f8890bd894b6ea2d6c",
        embedding_dim=1024,
        weights=304_368_640,
        description="DINOv2, large: likeness of pictures without texts.",
    ),
    _dinov2(
        "facebook/dinov2-giant",
        "611a9d42f2335e0f921f1e313ad3c1b7178d206d",
        embedding_dim=1536,
        weights=1_136_480_768,
        description="DINOv2, giant: the largest and slowest of the family; no texts.",
    ),
)

CATALOG: dict[str, ModelCard] = {card.model_id: card for card in (*VIDEO_CARDS, *IMAGE_CARDS, *DINOV2_CARDS)}

COMPANIONS: dict[str, ModelCard] = {
    card.model_id: card
    for card in (
        ModelCard(
            model_id="google-bert/bert-large-uncased",
            architecture="bert",
            task_type="tokenizer",
            backends=(),
            modalities=("text",),
            license="Apache-2.0",
            # the full hash of the short one that NeMo Curator pins for InternVideo2
            revision="6da4b6a26a1877e173fca3225479512db81a5e5b",
            description="The words of BERT: tokenizer files for models that need them. No weights.",
            file_patterns=("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"),
        ),
    )
}
