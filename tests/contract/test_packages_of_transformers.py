"""Folders that transformers' own classes wrote, not our tiny makers, load and agree with those classes."""

import numpy as np
import pytest
import torch
import transformers as hf
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch.nn.functional import normalize

from models.auto import AutoModel
from models.encoders.tiny_packages import save_clip_vocabulary
from models.packages import write_manifest

TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}
MARKS = {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
DRAW = np.random.default_rng(0)
PICTURES = [Image.fromarray(DRAW.integers(0, 255, (40 + i, 50, 3), dtype=np.uint8)) for i in range(3)]
CLIPS = [DRAW.integers(0, 255, (4, 40, 50, 3), dtype=np.uint8) for _ in range(3)]
SQUARE = {"height": 32, "width": 32}


def words_tokenizer(*, ends: bool):
    words = ["<pad>", "</s>", "<unk>", "a", "the", "red", "blue", "ball", "dog", "runs"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if ends:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A </s>", special_tokens=[("</s>", 1)]
        )
    named = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return hf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **named)


def gemma_tokenizer():
    names = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    names += [*"▁abcdefghijklmnopqrstuvwxyz", "▁a", "re", "red"]
    vocab = {name: i for i, name in enumerate(names)}
    tokenizer = hf.Siglip2Tokenizer(vocab=vocab, merges=[("▁", "a"), ("r", "e"), ("re", "d")])
    tokenizer.padding_side = "right"
    return tokenizer


def text_config(tokenizer):
    return {**TOWER, **MARKS, "vocab_size": len(tokenizer), "max_position_embeddings": 64}


def saved(network, processor, folder, architecture):
    network.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    write_manifest(folder, model_id=f"me/{architecture}", architecture=architecture, backend="hugging-face")
    return AutoModel.from_pretrained(folder, device="cpu")


@pytest.mark.parametrize("ends", [True, False])
@torch.no_grad()
def test_siglip__with_a_general_tokenizer(tmp_path, ends):
    tokenizer, pictures = words_tokenizer(ends=ends), hf.SiglipImageProcessorPil(size=SQUARE)
    vision = {**TOWER, "image_size": 32, "patch_size": 8}
    config = hf.SiglipConfig(text_config=text_config(tokenizer), vision_config=vision)
    network = hf.SiglipModel(config)
    model = saved(network, hf.SiglipProcessor(pictures, tokenizer), tmp_path, "siglip")
    texts = ["a red ball", "the dog runs"]
    filled = tokenizer(texts, padding="max_length", truncation=True, max_length=64, return_tensors="pt")
    expected = normalize(network.get_text_features(input_ids=filled["input_ids"]).pooler_output)
    torch.testing.assert_close(model.embed_text(texts), expected, atol=1e-5, rtol=0)
    pixels = pictures(images=PICTURES, return_tensors="pt")["pixel_values"]
    expected = normalize(network.get_image_features(pixel_values=pixels).pooler_output)
    assert (model.embed_images(PICTURES) * expected).sum(dim=1).min() > 0.9999


@torch.no_grad()
def test_siglip2__with_its_own_tokenizer_and_naflex_pictures(tmp_path):
    tokenizer, pictures = gemma_tokenizer(), hf.Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16)
    vision = {**TOWER, "num_patches": 16, "patch_size": 8}
    config = hf.Siglip2Config(text_config=text_config(tokenizer), vision_config=vision)
    network = hf.Siglip2Model(config)
    model = saved(network, hf.Siglip2Processor(pictures, tokenizer), tmp_path, "siglip2")
    texts = ["A RED ball!", "zwei Hunde ö"]
    filled = tokenizer(texts, padding="max_length", truncation=True, max_length=64, return_tensors="pt")
    assert torch.equal(model.tokenizer(texts)[0], filled["input_ids"])
    expected = normalize(
        network.get_image_features(**pictures(images=PICTURES, return_tensors="pt")).pooler_output
    )
    assert (model.embed_images(PICTURES) * expected).sum(dim=1).min() > 0.9999


@torch.no_grad()
def test_xclip__with_another_frame_count(tmp_path):
    marks = save_clip_vocabulary(tmp_path, max_length=32)
    tokenizer = hf.CLIPTokenizer.from_pretrained(tmp_path)
    pictures = hf.VideoMAEImageProcessorPil(size={"shortest_edge": 32}, crop_size=SQUARE)
    joined = {"mit_hidden_size": 24, "mit_intermediate_size": 48, "mit_num_attention_heads": 4}
    config = hf.XCLIPConfig(
        projection_dim=24,
        prompt_num_attention_heads=4,
        text_config={**TOWER, **marks, "max_position_embeddings": 32},
        vision_config={**TOWER, **joined, "image_size": 32, "patch_size": 8, "num_frames": 4},
    )
    network = hf.XCLIPModel(config)
    model = saved(network, hf.XCLIPProcessor(pictures, tokenizer), tmp_path, "xclip")
    assert model.num_frames == 4
    pixels = [
        pictures(list(clip), return_tensors="pt")["pixel_values"].reshape(1, 4, 3, 32, 32) for clip in CLIPS
    ]
    expected = normalize(network.get_video_features(pixel_values=torch.cat(pixels)).pooler_output)
    assert (model.embed_videos(CLIPS) * expected).sum(dim=1).min() > 0.9999
    texts = ["a cat", "two dogs run, and run"]
    expected = normalize(
        network.get_text_features(**tokenizer(texts, padding=True, return_tensors="pt")).pooler_output
    )
    torch.testing.assert_close(model.embed_text(texts), expected, atol=1e-5, rtol=0)
