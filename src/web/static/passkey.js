// Passkeys: asks the browser to make one or to be proved by one, and sends what it says as an ordinary form.
// The forms are hidden without this file, and where the browser has no passkeys. On the sign-in page browsers that can do
// so suggest passkeys where the address is typed; nothing of it is seen without one.
"use strict";

const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

// What is bytes in the browser's own words is base64url in ours.
function decoded(options) {
  const key = options.publicKey;
  key.challenge = toBytes(key.challenge);
  if (key.user) key.user.id = toBytes(key.user.id);
  for (const listed of [...(key.allowCredentials ?? []), ...(key.excludeCredentials ?? [])]) {
    listed.id = toBytes(listed.id);
  }
  return { publicKey: key };
}

function encoded(credential) {
  const { response } = credential;
  const answer = { clientDataJSON: toText(response.clientDataJSON) };
  if (response.attestationObject) {
    answer.attestationObject = toText(response.attestationObject);
    answer.transports = response.getTransports?.() ?? null;
  } else {
    answer.authenticatorData = toText(response.authenticatorData);
    answer.signature = toText(response.signature);
    answer.userHandle = response.userHandle ? toText(response.userHandle) : null;
  }
  return JSON.stringify({
    id: credential.id, rawId: toText(credential.rawId), type: credential.type, response: answer,
  });
}

function say(form, words) {
  const place = form.querySelector("[data-wrong]");
  place.hidden = false;
  place.textContent = words;
}

// An offer serves until it is used: for five minutes by the clock of the server, a little less by this one.
const LASTS = 4 * 60 * 1000;
const kept = new WeakMap();

async function offered(form, asker) {
  const before = kept.get(form);
  if (before && Date.now() < before.until) return before.offer;
  const body = new URLSearchParams(new FormData(form));
  body.set("asker", asker);
  const answer = await fetch(form.dataset.offer, { method: "POST", body, redirect: "manual" });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(found.wrong ?? "Please load this page anew and try again.");
  const offer = { ceremony: found.ceremony, wanted: decoded(found.options), until: Date.now() + LASTS };
  if ("suggest" in form.dataset) kept.set(form, { offer, until: offer.until });
  return offer;
}

function send(form, ceremony, credential) {
  kept.delete(form);
  form.elements.ceremony.value = ceremony;
  form.elements.answer.value = encoded(credential);
  form.submit();
}

async function run(form) {
  const { ceremony, wanted } = await offered(form, "person");
  const makes = form.dataset.passkey === "create";
  const credential = await (makes ? navigator.credentials.create(wanted) : navigator.credentials.get(wanted));
  send(form, ceremony, credential);
}

// Suggests passkeys from the first sign that somebody is there: a page that is only opened, or lies in a tab, asks for
// nothing. What goes wrong is not shown, because nobody asked for it. Gives back how to stop.
function suggest(form) {
  const signs = ["pointermove", "pointerdown", "keydown"];
  let waiting = null;
  const stop = () => {
    waiting?.abort();
    waiting = null;
  };
  const giveUp = () => {
    stop();
    for (const sign of signs) document.removeEventListener(sign, begin);
  };
  let until = 0;
  async function begin() {
    if (Date.now() < until) return;
    stop();
    const mine = new AbortController();
    waiting = mine;
    // Nothing else is begun while this is.
    until = Infinity;
    try {
      const offer = await offered(form, "page");
      if (mine.signal.aborted) return;
      until = offer.until;
      const credential = await navigator.credentials.get({ ...offer.wanted, mediation: "conditional", signal: mine.signal });
      if (credential && !mine.signal.aborted) send(form, offer.ceremony, credential);
    } catch {
      // Another one took its place, or it does not work here.
      if (!mine.signal.aborted) giveUp();
    }
  }
  for (const sign of signs) document.addEventListener(sign, begin, { passive: true });
  return giveUp;
}

async function canSuggest(form) {
  if (!("suggest" in form.dataset) || location.origin !== form.dataset.origin) return false;
  return (await PublicKeyCredential.isConditionalMediationAvailable?.()) ?? false;
}

function words(error) {
  if (error.name === "InvalidStateError") return "This device has a passkey of yours already.";
  if (error.constructor === DOMException) return "That did not work, or you stopped it. You can try again.";
  return error.message;
}

for (const form of window.PublicKeyCredential ? document.querySelectorAll("form[data-passkey]") : []) {
  form.hidden = false;
  let stopSuggesting = null;
  canSuggest(form).then((can) => { if (can) stopSuggesting = suggest(form); }, () => {});
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    // A browser has one request at a time.
    stopSuggesting?.();
    if (location.origin !== form.dataset.origin) {
      say(form, `Passkeys work only when this page is opened at ${form.dataset.origin}.`);
      return;
    }
    const button = form.querySelector("button");
    button.disabled = true;
    run(form).catch((error) => say(form, words(error))).finally(() => { button.disabled = false; });
  });
}
