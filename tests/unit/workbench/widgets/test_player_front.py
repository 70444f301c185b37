"""The player's front end in a page that plays the host."""

import pytest

from workbench.widgets import Player

pytestmark = pytest.mark.browser

TIMES = [0.125, 0.375, 0.625, 0.875]


def playing(key="ball.mp4", times=TIMES):
    player = Player()
    player.show(key, detail="1.0 s", frame_times_s=times)
    return player


def test_empty__says_what_to_do(page, mount):
    mount(Player())
    assert page.locator(".wb-empty:visible").text_content() == "Select a clip to look at it."
    assert page.evaluate("() => views[0].model.sent") == []


def test_show__plays_muted_with_controls_and_fills_the_strip(page, mount):
    mount(playing())
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 0")
    flags = "() => { const v = document.querySelector('video'); return [v.muted, v.loop, v.controls]; }"
    assert page.evaluate(flags) == [True, True, True]
    page.locator(".wb-frame img:visible").nth(3).wait_for()
    assert page.locator(".wb-frame-time").all_text_contents() == ["0.13 s", "0.38 s", "0.63 s", "0.88 s"]
    assert page.locator(".wb-frame[aria-current]").count() == 1


def test_click_on_a_frame__stops_there_and_tells_python(page, mount):
    mount(playing())
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 0")
    page.locator(".wb-frame").nth(2).click()
    page.wait_for_function("() => Math.abs(views[0].model.get('time_s') - 0.625) < 0.01")
    state = "() => { const v = document.querySelector('video'); return [v.paused, v.currentTime]; }"
    assert page.evaluate(state) == [True, 0.625]
    assert page.locator(".wb-frame[aria-current]").get_attribute("aria-label") == "Frame 3 at 0.63 s"
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => Math.abs(views[0].model.get('time_s') - 0.375) < 0.01")


def test_times__are_of_the_source_when_the_media_begins_later(page, mount):
    player = Player()
    player.show("ball.mp4", frame_times_s=[60.125, 60.625], media_start_s=60.0)
    mount(player)
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 0")
    page.locator(".wb-frame").nth(1).click()
    page.wait_for_function("() => Math.abs(views[0].model.get('time_s') - 60.625) < 0.01")
    assert page.evaluate("() => document.querySelector('video').currentTime") == 0.625
    assert page.locator(".wb-frame-time").all_text_contents() == ["1:00.1", "1:00.6"]


def test_time__from_python_seeks(page, mount):
    mount(playing())
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 0")
    page.locator(".wb-frame").first.click()
    page.evaluate("() => views[0].model.set('time_s', 0.75)")
    page.wait_for_function("() => document.querySelector('video').currentTime === 0.75")


def test_playing__sends_nothing_to_python(page, mount):
    mount(playing())
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 0.5")
    assert page.evaluate("() => views[0].model.saves") == 0


def test_error__is_shown_in_place_of_clip_and_strip(page, mount):
    mount(playing("broken.mp4"))
    page.locator(".wb-player-problem").wait_for()
    assert page.locator(".wb-player-problem").text_content() == "Cannot read broken.mp4."
    page.locator(".wb-player-strip-problem").wait_for()


def test_bytes_that_do_not_play__say_so(page, mount, media, monkeypatch):
    monkeypatch.setitem(media, "clip", ("AAAA", "video/mp4"))
    mount(playing())
    page.locator(".wb-player-problem").wait_for()
    assert page.locator(".wb-player-problem").text_content() == "This clip cannot be played here."


def test_image__is_shown_as_one(page, mount, media, monkeypatch):
    monkeypatch.setitem(media, "clip", media["poster"])
    mount(playing("still.jpg", [0.0]))
    page.locator("img.wb-player-media").wait_for()
    assert page.locator("video").count() == 0


def test_other_times_of_the_same_clip__fetch_the_frames_again(page, mount):
    mount(playing())
    page.locator(".wb-frame img:visible").nth(3).wait_for()
    page.evaluate("() => views[0].model.set('frame_times_s', [0.25, 0.75])")
    page.wait_for_function("() => views[0].model.sent.filter((m) => m.what === 'frames').length === 2")
    page.locator(".wb-frame img:visible").nth(1).wait_for()
    assert page.locator(".wb-frame").count() == 2
    assert page.evaluate("() => views[0].model.sent.filter((m) => m.what === 'clip').length") == 1


def test_running_through_clips__fetches_the_last(page, mount):
    mount(Player())
    page.evaluate("""async () => { for (const key of ["b.mp4", "c.mp4", "d.mp4"]) {
        views[0].model.set("key", key);
        for (let turn = 0; turn < 5; turn += 1) await null; } }""")
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 0")
    keys = page.evaluate("() => views[0].model.sent.filter((m) => m.what === 'clip').map((m) => m.key)")
    assert keys == ["d.mp4"]


def test_stage__keeps_its_place_while_it_loads(page, mount):
    mount(playing())
    height = "() => document.querySelector('.wb-player').getBoundingClientRect().height"
    before = page.evaluate(height)
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 0")
    page.locator(".wb-frame img:visible").nth(3).wait_for()
    assert page.evaluate(height) == before


def test_close__stops_and_lets_go(page, mount):
    mount(playing())
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 0")
    page.evaluate("() => views[0].close()")
    assert page.evaluate("() => [views[0].model.listeners(), views[0].el.childElementCount]") == [0, 0]


def test_out_of_view__rests_without_telling_and_goes_on(page, mount):
    mount(playing())
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 0")
    page.evaluate("() => { document.body.style.paddingTop = '3000px'; }")
    page.wait_for_function("() => document.querySelector('video').paused")
    assert page.evaluate("() => views[0].model.saves") == 0
    page.evaluate("() => { document.body.style.paddingTop = '0'; }")
    page.wait_for_function("() => !document.querySelector('video').paused")
