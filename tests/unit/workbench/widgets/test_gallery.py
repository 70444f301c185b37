import json

import numpy as np
import pytest
from traitlets import TraitError

from workbench.widgets.gallery import Gallery


def test_groups__cards_are_completed():
    gallery = Gallery(groups=[{"title": "a ball", "cards": [{"key": "a.mp4"}]}])
    assert gallery.groups == [
        {
            "title": "a ball",
            "note": "",
            "note_level": "warning",
            "cards": [
                {
                    "key": "a.mp4",
                    "title": "a.mp4",
                    "caption": "",
                    "score": None,
                    "score_text": "",
                    "bar": None,
                    "rank": None,
                    "kind": "video",
                    "badge": "",
                }
            ],
        }
    ]


def test_groups__numpy_numbers_and_nan_become_json():
    card = {"key": "a", "score": np.float32(0.25), "bar": np.float64(1.7), "rank": np.int64(3)}
    hole = {"key": "b", "score": np.nan, "bar": float("inf")}
    gallery = Gallery(groups=[{"cards": [card, hole]}])
    first, second = gallery.groups[0]["cards"]
    assert (first["score"], first["score_text"], first["bar"], first["rank"]) == (0.25, "0.250", 1.0, 3)
    assert (second["score"], second["score_text"], second["bar"]) == (None, "", None)
    json.dumps(gallery.groups, allow_nan=False)


@pytest.mark.parametrize("groups", [["x"], [{"cards": ["x"]}], [{"cards": [{}]}], [{"cards": [{"key": 3}]}]])
def test_groups__refuses_what_cannot_be_shown(groups):
    with pytest.raises(TraitError):
        Gallery(groups=groups)


def test_state__has_no_media(comm_of):
    gallery = Gallery(lambda *_: [(b"\x00" * 10**6, "video/mp4")], groups=[{"cards": [{"key": "a"}]}])
    comm = comm_of(gallery)
    comm.receive({"kind": "media", "id": "a-1", "what": "clip", "key": "a"})
    comm.settle()
    state = {name: value for name, value in gallery.get_state().items() if name not in ("_esm", "_css")}
    assert len(json.dumps(state, default=str)) < 2000
