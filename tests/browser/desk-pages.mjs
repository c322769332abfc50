// Writes an incident at the desk in Chromium, from the call that something is wrong to its end, sets a
// component by hand and gives it back, announces work and calls it off, and looks at each page on the way
// as its readers would.
//
// At each stop: axe-core (WCAG 2.0 to 2.2, A and AA, and best practice) and sideways scroll on a phone,
// at 320 px, on a desktop, in the dark and with text at 200 %; a walk with the Tab key to whatever can
// be used, with a focus that is seen; no script, and no request to any other origin. On the way:
// faults take the focus to their list, a preview keeps what was typed, and going back, too.
// Prints every finding, exits 1 if there is one, 2 on wrong use.
//
// Install the libraries as check.mjs says, in a folder of their own, and run it from there. The token
// must be that of an admin of all organisations; the incidents that are written stay there, so give it a
// demo or a test, and never the server that citizens read:
//
//   turmwacht demo --listen 127.0.0.1:8080      # prints a token
//   TOKEN=tw_… node …/tests/browser/desk-pages.mjs http://127.0.0.1:8080
//
//   --shots DIR       also write screenshots
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
  { name: "desktop", width: 1200, height: 900, dark: false, text: "100%" },
  { name: "phone", width: 390, height: 844, dark: false, text: "100%" },
  { name: "narrow", width: 320, height: 640, dark: false, text: "100%" },
  { name: "large", width: 1200, height: 900, dark: false, text: "200%" },
  { name: "dark", width: 390, height: 844, dark: true, text: "100%" },
];
const USABLE = "a[href], button, input, select, textarea, summary, pre[tabindex]";

function options(args) {
  const chosen = { base: null, shots: null, chromium: "/usr/bin/chromium", token: process.env.TOKEN };
  const rest = [...args];
  while (rest.length > 0) {
    const word = rest.shift();
    if (word === "--shots") chosen.shots = rest.shift();
    else if (word === "--chromium") chosen.chromium = rest.shift();
    else if (word.startsWith("--")) throw new Error(`unknown option ${word}`);
    else chosen.base = new URL(word).origin;
  }
  if (!chosen.base) throw new Error("no address given");
  if (!chosen.token) throw new Error("no TOKEN in the environment");
  return chosen;
}

class Walk {
  constructor(page, axe, shots) {
    Object.assign(this, { page, axe, shots, found: [] });
  }

  say(where, what) {
    this.found.push(`${where}: ${what}`);
  }

  must(where, holds, what) {
    if (!holds) this.say(where, what);
  }

  // Looks at the page that is there in every way.
  async look(name) {
    const { page } = this;
    this.must(name, (await page.locator("script").count()) === 0, "has a script");
    this.must(name, (await page.locator("h1").count()) === 1, "has not one h1");
    for (const how of LOOKS) {
      await page.setViewportSize({ width: how.width, height: how.height });
      await page.emulateMedia({ colorScheme: how.dark ? "dark" : "light" });
      await page.evaluate((size) => { document.documentElement.style.fontSize = size; }, how.text);
      if (this.shots) await page.screenshot({ path: join(this.shots, `${name}_${how.name}.png`), fullPage: true });
      const opened = await page.evaluate(() => {
        const shut = [...document.querySelectorAll("details:not([open])")];
        shut.forEach((one) => { one.open = true; one.dataset.shut = ""; });
        return document.documentElement.scrollWidth - document.documentElement.clientWidth;
      });
      this.must(`${name} (${how.name})`, opened <= 0, `scrolls sideways by ${opened} px`);
      await page.evaluate(this.axe);
      const { violations } = await page.evaluate((tags) => globalThis.axe.run({ runOnly: tags }), RULES);
      for (const violation of violations) {
        for (const node of violation.nodes) {
          this.say(`${name} (${how.name})`, `axe ${violation.id}: ${violation.help}: ${node.html.slice(0, 160)}`);
        }
      }
      if (how.name === "narrow" || how.name === "desktop") await this.tab(`${name} (${how.name})`);
      await page.evaluate(() => document.querySelectorAll("[data-shut]").forEach((one) => { one.open = false; delete one.dataset.shut; }));
    }
    await page.setViewportSize({ width: LOOKS[0].width, height: LOOKS[0].height });
    await page.evaluate(() => { document.documentElement.style.fontSize = ""; });
  }

