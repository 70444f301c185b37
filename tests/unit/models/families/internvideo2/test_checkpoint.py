"""Weights of every spelling load; broken ones are refused with what is wrong."""

import json
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.errors import CorruptedModelPackageError, PackageNotFoundError, WorkbenchError
from models.families.internvideo2 import checkpoint
from models.families.internvideo2.checkpoint import WeightsFile, key_problems
from models.families.internvideo2.config import InternVideo2Config
from models.families.internvideo2.model import InternVideo2MultiModality
from models.families.internvideo2.setup import Setup
from models.families.internvideo2.wrapper import _InternVideo2Stage2Wrapper

TEXT = "a red ball"


def load(folder):
    return InternVideo2MultiModality.from_pretrained(folder, device="cpu")


def needed(config):
    """Name -> shape of the network, without any memory."""
    with torch.device("meta"):
        network = _InternVideo2Stage2Wrapper(Setup(config, "", "").to_easydict(), None)
    return {name: tuple(weight.shape) for name, weight in network.state_dict().items()}


@pytest.fixture
def save_pt(folder):
    """Replace the weights of the package by a ``.pt`` file."""

    def save(content, **options):
        (folder / "model.safetensors").unlink(missing_ok=True)
        torch.save(content, folder / "weights.pt", **options)
        return folder

    return save


NESTINGS = {
    "bare": lambda state: state,
    "model": lambda state: {"model": state, "epoch": 3},
    "module": lambda state: {"module": state, "ds_config": {"a": 1}, "names": {"x"}, "size": torch.Size([2])},
    "model before module": lambda state: {"module": {"other": torch.zeros(1)}, "model": state},
    "ordered": OrderedDict,
}


@pytest.mark.parametrize("nesting", NESTINGS)
def test_load__every_nesting(save_pt, state, model, nesting):
    found = load(save_pt(NESTINGS[nesting](state)))
    assert torch.equal(found.embed_text(TEXT), model.embed_text(TEXT))


def test_load__the_old_format_of_torch(save_pt, state, model):
    found = load(save_pt({"module": state}, _use_new_zipfile_serialization=False))
    assert torch.equal(found.embed_text(TEXT), model.embed_text(TEXT))


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_load__bfloat16_is_upcast_exactly(folder, save_pt, state, suffix):
    low = {name: value.bfloat16() for name, value in state.items()}
    if suffix == "pt":
        save_pt({"module": low})
    else:
        save_file(low, folder / "model.safetensors")
    for name, weight in load(folder)._model.state_dict().items():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, low[name].float()), name


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_load__leaves_the_file_alone_afterwards(folder, save_pt, state, suffix):
    if suffix == "pt":
        save_pt({"module": state})
    found = load(folder)
    before = found.embed_text(TEXT)
    [path] = [*folder.glob("*.pt"), *folder.glob("*.safetensors")]
    with path.open("r+b") as file:
        file.write(b"\xff" * path.stat().st_size)
    assert torch.equal(found.embed_text(TEXT), before)


def test_load__in_small_windows_gives_the_same(folder, model, monkeypatch):
    opened = []
    reader = WeightsFile.open(folder / "model.safetensors").opener
    monkeypatch.setattr(checkpoint, "_WINDOW", 1000)
    file = WeightsFile(folder / "model.safetensors", {}, lambda: opened.append(1) or reader())
    expected = load_file(folder / "model.safetensors")
    for name, tensor in file.tensors(expected):
        assert torch.equal(tensor, expected[name])
    assert len(opened) > 20
    assert torch.equal(load(folder).embed_text(TEXT), model.embed_text(TEXT))


