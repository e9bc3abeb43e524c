// `postern try --first-run` as a child process, and a browser beside it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const PATIENCE = 30_000;

export class House {
  static async open() {
    const house = new House();
    house.process = spawn(process.env.POSTERN, ["try", "--first-run", "--no-browser"], { stdio: ["ignore", "pipe", "inherit"] });
    house.urls = await urls(house.process);
    house.browser = await chromium.launch({
      executablePath: process.env.CHROMIUM_PATH,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    });
    return house;
  }

  // The page where the account is made, and the inbox.
  get setup() { return this.urls[0]; }
  get inbox() { return this.urls[1]; }
  get origin() { return new URL(this.setup).origin; }

  async close() {
    await this.browser?.close();
    if (this.process.exitCode === null) {
      this.process.kill("SIGTERM");
      await once(this.process, "exit");
    }
  }
}

// The two addresses it prints: its own pages, then the inbox.
async function urls(child) {
  const found = [];
  const lines = createInterface({ input: child.stdout });
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
  for await (const line of lines) {
    const url = line.match(/http:\/\/\S+/);
    if (url) found.push(url[0]);
    if (found.length === 2) break;
  }
  clearTimeout(timer);
  if (found.length < 2) throw new Error("postern try did not say where its pages are");
  return found;
}

// Waits until `look` gives something; a page that is not there yet is no error.
export async function until(what, look, patience = PATIENCE) {
  const end = Date.now() + patience;
  let last;
  while (Date.now() < end) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resume) => setTimeout(resume, 100));
  }
  throw new Error(`waited in vain: ${what}${last ? ` (${last.message})` : ""}`);
}
