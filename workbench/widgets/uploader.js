// Files from this machine, in chunks of 1 MB that Python acknowledges. One file at a time; the
// others wait in line. The whole field opens the chooser and takes dropped files.

const CHUNK_BYTES = 1_000_000;
const AHEAD = 2; // chunks under way: one on the wire while one is written
const KEPT_LINES = 50;

/** One file and its line. */
class Upload {
  constructor(file, onCancel) {
    Object.assign(this, { file, id: "", sent: 0, received: 0, state: "waiting" });
    this.name = make("div", { class: "wb-name wb-upload-name" });
    setName(this.name, file.name);
    this.words = make("div", { class: "wb-upload-words" });
    this.fill = make("div", { class: "wb-bar-fill" });
    this.bar = make("div", { class: "wb-bar" }, this.fill);
    this.button = make("button", { class: "wb-button wb-upload-cancel", type: "button", text: "×",
      "aria-label": `Cancel ${file.name}`, title: "Cancel", on: { click: () => onCancel(this) } });
    this.root = make("div", { class: "wb-upload-line", role: "listitem" },
      this.name, this.words, this.button, this.bar);
    this.show();
  }

  /** Set the state, with the reason of an error or the name on disk. */
  set(state, words = "") {
    this.state = state;
    this.said = words;
    this.show();
  }

  get over() {
    return ["done", "failed", "cancelled"].includes(this.state);
  }

  show() {
    const { state, received, file } = this;
    const words = {
      waiting: "waiting",
      sending: `${bytesText(received)} of ${bytesText(file.size)}`,
      done: `✓ ${bytesText(file.size)}`,
      failed: this.said,
      cancelled: "cancelled",
    }[state];
    this.root.dataset.state = state;
    setText(this.words, words);
    this.words.title = words;
    this.words.classList.toggle("wb-error-text", state === "failed");
    this.fill.style.transform = `scaleX(${file.size ? received / file.size : 0})`;
    this.bar.hidden = this.over;
    this.button.hidden = this.over;
  }
}

class UploaderView {
  constructor(model, el, signal) {
    Object.assign(this, { model, signal, uploads: [], current: null, count: 0, waiting: null });
    this.prefix = Math.random().toString(36).slice(2, 10);
    this.build();
    el.replaceChildren(this.root);
    listen(model, signal, "msg:custom", (message) => this.receive(message));
    onTraits(model, signal, ["text", "accept", "max_bytes"], () => this.update());
    this.bind();
    signal.addEventListener("abort", () => this.current && this.cancel(this.current));
    this.update();
  }

  build() {
    this.input = make("input", { type: "file", multiple: true, class: "wb-hidden", tabindex: "-1", "aria-hidden": "true" });
    this.text = make("span");
    this.limit = make("div", { class: "wb-muted wb-upload-limit" });
    this.choose = make("button", { class: "wb-upload-choose", type: "button" }, this.text);
    this.list = make("div", { class: "wb-upload-list", role: "list", "aria-label": "Uploads", hidden: true });
    this.live = make("div", { class: "wb-hidden", "aria-live": "polite" });
    this.zone = make("div", { class: "wb-upload-zone" }, this.choose, this.limit);
    this.root = make("div", { class: "wb-root wb-uploader" }, this.input, this.zone, this.list, this.live);
  }

  bind() {
    const { root, signal } = this;
    root.addEventListener("click", (e) => {
      if (e.target !== this.input && !e.target.closest(".wb-upload-cancel")) this.input.click();
    }, { signal });
    this.input.addEventListener("change", () => {
      this.add([...this.input.files]);
      this.input.value = ""; // the same file may be chosen again
    }, { signal });
    for (const type of ["dragenter", "dragover"]) {
      root.addEventListener(type, (e) => this.onDrag(e), { signal });
    }
    root.addEventListener("dragleave", (e) => {
      if (!root.contains(e.relatedTarget)) root.classList.remove("wb-dragging");
    }, { signal });
    root.addEventListener("drop", (e) => this.onDrop(e), { signal });
    trapKeys(root, signal, () => false);
  }

