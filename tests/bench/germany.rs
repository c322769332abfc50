//! One town's page at the size of Germany: 11,000 municipalities, each with 575 services of one
//! provider on its page, and some thousand words of towns and areas on them. Prints what the
//! indexes, a snapshot, an outage of the provider and a town's page cost, and the memory.
//!
//! Argument: how many components each town has of its own; none by default.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use turmwacht::clock::monotonic;
use turmwacht::config::{Extra, from_texts_with};
use turmwacht::engine::{Input, State};
use turmwacht::model::catalogue::Catalogue;
use turmwacht::model::observation::{Judged, Travelled};
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::time::Timestamp;
use turmwacht::model::verdict::{Reason, Verdict};
use turmwacht::publish::{self, Rendered, Target};

type Failure = Box<dyn std::error::Error>;

/// Municipalities: there were 10,786 in 2023.
const TOWNS: usize = 11_000;
/// Services on each page: the bundles of the Online Access Act.
const SERVICES: usize = 575;
/// One service in so many has parts.
const WITH_PARTS: usize = 10;
/// Words of single towns on a service.
const TOWN_LOCALS: usize = 3_000;
/// Words on a service for a district: five digits of the key.
const AREA_LOCALS: usize = 1_000;
/// Pages that are looked at.
const PAGES: usize = 400;

fn main() -> Result<(), Failure> {
    let own: usize = std::env::args().nth(1).map_or(Ok(0), |count| count.parse())?;
    println!("{TOWNS} towns, {SERVICES} services, {own} components of each town's own");
    memory("at the start")?;
    let (config, probes) = (operator(), [("probes/all.toml".to_owned(), declarations(own)?)]);
    let extra = Extra { loopback: true, ..Extra::default() };
    let (loaded, took) = timed(|| from_texts_with(("config.toml", &config), &probes, Path::new("."), extra));
    let declared = loaded.map_err(|report| report.render(false))?.catalogue.declared().clone();
    tell("the files read and put together", took);
    memory("declared")?;
    let (catalogue, took) = timed(|| Arc::new(Catalogue::new(declared)));
    tell("indexes of the catalogue", took);
    memory("with indexes")?;
    let mut story = Story::new(&catalogue);
    let (_, took) = timed(|| story.step(vec![Input::Adopt(Arc::clone(&catalogue))]));
    tell("the catalogue adopted", took);
    let (snapshot, took) = timed(|| story.snapshot(false));
    tell("first snapshot", took);
    drop(snapshot);
    memory("with a snapshot")?;
    story.probes(Verdict::Up);
    drop(story.snapshot(false));
    let (_, took) = timed(|| story.snapshot(true));
    tell("snapshot of a minute, all looked at anew", took);
    let healthy = story.snapshot(false);
    pages("while all is well", &healthy)?;
    drop(healthy);
    for verdict in [Verdict::Down, Verdict::Up] {
        story.turn(verdict);
    }
    story.turn(Verdict::Down);
    let disturbed = story.snapshot(false);
    pages("while the provider is down", &disturbed)?;
    println!("{} incidents", disturbed.incidents.len());
    memory("at the end")
}

/// The engine and its time.
struct Story {
    state: State,
    at: Timestamp,
    checks: Vec<u32>,
    provider: u32,
}

impl Story {
    fn new(catalogue: &Catalogue) -> Self {
        let checks = (0u32..).zip(&catalogue.checks).map(|(index, _)| index).collect();
        let provider = catalogue.component_index("rechenzentrum").and_then(|index| catalogue.node(index));
        let provider = provider.map(|node| node.checks.start).unwrap_or_default();
        Self { state: State::new(1), at: Timestamp::from_millis(1_700_000_000_000), checks, provider }
    }

    fn step(&mut self, inputs: Vec<Input>) -> usize {
        self.at = self.at.plus(Duration::from_secs(1));
        self.state.step(inputs, self.at).events.len()
    }

    fn snapshot(&mut self, whole: bool) -> Snapshot {
        self.state.snapshot(self.at, &[], whole)
    }

    /// A probe of every check.
    fn probes(&mut self, verdict: Verdict) {
        let inputs = self.checks.iter().map(|&check| self.judged(check, verdict)).collect();
        self.step(inputs);
    }

