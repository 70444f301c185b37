// One group of the gallery: heading, note and its cards in order, compared by key on each update.

class Group {
  constructor(gallery) {
    this.gallery = gallery;
    this.cards = new Map();
    this.title = make("div", { class: "wb-group-title", role: "heading", "aria-level": "4" });
    this.count = make("span", { class: "wb-group-count wb-muted" });
    this.whose = make("div", { class: "wb-group-whose" });
    this.note = make("div", { class: "wb-group-note" });
    this.list = make("div", { class: "wb-group-cards", role: "listbox" });
    this.none = make("div", { class: "wb-muted wb-group-none", text: "No clips here." });
    this.root = make("div", { class: "wb-group" },
      make("div", { class: "wb-group-head" }, this.title, this.count), this.whose, this.note, this.list, this.none);
  }

  update(data) {
    setText(this.title, data.title);
    this.title.title = data.title;
    setText(this.count, data.cards.length === 1 ? "1 clip" : `${data.cards.length} clips`);
    this.whose.hidden = !data.subtitle;
    setText(this.whose, [data.subtitle, data.detail].filter(Boolean).join(" · "));
    this.whose.title = data.subtitle ?? "";
    this.note.hidden = !data.note;
    setText(this.note, data.note);
    this.note.classList.toggle("wb-group-warning", data.note_level === "warning");
    this.list.setAttribute("aria-label", [data.title || "clips", data.subtitle].filter(Boolean).join(", "));
    this.list.hidden = !data.cards.length;
    this.none.hidden = Boolean(data.cards.length) || Boolean(data.subtitle && data.note);
    this.list.classList.toggle("wb-captions", data.cards.some((card) => card.caption));
    this.updateCards(data.cards);
  }

  updateCards(data) {
    const old = this.cards;
    this.cards = new Map();
    for (const [index, item] of data.entries()) {
      const id = this.cards.has(item.key) ? `${item.key} ${index}` : item.key;
      const card = old.get(id) ?? this.gallery.newCard();
      old.delete(id);
      card.update(item);
      this.cards.set(id, card);
    }
    for (const card of old.values()) this.gallery.removeCard(card);
    let place = this.list.firstChild;
    for (const { root } of this.cards.values()) {
      if (root === place) place = place.nextSibling;
      else this.list.insertBefore(root, place);
    }
  }

  remove() {
    for (const card of this.cards.values()) this.gallery.removeCard(card);
    this.root.remove();
  }
}
