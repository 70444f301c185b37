// Groups of ranked cards. New groups are compared with the old by key, and only what differs
// changes; posters come when a card is in view, clips when the pointer rests on it.

const HOVER_MS = 180; // a pointer that only passes by asks for nothing
const AHEAD = { rootMargin: "300px 0px", scrollMargin: "300px 0px" }; // pictures a little before they are seen
const SELECT_MS = 120; // arrows held down select where they stop

const GALLERY_KEYS = [
  ["← → ↑ ↓", "go to another clip"],
  ["Home  End", "first, last of the group"],
  ["Space", "play or stop"],
  ["Enter", "select"],
  ["?", "show or hide these keys"],
  ["Esc", "stop, close"],
];

class GalleryView {
  constructor(model, el, signal) {
    Object.assign(this, { model, signal, groups: [], playing: null, held: false, active: null });
    this.media = new MediaStore(model, signal);
    this.root = make("div", { class: "wb-root wb-gallery" });
    this.keys = new KeySheet(this.root, GALLERY_KEYS);
    this.body = make("div", { class: "wb-gallery-body" });
    this.empty = make("div", { class: "wb-empty" });
    this.root.append(this.keys.button, this.body, this.empty);
    el.replaceChildren(this.root);
    this.observer = new IntersectionObserver((entries) => this.onView(entries), AHEAD);
    signal.addEventListener("abort", () => this.close());
    this.select = debounce((key) => this.sendSelection(key), SELECT_MS);
    this.hover = debounce((card) => this.play(card), HOVER_MS);
    this.bind();
    this.update();
  }

  bind() {
    const { model, signal, root } = this;
    onTraits(model, signal, ["groups", "empty_text", "columns", "side_by_side"], () => this.update());
    listen(model, signal, "change:selection", () => this.showSelection());
    listen(model, signal, "change:media_version", () => this.refresh());
    root.addEventListener("pointerover", (e) => this.onPointer(e), { signal });
    root.addEventListener("pointerleave", () => this.leave(), { signal });
    root.addEventListener("click", (e) => this.onClick(e), { signal });
    root.addEventListener("focusin", (e) => e.target.wbCard && this.setActive(e.target.wbCard), { signal });
    trapKeys(root, signal, (e) => this.onKey(e));
  }

  close() {
    this.observer.disconnect();
    this.hover.cancel();
    this.select.flush();
    this.stop();
  }

  // What is shown

  update() {
    const data = this.model.get("groups");
    const focused = this.root.contains(document.activeElement) ? document.activeElement : null;
    while (this.groups.length > data.length) this.groups.pop().remove();
    while (this.groups.length < data.length) {
      const group = new Group(this);
      this.groups.push(group);
      this.body.append(group.root);
    }
    for (const [index, group] of this.groups.entries()) group.update(data[index]);
    this.body.classList.toggle("wb-side-by-side", this.model.get("side_by_side") > 1 && data.length > 1);
    this.body.style.setProperty("--wb-side-by-side", this.model.get("side_by_side"));
    const columns = this.model.get("columns");
    this.root.style.setProperty("--wb-columns", columns ? `repeat(${columns}, minmax(0, 1fr))` : "");
    this.empty.hidden = data.length > 0;
    this.keys.button.hidden = data.length === 0;
    setText(this.empty, this.model.get("empty_text"));
    if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
    this.showSelection();
  }

  newCard() {
    const card = new Card();
    this.observer.observe(card.root);
    return card;
  }

  removeCard(card) {
    this.observer.unobserve(card.root);
    if (this.playing === card) this.stop();
    if (this.active === card) this.active = null;
    card.visible = false;
    card.root.remove();
  }

  allCards() {
    return this.groups.flatMap((group) => [...group.cards.values()]);
  }

  showSelection() {
    const key = this.model.get("selection");
    const cards = this.allCards();
    for (const card of cards) {
      const selected = card.key === key;
      if (card.root.ariaSelected !== String(selected)) card.root.setAttribute("aria-selected", String(selected));
    }
    if (!this.active) this.setActive(cards.find((card) => card.key === key) ?? cards[0] ?? null);
  }

  /** The one card that Tab reaches. */
  setActive(card) {
    if (this.active) this.active.root.tabIndex = -1;
    this.active = card;
    if (card) card.root.tabIndex = 0;
  }

  // Pictures

