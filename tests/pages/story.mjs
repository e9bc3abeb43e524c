// The first days of a user, in a real browser against the real program: first run, verification, an alias for a site, mail
// and an answer, pause, kill, codes and a passkey, a move of the mailbox, a second user who signs up. Every step says "ok";
// the first that does not hold ends it with status 1 and a picture of where it was.
import { createHmac } from "node:crypto";
import { join } from "node:path";

import { House, until } from "./house.mjs";
import { looks } from "./looks.mjs";

const ME = "me@inbox.example";
const NEW = "new@inbox.example";
const OTHER = "friend@inbox.example";
const PASSWORD = "a small back gate";

const house = await House.open();
const context = await house.browser.newContext();
const page = await context.newPage();
const inbox = await context.newPage();
let number = 0;

async function step(title, act) {
  const began = Date.now();
  await act();
  number += 1;
  console.log(`ok ${number} ${title}  (${Date.now() - began} ms)`);
}

function must(holds, what) {
  if (!holds) throw new Error(what);
}

const go = (path, tab = page) => tab.goto(`${house.origin}/${path}`);
// A button that sends a form: done when the page that answers is there. The inbox sends its forms by a script.
const send = (button, tab = page) => Promise.all([
  tab === inbox ? tab.waitForResponse((answer) => answer.request().method() === "POST") : tab.waitForEvent("load"),
  button.first().click(),
]);
const press = (name, tab = page) => send(tab.getByRole("button", { name, exact: true }), tab);
const title = async (tab = page) => (await tab.locator("h1").first().textContent()).trim();

// The links of the newest mail whose subject fits, as the inbox shows them.
async function mailedLink(subject, to = ME) {
  return until(`a mail “${subject}” with a link to ${to}`, async () => {
    await inbox.goto(house.inbox);
    const mail = inbox.locator("article.message", { hasText: to }).filter({ has: inbox.locator("h3", { hasText: subject }) });
    return (await mail.count()) > 0 && mail.first().locator("a").first().getAttribute("href");
  });
}

// A site sends its next mail; what became of it at the gate.
async function siteSends(site) {
  await inbox.goto(house.inbox);
  const before = await inbox.locator("ol.events > li").count();
  await send(inbox.getByRole("button", { name: `Send a mail as ${site}` }), inbox);
  await until("what the gate answered", async () => (await inbox.locator("ol.events > li").count()) > before);
  const event = inbox.locator("ol.events > li").first();
  return { verdict: (await event.locator("strong").textContent()).trim(), text: await event.textContent() };
}

