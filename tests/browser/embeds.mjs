// Opens the example site, which embeds everything of a running server from another origin under a
// strict Content-Security-Policy, and finds what its readers or its operator would stumble over.
//
// It serves tests/browser/example-site/ itself at another port of loopback, with a reverse proxy
// at /turmwacht/ and server-side include as docs/embedding.md describes them. The proxy can stop,
// tell of a change, or lie. What is checked:
//
//   every page    status as the API has it, in all variants; no console error, no violation of the
//                 policy, no cookie, nothing stored; axe-core without findings in light and dark,
//                 at 320 px and with text at 200 %; no sideways scroll; nothing moves
//   change        is announced once, and asking again announces nothing
//   server gone   "Stand unbekannt" with its age, nothing reads or looks available; then back
//   exported      without `valid_until`, by api/v1/alive.json alone
//   lies          hostile JSON stays text: no element, no link of another scheme, no script
//   odd           no cause that nobody decided, no green that nobody vouches for, dead ways last,
//                 the words and ways of incidents, the page that the answer names, one request
//   keyboard      every link can be reached, and keeps the focus when the status changes
//   hidden        a page in the background asks nothing
//   documents     every block of `html` in docs/embedding.md works under the policy written below it
//
// Its two libraries are not part of this repository. Install them in a folder of their own and
// run it from there, against a running server that shows `hattingen`:
//
//   npm i --ignore-scripts playwright-core axe-core
//   node …/tests/browser/embeds.mjs http://127.0.0.1:8080
//
//   --shots DIR       also write screenshots
//   --chromium FILE   the browser, /usr/bin/chromium if not given

import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const PLACE = "https://status.example.org";
const DEADLINE_MS = 20_000;
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const LOOKS = [
  { name: "light", width: 1024, height: 900, dark: false, text: "100%" },
  { name: "dark", width: 1024, height: 900, dark: true, text: "100%" },
  { name: "narrow", width: 320, height: 640, dark: false, text: "100%" },
  { name: "large", width: 1024, height: 900, dark: false, text: "200%" },
];
const HOSTILE = "\"><script>globalThis.taken=1</script><img src=x onerror=globalThis.taken=1></section>{{7*7}}";
const LINK = "javascript:globalThis.taken=1";

let findings = 0;
function find(where, what) {
  findings += 1;
  console.log(`${where}: ${what}`);
}
function expect(where, holds, what) {
  if (!holds) find(where, what);
}

/** What the proxy does with an answer of ours. */
const WAYS = {
  pass: (_, body) => body,
  fallen: (path, body) => told(body, "major_outage"),
  well: (path, body) => told(body, "operational"),
  exported: (path, body) => (path.endsWith("alive.json") ? body : without(body, "valid_until")),
  outdated: (path, body) => (path.endsWith("alive.json") ? { ...body, valid_until: "2020-01-01T00:00:00Z" } : without(body, "valid_until")),
  hostile: (_, body) => poisoned(body, ""),
  odd: (path, body) => (path.includes("/organisations/") ? odd(body) : body),
  number: () => 1,
  array: () => [],
  proto: (_, body) => JSON.parse(JSON.stringify(body).replace(/"(status|kind|lifecycle)":"[a-z_]*"/g, "\"$1\":\"__proto__\"")),
  shape: (_, body) => ({ ...body, organisation: { name: "x", components: 1, incidents: { length: 9 } }, component: { name: "x", parts: null } }),
};

function without(body, key) {
  const rest = { ...body };
  delete rest[key];
  return rest;
}

function told(body, status) {
  const one = (component) => ({ ...component, status, evidence: "own" });
  if (body.component) return { ...body, component: one(body.component) };
  if (!body.organisation) return body;
  const components = body.organisation.components.map(one);
  return { ...body, organisation: { ...body.organisation, status, evidence: "derived", unknown: 0, components, incidents: [] } };
}

