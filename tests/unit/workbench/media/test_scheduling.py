import os

import numpy as np
import pytest

from workbench.media.encode import write_video
from workbench.media.scheduling import kept_scheduling

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getscheduler"), reason="this system has no such settings"
)


def test_kept_scheduling__gives_back_what_was():
    before = os.sched_getscheduler(0)
    other = os.SCHED_BATCH if before != os.SCHED_BATCH else os.SCHED_OTHER
    with kept_scheduling():
        os.sched_setscheduler(0, other, os.sched_param(0))
        assert os.sched_getscheduler(0) == other
    assert os.sched_getscheduler(0) == before


def test_write_video__av1_leaves_the_thread_as_it_was(tmp_path):
    before = os.sched_getscheduler(0)
    frames = np.zeros((4, 64, 64, 3), np.uint8)
    write_video(tmp_path / "film.mp4", frames, 8, codec="libsvtav1", options={"preset": "11"})
    assert os.sched_getscheduler(0) == before