  update() {
    setText(this.text, this.model.get("text"));
    setText(this.limit, `Up to ${bytesText(this.model.get("max_bytes"))} each`);
    this.input.accept = this.model.get("accept");
  }

  onDrag(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    event.dataTransfer.dropEffect = "copy";
    this.root.classList.add("wb-dragging");
  }

  async onDrop(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    this.root.classList.remove("wb-dragging");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = [...event.dataTransfer.files];
    this.add(entries.some((e) => e.isDirectory) ? await filesOf(entries) : files);
  }

  // The line of files

  add(files) {
    for (const file of files) {
      const upload = new Upload(file, (u) => this.cancel(u));
      this.uploads.push(upload);
      this.list.append(upload.root);
      const limit = this.model.get("max_bytes");
      if (file.size > limit) upload.set("failed", `Too large: ${bytesText(file.size)}; at most ${bytesText(limit)}.`);
    }
    const old = this.uploads.filter((u) => u.over).slice(0, Math.max(0, this.uploads.length - KEPT_LINES));
    for (const upload of old) upload.root.remove();
    this.uploads = this.uploads.filter((u) => !old.includes(u));
    this.list.hidden = !this.uploads.length;
    this.next();
  }

  /** Start the next file, or tell Python that all are through. */
  next() {
    if (this.current) return;
    this.current = this.uploads.find((u) => u.state === "waiting") ?? null;
    if (this.current) this.start(this.current);
    else if (this.started) {
      this.started = false;
      this.model.send({ kind: "upload", id: `${this.prefix}-batch`, op: "batch" });
      const done = this.uploads.filter((u) => u.state === "done").length;
      setText(this.live, `${done} of ${this.uploads.length} files uploaded`);
    }
  }

  start(upload) {
    this.started = true;
    upload.id = `${this.prefix}-${(this.count += 1)}`;
    upload.set("sending");
    this.model.send({ kind: "upload", id: upload.id, op: "start", name: upload.file.name, size: upload.file.size });
  }

  receive(message) {
    const upload = this.current;
    if (message.kind !== "upload" || !upload || message.id !== upload.id) return;
    if (message.op === "ready") this.sendChunks(upload);
    else if (message.op === "ack") {
      upload.received = message.received;
      upload.show();
      this.sendChunks(upload);
    } else if (message.op === "done") this.end(upload, "done", message.name);
    else if (message.op === "error") this.end(upload, "failed", message.error);
  }

  /** Keep AHEAD chunks under way; reading is asynchronous, so one reader at a time. */
  async sendChunks(upload) {
    if (upload.reading) return;
    upload.reading = true;
    try {
      while (upload === this.current && upload.sent < upload.file.size
             && upload.sent - upload.received < AHEAD * CHUNK_BYTES) {
        const offset = upload.sent;
        const data = await upload.file.slice(offset, offset + CHUNK_BYTES).arrayBuffer();
        if (upload !== this.current) return;
        upload.sent += data.byteLength;
        this.model.send({ kind: "upload", id: upload.id, op: "chunk", offset }, undefined, [data]);
      }
    } catch {
      this.model.send({ kind: "upload", id: upload.id, op: "cancel" });
      this.end(upload, "failed", "The file cannot be read.");
    } finally {
      upload.reading = false;
    }
  }

  end(upload, state, words) {
    upload.set(state, words);
    if (upload === this.current) this.current = null;
    this.next();
  }

  cancel(upload) {
    if (upload === this.current) this.model.send({ kind: "upload", id: upload.id, op: "cancel" });
    this.end(upload, "cancelled");
  }
}

/** All files in dropped entries, folders opened. */
async function filesOf(entries) {
  const files = [];
  for (const entry of entries) {
    if (entry.isFile) files.push(await new Promise((ok, no) => entry.file(ok, no)));
    else {
      const reader = entry.createReader();
      for (;;) {
        const some = await new Promise((ok, no) => reader.readEntries(ok, no)); // a hundred at a time
        if (!some.length) break;
        files.push(...(await filesOf(some)));
      }
    }
  }
  return files;
}

export default widget(UploaderView);
