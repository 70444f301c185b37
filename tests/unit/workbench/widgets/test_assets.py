import re
import subprocess
import sys

import pytest

from workbench import widgets
from workbench.widgets import Gallery, Heatmap, Player, Uploader
from workbench.widgets.assets import script, style

ALL = [Gallery, Heatmap, Player, Uploader]


def test_import__loads_no_widget_library():
    code = "import sys, workbench.widgets; assert not {'anywidget', 'ipywidgets', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_getattr__unknown_name_lists_the_known():
    with pytest.raises(AttributeError, match="Gallery, Heatmap"):
        _ = widgets.Carousel


def test_dir__lists_the_exports():
    assert dir(widgets) == sorted(widgets.__all__)


@pytest.mark.parametrize("widget", ALL)
def test_script__one_module_with_one_export(widget):
    assert widget._esm.count("export default") == 1
    assert re.search(r"^\s*import\b", widget._esm, re.MULTILINE) is None


@pytest.mark.parametrize("widget", ALL)
def test_script__never_makes_html_of_text_and_fetches_nothing(widget):
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", widget._esm)
    assert not re.search(r"https?://|@import|url\(", widget._esm + widget._css)


def test_style__theme_comes_first():
    assert style("gallery.css").startswith(style())
    assert script("gallery.js").startswith(script())