    fn judged(&self, check: u32, verdict: Verdict) -> Input {
        let reason = (verdict == Verdict::Down).then_some(Reason::Timeout);
        Input::Judged(Judged {
            check,
            catalogue_version: self.state.record.catalogue_version,
            slot: self.at,
            started_at: self.at,
            ended_at: self.at.shifted(500),
            verdict,
            reason,
            travelled: travelled(u64::from(check)),
            duration: Duration::from_millis(500),
        })
    }

    /// Probes of the provider until it turns, each vouched for by a reference; the last is timed.
    fn turn(&mut self, verdict: Verdict) {
        for _ in 0..10 {
            let reference =
                Input::Reference { travelled: travelled(u64::MAX), at: self.at.plus(Duration::from_secs(1)) };
            let inputs = vec![self.judged(self.provider, verdict), reference];
            let (events, took) = timed(|| self.step(inputs));
            if events > SERVICES {
                tell(&format!("the step that turns the provider {}, {events} events", verdict.as_str()), took);
                break;
            }
            drop(self.snapshot(false));
        }
        let (snapshot, took) = timed(|| self.snapshot(false));
        tell("the snapshot after it", took);
        drop(snapshot);
    }
}

const fn travelled(host: u64) -> Travelled {
    Travelled { host, outside: true, resolver: true, ipv4: true, ipv6: false, tls: true }
}

/// Pages of towns spread over the country: what stands on them, as HTML and as JSON.
fn pages(when: &str, snapshot: &Snapshot) -> Result<(), Failure> {
    println!("{when}:");
    let towns = || (0..PAGES).map(|number| number * (TOWNS / PAGES)).map(town);
    let mut resolved = Vec::new();
    let mut shown = 0;
    for town in towns() {
        let (index, _) = snapshot.organisation(&town).ok_or("no such town")?;
        let (count, took) = timed(|| {
            black_box(snapshot.organisation_status(index));
            snapshot.page_of(index).map(black_box).count()
        });
        shown = count.max(shown);
        resolved.push(took);
    }
    spread(&format!("  {shown} components and the common status"), resolved);
    for question in ["ort", "Ort 10999", "dienst", "0", "9900", "o d a s 0 9 r k", "dienst-100 antrag", "nirgendwo"] {
        let query = vec![("q".to_owned(), question.to_owned())];
        for (what, path) in [("JSON", "/api/v1/search"), ("HTML", "/search")] {
            let mut took = Vec::new();
            let mut bytes = 0;
            for _ in 0..20 {
                let (length, one) = answered(snapshot, path, query.clone())?;
                bytes = length;
                took.push(one);
            }
            spread(&format!("  search for `{question}`, {what}, {bytes} bytes"), took);
        }
    }
    let incident = snapshot.incidents.iter().find(|incident| incident.is_open());
    for (what, path) in [
        ("HTML", |town: &str| format!("/{town}")),
        ("JSON", |town: &str| format!("/api/v1/organisations/{town}")),
        ("feed", |town: &str| format!("/{town}/feed.atom")),
    ] as [(&str, fn(&str) -> String); 3]
    {
        let mut took = Vec::new();
        let mut bytes = 0;
        for town in towns().step_by(10) {
            let (length, one) = render(snapshot, &path(&town))?;
            bytes = length.max(bytes);
            took.push(one);
        }
        spread(&format!("  {what}, at most {bytes} bytes"), took);
    }
    let mut paths = vec!["/".to_owned(), "/feed.atom".to_owned(), "/api/v1/summary".to_owned()];
    paths.push("/api/v1/organisations".to_owned());
    if let Some(incident) = incident {
        paths.extend(["/incidents", "/api/v1/incidents"].map(|folder| format!("{folder}/{}", incident.id)));
    }
    for path in paths {
        let (bytes, took) = render(snapshot, &path)?;
        tell(&format!("  {path}, {bytes} bytes"), took);
    }
    Ok(())
}

fn render(snapshot: &Snapshot, path: &str) -> Result<(usize, Duration), Failure> {
    answered(snapshot, path, Vec::new())
}

