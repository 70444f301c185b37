import logging

import numpy as np
import pytest
from PIL import Image

from models.vectors import EmbeddingSpace
from workbench.engine.embeddings import Embeddings
from workbench.errors import ClipDecodeError, InvalidParameterError
from workbench.media.sources import load_clips
from workbench.session import Session, Status

SPACE = EmbeddingSpace("me/m", "1", "rgb", "uniform-middle:1")


def embeddings_of(clips, keys=None):
    keys = keys or clips.keys
    return Embeddings(np.eye(len(keys), dtype=np.float32), list(keys), SPACE, clips=clips)


def test_selection__unknown_key_is_refused_and_nothing_changes(pictures):
    session = Session(clips=pictures)
    session.selection = "red.png"
    with pytest.raises(InvalidParameterError, match=r"No clip has the key 'green\.jpg'") as caught:
        session.selection = "green.jpg"
    assert "4 clips" in caught.value.next_step
    assert session.selection == "red.png"


def test_selection__without_clips_says_to_load_some():
    with pytest.raises(InvalidParameterError, match="Load clips first"):
        Session().selection = "red.png"


def test_clips__another_type_is_refused():
    with pytest.raises(InvalidParameterError, match="not list"):
        Session().clips = ["a.mp4"]


def test_clips__results_of_vanished_clips_go(pictures):
    session = Session(clips=pictures, selection="red.png")
    session.embeddings = embeddings_of(pictures)
    session.ranking = session.embeddings  # anything with keys
    session.clips = pictures[:1]
    assert session.embeddings is None
    assert session.ranking is None
    session.clips = pictures[1:]
    assert session.selection == ""


def test_clips__more_clips_keep_the_vectors_and_the_selection(pictures):
    session = Session(clips=pictures[:2])
    session.selection = pictures.keys[0]
    kept = session.embeddings = embeddings_of(pictures[:2])
    session.clips = pictures
    assert session.embeddings is kept
    assert session.selection == pictures.keys[0]


def test_clips__same_names_with_other_content_drop_the_vectors(pictures, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for key in pictures.keys:
        Image.new("RGB", (8, 6), (9, 9, 9)).save(other / key)
    session = Session(clips=pictures)
    session.embeddings = embeddings_of(pictures)
    session.clips = load_clips(other)
    assert session.clips.keys == pictures.keys
    assert session.embeddings is None


def test_report__our_errors_keep_message_and_next_step(caplog):
    session = Session()
    with caplog.at_level(logging.WARNING, "workbench"):
        session.report(ClipDecodeError("a.mp4 is broken.", next_step="Take another."))
    assert session.status.level == "error"
    assert (session.status.text, session.status.next_step) == ("a.mp4 is broken.", "Take another.")
    assert "ClipDecodeError" in session.status.trace
    assert "a.mp4 is broken." in caplog.text


def test_report__a_bug_shows_type_place_and_trace_and_is_logged(caplog):
    session = Session()
    try:
        {}["missing"]
    except KeyError as error:
        with caplog.at_level(logging.ERROR, "workbench"):
            session.report(error, "ranking")
    assert session.status.text == "KeyError while ranking: 'missing'"
    assert 'File "' in session.status.trace
    assert "Traceback" in caplog.text


def test_shared__makes_one_of_each_kind_and_closes_it():
    class Thing:
        closed = False

        def __init__(self, session):
            self.session = session

        def close(self):
            self.closed = True

    session = Session()
    thing = session.shared(Thing)
    assert session.shared(Thing) is thing
    session.close()
    assert thing.closed


def test_status__defaults_to_nothing():
    assert Session().status == Status("info", "", "", "")
