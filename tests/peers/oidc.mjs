// Two OpenID providers on loopback for the tests of `tests/it/peers/oidc.rs`: npm's `oidc-provider`, and one that
// lies.
//
//   node tests/peers/oidc.mjs REDIRECT_URI
//
// prints one line of JSON with their issuers, and serves until its stdin ends. Node finds the
// package through NODE_PATH: a folder in which somebody has run `npm install oidc-provider@8.8.1`, and
// its `node_modules`.
//
// The honest one shows its own pages for signing in; whoever signs in is in the groups that stand in their
// name after a plus, with dots between them: `erika+editors.admins`. It signs with a key of its own at
// each start, and GET /rotate gives it a new one.
//
// The lying one shows no pages. Its codes are JSON, base64url: which lie to tell and the nonce.

import { createHmac, createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import process from "node:process";
import { pathToFileURL } from "node:url";

const { Provider } = await import(pathToFileURL(createRequire(import.meta.url).resolve("oidc-provider")));
const [redirectUri] = process.argv.slice(2);
const CLIENT = "turmwacht";
const SECRET = "a+secret/of the: client";

const newKey = () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };
};

const listen = (handler) => new Promise((done) => {
  const server = createServer((request, response) => handler(request, response));
  server.listen(0, "127.0.0.1", () => done(`http://127.0.0.1:${server.address().port}`));
});

// The honest one.
let honest = () => {};
const honestIssuer = await listen((request, response) => {
  if (request.url === "/rotate") {
    start();
    response.end("rotated");
  } else {
    honest(request, response);
  }
});

function start() {
  const provider = new Provider(honestIssuer, {
    clients: [{
      client_id: CLIENT,
      client_secret: SECRET,
      redirect_uris: [redirectUri],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    }],
    jwks: { keys: [newKey()] },
    cookies: { keys: [randomUUID()] },
    claims: { openid: ["sub"], profile: ["name", "groups"] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: `Frau ${id.split("+")[0]}`, groups: (id.split("+")[1] ?? "").split(".") }),
    }),
  });
  honest = provider.callback();
}
start();

// The lying one.
const lyingKey = newKey();
const otherKey = { ...newKey(), kid: lyingKey.kid };
const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const signed = (header, claims, sign) => {
  const content = `${encoded(header)}.${encoded(claims)}`;
  return `${content}.${sign(content)}`;
};
const rsa = (key) => (content) => createSign("RSA-SHA256").update(content).sign({ key, format: "jwk" }, "base64url");

function idToken(lie, nonce) {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: lyingIssuer, sub: "erika", aud: CLIENT, iat: now, exp: now + 300, nonce, name: "Erika", groups: ["editors"],
  };
  const header = { alg: "RS256", kid: lyingKey.kid, typ: "JWT" };
  const with_ = (changes) => signed(header, { ...claims, ...changes }, rsa(lyingKey));
  switch (lie) {
    case "none": return with_({});
    case "skew": return with_({ iat: now + 30, exp: now + 330 });
    case "expired": return with_({ exp: now - 120 });
    case "stale": return with_({ iat: now - 1200 });
    case "future": return with_({ iat: now + 600, exp: now + 900 });
    case "issuer": return with_({ iss: "https://id.example.org" });
    case "audience": return with_({ aud: "somebody-else" });
    case "audiences": return with_({ aud: [CLIENT, "somebody-else"], azp: "somebody-else" });
    case "nonce": return with_({ nonce: "0".repeat(64) });
    case "without-nonce": return with_({ nonce: undefined });
    case "subject": return with_({ sub: "erika\nadmin" });
    case "long-subject": return with_({ sub: "e".repeat(300) });
    case "no-groups": return with_({ groups: undefined });
    case "other-groups": return with_({ groups: ["visitors"] });
    case "other-key": return signed(header, claims, rsa(otherKey));
    case "unknown-key": return signed({ ...header, kid: "another" }, claims, rsa(otherKey));
    case "unsigned": return signed({ alg: "none", typ: "JWT" }, claims, () => "");
    case "hmac": return signed({ alg: "HS256", typ: "JWT" }, claims,
      (content) => createHmac("sha256", SECRET).update(content).digest("base64url"));
    case "hmac-of-key": return signed({ alg: "HS256", kid: lyingKey.kid, typ: "JWT" }, claims,
      (content) => createHmac("sha256", lyingKey.n).update(content).digest("base64url"));
    case "no-token": return undefined;
    case "garbage": return "a.b.c";
    default: throw new Error(`what lie is ${lie}?`);
  }
}

const lyingIssuer = await listen(async (request, response) => {
  const json = (status, value) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
  };
  const { n, e, kid } = lyingKey;
  if (request.url === "/.well-known/openid-configuration") {
    return json(200, {
      issuer: lyingIssuer,
      authorization_endpoint: `${lyingIssuer}/authorize`,
      token_endpoint: `${lyingIssuer}/token`,
      jwks_uri: `${lyingIssuer}/keys`,
      response_types_supported: ["code"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256", "HS256", "none"],
      token_endpoint_auth_methods_supported: ["client_secret_post"],
    });
  }
  if (request.url === "/keys") return json(200, { keys: [{ kty: "RSA", n, e, kid, use: "sig" }] });
  if (request.url !== "/token") return json(404, {});
  let body = "";
  for await (const chunk of request) body += chunk;
  const sent = new URLSearchParams(body);
  const { lie, nonce } = JSON.parse(Buffer.from(sent.get("code"), "base64url").toString());
  if (sent.get("client_secret") !== SECRET || sent.get("code_verifier")?.length !== 64) return json(401, { error: "invalid_client" });
  if (lie === "refused") return json(400, { error: "invalid_grant", error_description: "\u001b[31m" });
  if (lie === "broken") return json(500, { why: "defect" });
  if (lie === "redirect") { response.writeHead(302, { location: `${lyingIssuer}/keys` }); return response.end(); }
  if (lie === "endless") { response.writeHead(200, { "content-type": "application/json" }); return response.end(" ".repeat(2 << 20)); }
  return json(200, { access_token: "x", token_type: "Bearer", expires_in: 300, id_token: idToken(lie, nonce) });
});

console.log(JSON.stringify({ honest: honestIssuer, lying: lyingIssuer, client: CLIENT, secret: SECRET }));
process.stdin.on("end", () => process.exit(0)).resume();
