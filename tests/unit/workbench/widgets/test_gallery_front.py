"""The gallery's front end in a page that plays the host."""

import pytest

from workbench.widgets import Gallery

pytestmark = pytest.mark.browser

EVIL = "<img src=x onerror=alert(1)>.mp4"
CARDS = ".wb-card"


def group(title, keys, note=""):
    cards = [{"key": k, "score": 0.9 - i / 10, "bar": 1 - i / 10, "rank": i + 1} for i, k in enumerate(keys)]
    return {"title": title, "note": note, "cards": cards}


def clips(count):
    return [f"clip_{i:03d}.mp4" for i in range(count)]


def shown(page):
    return [card.get_attribute("data-clip") for card in page.locator(CARDS).all()]


def active(page):
    return page.evaluate("() => document.activeElement.dataset.clip")


def set_groups(page, groups):
    page.evaluate("(g) => views[0].model.set('groups', g)", Gallery(groups=groups).groups)


def sent(page, what):
    return page.evaluate(
        "(w) => views.flatMap((v) => v.model.sent).filter((m) => m.what === w).map((m) => m.key)", what
    )


def test_cards__show_names_as_text_with_their_hooks(page, mount):
    mount(Gallery(groups=[group("<b>red</b>", [EVIL], note="unknown: <i>x</i>")]))
    card = page.locator(CARDS)
    assert card.get_attribute("data-clip") == EVIL
    assert float(card.get_attribute("data-score")) == 0.9
    assert card.get_attribute("role") == "option"
    assert EVIL in card.text_content()
    assert "0.900" in card.text_content()
    assert page.locator(".wb-group-title").text_content() == "<b>red</b>"
    assert page.locator(".wb-group-note").text_content() == "unknown: <i>x</i>"
    assert page.locator(".wb-gallery b, .wb-gallery i, .wb-gallery img[src=x]").count() == 0


def test_posters__only_what_is_in_view_is_asked_for_and_once(page, mount):
    mount(Gallery(groups=[group("a", clips(200)), group("b", clips(200))]))
    page.locator(".wb-card-poster:not([hidden])").first.wait_for()
    asked = sent(page, "poster")
    assert 4 < len(asked) < 100
    assert len(asked) == len(set(asked))


def test_posters__a_broken_one_says_so(page, mount):
    mount(Gallery(groups=[group("a", ["broken.mp4", "fine.mp4"])]))
    page.locator(".wb-card-problem:visible").wait_for()
    assert page.locator(".wb-card-problem:visible").text_content() == "Cannot read broken.mp4."
    page.locator("[data-clip='fine.mp4'] .wb-card-poster:not([hidden])").wait_for()


def test_click__selects_in_all_groups_and_plays(page, mount):
    mount(Gallery(groups=[group("a", clips(3)), group("b", clips(3))]))
    page.locator(CARDS).nth(1).click()
    assert page.evaluate("() => [views[0].model.get('selection'), views[0].model.saves]") == [
        "clip_001.mp4",
        1,
    ]
    assert page.locator("[aria-selected='true']").count() == 2
    page.locator(".wb-playing video").wait_for()
    assert page.evaluate(
        "() => { const v = document.querySelector('video'); return [v.muted, v.loop]; }"
    ) == [
        True,
        True,
    ]


def test_hover__plays_and_leaving_stops(page, mount):
    mount(Gallery(groups=[group("a", clips(3))]))
    page.locator(CARDS).nth(2).hover()
    page.locator(".wb-playing video").wait_for()
    page.mouse.move(890, 690)
    page.locator("video").wait_for(state="detached")
    page.locator(CARDS).nth(2).hover()
    page.locator(".wb-playing video").wait_for()
    assert sent(page, "clip") == ["clip_002.mp4"]  # the second time it was still here


def test_selection__from_python_marks_without_moving_focus(page, mount):
    mount(Gallery(groups=[group("a", clips(3))]))
    page.evaluate("() => views[0].model.set('selection', 'clip_002.mp4')")
    assert page.locator("[aria-selected='true']").get_attribute("data-clip") == "clip_002.mp4"
    assert page.evaluate("() => document.activeElement === document.body")


