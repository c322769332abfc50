// Watches pages keep themselves up to date in Chromium, against a demo that it starts itself.
//
// The page of the demo's town must change by itself when the portal falls, and keep what a reader
// was at: focus, what was opened, where the page stood. It must say so once. When the server is
// gone it must say that its statements are old and show nothing green. After a change it must not
// take the former page for confirmed, must come back for the new one when it was refused, hidden
// or told nothing, and must not load without a pause. It must also do without
// events (the server refuses them), rest while hidden, store nothing, ask nobody else, and print
// no error but those of the connections that were cut. Prints every finding; exits 1 if there is
// one, 2 on wrong use.
//
// Its library is not part of this repository. Install it in a folder of its own and run it from
// there, with the program to be looked at:
//
//   mkdir /tmp/browser && cd /tmp/browser
//   npm init -y && npm i --ignore-scripts playwright-core
//   node …/tests/browser/live.mjs …/target/debug/turmwacht
//
//   --chromium FILE   the browser, /usr/bin/chromium if not given

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";

const DEADLINE_MS = 90_000;
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
// Of a connection that was cut or refused.
const CONNECTION = /net::ERR_|Failed to load resource/;

const found = [];
const wrong = (what) => { found.push(what); console.log(`  ${what}`); };
const expect = (holds, what) => { if (!holds) wrong(what); };

function options(args) {
  const chosen = { program: null, chromium: "/usr/bin/chromium" };
  const rest = [...args];
  while (rest.length > 0) {
    const word = rest.shift();
    if (word === "--chromium") chosen.chromium = rest.shift();
    else if (word.startsWith("--") || chosen.program) throw new Error(`what is ${word}?`);
    else chosen.program = resolve(word);
  }
  if (!chosen.program) throw new Error("name the program");
  return chosen;
}

const freePort = () => new Promise((done) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

// A demo in a folder of its own.
async function demo(program, speed) {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "turmwacht-live-"));
  const child = spawn(program, ["demo", "--listen", `127.0.0.1:${port}`, "--speed", String(speed)], {
    cwd: folder, stdio: "ignore",
  });
  const origin = `http://127.0.0.1:${port}`;
  const ended = new Promise((done) => child.once("exit", done));
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; tries < 300; tries += 1) {
    const ready = await fetch(`${origin}/readyz`).then((reply) => reply.ok, () => false);
    if (ready) return { origin, stop, kill: async () => { child.kill("SIGKILL"); await ended; } };
    await new Promise((done) => setTimeout(done, 100));
  }
  await stop();
  throw new Error("the demo does not come up");
}

async function open(browser, origin, path, { withoutEvents = false, fakeClock = false } = {}) {
  const context = await browser.newContext({ viewport: { width: 900, height: 700 }, reducedMotion: "reduce" });
  context.setDefaultTimeout(DEADLINE_MS);
  const page = await context.newPage();
  const seen = { errors: [], requests: [], loads: 0 };
  page.on("console", (message) => {
    if (message.type() === "error" && !CONNECTION.test(message.text())) seen.errors.push(message.text());
  });
  page.on("pageerror", (error) => seen.errors.push(error.message));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol === "data:") return;
    if (url.origin !== origin) seen.errors.push(`request to ${url.origin}`);
    seen.requests.push(url.pathname);
  });
  page.on("load", () => { seen.loads += 1; });
  if (withoutEvents) {
    await page.route("**/api/v1/events*", (route) =>
      route.fulfill({ status: 503, headers: { "Retry-After": "60" }, body: "" }));
  }
  if (fakeClock) await page.clock.install();
  await page.goto(origin + path, { waitUntil: "load" });
  return { context, page, seen };
}

const verdict = (page) => page.locator(".verdict .main").innerText();
const changed = (page, before) =>
  page.waitForFunction((was) => document.querySelector(".verdict .main").innerText !== was, before);