/** What a town may have at once, seldom in a demo. */
function odd(body) {
  const some = { part_of: null, kind: "service", lifecycle: "live", status: "operational", evidence: "own", affected_by: null, because: null, alternatives: [], text: null, incident: null };
  const way = (label, target, rest) => ({ kind: "phone", label, target, hours: null, hours_text: null, page: null, status: null, ...rest });
  const components = [
    { ...some, id: "serviceportal-en", name: "Portal", lifecycle: "announced", page: `${PLACE}/hattingen/serviceportal-en` },
    { ...some, id: "declared", name: "Angabe", evidence: "declared" },
    {
      ...some, id: "red", name: "Rot", status: "major_outage", affected_by: { path: [{ id: "calm", name: "Unbeteiligt" }], incident: null },
      alternatives: [
        way("Tot", ["tel:+4923242040", "https://lead.example/"], { status: "major_outage", page: "https://more.example/" }), way("Lebt", []),
      ],
    },
    { ...some, id: "part", name: "Teil", part_of: "red", status: "major_outage", alternatives: [way("Für den Teil", [])] },
  ];
  const incidents = [{
    id: "i", title: "Vorfall", status: "identified", url: `${PLACE}/incidents/i`, started_at: body.generated_at, components: [{ id: "red" }],
    alternatives: [way("Umweg", []), components[2].alternatives[1]], overlay: { text: "Wort der Stadt" },
  }];
  return { ...body, organisation: { ...body.organisation, status: "operational", evidence: "derived", unknown: 1, components, incidents } };
}

const CLOSED = ["status", "kind", "lifecycle", "evidence", "mode", "processing", "generated_at", "valid_until", "checked_at", "id", "part_of"];
function poisoned(value, key) {
  if (Array.isArray(value)) return value.length > 0 ? value.map((one) => poisoned(one, key)) : value;
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, poisoned(one, name)]));
  }
  if (typeof value !== "string" || CLOSED.includes(key) || /^\d{4}-/.test(value)) return value;
  return ["target", "url", "page", "emergency_url"].includes(key) ? LINK : HOSTILE;
}