def test_keys__arrows_follow_what_the_eye_sees_and_select(page, mount):
    mount(Gallery(columns=4, groups=[group("a", clips(6)), group("b", clips(4))]))
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert active(page) == "clip_000.mp4"
    steps = ["ArrowRight", "ArrowDown", "ArrowDown", "ArrowUp", "ArrowLeft", "Home", "End", "ArrowUp"]
    ends = [1, 5, 1, 5, 4, 0, 5, 1]
    for step, end in zip(steps, ends, strict=True):
        page.keyboard.press(step)
        assert active(page) == f"clip_{end:03d}.mp4"
    page.wait_for_function("() => views[0].model.get('selection') === 'clip_001.mp4'")
    assert page.evaluate("() => stolen") == ["Tab", "Tab"]


def test_keys__held_down_tell_python_where_they_stop(page, mount):
    mount(Gallery(groups=[group("a", clips(9))]))
    page.locator(CARDS).first.focus()
    page.evaluate("""() => { for (let i = 0; i < 5; i += 1) {
        const key = new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true, cancelable: true});
        document.activeElement.dispatchEvent(key); } }""")
    page.wait_for_function("() => views[0].model.get('selection') === 'clip_005.mp4'")
    assert page.evaluate("() => views[0].model.saves") == 1


def test_keys__none_that_the_notebook_knows_gets_out(page, mount):
    mount(Gallery(groups=[group("a", clips(3))]))
    page.locator(CARDS).first.focus()
    for key in ["d", "d", "a", "x", "Enter", " ", "?", "0"]:
        page.keyboard.press(key)
    assert page.evaluate("() => stolen") == []
    page.keyboard.press("Control+s")
    page.keyboard.press("Shift+Enter")
    assert page.evaluate("() => stolen") == ["Control", "s", "Enter"]


def test_keys__space_plays_and_stops(page, mount):
    mount(Gallery(groups=[group("a", clips(3))]))
    page.locator(CARDS).nth(1).focus()
    page.keyboard.press(" ")
    page.locator(".wb-playing video").wait_for()
    page.keyboard.press(" ")
    assert page.locator("video").count() == 0


