// Keeps the page fresh: the server says that something happened, the page fetches itself and swaps its main part.
// Without this script the page reloads every five seconds and its forms work as plain forms.
"use strict";
(() => {
  const live = document.getElementById("live");
  // Times come in UTC; people live elsewhere.
  function localise() {
    for (const time of document.querySelectorAll("main time")) {
      time.textContent = new Date(time.dateTime).toLocaleTimeString();
    }
  }
  const newest = () => document.querySelector(".events li")?.textContent.replace(/\s+/g, " ").trim() ?? "";
  let shown = document.getElementById("main").innerHTML;
  localise();
  let spoken = newest();

  function show(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("main");
    const main = document.getElementById("main");
    if (!fresh || fresh.innerHTML === shown) return;
    shown = fresh.innerHTML;
    const focused = document.activeElement?.id;
    const open = [...main.querySelectorAll("details[open]")].map((details) => details.id);
    main.replaceWith(fresh);
    localise();
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    if (newest() !== spoken) live.textContent = spoken = newest();
  }

  // Said by screen readers always, shown to everybody when something went wrong.
  function complain(text) {
    live.classList.toggle("hidden", !text);
    live.textContent = text;
  }

  let running = false;
  let again = false;
  async function refresh() {
    again = true;
    if (running) return;
    running = true;
    try {
      while (again) {
        again = false;
        const answer = await fetch("/", { cache: "no-store" });
        if (answer.ok) show(await answer.text());
      }
    } catch { /* The sandbox was stopped; the stream below reconnects if it comes back. */ }
    running = false;
  }

  document.addEventListener("submit", (event) => {
    const button = event.target.querySelector("button");
    event.preventDefault();
    button?.setAttribute("aria-busy", "true");
    complain("");
    fetch(event.target.action, { method: "POST", body: new URLSearchParams(new FormData(event.target)) })
      .then(async (answer) => {
        if (answer.ok) show(await answer.text());
        else complain(await answer.text());
      })
      .catch(() => complain("The sandbox does not answer. Was it stopped?"))
      .finally(() => button?.removeAttribute("aria-busy"));
  });

  const stream = new EventSource("/events");
  stream.addEventListener("open", refresh);
  stream.addEventListener("message", refresh);
})();
