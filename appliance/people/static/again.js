// A device that waits to be paired looks again; without JavaScript the page refreshes by itself.
const seconds = Number(document.querySelector("[data-again]").dataset.again);
setTimeout(() => window.location.reload(), seconds * 1000);
