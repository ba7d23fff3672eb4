// What HTML and htmx leave over: dragging, boxes, arrow keys, the film's place in the storyboard, unsaved words.
"use strict";

const $ = (selector, root = document) => root.querySelector(selector);
let dirty = false;                                   // words of the open form that nobody saved

// ── unsaved words stay ──
document.addEventListener("input", (event) => { if (event.target.closest("#edit")) dirty = true; });
document.addEventListener("htmx:confirm", (event) => {
  const path = event.detail.path;
  if (!dirty || path.startsWith("/progress") || event.target.id === "edit") return;
  if (["/draw", "/stop"].includes(path)) return;
  event.preventDefault();
  if (confirm("Leave the words that you did not save?")) { dirty = false; event.detail.issueRequest(true); }
});
window.addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target.id === "edit" && event.detail.successful) dirty = false;
});
document.addEventListener("htmx:beforeOnLoad", (event) => {      // before what came is put in its place
  if (event.detail.elt.id === "edit" && event.detail.xhr.status < 300) dirty = false;
});
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const old = event.detail.target;
  const fresh = event.detail.fragment.firstElementChild;
  if (old.id === "shot" && dirty) event.detail.shouldSwap = false;
  if (old.id === "film" && fresh && old.dataset.address === fresh.dataset.address) event.detail.shouldSwap = false;
});

// ── the open shot ──
function mark() {
  const open = $("#open")?.value;
  document.body.classList.toggle("has-shot", Boolean(open));
  for (const card of document.querySelectorAll("#board > .open")) card.classList.remove("open");
  const card = open && document.getElementById(`card-${open}`);
  for (const link of document.querySelectorAll("#board a[aria-current]")) link.removeAttribute("aria-current");
  if (!card) return null;
  card.classList.add("open");
  $("a", card).setAttribute("aria-current", "true");
  return card;
}
document.addEventListener("htmx:afterSettle", (event) => {
  const card = mark();
  if (event.detail.target?.id !== "shot" || !event.detail.requestConfig?.path.startsWith("/shots/")) return;
  $("#title")?.focus({ preventScroll: true });
  window.scrollTo(0, 0);
  $("#shot").scrollTo(0, 0);
  card?.scrollIntoView({ block: "nearest" });
  const player = $("#player");
  if (card?.dataset.start && player?.paused) player.currentTime = Number(card.dataset.start) + 0.01;
});
document.addEventListener("DOMContentLoaded", mark);

// ── whoever pressed a button that is gone, or cannot be pressed now, goes on from beside it ──
let pressed = null;                                  // place of its footage or take; -1: elsewhere
document.addEventListener("htmx:beforeSwap", () => {
  const button = document.activeElement;
  if (!button.id) return;
  pressed = [...document.querySelectorAll(".found > li")].indexOf(button.closest("li"));
});
document.addEventListener("htmx:afterSettle", () => {
  const lost = pressed !== null && document.activeElement === document.body;
  const beside = lost && document.querySelectorAll(".found > li")[pressed]?.querySelector("button:enabled");
  if (lost) (beside || $("#title") || $("#board a"))?.focus({ preventScroll: true });
  pressed = null;
});

// ── where the film is ──
document.addEventListener("timeupdate", (event) => {
  if (event.target.id !== "player" || event.target.paused) return;
  const at = event.target.currentTime;
  const now = [...document.querySelectorAll("#board > li[data-start]")].find(
    (card) => at >= Number(card.dataset.start) && at < Number(card.dataset.end));
  const before = $("#board > .now");
  if (before === now) return;
  before?.classList.remove("now");
  now?.classList.add("now");
  now?.scrollIntoView({ block: "nearest" });
}, true);

// ── keys ──
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const handle = event.target.closest(".handle");
  if (handle && ["ArrowUp", "ArrowDown"].includes(event.key)) {
    const card = handle.closest("li");
    const up = event.key === "ArrowUp";
    const other = up ? card.previousElementSibling : card.nextElementSibling;
    event.preventDefault();
    if (other) move(card, up ? { before: other.dataset.shot } : { behind: other.dataset.shot });
    return;
  }
  if (event.key === "Escape") {
    const menu = $("details.menu[open]");
    closeMenus();
    if (menu) $("summary", menu).focus();            // not lost with what was in it
    return;
  }
  if (event.target.closest("input, textarea, select, video")) return;
  const link = { ArrowLeft: "#earlier", ArrowRight: "#later" }[event.key];
  if (link && $(link)) { event.preventDefault(); $(link).click(); }
  if (event.key === "ArrowRight" && !$("#open").value) $("#board a")?.click();
});
function closeMenus(but) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== but) menu.open = false;
}
document.addEventListener("click", (event) => {      // what is chosen closes its menu, too
  closeMenus(event.target.closest(".menu a, .menu button") ? null : event.target.closest("details.menu"));
});

