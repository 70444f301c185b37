import pytest

from workbench.controllers.inspect import InspectController
from workbench.controllers.media import MediaProvider
from workbench.errors import InvalidParameterError
from workbench.media.samples import sample_clips

WAIT_S = 30


@pytest.fixture
def inspect(session):
    session.clips = sample_clips()[:2]
    return InspectController.of(session)


def test_selection__shows_the_clip_and_the_times_of_its_frames(inspect, session):
    clip = session.clips[0]
    session.selection = clip.key
    assert inspect.wait(WAIT_S)
    assert inspect.key == clip.key
    assert inspect.frame_times_s == tuple(clip.frames(2).times_s)
    assert inspect.strip_text == "What the model would see"
    assert clip.caption in inspect.detail


def test_selection__after_embedding_the_frames_are_those_of_the_vectors(inspect, session):
    from workbench.controllers.models import ModelController
    from workbench.engine.embed import embed

    model = ModelController.of(session).load().result(WAIT_S)
    session.embeddings = embed(model, session.clips, num_frames=5, progress=False)
    session.selection = session.clips[0].key
    assert inspect.wait(WAIT_S)
    assert len(inspect.frame_times_s) == 5
    assert inspect.strip_text == "What the model saw"
    assert len(MediaProvider.of(session)("frames", session.selection)) == 5


def test_selection__an_image_has_one_frame(inspect, session, pictures):
    session.clips = pictures
    session.selection = "red.png"
    assert inspect.wait(WAIT_S)
    assert len(inspect.frame_times_s) == 1
    assert inspect.detail.startswith("image")


def test_selection__a_clip_that_broke_is_told(inspect, session, picture_folder, pictures):
    session.clips = pictures
    (picture_folder / "red.png").unlink()
    session.selection = "red.png"
    assert inspect.wait(WAIT_S)
    assert "red.png" in inspect.problem
    assert inspect.frame_times_s == ()
    session.selection = ""
    assert (inspect.key, inspect.problem) == ("", "")


@pytest.mark.parametrize("what", ["poster", "clip"])
def test_media__gives_bytes_with_their_type(session, inspect, what):
    ((data, mime),) = MediaProvider.of(session)(what, session.clips[0].key)
    assert len(data) > 100
    assert mime in ("image/jpeg", "video/mp4", "video/webm")


def test_media__refuses_other_keys_and_kinds(session, inspect):
    provider = MediaProvider.of(session)
    with pytest.raises(InvalidParameterError):
        provider("clip", "../../etc/passwd")
    with pytest.raises(InvalidParameterError):
        provider("everything", session.clips[0].key)


def test_clips__another_set_opens_while_an_embedded_clip_is_selected(inspect, session, pictures):
    from workbench.controllers.models import ModelController
    from workbench.engine.embed import embed

    model = ModelController.of(session).load().result(WAIT_S)
    session.embeddings = embed(model, session.clips, progress=False)
    session.selection = session.clips[0].key
    assert inspect.wait(WAIT_S)
    session.clips = pictures
    assert (inspect.key, session.selection, session.embeddings) == ("", "", None)
