import threading

import pytest

from workbench.controllers.clips import MAX_CARDS, ClipController

WAIT_S = 30


@pytest.fixture
def loader(session):
    return ClipController.of(session)


def test_open__a_folder_replaces_the_clips(loader, session, picture_folder):
    loader.source = f"  {picture_folder} "
    loader.open()
    assert loader.wait(WAIT_S)
    assert session.clips.keys == ["blue.png", "green.png", "red.png", "yellow.png"]
    assert session.status.level == "ok"
    assert loader.summary() == "4 images"
    assert loader.outcome_text().startswith("4 added")


def test_open__a_list_works_too(loader, session, picture_folder):
    loader.open([picture_folder / "red.png", picture_folder / "blue.png"])
    assert loader.wait(WAIT_S)
    assert session.clips.keys == ["red.png", "blue.png"]


def test_open__broken_files_are_listed_with_reasons(loader, session, picture_folder):
    (picture_folder / "broken.mp4").write_text("no video")
    loader.open(str(picture_folder))
    assert loader.wait(WAIT_S)
    assert len(session.clips) == 4
    path, reason = loader.problems()[0]
    assert path == "broken.mp4"
    assert reason
    assert session.status.level == "warning"
    assert "1 file was left out" in session.status.text
    assert not loader.nothing_came()


def test_open__a_wrong_path_keeps_the_clips_and_says_why(loader, session, pictures):
    session.clips = pictures
    loader.open("/no/such/folder")
    assert loader.wait(WAIT_S)
    assert session.clips is pictures
    assert loader.nothing_came()
    assert session.status.level == "error"
    assert "/no/such/folder" in session.status.text
    assert "Samples" in session.status.next_step


def test_open__an_empty_box_asks_for_a_path(loader, session):
    loader.open()
    assert session.status.text == "The path box is empty."


def test_open__a_wrong_type_is_an_error_not_a_crash(loader, session):
    loader.open(42)
    assert loader.wait(WAIT_S)
    assert session.status.level == "error"
    assert not loader.busy


def test_open__the_last_wish_wins(loader, session, picture_folder, monkeypatch):
    from workbench.media import sources

    entered, go = threading.Event(), threading.Event()
    real = sources.load_clips

    def slow(source, **options):
        if str(source).endswith("slow"):
            entered.set()
            go.wait(WAIT_S)
            source = picture_folder / "red.png"
        return real(source, **options)

    monkeypatch.setattr(sources, "load_clips", slow)
    loader.open("slow")
    first = loader._work
    assert entered.wait(WAIT_S)
    loader.open(str(picture_folder / "blue.png"))
    assert loader.wait(WAIT_S)
    go.set()
    first.result(WAIT_S)
    assert session.clips.keys == ["blue.png"]


def test_open_samples__offers_their_prompts(loader, session):
    loader.open_samples()
    assert loader.wait(WAIT_S)
    assert len(session.clips) >= 24
    assert len(loader.asks.prompts) >= 10


def test_open__another_folder_takes_untouched_sample_prompts_back(loader, picture_folder):
    loader.open_samples()
    assert loader.wait(WAIT_S)
    loader.open(str(picture_folder))
    assert loader.wait(WAIT_S)
    assert loader.asks.prompts == []


def test_add_uploads__joins_the_clips(loader, session, pictures, picture_folder):
    session.clips = pictures[:2]
    loader.add_uploads([picture_folder / "red.png"])
    assert loader.wait(WAIT_S)
    assert session.clips.keys == ["blue.png", "green.png", "red.png"]
    assert session.status.text == "red.png added; 3 images now."


def test_groups__shows_a_few_hundred_and_counts_the_rest(loader, session, many_pictures):
    session.clips = many_pictures
    assert len(loader.groups()[0]["cards"]) == 200
    assert MAX_CARDS >= 200
    assert loader.groups()[0]["note"] == ""
