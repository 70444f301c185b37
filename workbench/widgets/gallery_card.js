// One card of the gallery: picture, name, caption, score. It knows how to look; the gallery
// decides what is selected and what plays.

class Card {
  constructor() {
    this.visible = false;
    this.poster = "none"; // "none" | "asked" | "shown" | "failed"
    this.media = make("div", { class: "wb-card-media wb-skeleton" });
    this.image = make("img", { class: "wb-card-poster", alt: "", decoding: "async", hidden: true, draggable: "false" });
    this.problem = make("div", { class: "wb-card-problem", hidden: true });
    this.rank = make("span", { class: "wb-card-rank" });
    this.change = make("span", { class: "wb-card-change" });
    this.place = make("div", { class: "wb-card-place" }, this.rank, this.change);
    this.badge = make("span", { class: "wb-card-badge" });
    this.media.append(this.image, this.problem, this.place, this.badge);
    this.name = make("div", { class: "wb-name wb-card-title" });
    this.caption = make("div", { class: "wb-card-caption" });
    this.fill = make("div", { class: "wb-bar-fill" });
    this.bar = make("div", { class: "wb-bar" }, this.fill);
    this.score = make("span", { class: "wb-card-score" });
    this.scoreLine = make("div", { class: "wb-card-score-line" }, this.bar, this.score);
    this.root = make("div", { class: "wb-card", role: "option", tabindex: "-1", "aria-selected": "false" },
      this.media, make("div", { class: "wb-card-body" }, this.name, this.caption, this.scoreLine));
    this.root.wbCard = this;
  }

  /** Show the data of a card; the parts that did not change are left alone. */
  update(data) {
    const text = JSON.stringify(data);
    if (text === this.text) return;
    this.text = text;
    this.data = data;
    this.key = data.key;
    this.root.dataset.clip = data.key;
    this.root.dataset.score = data.score === null ? "" : String(data.score);
    this.root.dataset.kind = data.kind;
    setName(this.name, data.title);
    setText(this.caption, data.caption);
    this.caption.title = data.caption;
    setText(this.score, data.score_text);
    this.scoreLine.hidden = !data.score_text && data.bar === null;
    this.bar.hidden = data.bar === null;
    this.fill.style.transform = `scaleX(${data.bar ?? 0})`;
    this.rank.hidden = data.rank === null;
    setText(this.rank, data.rank === null ? "" : String(data.rank));
    this.change.hidden = !data.change;
    setText(this.change, data.change ?? "");
    this.change.title = data.change_title ?? "";
    this.change.dataset.change = data.change_kind ?? "";
    this.badge.hidden = !data.badge;
    setText(this.badge, data.badge);
    const words = [data.rank && `${data.rank}.`, data.title, data.caption, data.score_text && `score ${data.score_text}`, data.change_title];
    this.root.setAttribute("aria-label", words.filter(Boolean).join(", "));
  }

  /** Its picture is on its way, or no longer. */
  setAsked(asked) {
    this.poster = asked ? "asked" : "none";
    this.media.classList.toggle("wb-pending", asked);
  }

  showPoster(url) {
    this.poster = "shown";
    this.image.onload = () => this.media.classList.remove("wb-skeleton", "wb-pending");
    this.image.onerror = () => this.showProblem("The picture cannot be shown.");
    this.image.src = url;
    this.image.hidden = false;
    this.problem.hidden = true;
  }

  /** Say what is wrong where the picture would be. */
  showProblem(reason) {
    this.poster = "failed";
    this.media.classList.remove("wb-skeleton", "wb-pending");
    this.image.hidden = true;
    this.problem.hidden = false;
    this.problem.title = reason;
    setText(this.problem, reason);
  }

  /** Ask for the picture again; the old one stays until then, so that nothing flickers. */
  forgetPoster() {
    this.poster = "none";
  }

  setWaiting(waiting) {
    this.root.classList.toggle("wb-waiting", waiting);
  }

  /** Play over the picture: muted, looping. */
  play(clip) {
    this.stop();
    if (!clip.mime.startsWith("video/")) return;
    this.video = make("video", { class: "wb-card-video", loop: true, playsinline: true, disablepictureinpicture: true });
    this.video.muted = true;
    this.video.addEventListener("playing", () => this.root.classList.add("wb-playing"), { once: true });
    this.video.addEventListener("error", () => this.say("This clip cannot be played here."), { once: true });
    this.video.src = clip.url;
    this.image.after(this.video);
    this.video.play().catch(() => {}); // stopped before it began, or "error" above tells
  }

  stop() {
    this.setWaiting(false);
    this.root.classList.remove("wb-playing");
    this.say("");
    if (!this.video) return;
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load(); // lets go of the decoder
    this.video.remove();
    this.video = null;
  }

  /** A line over the picture, such as why the clip does not play. */
  say(words) {
    if (!words && !this.words) return;
    this.words ??= this.media.appendChild(make("div", { class: "wb-card-words" }));
    this.words.hidden = !words;
    setText(this.words, words);
  }
}
