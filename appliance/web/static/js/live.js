// Keeps parts of a page fresh. The page works without this script; only live refresh needs it.
//
//   <main data-live="EVENTS URL" data-live-url="FRAGMENT URL">...</main>
//
// Each event makes the fragment be fetched and swapped in. Elements of the answer that carry
// data-live-part="x" go to the element of the same name anywhere on the page; what is left goes
// into the element itself. Events of other kinds than "message" are named in data-live-kinds.
// After 10 s without any event, heartbeats included, the page says that it is stale: [data-stale]
// is shown, [data-fresh] is hidden, and [data-stale-since] tells since when. Without any event the
// fragment is fetched every 15 s all the same: how long something lasts changes by itself.
(() => {
  "use strict";
  const SILENCE_MS = 10000, LONGEST_WAIT_MS = 30000, RETRY_MS = 3000, LOOK_MS = 15000;
  const root = document.querySelector("[data-live]");
  if (!root || !window.EventSource) return;

  let source = null, lastId = "", wait = 1000, heard = Date.now(), stale = false;
  let fetching = false, again = false, failed = 0, looked = Date.now();
  const clock = () => document.querySelector("[data-clock]");
  const hour = (at) => new Intl.DateTimeFormat("uk", { hour: "2-digit", minute: "2-digit" }).format(at);

  function alive(event) {
    heard = Date.now();
    wait = 1000;
    if (event.type === "beat" && event.data) {
      root.dataset.liveAt = event.data;
      if (clock()) clock().textContent = event.data;
      if (Date.now() - looked > LOOK_MS) refresh();
    }
    if (!failed) show(false);
  }

  function show(isStale) {
    if (stale === isStale) return;
    stale = isStale;
    paint();
    document.dispatchEvent(new CustomEvent("vuzol:stale", { detail: stale }));
    if (!stale) refresh();
  }

  function paint() {
    const name = document.body.dataset.staleClass;
    if (name) document.body.classList.toggle(name, stale);
    for (const part of document.querySelectorAll("[data-stale]")) part.hidden = !stale;
    for (const part of document.querySelectorAll("[data-fresh]")) part.hidden = stale;
    if (!stale) return;
    for (const part of document.querySelectorAll("[data-stale-since]"))
      part.textContent = root.dataset.liveAt || hour(heard);
  }

  function connect() {
    const last = lastId ? (root.dataset.live.includes("?") ? "&" : "?") + "last=" + encodeURIComponent(lastId) : "";
    source = new EventSource(root.dataset.live + last, { withCredentials: true });
    source.addEventListener("beat", alive);
    source.addEventListener("message", told);
    source.addEventListener("over", () => location.reload()); // the right to listen has ended
    for (const kind of (root.dataset.liveKinds || "").split(" ").filter(Boolean))
      source.addEventListener(kind, told);
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      source.close();
      setTimeout(connect, wait + Math.random() * wait);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    });
  }

  function told(event) {
    if (event.lastEventId && event.lastEventId === lastId) return alive(event);
    lastId = event.lastEventId || lastId;
    alive(event);
    document.dispatchEvent(new CustomEvent("vuzol:event", { detail: { kind: event.type, data: event.data } }));
    refresh();
  }

  async function refresh() {
    if (!root.dataset.liveUrl) return;
    if (fetching) { again = true; return; }
    looked = Date.now();
    if (document.querySelector("form[data-sending]")) return; // its answer brings a fresh page
    fetching = true;
    try {
      const answer = await fetch(root.dataset.liveUrl, { headers: { "X-Fragment": "1" }, cache: "no-store" });
      if (answer.status === 401 || answer.redirected) { location.reload(); return; }
      if (!answer.ok) throw new Error(answer.status);
      const text = await answer.text();
      if (!document.querySelector("form[data-sending]")) swap(text);
      failed = 0;
      show(Date.now() - heard > SILENCE_MS);
    } catch (_) {
      failed = failed || Date.now();
      setTimeout(refresh, RETRY_MS);
    } finally {
      fetching = false;
      if (again) { again = false; refresh(); }
    }
  }

  function swap(text) {
    const fresh = new DOMParser().parseFromString("<body>" + text, "text/html").body;
    for (const part of fresh.querySelectorAll("[data-live-part]")) {
      const place = document.querySelector('[data-live-part="' + part.dataset.livePart + '"]');
      part.remove();
      if (place) replace(place, part);
    }
    if (fresh.textContent.trim()) replace(root, fresh);
    if (stale) paint();
    document.dispatchEvent(new CustomEvent("vuzol:swapped"));
  }

  // Focus, what was typed, and how far a table was scrolled outlive a swap.
  function replace(place, fresh) {
    const before = place.innerHTML;
    if (before === fresh.innerHTML) return;
    const focused = place.contains(document.activeElement) ? document.activeElement : null;
    if (focused && focused.matches("input:not([type=hidden]), textarea, select")) return; // somebody writes there
    const name = focused && (focused.id ? "#" + CSS.escape(focused.id)
      : focused.dataset.focusKey ? '[data-focus-key="' + CSS.escape(focused.dataset.focusKey) + '"]'
      : focused.name ? focused.localName + '[name="' + CSS.escape(focused.name) + '"]' + (focused.value ? '[value="' + CSS.escape(focused.value) + '"]' : "") : "");
    const opened = [...place.querySelectorAll("details[open][id]")].map((one) => one.id);
    const scrolled = [...place.querySelectorAll(".vz-scroll")].map((one) => one.scrollLeft);
    place.replaceChildren(...fresh.childNodes);
    for (const id of opened) { const one = document.getElementById(id); if (one) one.open = true; }
    place.querySelectorAll(".vz-scroll").forEach((one, index) => { one.scrollLeft = scrolled[index] || 0; });
    if (name) { const one = place.querySelector(name); if (one) one.focus({ preventScroll: true }); }
  }

  // The clock on the wall goes on while nothing is heard.
  function tick() {
    const [hours, minutes] = (root.dataset.liveAt || "").split(":").map(Number);
    if (!stale || !clock() || Number.isNaN(minutes ?? NaN)) return;
    const now = (hours * 60 + minutes + Math.floor((Date.now() - heard) / 60000)) % 1440;
    clock().textContent = [now / 60, now % 60].map((part) => String(Math.floor(part)).padStart(2, "0")).join(":");
  }

  setInterval(() => {
    tick();
    if (Date.now() - heard > SILENCE_MS || (failed && Date.now() - failed > SILENCE_MS)) show(true);
  }, 1000);
  addEventListener("pagehide", () => source && source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  connect();
})();
