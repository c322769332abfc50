/* Turmwacht, EUPL-1.2. The status of a town's services, on any site:
 *
 *   <script src="https://status.example.org/widget.js" defer></script>
 *   <turmwacht-status organisation="town" lang="de" variant="list"></turmwacht-status>
 *
 * Attributes: organisation, component, lang, variant (compact, list, banner), src.
 * Whatever it reads is shown as text. It keeps nothing and asks nobody but `src`. */
(() => {
  "use strict";
  const NAME = "turmwacht-status";
  if (!globalThis.customElements || customElements.get(NAME)) return;

  const POLL_MS = 60_000;
  const RETRY_MS = 15_000;
  const RETRY_MAX_MS = 900_000;
  const PAUSE_MS = 10_000; // Least time between two questions.
  const DEADLINE_MS = 10_000;
  const VALID_MS = 150_000;
  const ITEMS_MAX = 50;
  const TEXT_MAX = 300;
  const WORDS_MAX = 20_000;

  // A classic script is named by the page, a module by the stack.
  const script = document.currentScript?.src || /https?:\/\/[^\s)]+?\.js/.exec(new Error().stack || "")?.[0] || "";
  const HOME = script.replace(/[?#].*$/, "").replace(/\/(assets\/)?[^/]*$/, "");

  const WORDS = {
    de: {
      operational: "verfügbar", degraded_performance: "eingeschränkt", partial_outage: "teilweise gestört",
      major_outage: "nicht verfügbar", under_maintenance: "planmäßig unterbrochen", unknown: "Stand unbekannt",
      open: "geöffnet", closed: "geschlossen", reachable: "erreichbar", silent: "nicht erreichbar",
      neutral: "keine Störung bekannt", announced: "demnächst", retired: "eingestellt", because: " wegen Störung: ", incidents: "Aktuelle Störungen",
      investigating: "wird untersucht", identified: "Ursache bekannt", monitoring: "wieder erreichbar, wird beobachtet",
      since: "seit ", ways: "So geht es trotzdem", out: "Zurzeit selbst nicht verfügbar.", told: "Mehr dazu", asOf: "Stand: ", last: "Letzte Auskunft: ", clock: " Uhr",
      none: "Zurzeit ist keine Auskunft möglich.", loading: "Der Stand wird abgefragt.", page: "Zur Statusseite",
      more: (n) => `und ${n} weitere`,
    },
    en: {
      operational: "available", degraded_performance: "degraded", partial_outage: "partially disrupted",
      major_outage: "not available", under_maintenance: "under planned maintenance", unknown: "status unknown",
      open: "open", closed: "closed", reachable: "reachable", silent: "not reachable",
      neutral: "no disruption known", announced: "coming soon", retired: "retired", because: " because of a disruption: ", incidents: "Current disruptions",
      investigating: "being investigated", identified: "cause identified", monitoring: "answers again, being watched",
      since: "since ", ways: "What you can do instead", out: "Not available itself at present.", told: "More about it", asOf: "As of: ", last: "Last information: ", clock: "",
      none: "No information is available at present.", loading: "The status is being asked for.", page: "To the status page",
      more: (n) => `and ${n} more`,
    },
  };

  // The worst last; neutral is what nothing vouches for.
  const SHAPES = {
    unknown: "M6 6.3a2 2 0 1 1 2.9 1.8q-.9.5-.9 1.2v.2m0 2.2v.2", neutral: "",
    operational: "M4.5 8.5l2.5 2.5 4.5-5.5", under_maintenance: "M8 4.5v4l2.5 1.5",
    degraded_performance: "M4.5 8h7", partial_outage: "M8 4v5m0 2.5v.2", major_outage: "M5.2 5.2l5.6 5.6m0-5.6l-5.6 5.6",
  };
  const KINDS = new Map([["counter", ["open", "closed"]], ["mail", ["reachable", "silent"]], ["phone", ["reachable", "silent"]]]);
  const ORDER = Object.keys(SHAPES);
  const FINE = ["operational", "neutral"];
  const OUT = ["under_maintenance", "partial_outage", "major_outage"];

  const colour = (name, light, dark) => `--${name}:var(--turmwacht-${name},${dark ? `light-dark(${light},${dark})` : light});`;
  const COLOURS = [
    ["text", "#15222d", "#e8edf1"], ["soft", "#4a5965", "#aebac4"], ["background", "#fff", "#17212a"],
    ["border", "#c3ccd4", "#3f4e5b"], ["link", "#0a4f8f", "#93c6f8"], ["operational", "#0e5c35", "#93deb1"],
    ["under_maintenance", "#1b4a83", "#a3caf8"], ["degraded_performance", "#734600", "#f3c977"],
    ["partial_outage", "#8a3600", "#ffb68b"], ["major_outage", "#97121e", "#ffa6a6"], ["unknown", "#434f59", "#c4ced6"],
  ];
  const STYLE = `
    :host { display: block; ${COLOURS.map(([n, l]) => colour(n, l)).join("")} }
    @supports (color: light-dark(#000, #fff)) { :host { ${COLOURS.map((c) => colour(...c)).join("")} } }
    :host([hidden]), [hidden] { display: none; }
    :host([variant="compact"]), :host(:not([variant])) { display: inline-block; max-width: 100%; }
    [part~="box"] { box-sizing: border-box; padding: var(--turmwacht-padding, .5em .75em); color: var(--text); background: var(--background);
      border: 1px solid var(--border); border-radius: var(--turmwacht-radius, .25em); font: var(--turmwacht-font, inherit);
      line-height: 1.5; text-align: start; overflow-wrap: anywhere; }
    [part~="banner"] { border-inline-start: .4em solid var(--now); }
    p, ul { margin: .35em 0 0; padding: 0; } p:first-child { margin: 0; }
    ul ul { margin: .15em 0 .15em 1.5em; } ul { list-style: none; } li { margin: .25em 0 0; }
    a { color: var(--link); text-underline-offset: .18em; } :focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
    svg { width: 1.15em; height: 1.15em; margin-inline-end: .35em; vertical-align: -.2em; fill: none; stroke: currentColor; stroke-width: 1.6; }
    [part~="name"] { font-weight: 600; } [part~="said"] { white-space: pre-line; } [part~="age"] { color: var(--soft); font-size: .9375em; }
    [part~="status"] { color: var(--now); font-weight: 600; }
    [part~="announcement"] { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }`;

  // Whatever came from outside goes through these.
  const text = (value, most = TEXT_MAX) => (typeof value === "string" ? value.slice(0, most) : "");
  const list = (value) => (Array.isArray(value) ? value.filter((one) => one && typeof one === "object").slice(0, 1000) : []);
  const object = (value) => (value && typeof value === "object" ? value : {});
  const status = (value) => (typeof value === "string" && Object.hasOwn(SHAPES, value) ? value : "unknown");
  const instant = (value) => Date.parse(text(value));
  const address = (value) => {
    try {
      const url = new URL(typeof value === "string" ? value : "");
      return /^(https?|tel|mailto):$/.test(url.protocol) ? url.href : "";
    } catch {
      return "";
    }
  };

  const element = (name, part, ...children) => {
    const made = document.createElement(name);
    if (part) made.setAttribute("part", part);
    made.append(...children);
    return made;
  };
  const link = (to, ...said) => {
    if (!address(to)) return element("span", "", ...said);
    const made = element("a", "link", ...said);
    made.href = address(to);
    made.rel = "noopener";
    return made;
  };
  const symbol = (now) => {
    const make = (name, key, value) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      made.setAttribute(key, value);
      return made;
    };
    const made = make("svg", "viewBox", "0 0 16 16");
    made.setAttribute("part", "symbol");
    made.setAttribute("aria-hidden", "true");
    made.append(make("path", "d", `M1 8a7 7 0 0 1 14 0a7 7 0 0 1-14 0${SHAPES[now]}`));
    return made;
  };

  const component = (raw) => {
    const stage = ["announced", "retired"].find((one) => one === raw.lifecycle);
    // Green needs somebody who looked, at all of it.
    const isSeen = !stage && raw.evidence !== "declared" && !(raw.unknown > 0);
    const now = status(raw.status);
    return {
      id: text(raw.id), name: text(raw.name), now: stage || (now === "operational" && !isSeen) ? "neutral" : now, stage, kind: raw.kind,
      whole: text(raw.part_of), because: text(object(raw.because).name), said: text(raw.text, WORDS_MAX), ways: list(raw.alternatives),
    };
  };

  /** What an answer says of what is asked for, or nothing. */
  const read = (raw, id) => {
    const there = object(raw.organisation);
    const everything = list(there.components);
    const found = object(id === null ? there : (raw.component ?? everything.find((one) => one.id === id)));
    if (typeof found.name !== "string") return null;
    const all = everything.map(component).filter((one) => !one.stage && (id === null || one.whole === id));
    const ids = new Set(all.map((one) => one.id));
    const components = all.filter((one) => !ids.has(one.whole)).sort((a, b) => ORDER.indexOf(b.now) - ORDER.indexOf(a.now));
    const concerns = (one) =>
      id === null || [found.incident, object(found.affected_by).incident].includes(one.id) || list(one.components).some((at) => at.id === id);
    const incidents = list(there.incidents).filter(concerns);
    // An incident repeats what its components offer; that stands with them.
    const seen = new Set(everything.flatMap((one) => list(one.alternatives)).map((way) => JSON.stringify(way)));
    const isNew = (way) => seen.size < seen.add(JSON.stringify(way)).size;
    const around = incidents.flatMap((one) => list(one.alternatives)).filter(isNew);
    return { ...component(found), all, components, incidents, around, page: address(found.page) };
  };

  class TurmwachtStatus extends HTMLElement {
    static observedAttributes = ["organisation", "component", "lang", "variant", "src"];
    #box = element("div", "box");
    #live = element("p", "announcement");
    #shown = () => (document.hidden ? this.#rest() : this.#wake());
    #base = "";
    #prefixes = [""];
    #run = null;
    #asked = -Infinity;
    #failures = 0;
    #timers = [];
    #data = null;
    #until = 0;
    #seen = 0;
    #offset = 0;
    #before = null;

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      this.#box.setAttribute("role", "group");
      this.#live.setAttribute("role", "status");
      this.#live.setAttribute("aria-live", "polite");
      root.append(this.#box, this.#live);
      // A strict policy of the host does not apply to sheets that are built.
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
    }

    connectedCallback() {
      document.addEventListener("visibilitychange", this.#shown);
      this.#begin();
    }

    disconnectedCallback() {
      document.removeEventListener("visibilitychange", this.#shown);
      this.#rest();
      this.#run?.abort();
      this.#run = null;
    }

    attributeChangedCallback(_, before, after) {
      if (this.isConnected && before !== after) this.#begin();
    }

    #begin() {
      const written = this.getAttribute("lang")?.toLowerCase();
      const around = this.closest("[lang]")?.lang.toLowerCase() ?? "";
      const language = /^[a-z]{2,3}(-[a-z0-9]+)*$/.test(written ?? "") ? written : around.startsWith("en") ? "en" : "de";
      // German is taken for the first language of the status site, which has no prefix.
      const tags = [language, language.split("-")[0], "de"];
      this.#prefixes = [...new Set(tags.map((tag) => (tag === "de" ? "" : `/${tag}`)))];
      const place = this.getAttribute("src");
      try {
        const url = place === null ? new URL(HOME) : new URL(place, document.baseURI);
        this.#base = /^https?:$/.test(url.protocol) ? (url.origin + url.pathname).replace(/\/+$/, "") : "";
      } catch {
        this.#base = "";
      }
      this.#run?.abort();
      this.#data = this.#before = null;
      this.#failures = this.#offset = this.#until = 0;
      this.#asked = -Infinity;
      this.#live.textContent = "";
      this.#draw();
      if (!document.hidden) this.#wake();
    }

    get #words() {
      return this.#prefixes[0].startsWith("/en") ? WORDS.en : WORDS.de;
    }

    #rest() {
      for (const timer of this.#timers) clearTimeout(timer);
      this.#timers = [];
    }

    #wake() {
      this.#rest();
      if (this.#asked !== -Infinity) this.#draw();
      // Attributes that change together make one question.
      const wait = Math.max(0, this.#asked + PAUSE_MS - performance.now());
      this.#timers = [setTimeout(() => this.#poll(), wait)];
    }

    async #poll() {
      const run = (this.#run = new AbortController());
      const deadline = setTimeout(() => run.abort(), DEADLINE_MS);
      this.#asked = performance.now();
      try {
        await this.#ask(run);
        if (this.#run === run) this.#failures = 0;
      } catch {
        if (this.#run === run) this.#failures += 1;
      }
      clearTimeout(deadline);
      if (this.#run !== run || !this.isConnected) return;
      this.#draw();
      this.#rest();
      if (document.hidden) return;
      const wait = this.#failures === 0 ? POLL_MS : Math.min(RETRY_MS * 2 ** (this.#failures - 1), RETRY_MAX_MS);
      this.#timers = [setTimeout(() => this.#poll(), wait * (0.8 + 0.4 * Math.random())), setTimeout(() => this.#age(), this.#left())];
    }

    /** Draws again when what is shown runs out, then each minute. */
    #age() {
      this.#draw();
      this.#timers.push(setTimeout(() => this.#age(), this.#left()));
    }

    #left() {
      const left = Math.min(this.#until - this.#now(), this.#seen + VALID_MS - performance.now());
      return left > 0 ? left + 50 : 60_000;
    }

    /** The time of the server: the visitor's clock may be wrong. */
    #now() {
      return Date.now() + this.#offset;
    }

    #isFresh() {
      return this.#data !== null && this.#until > this.#now() && performance.now() < this.#seen + VALID_MS;
    }

    async #get(path, run) {
      const answer = await fetch(this.#base + path, {
        signal: run.signal, credentials: "omit", cache: "no-cache", referrerPolicy: "no-referrer",
      });
      if (answer.status === 404) return null;
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const raw = await answer.json();
      const made = Date.parse(answer.headers.get("date")) + 1000 * (Number(answer.headers.get("age")) || 0);
      return { raw: object(raw), offset: Number.isFinite(made) ? made - Date.now() : 0 };
    }

    async #ask(run) {
      const [there, id] = [this.getAttribute("organisation") ?? "", this.getAttribute("component")];
      if (!this.#base || !/^[a-z0-9-]{0,64}$/.test(there) || !/^[a-z0-9.-]{1,129}$/.test(id ?? there)) throw new Error("nothing to ask for");
      const paths = [];
      // The organisation's answer reads as its page does, also from a file, and has its components.
      if (there) paths.push(`organisations/${there}.json`);
      if (id !== null) paths.push(`components/${id}.json${there && `?organisation=${there}`}`);
      for (const prefix of this.#prefixes) {
        for (const path of paths) {
          const answer = await this.#get(`${prefix}/api/v1/${path}`, run);
          const data = answer && read(answer.raw, id);
          if (data) return this.#take(prefix, answer, data, run);
        }
      }
      throw new Error("no answer of ours");
    }

    async #take(prefix, answer, data, run) {
      let [until, at] = [answer.raw.valid_until, answer.raw.generated_at];
      if (until === undefined) {
        // Of exported files one says how fresh they are.
        answer = object(await this.#get("/api/v1/alive.json", run));
        [until, at] = [object(answer.raw).valid_until, object(answer.raw).checked_at];
      }
      if (!Number.isFinite(instant(until)) || this.#run !== run) throw new Error("no time");
      this.#offset = answer.offset;
      // The same word once more proves nothing new.
      if (this.#until !== instant(until)) [this.#until, this.#seen] = [instant(until), performance.now()];
      this.#prefixes = [prefix];
      this.#data = { ...data, at: instant(at) };
    }

    #word(now, one) {
      const words = this.#words;
      if (now === "neutral" && one.stage) return words[one.stage];
      const [fine, gone] = KINDS.get(one.kind) ?? [];
      return words[(now === "operational" && fine) || (now === "major_outage" && gone) || now];
    }

    #time(at) {
      const day = (when) => new Date(when).toDateString();
      const format = { timeStyle: "short", ...(day(at) === day(this.#now()) ? {} : { dateStyle: "long" }) };
      const made = element("time", "", new Intl.DateTimeFormat(this.#words === WORDS.de ? "de-DE" : "en-GB", format).format(at) + this.#words.clock);
      made.dateTime = new Date(at).toISOString();
      return made;
    }

    #paint(made, now) {
      made.style.setProperty("--now", `var(--${now === "neutral" ? "unknown" : now})`);
    }

    #status(now, ...said) {
      const made = element("span", `status ${now}`, symbol(now), ...said);
      this.#paint(made, now);
      return made;
    }

    #draw() {
      const [data, words, fresh] = [this.#data, this.#words, this.#isFresh()];
      const variant = ["list", "banner"].find((known) => known === this.getAttribute("variant")) ?? "compact";
      const now = fresh ? data.now : "unknown";
      const box = this.#box;
      const asked = this.#failures > 0 || data !== null;
      box.setAttribute("part", `box ${variant} ${now}`);
      this.#paint(box, now);
      box.lang = this.#live.lang = words === WORDS.en ? "en" : "de";
      box.hidden = variant === "banner" && (!asked || (fresh && FINE.includes(now)));
      box.setAttribute("aria-label", data?.name ? `Status: ${data.name}` : "Status");
      const head = element("p", "head");
      if (data?.name) head.append(element("span", "name", data.name), ": ");
      head.append(asked ? this.#status(now, this.#word(now, data ?? {})) : words.loading);
      const parts = [head];
      if (data && variant === "list") parts.push(...this.#details(data, fresh));
      const age = element("p", "age");
      if (data && Number.isFinite(data.at)) age.append(fresh ? words.asOf : words.last, this.#time(data.at), this.#ago(data, fresh), " ");
      else if (asked) age.append(words.none, " ");
      if (data?.page) age.append(link(data.page, words.page));
      parts.push(age);
      this.#replace(parts);
      this.#announce(asked, now, fresh);
    }

    /** Keeps the focus. */
    #replace(parts) {
      const links = () => [...this.#box.querySelectorAll("a")];
      const focused = links().indexOf(this.shadowRoot.activeElement);
      const was = links()[focused]?.href;
      const shown = this.#box.childNodes;
      if (parts.length === shown.length && parts.every((part, place) => part.isEqualNode(shown[place]))) return;
      this.#box.replaceChildren(...parts);
      if (focused >= 0) (links().find((one) => one.href === was) ?? links()[focused])?.focus({ preventScroll: true });
    }

    #ago(data, fresh) {
      if (fresh) return "";
      const minutes = Math.max(0, Math.round((this.#now() - data.at) / 60_000));
      const [count, unit] = minutes < 120 ? [minutes, "minute"] : minutes < 2880 ? [Math.round(minutes / 60), "hour"] : [Math.round(minutes / 1440), "day"];
      return ` (${new Intl.RelativeTimeFormat(this.#words === WORDS.de ? "de" : "en").format(-count, unit)})`;
    }

    #details(data, fresh) {
      const words = this.#words;
      const parts = [];
      const rows = (part, items, row) => {
        const made = element("ul", part, ...items.slice(0, ITEMS_MAX).map((item) => element("li", "item", ...row(item))));
        if (items.length > ITEMS_MAX) made.append(element("li", "item", words.more(items.length - ITEMS_MAX)));
        if (items.length > 0) parts.push(made);
      };
      const said = (value) => (fresh && text(value) ? [element("p", "said", text(value, WORDS_MAX))] : []);
      parts.push(...said(data.said));
      rows("components", data.components, (one) => {
        const now = fresh ? one.now : "unknown";
        const why = fresh && one.because ? words.because + one.because : "";
        return [element("span", "name", one.name), ": ", this.#status(now, this.#word(now, one), why), ...said(one.said)];
      });
      if (fresh && data.incidents.length > 0) {
        parts.push(element("p", "title", words.incidents));
        rows("incidents", data.incidents, (one) => {
          const began = instant(one.started_at);
          return [
            link(one.url, text(one.title)), ...(Object.hasOwn(words, one.status) ? [": ", words[one.status]] : []), ...(Number.isFinite(began) ? [", ", words.since, this.#time(began)] : []),
            ...said(object(one.overlay).text),
          ];
        });
      }
      // Other ways stay when nobody knows how it stands: a telephone number does no harm.
      const bad = [data, ...data.all].filter((one) => !FINE.includes(one.now));
      const ways = [{ name: "", ways: data.around }, ...bad].filter((one) => one.ways.length > 0);
      if (ways.length > 0) parts.push(element("p", "title", words.ways));
      rows("alternatives", ways, (one) => {
        const isOut = (way) => OUT.includes(way.status);
        const sorted = [...one.ways].sort((a, b) => isOut(a) - isOut(b)).slice(0, 10);
        const made = sorted.map((way) => element("li", "item", ...this.#way(way), isOut(way) ? ` ${words.out}` : ""));
        return [element("span", "name", one.name), element("ul", "", ...made)];
      });
      return parts;
    }

    #way(way) {
      const targets = (Array.isArray(way.target) ? way.target : []).map(address).filter(Boolean).slice(0, 10);
      const lead = targets.find((to) => /^http/.test(to));
      const hours = text(way.hours_text) || text(way.hours);
      const shown = (to) => (new URL(to).host || new URL(to).pathname).replace(/^\+49/, "0");
      return [
        lead ? link(lead, text(way.label)) : text(way.label),
        ...targets.filter((to) => to !== lead).flatMap((to) => [" ", link(to, shown(to))]), hours ? `, ${hours}` : "",
        ...(address(way.page) ? [", ", link(way.page, this.#words.told)] : []),
      ];
    }

    #announce(asked, now, fresh) {
      if (!asked) return;
      const [data, before] = [this.#data ?? { name: "", components: [] }, this.#before];
      const states = new Map(fresh && this.getAttribute("variant") === "list" ? data.components.map((one) => [one.id, one]) : []);
      this.#before = { now, states };
      if (!before) return;
      const said = before.now === now ? [] : [`${data.name ? `${data.name}: ` : ""}${this.#word(now, data)}`];
      for (const [id, one] of states) {
        const old = before.states.get(id);
        if (old && old.now !== one.now && said.length < 4) said.push(`${one.name}: ${this.#word(one.now, one)}`);
      }
      if (said.length > 0) this.#live.textContent = `${said.join(". ")}.`;
    }
  }

  customElements.define(NAME, TurmwachtStatus);
})();
