import json
from pathlib import Path

import numpy as np
import pytest

from workbench.media import make_samples
from workbench.media.decode import probe
from workbench.media.samples import sample_answers, sample_clips, sample_prompts


def test_sample_clips__enough_and_small() -> None:
    clips = sample_clips(include_images=True)
    kinds = [clip.kind for clip in clips]
    assert kinds == ["video"] * 24 + ["image"] * 12
    assert not clips.errors
    assert sample_clips().keys == clips.keys[:24]
    folder = clips[0].path.parent
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000


def test_sample_clips__real_files_with_captions() -> None:
    clips = sample_clips(include_images=True)
    captions = [clip.caption for clip in clips]
    assert all(captions)
    assert len(set(captions)) == len(captions)
    for clip in clips:
        if clip.kind == "video":
            assert probe(clip.path).codec == "h264"
            assert 1.4 <= clip.duration_s <= 3.4
    assert len({(clip.width, clip.height) for clip in clips}) >= 4
    assert {clip.path.suffix for clip in clips} == {".mp4", ".jpg", ".png"}


def test_sample_clips__a_fresh_set_each_time() -> None:
    sample_clips().add("/no/such/file")
    assert not sample_clips().errors


def test_sample_clips__show_the_whole_world() -> None:
    from models.families.spriteclip import grammar

    samples = make_samples.read_table(make_samples._CLIPS)
    objects = [item for sample in samples for item in sample.scene.objects]
    assert {item.colour for item in objects} == set(grammar.COLOURS)
    assert {item.shape for item in objects} == set(grammar.SHAPES)
    assert {item.motion for item in objects} == set(grammar.MOTIONS)
    assert {item.size for item in objects} == {None, *grammar.SIZES}
    assert {sample.scene.background for sample in samples} == set(grammar.BACKGROUNDS)
    assert {len(sample.scene.objects) for sample in samples} == {1, 2}
    assert all(grammar.valid_scene(sample.scene) for sample in samples)
    assert any(grammar.held_out(sample.scene) for sample in samples)


def test_sample_prompts__one_right_clip_each() -> None:
    answers = sample_answers()
    assert len(sample_prompts()) >= 10
    assert list(answers) == sample_prompts()
    assert set(answers.values()) <= set(sample_clips().keys)
    assert len(set(answers.values())) == len(answers)


def test_sample_prompts__made_of_words_the_model_knows() -> None:
    from models.families.spriteclip.tokenizer import Tokenizer

    tokenizer = Tokenizer()
    texts = sample_prompts() + [clip.caption for clip in sample_clips(include_images=True)]
    assert [word for text in texts for word in tokenizer.unknown_words(text)] == []


@pytest.mark.slow
def test_make_samples__gives_what_is_bundled(tmp_path: Path) -> None:
    make_samples.main(tmp_path)
    bundled = make_samples.SAMPLE_FOLDER
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(path.name for path in bundled.iterdir())
    assert json.loads((tmp_path / "captions.json").read_text()) == json.loads(
        (bundled / "captions.json").read_text()
    )
    from workbench.media.sources import load_clips

    for made, clip in zip(load_clips(tmp_path), load_clips(bundled), strict=True):
        difference = made.frames(4).data.astype(int) - clip.frames(4).data
        assert np.abs(difference).mean() < 1, clip.key
