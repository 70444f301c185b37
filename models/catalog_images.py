"""Cards of the image-text models on the hub: CLIP, SigLIP and SigLIP 2. Pure data.

The counts of weights are computed from the published configurations; the size is four bytes a
weight, which is how these checkpoints are stored (``plan_download`` knows the exact bytes).

Revisions are commits that public sources state. Most stand in the model list of the MTEB
benchmark, which several public projects agree with; where they do not, a comment says what was
taken. A card without one is "not pinned": its first download records the commit.
"""

from typing import Any

from models.cards import ModelCard

__all__ = ["IMAGE_CARDS", "hub_card"]


# What every image model does by frame pooling: clips too, eight frames of each.
_POOLED: dict[str, Any] = {"num_frames": 8, "modalities": ("text", "image", "video")}


def hub_card(architecture: str, *, weights: int, **fields: Any) -> ModelCard:
    """Fill in what the checkpoints that run through transformers have in common.

    Args:
        architecture: Family of the network.
        weights: Number of its weights, each stored in four bytes.
        **fields: Other fields of the card.

    Returns:
        The card.
    """
    return ModelCard(
        architecture=architecture,
        task_type="embedding",
        backends=("hugging-face",),
        parameters=weights,
        size_bytes=4 * weights,
        **{**_POOLED, **fields},
    )


def _clip(model_id: str, revision: str, **fields: Any) -> ModelCard:
    """A card of a CLIP checkpoint: 77 tokens of text, softmax scores."""
    return hub_card("clip", model_id=model_id, revision=revision, text_length=77, **fields)


def _siglip(model_id: str, revision: str, **fields: Any) -> ModelCard:
    """A card of a SigLIP or SigLIP 2 checkpoint: 64 tokens of text if not stated, sigmoid scores."""
    architecture = "siglip2" if "/siglip2-" in model_id else "siglip"
    common: dict[str, Any] = {"score_kind": "sigmoid", "license": "Apache-2.0", "text_length": 64}
    return hub_card(architecture, model_id=model_id, revision=revision, **{**common, **fields})


