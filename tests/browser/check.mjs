// Opens pages in Chromium and finds what a reader would stumble over.
//
// For each address: axe-core (WCAG 2.0 to 2.2, A and AA, and best practice) at desktop and phone
// width, light and dark; sideways scroll at 320 px and with text at 200 %; console errors
// (violations of the Content-Security-Policy are among them); requests to any other origin;
// cookies and storage. Prints every finding, exits 1 if there is one, 2 on wrong use.
//
// Its two libraries are not part of this repository. Install them in a folder of their own and
// run it from there, against a running server:
//
//   mkdir /tmp/browser && cd /tmp/browser
//   npm init -y && npm i --ignore-scripts playwright-core axe-core
//   node …/tests/browser/check.mjs http://127.0.0.1:8080/ http://127.0.0.1:8080/hattingen
//
// The bytes alone are checked by html-validate with the settings beside this file. They allow any
// id without spaces (ids of components hold dots and may begin with a digit), long titles, and
// ordinary spaces in telephone numbers: style.css keeps numbers on one line, and what people copy
// stays plain.
//
//   npm i --ignore-scripts html-validate
//   npx html-validate --config …/tests/browser/html-validate.json page.html
//
//   --shots DIR       also write screenshots: desktop, phone, narrow, large, dark
//   --chromium FILE   the browser, /usr/bin/chromium if not given

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

const DEADLINE_MS = 30_000;
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const LOOKS = [
  { name: "desktop", width: 1280, height: 900, dark: false, text: "100%", axe: true },
  { name: "phone", width: 390, height: 844, dark: false, text: "100%", axe: true },
  { name: "narrow", width: 320, height: 640, dark: false, text: "100%", axe: false },
  { name: "large", width: 1280, height: 900, dark: false, text: "200%", axe: false },
  { name: "dark", width: 1280, height: 900, dark: true, text: "100%", axe: true },
];

function options(args) {
  const chosen = { addresses: [], shots: null, chromium: "/usr/bin/chromium" };
  const rest = [...args];
  while (rest.length > 0) {
    const word = rest.shift();
    if (word === "--shots") chosen.shots = rest.shift();
    else if (word === "--chromium") chosen.chromium = rest.shift();
    else if (word.startsWith("--")) throw new Error(`unknown option ${word}`);
    else chosen.addresses.push(new URL(word));
  }
  if (chosen.addresses.length === 0) throw new Error("no address given");
  return chosen;
}

async function look(browser, axe, address, how, shots) {
  const found = [];
  const context = await browser.newContext({
    viewport: { width: how.width, height: how.height },
    colorScheme: how.dark ? "dark" : "light",
  });
  context.setDefaultTimeout(DEADLINE_MS);
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && found.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => found.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== address.origin) found.push(`request to ${url.origin}`);
  });
  try {
    const response = await page.goto(address.href, { waitUntil: "load", timeout: DEADLINE_MS });
    if (response && response.status() >= 500) found.push(`status ${response.status()}`);
    await page.evaluate((size) => { document.documentElement.style.fontSize = size; }, how.text);
    // Whatever can be opened is looked at open, too.
    await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
    const beyond = await page.evaluate(() => {
      const root = document.documentElement;
      return root.scrollWidth - root.clientWidth;
    });
    if (beyond > 0) found.push(`scrolls sideways by ${beyond} px`);
    if (how.axe) {
      await page.evaluate(axe);
      const { violations } = await page.evaluate((tags) => globalThis.axe.run({ runOnly: tags }), RULES);
      for (const violation of violations) {
        for (const node of violation.nodes) found.push(`axe ${violation.id}: ${violation.help}: ${node.html.slice(0, 160)}`);
      }
    }
    if ((await context.cookies()).length > 0) found.push("sets cookies");
    const stored = await page.evaluate(() => {
      try { return localStorage.length + sessionStorage.length; } catch { return 0; }
    });
    if (stored > 0) found.push("stores something in the browser");
    if (shots) {
      const name = (address.pathname.replace(/\.html$/, "").replace(/[^a-z0-9]+/gi, "_").replace(/^_|_$/g, "") || "start");
      await page.evaluate(() => document.querySelectorAll("details").forEach((details, place) => { details.open = place === 0; }));
      await page.screenshot({ path: join(shots, `${name}_${how.name}.png`), fullPage: true });
    }
  } finally {
    await context.close();
  }
  return found;
}

async function main() {
  let chosen;
  try {
    chosen = options(process.argv.slice(2));
  } catch (error) {
    console.error(`${error.message}\nusage: node check.mjs [--shots DIR] [--chromium FILE] ADDRESS...`);
    return 2;
  }
  const require = createRequire(join(process.cwd(), "package.json"));
  const { chromium } = require("playwright-core");
  const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  if (chosen.shots) mkdirSync(chosen.shots, { recursive: true });
  const browser = await chromium.launch({ executablePath: chosen.chromium, args: FLAGS, timeout: DEADLINE_MS });
  let findings = 0;
  try {
    for (const address of chosen.addresses) {
      for (const how of LOOKS) {
        const found = new Set(await look(browser, axe, address, how, chosen.shots));
        for (const finding of found) console.log(`${address.pathname} (${how.name}): ${finding}`);
        findings += found.size;
      }
    }
  } finally {
    await browser.close();
  }
  console.log(`${chosen.addresses.length} addresses, ${findings} findings`);
  return findings === 0 ? 0 : 1;
}

process.exitCode = await main();