fn answered(snapshot: &Snapshot, path: &str, query: Vec<(String, String)>) -> Result<(usize, Duration), Failure> {
    let target = Target { path: path.to_owned(), query };
    match timed(|| publish::render(snapshot, &target)) {
        (Rendered::Document(document), took) => Ok((document.body.len(), took)),
        _ => Err(format!("{path} answers no document").into()),
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let from = monotonic();
    let result = work();
    (result, from.elapsed())
}

fn tell(what: &str, took: Duration) {
    println!("{what}: {:.2} ms", took.as_secs_f64() * 1e3);
}

/// The median, the highest of 99 in 100, and the highest.
fn spread(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).or_else(|| took.last()).copied().unwrap_or_default();
    let [half, most, all] = [at(50), at(99), at(100)].map(|took| took.as_secs_f64() * 1e6);
    println!("{what}: median {half:.0} µs, p99 {most:.0} µs, at most {all:.0} µs");
}

/// What the process holds in memory.
fn memory(when: &str) -> Result<(), Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
    };
    println!("memory {when}: {} MiB, at most {} MiB", of("VmRSS:"), of("VmHWM:"));
    Ok(())
}

fn town(number: usize) -> String {
    format!("ort-{number:05}")
}

/// A synthetic key: one of 16 states, 25 districts in each, towns numbered in them.
fn key(number: usize) -> String {
    let (land, district, rest) = (number % 16 + 1, number / 16 % 25 + 1, number / 400 + 1);
    format!("{land:02}0{district:02}{rest:04}{rest:03}")
}

fn operator() -> String {
    let prefixes: Vec<String> = (1..=16).map(|land| format!("\"{land:02}\"")).collect();
    format!("title = \"Status\"\n[trust.dienstleister]\nserves = [{}]\n", prefixes.join(", "))
}

/// Everything that is declared, as one probe file.
fn declarations(own: usize) -> Result<String, std::fmt::Error> {
    let mut text =
        String::from("[[organisation]]\nid = \"dienstleister\"\nkind = \"provider\"\nname = \"Dienstleister\"\n");
    for number in 0..TOWNS {
        let (id, key) = (town(number), key(number));
        write!(
            text,
            "[[organisation]]\nid = \"{id}\"\nkind = \"municipality\"\nname = \"Ort {number}\"\nars = \"{key}\"\n"
        )?;
        for component in 0..own {
            write!(
                text,
                "[[component]]\nid = \"amt-{component}-{id}\"\nname = \"Amt {component}\"\nkind = \"counter\"\nowner = \"{id}\"\n"
            )?;
        }
    }
    let serves = (1..=16).map(|land| format!("\"{land:02}\"")).collect::<Vec<_>>().join(", ");
    let mut component = |id: &str, kind: &str, below: &str, serves: &str| {
        write!(
            text,
            "[[component]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"{kind}\"\nowner = \"dienstleister\"\n{serves}{below}\
             [[component.check]]\nid = \"c\"\nprobe.http = {{ url = \"https://{id}.example.org/\" }}\nproves = \"front\"\n"
        )
    };
    component("rechenzentrum", "provider", "", "")?;
    component("konto", "base_service", "depends_on = [\"rechenzentrum\"]\n", "")?;
    component("portal", "portal", "depends_on = [\"konto\"]\n", &format!("serves = [{serves}]\n"))?;
    for number in 0..SERVICES {
        // Now and then a town has something else in its place.
        let except = if number % 23 == 0 { format!(", \"!{}\"", town(number)) } else { String::new() };
        let below = format!("depends_on = [\"portal\"]\nleika = [\"99{number:012}\"]\n");
        let id = format!("dienst-{number:03}");
        component(&id, "service", &below, &format!("serves = [{serves}{except}]\n"))?;
    }
    for number in (0..SERVICES).step_by(WITH_PARTS) {
        for part in ["antrag", "auskunft"] {
            write!(
                text,
                "[[component]]\nid = \"{part}\"\npart_of = \"dienst-{number:03}\"\nname = \"{part}\"\nkind = \"capability\"\n"
            )?;
        }
    }
    for number in 0..TOWN_LOCALS + AREA_LOCALS {
        let town_number = number * 7 % TOWNS;
        let whom = match number < TOWN_LOCALS {
            true => town(town_number),
            false => key(town_number).get(..5).unwrap_or_default().to_owned(),
        };
        let what = match number % 3 {
            0 => "mode = \"basic\"",
            1 => "status = \"partial_outage\"",
            _ => "text = \"Bitte rufen Sie an.\"",
        };
        write!(
            text,
            "[[local]]\ncomponents = [\"dienst-{:03}\"]\norganisations = [\"{whom}\"]\n{what}\n",
            number % SERVICES
        )?;
    }
    Ok(text)
}