/** The example site. `state.way` is a word of WAYS, or `stopped`. */
function serve(origin, state) {
  const fetched = async (path) => (await fetch(origin + path)).text();
  return createServer(async (request, response) => {
    try {
      const path = request.url;
      if (path === "/favicon.ico") return void response.writeHead(204).end();
      if (path.startsWith("/turmwacht/")) {
        state.asked += 1;
        state.paths.push(path);
        if (state.way === "stopped" && path.includes("/api/")) return void request.socket.destroy();
        const answer = await fetch(origin + path.slice("/turmwacht".length));
        const headers = { "content-type": answer.headers.get("content-type"), "cache-control": "no-store", date: new Date(Date.now() + state.ahead).toUTCString() };
        if (!path.includes("/api/")) return void response.writeHead(answer.status, headers).end(Buffer.from(await answer.arrayBuffer()));
        return void response.writeHead(answer.status, headers).end(JSON.stringify(WAYS[state.way](path, later(await answer.json(), state.ahead))));
      }
      if (path === "/style.css") {
        return void response.writeHead(200, { "content-type": "text/css" }).end(readFileSync(join(HERE, "example-site", "style.css")));
      }
      const block = /^\/block-(\d+)\.html$/.exec(path);
      let [page, policy] = block ? state.blocks[Number(block[1])] : [readFileSync(join(HERE, "example-site", path.slice(1)), "utf8"), null];
      page = page.replaceAll(PLACE, origin);
      for (const [include, there] of page.matchAll(/<!--# include virtual="\/turmwacht([^"]+)" -->/g)) {
        page = page.replace(include, await fetched(there));
        // Only what a server puts in has style attributes.
        policy ??= "default-src 'none'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src data:";
      }
      policy ??=
        `default-src 'none'; script-src 'self' ${PLACE}; connect-src 'self' ${PLACE}; frame-src ${PLACE}; img-src ${PLACE} data:; ` +
        "style-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
      response.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-security-policy": policy.replaceAll(PLACE, origin) }).end(page);
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
}

/** The blocks of `html` in the documentation, each as a page, with the policy that follows it. */
function documented() {
  const text = readFileSync(join(HERE, "..", "..", "docs", "embedding.md"), "utf8");
  const blocks = [...text.matchAll(/```html\n([^]*?)```(?:\n[^`]*```csp\n([^]*?)```)?/g)];
  return blocks.map(([, html, policy]) => [
    `<!DOCTYPE html><html lang="de"><head><meta charset="utf-8"><title>Block</title></head><body><main><h1>Block</h1>${html}</main></body></html>`,
    policy ? `default-src 'none'; ${policy.trim().replaceAll("\n", " ")}` : null,
  ]);
}

/** Lets time pass in a page and at the server alike. */
async function pass(page, state, ms) {
  state.ahead += ms;
  await page.clock.fastForward(ms);
  // A question under way must not be cut off by the next leap.
  await new Promise((wake) => setTimeout(wake, 500));
}

/** An answer as it would read that much later. */
function later(value, ms) {
  if (ms === 0 || !value || typeof value !== "object") return value;
  const moved = { ...value };
  for (const key of ["generated_at", "valid_until", "checked_at"]) {
    if (moved[key]) moved[key] = new Date(Date.parse(moved[key]) + ms).toISOString();
  }
  return moved;
}

/** What each widget shows, with what is announced. */
const shown = (page) => page.evaluate(() =>
  [...document.querySelectorAll("turmwacht-status")].map((widget) => {
    const box = widget.shadowRoot.querySelector("[part~=box]");
    const parts = [...widget.shadowRoot.querySelectorAll("[part~=status]")];
    return {
      text: box.hidden ? "" : box.innerText,
      statuses: parts.map((one) => one.getAttribute("part").split(" ")[1]),
      box: box.getAttribute("part"),
      announced: widget.shadowRoot.querySelector("[aria-live]").textContent,
      said: widget.said ?? [],
    };
  }));

async function settled(page, where) {
  const asked = () => [...document.querySelectorAll("turmwacht-status")].every((one) => one.shadowRoot?.querySelector("[part~=status]"));
  await page.waitForFunction(asked, null, { timeout: DEADLINE_MS }).catch(() => find(where, "a widget shows no status"));
}

/** A page with everything that must not happen written down. `fails` = requests may fail. */
async function open(browser, address, how = LOOKS[0], { fails = false, clock = false } = {}) {
  const context = await browser.newContext({
    viewport: { width: how.width, height: how.height }, colorScheme: how.dark ? "dark" : "light", reducedMotion: "reduce",
  });
  context.setDefaultTimeout(DEADLINE_MS);
  const page = await context.newPage();
  const where = `${new URL(address).pathname} (${how.name})`;
  if (clock) await page.clock.install();
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
    addEventListener("DOMContentLoaded", () => {
      for (const widget of document.querySelectorAll("turmwacht-status")) {
        widget.said = [];
        const live = () => widget.shadowRoot?.querySelector("[aria-live]");
        customElements.whenDefined("turmwacht-status").then(() =>
          new MutationObserver(() => widget.said.push(live().textContent)).observe(live(), { childList: true, characterData: true, subtree: true }));
      }
    });
  });
  page.on("console", (message) => {
    if (message.type() !== "error" || (fails && message.text().startsWith("Failed to load resource"))) return;
    find(where, `console: ${message.text()}`);
  });
  page.on("pageerror", (error) => find(where, `error: ${error.message}`));
  await page.goto(address, { waitUntil: "load" });
  await settled(page, where);
  const close = async () => {
    expect(where, (await context.cookies()).length === 0, "sets cookies");
    const stored = await page.evaluate(async () => {
      const databases = (await globalThis.indexedDB?.databases?.()) ?? [];
      return localStorage.length + sessionStorage.length + databases.length;
    });
    expect(where, stored === 0, "stores something in the browser");
    await context.close();
  };
  return { page, where, close };
}

async function look(browser, axe, address, shots) {
  for (const how of LOOKS) {
    const { page, where, close } = await open(browser, address, how);
    await page.evaluate((size) => { document.documentElement.style.fontSize = size; }, how.text);
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(where, beyond <= 0, `scrolls sideways by ${beyond} px`);
    const moving = await page.evaluate(() => {
      const inside = [...document.querySelectorAll("turmwacht-status")].flatMap((one) => [one, ...one.shadowRoot.querySelectorAll("*")]);
      return document.getAnimations().length + inside.filter((one) => getComputedStyle(one).transitionDuration !== "0s").length;
    });
    expect(where, moving === 0, "something moves");
    for (const frame of page.frames()) {
      await frame.evaluate(axe);
    }
    const { violations } = await page.evaluate((tags) => globalThis.axe.run({ runOnly: tags }), RULES);
    for (const violation of violations) {
      for (const node of violation.nodes) find(where, `axe ${violation.id}: ${violation.help}: ${node.html.slice(0, 200)}`);
    }
    if (shots) await page.screenshot({ path: join(shots, `${new URL(address).pathname.slice(1, -5)}_${how.name}.png`), fullPage: true });
    await close();
  }
}

/** How a widget shows what the API says: green needs somebody who looked at all of it. */
function seen(one) {
  if (["announced", "retired"].includes(one.lifecycle)) return "neutral";
  return one.status === "operational" && (one.evidence === "declared" || one.unknown > 0) ? "neutral" : one.status;
}

/** Whether what is shown is what the API says. */
async function compare(page, where, origin) {
  const { organisation } = await (await fetch(`${origin}/api/v1/organisations/hattingen.json`)).json();
  const { component } = await (await fetch(`${origin}/api/v1/components/serviceportal-en.json?organisation=hattingen`)).json();
  const kinds = await page.evaluate(() => [...document.querySelectorAll("turmwacht-status")].map((one) => one.getAttribute("component")));
  for (const [place, widget] of (await shown(page)).entries()) {
    const wanted = seen(kinds[place] ? component : organisation);
    expect(where, widget.statuses[0] === wanted, `widget ${place} shows ${widget.statuses[0]}, the API says ${wanted}`);
    if (widget.box.includes("list")) {
      const live = organisation.components.filter((one) => one.lifecycle === "live");
      const whole = live.filter((one) => !live.some((other) => other.id === one.part_of));
      expect(where, widget.statuses.length === whole.length + 1, `list of ${widget.statuses.length - 1}, not ${whole.length}`);
    }
    const hidden = widget.box.includes("banner") && ["operational", "neutral"].includes(wanted);
    expect(where, hidden === (widget.text === ""), `widget ${place} is ${hidden ? "not " : ""}hidden`);
    expect(where, widget.said.length === 0, `announces at its first look: ${widget.said}`);
  }
}

async function change(browser, site, state) {
  state.way = "well";
  const { page, where, close } = await open(browser, `${site}/watched.html`, LOOKS[0], { fails: true, clock: true });
  const until = async (what, holds) => {
    const started = Date.now();
    for (;;) {
      const widgets = await shown(page);
      if (widgets.every(holds)) return widgets;
      if (Date.now() - started > DEADLINE_MS) {
        find(where, `${what} does not come about: ${JSON.stringify(widgets)}`);
        return widgets;
      }
      await new Promise((wake) => setTimeout(wake, 50));
    }
  };
  await until("all well", (one) => one.statuses[0] === "operational");
  let asked = state.asked;
  await pass(page, state, 80_000);
  const again = async () => {
    for (let waited = 0; state.asked < asked + 4 && waited < DEADLINE_MS; waited += 50) await new Promise((wake) => setTimeout(wake, 50));
    expect(where, state.asked >= asked + 4, "does not ask again");
  };
  await again();
  expect(where, (await shown(page)).every((one) => one.said.length === 0), "announces that nothing has changed");

  state.way = "fallen";
  await page.evaluate(() => document.querySelectorAll("turmwacht-status")[1].shadowRoot.querySelector("a").focus());
  await pass(page, state, 80_000);
  let widgets = await until("the outage", (one) => one.statuses[0] === "major_outage");
  for (const widget of widgets) {
    expect(where, widget.said.length === 1 && widget.announced.includes("nicht verfügbar"), `announced: ${JSON.stringify(widget.said)}`);
    expect(where, widget.text.includes("nicht verfügbar"), `shows ${widget.text}`);
  }
  const focused = await page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.localName);
  expect(where, focused === "a", "the focus is lost when the status changes");

  state.way = "well";
  await pass(page, state, 80_000);
  await until("all well again", (one) => one.statuses[0] === "operational");
  for (const way of ["stopped", "number", "array", "shape"]) {
    state.way = way;
    await pass(page, state, 160_000);
    widgets = await until(`unknown (${way})`, (one) => one.statuses.length > 0 && one.statuses.every((status) => status === "unknown"));
    for (const widget of widgets) {
      expect(where, widget.text.includes("Stand unbekannt"), `${way}: shows ${widget.text}`);
      if (way !== "shape") expect(where, /Letzte Auskunft: .*\(vor [2-9] Minuten\)/.test(widget.text), `${way}: says no age: ${widget.text}`);
      expect(where, !/(^|[^n]. )verfügbar/m.test(widget.text.replaceAll("nicht verfügbar", "")), `${way}: looks well: ${widget.text}`);
    }
    state.way = "well";
    await pass(page, state, 1_200_000);
    await until(`well after ${way}`, (one) => one.statuses[0] === "operational");
  }

  state.way = "exported";
  asked = state.asked;
  await pass(page, state, 80_000);
  await again();
  await until("exported files", (one) => one.statuses[0] !== "unknown");
  state.way = "outdated";
  await pass(page, state, 160_000);
  await until("outdated files", (one) => one.statuses.every((status) => status === "unknown"));
  state.way = "pass";
  state.ahead = 0;
  await close();
}

async function lies(browser, site, state) {
  for (const way of ["hostile", "proto"]) {
    state.way = way;
    const { page, where, close } = await open(browser, `${site}/watched.html`);
    const found = await page.evaluate(() => {
      const inside = [...document.querySelectorAll("turmwacht-status")].flatMap((one) => [...one.shadowRoot.querySelectorAll("*")]);
      const names = [...new Set(inside.map((one) => one.localName))].sort();
      const links = inside.filter((one) => one.localName === "a").map((one) => new URL(one.href).protocol);
      const handlers = inside.flatMap((one) => one.getAttributeNames()).filter((name) => name.startsWith("on"));
      return { names, links, handlers, taken: globalThis.taken };
    });
    const known = ["a", "circle", "div", "li", "p", "path", "span", "svg", "time", "ul"];
    expect(where, found.names.every((name) => known.includes(name)), `${way}: elements ${found.names}`);
    expect(where, found.links.every((scheme) => /^(https?|tel|mailto):$/.test(scheme)), `${way}: links ${found.links}`);
    expect(where, found.handlers.length === 0 && !found.taken, `${way}: something ran`);
    const text = (await shown(page)).map((one) => one.text).join();
    expect(where, way !== "hostile" || text.includes(HOSTILE), "the hostile text is not shown as it is");
    expect(where, way !== "proto" || (await shown(page)).every((one) => one.statuses.every((status) => status === "unknown")), "a status that nobody knows is not unknown");
    await close();
  }
  state.way = "pass";
}

async function oddities(browser, site, state) {
  state.way = "odd";
  state.paths = [];
  const { page, where, close } = await open(browser, `${site}/watched.html`, LOOKS[0], { fails: true });
  const [compact, list, banner, component] = await shown(page);
  expect(where, compact.text.includes("keine Störung bekannt") && compact.statuses[0] === "neutral", `odd: compact ${compact.text}`);
  expect(where, banner.text === "", "odd: the banner stands where no disruption is known");
  expect(where, component.text.includes("demnächst") && component.statuses[0] === "neutral", `odd: announced ${component.text}`);
  expect(where, list.statuses.join() === "neutral,major_outage,neutral", `odd: list ${list.statuses}`);
  for (const said of ["Umweg", "Wort der Stadt", "Für den Teil", "Mehr dazu", "Tot 023242040, Mehr dazu Zurzeit selbst nicht verfügbar."]) {
    expect(where, list.text.includes(said), `odd: the list does not say ${said}: ${list.text}`);
  }
  expect(where, !list.text.includes("Unbeteiligt"), "odd: a cause is invented");
  expect(where, list.text.indexOf("Lebt") < list.text.indexOf("Tot"), "odd: a dead way stands first");
  expect(where, list.text.split("Lebt").length === 2, "odd: a way is offered twice");
  const links = await page.evaluate(() => [...document.querySelectorAll("turmwacht-status")].map((one) =>
    Object.fromEntries([...one.shadowRoot.querySelectorAll("a")].map((link) => [link.textContent, link.href]))));
  expect(where, links[1].Tot === "https://lead.example/" && links[1]["023242040"] === "tel:+4923242040", `odd: links ${JSON.stringify(links[1])}`);
  expect(where, links[3]["Zur Statusseite"] === `${PLACE}/hattingen/serviceportal-en`, `odd: the page is ${JSON.stringify(links[3])}`);
  expect(where, !state.paths.some((path) => path.includes("/components/")), "odd: asks for what it has");
  await page.evaluate(() => document.querySelector("turmwacht-status").setAttribute("lang", "en-GB"));
  await page.waitForFunction(() => document.querySelector("turmwacht-status").shadowRoot.textContent.includes("no disruption known"))
    .catch(() => find(where, "odd: en-GB is not English"));
  state.way = "pass";
  await close();
}

async function keyboard(browser, site) {
  const { page, where, close } = await open(browser, `${site}/watched.html`);
  const wanted = await page.evaluate(() =>
    [...document.querySelectorAll("turmwacht-status")].flatMap((one) => [...one.shadowRoot.querySelectorAll("a")]).filter((one) => one.checkVisibility()).length);
  let reached = 0;
  for (let place = 0; place < wanted; place += 1) {
    await page.keyboard.press("Tab");
    reached += await page.evaluate(() => {
      const inner = document.activeElement?.shadowRoot?.activeElement;
      return inner?.localName === "a" && getComputedStyle(inner).outlineStyle === "solid" ? 1 : 0;
    });
  }
  expect(where, wanted > 4 && reached === wanted, `the keyboard reaches ${reached} of ${wanted} links`);
  await close();
}

async function hidden(browser, site, state) {
  const { page, where, close } = await open(browser, `${site}/watched.html`, LOOKS[0], { clock: true });
  const hide = (is) => page.evaluate((value) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
    document.dispatchEvent(new Event("visibilitychange"));
  }, is);
  await hide(true);
  const asked = state.asked;
  await pass(page, state, 600_000);
  await new Promise((wake) => setTimeout(wake, 500));
  expect(where, state.asked === asked, `asks ${state.asked - asked} times while hidden`);
  await hide(false);
  const stale = await shown(page);
  expect(where, stale.every((one) => one.statuses.every((status) => status === "unknown")), "an old status is shown as new");
  await pass(page, state, 1_000);
  await page.waitForFunction(() => [...document.querySelectorAll("turmwacht-status")].every((one) =>
    !one.shadowRoot.querySelector("[part~=box]").getAttribute("part").includes("unknown"))).catch(() => find(where, "does not ask when it is shown again"));
  state.ahead = 0;
  await close();
}

async function main() {
  const chosen = { shots: null, chromium: "/usr/bin/chromium", origin: null };
  const rest = process.argv.slice(2);
  while (rest.length > 0) {
    const word = rest.shift();
    if (word === "--shots") chosen.shots = rest.shift();
    else if (word === "--chromium") chosen.chromium = rest.shift();
    else if (!word.startsWith("--") && chosen.origin === null) chosen.origin = new URL(word).origin;
    else chosen.origin = "";
  }
  if (!chosen.origin) {
    console.error("usage: node embeds.mjs [--shots DIR] [--chromium FILE] ADDRESS");
    return 2;
  }
  const require = createRequire(join(process.cwd(), "package.json"));
  const { chromium } = require("playwright-core");
  const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  if (chosen.shots) mkdirSync(chosen.shots, { recursive: true });
  const state = { way: "pass", asked: 0, ahead: 0, paths: [], blocks: documented() };
  const server = serve(chosen.origin, state);
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const site = `http://127.0.0.1:${server.address().port}`;
  const browser = await chromium.launch({ executablePath: chosen.chromium, args: FLAGS, timeout: DEADLINE_MS });
  try {
    const pages = ["index", "module", "same-origin", "fragment"].map((name) => `${site}/${name}.html`);
    for (const address of pages) {
      const { page, where, close } = await open(browser, address);
      await compare(page, where, chosen.origin);
      const pictures = await page.evaluate(() => [...document.images].map((one) => one.naturalWidth));
      expect(where, pictures.every((width) => width > 0), "a picture does not load");
      await close();
      await look(browser, axe, address, chosen.shots);
    }
    for (const path of ["/embed/hattingen", "/en/embed/hattingen/serviceportal-en"]) await look(browser, axe, chosen.origin + path, null);
    for (const place of state.blocks.keys()) {
      const { page, where, close } = await open(browser, `${site}/block-${place}.html`);
      await compare(page, where, chosen.origin);
      const loaded = await page.evaluate(() => [...document.images].every((one) => one.naturalWidth > 0));
      expect(where, loaded && page.frames().every((frame) => !frame.url().startsWith("chrome-error")), "something does not load");
      await close();
    }
    await change(browser, site, state);
    await lies(browser, site, state);
    await oddities(browser, site, state);
    await keyboard(browser, site);
    await hidden(browser, site, state);
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
  console.log(`${state.blocks.length} documented blocks, ${findings} findings`);
  return findings === 0 ? 0 : 1;
}

process.exitCode = await main();
