// A heat map: colours on one canvas, words in the DOM (crisp, selectable by readers), frames of
// the selection as boxes above the canvas, so that pointing and selecting never draw again.

const CELL_HEIGHT = 26;
const CELL_MIN = 5; // narrower would be hard to point at: the map scrolls instead
const CELL_MAX = 52;
const SCROLL_PADDING = 5; // as in heatmap.css: room for the frames of the selection
const NAMES_FROM = 17; // cells this wide have their clip's name under them
const NUMBERS_FROM = 38; // and this wide their number inside

const HEATMAP_KEYS = [
  ["← → ↑ ↓", "go to another cell"],
  ["Home  End", "first, last clip"],
  ["B", "best clip of the row"],
  ["Enter", "select"],
  ["?", "show or hide these keys"],
];

class HeatmapView {
  constructor(model, el, signal) {
    Object.assign(this, { model, signal, cell: null, scores: [], rows: [], columns: [] });
    this.build();
    el.replaceChildren(this.root);
    this.sync = debounce(() => this.sendSelection(), 120);
    onTraits(model, signal, ["scores", "rows", "columns", "low", "high", "empty_text"], () => this.update());
    onTraits(model, signal, ["selection", "selected_row"], () => this.showSelection());
    this.bind();
    const resized = new ResizeObserver(() => this.layout());
    resized.observe(this.scroll);
    signal.addEventListener("abort", () => {
      this.sync.flush();
      resized.disconnect();
    });
    this.update();
  }

  build() {
    this.canvas = make("canvas", { class: "wb-heat-canvas", "aria-hidden": "true" });
    this.columnFrame = make("div", { class: "wb-heat-column-frame", hidden: true });
    this.cellFrame = make("div", { class: "wb-heat-cell-frame", hidden: true });
    this.names = make("div", { class: "wb-heat-names", "aria-hidden": "true" });
    this.plot = make("div", { class: "wb-heat-plot", tabindex: "0", role: "group", "aria-roledescription": "heat map" },
      this.canvas, this.columnFrame, this.cellFrame);
    this.scroll = make("div", { class: "wb-heat-scroll" }, this.plot, this.names);
    this.labels = make("div", { class: "wb-heat-labels", "aria-hidden": "true" });
    this.grid = make("div", { class: "wb-heat-grid" }, this.labels, this.scroll);
    this.lowText = make("span");
    this.highText = make("span");
    this.scale = make("div", { class: "wb-heat-scale" });
    this.scale.style.background = heatGradient();
    this.legend = make("div", { class: "wb-heat-legend" }, this.lowText, this.scale, this.highText,
      make("span", { class: "wb-heat-best", text: "best clip of the row" }));
    this.tip = make("div", { class: "wb-heat-tip", role: "presentation", hidden: true });
    this.live = make("div", { class: "wb-hidden", "aria-live": "polite" });
    this.empty = make("div", { class: "wb-empty" });
    this.root = make("div", { class: "wb-root wb-heat" });
    this.keys = new KeySheet(this.root, HEATMAP_KEYS);
    this.legend.append(this.keys.button);
    this.root.append(this.legend, this.grid, this.tip, this.live, this.empty);
  }

  bind() {
    const { signal } = this;
    this.plot.addEventListener("pointermove", (e) => this.point(e), { signal });
    this.plot.addEventListener("pointerleave", () => (this.tip.hidden = true), { signal });
    this.plot.addEventListener("click", (e) => this.click(e), { signal });
    trapKeys(this.root, signal, (e) => this.onKey(e));
  }

  // What is shown

