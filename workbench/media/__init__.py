"""Clips and images: find them, decode them exactly, sample them, show them.

The only place that opens video. Importing this package loads neither PyAV nor Pillow: each
public name is imported from its own module when it is first used.
"""

from typing import TYPE_CHECKING

from models.lazy import lazy_exports

if TYPE_CHECKING:
    from workbench.media.clips import Clip, ClipSet
    from workbench.media.decode import frames_at, probe, sample_frames, sample_rates
    from workbench.media.encode import write_video
    from workbench.media.frames import Frames, MediaInfo
    from workbench.media.images import read_image
    from workbench.media.outcome import OutcomeReport, SourceError
    from workbench.media.preview import browser_clip
    from workbench.media.samples import sample_answers, sample_clips, sample_prompts
    from workbench.media.sampling import SamplingPolicy, frame_indices, frame_times
    from workbench.media.sources import load_clips
    from workbench.media.spans import frames_of_spans

_EXPORTS = {
    "Clip": "workbench.media.clips",
    "ClipSet": "workbench.media.clips",
    "Frames": "workbench.media.frames",
    "MediaInfo": "workbench.media.frames",
    "OutcomeReport": "workbench.media.outcome",
    "SamplingPolicy": "workbench.media.sampling",
    "SourceError": "workbench.media.outcome",
    "browser_clip": "workbench.media.preview",
    "frame_indices": "workbench.media.sampling",
    "frame_times": "workbench.media.sampling",
    "frames_at": "workbench.media.decode",
    "frames_of_spans": "workbench.media.spans",
    "load_clips": "workbench.media.sources",
    "probe": "workbench.media.decode",
    "read_image": "workbench.media.images",
    "sample_answers": "workbench.media.samples",
    "sample_clips": "workbench.media.samples",
    "sample_frames": "workbench.media.decode",
    "sample_prompts": "workbench.media.samples",
    "sample_rates": "workbench.media.decode",
    "write_video": "workbench.media.encode",
}

__all__ = [
    "Clip",
    "ClipSet",
    "Frames",
    "MediaInfo",
    "OutcomeReport",
    "SamplingPolicy",
    "SourceError",
    "browser_clip",
    "frame_indices",
    "frame_times",
    "frames_at",
    "frames_of_spans",
    "load_clips",
    "probe",
    "read_image",
    "sample_answers",
    "sample_clips",
    "sample_frames",
    "sample_prompts",
    "sample_rates",
    "write_video",
]

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
