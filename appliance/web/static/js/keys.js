// A function key presses the button that carries data-key="F8". Nothing happens while it is held.
(() => {
  "use strict";
  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || !/^F\d{1,2}$/.test(event.key)) return;
    const button = document.querySelector('[data-key="' + event.key + '"]:not([aria-disabled="true"]):not(:disabled)');
    if (!button) return;
    event.preventDefault();
    button.click();
  });
})();