// ── footage plays in the place of its picture ──
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-clip]");
  if (!button) return;
  const card = button.closest("li");
  const before = $("img, video", card);
  const video = document.createElement("video");
  Object.assign(video, { src: button.dataset.clip, muted: true, loop: true, controls: true, playsInline: true });
  video.setAttribute("aria-label", button.getAttribute("aria-label"));
  if (before) before.replaceWith(video); else card.prepend(video);
  video.play();
});

// ── shots moved by dragging ──
function move(card, place) {
  htmx.ajax("POST", `/shots/${card.dataset.shot}/move`, { source: card, values: place, swap: "none" });
}
let drag = null;
document.addEventListener("pointerdown", (event) => {
  const handle = event.target.closest(".handle");
  if (!handle || event.button !== 0) return;
  event.preventDefault();
  handle.focus();
  handle.setPointerCapture(event.pointerId);
  drag = { card: handle.closest("li"), over: null, before: true };
  drag.card.classList.add("dragged");
});
document.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const edge = 60;
  const board = $(".film-and-board");
  const box = board.getBoundingClientRect();
  if (event.clientY < Math.max(0, box.top) + edge) (box.top < 0 ? window : board).scrollBy(0, -18);
  if (event.clientY > Math.min(innerHeight, box.bottom) - edge) (box.bottom > innerHeight ? window : board).scrollBy(0, 18);
  drag.over?.classList.remove("drop-before", "drop-behind");
  drag.over = document.elementFromPoint(event.clientX, event.clientY)?.closest("#board > li") ?? null;
  if (!drag.over || drag.over === drag.card) { drag.over = null; return; }
  const place = drag.over.getBoundingClientRect();
  drag.before = event.clientY < place.top + place.height / 2;
  drag.over.classList.add(drag.before ? "drop-before" : "drop-behind");
});
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => {
  if (!drag) return;
  const { card, over, before } = drag;
  drag = null;
  card.classList.remove("dragged");
  over?.classList.remove("drop-before", "drop-behind");
  const beside = over && (before ? over.previousElementSibling : over.nextElementSibling);
  if (end === "pointerup" && over && beside !== card) {
    move(card, before ? { before: over.dataset.shot } : { behind: over.dataset.shot });
  }
});

// ── boxes of figures, by mouse or finger; the numbers beside do the same ──
const CORNERS = ["x0", "y0", "x1", "y1"];
function corners(box) {
  const rect = $("rect", box);
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(rect.getAttribute(name)));
  return [x, y, x + width, y + height];
}
function place(box, [x0, y0, x1, y1]) {
  const set = (element, values) => { for (const [name, value] of Object.entries(values)) element.setAttribute(name, value); };
  set($("rect", box), { x: x0, y: y0, width: x1 - x0, height: y1 - y0 });
  set($("text", box), { x: x0 + 3, y: y0 + 9 });
  set($("circle", box), { cx: x1, cy: y1 });
}
let held = null;
document.addEventListener("pointerdown", (event) => {
  const box = event.target.closest("#boxes g[data-box]");
  if (!box) return;
  event.preventDefault();
  $("#boxes").setPointerCapture(event.pointerId);
  held = { box, from: corners(box), x: event.clientX, y: event.clientY, sizes: event.target.tagName === "circle" };
});
document.addEventListener("pointermove", (event) => {
  if (!held) return;
  const scale = 100 / $("#boxes").getBoundingClientRect().width;
  let [dx, dy] = [(event.clientX - held.x) * scale, (event.clientY - held.y) * scale];
  let [x0, y0, x1, y1] = held.from;
  if (held.sizes) {
    x1 = Math.min(100, Math.max(x0 + 5, x1 + dx));
    y1 = Math.min(100, Math.max(y0 + 5, y1 + dy));
  } else {
    dx = Math.min(100 - x1, Math.max(-x0, dx));
    dy = Math.min(100 - y1, Math.max(-y0, dy));
    [x0, y0, x1, y1] = [x0 + dx, y0 + dy, x1 + dx, y1 + dy];
  }
  place(held.box, [x0, y0, x1, y1]);
  CORNERS.forEach((corner, k) => {
    document.getElementById(`${held.box.dataset.box}-${corner}`).value = [x0, y0, x1, y1][k].toFixed(1).replace(/\.0$/, "");
  });
  dirty = true;
});
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => { held = null; });
document.addEventListener("input", (event) => {
  const found = event.target.id?.match(/^(figure-\d+-box-\d+)-(x0|y0|x1|y1)$/);
  const box = found && $(`#boxes g[data-box="${found[1]}"]`);
  if (!box) return;
  const values = CORNERS.map((corner) => parseFloat(document.getElementById(`${found[1]}-${corner}`).value));
  if (values.every(Number.isFinite) && values[2] > values[0] && values[3] > values[1]) place(box, values);
});
