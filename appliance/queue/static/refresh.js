// Asks again how the ticket stands, while somebody looks, and says so when there is no answer.
(() => {
  "use strict";
  const place = document.querySelector("[data-refresh]");
  const failed = document.querySelector("[data-refresh-failed]");
  if (!place) return;
  const every = Number(place.dataset.refreshSeconds) * 1000;

  async function refresh() {
    if (document.hidden) return;
    try {
      const answer = await fetch(place.dataset.refresh, { headers: { "X-Fragment": "1" }, cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      const fresh = new DOMParser().parseFromString("<body>" + (await answer.text()), "text/html").body;
      place.replaceChildren(...fresh.childNodes);
      failed.hidden = true;
    } catch (_) {
      failed.hidden = false;
    }
  }
  setInterval(refresh, every);
  document.addEventListener("visibilitychange", refresh);
})();
