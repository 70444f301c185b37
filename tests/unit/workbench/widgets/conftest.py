"""Fakes at the channel: widgets whose messages are kept, and a page that plays host to a front end."""

import base64
import contextlib
import io
import shutil
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
from PIL import Image

NOT_OURS = ("layout", "tooltip", "tabbable")
CHROMIUM = shutil.which("chromium")


class Comm:
    """What a widget sent, and a way to hand it a message as the front end would."""

    def __init__(self, widget, monkeypatch):
        self.widget = widget
        self.sent = []
        monkeypatch.setattr(
            widget, "send", lambda content, buffers=None: self.sent.append((content, buffers))
        )

    def receive(self, content, buffers=()):
        self.widget._handle_custom_msg(content, [memoryview(b) for b in buffers])

    def settle(self):
        """Wait until the pool has answered all that was asked."""
        pool = self.widget._pool
        if pool is not None:
            pool.shutdown(wait=True)
            self.widget._pool = ThreadPoolExecutor(2)

    @property
    def last(self):
        return self.sent[-1][0]


@pytest.fixture
def comm_of(monkeypatch):
    """``comm_of(widget)`` -> `Comm`."""
    return lambda widget: Comm(widget, monkeypatch)


HOST = """
// A host for one widget: a model with traits, events and messages, answering media itself.
globalThis.mount = async (source, traits, media) => {
  const url = URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
  const { default: definition } = await import(url);
  const handlers = {};
  const bytes = Object.fromEntries(Object.entries(media).map(
    ([what, [text, mime]]) => [what, [Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), mime]]));
  const model = {
    traits: {...traits}, sent: [], saves: 0, answers: true,
    get: (name) => model.traits[name],
    set(name, value) {
      const all = typeof name === "string" ? {[name]: value} : name;
      const differs = (k) => JSON.stringify(model.traits[k]) !== JSON.stringify(all[k]);
      const changed = Object.keys(all).filter(differs);
      Object.assign(model.traits, all);
      for (const k of changed) model.emit(`change:${k}`);
    },
    save_changes() { model.saves += 1; },
    on(name, f) { (handlers[name] ??= new Set()).add(f); },
    off(name, f) { handlers[name]?.delete(f); },
    emit(name, ...args) { for (const f of [...(handlers[name] ?? [])]) f(...args); },
    listeners: () => Object.values(handlers).reduce((sum, set) => sum + set.size, 0),
    send(content, callbacks, buffers) {
      model.sent.push({...content, bytes: buffers?.[0]?.byteLength});
      if (content.kind === "media" && model.answers) setTimeout(() => model.answer(content), 5);
    },
    answer({id, what, key}) {
      if (!bytes[what] || key.startsWith("broken")) {
        model.emit("msg:custom", {kind: "media", id, ok: false, error: `Cannot read ${key}.`}, []);
      } else {
        const count = what === "frames" ? model.traits.frame_times_s.length : 1;
        model.emit("msg:custom", {kind: "media", id, ok: true, mime: Array(count).fill(bytes[what][1])},
          Array(count).fill(new DataView(bytes[what][0].buffer)));
      }
    },
  };
  const el = document.body.appendChild(document.createElement("div"));
  const view = { model, el, close: await definition.render({ model, el }) };
  (globalThis.views ??= []).push(view);
  return views.length - 1;
};
"""


@pytest.fixture(scope="module")  # its event loop must not outlive these tests
def browser():
    """A Chromium shared by the tests of the front end."""
    api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM)
        with contextlib.closing(chromium):
            yield chromium


@pytest.fixture
def page(browser):
    """A page that listens to keys on document first, as a notebook does; its errors fail the test."""
    page = browser.new_page(viewport={"width": 900, "height": 700})
    page.set_default_timeout(120_000)  # a busy machine is no fault
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content("<!doctype html><body></body>")
    page.add_script_tag(content=HOST)
    page.evaluate("""() => { globalThis.stolen = [];
        document.addEventListener("keydown", (e) => stolen.push(e.key), {capture: true}); }""")
    yield page
    page.close()
    assert errors == []


@pytest.fixture(scope="session")
def media():
    """Base64 bytes and mime of a picture and of a one-second clip, as the fake host sends them."""
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 40, 40)).save(picture, "PNG")
    clip = io.BytesIO()
    with av.open(clip, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(24):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 8 * i, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    png, mp4 = (base64.b64encode(x.getvalue()).decode() for x in (picture, clip))
    return {"poster": (png, "image/png"), "frames": (png, "image/png"), "clip": (mp4, "video/mp4")}


@pytest.fixture
def mount(page, media):
    """``mount(widget)`` shows a widget's front end in the page, with the widget's own traits."""

    def mount_widget(widget):
        ours = [name for name in widget.keys if not name.startswith("_") and name not in NOT_OURS]
        traits = {name: getattr(widget, name) for name in ours}
        page.add_style_tag(content=widget._css)
        return page.evaluate("(all) => mount(...all)", [widget._esm, traits, media])

    return mount_widget
