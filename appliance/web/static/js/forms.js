// A pressed button says so and cannot be pressed twice; the node's answer brings the next page.
// An error summary gets the focus, so that it is read first.
(() => {
  "use strict";
  const GIVE_UP_MS = 20000;

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sending !== undefined) { event.preventDefault(); return; }
    if ((form.method || "get").toLowerCase() !== "post") return;
    form.dataset.sending = "";
    const button = event.submitter;
    if (button && button.dataset.saving) {
      button.dataset.was = button.innerHTML;
      button.setAttribute("aria-disabled", "true");
      button.textContent = button.dataset.saving;
    }
    setTimeout(() => release(form), GIVE_UP_MS);
  });

  function release(form) {
    delete form.dataset.sending;
    for (const button of form.querySelectorAll("[data-was]")) {
      button.innerHTML = button.dataset.was;
      button.removeAttribute("aria-disabled");
      delete button.dataset.was;
    }
  }

  addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-sending]").forEach(release);
  });
  const summary = document.querySelector("[data-focus]");
  if (summary) summary.focus();
})();
