// Reads the kiosk's page aloud where the machine has a voice for the page's language; elsewhere the
// button stays away. While it reads, the kiosk does not close the page.
(() => {
  "use strict";
  const place = document.querySelector("[data-aloud]");
  const speech = window.speechSynthesis;
  if (!place || !speech || !window.SpeechSynthesisUtterance) return;
  const button = place.querySelector("button");
  const language = document.documentElement.lang;
  let awake = 0;

  const voice = () => speech.getVoices().find((one) => one.lang.toLowerCase().startsWith(language));
  const offer = () => { place.hidden = !voice(); };

  function sentences() {
    const parts = document.querySelectorAll("main h1, main h2, main p, main dt, main dd, main li, main button");
    return [...parts]
      .filter((part) => part.checkVisibility() && !part.parentElement.closest("p, li, dd, button"))
      .map((part) => part.innerText.replace(/\s+/g, " ").trim())
      .filter(Boolean);
  }

  function show(speaking) {
    button.setAttribute("aria-pressed", String(speaking));
    clearInterval(awake);
    if (speaking) awake = setInterval(() => document.dispatchEvent(new Event("vuzol:busy")), 1000);
  }

  function toggle() {
    const speaking = button.getAttribute("aria-pressed") === "true";
    speech.cancel();
    if (speaking) { show(false); return; }
    const told = sentences();
    told.forEach((sentence, index) => {
      const utterance = new SpeechSynthesisUtterance(sentence);
      utterance.voice = voice();
      utterance.lang = utterance.voice.lang;
      utterance.rate = 0.9;
      if (index === told.length - 1) utterance.onend = () => show(false);
      utterance.onerror = () => show(false);
      speech.speak(utterance);
    });
    show(told.length > 0);
  }

  button.addEventListener("click", toggle);
  speech.addEventListener("voiceschanged", offer);
  addEventListener("pagehide", () => speech.cancel());
  offer();
})();
