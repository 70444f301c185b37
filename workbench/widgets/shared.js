// What every widget of the workbench shares: building elements, keys, and media over the comm.
// Python joins this file and one <widget>.js into a single module (assets.py), so nothing is
// exported here: the functions are in scope. Text from outside only ever becomes a text node.

/** Build an element. `props`: class, text, on ({event: listener}), and any attribute by name. */
function make(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name === "class") node.className = value;
    else if (name === "on") for (const [type, f] of Object.entries(value)) node.addEventListener(type, f);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}

/** Write text only when it changed, so that nothing is laid out again for nothing. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const NAME_TAIL = 7; // "…_03.mp4": the end of a file name tells as much as its start

/** Fill `node` with a name that is cut in the middle when it does not fit; the title has it all. */
function setName(node, name) {
  if (node.title === name && node.firstChild) return;
  const letters = [...name];
  const cut = letters.length > NAME_TAIL + 6 ? letters.length - NAME_TAIL : letters.length;
  node.title = name;
  node.replaceChildren(
    make("span", { class: "wb-name-head", text: letters.slice(0, cut).join("") }),
    make("span", { class: "wb-name-tail", text: letters.slice(cut).join("") }),
  );
}

/** Seconds as people read them: "0.12 s", "1:04.2". */
function secondsText(seconds) {
  if (seconds < 60) return `${seconds.toFixed(2)} s`;
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(1).padStart(4, "0")}`;
}

/** Bytes as file managers show them: "640 kB", "12.3 MB", "2 GB". */
function bytesText(bytes) {
  const [size, unit] = bytes < 2 ** 20 ? [2 ** 10, "kB"] : bytes < 2 ** 30 ? [2 ** 20, "MB"] : [2 ** 30, "GB"];
  return `${Number((bytes / size).toFixed(unit === "kB" ? 0 : 1))} ${unit}`;
}

/** Call `f` for a model event until the view goes. */
function listen(model, signal, name, f) {
  model.on(name, f);
  signal.addEventListener("abort", () => model.off(name, f), { once: true });
}

/** Call `f` once, soon, however many of these traits change in one update. */
function onTraits(model, signal, names, f) {
  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      if (!signal.aborted) f();
    });
  };
  for (const name of names) listen(model, signal, `change:${name}`, soon);
}

/** Turn a view class into what anywidget wants; the view is told to go through its signal. */
function widget(View) {
  return {
    render({ model, el }) {
      const controller = new AbortController();
      new View(model, el, controller.signal);
      return () => {
        controller.abort();
        el.replaceChildren();
      };
    },
  };
}

/**
 * Handle keys while focus is inside `root`, before the notebook sees them. JupyterLab listens in
 * the capture phase on document, so this listens one step earlier, on window. `handle(event)`
 * says true for a key it used. Other plain keys stay here too (a notebook must not delete a cell
 * because somebody pressed D twice on a card); Ctrl, Cmd, Alt, Shift+Enter, Tab and Escape pass.
 */
function trapKeys(root, signal, handle) {
  const pass = (e) =>
    e.ctrlKey || e.metaKey || e.altKey || e.key === "Tab" || e.key === "Escape" || (e.shiftKey && e.key === "Enter");
  const onKey = (event) => {
    if (!root.contains(event.composedPath()[0])) return;
    if (handle(event)) {
      event.preventDefault();
      event.stopPropagation();
    } else if (!pass(event)) event.stopPropagation();
  };
  window.addEventListener("keydown", onKey, { capture: true, signal });
}

/** A "?" button and the sheet it opens. `rows` is [[keys, what they do], ...]. */
class KeySheet {
  constructor(root, rows) {
    this.button = make("button", {
      class: "wb-button wb-keys-button",
      type: "button",
      text: "?",
      title: "Keys (?)",
      "aria-label": "Show the keys",
      "aria-expanded": "false",
      on: { click: () => this.toggle() },
    });
    const lines = rows.map(([keys, what]) =>
      make("div", { class: "wb-keys-row" }, make("kbd", { text: keys }), make("span", { text: what })));
    this.sheet = make("div", { class: "wb-keys", role: "note", "aria-label": "Keys", hidden: true },
      make("div", { class: "wb-keys-title", text: "Keys" }), ...lines);
    root.append(this.sheet);
  }

  toggle(open = this.sheet.hidden) {
    this.sheet.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
  }

  /** Take "?" and Escape; true when the key was used. */
  handle(event) {
    if (event.key === "?" && !event.ctrlKey && !event.metaKey) this.toggle();
    else if (event.key === "Escape" && !this.sheet.hidden) this.toggle(false);
    else return false;
    return true;
  }
}

/** Collect calls and run the last one `wait` ms later; `flush` runs it now. */
function debounce(f, wait) {
  let timer = 0;
  let last = null;
  const flush = () => {
    clearTimeout(timer);
    if (last) f(...last);
    last = null;
  };
  const call = (...args) => {
    last = args;
    clearTimeout(timer);
    timer = setTimeout(flush, wait);
  };
  call.flush = flush;
  call.cancel = () => {
    clearTimeout(timer);
    last = null;
  };
  return call;
}