  update() {
    const { model } = this;
    this.rows = model.get("rows");
    this.columns = model.get("columns");
    this.scores = model.get("scores");
    const known = this.scores.flat().filter((x) => x !== null);
    const any = this.rows.length > 0 && this.columns.length > 0 && known.length > 0;
    this.low = model.get("low") ?? known.reduce((a, b) => Math.min(a, b), Infinity);
    this.high = model.get("high") ?? known.reduce((a, b) => Math.max(a, b), -Infinity);
    this.best = this.scores.map((row) => row.reduce((b, x, i) => (x !== null && (b < 0 || x > row[b]) ? i : b), -1));
    this.empty.hidden = any;
    this.grid.hidden = this.legend.hidden = !any;
    this.tip.hidden = true;
    setText(this.empty, model.get("empty_text"));
    if (!any) return;
    setText(this.lowText, this.low.toFixed(2));
    setText(this.highText, this.high.toFixed(2));
    this.labels.replaceChildren(...this.rows.map((text) =>
      make("div", { class: "wb-heat-label", text, title: text })));
    this.plot.setAttribute("aria-label",
      `Scores of ${this.rows.length} prompts for ${this.columns.length} clips. Arrow keys move.`);
    this.layout();
    this.showSelection();
  }

  layout() {
    const width = this.scroll.clientWidth - 2 * SCROLL_PADDING;
    if (this.grid.hidden || !width) return;
    const count = this.columns.length;
    this.cellWidth = Math.min(Math.max(width / count, CELL_MIN), CELL_MAX);
    const plotWidth = this.cellWidth * count;
    this.plot.style.width = this.names.style.width = `${plotWidth}px`;
    this.plot.style.height = `${CELL_HEIGHT * this.rows.length}px`;
    this.names.hidden = this.cellWidth < NAMES_FROM;
    if (!this.names.hidden) this.writeNames();
    this.draw(plotWidth);
    this.placeFrames();
  }

  writeNames() {
    const text = this.columns.join("\n");
    if (text !== this.namesText) {
      this.namesText = text;
      this.names.replaceChildren(...this.columns.map((key) => {
        const name = make("div", { class: "wb-heat-name" });
        setName(name.appendChild(make("div", { class: "wb-name" })), key);
        return name;
      }));
    }
    this.names.style.gridTemplateColumns = `repeat(${this.columns.length}, ${this.cellWidth}px)`;
  }

