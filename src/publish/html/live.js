// Keeps a page up to date while somebody looks at it.
//
// It follows /api/v1/events and, when something on the page has changed, puts the new content in
// the place of the old. Where there are no events it asks every minute. If nobody confirms the
// page any more, it says so and leaves nothing green. It stores nothing, asks nobody else, and
// rests while the page is hidden.
"use strict";
(() => {
  const POLL_MS = 60_000;
  // Polls until events are tried again.
  const POLLS_MAX = 5;
  // Visitors do not all come back in the same moment.
  const JITTER_MS = 3_000;
  // Least time between two loads, twice as long with each further change, and this often at most;
  // up to as much again by chance.
  const PACE_MIN_MS = 15_000;
  const PACE_MAX_MS = 45_000;
  // Whom the server could not serve waits so long, twice as long each time.
  const BACK_OFF_MIN_MS = 5_000;
  const BACK_OFF_MAX_MS = 60_000;
  const FETCH_MAX_MS = 20_000;
  const CHECK_MS = 5_000;
  // How long a statement holds.
  const VALID_MS = 150_000;
  // What changes by the time alone, such as an end that has passed.
  const RENEW_MS = 600_000;
  // Clocks that differ by less are the same.
  const SKEW_MIN_MS = 2_000;

  const script = document.currentScript;
  const main = document.querySelector("main");
  if (!script || !main || !("DOMParser" in window)) return;
  const organisation = script.dataset.organisation;
  const words = document.documentElement.lang.startsWith("de")
    ? {
        updated: "Stand aktualisiert: ",
        former: "Letzter bekannter Stand: ",
        outdated: (minutes) =>
          `Diese Angaben sind älter als ${minutes} Minuten und können überholt sein. Wir versuchen weiter, sie zu erneuern.`,
      }
    : {
        updated: "Status updated: ",
        former: "Last known status: ",
        outdated: (minutes) =>
          `These statements are more than ${minutes} minutes old and may be out of date. We keep trying to renew them.`,
      };

  let source = null;
  let last = script.dataset.position ?? null;
  // The position of what is shown, and the one it should have: until it has, nothing confirms it.
  let shown = Number(last);
  let shownUntil = Date.parse(script.dataset.until ?? "");
  let wanted = null;
  let validUntil = Date.parse(script.dataset.until ?? "");
  let heard = performance.now();
  let renewed = performance.now();
  // By how much the visitor's clock is ahead of the server's.
  let skew = 0;
  let tag = null;
  let outdated = false;
  let renewing = null;
  let loading = false;
  let loadTimer = null;
  let loadedAt = Number.NEGATIVE_INFINITY;
  let pace = PACE_MIN_MS;
  let failures = 0;
  let notBefore = 0;
  let pollTimer = null;
  let polls = 0;

  const said = document.createElement("p");
  said.className = "live-said";
  said.setAttribute("role", "status");
  document.body.append(said);

  const now = () => Date.now() - skew;

  function listen() {
    if (source || document.hidden) return;
    if (!("EventSource" in window)) {
      poll();
      return;
    }
    const query = new URLSearchParams();
    if (organisation) query.set("organisation", organisation);
    if (last !== null) query.set("last_event_id", last);
    const opened = new EventSource(`/api/v1/events?${query}`);
    source = opened;
    const on = (name, act) =>
      opened.addEventListener(name, (event) => {
        last = event.lastEventId || last;
        act(event);
      });
    on("alive", (event) => confirm(JSON.parse(event.data)));
    const want = () => {
      wanted = Number(last);
      refresh();
    };
    on("change", want);
    on("resync", want);
    opened.onopen = () => {
      clearTimeout(pollTimer);
      pollTimer = null;
      polls = 0;
    };
    opened.onerror = () => {
      // The browser comes back by itself, unless there are no events to be had.
      if (opened.readyState !== EventSource.CLOSED || source !== opened) return;
      source = null;
      poll();
    };
  }

  function wake() {
    check();
    listen();
    if (wanted !== null) refresh();
  }

  function rest() {
    if (source) source.close();
    source = null;
    clearTimeout(pollTimer);
    clearTimeout(loadTimer);
    pollTimer = null;
    loadTimer = null;
  }

  function poll() {
    if (pollTimer !== null || document.hidden) return;
    pollTimer = setTimeout(async () => {
      pollTimer = null;
      polls += 1;
      await renew();
      // A stream may be open and yet bring nothing.
      if (document.hidden || (source && !outdated)) return;
      if (!source && polls % POLLS_MAX === 0) listen();
      else poll();
    }, POLL_MS + Math.random() * JITTER_MS);
  }

  // Somebody said until when the statements hold.
  function confirm(word) {
    // They hold of something newer than what is shown.
    if (wanted !== null) return;
    const until = Date.parse(word.valid_until);
    if (!(until >= validUntil) && !Number.isNaN(validUntil)) return;
    validUntil = until;
    if (!(validUntil > now())) return;
    heard = performance.now();
    if (outdated || heard - renewed > RENEW_MS) refresh();
  }

  function measure(response) {
    const sent = Date.parse(response.headers.get("Date") ?? "");
    if (Number.isNaN(sent)) return;
    const ahead = Date.now() - sent - Number(response.headers.get("Age") ?? 0) * 1000;
    skew = Math.abs(ahead) < SKEW_MIN_MS ? 0 : ahead;
  }

  const within = () => AbortSignal.timeout?.(FETCH_MAX_MS);

  async function ask() {
    try {
      const response = await fetch("/api/v1/alive.json", { cache: "no-store", signal: within() });
      if (!response.ok) return null;
      measure(response);
      return await response.json();
    } catch {
      return null;
    }
  }

  // Without events a statement holds for what was loaded after it was made, and for nothing else. Whoever
  // comes meanwhile waits along.
  function renew() {
    const once = async () => {
      const word = await ask();
      if (word !== null && (await load())) confirm(word);
    };
    renewing ??= once().finally(() => {
      renewing = null;
    });
    return renewing;
  }

  const isLate = () => now() > validUntil || performance.now() - heard > VALID_MS;

  async function check() {
    if (document.hidden || !isLate()) return;
    // It may be the visitor's clock that is wrong, or a computer that slept.
    if (!outdated) await renew();
    if (isLate()) outdate();
  }

  function outdate() {
    const confirmed = Number.isNaN(validUntil) ? performance.timeOrigin : validUntil - VALID_MS;
    const minutes = Math.max(Math.floor((now() - confirmed) / 60_000), Math.floor(VALID_MS / 60_000));
    const sentence = words.outdated(minutes);
    if (!outdated) {
      outdated = true;
      main.classList.add("outdated");
      const warning = document.createElement("p");
      warning.className = "warning live-warning";
      const verdict = main.querySelector(".verdict");
      if (verdict) verdict.before(warning);
      else main.prepend(warning);
      for (const symbol of main.querySelectorAll('use[href="#y_ok"]')) symbol.setAttribute("href", "#y_dark");
      const headline = main.querySelector(".verdict .main");
      if (headline) headline.prepend(words.former);
      say(sentence);
    }
    main.querySelector(".live-warning").textContent = sentence;
    poll();
  }

  // Loads soon, but not sooner than is good for a server with many readers.
  function refresh() {
    if (document.hidden || loadTimer !== null) return;
    const at = performance.now();
    const since = at - loadedAt;
    const paced = since > 4 * pace ? 0 : pace * (1 + Math.random()) - since;
    loadTimer = setTimeout(() => {
      loadTimer = null;
      load();
    }, Math.max(paced, notBefore - at, 0) + Math.random() * JITTER_MS);
  }

  // Whether the page is what it should be now.
  async function load() {
    if (document.hidden) return false;
    if (loading) {
      refresh();
      return false;
    }
    loading = true;
    let retryAfter = 0;
    try {
      const response = await fetch(location.pathname + location.search, { cache: "no-cache", signal: within() });
      if (response.status === 404 || response.status === 410) {
        location.reload();
        return false;
      }
      if (response.ok) {
        measure(response);
        const fresh = response.headers.get("ETag") ?? response.headers.get("Last-Modified");
        const isKnown = fresh !== null && fresh === tag && !outdated;
        if (isKnown || show(new DOMParser().parseFromString(await response.text(), "text/html"))) {
          tag = fresh;
          failures = 0;
          const at = performance.now();
          pace = at - loadedAt > 4 * pace ? PACE_MIN_MS : Math.min(2 * pace, PACE_MAX_MS);
          loadedAt = at;
          // A cache on the way may hand out the former page for a while.
          if (wanted !== null) refresh();
          return wanted === null;
        }
      }
      retryAfter = Number(response.headers.get("Retry-After")) * 1000 || 0;
    } catch {
      // Nobody answers. Whether that matters is for the check to say.
    } finally {
      loading = false;
    }
    const backOff = Math.min(BACK_OFF_MIN_MS * 2 ** failures, BACK_OFF_MAX_MS);
    failures += 1;
    notBefore = performance.now() + Math.max(backOff, Math.min(retryAfter, BACK_OFF_MAX_MS)) * (1 + Math.random());
    if (wanted !== null) refresh();
    return false;
  }

  function show(page) {
    const fresh = page.querySelector("main");
    const told = page.querySelector("script[data-live]")?.dataset;
    if (!fresh || !told) return false;
    const position = Number(told.position);
    const until = Date.parse(told.until ?? "");
    // Some changes, such as those of our own health, have no position of their own.
    const isOther = position !== shown || !(until <= shownUntil);
    if (position > wanted || (position === wanted && isOther)) wanted = null;
    shown = position;
    shownUntil = until;
    renewed = performance.now();
    if (until > validUntil) {
      validUntil = until;
      if (validUntil > now()) heard = performance.now();
    }

    const isNews = gist(main) !== gist(fresh);
    const before = named(main);
    const keyOf = (node) => [...before].find(([, other]) => other === node)?.[0];
    const hadFocus = document.activeElement !== main && main.contains(document.activeElement);
    const focused = hadFocus ? keyOf(document.activeElement) : undefined;
    const isInSight = ([, node]) => {
      const { top } = node.getBoundingClientRect();
      return top >= 0 && top < innerHeight;
    };
    const anchor = scrollY > 0 ? [...before].find(isInSight) : undefined;
    const anchoredAt = anchor?.[1].getBoundingClientRect().top;

    outdated = false;
    main.classList.remove("outdated");
    main.replaceChildren(...fresh.childNodes);
    const after = named(main);
    for (const [key, node] of before) {
      const heir = after.get(key);
      if (heir && node.localName === "details") heir.open = node.open;
    }
    // Whoever stood on something that is gone stays in the content.
    if (hadFocus) (after.get(focused) ?? main).focus({ preventScroll: true });
    const heir = anchor && after.get(anchor[0]);
    if (heir) scrollBy({ top: heir.getBoundingClientRect().top - anchoredAt, behavior: "instant" });

    const foot = document.querySelector(".foot-in > p");
    const freshFoot = page.querySelector(".foot-in > p");
    if (foot && freshFoot) foot.replaceWith(freshFoot);
    document.title = page.title;
    const headline = main.querySelector(".verdict .main") ?? main.querySelector("h1");
    const news = headline?.textContent;
    if (isLate()) outdate();
    else if (isNews && headline) say(words.updated + news);
    return true;
  }

  // What a reader would want to be told of, if it differs.
  function gist(root) {
    const parts = root.querySelectorAll("h2, h3, .verdict .main, .pill, .said");
    return [...parts].map((part) => part.textContent.replace(words.former, "")).join("\n");
  }

  // What can be found again in other content: by what it is, where it leads and what it says,
  // numbers left out.
  function named(root) {
    const times = new Map();
    const found = new Map();
    for (const node of root.querySelectorAll("[id], a, summary, details, button, input, select")) {
      const text = (node.querySelector(":scope > summary") ?? node).textContent.replace(/\d+/g, "").trim().slice(0, 80);
      const near = node.closest("[id]")?.id ?? "";
      const name = [node.localName, near, node.id ? "" : (node.getAttribute("href") ?? ""), node.id ? "" : text].join("|");
      const nth = times.get(name) ?? 0;
      times.set(name, nth + 1);
      found.set(`${name}|${nth}`, node);
    }
    return found;
  }

  function say(sentence) {
    said.textContent = "";
    // A region that is emptied and filled in one go is not read out.
    setTimeout(() => {
      said.textContent = sentence;
    }, 100);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      rest();
    } else {
      wake();
    }
  });
  addEventListener("pagehide", rest);
  addEventListener("pageshow", (event) => {
    if (event.persisted) wake();
  });
  setInterval(check, CHECK_MS);
  listen();
})();
