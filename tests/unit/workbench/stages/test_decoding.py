"""Decoding once, sampling for each model."""

import numpy as np
import pytest

from workbench.errors import StageError
from workbench.media.frames import Frames
from workbench.media.samples import sample_clips
from workbench.media.sampling import frame_indices
from workbench.stages import (
    DecodeStage,
    ImageBatch,
    ImageObject,
    Pipeline,
    ReadClipsStage,
    Resources,
    SampleStage,
    VideoBatch,
    VideoObject,
    WorkerMetadata,
)


def run(*stages):
    return Pipeline(stages=stages).run(progress=False)


def test_decode__items_that_nobody_listed_are_a_mistake():
    with pytest.raises(StageError, match="ReadClipsStage"):
        DecodeStage().process(VideoBatch(data=[VideoObject()]))


def test_decode__a_lone_clip_takes_all_threads_of_its_worker(monkeypatch):
    asked = []

    def watched(clip, num_frames, *, threads):
        asked.append(threads)
        return Frames(np.zeros((num_frames, 2, 2, 3), np.uint8), np.arange(num_frames, dtype=float))

    clip = sample_clips()[0]
    monkeypatch.setattr(type(clip), "frames", watched)
    stage = DecodeStage()
    stage.setup(WorkerMetadata("one", Resources(cpus=4)))
    for count in (1, 2, 6):
        stage.process(VideoBatch(data=[VideoObject(metadata={"clip": clip}) for _ in range(count)]))
    assert asked == [4] + [2] * 2 + [1] * 6


def test_sample__keeps_the_middles_of_equal_parts():
    clips = sample_clips()[:3]
    decoded = run(ReadClipsStage(clips), DecodeStage(num_frames=12)).items
    sampled = run(ReadClipsStage(clips), DecodeStage(num_frames=12), SampleStage(5)).items
    places = frame_indices(12, 5)
    for many, few in zip(decoded, sampled, strict=True):
        np.testing.assert_array_equal(few.frames, many.frames[places])
        np.testing.assert_array_equal(few.times_s, many.times_s[places])


def test_sample__of_too_few_some_come_again():
    clip = VideoObject(frames=np.arange(3 * 12, dtype=np.uint8).reshape(3, 2, 2, 3))
    SampleStage(5).process(VideoBatch(data=[clip]))
    assert clip.frames[:, 0, 0, 0].tolist() == [0, 0, 12, 24, 24]
    assert clip.times_s is None


def test_sample__passes_images_and_items_with_errors_by():
    image = ImageObject(image_data=np.zeros((2, 2, 3), np.uint8))
    broken = VideoObject(errors={"decode": "empty"})
    SampleStage(2).process(ImageBatch(data=[image]))
    SampleStage(2).process(VideoBatch(data=[broken]))
    assert image.image_data.shape == (2, 2, 3)
    assert broken.errors == {"decode": "empty"}


def test_sample__a_clip_that_is_not_decoded_says_so():
    clip = VideoObject()
    SampleStage(2).process(VideoBatch(data=[clip]))
    assert "decodes before" in clip.errors["sample"]
