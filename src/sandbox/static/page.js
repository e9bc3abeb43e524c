// Keeps the page fresh: the server says that something happened, the page fetches itself and swaps its main part.
// Without this script the page reloads every five seconds and its forms work as plain forms.
"use strict";
(() => {
  const live = document.getElementById("live");
  const newest = () => document.querySelector(".events li")?.textContent.replace(/\s+/g, " ").trim() ?? "";
  let spoken = newest();

  function show(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("main");
    const main = document.getElementById("main");
    if (!fresh || !main || fresh.innerHTML === main.innerHTML) return;
    const focused = document.activeElement?.id;
    const open = [...main.querySelectorAll("details[open]")].map((details) => details.id);
    main.replaceWith(fresh);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    if (newest() !== spoken) live.textContent = spoken = newest();
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
    const form = event.target;
    event.preventDefault();
    form.querySelector("button")?.setAttribute("aria-busy", "true");
    fetch(form.action, { method: "POST" })
      .then(async (answer) => {
        if (answer.ok) show(await answer.text());
        else live.textContent = await answer.text();
      })
      .catch(() => { live.textContent = "The sandbox does not answer."; });
  });

  const stream = new EventSource("/events");
  stream.addEventListener("open", refresh);
  stream.addEventListener("message", refresh);
})();
