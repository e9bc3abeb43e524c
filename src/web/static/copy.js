// Adds what scripts can: a button that copies an address. Without it the text can be selected by hand.
for (const button of document.querySelectorAll("button[data-copy]")) {
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      // Without HTTPS there is no clipboard: the text is selected, one key copies it.
      const text = document.getElementById(button.dataset.from);
      if (text) getSelection().selectAllChildren(text);
      said = text ? "Selected: press Ctrl+C" : "Not possible here";
    }
    button.textContent = said;
    setTimeout(() => { button.textContent = label; }, 2500);
  });
}