  draw(plotWidth) {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(plotWidth * ratio);
    this.canvas.height = Math.round(CELL_HEIGHT * this.rows.length * ratio);
    const pen = this.canvas.getContext("2d");
    const gap = this.cellWidth >= 9 ? Math.max(1, Math.round(ratio)) : 0;
    const at = (index, size) => Math.round(index * size * ratio);
    pen.font = `${11 * ratio}px ${getComputedStyle(this.root).fontFamily}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (const [i, row] of this.scores.entries()) {
      const y = at(i, CELL_HEIGHT);
      const height = at(i + 1, CELL_HEIGHT) - y - Math.max(1, Math.round(ratio));
      for (const [j, score] of row.entries()) {
        if (score === null) continue;
        const x = at(j, this.cellWidth);
        const box = { x, y, width: at(j + 1, this.cellWidth) - x - gap, height };
        this.drawCell(pen, box, score, this.best[i] === j, ratio);
      }
    }
  }

  drawCell(pen, box, score, best, ratio) {
    const color = heatColor(score, this.low, this.high);
    pen.fillStyle = color.css;
    pen.fillRect(box.x, box.y, box.width, box.height);
    pen.fillStyle = color.ink;
    const numbers = this.cellWidth >= NUMBERS_FROM;
    const middle = box.x + box.width / 2;
    if (numbers) pen.fillText(score.toFixed(2), middle + (best ? 3 * ratio : 0), box.y + box.height * 0.52);
    if (!best) return;
    const radius = Math.min((numbers ? 2.5 : 3) * ratio, box.width / 2);
    pen.beginPath();
    pen.arc(numbers ? box.x + 5 * ratio : middle, box.y + box.height / 2, radius, 0, 7);
    pen.fill();
  }

  showSelection() {
    const column = this.columns.indexOf(this.model.get("selection"));
    const row = this.model.get("selected_row");
    this.cell = column < 0 ? null : { row: row < this.rows.length ? row : -1, column };
    for (const [i, label] of [...this.labels.children].entries()) {
      label.classList.toggle("wb-heat-label-selected", this.cell?.row === i);
    }
    this.placeFrames();
  }

  placeFrames() {
    const { cell, cellWidth } = this;
    this.columnFrame.hidden = !cell;
    this.cellFrame.hidden = !cell || cell.row < 0;
    if (!cell || !cellWidth) return;
    const left = `${cell.column * cellWidth}px`;
    Object.assign(this.columnFrame.style, { left, width: `${cellWidth}px` });
    Object.assign(this.cellFrame.style, { left, width: `${cellWidth}px`, height: `${CELL_HEIGHT}px` });
    this.cellFrame.style.top = `${cell.row * CELL_HEIGHT}px`;
  }

  // What the reader does

  cellAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / this.cellWidth);
    const row = Math.floor((event.clientY - box.top) / CELL_HEIGHT);
    return this.scores[row]?.[column] === undefined ? null : { row, column };
  }

  /** "2 of 24": the place of a cell in its row. */
  place({ row, column }) {
    const score = this.scores[row][column];
    return `${1 + this.scores[row].filter((x) => x !== null && x > score).length} of ${this.columns.length}`;
  }

  point(event) {
    const cell = this.cellAt(event);
    this.tip.hidden = !cell;
    if (!cell) return;
    const score = this.scores[cell.row][cell.column];
    const value = score === null ? "no score" : `${score.toFixed(3)} · ${this.place(cell)}`;
    this.tip.replaceChildren(
      make("div", { class: "wb-heat-tip-value", text: value }),
      make("div", { class: "wb-heat-tip-line", text: this.columns[cell.column] }),
      make("div", { class: "wb-heat-tip-line wb-muted", text: this.rows[cell.row] }),
    );
    const frame = this.root.getBoundingClientRect();
    const box = this.tip.getBoundingClientRect();
    const x = Math.min(event.clientX - frame.left + 14, frame.width - box.width);
    this.tip.style.transform = `translate(${Math.max(x, 0)}px, ${event.clientY - frame.top + 18}px)`;
  }

  click(event) {
    const cell = this.cellAt(event);
    this.plot.focus({ preventScroll: true });
    if (!cell) return;
    this.go(cell);
    this.sync.flush();
  }

  onKey(event) {
    if (this.keys.handle(event)) return true;
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.plot) return false;
    const last = { row: this.rows.length - 1, column: this.columns.length - 1 };
    const now = { row: Math.max(this.cell?.row ?? 0, 0), column: this.cell?.column ?? -1 };
    if (event.key === "Enter") return this.sync.flush(), true;
    const next = this.step(event.key, now, last);
    if (!next) return false;
    next.row = Math.min(Math.max(next.row, 0), last.row);
    next.column = Math.min(Math.max(next.column, 0), last.column);
    this.go(next);
    this.say(next);
    return true;
  }

  step(key, { row, column }, last) {
    if (key === "ArrowRight") return { row, column: column + 1 };
    if (key === "ArrowLeft") return { row, column: column - 1 };
    if (key === "ArrowDown") return { row: column < 0 ? row : row + 1, column };
    if (key === "ArrowUp") return { row: row - 1, column };
    if (key === "Home") return { row, column: 0 };
    if (key === "End") return { row, column: last.column };
    if (key === "b" || key === "B") return { row, column: this.best[row] };
    return null;
  }

  /** Go to a cell: the frames at once, Python soon. */
  go(cell) {
    this.model.set({ selection: this.columns[cell.column], selected_row: cell.row });
    this.cell = cell;
    this.showSelection();
    const left = cell.column * this.cellWidth;
    const { scrollLeft, clientWidth } = this.scroll;
    if (left < scrollLeft) this.scroll.scrollLeft = left;
    else if (left + this.cellWidth > scrollLeft + clientWidth) this.scroll.scrollLeft = left + this.cellWidth - clientWidth;
    this.sync();
  }

  say(cell) {
    const score = this.scores[cell.row][cell.column];
    const value = score === null ? "no score" : `score ${score.toFixed(3)}, ${this.place(cell)}`;
    setText(this.live, `${this.rows[cell.row]}, ${this.columns[cell.column]}, ${value}`);
  }

  sendSelection() {
    this.model.save_changes();
  }
}

export default widget(HeatmapView);
