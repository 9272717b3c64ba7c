// A ticket stays on the kiosk's screen for a while, and the time left is seen. «Ще хвилинку» starts it anew.
(() => {
  "use strict";
  const place = document.querySelector("[data-leave]");
  if (!place) return;
  const seconds = Number(place.dataset.leaveSeconds);
  const left = place.querySelector("[data-leave-left]"), bar = place.querySelector("progress");
  let from = performance.now();
  for (const kind of ["pointerdown", "keydown", "wheel", "touchmove"])
    addEventListener(kind, () => { from = performance.now(); }, { passive: true }); // somebody reads
  for (const button of document.querySelectorAll("[data-stay]"))
    button.addEventListener("click", (event) => { event.preventDefault(); from = performance.now(); tick(); });

  function tick() {
    const rest = seconds - (performance.now() - from) / 1000;
    if (rest <= 0) { location.replace(place.dataset.leave); return; }
    left.textContent = Math.ceil(rest);
    bar.value = rest;
  }
  setInterval(tick, 250);
})();