async function ends({ context, page, seen }, name) {
  for (const error of seen.errors) wrong(`${name}: ${error}`);
  expect(seen.loads === 1, `${name}: the page was loaded ${seen.loads} times`);
  const kept = await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length]);
  expect(kept.join() === ",0,0", `${name}: something was stored: ${kept}`);
  await context.close();
}

// The portal falls, and the reader notices without doing anything.
async function follows(browser, program) {
  console.log("a page follows what happens");
  const server = await demo(program, 60);
  const opened = await open(browser, server.origin, "/hattingen");
  const { page, seen } = opened;
  // The first figures come with the first answers.
  await page.waitForSelector("main details");
  const before = await verdict(page);
  expect(!(await page.locator("main.outdated").count()), "outdated at the start");
  // Something that a reader has opened, and something it stands on.
  await page.evaluate(() => {
    document.querySelectorAll("main details").forEach((one) => { one.open = true; });
    const link = document.querySelector('main a[href*="hattingen.de"], main a');
    link.focus();
    globalThis.focusedOn = link.getAttribute("href");
    globalThis.openOnes = [...document.querySelectorAll("main details[open] > summary")].map((one) => one.textContent.split(":")[0]);
    scrollTo(0, 200);
    globalThis.stoodAt = link.getBoundingClientRect().top;
    globalThis.scrolled = scrollY;
    // What was announced, in order.
    globalThis.announced = [];
    new MutationObserver(() => {
      const text = document.querySelector(".live-said").textContent;
      if (text) globalThis.announced.push(text);
    }).observe(document.querySelector(".live-said"), { childList: true, characterData: true, subtree: true });
  });
  await changed(page, before);
  const after = await page.evaluate(() => ({
    focus: document.activeElement.getAttribute("href"),
    wanted: globalThis.focusedOn,
    open: [...document.querySelectorAll("main details[open] > summary")].map((one) => one.textContent.split(":")[0]),
    were: globalThis.openOnes,
    there: [...document.querySelectorAll("main details > summary")].map((one) => one.textContent.split(":")[0]),
    scrolled: [globalThis.scrolled, scrollY],
  }));
  expect(after.focus === after.wanted, `the focus went from ${after.wanted} to ${after.focus}`);
  expect(after.were.length > 0 && after.were.some((one) => after.there.includes(one)), "nothing there to be open");
  for (const name of after.were.filter((one) => after.there.includes(one))) {
    expect(after.open.includes(name), `"${name}" was closed`);
  }
  expect(after.scrolled[0] === 0 || after.scrolled[1] > 0, `the page jumped to its top from ${after.scrolled[0]}`);
  // It may have changed once more meanwhile.
  const isSaid = await page
    .waitForFunction(() => globalThis.announced.at(-1) === `Stand aktualisiert: ${document.querySelector(".verdict .main").innerText}`)
    .then(() => true, () => false);
  const announced = await page.evaluate(() => globalThis.announced);
  expect(isSaid, `announced: ${announced.join(" | ")}; shown: ${await verdict(page)}`);
  expect(announced.every((one, index) => one !== announced[index - 1]), `announced twice: ${announced.join(" | ")}`);
  expect((await page.locator(".live-said").getAttribute("role")) === "status", "the region is not polite");
  const events = seen.requests.filter((path) => path === "/api/v1/events").length;
  expect(events === 1, `${events} streams were opened`);

  // Hidden, the page rests; shown again it knows what it missed.
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  const rested = seen.requests.length;
  await page.waitForTimeout(5_000);
  expect(seen.requests.length === rested, "a hidden page asks");
  await page.evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.waitForTimeout(500);
  expect(seen.requests.filter((path) => path === "/api/v1/events").length === 2, "a page shown again does not listen");
  await ends(opened, "follows");
  await server.stop();
}