def test_keys__sheet_opens_and_closes(page, mount):
    mount(Gallery(groups=[group("a", clips(3))]))
    page.locator(CARDS).first.focus()
    page.keyboard.press("?")
    assert page.locator(".wb-keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator(".wb-keys").is_visible()
    assert active(page) == "clip_000.mp4"


def test_update__keeps_cards_and_focus_and_follows_the_new_order(page, mount):
    mount(Gallery(groups=[group("a", clips(5))]))
    page.locator(CARDS).nth(3).focus()
    page.evaluate("() => { document.querySelectorAll('.wb-card').forEach((c) => { c.mine = true; }); }")
    order = ["clip_003.mp4", "new.mp4", "clip_000.mp4", "clip_004.mp4"]
    set_groups(page, [group("a", order)])
    page.locator("[data-clip='new.mp4']").wait_for()
    assert shown(page) == order
    assert page.evaluate("() => [...document.querySelectorAll('.wb-card')].filter((c) => c.mine).length") == 3
    assert active(page) == "clip_003.mp4"


def test_update__no_groups_say_what_to_do(page, mount):
    mount(Gallery(groups=[group("a", clips(2))], empty_text="Press Rank."))
    assert not page.locator(".wb-empty").is_visible()
    set_groups(page, [])
    page.locator(".wb-empty:visible").wait_for()
    assert page.locator(".wb-empty").text_content() == "Press Rank."
    assert page.locator(CARDS).count() == 0


def test_refresh__asks_for_the_pictures_again(page, mount):
    mount(Gallery(groups=[group("a", clips(2))]))
    page.locator(".wb-card-poster:not([hidden])").nth(1).wait_for()
    page.evaluate("() => views[0].model.set('media_version', 1)")
    page.wait_for_function("() => views[0].model.sent.length === 4")


def test_views__two_of_one_gallery_answer_separately(page, mount):
    mount(Gallery(groups=[group("a", clips(2))]))
    mount(Gallery(groups=[group("a", clips(2))]))
    page.locator(".wb-card-poster:not([hidden])").nth(3).wait_for()
    ids = page.evaluate("() => views.flatMap((v) => v.model.sent).map((m) => m.id)")
    assert len(ids) == len(set(ids)) == 4


def test_close__leaves_no_listener_and_no_url(page, mount):
    page.evaluate("""() => { globalThis.urls = new Set();
        const make = URL.createObjectURL, drop = URL.revokeObjectURL;
        URL.createObjectURL = (b) => {
            const u = make.call(URL, b); if (!b.type.includes("javascript")) urls.add(u); return u; };
        URL.revokeObjectURL = (u) => { urls.delete(u); drop.call(URL, u); }; }""")
    mount(Gallery(groups=[group("a", clips(2))]))
    page.locator(".wb-card-poster:not([hidden])").nth(1).wait_for()
    assert page.evaluate("() => [urls.size, views[0].model.listeners() > 0]") == [2, True]
    page.evaluate("() => views[0].close()")
    state = "() => [urls.size, views[0].model.listeners(), views[0].el.childElementCount]"
    assert page.evaluate(state) == [0, 0, 0]


@pytest.mark.parametrize(("width", "least", "most"), [(400, 2, 3), (1600, 8, 10)])
def test_layout__cards_fill_narrow_and_wide_cells(page, mount, width, least, most):
    page.set_viewport_size({"width": width, "height": 700})
    mount(Gallery(groups=[group("a", ["a_very_long_name_" * 12 + ".mp4", *clips(20)])]))
    rows = page.evaluate(
        "() => [...document.querySelectorAll('.wb-card')].map((c) => c.getBoundingClientRect().top)"
    )
    assert least <= rows.count(rows[0]) <= most
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_waiting__only_pictures_on_their_way_are_animated(page, mount):
    mount(Gallery(groups=[group("a", clips(200))]))
    page.locator(".wb-card-poster:not([hidden])").first.wait_for()
    page.wait_for_function("() => !document.querySelector('.wb-pending')")
    assert page.locator(".wb-skeleton").count() > 50
    assert page.evaluate("() => document.getAnimations().filter((a) => a.animationName).length") == 0


def paired(title, keys, changes):
    """One prompt with the cards of two models."""
    cards = [
        {"key": key, "rank": place, "change": text, "change_kind": kind, "change_title": f"said of {key}"}
        for place, (key, (text, kind)) in enumerate(zip(keys, changes, strict=True), start=1)
    ]
    return [
        {"title": title, "subtitle": name, "detail": "cosine", "cards": cards} for name in ("me/a", "me/b")
    ]


def tops(page, selector):
    return [round(one.bounding_box()["y"]) for one in page.locator(selector).all()]


def test_side_by_side__two_columns_and_in_a_narrow_cell_one(page, mount):
    groups = paired("red", clips(2), [("▲3", "up"), ("new", "new")]) + paired("b", clips(1), [("=", "same")])
    mount(Gallery(side_by_side=2, groups=groups))
    first, second, third, fourth = tops(page, ".wb-group")
    assert first == second < third == fourth
    assert page.locator(".wb-group-whose").all_text_contents() == ["me/a · cosine", "me/b · cosine"] * 2
    page.set_viewport_size({"width": 400, "height": 700})
    first, second, third, fourth = tops(page, ".wb-group")
    assert first < second < third < fourth
    assert page.locator(".wb-group-whose:visible").count() == 4
    assert page.locator(".wb-group-title:visible").count() == 2


def test_side_by_side__a_card_says_how_its_place_differs(page, mount):
    mount(Gallery(side_by_side=2, groups=paired("red", clips(2), [("▲3", "up"), ("▼1", "down")])))
    change = page.locator(".wb-card-change").first
    assert (change.text_content(), change.get_attribute("data-change")) == ("▲3", "up")
    assert change.get_attribute("title") == "said of clip_000.mp4"
    assert "said of clip_000.mp4" in page.locator(CARDS).first.get_attribute("aria-label")
    page.locator(CARDS).first.click()
    assert page.locator("[aria-selected='true']").count() == 2
    assert sorted(set(sent(page, "poster"))) == sorted(sent(page, "poster"))  # one picture for both columns


def test_side_by_side__a_group_that_waits_says_so(page, mount):
    groups = paired("red", clips(1), [("▲3", "up")])
    groups[1] = {"title": "red", "subtitle": "<b>me/b</b>", "note": "Not ranked yet.", "note_level": "info"}
    mount(Gallery(side_by_side=2, groups=groups))
    assert page.locator(".wb-group-none:visible").count() == 0
    assert page.locator(".wb-group-note:visible").text_content() == "Not ranked yet."
    assert page.locator(".wb-group-whose").nth(1).text_content() == "<b>me/b</b>"


def test_change__is_not_there_without_a_second_ranking(page, mount):
    mount(Gallery(groups=[group("a", clips(1))]))
    assert page.locator(".wb-card-change").is_hidden()
    assert page.locator(".wb-group-whose").is_hidden()
