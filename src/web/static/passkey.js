// Passkeys: asks the browser to make one or to be proved by one, and sends what it says as an ordinary form.
// The forms are hidden without this file, and where the browser has no passkeys.
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

async function offered(form) {
  const body = new URLSearchParams(new FormData(form));
  const answer = await fetch(form.dataset.offer, { method: "POST", body, redirect: "manual" });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(found.wrong ?? "Please load this page anew and try again.");
  return found;
}

async function run(form) {
  const { ceremony, options } = await offered(form);
  const wanted = decoded(options);
  const makes = form.dataset.passkey === "create";
  const credential = await (makes ? navigator.credentials.create(wanted) : navigator.credentials.get(wanted));
  form.elements.ceremony.value = ceremony;
  form.elements.answer.value = encoded(credential);
  form.submit();
}

function words(error) {
  if (error.name === "InvalidStateError") return "This device has a passkey of yours already.";
  if (error.constructor === DOMException) return "That did not work, or you stopped it. You can try again.";
  return error.message;
}

for (const form of window.PublicKeyCredential ? document.querySelectorAll("form[data-passkey]") : []) {
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (location.origin !== form.dataset.origin) {
      say(form, `Passkeys work only when this page is opened at ${form.dataset.origin}.`);
      return;
    }
    const button = form.querySelector("button");
    button.disabled = true;
    run(form).catch((error) => say(form, words(error))).finally(() => { button.disabled = false; });
  });
}