  // Goes through the page with Tab alone.
  async tab(where) {
    const { page } = this;
    const wanted = await page.evaluate((usable) => {
      // Where a list of faults has the focus, the way begins there.
      const begin = document.querySelector("[autofocus]");
      const is_after = (one) => !begin || begin.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING;
      // Of radio buttons Tab reaches the chosen one; the arrow keys lead to the others.
      const is_meant = (one) => one.type !== "hidden" && (one.type !== "radio" || one.checked);
      const all = [...document.querySelectorAll(usable)].filter(
        (one) => one.tabIndex >= 0 && is_meant(one) && one.checkVisibility() && is_after(one),
      );
      all.forEach((one, place) => { one.dataset.walk = place; });
      scrollTo(0, 0);
      const start = begin ?? document.body.insertBefore(document.createElement("span"), document.body.firstChild);
      if (!begin) Object.assign(start, { tabIndex: -1, id: "walk-begins" });
      start.focus();
      return all.map((one) => one.outerHTML.slice(0, 100));
    }, USABLE);
    const reached = [];
    // Dates have several places inside.
    for (let step = 0; step < 6 * wanted.length + 20; step += 1) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const one = document.activeElement;
        if (!one || one === document.body) return null;
        const { outlineStyle, outlineWidth } = getComputedStyle(one);
        const box = one.getBoundingClientRect();
        const seen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && box.bottom > 0 && box.top < innerHeight;
        return { place: one.dataset.walk ?? null, seen, html: one.outerHTML.slice(0, 100) };
      });
      // Once around.
      if (at === null || (reached.length > 1 && Number(at.place ?? -1) === reached[0])) break;
      if (!at.seen) this.say(where, `no focus is seen: ${at.html}`);
      if (at.place !== null && reached.at(-1) !== Number(at.place)) reached.push(Number(at.place));
    }
    await page.evaluate(() => document.querySelector("#walk-begins")?.remove());
    wanted.forEach((html, place) => this.must(where, reached.includes(place), `Tab does not reach ${html}`));
    const inOrder = reached.every((place, index) => index === 0 || place > reached[index - 1]);
    this.must(where, inOrder, `Tab leaves the order of the page: ${reached}`);
  }

  // Presses the last button of a name on the page, or in the form that goes to an address with this end.
  async press(name, to = "") {
    const place = to ? this.page.locator(`form[action$="${to}"]`) : this.page;
    await Promise.all([this.page.waitForNavigation(), place.getByRole("button", { name, exact: true }).last().click()]);
  }
}

