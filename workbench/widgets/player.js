// One clip with its controls, and the strip of the frames that the model saw.

const SHOW_MS = 90; // somebody running through clips with the arrows fetches the one they stop at
const FRAME_WIDTH = 76; // at least this wide; rows are as even as they can be
const SAME_TIME_S = 0.004;

const PLAYER_KEYS = [
  ["Space", "play or pause"],
  ["← →", "frame before, after"],
  ["Enter", "go to this frame"],
  ["?", "show or hide these keys"],
];

class PlayerView {
  constructor(model, el, signal) {
    Object.assign(this, { model, signal, frames: [], shown: "", current: -1 });
    this.media = new MediaStore(model, signal);
    this.build();
    el.replaceChildren(this.root);
    this.load = debounce(() => this.loadClip(), SHOW_MS);
    this.loadStrip = debounce(() => this.fillStrip(), SHOW_MS);
    onTraits(model, signal, ["key", "title", "detail", "frame_times_s", "empty_text", "strip_text"], () => this.update());
    listen(model, signal, "change:time_s", () => this.seek(model.get("time_s")));
    listen(model, signal, "change:media_version", () => this.refresh());
    trapKeys(this.root, signal, (e) => this.onKey(e));
    const resized = new ResizeObserver(() => this.layOutStrip());
    resized.observe(this.stripPart);
    const seen = new IntersectionObserver((entries) => this.onView(entries.at(-1).isIntersecting));
    seen.observe(this.stage);
    signal.addEventListener("abort", () => {
      resized.disconnect();
      seen.disconnect();
      this.clearStage();
    });
    this.update();
  }

  build() {
    this.stage = make("div", { class: "wb-player-stage" });
    this.title = make("div", { class: "wb-name wb-player-title" });
    this.detail = make("div", { class: "wb-player-detail wb-muted" });
    this.stripTitle = make("span", { class: "wb-player-strip-title" });
    this.stripCount = make("span", { class: "wb-muted" });
    this.strip = make("div", { class: "wb-player-strip", role: "group" });
    this.stripPart = make("div", { class: "wb-player-strip-part" },
      make("div", { class: "wb-player-strip-head" }, this.stripTitle, this.stripCount), this.strip);
    this.empty = make("div", { class: "wb-empty wb-player-empty" });
    this.root = make("div", { class: "wb-root wb-player" });
    this.keys = new KeySheet(this.root, PLAYER_KEYS);
    const head = make("div", { class: "wb-player-head" },
      make("div", { class: "wb-player-words" }, this.title, this.detail), this.keys.button);
    this.content = make("div", { class: "wb-player-content" },
      make("div", { class: "wb-player-main" }, this.stage, head), this.stripPart);
    this.root.append(this.content, this.empty);
  }

  // What is shown

  update() {
    const { model } = this;
    const key = model.get("key");
    this.empty.hidden = key !== "";
    this.content.hidden = key === "";
    setText(this.empty, model.get("empty_text"));
    setName(this.title, model.get("title") || key);
    setText(this.detail, model.get("detail"));
    this.detail.title = model.get("detail");
    if (key !== this.shown) this.showClip(key);
    this.showStrip(key, model.get("frame_times_s"));
  }

  showClip(key) {
    this.shown = key;
    this.clearStage();
    if (!key) return this.load.cancel();
    this.stage.classList.add("wb-skeleton", "wb-pending");
    this.load();
  }

  clearStage() {
    if (this.video) {
      this.video.pause();
      this.video.removeAttribute("src");
      this.video.load();
    }
    this.video = null;
    this.away = false;
    this.stage.replaceChildren();
    this.stage.classList.remove("wb-skeleton", "wb-pending");
  }

  async loadClip() {
    const key = this.shown;
    try {
      const [clip] = await this.media.get("clip", key, () => this.shown === key);
      if (this.shown !== key || this.signal.aborted) return;
      this.stage.replaceChildren(clip.mime.startsWith("video/") ? this.newVideo(clip.url) : this.newImage(clip.url));
    } catch (error) {
      if (this.shown === key && !(error instanceof Unwanted)) this.say(error.message);
    }
  }

  newImage(url) {
    const image = make("img", { class: "wb-player-media", alt: this.title.title, src: url });
    image.addEventListener("load", () => this.stage.classList.remove("wb-skeleton", "wb-pending"), { once: true });
    image.addEventListener("error", () => this.say("The picture cannot be shown."), { once: true });
    return image;
  }

