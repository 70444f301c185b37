// Clips play where the pointer or the focus is; a click opens the large player. Data is only ever set as
// properties and text, never parsed as HTML.
const clips = JSON.parse(document.getElementById("clips").textContent);
const dialog = document.querySelector("dialog");
const still = matchMedia("(prefers-reduced-motion: reduce)");

function makeVideo(clip, controls) {
  const video = document.createElement("video");
  Object.assign(video, { src: clip.media, muted: true, loop: true, playsInline: true, controls });
  video.play().catch(() => {});
  return video;
}

function start(card) {
  const clip = clips[card.dataset.clip];
  const screen = card.querySelector(".screen");
  if (still.matches || !clip?.media || clip.kind !== "video" || screen.querySelector("video")) return;
  const video = makeVideo(clip, false);
  screen.insertBefore(video, screen.querySelector(".rank"));
}

function stop(card) {
  card.querySelector("video")?.remove();
}

function open(index) {
  const clip = clips[index];
  if (!clip) return;
  const stage = dialog.querySelector(".stage");
  const shown = clip.media && clip.kind === "video" ? makeVideo(clip, true) : document.createElement("img");
  if (shown.tagName === "IMG") Object.assign(shown, { src: clip.media || clip.poster, alt: clip.caption || clip.key });
  stage.replaceChildren(shown);
  dialog.querySelector(".caption").textContent = clip.caption || clip.key;
  dialog.querySelector(".key").textContent = clip.key;
  dialog.showModal();
}

for (const card of document.querySelectorAll(".card")) {
  for (const event of ["mouseenter", "focus"]) card.addEventListener(event, () => start(card));
  for (const event of ["mouseleave", "blur"]) card.addEventListener(event, () => stop(card));
}
document.addEventListener("click", (event) => {
  const place = event.target.closest("[data-clip]");
  if (place) open(place.dataset.clip);
  else if (event.target === dialog || event.target.closest("dialog button")) dialog.close();
});
dialog.addEventListener("close", () => dialog.querySelector(".stage").replaceChildren());
