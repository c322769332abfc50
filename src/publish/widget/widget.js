/* Turmwacht, EUPL-1.2. The status of a town's services, on any site:
 *
 *   <script src="https://status.example.org/widget.js" defer></script>
 *   <turmwacht-status organisation="town" lang="de" variant="list"></turmwacht-status>
 *
 * Attributes: organisation, component, lang, variant (compact, list, banner), src.
 * Whatever it reads is shown as text. It keeps nothing, asks nobody but `src`, and rests while
 * the page is hidden. What is not known to hold any more reads "Stand unbekannt". */
(() => {
  "use strict";
  const NAME = "turmwacht-status";
  if (!globalThis.customElements || customElements.get(NAME)) return;

  const POLL_MS = 60_000;
  const RETRY_MS = 15_000;
  const RETRY_MAX_MS = 900_000;
  const PAUSE_MS = 10_000; // Least time between two questions, however often a page is shown.
  const DEADLINE_MS = 10_000;
  const VALID_MS = 150_000; // No answer says that it holds for longer.
  const ITEMS_MAX = 50;
  const TEXT_MAX = 300;

  // The server of this script: a classic script is named by the page, a module by the stack.
  const script = document.currentScript?.src || /https?:\/\/[^\s)]+?\.js/.exec(new Error().stack || "")?.[0] || "";
  const HOME = script.replace(/[?#].*$/, "").replace(/\/(assets\/)?[^/]*$/, "");

  const WORDS = {
    de: {
      operational: "verfügbar", degraded_performance: "eingeschränkt", partial_outage: "teilweise gestört",
      major_outage: "nicht verfügbar", under_maintenance: "planmäßig unterbrochen", unknown: "Stand unbekannt",
      open: "geöffnet", closed: "geschlossen", reachable: "erreichbar", silent: "nicht erreichbar",
      declared: "keine Störung bekannt", because: " wegen Störung: ", incidents: "Aktuelle Störungen",
      investigating: "wird untersucht", identified: "Ursache bekannt", monitoring: "wieder erreichbar, wird beobachtet",
      since: "seit ", ways: "So geht es trotzdem", asOf: "Stand: ", last: "Letzte Auskunft: ", clock: " Uhr",
      none: "Zurzeit ist keine Auskunft möglich.", loading: "Der Stand wird abgefragt.", page: "Zur Statusseite",
      more: (n) => `und ${n} weitere`,
    },
    en: {
      operational: "available", degraded_performance: "degraded", partial_outage: "partially disrupted",
      major_outage: "not available", under_maintenance: "under planned maintenance", unknown: "status unknown",
      open: "open", closed: "closed", reachable: "reachable", silent: "not reachable",
      declared: "no disruption known", because: " because of a disruption: ", incidents: "Current disruptions",
      investigating: "being investigated", identified: "cause identified", monitoring: "answers again, being watched",
      since: "since ", ways: "What you can do instead", asOf: "As of: ", last: "Last information: ", clock: "",
      none: "No information is available at present.", loading: "The status is being asked for.", page: "To the status page",
      more: (n) => `and ${n} more`,
    },
  };

  // Each status has a shape of its own, the worst last but one.
  const SHAPES = {
    operational: "M4.5 8.5l2.5 2.5 4.5-5.5", under_maintenance: "M8 4.5v4l2.5 1.5",
    degraded_performance: "M4.5 8h7", partial_outage: "M8 4v5m0 2.5v.2", major_outage: "M5.2 5.2l5.6 5.6m0-5.6l-5.6 5.6",
    unknown: "M6 6.3a2 2 0 1 1 2.9 1.8q-.9.5-.9 1.2v.2m0 2.2v.2",
  };
  const KINDS = new Map([["counter", ["open", "closed"]], ["mail", ["reachable", "silent"]], ["phone", ["reachable", "silent"]]]);
  const ORDER = ["unknown", "operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"];

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
    svg { width: 1.15em; height: 1.15em; margin-inline-end: .35em; vertical-align: -.2em; }
    [part~="name"] { font-weight: 600; } [part~="age"] { color: var(--soft); font-size: .9375em; }
    [part~="status"] { color: var(--now); font-weight: 600; }
    [part~="announcement"] { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }`;

  // Whatever came from outside goes through one of these.
  const text = (value) => (typeof value === "string" ? value.slice(0, TEXT_MAX) : "");
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
    const make = (name, attributes) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      return made;
    };
    const made = make("svg", { viewBox: "0 0 16 16", "aria-hidden": "true", part: "symbol", fill: "none", stroke: "currentColor", "stroke-width": "1.6" });
    made.append(make("circle", { cx: "8", cy: "8", r: "7" }), make("path", { d: SHAPES[now] }));
    return made;
  };

  /** What a component says. */
  const component = (raw) => ({
    id: text(raw.id), name: text(raw.name), now: status(raw.status), kind: raw.kind, declared: raw.evidence === "declared",
    live: raw.lifecycle === "live", whole: text(raw.part_of), owner: text(raw.owner),
    because: text(object(list(object(raw.affected_by).path).at(-1)).name), ways: list(raw.alternatives),
  });

  /** What an answer says, or nothing if it is none. */
  const read = (raw, isOrganisation) => {
    const found = isOrganisation ? object(raw).organisation : object(raw).component;
    if (!found || typeof found !== "object" || typeof found.name !== "string") return null;
    const all = list(found.components).map(component).filter((one) => one.live);
    const ids = new Set(all.map((one) => one.id));
    const components = all.filter((one) => !ids.has(one.whole)).sort((a, b) => ORDER.indexOf(b.now) - ORDER.indexOf(a.now));
    return {
      ...component(found), components, page: found.page, incidents: list(found.incidents),
      declared: isOrganisation ? all.every((one) => one.declared) : found.evidence === "declared",
    };
  };

  class TurmwachtStatus extends HTMLElement {
    static observedAttributes = ["organisation", "component", "lang", "variant", "src"];
    // The prototype has many names of its own already; no page reaches in here either.
    #box = element("div", "box");
    #live = element("p", "announcement");
    #shown = () => (document.hidden ? this.#rest() : this.#wake());
    #base = "";
    #prefix = "";
    #words = WORDS.de;
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
      try {
        // No inline style: a strict policy of the host does not apply to sheets that are built.
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(STYLE);
        root.adoptedStyleSheets = [sheet];
      } catch {
        root.prepend(element("style", "", STYLE));
      }
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

    /** Forgets what it knows and asks anew. */
    #begin() {
      const written = this.getAttribute("lang")?.toLowerCase();
      const around = this.closest("[lang]")?.lang.toLowerCase() ?? "";
      const language = /^[a-z]{2,3}(-[a-z0-9]+)*$/.test(written ?? "") ? written : around.startsWith("en") ? "en" : "de";
      // German is taken for the first language of the status site, which has no prefix.
      this.#prefix = language === "de" ? "" : `/${language}`;
      this.#words = language.startsWith("en") ? WORDS.en : WORDS.de;
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

    /** Draws again when what is shown runs out, and then each minute, because its age grows. */
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
      if (!answer.ok) throw new Error(`status ${answer.status}`, { cause: answer.status });
      const raw = await answer.json();
      const made = Date.parse(answer.headers.get("date")) + 1000 * (Number(answer.headers.get("age")) || 0);
      return { raw: object(raw), offset: Number.isFinite(made) ? made - Date.now() : 0 };
    }

    async #ask(run) {
      const [there, id] = [this.getAttribute("organisation") ?? "", this.getAttribute("component")];
      const isOrganisation = id === null;
      if (!this.#base || !/^[a-z0-9-]{0,64}$/.test(there) || !/^[a-z0-9.-]{1,129}$/.test(isOrganisation ? there : id)) {
        throw new Error("nothing to ask for");
      }
      const query = !isOrganisation && there ? `?organisation=${there}` : "";
      const path = isOrganisation ? `/api/v1/organisations/${there}.json` : `/api/v1/components/${id}.json${query}`;
      let answer;
      try {
        answer = await this.#get(this.#prefix + path, run);
      } catch (error) {
        // The site does not have this language.
        if (error.cause !== 404 || !this.#prefix) throw error;
        [this.#prefix, this.#words] = ["", WORDS.de];
        answer = await this.#get(path, run);
      }
      const data = read(answer.raw, isOrganisation);
      if (!data) throw new Error("no answer of ours");
      let [until, at] = [answer.raw.valid_until, answer.raw.generated_at];
      if (until === undefined) {
        // Exported files do not say how fresh they are; one file does.
        answer = await this.#get("/api/v1/alive.json", run);
        [until, at] = [answer.raw.valid_until, answer.raw.checked_at];
      }
      if (!Number.isFinite(instant(until)) || this.#run !== run) throw new Error("no time");
      this.#offset = answer.offset;
      // The same word once more proves nothing new.
      if (this.#until !== instant(until)) [this.#until, this.#seen] = [instant(until), performance.now()];
      const place = there || data.owner;
      const mine = /^[a-z0-9-]+$/.test(place) ? `${this.#base}${this.#prefix}/${place}${isOrganisation ? "" : `#${id}`}` : this.#base;
      this.#data = { ...data, at: instant(at), page: address(data.page) || mine };
    }

    #word(now, one) {
      const words = this.#words;
      if (now === "operational" && one.declared) return words.declared;
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

    #status(now, ...said) {
      const made = element("span", `status ${now}`, symbol(now), ...said);
      made.style.setProperty("--now", `var(--${now})`);
      return made;
    }

    #draw() {
      const [data, words, fresh] = [this.#data, this.#words, this.#isFresh()];
      const variant = ["list", "banner"].find((known) => known === this.getAttribute("variant")) ?? "compact";
      const now = fresh ? data.now : "unknown";
      const box = this.#box;
      const asked = this.#failures > 0 || data !== null;
      box.setAttribute("part", `box ${variant} ${now}`);
      box.style.setProperty("--now", `var(--${now})`);
      box.lang = this.#live.lang = words === WORDS.en ? "en" : "de";
      // A banner says nothing while there is nothing to say: all is well, or nobody knows yet.
      box.hidden = variant === "banner" && (!asked || (fresh && now === "operational"));
      if (data?.name) box.setAttribute("aria-label", `Status: ${data.name}`);
      else box.setAttribute("aria-label", "Status");
      const head = element("p", "head");
      if (data?.name) head.append(element("span", "name", data.name), ": ");
      head.append(asked ? this.#status(now, this.#word(now, data ?? {})) : words.loading);
      const parts = [head];
      if (data && variant === "list") parts.push(...this.#details(data, fresh));
      const age = element("p", "age");
      if (data && Number.isFinite(data.at)) age.append(fresh ? words.asOf : words.last, this.#time(data.at), this.#ago(data, fresh), " ");
      else if (asked) age.append(words.none, " ");
      const page = data?.page || this.#base;
      if (page) age.append(link(page, words.page));
      parts.push(age);
      this.#replace(parts);
      this.#announce(asked, now, fresh);
    }

    /** Keeps what has the keyboard's focus, if only its surroundings were drawn anew. */
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
      rows("components", data.components, (one) => {
        const now = fresh ? one.now : "unknown";
        const why = fresh && one.because && !["operational", "unknown", "under_maintenance"].includes(now) ? words.because + one.because : "";
        return [element("span", "name", one.name), ": ", this.#status(now, this.#word(now, one), why)];
      });
      if (fresh && data.incidents.length > 0) {
        parts.push(element("p", "title", words.incidents));
        rows("incidents", data.incidents, (one) => {
          const [state, began] = [text(one.status), instant(one.started_at)];
          const said = ["investigating", "identified", "monitoring"].includes(state) ? [": ", words[state]] : [];
          return [link(one.url, text(one.title)), ...said, ...(Number.isFinite(began) ? [", ", words.since, this.#time(began)] : [])];
        });
      }
      // Other ways stay when nobody knows how it stands: a telephone number does no harm.
      const ways = [data, ...data.components].filter((one) => one.now !== "operational" && one.ways.length > 0);
      if (ways.length > 0) {
        parts.push(element("p", "title", words.ways));
        rows("alternatives", ways, (one) => [
          element("span", "name", one.name), element("ul", "", ...one.ways.slice(0, 10).map((way) => element("li", "item", ...this.#way(way)))),
        ]);
      }
      return parts;
    }

    #way(way) {
      const targets = (Array.isArray(way.target) ? way.target : []).map(address).filter(Boolean).slice(0, 10);
      const numbers = targets.filter((to) => !/^https?:/.test(to));
      const hours = text(way.hours_text) || text(way.hours);
      const shown = (to) => decodable(to.replace(/^\w+:/, "").replace(/\?.*$/, "")).replace(/^\+49/, "0");
      return [
        numbers.length < targets.length ? link(targets[0], text(way.label)) : text(way.label),
        ...numbers.flatMap((to) => [" ", link(to, shown(to))]), hours ? `, ${hours}` : "",
      ];
    }

    /** Says what has changed, and nothing when it was only asked again. */
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

  const decodable = (written) => {
    try {
      return decodeURIComponent(written);
    } catch {
      return written;
    }
  };

  customElements.define(NAME, TurmwachtStatus);
})();