IMAGE_CARDS: tuple[ModelCard, ...] = (
    _clip(
        "openai/clip-vit-base-patch32",
        "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268",
        embedding_dim=512,
        input_size=224,
        weights=151_277_313,
        license="not stated",
        description="OpenAI's smallest CLIP, the usual baseline; fast. The code is MIT.",
    ),
    _clip(
        "openai/clip-vit-base-patch16",
        "57c216476eefef5ab752ec549e440a49ae4ae5f3",
        embedding_dim=512,
        input_size=224,
        weights=149_620_737,
        license="not stated",
        description="OpenAI's CLIP with finer patches, four times the work. The code is MIT.",
    ),
    _clip(
        "openai/clip-vit-large-patch14",
        "32bd64288804d66eefd0ccbe215aa642df71cc41",
        embedding_dim=768,
        input_size=224,
        weights=427_616_513,
        license="not stated",
        description="OpenAI's large CLIP. The code is MIT.",
    ),
    # revision: cache paths and lock files of many public projects
    _clip(
        "openai/clip-vit-large-patch14-336",
        "ce19dc912ca5cd21c8a653c79e251e808ccabcd1",
        embedding_dim=768,
        input_size=336,
        weights=427_944_193,
        license="not stated",
        description="OpenAI's large CLIP at 336 pixels, for detail. The code is MIT.",
    ),
    # revision: cache paths of several public projects; MTEB has an older commit
    _clip(
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        "1a25a446712ba5ee05982a381eed697ef9b435cf",
        embedding_dim=512,
        input_size=224,
        weights=151_277_313,
        license="MIT",
        description="CLIP ViT-B/32 that LAION trained on two billion English pairs of LAION-5B.",
    ),
    _clip(
        "laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
        "1627032197142fbe2a7cfec626f4ced3ae60d07a",
        embedding_dim=768,
        input_size=224,
        weights=427_616_513,
        license="MIT",
        description="CLIP ViT-L/14 that LAION trained on two billion English pairs of LAION-5B.",
    ),
    # revision: lock files of several public projects; MTEB has an older commit
    _clip(
        "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
        "1c2b8495b28150b8a4922ee1c8edee224c284c0c",
        embedding_dim=1024,
        input_size=224,
        weights=986_109_441,
        license="MIT",
        description="CLIP ViT-H/14 that LAION trained on two billion English pairs of LAION-5B.",
    ),
    _clip(
        "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
        "bc7788f151930d91b58474715fdce5524ad9a189",
        embedding_dim=1280,
        input_size=224,
        weights=2_539_567_105,
        license="MIT",
        description="The largest CLIP by LAION: 10 GB of weights in float32.",
    ),
    _siglip(
        "google/siglip-base-patch16-224",
        "7fd15f0689c79d79e38b1c2e2e2370a7bf2761ed",
        embedding_dim=768,
        input_size=224,
        weights=203_155_970,
        description="Google's SigLIP, base size: a score of its own per text instead of a share among texts.",
    ),
    _siglip(
        "google/siglip-base-patch16-256",
        "b078df89e446d623010d890864d4207fe6399f61",
        embedding_dim=768,
        input_size=256,
        weights=203_202_050,
        description="SigLIP, base size at 256 pixels.",
    ),
    _siglip(
        "google/siglip-base-patch16-384",
        "41aec1c83b32e0a6fca20ad88ba058aa5b5ea394",
        embedding_dim=768,
        input_size=384,
        weights=203_447_810,
        description="SigLIP, base size at 384 pixels: finer detail, three times the work of 224.",
    ),
    _siglip(
        "google/siglip-large-patch16-256",
        "d0da9f876e7d66b4e250cd2450c3ba2ce735e447",
        embedding_dim=1024,
        input_size=256,
        weights=652_150_786,
        description="SigLIP, large size at 256 pixels.",
    ),
    _siglip(
        "google/siglip-large-patch16-384",
        "ce005573a40965dfd21fd937fbdeeebf2439fc35",
        embedding_dim=1024,
        input_size=384,
        weights=652_478_466,
        description="SigLIP, large size at 384 pixels.",
    ),
    _siglip(
        "google/siglip-so400m-patch14-224",
        "d04cf29fca7b6374f74d8bea1969314492266b5e",
        embedding_dim=1152,
        input_size=224,
        text_length=16,
        weights=877_360_306,
        description="SigLIP of the shape-optimised size at 224 pixels; its texts are short.",
    ),
    _siglip(
        "google/siglip-so400m-patch14-384",
        "9fdffc58afc957d1a03a25b10dba0329ab15c2a3",
        embedding_dim=1152,
        input_size=384,
        weights=877_960_498,
        description="SigLIP of the shape-optimised size at 384 pixels, its largest.",
    ),
    _siglip(
        "google/siglip2-base-patch16-224",
        "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2",
        embedding_dim=768,
        input_size=224,
        weights=375_187_970,
        description="SigLIP 2, base size: many languages, better localisation; half its weights are words.",
    ),
    _siglip(
        "google/siglip2-base-patch16-256",
        "3f9f96cb90da5dbc758b01813f2f6f1aee24c1ab",
        embedding_dim=768,
        input_size=256,
        weights=375_234_050,
        description="SigLIP 2, base size at 256 pixels; many languages.",
    ),
    _siglip(
        "google/siglip2-base-patch16-384",
        "f775b65a79762255128c981547af89addcfe0f88",
        embedding_dim=768,
        input_size=384,
        weights=375_479_810,
        description="SigLIP 2, base size at 384 pixels; many languages.",
    ),
    _siglip(
        "google/siglip2-base-patch16-512",
        "a89f5c5093f902bf39d3cd4d81d2c09867f0724b",
        embedding_dim=768,
        input_size=512,
        weights=375_823_874,
        description="SigLIP 2, base size at 512 pixels: small things in large pictures; many languages.",
    ),
    _siglip(
        "google/siglip2-large-patch16-256",
        "787800c8990e6f058423089178e718139608408c",
        embedding_dim=1024,
        input_size=256,
        weights=881_526_786,
        description="SigLIP 2, large size at 256 pixels; many languages.",
    ),
    _siglip(
        "google/siglip2-large-patch16-384",
        "1b426889ea62b5a72bf9839009a1b184bfc9c178",
        embedding_dim=1024,
        input_size=384,
        weights=881_854_466,
        description="SigLIP 2, large size at 384 pixels; many languages.",
    ),
    _siglip(
        "google/siglip2-so400m-patch14-224",
        "78e403963a4f6a3640d07803284752326fdf4edf",
        embedding_dim=1152,
        input_size=224,
        weights=1_135_463_602,
        description="SigLIP 2 of the shape-optimised size at 224 pixels; many languages.",
    ),
    _siglip(
        "google/siglip2-so400m-patch14-384",
        "e8e487298228002f3d8a82e0cd5c8ea9c567f57f",
        embedding_dim=1152,
        input_size=384,
        weights=1_136_008_498,
        description="SigLIP 2 of the shape-optimised size at 384 pixels; many languages.",
    ),
    _siglip(
        "google/siglip2-so400m-patch16-256",
        "e8708ab72d125807e45b36fb7d4e0aacbb59f379",
        embedding_dim=1152,
        input_size=256,
        weights=1_135_670_962,
        description="SigLIP 2 of the shape-optimised size with patches of 16 at 256 pixels.",
    ),
    _siglip(
        "google/siglip2-base-patch16-naflex",
        # settings of many public projects; MTEB has none of the two naflex checkpoints
        "b53b807d3a2d5e2b3911292f2d69e5341cdc064c",
        embedding_dim=768,
        weights=375_234_050,
        description="SigLIP 2, base size, that keeps a picture's aspect ratio; many languages.",
    ),
    _siglip(
        "google/siglip2-so400m-patch16-naflex",
        # cache paths and settings of two public projects
        "cc24074f717b612951c2dead130904ab9b65a81e",
        embedding_dim=1152,
        weights=1_135_670_962,
        description="SigLIP 2 of the shape-optimised size that keeps the aspect ratio; many languages.",
    ),
)