  newVideo(url) {
    const video = make("video", { class: "wb-player-media", controls: true, loop: true, playsinline: true });
    video.muted = true;
    this.video = video;
    video.addEventListener("loadeddata", () => this.stage.classList.remove("wb-skeleton", "wb-pending"), { once: true });
    video.addEventListener("error", () => video === this.video && this.say("This clip cannot be played here."));
    video.addEventListener("play", () => this.follow(video));
    for (const type of ["pause", "seeked"]) video.addEventListener(type, () => this.onStill(video));
    video.src = url;
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) video.play().catch(() => {}); // "error" tells
    return video;
  }

  say(words) {
    this.clearStage();
    this.stage.replaceChildren(make("div", { class: "wb-player-problem wb-error-text", role: "alert", text: words }));
  }

  showStrip(key, times) {
    const text = JSON.stringify([key, times]);
    setText(this.stripTitle, this.model.get("strip_text"));
    this.strip.setAttribute("aria-label", this.model.get("strip_text"));
    if (text === this.stripText) return;
    if (key === this.stripKey) this.media.forget("frames", key); // the same clip, other moments
    Object.assign(this, { stripText: text, stripKey: key, current: -1 });
    this.stripPart.hidden = times.length === 0;
    setText(this.stripCount, times.length === 1 ? "1 frame" : `${times.length} frames`);
    this.frames = times.map((time, i) => this.newFrame(time, i));
    this.strip.replaceChildren(...this.frames.map((frame) => frame.root));
    this.layOutStrip();
    if (times.length) this.mark(0);
    if (key && times.length) this.loadStrip();
    else this.loadStrip.cancel();
  }

  newFrame(time, index) {
    const image = make("img", { alt: "", hidden: true, draggable: "false" });
    const box = make("div", { class: "wb-frame-box wb-skeleton wb-pending" }, image);
    const root = make("button", { class: "wb-frame", type: "button", tabindex: "-1", title: "Go to this frame",
      "aria-label": `Frame ${index + 1} at ${secondsText(time)}`, on: { click: () => this.choose(index) } },
      box, make("span", { class: "wb-frame-time", text: secondsText(time) }));
    return { root, box, image, time };
  }

  /** Rows of the same length: 8 frames in 5 columns would be 5 + 3, so 4 + 4. */
  layOutStrip() {
    const fit = Math.max(1, Math.floor(this.stripPart.clientWidth / FRAME_WIDTH));
    const rows = Math.ceil(this.frames.length / fit);
    this.strip.style.setProperty("--wb-strip", Math.max(1, Math.ceil(this.frames.length / rows)));
  }

  async fillStrip() {
    const text = this.stripText;
    const current = () => this.stripText === text && !this.signal.aborted;
    try {
      const pictures = await this.media.get("frames", this.stripKey, current);
      if (!current()) return;
      for (const [i, frame] of this.frames.entries()) {
        frame.box.classList.remove("wb-skeleton", "wb-pending");
        if (!pictures[i]) continue;
        frame.image.src = pictures[i].url;
        frame.image.hidden = false;
      }
    } catch (error) {
      if (!current() || error instanceof Unwanted) return;
      this.strip.replaceChildren(make("div", { class: "wb-error-text wb-player-strip-problem", text: error.message }));
    }
  }

  refresh() {
    this.media.forget();
    this.shown = this.stripText = this.stripKey = "";
    this.update();
  }

  // Time

  /** While the clip plays, mark the nearest frame at each picture of the video. */
  follow(video) {
    const tick = () => {
      if (video !== this.video || video.paused) return;
      this.markTime(video);
      video.requestVideoFrameCallback ? video.requestVideoFrameCallback(tick) : requestAnimationFrame(tick);
    };
    tick();
  }

  /** A clip that nobody sees costs no decoding; it goes on when it is seen again. */
  onView(visible) {
    const { video } = this;
    if (!video) return;
    if (!visible && !video.paused) {
      this.away = true;
      video.pause();
    } else if (visible && this.away) {
      this.away = false;
      video.play().catch(() => {}); // taken away meanwhile
    }
  }

  markTime(video) {
    const time = video.currentTime + this.model.get("media_start_s");
    let nearest = 0;
    for (const [i, frame] of this.frames.entries()) {
      if (Math.abs(frame.time - time) < Math.abs(this.frames[nearest].time - time)) nearest = i;
    }
    this.mark(nearest);
  }

  mark(index) {
    if (index === this.current) return;
    this.frames[this.current]?.root.removeAttribute("aria-current");
    const before = this.frames[this.current]?.root;
    const now = this.frames[index]?.root;
    if (!now) return;
    now.setAttribute("aria-current", "true");
    if (document.activeElement === before || !this.strip.contains(document.activeElement)) {
      if (before) before.tabIndex = -1;
      now.tabIndex = 0;
    }
    this.current = index;
  }

  /** Tell Python where the reader stopped; not while it plays or loops. */
  onStill(video) {
    if (video !== this.video || !video.paused || this.away) return;
    this.markTime(video);
    const time = video.currentTime + this.model.get("media_start_s");
    if (Math.abs(time - this.model.get("time_s")) < SAME_TIME_S) return;
    this.model.set("time_s", time);
    this.model.save_changes();
  }

  seek(time) {
    const at = Math.max(0, time - this.model.get("media_start_s"));
    if (this.video && Math.abs(this.video.currentTime - at) > SAME_TIME_S) this.video.currentTime = at;
  }

  /** Stop at a frame of the strip. */
  choose(index) {
    const frame = this.frames[index];
    this.away = false;
    this.mark(index);
    if (!this.video) return;
    this.video.pause();
    this.seek(frame.time);
  }

  onKey(event) {
    if (this.keys.handle(event)) return true;
    if (event.ctrlKey || event.metaKey || event.altKey || event.target === this.video) return false;
    const index = this.frames.findIndex((frame) => frame.root === event.target);
    if (event.key === " " && event.target !== this.keys.button && this.video) {
      this.video.paused ? this.video.play().catch(() => {}) : this.video.pause();
      return true;
    }
    const next = index + { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (index < 0 || Number.isNaN(next)) return false;
    if (this.frames[next]) {
      this.frames[index].root.tabIndex = -1;
      this.frames[next].root.tabIndex = 0;
      this.frames[next].root.focus();
      this.choose(next);
    }
    return true;
  }
}

export default widget(PlayerView);
