// Every page in light and dark, narrow and wide: axe finds nothing, nothing runs out of the page, and a picture if wanted.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const LOOKS = [
  { name: "light", colorScheme: "light", width: 1200 },
  { name: "dark", colorScheme: "dark", width: 1200 },
  { name: "light-narrow", colorScheme: "light", width: 360 },
  { name: "dark-narrow", colorScheme: "dark", width: 360 },
];

export async function looks(page, name) {
  for (const look of LOOKS) {
    await page.emulateMedia({ colorScheme: look.colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width: look.width, height: 900 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) throw new Error(`${name} (${look.name}) is ${wide} pixels too wide`);
    // Through the debugger, as an extension would: the page's own policy stays in force.
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    if (violations.length > 0) {
      const told = violations.map(({ id, help, nodes }) => `${id}: ${help}\n    ${nodes.map((node) => node.html).join("\n    ")}`);
      throw new Error(`${name} (${look.name}): axe finds\n  ${told.join("\n  ")}`);
    }
    if (process.env.PICTURES) {
      await page.screenshot({ path: join(process.env.PICTURES, `${name}-${look.name}.png`), fullPage: true });
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1200, height: 900 });
}
