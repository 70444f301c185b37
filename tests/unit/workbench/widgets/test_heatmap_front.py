"""The heat map's front end in a page that plays the host."""

import pytest

from workbench.widgets import Heatmap

pytestmark = pytest.mark.browser

ROWS = ["<b>ball</b>", "star"]
COLUMNS = ["a.mp4", "b.mp4", "c.mp4"]
SCORES = [[0.1, 0.3, 0.2], [None, 0.0, 0.4]]


@pytest.fixture
def heatmap():
    heatmap = Heatmap()
    heatmap.show(SCORES, rows=ROWS, columns=COLUMNS)
    return heatmap


def selected(page):
    return page.evaluate("() => [views[0].model.get('selection'), views[0].model.get('selected_row')]")


def cell(page, row, column):
    """The place of a cell's middle in the plot."""
    width = page.evaluate("() => document.querySelector('.wb-heat-plot').clientWidth") / len(COLUMNS)
    return {"x": (column + 0.5) * width, "y": (row + 0.5) * 26}


def pixel(page, row, column):
    place = cell(page, row, column)
    return page.evaluate(
        """({x, y}) => { const pen = document.querySelector("canvas").getContext("2d");
            return [...pen.getImageData(x - 9, y + 8, 1, 1).data]; }""",
        place,
    )


def test_empty__says_what_to_do(page, mount):
    mount(Heatmap(empty_text="Rank first."))
    assert page.locator(".wb-empty:visible").text_content() == "Rank first."
    assert not page.locator("canvas").is_visible()


def test_colors__rise_in_lightness_and_holes_are_clear(page, mount, heatmap):
    mount(heatmap)
    low, middle, high = (sum(pixel(page, *at)[:3]) for at in [(1, 1), (0, 2), (1, 2)])
    assert low < middle < high
    assert pixel(page, 1, 0)[3] == 0


def test_labels_and_legend__are_text(page, mount, heatmap):
    mount(heatmap)
    assert page.locator(".wb-heat-label").all_text_contents() == ROWS
    assert page.locator(".wb-heat b").count() == 0
    assert page.locator(".wb-heat-legend").text_content().startswith("0.000.40")


def test_click__selects_cell(page, mount, heatmap):
    mount(heatmap)
    page.locator(".wb-heat-plot").click(position=cell(page, 1, 2))
    assert selected(page) == ["c.mp4", 1]
    assert page.evaluate("() => views[0].model.saves") == 1
    assert page.locator(".wb-heat-cell-frame").is_visible()


def test_pointing__tells_row_clip_and_score(page, mount, heatmap):
    mount(heatmap)
    page.locator(".wb-heat-plot").hover(position=cell(page, 0, 1))
    tip = page.locator(".wb-heat-tip")
    assert tip.is_visible()
    assert tip.locator("div").all_text_contents() == ["0.300 · 1 of 3", "b.mp4", "<b>ball</b>"]
    page.locator(".wb-heat-plot").hover(position=cell(page, 1, 0))
    assert "no score" in tip.text_content()


def test_keys__move_say_and_select(page, mount, heatmap):
    mount(heatmap)
    page.locator(".wb-heat-plot").focus()
    expected = {
        "ArrowRight": ["a.mp4", 0],
        "b": ["b.mp4", 0],
        "ArrowDown": ["b.mp4", 1],
        "End": ["c.mp4", 1],
        "Home": ["a.mp4", 1],
        "ArrowUp": ["a.mp4", 0],
        "ArrowLeft": ["a.mp4", 0],
    }
    for key, end in expected.items():
        page.keyboard.press(key)
        assert selected(page) == end
    assert page.locator("[aria-live]").text_content() == "<b>ball</b>, a.mp4, score 0.100, 3 of 3"
    page.wait_for_function("() => views[0].model.saves > 0")
    assert page.evaluate("() => stolen") == []


def test_selection__from_python_frames_the_column(page, mount, heatmap):
    mount(heatmap)
    page.evaluate("() => views[0].model.set('selection', 'b.mp4')")
    page.locator(".wb-heat-column-frame:visible").wait_for()
    assert not page.locator(".wb-heat-cell-frame").is_visible()
    page.evaluate("() => views[0].model.set('selection', 'not here.mp4')")
    page.locator(".wb-heat-column-frame").wait_for(state="hidden")


@pytest.mark.parametrize("width", [400, 1600])
def test_layout__two_hundred_columns_fit_or_scroll_inside(page, mount, width):
    page.set_viewport_size({"width": width, "height": 700})
    heatmap = Heatmap()
    rows, columns = ["a long prompt " * 9] * 12, [f"{i}.mp4" for i in range(200)]
    heatmap.show([[i / 200] * 200 for i in range(12)], rows=rows, columns=columns)
    mount(heatmap)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("() => document.querySelector('.wb-heat-plot').clientWidth") >= 1000


def test_close__leaves_nothing(page, mount, heatmap):
    mount(heatmap)
    page.evaluate("() => views[0].close()")
    assert page.evaluate("() => [views[0].model.listeners(), views[0].el.childElementCount]") == [0, 0]
