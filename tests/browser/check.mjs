// Opens pages in Chromium and finds what a reader would stumble over.
//
// For each address: axe-core (WCAG 2.0 to 2.2, A and AA, and best practice) and sideways scroll at
// desktop and phone width, at 320 px, with text at 200 %, and in the dark; console errors
// (violations of the Content-Security-Policy are among them); requests to any other origin;
// cookies and storage. Then a walk with the keyboard alone, there and back: Tab reaches whatever
// can be used, in the order of reading, with a focus that is seen and covered by nothing, and
// nothing holds it. Prints every finding, exits 1 if there is one, 2 on wrong use.
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
  { name: "desktop", width: 1280, height: 900, dark: false, text: "100%", walk: true },
  { name: "phone", width: 390, height: 844, dark: false, text: "100%", walk: false },
  { name: "narrow", width: 320, height: 640, dark: false, text: "100%", walk: true },
  { name: "large", width: 1280, height: 900, dark: false, text: "200%", walk: false },
  { name: "dark", width: 1280, height: 900, dark: true, text: "100%", walk: false },
];
// Looks under way: much of each is waiting for the browser to draw.
const AT_A_TIME = 3;
// What the walk looks for: all that can be used. Boxes that scroll take the focus, too, without
// being named here.
const USABLE = "a[href], area[href], button, input, select, textarea, summary, iframe, [tabindex]";
// A focus ring is at least so wide (WCAG 2.2, 2.4.13).
const RING_PX = 2;

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
  // A page is looked at as it came. That it changes under a reader's hands is for live.mjs.
  await context.addInitScript(() => {
    globalThis.EventSource = class extends EventTarget { close() {} };
  });
  const page = await context.newPage();
  page.on("console", (message) => {
    // That a page is an error page is no error of the page.
    const isAnswer = message.location().url === address.href && message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isAnswer) found.push(`console: ${message.text()}`);
  });
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
    await page.evaluate(axe);
    const { violations } = await page.evaluate((tags) => globalThis.axe.run({ runOnly: tags }), RULES);
    for (const violation of violations) {
      for (const node of violation.nodes) found.push(`axe ${violation.id}: ${violation.help}: ${node.html.slice(0, 160)}`);
    }
    if (how.walk) found.push(...await walk(page));
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

// Goes through a page with Tab alone, and back.
async function walk(page) {
  const found = [];
  const wanted = await page.evaluate((usable) => {
    const all = [...document.querySelectorAll(usable)].filter((one) => one.tabIndex >= 0 && one.checkVisibility());
    all.forEach((one, place) => { one.dataset.walk = place; });
    for (const one of all) if (one.tabIndex > 0) one.dataset.walk = "out of order";
    return all.map((one) => one.outerHTML.slice(0, 120));
  }, USABLE);
  await page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0); getSelection().removeAllRanges(); });
  // More than there are steps: whoever is not through by then is held.
  const most = 2 * wanted.length + 20;
  for (const key of ["Tab", "Shift+Tab"]) {
    const reached = [];
    let out = false;
    for (let step = 0; step < most && !out; step += 1) {
      await page.keyboard.press(key);
      const at = await page.evaluate(focused, RING_PX);
      out = at === null || at.again;
      if (out) break;
      if (at.fault) found.push(`keyboard: ${at.fault}: ${at.html}`);
      if (at.place !== null) reached.push(at.place);
    }
    await page.evaluate(() => document.querySelectorAll("[data-walked]").forEach((one) => one.removeAttribute("data-walked")));
    if (!out) found.push(`keyboard: ${key} does not lead out of the page`);
    const inOrder = key === "Tab" ? reached : [...reached].reverse();
    wanted.forEach((html, place) => inOrder.includes(String(place)) || found.push(`keyboard: ${key} does not reach ${html}`));
    if (inOrder.some((place, index) => index > 0 && Number(place) <= Number(inOrder[index - 1]))) {
      found.push(`keyboard: ${key} leaves the order of the page: ${inOrder}`);
    }
  }
  return found;
}

// In the page: what has the focus, and what is wrong with how it shows. Null: the page has it.
function focused(ring) {
  const one = document.activeElement;
  if (!one || one === document.body || one === document.documentElement) return null;
  const again = one.hasAttribute("data-walked");
  one.setAttribute("data-walked", "");
  const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(one);
  const seen = outlineStyle !== "none" && parseFloat(outlineWidth) >= ring && !/, 0\)$|transparent/.test(outlineColor);
  const box = one.getClientRects()[0];
  let fault = seen ? null : `no ring (${outlineStyle} ${outlineWidth} ${outlineColor})`;
  if (!box || box.bottom <= 0 || box.top >= innerHeight || box.right <= 0 || box.left >= innerWidth) {
    fault = "focus is out of sight";
  } else {
    const x = Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1);
    const y = Math.min(Math.max(box.top + Math.min(box.height, innerHeight) / 2, 0), innerHeight - 1);
    const top = document.elementFromPoint(x, y);
    if (top && top !== one && !one.contains(top) && !top.contains(one)) fault = `covered by ${top.localName}.${top.className}`;
  }
  return { again, fault, place: one.dataset.walk ?? null, html: one.outerHTML.slice(0, 120) };
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
  const waiting = chosen.addresses.flatMap((address) => LOOKS.map((how) => ({ address, how })));
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { address, how } = next;
      const found = new Set(await look(browser, axe, address, how, chosen.shots));
      for (const finding of found) console.log(`${address.pathname}${address.search} (${how.name}): ${finding}`);
      findings += found.size;
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
  } finally {
    await browser.close();
  }
  console.log(`${chosen.addresses.length} addresses, ${findings} findings`);
  return findings === 0 ? 0 : 1;
}

process.exitCode = await main();