async function story(walk, base, token) {
  const { page } = walk;
  await page.goto(`${base}/admin`);
  await page.fill("#token", token);
  await Promise.all([page.waitForNavigation(), page.press("#token", "Enter")]);
  await page.goto(`${base}/admin`);
  await walk.look("overview");
  await page.goto(`${base}/admin/incidents`);
  await walk.look("incidents");
  await page.goto(`${base}/admin/incidents/new`);
  await walk.look("choose");

  // The gaps of a template are noticed, and the list of faults has the focus.
  await page.goto(`${base}/admin/incidents/new?template=reach`);
  await walk.look("new");
  await walk.press("Vorschau ansehen");
  walk.must("faults", await page.evaluate(() => document.activeElement.classList.contains("faults")), "the list has not the focus");
  await walk.look("faults");
  await page.locator(".faults a").first().click();
  walk.must("faults", await page.evaluate(() => document.activeElement.id === "title-de"), "a fault does not lead to its field");

  await page.fill("#title-de", "Telefon im Rathaus gestört");
  await page.fill("#title-en", "Telephone of the town hall disrupted");
  await page.fill("#text-de", "Das Rathaus ist seit heute früh nicht telefonisch erreichbar. Schreiben Sie uns bitte.");
  await page.fill("#text-en", "The town hall cannot be reached by telephone since this morning. Please write to us.");
  if (await page.locator("#find").count()) {
    await page.fill("#find", "Rathaus");
    await walk.press("Suchen");
  }
  await page.getByLabel(/^Rathaus/).first().selectOption("major_outage");
  await page.locator("#next").selectOption({ index: 2 });
  await page.getByText("So geht es trotzdem: Telefon, Formular, Schalter").click();
  await page.selectOption("#way-0-kind", "mail");
  await page.fill("#way-0-target", "rathaus@stadt.example");
  await page.fill("#way-0-label-de", "Rathaus");
  await walk.press("Noch eine Möglichkeit");
  walk.must("new", (await page.inputValue("#way-0-target")) === "rathaus@stadt.example", "another row loses what was typed");
  await walk.press("Vorschau ansehen");
  await walk.look("preview");
  await walk.press("Zurück und ändern");
  walk.must("preview", (await page.inputValue("#title-de")) === "Telefon im Rathaus gestört", "going back loses what was typed");
  await walk.press("Vorschau ansehen");
  await walk.press("Veröffentlichen");
  walk.must("published", (await page.locator(".done").count()) === 1, "it does not say that it was done");
  await walk.look("published");

  const incident = new URL(page.url()).pathname;
  await page.goto(base + incident + "/update");
  await walk.look("update");
  await page.fill("#text-de", "Die Leitung wird heute repariert.");
  await page.selectOption("#status", "identified");
  await page.locator("#next").selectOption({ index: 3 });
  await walk.press("Vorschau ansehen");
  await walk.press("Veröffentlichen");
  for (const [path, name] of [["edit", "edit"], ["merge", "merge"], ["split", "split"], ["resolve", "resolve"]]) {
    await page.goto(`${base}${incident}/${path}`);
    await walk.look(name);
  }
  const first = await page.goto(base + incident).then(() => page.locator(".links a").first().getAttribute("href"));
  await page.goto(base + first);
  await walk.look("correct");
  await page.goto(`${base}${first}/retract`);
  await walk.look("retract");

  // Somebody else's incident, with words of one's own.
  const organisations = await (await fetch(`${base}/api/v1${incident.replace("/admin", "")}`)).json();
  const town = organisations.incident.organisations[0];
  await page.goto(`${base}${incident}/overlays/${town}`);
  await walk.look("overlay");
  await page.fill("#text-de", "Wer dringend etwas braucht, kommt bitte ins Rathaus.");
  await walk.press("Vorschau ansehen");
  await walk.look("overlay-preview");
  await walk.press("Veröffentlichen");
  await page.goto(`${base}${incident}/overlays/${town}/remove`);
  await walk.look("overlay-remove");
  await walk.press("Wegnehmen");
  await page.goto(`${base}${incident}/resolve`);
  await page.fill("#text-de", "Das Telefon geht wieder.");
  await walk.press("Vorschau ansehen");
  await walk.press("Veröffentlichen");
  walk.must("resolved", (await page.textContent("main")).includes("behoben"), "it is not over");
}

