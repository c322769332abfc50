// Goes in and out of the editors' desk in Chromium, and lets another site try what such sites try.
//
// One must be able to sign in with a token on a phone, without JavaScript, and be told plainly when it
// is wrong. The session's cookie must be taken over plain http on this machine, and be out of reach
// for scripts and other sites. Another site must not be able to send a form, to read a page, to show
// one in a frame or to sign anybody in; a link on it must lead to the page of whoever is signed in. What
// somebody typed must outlive the session. With npm's `oidc-provider` beside playwright-core the way
// through a provider on another site is gone, too; without it that part is left out, and says so.
// Prints every finding; exits 1 if there is one, 2 on wrong use.
//
//   mkdir /tmp/browser && cd /tmp/browser
//   npm init -y && npm i --ignore-scripts playwright-core oidc-provider@8.8.1
//   node …/tests/browser/desk.mjs …/target/debug/turmwacht
//
//   --chromium FILE   the browser, /usr/bin/chromium if not given
//   --pictures DIR    keeps a picture of each page there

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const DEADLINE_MS = 60_000;
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const PHONE = { width: 360, height: 700 };
const SESSION = "__Host-turmwacht";
// A page that the desk does not have: what it shows tells who is signed in, and nothing else.
const PAGE = "/admin/no-such-page";

const found = [];
const wrong = (what) => { found.push(what); console.log(`  ${what}`); };
const expect = (holds, what) => { if (!holds) wrong(what); };

function options(args) {
  const chosen = { program: null, chromium: "/usr/bin/chromium", pictures: null };
  const rest = [...args];
  while (rest.length > 0) {
    const word = rest.shift();
    if (word === "--chromium") chosen.chromium = rest.shift();
    else if (word === "--pictures") chosen.pictures = resolve(rest.shift());
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

// A program of ours in a folder of its own, which `prepare` fills.
async function started(program, port, prepare, args) {
  const folder = mkdtempSync(join(tmpdir(), "turmwacht-desk-"));
  prepare(folder);
  const child = spawn(program, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk) => { log += chunk; });
  const ended = new Promise((done) => child.once("exit", done));
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; tries < 300; tries += 1) {
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).then((reply) => reply.ok, () => false);
    if (ready) return { stop, log: () => log };
    await new Promise((done) => setTimeout(done, 100));
  }
  await stop();
  throw new Error(`it does not come up:\n${log}`);
}

// Another site that serves one page.
function site(html) {
  const asked = [];
  const server = createHttpServer((request, response) => {
    asked.push(request.headers.referer ?? "");
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(html);
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done({
    // By this name it is another site than 127.0.0.1.
    url: `http://localhost:${server.address().port}/`,
    asked,
    stop: () => { server.closeAllConnections(); server.close(); },
  })));
}

let pictures = 0;
async function look(page, chosen, what) {
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width <= PHONE.width, `${what}: ${width} pixels wide`);
  expect(await page.locator("h1").count() === 1, `${what}: not one heading`);
  if (chosen.pictures) await page.screenshot({ path: join(chosen.pictures, `${pictures += 1}-${what}.png`) });
}

const isIn = async (page, origin) => {
  await page.goto(origin + PAGE);
  return await page.getByText("Abmelden").count() === 1;
};
const session = async (context) => (await context.cookies()).find((cookie) => cookie.name === SESSION);

async function signIn(page, origin, token, path = "/admin") {
  await page.goto(origin + path);
  await page.fill("#token", token);
  await page.click("form[action='/admin/sign-in'] button");
}