// Without events the page asks every minute.
async function polls(browser, program) {
  console.log("a page without events asks every minute");
  const server = await demo(program, 60);
  const opened = await open(browser, server.origin, "/en/hattingen", { withoutEvents: true, fakeClock: true });
  const { page, seen } = opened;
  const before = await verdict(page);
  for (let minute = 0; minute < 60; minute += 1) {
    if ((await verdict(page)) !== before) break;
    await page.clock.runFor(30_000);
    await page.waitForTimeout(1_000);
  }
  expect((await verdict(page)) !== before, "the page never changed");
  expect(seen.requests.includes("/api/v1/alive.json"), "it did not ask whether the copy is fresh");
  expect(!(await page.locator("main.outdated").count()), "it took the clock of its reader for the truth");
  await ends(opened, "polls");
  await server.stop();
}

// Events as the server sends them, from a server of our own: `tell` sends one to every stream.
async function told(origin) {
  const streams = new Set();
  const refused = { pages: 0 };
  const loaded = [];
  let position = 0;
  const server = createHttpServer(async (request, reply) => {
    if (request.url.startsWith("/api/v1/events")) {
      reply.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      reply.write(":\n\n");
      streams.add(reply);
      reply.on("close", () => streams.delete(reply));
      return;
    }
    const isPage = request.url === "/hattingen";
    if (isPage) loaded.push(Date.now());
    if (isPage && refused.pages > 0) {
      refused.pages -= 1;
      reply.writeHead(503, { "retry-after": "5" }).end();
      return;
    }
    const answer = await fetch(origin + request.url);
    let bytes = Buffer.from(await answer.arrayBuffer());
    if (isPage) {
      const text = bytes.toString().replace(/data-position="\d+"/, `data-position="${position}"`);
      bytes = Buffer.from(text.replace(/(<h1[^>]*>)/, `$1${position} `));
    }
    reply.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" }).end(bytes);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const event = (name, data) => {
    for (const stream of streams) stream.write(`event: ${name}\nid: ${position}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    refused,
    loaded,
    change: () => { position += 1; event("change", { position }); },
    passUnsaid: () => { position += 1; },
    alive: (until) => event("alive", { checked_at: new Date().toISOString(), valid_until: new Date(until).toISOString() }),
    stop: () => { server.closeAllConnections(); server.close(); },
  };
}

const shown = async (page) => Number.parseInt(await page.locator("main h1").innerText(), 10);

// Lets time pass for a page, and whatever it asks for meanwhile arrive.
async function pass(page, seconds) {
  for (let second = 0; second < seconds; second += 5) {
    await page.clock.runFor(5_000);
    await page.waitForTimeout(60);
  }
}

// What a page was told has changed, it shows or does not vouch for.
async function insists(browser, program) {
  console.log("a page insists on what has changed");
  const server = await demo(program, 1);
  const proxy = await told(server.origin);
  const opened = await open(browser, proxy.origin, "/hattingen", { fakeClock: true });
  const { page } = opened;
  await page.waitForTimeout(300);
  const now = () => page.evaluate(() => Date.now());

  // Refused, it comes back.
  proxy.refused.pages = 2;
  proxy.change();
  await page.waitForTimeout(100);
  await pass(page, 5);
  expect((await shown(page)) === 0 && proxy.refused.pages === 1, "the first load was not refused");
  await pass(page, 60);
  expect((await shown(page)) === 1, "a refused page did not come back");

  // Refused without end, it is not confirmed by whoever knows more.
  proxy.refused.pages = 1_000;
  proxy.change();
  for (let minute = 0; minute < 4; minute += 1) {
    proxy.alive((await now()) + 150_000);
    await page.waitForTimeout(60);
    await pass(page, 60);
  }
  expect((await page.locator("main.outdated").count()) === 1, "a page that missed a change is still confirmed");
  expect(1_000 - proxy.refused.pages < 20, `${1_000 - proxy.refused.pages} loads in four minutes of refusals`);
  proxy.refused.pages = 0;
  await pass(page, 150);
  expect((await shown(page)) === 2, "a page did not recover");

  // Changes without end: no load on each.
  await pass(page, 200);
  const before = proxy.loaded.length;
  for (let second = 0; second < 300; second += 5) {
    proxy.change();
    await page.waitForTimeout(20);
    await pass(page, 5);
  }
  const loads = proxy.loaded.length - before;
  expect(loads >= 3 && loads <= 12, `${loads} loads in five minutes of changes`);
  await pass(page, 200);

  // Hidden between a change and its load, it loads when it is shown.
  const hide = (hidden) => page.evaluate((isHidden) => {
    if (isHidden) Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
    else delete document.hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  const was = await shown(page);
  proxy.change();
  await page.waitForTimeout(100);
  await hide(true);
  await pass(page, 10);
  expect((await shown(page)) === was, "a hidden page loads");
  await hide(false);
  // It may have loaded lately.
  await pass(page, 90);
  expect((await shown(page)) === was + 1, "what changed as a page was hidden is lost");

  // An open stream that brings nothing.
  proxy.passUnsaid();
  await pass(page, 200);
  expect((await shown(page)) === was + 2, "behind a proxy that holds back events the page stays as it was");
  // The page's clock runs ahead of the server's, which says the same again until its minute is over: then the
  // page may wait for one more load before it believes what it has.
  const isOutdated = () => page.locator("main.outdated").count();
  for (let tries = 0; tries < 30 && (await isOutdated()); tries += 1) await pass(page, 5);
  expect(!(await isOutdated()), "a page that was loaded again is outdated");
  await ends(opened, "insists");
  proxy.stop();
  await server.stop();
}

// The server is gone: nothing stays green.
async function ages(browser, program) {
  console.log("a page that nobody confirms says so");
  const server = await demo(program, 1);
  const opened = await open(browser, server.origin, "/hattingen", { fakeClock: true });
  const { page } = opened;
  const before = await verdict(page);
  await server.kill();
  for (let round = 0; round < 20 && !(await page.locator("main.outdated").count()); round += 1) {
    await page.clock.runFor(15_000);
    await page.waitForTimeout(200);
  }
  const warning = await page.locator(".live-warning").innerText().catch(() => "");
  expect(/^Diese Angaben sind älter als \d+ Minuten/.test(warning), `the warning reads: ${warning}`);
  expect((await verdict(page)) === `Letzter bekannter Stand: ${before}`, `the verdict reads: ${await verdict(page)}`);
  const green = await page.evaluate(() => {
    const probe = (name) => {
      const element = document.createElement("span");
      element.className = name;
      document.body.append(element);
      const { color, backgroundColor } = getComputedStyle(element);
      element.remove();
      return `${color} ${backgroundColor}`;
    };
    const green = probe("ok");
    return [...document.querySelectorAll("main .ok")].filter((element) => {
      const { color, backgroundColor } = getComputedStyle(element);
      return `${color} ${backgroundColor}` === green;
    }).length;
  });
  expect(green === 0, `${green} elements are still green`);
  expect(!(await page.locator('main use[href="#y_ok"]').count()), "a tick is left");
  await ends(opened, "ages");
}

// Without JavaScript the page is as it is.
async function stands(browser, program) {
  console.log("a page without JavaScript is whole");
  const server = await demo(program, 1);
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${server.origin}/hattingen`, { waitUntil: "load" });
  expect((await verdict(page)).length > 0, "no verdict");
  await page.goto(`${server.origin}/unknown`, { waitUntil: "load" });
  expect(!(await page.locator("script").count()), "an error page has a script");
  await context.close();
  await server.stop();
}

let chosen;
try {
  chosen = options(process.argv.slice(2));
} catch (error) {
  console.error(`${error.message}\nusage: node live.mjs [--chromium FILE] PROGRAM`);
  process.exit(2);
}
const { chromium } = createRequire(join(process.cwd(), "package.json"))("playwright-core");
const browser = await chromium.launch({ executablePath: chosen.chromium, args: FLAGS });
try {
  for (const part of [follows, polls, insists, ages, stands]) await part(browser, chosen.program);
} finally {
  await browser.close();
}
console.log(found.length === 0 ? "nothing found" : `${found.length} findings`);
process.exit(found.length === 0 ? 0 : 1);
