import numpy as np

from workbench.widgets.player import Player


def test_show__sets_everything_as_plain_numbers():
    player = Player()
    player.show("a/b.mp4", frame_times_s=np.array([3.5, 4.5]), media_start_s=3.0)
    assert player.title == "a/b.mp4"
    assert player.frame_times_s == [3.5, 4.5]
    assert all(type(t) is float for t in player.frame_times_s)
    assert player.time_s == 3.0


def test_show__is_one_update(monkeypatch):
    player = Player()
    updates = []
    monkeypatch.setattr(player, "send_state", lambda key=None: updates.append(set(key or ())))
    player.show("a.mp4", title="A", detail="2 s", frame_times_s=[0.5])
    assert len(updates) == 1
    assert {"key", "title", "detail", "frame_times_s"} <= updates[0]


def test_show__empty_key_is_the_empty_state():
    player = Player()
    player.show("a.mp4", detail="2 s", frame_times_s=[0.5])
    player.show("")
    assert (player.key, player.title, player.detail, player.frame_times_s) == ("", "", "", [])
