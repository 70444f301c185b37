"""An exported package is the same model: same vectors, same space, whatever the batch."""

import threading

import numpy as np
import pytest
import torch

from models.auto import AutoModel
from models.base import EmbeddingSpace
from models.errors import ModelNotReadyError
from models.known_answers import known_answer_drift, known_answer_frames
from tests.unit.models.exported.conftest import BACKENDS, FAMILIES

PAIRS = [(family, backend) for family in FAMILIES for backend in BACKENDS]
TEXTS = ["a red ball", "two dogs, running fast over green grass!", "a", "blau " * 100]


def images(count):
    pixels = np.random.default_rng(count)
    return [
        pixels.integers(0, 256, size=(pixels.integers(20, 90), 50, 3)).astype(np.uint8) for _ in range(count)
    ]


def lowest_cosine(left, right):
    assert left.shape == right.shape
    return float(torch.nn.functional.cosine_similarity(left, right).min())


@pytest.mark.parametrize(("family", "backend"), PAIRS)
@pytest.mark.parametrize("count", [1, 2, 5, 33])
def test_images__are_those_of_torch_in_any_batch(tiny, family, backend, count):
    model, exported = tiny.model(family), tiny.exported(family, backend)
    rows = exported.embed_images(images(count))
    assert rows.dtype == torch.float32
    assert lowest_cosine(model.embed_images(images(count)), rows) > 0.999999


@pytest.mark.parametrize(("family", "backend"), PAIRS)
def test_texts__are_those_of_torch_alone_and_together(tiny, family, backend):
    model, exported = tiny.model(family), tiny.exported(family, backend)
    rows = model.embed_text(TEXTS)
    assert lowest_cosine(rows, exported.embed_text(TEXTS)) > 0.999999
    alone = torch.cat([exported.embed_text(text) for text in TEXTS])
    assert lowest_cosine(rows, alone) > 0.999999


@pytest.mark.parametrize(("family", "backend"), PAIRS)
def test_clips__are_those_of_torch(tiny, family, backend):
    clips = [known_answer_frames(name, (frames, 48, 64, 3)) for name, frames in (("noise", 3), ("ramp", 9))]
    model, exported = tiny.model(family), tiny.exported(family, backend)
    assert lowest_cosine(model.embed_videos(clips), exported.embed_videos(clips)) > 0.999999


@pytest.mark.parametrize(("family", "backend"), PAIRS)
def test_exported__is_the_same_model_in_all_it_says(tiny, family, backend):
    model, exported = tiny.model(family), tiny.exported(family, backend)
    for name in (
        "preprocessing",
        "embedding_dim",
        "num_frames",
        "score_kind",
        "logit_scale",
        "logit_bias",
        "text_length",
    ):
        assert getattr(exported, name) == getattr(model, name), name
    home, package = tiny.home(family).manifest, tiny.export(family, backend).manifest
    assert package.backend == backend
    for name in ("model_id", "revision", "architecture", "task_type", "known_answers", "card"):
        assert getattr(package, name) == getattr(home, name), name
    assert known_answer_drift(exported, package.known_answers) == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_space__is_that_of_the_model(tiny, backend):
    model = AutoModel.from_pretrained(tiny.home("clip").directory, backend="hugging-face", device="cpu")
    exported = AutoModel.from_pretrained(tiny.export("clip", backend).directory, device="cpu")
    assert type(exported).backend == backend
    assert exported.known_answers_verified
    assert EmbeddingSpace.of(exported) == EmbeddingSpace.of(model)
    assert EmbeddingSpace.of(exported).revision


@pytest.mark.parametrize("backend", BACKENDS)
def test_exported__says_what_it_does_not_read(tiny, backend):
    long = "a red ball " * 60
    rest = tiny.exported("clip", backend).cut_off(long)
    assert rest
    assert rest == tiny.model("clip").cut_off(long)


@pytest.mark.parametrize("backend", BACKENDS)
def test_threads__get_their_own_rows(tiny, backend):
    exported, found = tiny.exported("clip", backend), {}

    def work(number):
        pictures = images(number + 1)
        for _ in range(5):
            found[number] = exported.embed_images(pictures)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    for number in range(4):
        assert lowest_cosine(exported.embed_images(images(number + 1)), found[number]) > 0.999999


@pytest.mark.parametrize("backend", BACKENDS)
def test_unload__ends_it_and_setup_brings_it_back(tiny, backend):
    exported = type(tiny.exported("clip", backend)).from_pretrained(tiny.export("clip", backend).directory)
    before, towers = exported.embed_text("a red ball"), exported.parts.towers
    exported.unload()
    with pytest.raises(ModelNotReadyError):
        exported.embed_text("a red ball")
    with pytest.raises(ModelNotReadyError):
        towers.encode_images(torch.zeros(1, 3, 32, 32))
    exported.setup()
    assert torch.equal(exported.embed_text("a red ball"), before)


@pytest.mark.parametrize("backend", BACKENDS)
def test_from_pretrained__options_reach_the_model(tiny, backend, tmp_path):
    load = type(tiny.exported("clip", backend)).from_pretrained
    model = load(tiny.export("clip", backend).directory, num_frames=3, threads=1, cache_dir=tmp_path)
    assert model.num_frames == 3
    assert model.dtype == "float32"
    assert bool(list(tmp_path.glob("*.blob"))) == (backend == "openvino")
