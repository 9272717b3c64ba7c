// A kiosk that was left alone returns to its first page. It asks first, for at least 20 s, and one
// tap keeps the page. Without this script a plain refresh of the page does the same, unasked.
(() => {
  "use strict";
  const body = document.body;
  if (!body.dataset.idle) return;
  const box = document.querySelector("[data-idle-box]");
  const left = document.querySelector("[data-idle-left]");
  const total = Number(body.dataset.idleSeconds) * 1000;
  const warning = Math.min(Number(body.dataset.idleWarning) * 1000, total);
  let touched = performance.now(), before = null;

  function stay() {
    touched = performance.now();
    if (!box || box.hidden) return;
    box.hidden = true;
    if (before) before.focus({ preventScroll: true });
  }

  function tick() {
    const rest = total - (performance.now() - touched);
    if (rest <= 0) { location.replace(body.dataset.idle); return; }
    if (rest > warning || !box) return;
    if (box.hidden) {
      before = document.activeElement;
      box.hidden = false;
      box.querySelector("[data-idle-stay]").focus({ preventScroll: true });
    }
    left.textContent = Math.ceil(rest / 1000);
  }

  for (const kind of ["pointerdown", "keydown", "wheel", "touchmove"])
    addEventListener(kind, () => { if (!box || box.hidden) stay(); }, { passive: true });
  document.addEventListener("vuzol:busy", stay); // the page is being read aloud
  if (box) box.querySelector("[data-idle-stay]").addEventListener("click", stay);
  setInterval(tick, 250);
})();
