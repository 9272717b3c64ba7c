// A button that prints the page; without JavaScript it stays hidden, and the browser's menu serves.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