async function goesInAndOut(browser, chosen, origin, token) {
  console.log("in and out with a token, on a phone and without JavaScript");
  for (const host of ["127.0.0.1", "localhost"]) {
    const here = origin.replace("127.0.0.1", host);
    const context = await browser.newContext({ viewport: PHONE, javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${here}/admin`);
    await look(page, chosen, "signing-in");
    await signIn(page, here, "tw_wrong", PAGE);
    await look(page, chosen, "wrong");
    expect(await page.getByRole("alert").count() === 1, "a wrong token is not said");
    expect(await page.inputValue("#token") === "", "the wrong token stands there again");
    await signIn(page, here, token, PAGE);
    expect(page.url() === here + PAGE, `one is led to ${page.url()}`);
    await look(page, chosen, "signed-in");
    const cookie = await session(context);
    expect(cookie?.secure && cookie.httpOnly && cookie.sameSite === "Strict" && cookie.expires === -1,
      `the cookie on ${host}: ${JSON.stringify(cookie)}`);
    await page.click("form[action='/admin/sign-out'] button");
    expect(!(await session(context)), "the cookie is left after signing out");
    expect(!(await isIn(page, here)), "one is still in after signing out");
    await context.close();
  }
}

async function keepsWhatWasTyped(browser, chosen, origin, token) {
  console.log("what was typed outlives the session");
  const context = await browser.newContext({ viewport: PHONE });
  const page = await context.newPage();
  await signIn(page, origin, token, PAGE);
  await page.evaluate((path) => {
    const form = document.querySelector("form.out").cloneNode(true);
    form.action = path;
    form.id = "typed";
    const text = document.createElement("textarea");
    text.name = "text";
    text.value = "Wasserrohrbruch\n„Hauptstraße“ <b>";
    form.append(text);
    document.querySelector("main").append(form);
  }, PAGE);
  await context.clearCookies({ name: SESSION });
  await page.click("#typed button");
  await look(page, chosen, "session-ended");
  expect(await page.getByText("Ihre Eingaben sind noch da").count() === 1, "what was typed is lost");
  await page.fill("#token", token);
  await page.click("main button");
  await look(page, chosen, "send-again");
  const text = await page.locator("input[name=text]").inputValue();
  expect(text.replaceAll("\r\n", "\n") === "Wasserrohrbruch\n„Hauptstraße“ <b>", `what was typed became ${text}`);
  const sent = page.waitForRequest((request) => request.method() === "POST");
  await page.click("main button");
  const fields = new URLSearchParams((await sent).postData());
  expect(fields.get("text").startsWith("Wasserrohrbruch"), "it is not sent again");
  expect(await page.getByText("Abmelden").count() === 1, "it did not reach the desk");
  await context.close();
}

async function withstandsOthers(browser, chosen, origin, token) {
  console.log("another site can do nothing");
  const context = await browser.newContext({ viewport: PHONE });
  const page = await context.newPage();
  await signIn(page, origin, token, PAGE);
  const before = (await session(context)).value;
  const csrf = await page.locator("input[name=csrf]").first().inputValue();

  const answered = async (html) => {
    const other = await site(html);
    const answer = page.waitForResponse((reply) => reply.url().startsWith(origin));
    await page.goto(other.url);
    const reply = await answer;
    const headers = await reply.request().allHeaders();
    const said = { status: reply.status(), cookie: headers.cookie ?? "", origin: headers.origin };
    await page.waitForLoadState();
    other.stop();
    return said;
  };
  const form = (action, fields) => `<form method="post" action="${origin}${action}">${Object.entries(fields)
    .map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`).join("")}</form>
    <script>document.forms[0].submit()</script>`;
  for (const [action, fields] of [
    [PAGE, { csrf }], ["/admin/sign-out", { csrf }], ["/admin/sign-in", { csrf, token }],
  ]) {
    const said = await answered(form(action, fields));
    expect(said.status === 403, `a form of another site to ${action} is answered ${said.status}`);
    expect(!said.cookie.includes(SESSION), `the session goes along with a form of another site to ${action}`);
    expect(said.origin?.startsWith("http://localhost"), `the form came from ${said.origin}`);
  }
  await look(page, chosen, "foreign-form");
  expect((await session(context))?.value === before && await isIn(page, origin), "another site ended the session");

  // A neighbour on the same host but another port is of the same site, and its cookies go along.
  const neighbour = await site(form(PAGE, { csrf }));
  const answer = page.waitForResponse((reply) => reply.url() === origin + PAGE);
  await page.goto(neighbour.url.replace("localhost", "127.0.0.1"));
  const reply = await answer;
  expect((await reply.request().allHeaders()).cookie?.includes(SESSION), "the neighbour is no neighbour");
  expect(reply.status() === 403, `a form of a neighbour is answered ${reply.status()}`);
  neighbour.stop();

  const framing = await site(`<iframe src="${origin}${PAGE}"></iframe>`);
  await page.goto(framing.url.replace("localhost", "127.0.0.1"));
  const frame = page.frames()[1];
  expect(!(await frame.content().catch(() => "")).includes("Redaktion"), "a page can be shown in a frame");
  const read = await page.evaluate((url) => fetch(url, { credentials: "include" }).then((reply) => reply.text(), () => ""),
    origin + PAGE);
  expect(read === "", "another origin can read a page");
  framing.stop();

  const linking = await site(`<a href="${origin}${PAGE}?x=1">Störung</a>`);
  await page.goto(linking.url);
  await page.click("a");
  await page.waitForURL(`${origin}${PAGE}?x=1`);
  await page.getByText("Abmelden").waitFor();
  linking.stop();
  await context.close();
}

async function comesThroughAProvider(browser, chosen) {
  console.log("in through a provider on another site");
  const require = createRequire(join(process.cwd(), "package.json"));
  let modules;
  try {
    modules = require.resolve("oidc-provider").replace(/\/oidc-provider\/.*/, "");
  } catch {
    console.log("skipped: npm's oidc-provider is not installed");
    return;
  }
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const script = join(dirname(fileURLToPath(import.meta.url)), "../peers/oidc.mjs");
  const providers = spawn(process.execPath, [script, `${origin}/admin/oidc/callback`], {
    env: { ...process.env, NODE_PATH: modules }, stdio: ["pipe", "pipe", "ignore"],
  });
  const { value: line } = await createInterface({ input: providers.stdout })[Symbol.asyncIterator]().next();
  const { honest, client, secret } = JSON.parse(line);
  const server = await started(chosen.program, port, (folder) => {
    writeFileSync(join(folder, "oidc.secret"), secret, { mode: 0o400 });
    writeFileSync(join(folder, "config.toml"), `
probes = ["probes.toml"]
[server]
listen = "127.0.0.1:${port}"
public_url = "${origin}"
[secrets.oidc]
file = "oidc.secret"
origins = ["${honest}"]
[oidc]
issuer = "${honest}"
client_id = "${client}"
client_secret = "oidc"
[[oidc.group]]
name = "admins"
role = "admin"
`);
    writeFileSync(join(folder, "probes.toml"), '[[organisation]]\nid = "demo"\nkind = "provider"\nname = "Demo"\n');
  }, ["serve"]);
  const context = await browser.newContext({ viewport: PHONE });
  context.setDefaultTimeout(DEADLINE_MS);
  const page = await context.newPage();
  const signInAs = async (name) => {
    await page.goto(`${origin}${PAGE}?y=2`);
    await look(page, chosen, "two-ways-in");
    await page.click("form[action='/admin/oidc'] button");
    await page.waitForURL(`${honest}/**`);
    await page.fill("input[name=login]", name);
    await page.fill("input[name=password]", "x");
    await page.click("button[type=submit]");
    await page.waitForSelector("input[name=prompt][value=consent]", { state: "attached" });
    await page.click("button[type=submit]");
  };
  await signInAs("otto+choir");
  await page.getByText("Kein Zugang").first().waitFor();
  await look(page, chosen, "no-group");
  await context.clearCookies();
  await signInAs("anna+admins");
  await page.waitForURL(`${origin}${PAGE}?y=2`);
  // A narrow screen has no room for the name.
  await page.getByText("Frau anna").waitFor({ state: "attached" });
  await look(page, chosen, "in-through-provider");
  const names = (await context.cookies(origin)).map((cookie) => cookie.name);
  expect(!names.includes("__Host-turmwacht-oidc"), "the cookie of the way is left");
  await page.click("form[action='/admin/sign-out'] button");
  expect(!(await isIn(page, origin)), "one is still in after signing out");
  await context.close();
  providers.stdin.end();
  await server.stop();
}

let chosen;
try {
  chosen = options(process.argv.slice(2));
} catch (error) {
  console.error(`${error.message}\nusage: node desk.mjs [--chromium FILE] [--pictures DIR] PROGRAM`);
  process.exit(2);
}
const { chromium } = createRequire(join(process.cwd(), "package.json"))("playwright-core");
const browser = await chromium.launch({ executablePath: chosen.chromium, args: FLAGS });
try {
  const port = await freePort();
  const demo = await started(chosen.program, port, () => {}, ["demo", "--listen", `127.0.0.1:${port}`]);
  const token = demo.log().match(/TURMWACHT_TOKEN=(tw_\w+)/)[1];
  for (const part of [goesInAndOut, keepsWhatWasTyped, withstandsOthers]) {
    await part(browser, chosen, `http://127.0.0.1:${port}`, token);
  }
  await demo.stop();
  await comesThroughAProvider(browser, chosen);
} finally {
  await browser.close();
}
console.log(found.length === 0 ? "nothing found" : `${found.length} findings`);
process.exit(found.length === 0 ? 0 : 1);
