// Pictures and clips fetched from Python over the comm, kept as blob URLs. Joined into the module
// of each widget that shows media (assets.py), after shared.js.
//
// Request   {kind: "media", id, what: "poster" | "clip" | "frames", key}
// Reply     {kind: "media", id, ok: true, mime: [one for each buffer]} + buffers
//           {kind: "media", id, ok: false, error: "plain words"}

const IN_FLIGHT = 8; // covers the way to the kernel and back, few enough to change one's mind
const HELD_BYTES = { poster: 64e6, clip: 96e6, frames: 32e6 }; // older ones are let go beyond this

/** The reason of a request that nobody wants any more. */
class Unwanted extends Error {}

/** One view's media: each is asked for once, posters only while somebody looks at them. */
class MediaStore {
  constructor(model, signal) {
    this.model = model;
    this.entries = new Map(); // "what key" -> entry, oldest use first
    this.queue = [];
    this.sent = new Map(); // id -> entry
    this.prefix = Math.random().toString(36).slice(2, 10); // replies reach every view and every page
    this.count = 0;
    listen(model, signal, "msg:custom", (message, buffers) => this.receive(message, buffers));
    signal.addEventListener("abort", () => this.forget(), { once: true });
  }

  /** Resolve to [{url, mime}]. `wanted()` is asked just before sending: false drops the request. */
  get(what, key, wanted = () => true) {
    const name = `${what} ${key}`;
    let entry = this.entries.get(name);
    if (entry) {
      this.entries.delete(name);
      this.entries.set(name, entry);
      entry.wanted.push(wanted);
      return entry.promise;
    }
    entry = { name, what, key, wanted: [wanted], media: null, bytes: 0 };
    entry.promise = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
    entry.promise.catch(() => {}); // each caller has its own say; a dropped one is no page error
    this.entries.set(name, entry);
    if (what === "poster") this.queue.push(entry);
    else this.queue.unshift(entry); // somebody waits for a clip: before the posters
    this.pump();
    return entry.promise;
  }

  /** Send what is wanted, at most IN_FLIGHT at a time and one clip at a time. */
  pump() {
    let index = 0;
    while (index < this.queue.length && this.sent.size < IN_FLIGHT) {
      const entry = this.queue[index];
      if (!entry.wanted.some((wanted) => wanted())) {
        this.queue.splice(index, 1);
        this.drop(entry, new Unwanted());
      } else if (entry.what !== "poster" && [...this.sent.values()].some((e) => e.what === entry.what)) {
        index += 1;
      } else {
        this.queue.splice(index, 1);
        this.send(entry);
      }
    }
  }

  send(entry) {
    const id = `${this.prefix}-${(this.count += 1)}`;
    this.sent.set(id, entry);
    this.model.send({ kind: "media", id, what: entry.what, key: entry.key });
  }

  receive(message, buffers) {
    const entry = message.kind === "media" && this.sent.get(message.id);
    if (!entry) return;
    this.sent.delete(message.id);
    if (message.ok && this.entries.get(entry.name) === entry) {
      entry.media = buffers.map((part, i) => {
        const blob = new Blob([part], { type: message.mime[i] });
        entry.bytes += blob.size;
        return { url: URL.createObjectURL(blob), mime: message.mime[i] };
      });
      entry.resolve(entry.media);
      this.trim(entry);
    } else this.drop(entry, message.ok ? new Unwanted() : new Error(message.error));
    this.pump();
  }

  /** Keep within the bytes allowed for this kind, letting the longest unused go. */
  trim(newest) {
    const held = [...this.entries.values()].filter((e) => e.what === newest.what && e.media);
    let bytes = held.reduce((sum, e) => sum + e.bytes, 0);
    for (const entry of held) {
      if (bytes <= HELD_BYTES[newest.what] || entry === newest) break;
      bytes -= entry.bytes;
      this.drop(entry, new Unwanted());
    }
  }

  /** Take one entry out: its URLs are revoked, whoever waits hears why, the next get asks anew. */
  drop(entry, reason) {
    if (this.entries.get(entry.name) === entry) this.entries.delete(entry.name);
    for (const { url } of entry.media ?? []) URL.revokeObjectURL(url);
    entry.reject(reason);
  }

  /** Let one medium go, or with no name everything. */
  forget(what, key) {
    const name = `${what} ${key}`;
    for (const entry of [...this.entries.values()]) {
      if (what !== undefined && entry.name !== name) continue;
      this.queue = this.queue.filter((e) => e !== entry);
      this.drop(entry, new Unwanted());
    }
  }
}
