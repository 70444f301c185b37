"""The uploader's front end in a page that plays the host: the test answers for Python."""

import pytest

from workbench.widgets import Uploader

pytestmark = pytest.mark.browser


def sent(page, op):
    return page.evaluate("(op) => views[0].model.sent.filter((m) => m.op === op)", op)


def answer(page, op, upload_id, **fields):
    message = {"kind": "upload", "id": upload_id, "op": op, **fields}
    page.evaluate("(m) => views[0].model.emit('msg:custom', m, [])", message)


def choose(page, *files):
    payload = [{"name": n, "mimeType": "video/mp4", "buffer": b} for n, b in files]
    page.locator("input[type=file]").set_input_files(payload)


def wait_sent(page, op, count):
    page.wait_for_function(
        "([op, n]) => views[0].model.sent.filter((m) => m.op === op).length === n", arg=[op, count]
    )
    return sent(page, op)[-1]


def test_field__a_click_anywhere_opens_the_chooser(page, mount):
    mount(Uploader())
    with page.expect_file_chooser() as chooser:
        page.locator(".wb-uploader").click(position={"x": 5, "y": 5})
    assert chooser.value.is_multiple()
    with page.expect_file_chooser():
        page.locator(".wb-upload-choose").press("Enter")


def test_chunks__wait_for_their_acknowledgement(page, mount):
    mount(Uploader())
    choose(page, ("ball.mp4", b"x" * 3_500_000))
    start = wait_sent(page, "start", 1)
    assert (start["name"], start["size"]) == ("ball.mp4", 3_500_000)
    answer(page, "ready", start["id"])
    wait_sent(page, "chunk", 2)
    page.evaluate("() => new Promise((done) => setTimeout(done, 100))")
    assert [(c["offset"], c["bytes"]) for c in sent(page, "chunk")] == [(0, 10**6), (10**6, 10**6)]
    answer(page, "ack", start["id"], received=10**6)
    wait_sent(page, "chunk", 3)
    answer(page, "ack", start["id"], received=2 * 10**6)
    assert wait_sent(page, "chunk", 4)["bytes"] == 500_000
    answer(page, "ack", start["id"], received=3_500_000)
    answer(page, "done", start["id"], name="ball.mp4")
    wait_sent(page, "batch", 1)
    assert page.locator(".wb-upload-line").get_attribute("data-state") == "done"


def test_files__go_one_after_the_other_and_an_error_ends_only_one(page, mount):
    mount(Uploader(max_bytes=1000))
    choose(page, ("<b>big</b>.mp4", b"x" * 1001), ("one.mp4", b"1"), ("two.mp4", b"2"))
    first = wait_sent(page, "start", 1)
    assert first["name"] == "one.mp4"
    answer(page, "error", first["id"], error="The disk is full.")
    second = wait_sent(page, "start", 2)
    answer(page, "done", second["id"], name="two.mp4")
    wait_sent(page, "batch", 1)
    states = [line.get_attribute("data-state") for line in page.locator(".wb-upload-line").all()]
    assert states == ["failed", "failed", "done"]
    assert "Too large" in page.locator(".wb-upload-line").nth(0).text_content()
    assert "The disk is full." in page.locator(".wb-upload-line").nth(1).text_content()
    assert page.locator(".wb-upload-line b").count() == 0


def test_cancel__tells_python_and_goes_on(page, mount):
    mount(Uploader())
    choose(page, ("one.mp4", b"1"), ("two.mp4", b"2"))
    first = wait_sent(page, "start", 1)
    page.locator(".wb-upload-cancel").first.click()
    assert wait_sent(page, "cancel", 1)["id"] == first["id"]
    wait_sent(page, "start", 2)
    assert page.locator(".wb-upload-line").first.get_attribute("data-state") == "cancelled"


def test_drop__takes_files(page, mount):
    mount(Uploader())
    page.evaluate("""() => {
        const data = new DataTransfer();
        data.items.add(new File(["abc"], "dropped.mp4", {type: "video/mp4"}));
        const field = document.querySelector(".wb-uploader");
        const init = {dataTransfer: data, bubbles: true, cancelable: true};
        for (const type of ["dragenter", "dragover"]) {
            field.dispatchEvent(new DragEvent(type, init));
        }
        globalThis.lit = field.classList.contains("wb-dragging");
        field.dispatchEvent(new DragEvent("drop", init)); }""")
    assert page.evaluate("() => lit")
    assert wait_sent(page, "start", 1)["name"] == "dropped.mp4"
    assert "wb-dragging" not in page.locator(".wb-uploader").get_attribute("class")


def test_close__gives_up_the_file_under_way(page, mount):
    mount(Uploader())
    choose(page, ("one.mp4", b"1"))
    start = wait_sent(page, "start", 1)
    page.evaluate("() => views[0].close()")
    assert sent(page, "cancel")[0]["id"] == start["id"]
