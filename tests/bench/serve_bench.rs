//! Serves one fixed JSON document of about 4 kB, with everything on that the program has on, for
//! `tests/bench/serve.sh` to measure. Arguments: the address to listen on, and a file to write
//! the same bytes to.

use std::fs;
use std::sync::Arc;
use std::sync::mpsc;

use turmwacht::model::snapshot::{PublicCatalogue, Snapshot};
use turmwacht::model::time::Timestamp;
use turmwacht::publish::documents::{DocumentSettings, Documents};
use turmwacht::publish::metrics::Full;
use turmwacht::publish::{Document, Rendered, Target};
use turmwacht::server::{self, Health, ServerConfig};
use turmwacht::telemetry::Metrics;

/// The size of an organisation's page as JSON.
const BYTES: usize = 4096;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: serve_bench ADDRESS FILE".into());
    };
    fs::write(&file, text())?;
    let render = |_: &Snapshot, _: &Target| {
        let cache_control = "public, max-age=15, stale-while-revalidate=60, stale-if-error=300";
        Rendered::Document(Document::new("application/json", cache_control, text().into_bytes()))
    };
    let documents = Documents::start(DocumentSettings::default(), Arc::new(render))?;
    documents.publish(Arc::new(Snapshot {
        position: 1,
        at: Timestamp::from_millis(0),
        valid_until: Timestamp::from_millis(150_000),
        exported: None,
        health: Vec::new(),
        catalogue: Arc::new(PublicCatalogue::default()),
        states: Vec::new(),
        incidents: Vec::new(),
        maintenances: Vec::new(),
        incidents_from: None,
        past_maintenances: Vec::new(),
        locals: Arc::default(),
        changes: Arc::default(),
    }));
    let metrics = Metrics::new()?;
    let write = |metrics: Metrics| Arc::new(move |_: bool, out: &mut Vec<u8>, _: Full<'_>| metrics.write(out));
    let config = ServerConfig::new(listen.parse()?, format!("http://{listen}"), 4096);
    let (public, internal) = (write(metrics.clone()), write(metrics.clone()));
    let _server = server::start(config, documents, Arc::new(Health::default()), &metrics, public, internal)?;
    // Until the script ends us.
    let (_never, wait) = mpsc::channel::<()>();
    wait.recv()?;
    Ok(())
}

fn text() -> String {
    let mut text = String::from("{\"position\":1,\"components\":[");
    let mut number = 0;
    while text.len() < BYTES - 100 {
        number += 1;
        text.push_str(&format!(
            "{{\"id\":\"component-{number}\",\"status\":\"operational\",\"since\":\"2025-01-01T00:00:00Z\"}},"
        ));
    }
    text.push_str("null]}\n");
    text
}