// A status by hand, words of a town, and planned work.
async function things(walk, base) {
  const { page } = walk;
  await page.goto(`${base}/admin/components`);
  await walk.look("components");
  // The story of a demo goes on meanwhile, and its editors write about the first ones.
  await Promise.all([page.waitForNavigation(), page.locator(".rows .head a").last().click()]);
  await walk.look("component");
  await page.selectOption("#status", "major_outage");
  await walk.press("Vorschau ansehen", "/status");
  await walk.look("component-preview");
  await walk.press("Zurück und ändern");
  walk.must("component", (await page.inputValue("#status")) === "major_outage", "going back loses what was chosen");
  await walk.press("Vorschau ansehen", "/status");
  await walk.press("Veröffentlichen");
  walk.must("component", (await page.locator(".done").count()) === 1, "it does not say that it was done");
  await walk.press("An die Prüfungen zurückgeben", "/back");
  await walk.look("component-back");
  await walk.press("Zurückgeben");
  walk.must("component", (await page.locator(".done").count()) === 1, "it does not say that it was given back");

  if (!(await page.locator("#local-text-de").isVisible())) await page.getByText("Etwas Neues sagen").click();
  if (await page.locator("#town-all").count()) await page.check("#town-all");
  await page.fill("#local-text-de", "Nur mit Termin.");
  await walk.press("Vorschau ansehen", "/local");
  await walk.press("Veröffentlichen");
  await walk.look("local");
  await Promise.all([page.waitForNavigation(), page.getByRole("button", { name: /^Ändern/ }).first().click()]);
  walk.must("local", (await page.inputValue("#local-text-de")) === "Nur mit Termin.", "it is not filled in with what is said");
  await walk.look("local-change");
  await page.goBack();
  await Promise.all([page.waitForNavigation(), page.getByRole("button", { name: /^Zurücknehmen/ }).first().click()]);
  await walk.look("local-remove");
  await walk.press("Zurücknehmen");
  walk.must("local", (await page.locator(".done").count()) === 1, "it does not say that it was taken back");

  await page.goto(`${base}/admin/maintenance`);
  await walk.look("maintenance");
  await page.goto(`${base}/admin/maintenance/new`);
  await walk.look("plan");
  await page.fill("#title-de", "Neue Software");
  if (await page.locator("#find").count()) {
    await page.fill("#find", "Rathaus");
    await walk.press("Suchen");
    walk.must("plan", (await page.inputValue("#title-de")) === "Neue Software", "seeking loses what was typed");
  }
  await page.locator("#components input[type=checkbox]").first().check();
  await page.fill("#from", "2099-12-05");
  await page.fill("#until", "2099-12-08");
  await walk.press("Vorschau ansehen");
  await walk.look("plan-preview");
  await walk.press("Veröffentlichen");
  await walk.look("planned");
  await walk.press("Absagen: erst ansehen");
  await walk.look("cancel");
  await walk.press("Wirklich absagen");
  walk.must("cancel", (await page.textContent("main")).includes("Es ist abgesagt"), "it is not called off");

  // What was done on the way is in the log.
  for (const name of ["audit", "operations"]) {
    await page.goto(`${base}/admin/${name}`);
    await walk.look(name);
  }
}

async function main() {
  let chosen;
  try {
    chosen = options(process.argv.slice(2));
  } catch (error) {
    console.error(`${error.message}\nusage: TOKEN=tw_… node desk-pages.mjs [--shots DIR] [--chromium FILE] ADDRESS`);
    return 2;
  }
  const require = createRequire(join(process.cwd(), "package.json"));
  const { chromium } = require("playwright-core");
  const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  if (chosen.shots) mkdirSync(chosen.shots, { recursive: true });
  const browser = await chromium.launch({ executablePath: chosen.chromium, args: FLAGS, timeout: DEADLINE_MS });
  const page = await (await browser.newContext({ locale: "de-DE" })).newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  const walk = new Walk(page, axe, chosen.shots);
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) walk.say("console", message.text());
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== chosen.base) walk.say("request", `to ${url.origin}`);
  });
  try {
    await story(walk, chosen.base, chosen.token);
    await things(walk, chosen.base);
  } catch (error) {
    walk.say(page.url(), error.message);
  } finally {
    await browser.close();
  }
  const found = new Set(walk.found);
  for (const finding of found) console.log(finding);
  console.log(found.size === 0 ? "the desk's pages are in order" : `${found.size} findings`);
  return found.size === 0 ? 0 : 1;
}

process.exit(await main());