UNNEEDED = {
    "temp": torch.tensor(0.07),
    "itm_head.weight": torch.ones(2, 36),
    "itm_head.bias": torch.ones(2),
    "text_encoder.cls.predictions.bias": torch.ones(3),
    "text_encoder.bert.embeddings.position_ids": torch.arange(64)[None],
    "text_encoder.bert.encoder.layer.2.crossattention.self.key.weight": torch.ones(36, 48),
    "text_encoder.bert.encoder.layer.2.output.dense.bias": torch.ones(36),
    "vision_encoder.clip_decoder.5.head.weight": torch.ones(4),
    "vision_encoder.final_clip_decoder.norm.bias": torch.ones(4),
    "vision_encoder.clip_pos_embed": torch.ones(1, 65, 48),
    "vision_encoder.clip_img_pos_embed": torch.ones(1, 17, 48),
}


def test_load__what_is_not_needed_changes_nothing(folder, state, model):
    save_file(state | UNNEEDED, folder / "model.safetensors")
    found = load(folder)
    clips = torch.rand(1, 4, 3, 56, 56).numpy()
    assert torch.equal(found.encode_video_frames(clips), model.encode_video_frames(clips))
    assert torch.equal(found.embed_text(TEXT), model.embed_text(TEXT))


@pytest.mark.parametrize(
    "name",
    [
        "vision_encoder.extra",
        "temperature",
        "text_encoder.bert.pooler.dense.weight",
        "text_encoder.bert.encoder.layer.3.output.dense.bias",
        "vision_encoder.blocks.2.norm1.weight",
        "module.temp",
    ],
)
def test_load__an_unknown_weight_is_reported(folder, state, name):
    save_file(state | {name: torch.ones(2)}, folder / "model.safetensors")
    with pytest.raises(CorruptedModelPackageError, match=f"1 unknown: {name}"):
        load(folder)


def test_load__a_missing_weight_is_named(folder, state):
    del state["vision_encoder.img_pos_embed"]
    save_file(state, folder / "model.safetensors")
    with pytest.raises(CorruptedModelPackageError, match=r"1 missing: vision_encoder\.img_pos_embed"):
        load(folder)


def test_load__a_renamed_weight_is_missing_and_unknown(folder, state):
    state["vision_encoder.clip_projector.cross_attn.q.bias"] = state.pop(
        "vision_encoder.clip_projector.cross_attn.q_bias"
    )
    save_file(state, folder / "model.safetensors")
    with pytest.raises(CorruptedModelPackageError, match=r"1 missing: .*q_bias.* 1 unknown: .*q\.bias"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("vision_proj.weight", (32, 41)), ("vision_encoder.pos_embed", (1, 33, 48)), ("text_proj.bias", (1,))],
)
def test_load__another_shape_is_named_with_both(folder, state, name, shape):
    state[name] = torch.zeros(shape)
    save_file(state, folder / "model.safetensors")
    with pytest.raises(CorruptedModelPackageError, match="1 of another shape") as raised:
        load(folder)
    assert f"{name} is {list(shape)}, not [" in str(raised.value)


def test_load__whole_numbers_are_no_weights(folder, state):
    state["text_proj.bias"] = state["text_proj.bias"].int()
    save_file(state, folder / "model.safetensors")
    with pytest.raises(CorruptedModelPackageError, match=r"text_proj\.bias .*int32, not floats"):
        load(folder)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.5, 0.999])
def test_load__a_truncated_file(folder, save_pt, state, suffix, kept):
    if suffix == "pt":
        save_pt({"module": state})
    [path] = [*folder.glob("*.pt"), *folder.glob("*.safetensors")]
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(CorruptedModelPackageError, match="damaged, cut short"):
        load(folder)


@pytest.mark.parametrize(
    "content", [[1, 2], {"module": {"a": 1}}, {"epoch": 3}, torch.zeros(2), {"model": [], "module": None}]
)
def test_load__a_file_without_named_tensors(save_pt, content):
    with pytest.raises(CorruptedModelPackageError, match="no named tensors"):
        load(save_pt(content))


class Payload:
    ran = False

    def __reduce__(self):
        return (setattr, (Payload, "ran", True))


