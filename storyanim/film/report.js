"use strict";
const shots = [...document.querySelectorAll("details.shot")];
function show(shot) {
  shot.open = true;
  shot.scrollIntoView({ block: "start" });
  shot.querySelector("summary").focus({ preventScroll: true });
}
function showNamed() {
  const shot = document.getElementById(location.hash.slice(1));
  if (shots.includes(shot)) show(shot);
}
addEventListener("hashchange", showNamed);
showNamed();
document.getElementById("unfold")?.addEventListener("click", () => shots.forEach((shot) => { shot.open = true; }));
addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step || event.altKey || event.ctrlKey || event.metaKey || event.target.closest("video")) return;
  const at = shots.findIndex((shot) => shot.contains(document.activeElement));
  const next = shots[at < 0 ? (step > 0 ? 0 : -1) : at + step];
  if (!next) return;
  event.preventDefault();
  show(next);
});
// What is printed is all there: no picture that was not yet scrolled to, the sheet in place of the list of shots.
addEventListener("load", () => document.querySelectorAll("img").forEach((picture) => { picture.loading = "eager"; }));
addEventListener("beforeprint", () => document.getElementById("sheet")?.setAttribute("open", ""));
