// Niceties of the list of aliases: copy with one click, tick all, find with "/". Everything works without them.
"use strict";
(() => {
  const name = (button, address, text) => {
    button.textContent = text;
    button.setAttribute("aria-label", `${text} ${address}`);
  };

  // Browsers let a page copy over HTTPS and on the machine itself only.
  if (navigator.clipboard) {
    for (const place of document.querySelectorAll("[data-copy]")) {
      const address = place.dataset.copy;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "small copy";
      name(button, address, "Copy");
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(address);
          name(button, address, "Copied");
        } catch {
          name(button, address, "Not copied");
        }
        setTimeout(() => name(button, address, "Copy"), 2000);
      });
      place.after(button);
    }
  }

  // In the head of the table, and again among the acts: a narrow page has no head.
  const alls = ["all", "all-too"].map((id) => document.getElementById(id)).filter((one) => one);
  if (alls.length > 0) {
    const boxes = [...document.querySelectorAll('input[name="alias"][type="checkbox"]')];
    const ticked = document.getElementById("ticked");
    const tell = () => {
      const count = boxes.filter((box) => box.checked).length;
      for (const all of alls) {
        all.checked = count === boxes.length;
        all.indeterminate = count > 0 && count < boxes.length;
      }
      ticked.textContent = count > 0 ? ` (${count})` : "";
    };
    for (const all of alls) {
      (all.closest("label") ?? all).hidden = false;
      all.addEventListener("change", () => {
        for (const box of boxes) box.checked = all.checked;
        tell();
      });
    }
    for (const box of boxes) box.addEventListener("change", tell);
    tell();
  }

  document.addEventListener("keydown", (event) => {
    const search = document.getElementById("search");
    const isWriting = event.target.closest("input, select, textarea");
    if (event.key === "/" && search && !isWriting && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });
})();
