// Asks SimpleLogin's extension to fetch a key. It may start later than the page, so it is asked a few times; it obeys only
// pages of the instance it is set to.
const asking = document.getElementById("asking");
asking.hidden = false;
let left = 4;
const ask = () => {
  window.postMessage({ tag: "PERFORM_EXTENSION_SETUP" }, window.location.origin);
  left -= 1;
  setTimeout(left > 0 ? ask : giveUp, left > 0 ? 300 : 3000);
};
const giveUp = () => { asking.textContent = "No extension has answered."; };
ask();
