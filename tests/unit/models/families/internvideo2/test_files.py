"""Where a model's files are found: one folder, the hub's layout, and what is said when they are not."""

import json
import shutil

import pytest
import torch

from models.errors import CorruptedModelPackageError, PackageNotFoundError
from models.families.internvideo2.config import InternVideo2Config
from models.families.internvideo2.files import locate
from models.families.internvideo2.ids import BERT_MODEL_ID, INTERNVIDEO2_MODEL_FILE, INTERNVIDEO2_MODEL_ID
from models.families.internvideo2.model import InternVideo2MultiModality


@pytest.fixture
def hub(folder, state, tmp_path):
    """The tiny model in the layout of the hub, its word list in BERT's folder."""
    root = tmp_path / "root"
    model, words = root / INTERNVIDEO2_MODEL_ID, root / BERT_MODEL_ID
    model.mkdir(parents=True)
    words.mkdir(parents=True)
    shutil.copy(folder / "config.json", model)
    shutil.copy(folder / "vocab.txt", words)
    torch.save({"module": state}, model / INTERNVIDEO2_MODEL_FILE)
    return root


def test_hub_layout__by_its_root_and_by_the_package(hub, model):
    expected = model.embed_text("a dog")
    by_root = InternVideo2MultiModality(str(hub), device="cpu")
    by_root.setup()
    assert torch.equal(by_root.embed_text("a dog"), expected)
    by_folder = InternVideo2MultiModality.from_pretrained(hub / INTERNVIDEO2_MODEL_ID, device="cpu")
    assert torch.equal(by_folder.embed_text("a dog"), expected)


def test_hub_layout__without_a_configuration_is_the_published_size(hub):
    (hub / INTERNVIDEO2_MODEL_ID / "config.json").unlink()
    files = locate(hub)
    assert files.config == InternVideo2Config.full_1b()
    assert files.published
    assert files.weights == hub / INTERNVIDEO2_MODEL_ID / INTERNVIDEO2_MODEL_FILE
    assert files.vocabulary == hub / BERT_MODEL_ID
    assert locate(hub / INTERNVIDEO2_MODEL_ID) == files


def test_hub_layout__a_configuration_of_another_kind_is_passed_over(hub):
    (hub / INTERNVIDEO2_MODEL_ID / "config.json").write_text('{"model_type": "other"}')
    assert locate(hub).published


def test_hub_layout__weights_of_other_sizes_do_not_pass_for_the_published_ones(hub):
    (hub / INTERNVIDEO2_MODEL_ID / "config.json").unlink()
    with pytest.raises(CorruptedModelPackageError, match="missing"):
        InternVideo2MultiModality.from_pretrained(hub / INTERNVIDEO2_MODEL_ID, device="cpu")


def test_hub_layout__nothing_there_yet(tmp_path):
    files = locate(tmp_path)
    assert files.published
    assert files.weights == tmp_path / INTERNVIDEO2_MODEL_ID / INTERNVIDEO2_MODEL_FILE
    assert files.vocabulary == tmp_path / BERT_MODEL_ID


def test_hub_layout__without_the_word_list(hub):
    (hub / BERT_MODEL_ID / "vocab.txt").unlink()
    with pytest.raises(PackageNotFoundError, match=BERT_MODEL_ID) as raised:
        InternVideo2MultiModality.from_pretrained(hub / INTERNVIDEO2_MODEL_ID, device="cpu")
    assert "vocab.txt" in str(raised.value)


def test_folder__any_pt_file_will_do(folder, state):
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "checkpoint-7.pt")
    assert locate(folder).weights == folder / "checkpoint-7.pt"


def test_folder__safetensors_before_pt(folder, state):
    torch.save(state, folder / "other.pt")
    assert locate(folder).weights == folder / "model.safetensors"


def test_folder__several_pt_files_are_unclear(folder, state):
    (folder / "model.safetensors").unlink()
    for name in ("a.pt", "b.pt"):
        torch.save(state, folder / name)
    with pytest.raises(CorruptedModelPackageError, match=r"several weights: a\.pt, b\.pt"):
        locate(folder)