@pytest.mark.parametrize("new_format", [True, False])
def test_load__runs_no_code_of_a_file(save_pt, state, new_format):
    with pytest.raises(CorruptedModelPackageError):
        load(save_pt({"module": state, "x": Payload()}, _use_new_zipfile_serialization=new_format))
    assert not Payload.ran


def test_load__missing_weights(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(PackageNotFoundError, match=r"expected at .*model\.safetensors") as raised:
        load(folder)
    assert isinstance(raised.value, FileNotFoundError)


@pytest.mark.parametrize("frames", [1, 2, 8])
def test_load__for_another_number_of_frames(folder, frames):
    config = json.loads((folder / "config.json").read_text())
    config["vision"] |= {"num_frames": frames, "origin_num_frames": 4}
    (folder / "config.json").write_text(json.dumps(config))
    found = load(folder)
    assert found.get_target_num_frames() == frames
    clip = torch.rand(1, frames, 3, 56, 56).numpy()
    assert found.encode_video_frames(clip).shape == (1, 32)


@pytest.mark.shared
def test_full_size__every_key_is_needed_or_known_to_be_unneeded(shared_dir):
    path = shared_dir / "golden" / "internvideo2" / "full_1b_keys.json"
    found = {name: tuple(shape) for name, shape in json.loads(path.read_text()).items()}
    config = InternVideo2Config.full_1b()
    wanted = needed(config)
    assert key_problems(found, wanted, config) == []
    assert len(found) == 1023
    assert len(wanted) == 852
    assert sum(torch.Size(shape).numel() for shape in wanted.values()) == 1_291_658_368
    unneeded = set(found) - set(wanted)
    groups = {name.split(".")[0] + "." + name.split(".")[1] if "." in name else name for name in unneeded}
    assert groups == {
        "temp",
        "itm_head.weight",
        "itm_head.bias",
        "text_encoder.cls",
        "text_encoder.bert",
        "vision_encoder.clip_decoder",
        "vision_encoder.final_clip_decoder",
        "vision_encoder.clip_pos_embed",
        "vision_encoder.clip_img_pos_embed",
    }


@pytest.mark.shared
@pytest.mark.parametrize("place", range(0, 852, 83))
def test_full_size__without_any_one_key_it_does_not_load(shared_dir, place):
    path = shared_dir / "golden" / "internvideo2" / "full_1b_keys.json"
    found = {name: tuple(shape) for name, shape in json.loads(path.read_text()).items()}
    config = InternVideo2Config.full_1b()
    wanted = needed(config)
    name = list(wanted)[place]
    del found[name]
    [problem] = key_problems(found, wanted, config)
    assert problem == f"1 missing: {name}."


@pytest.mark.shared
def test_golden__unneeded_weights_change_nothing(golden, golden_model, tmp_path):
    needed_names = set(golden_model._model.state_dict())
    assert len(golden.state) > len(needed_names)
    changed = {name: value if name in needed_names else value + 1 for name, value in golden.state.items()}
    for name in ("config.json", "vocab.txt"):
        (tmp_path / name).write_text((golden.folder / name).read_text())
    torch.save({"module": changed}, tmp_path / "any.pt")
    found = InternVideo2MultiModality.from_pretrained(tmp_path, device="cpu")
    pixels = golden.inputs["pixel_values"].numpy()
    assert torch.equal(found.encode_video_frames(pixels), golden_model.encode_video_frames(pixels))


def test_errors__are_ours(folder):
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(WorkbenchError) as raised:
        load(folder)
    assert raised.value.next_step


@pytest.mark.parametrize("change", [torch.Tensor.to_sparse, lambda weight: weight.to("meta")])
def test_load__a_weight_without_plain_data(save_pt, state, change):
    with pytest.raises(CorruptedModelPackageError, match=r"vision_proj\.weight .* is sparse or has no data"):
        load(save_pt({**state, "vision_proj.weight": change(state["vision_proj.weight"])}))
