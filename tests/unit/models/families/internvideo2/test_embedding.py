"""What the workbench asks of a model: clips, images and texts to rows, and the contract."""

import gc
import threading
import weakref

import numpy as np
import pytest
import torch

import models.families.internvideo2 as family
from models.auto import AutoModel
from models.conformance import check_model
from models.errors import ModelNotReadyError, PackageNotFoundError
from models.families.internvideo2.model import (
    BERT_MODEL_ID,
    INTERNVIDEO2_MODEL_FILE,
    INTERNVIDEO2_MODEL_ID,
    InternVideo2MultiModality,
)


def frames_of(seed, count=4, height=30, width=40):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


def test_embed_videos__covers_the_tail_and_keeps_order(model):
    long = np.concatenate([frames_of(0, 4), frames_of(1, 3)])
    changed = long.copy()
    changed[6:] = 0
    assert not torch.allclose(model.embed_videos([long]), model.embed_videos([changed]), atol=1e-4)
    assert np.array_equal(model.formulate_input_frames(long), model.formulate_input_frames(changed))
    clips = [frames_of(i, count) for i, count in enumerate((4, 9, 1, 2, 30))]
    rows = model.embed_videos(clips)
    for i, clip in enumerate(clips):
        assert torch.allclose(model.embed_videos([clip])[0], rows[i], atol=1e-6)


def test_embed__with_as_many_frames_as_it_sees_is_what_the_reference_gives(model):
    clip = frames_of(3, 4)
    reference = model.encode_video_frames(model.formulate_input_frames(clip))
    assert torch.allclose(model.embed_videos([clip]), reference, atol=1e-6)


def test_embed__in_several_passes_is_the_same(model, monkeypatch):
    clips, texts = [frames_of(i) for i in range(5)], [f"{word} ball" for word in ["red", "green", "blue"]]
    rows, text_rows = model.embed_videos(clips), model.embed_text(texts)
    monkeypatch.setattr("models.families.internvideo2.embedding._TOKENS_ON_PROCESSOR", 130)
    monkeypatch.setattr("models.families.internvideo2.embedding._TEXTS_PER_PASS", 2)
    assert torch.allclose(model.embed_videos(clips), rows, atol=1e-6)
    assert torch.allclose(model.embed_text(texts), text_rows, atol=1e-6)


def test_preprocess_clip__in_threads_is_the_same(model):
    clips = [frames_of(i, 6, 40 + i, 50) for i in range(8)]
    expected = [model.preprocess_clip(clip) for clip in clips]
    found = {}
    threads = [
        threading.Thread(target=lambda i=i: found.update({i: model.preprocess_clip(clips[i])}), daemon=True)
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert all(torch.equal(found[i], expected[i]) for i in range(8))
    assert torch.equal(model.embed_preprocessed(expected), model.embed_videos(clips))


def test_end_with_sep__changes_texts_and_their_space(package, model):
    without = InternVideo2MultiModality.from_pretrained(package.directory, device="cpu", end_with_sep=False)
    assert not torch.allclose(without.embed_text("a dog"), model.embed_text("a dog"), atol=1e-3)
    assert without.preprocessing != model.preprocessing
    clip = [frames_of(0)]
    assert torch.equal(without.embed_videos(clip), model.embed_videos(clip))


def test_end_with_sep__departs_from_the_known_answers(package):
    without = AutoModel.from_pretrained(package.directory, device="cpu", end_with_sep=False)
    assert without.departure == "texts do not end with [SEP]"
    assert not without.known_answers_verified
    assert check_model(without).passed
    assert AutoModel.from_pretrained(
        package.directory, device="cpu", end_with_sep=True
    ).known_answers_verified


def test_text__in_threads_is_the_same(model):
    texts = [f"{'dog ' * i}ball" for i in range(1, 41)]
    expected = model.embed_text(texts)
    found = {}

    def embed(i):
        found[i] = model.embed_text(texts[i])

    threads = [threading.Thread(target=embed, args=(i,), daemon=True) for i in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(found) == list(range(40))
    assert all(torch.allclose(found[i][0], expected[i], atol=1e-6) for i in found)


def test_setup__again_lets_the_old_network_go_first(package, monkeypatch):
    made = InternVideo2MultiModality.from_pretrained(package.directory, device="cpu")
    old, load, alive = weakref.ref(made._model), family._setup_internvideo2, []

    def watched(config):
        gc.collect()
        alive.append(old() is not None)
        return load(config)

    monkeypatch.setattr("models.families.internvideo2.embedding._setup_internvideo2", watched)
    made.setup()
    assert alive == [False]
    assert made.embed_text("a dog").shape == (1, 32)


def test_unload__keeps_the_utilities(package):
    made = InternVideo2MultiModality.from_pretrained(package.directory, device="cpu")
    before = made.embed_text("a dog")
    made.unload()
    made.unload()
    assert made.get_target_num_frames() == 4
    with pytest.raises(ModelNotReadyError, match="setup"):
        made.embed_text("a dog")
    made.setup()
    assert torch.equal(made.embed_text("a dog"), before)


def test_from_pretrained__a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(PackageNotFoundError, match="There is no folder or file"):
        InternVideo2MultiModality.from_pretrained(tmp_path / "nothing")


def test_from_pretrained__says_what_it_is(package, model):
    assert model.model_id == "local/tiny"
    assert (model.num_frames, model.embedding_dim, model.logit_scale) == (4, 32, 100.0)
    known = AutoModel.from_pretrained(package.directory, device="cpu")
    assert known.model_id == "workbench/internvideo2-tiny"
    assert known.revision == package.manifest.revision
    assert known.known_answers_verified
    assert torch.equal(known.embed_text("a dog"), model.embed_text("a dog"))


def test_check_model__finds_no_fault(package):
    report = check_model(AutoModel.from_pretrained(package.directory, device="cpu"))
    assert report.passed, str(report)
    assert report.check("known answers").passed
    assert report.check("unload").passed


def test_check_model__finds_no_fault_in_bfloat16(package):
    report = check_model(AutoModel.from_pretrained(package.directory, device="cpu", dtype="bfloat16"))
    assert report.passed, str(report)


def test_download_weights_on_node__fetches_both_and_keeps_what_is_there(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "models.packages.download_package", lambda model_id, model_dir: asked.append((model_id, model_dir))
    )
    InternVideo2MultiModality.download_weights_on_node(str(tmp_path))
    assert asked == [(INTERNVIDEO2_MODEL_ID, str(tmp_path)), (BERT_MODEL_ID, str(tmp_path))]
    by_hand = tmp_path / INTERNVIDEO2_MODEL_ID
    by_hand.mkdir(parents=True)
    (by_hand / INTERNVIDEO2_MODEL_FILE).write_bytes(b"weights")
    asked.clear()
    InternVideo2MultiModality.download_weights_on_node(str(tmp_path))
    assert asked == [(BERT_MODEL_ID, str(tmp_path))]