def test_file__is_taken_for_the_weights_of_its_folder(folder, state, model):
    for name in ("a.pt", "b.pt"):
        torch.save(state | {"text_proj.bias": torch.zeros(32)}, folder / name)
    found = InternVideo2MultiModality.from_pretrained(folder / "b.pt", device="cpu")
    assert not torch.allclose(found.embed_text("a dog"), model.embed_text("a dog"))
    assert found.model_id == "local/b.pt"
    named = InternVideo2MultiModality.from_pretrained(folder / "model.safetensors", device="cpu")
    assert torch.equal(named.embed_text("a dog"), model.embed_text("a dog"))


@pytest.mark.parametrize("name", ["config.json", "vocab.txt", "model.safetensors"])
def test_folder__each_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(PackageNotFoundError, match=name) as raised:
        InternVideo2MultiModality.from_pretrained(folder, device="cpu")
    assert isinstance(raised.value, FileNotFoundError)
    assert raised.value.next_step


def edit(folder, change):
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda config: config.pop("vision"), "'vision'"),
        (lambda config: config["vision"].pop("depth"), r"vision\.depth is missing"),
        (lambda config: config.pop("proj_dim"), "proj_dim"),
        (lambda config: config["vision"].update(depth="2"), "vision.depth must be a int"),
        (lambda config: config["vision"].update(num_heads=5), "num_heads 5 does not divide embed_dim 48"),
        (lambda config: config["vision"].update(img_size=60), "patch_size 14 does not divide img_size 60"),
        (lambda config: config["vision"].update(tubelet_size=2), "tubelet_size is 2"),
        (lambda config: config["vision"].update(qk_normalization=False), "qk_normalization"),
        (lambda config: config["text"].update(hidden_act="relu"), "hidden_act"),
        (lambda config: config["text"].update(fusion_layer=9), "fusion_layer 9"),
        (lambda config: config["text"].update(max_txt_l=100), "max_txt_l"),
        (lambda config: config["vision"].update(depth=10**6), "depth is at most 1000"),
        (lambda config: config["text"].update(num_hidden_layers=10**6), "num_hidden_layers is at most 1000"),
        (lambda config: config.update(image_std=[0.2, 0.2]), "image_std"),
        (lambda config: config.update(image_std=[0.2, 0.2, 0]), "image_std"),
        (lambda config: config.update(proj_dim=0), "proj_dim"),
    ],
)
def test_config__refuses_what_describes_no_such_network(folder, change, words):
    edit(folder, change)
    with pytest.raises(CorruptedModelPackageError, match=words):
        InternVideo2MultiModality.from_pretrained(folder, device="cpu")


@pytest.mark.parametrize("content", ["", "[]", "{", '"text"', "\ud83d"])
def test_config__that_is_no_configuration(folder, content):
    (folder / "config.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(CorruptedModelPackageError, match=r"config\.json"):
        InternVideo2MultiModality.from_pretrained(folder, device="cpu")


def test_config__colours_and_scale_are_used(folder, model):
    edit(folder, lambda config: config.update(image_mean=[0.0] * 3, image_std=[1.0] * 3, logit_scale=10))
    found = InternVideo2MultiModality.from_pretrained(folder, device="cpu")
    assert found.logit_scale == 10.0
    assert found.preprocessing != model.preprocessing
    assert found._normalize(torch.full((1, 3), 255, dtype=torch.uint8).numpy()).tolist() == [[1.0] * 3]
    values, _ = found.evaluate(torch.eye(32)[:1], list(torch.eye(32)[:2, None]))
    assert values == pytest.approx([0.99995, 0.00005], abs=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines[5:], r"lacks \[PAD\], \[UNK\], \[CLS\], \[SEP\], \[MASK\]"),
        (lambda lines: [*lines, "one", "more"], "pieces of at most"),
    ],
)
def test_vocabulary__that_does_not_fit(folder, change, words):
    path = folder / "vocab.txt"
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(CorruptedModelPackageError, match=words):
        InternVideo2MultiModality.from_pretrained(folder, device="cpu")


def test_vocabulary__of_windows_and_without_a_last_line_end(folder, model):
    path = folder / "vocab.txt"
    path.write_bytes(path.read_text().strip().replace("\n", "\r\n").encode())
    found = InternVideo2MultiModality.from_pretrained(folder, device="cpu")
    assert torch.equal(found.embed_text("a small dog!"), model.embed_text("a small dog!"))