// RFC 6238, six digits of SHA-1 every thirty seconds.
function totp(secret, at = Date.now()) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replace(/[^A-Z2-7]/g, "")].map((c) => alphabet.indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const digest = createHmac("sha1", key).update(counter).digest();
  const offset = digest[19] & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

async function signOut(tab = page) {
  await press("Sign out", tab);
  must((await title(tab)) === "Sign in", "signing out leads to the page for signing in");
}

async function signIn(email, tab = page) {
  await go("sign-in", tab);
  await tab.getByLabel("Your address").fill(email);
  await tab.getByLabel("Password").fill(PASSWORD);
  await press("Sign in", tab);
}

let alias;
let secret;

const steps = [
  ["the first run makes the first account", async () => {
    await page.goto(house.setup);
    await looks(page, "setup-person");
    await page.getByLabel("The address of your inbox").fill(ME);
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByLabel("The same password again").fill(PASSWORD);
    await press("Make my account");
    await looks(page, "setup-domain");
    await go("setup/mail");
    await looks(page, "setup-mail");
  }],
  ["nothing is forwarded before the mailbox is verified by the mailed link", async () => {
    await page.goto(await mailedLink("Confirm"));
    await looks(page, "verify");
    await press("Yes, forward mail to it");
    await go("setup/done");
    await looks(page, "setup-done");
  }],
  ["an alias is made in one click and given to a site", async () => {
    await go("aliases");
    await looks(page, "aliases-none");
    await page.getByLabel("Which site is it for?").fill("https://www.lumen-phones.example/sign-up");
    await send(page.getByRole("button", { name: /^Make/ }));
    alias = await page.locator("[data-copy]").first().getAttribute("data-copy");
    must(/^[^@]+@you\.example$/.test(alias), `an alias, not ${alias}`);
    await looks(page, "aliases-made");
    await inbox.goto(house.inbox);
    await inbox.getByLabel("Sign up at lumen-phones.example with the alias").fill(alias);
    await press("Sign up", inbox);
  }],
  ["mail of the site arrives in the inbox, and the answer goes out from the alias", async () => {
    must((await siteSends("Lumen Phones")).verdict === "Let in", "the mail is let in");
    await until("the mail in the inbox", async () => {
      await inbox.goto(house.inbox);
      return (await inbox.getByRole("button", { name: /^Answer/ }).count()) > 0;
    });
    await send(inbox.getByRole("button", { name: /^Answer/ }), inbox);
    await until("the answer at the site", async () => {
      await inbox.goto(house.inbox);
      return (await inbox.locator(".got code").first().textContent()) === alias;
    });
    const leaks = await inbox.locator("#check strong").textContent();
    must(leaks.trim() === "nowhere", `the real address was seen ${leaks}`);
    await looks(inbox, "inbox");
  }],
  ["a paused alias asks senders to come back later, and opens again", async () => {
    await go("aliases");
    await Promise.all([page.waitForEvent("load"), page.locator(`table.aliases [data-copy="${alias}"]`).first().click()]);
    await looks(page, "alias");
    await press("Pause");
    must((await siteSends("Lumen Phones")).text.includes("450 "), "a paused alias answers 450");
    await press("Open");
    must((await siteSends("Lumen Phones")).verdict === "Let in", "the open alias lets mail in");
  }],
  ["a killed alias refuses for good", async () => {
    await page.getByLabel("Yes, nothing shall reach me at this address any more").check();
    await press("Kill");
    const { verdict, text } = await siteSends("Lumen Phones");
    must(verdict === "Turned away" && text.includes("550 "), `a killed alias answers 550, not: ${text}`);
    await page.reload();
    await looks(page, "alias-killed");
  }],
  ["codes from a phone are asked for after the password", async () => {
    await go("security");
    await looks(page, "security");
    await Promise.all([page.waitForEvent("load"), page.getByRole("link", { name: "Set codes up" }).click()]);
    await looks(page, "security-codes");
    secret = await page.locator(".secret code").textContent();
    await page.locator("input[name=code]").fill(totp(secret));
    await press("Turn codes on");
    await looks(page, "security-recovery");
    const recovery = (await page.locator("ol.codes code").first().textContent()).trim();
    await signOut();
    await signIn(ME);
    must(page.url().includes("sign-in/factor"), "the second factor is asked for");
    await looks(page, "sign-in-code");
    await go("aliases");
    must(page.url().includes("sign-in/factor"), "nothing is open before the second factor");
    await page.locator("input[name=code]").fill("000000");
    await press("Go on");
    must((await page.locator("[role=alert]").count()) > 0, "a wrong code is refused");
    await page.locator("input[name=code]").fill(recovery);
    await press("Go on");
    must((await title()) !== "Sign in" && !page.url().includes("sign-in"), "a recovery code lets in");
  }],
  ["a passkey signs in without a password", async () => {
    // A browser asks for passkeys only in front.
    await page.bringToFront();
    const debug = await context.newCDPSession(page);
    await debug.send("WebAuthn.enable");
    await debug.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    await go("security");
    await page.getByLabel("Name").fill("my laptop");
    await press("Add a passkey");
    await page.getByRole("heading", { name: "Your passkeys" }).waitFor();
    await looks(page, "security-passkey");
    await signOut();
    await looks(page, "sign-in");
    // Without a pointer: at the first move of one the browser suggests the passkey, which is the next step.
    await page.getByRole("button", { name: /passkey/ }).first().evaluate((button) => button.click());
    await page.waitForURL(/aliases/);
  }],
  ["a passkey is suggested where the address is typed, once somebody is there", async () => {
    await signOut();
    let asked = 0;
    const count = (request) => { if (request.url().endsWith("sign-in/passkey/options")) asked += 1; };
    page.on("request", count);
    await go("sign-in");
    must((await page.locator("input[name=email]").getAttribute("autocomplete")) === "username webauthn", "the field is marked");
    must(await page.evaluate(() => PublicKeyCredential.isConditionalMediationAvailable()), "this browser can suggest passkeys");
    // As long as a person takes to look at the page.
    await page.waitForLoadState("networkidle");
    must(asked === 0, "a page that is only opened asks for nothing");
    // The browser of the test chooses the passkey as soon as it may suggest it.
    await page.mouse.move(200, 200);
    await page.waitForURL(/aliases/);
    must(asked === 1, "one offer is enough");
    page.off("request", count);
  }],
  ["a second alias, and the mailbox moves: both work until the new one is verified", async () => {
    await go("aliases");
    await page.getByLabel("Which site is it for?").fill("bookworm.example");
    await send(page.getByRole("button", { name: /^Make/ }));
    const second = await page.locator("[data-copy]").first().getAttribute("data-copy");
    await inbox.goto(house.inbox);
    await inbox.getByLabel("Sign up at bookworm.example with the alias").fill(second);
    await press("Sign up", inbox);
    await go("mailboxes");
    await looks(page, "mailboxes");
    await Promise.all([page.waitForEvent("load"), page.getByRole("link", { name: /^Move/ }).first().click()]);
    await looks(page, "mailbox-move");
    await page.getByLabel(/new address|New address/).fill(NEW);
    await send(page.locator("main form button.main").last());
    await looks(page, "mailboxes-moving");
    const arrived = async (address) => {
      must((await siteSends("Bookworm")).verdict === "Let in", "the mail is let in");
      await inbox.goto(house.inbox);
      const header = await inbox.locator("article.message pre").first().textContent();
      return header.includes(address) || (await inbox.locator("article.message").first().textContent()).includes(address);
    };
    must(!(await arrived(NEW)), "before the link is followed nothing goes to the new mailbox");
    const link = await mailedLink("Confirm", NEW);
    await page.goto(link);
    await looks(page, "verify-move");
    await send(page.getByRole("button", { name: /^Yes/ }));
    await go("mailboxes");
    const text = await page.locator("main").textContent();
    must(text.includes(NEW) && !text.includes(ME), "the new mailbox stands in the old one's place");
  }],
  ["SimpleLogin's extension is asked to fetch a key, fetches it with the cookie, and may use it", async () => {
    // What the extension's content script hears, and what its background then sends.
    await page.addInitScript(() => window.addEventListener("message", (event) => { (window.heard ??= []).push(event.data.tag); }));
    await go("onboarding/setup");
    await page.waitForFunction(() => window.heard?.includes("PERFORM_EXTENSION_SETUP"));
    await looks(page, "extension-setup");
    const made = await page.evaluate(async () => {
      const headers = { "X-Sl-Allowcookies": "true" };
      const answer = await fetch("/api/api_key", { method: "POST", headers, body: JSON.stringify({ device: "Chrome (Linux)" }) });
      return { status: answer.status, ...(await answer.json()) };
    });
    must(made.status === 201 && made.api_key, `the extension gets a key: ${JSON.stringify(made)}`);
    const info = await page.request.get(new URL("/api/user_info", page.url()).href, { headers: { Authentication: made.api_key } });
    must(info.status() === 200, "the key is good");
    await go("onboarding/final");
    await looks(page, "extension-done");
  }],
  ["every other page", async () => {
    for (const [path, name] of [
      ["aliases", "aliases"], ["aliases/new?site=lg.example", "alias-new"], ["domains", "domains"], ["activity", "activity"],
      ["failures", "failures"], ["blocks", "blocks"], ["holds", "holds"], ["access", "access"], ["webhooks", "webhooks"],
      ["transfer", "transfer"], ["docs", "docs"], ["admin", "admin"], ["admin/users", "admin-users"], ["admin/queue", "admin-queue"],
      ["admin/health", "admin-health"], ["admin/domains", "admin-domains"], ["admin/invites", "admin-invites"],
    ]) {
      const answer = await go(path);
      must(answer.status() === 200, `/${path} answers ${answer.status()}`);
      await looks(page, name);
    }
  }],
  ["somebody else signs up, by the link in a mail, and sees nothing of the first", async () => {
    const context = await house.browser.newContext();
    const tab = await context.newPage();
    await go("sign-up", tab);
    await looks(tab, "sign-up");
    await tab.getByLabel("Your address").fill(OTHER);
    await send(tab.locator("form button.main"), tab);
    await tab.goto(await mailedLink("account", OTHER));
    await looks(tab, "sign-up-password");
    await tab.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await tab.getByLabel("The same password again").fill(PASSWORD);
    await send(tab.locator("form button.main"), tab);
    await go("aliases", tab);
    must(!(await tab.content()).includes(alias), "another user's aliases are not there");
    await go("reset", tab);
    await looks(tab, "reset");
    must((await go("admin", tab)).status() === 404, "the administration is not there for others");
    await context.close();
  }],
];

let failed;
try {
  for (const [title, act] of steps) await step(title, act);
  console.log(`${steps.length} passed, 0 failed`);
} catch (error) {
  failed = error;
  const picture = join(process.env.SCRATCH.replace(/\/[^/]*$/, ""), "postern-pages-failed.png");
  await page.screenshot({ path: picture, fullPage: true }).catch(() => {});
  await inbox.screenshot({ path: picture.replace("failed", "failed-inbox"), fullPage: true }).catch(() => {});
  console.error(`step ${number + 1}, “${steps[number][0]}”, did not hold: ${error.message}\n  at ${page.url()} (picture: ${picture})`);
} finally {
  await house.close();
}
process.exit(failed ? 1 : 0);