  onView(entries) {
    for (const entry of entries) {
      const card = entry.target.wbCard;
      card.visible = entry.isIntersecting;
      if (card.visible && card.poster === "none") this.loadPoster(card);
      if (!card.visible && this.playing === card) this.stop();
    }
  }

  async loadPoster(card) {
    card.setAsked(true);
    const key = card.key;
    try {
      const [poster] = await this.media.get("poster", key, () => card.visible);
      if (card.poster === "asked") card.showPoster(poster.url);
    } catch (error) {
      if (card.poster !== "asked") return;
      if (!(error instanceof Unwanted)) card.showProblem(error.message);
      else {
        card.setAsked(false);
        if (card.visible) this.loadPoster(card);
      }
    }
  }

  /** The keys name other media now: fetch again what is in view. */
  refresh() {
    this.stop();
    this.media.forget();
    for (const card of this.allCards()) {
      card.forgetPoster();
      if (card.visible) this.loadPoster(card);
    }
  }

  // Playing: one card at a time; held = started by key or touch, so a leaving pointer leaves it on

  async play(card, held = false) {
    if (this.playing !== card) this.stop();
    this.held = held;
    if (this.playing === card || card.data.kind === "image") return;
    this.playing = card;
    card.setWaiting(true);
    try {
      const [clip] = await this.media.get("clip", card.key, () => this.playing === card);
      if (this.playing !== card) return;
      card.setWaiting(false);
      card.play(clip);
    } catch (error) {
      if (this.playing !== card) return;
      card.setWaiting(false);
      if (error instanceof Unwanted) this.playing = null;
      else card.say(error.message);
    }
  }

  stop() {
    this.playing?.stop();
    this.playing = null;
  }

  leave() {
    this.pointed = null;
    this.hover.cancel();
    if (!this.held) this.stop();
  }

  // What the reader does

  onPointer(event) {
    if (event.pointerType !== "mouse") return;
    const card = event.target.closest(".wb-card")?.wbCard;
    if (card === this.pointed) return;
    this.leave();
    this.pointed = card;
    if (card && !matchMedia("(prefers-reduced-motion: reduce)").matches) this.hover(card);
  }

  onClick(event) {
    const card = event.target.closest(".wb-card")?.wbCard;
    if (!card) return;
    card.root.focus({ preventScroll: true });
    this.hover.cancel();
    this.sendSelection(card.key);
    this.play(card, event.pointerType !== "mouse");
  }

  sendSelection(key) {
    this.select.cancel();
    if (this.model.get("selection") === key) return;
    this.model.set("selection", key);
    this.model.save_changes();
  }

  onKey(event) {
    if (this.keys.handle(event)) return true;
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.key === "Escape" && this.playing) return this.stop(), true;
    const card = event.target.wbCard;
    if (!card || event.shiftKey) return false;
    if (event.key === "Enter") this.sendSelection(card.key);
    else if (event.key === " ") this.playing === card ? this.stop() : this.play(card, true);
    else return this.move(card, event.key);
    return true;
  }

  move(card, key) {
    const next = this.neighbour(card, key);
    if (next === undefined) return false;
    if (next) {
      next.root.focus();
      this.select(next.key);
    }
    return true;
  }

  /** Where a key leads by what the eye sees: null at an edge, undefined for other keys. */
  neighbour(card, key) {
    const cards = this.allCards();
    const index = cards.indexOf(card);
    if (key === "ArrowRight") return cards[index + 1] ?? null;
    if (key === "ArrowLeft") return cards[index - 1] ?? null;
    if (key === "ArrowDown") return nearest(card, cards.slice(index + 1), 1);
    if (key === "ArrowUp") return nearest(card, cards.slice(0, index).reverse(), -1);
    const group = this.groups.find((g) => g.list.contains(card.root));
    if (key === "Home") return [...group.cards.values()][0];
    if (key === "End") return [...group.cards.values()].at(-1);
    return undefined;
  }
}

/** The card of the next row (sign 1) or the row before (-1) that is nearest sideways. */
function nearest(card, others, sign) {
  const from = card.root.getBoundingClientRect();
  let best = null;
  for (const other of others) {
    const box = other.root.getBoundingClientRect();
    if (sign * (box.top - from.top) < from.height / 2) continue; // the same row
    const aside = Math.abs(box.left - from.left);
    if (best && Math.abs(box.top - best.top) > 1) break; // the row after the next
    if (!best || aside < best.aside) best = { card: other, top: box.top, aside };
  }
  return best?.card ?? null;
}

export default widget(GalleryView);
