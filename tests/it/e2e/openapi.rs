//! The description of the interfaces as the program gives it out, and the examples of its page.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::program::Place;
use super::{reference, town};
use crate::probe::server::closed_port;

#[test]
fn the_command_prints_what_the_server_serves() {
    let place = Place::new(closed_port(), &town(closed_port()));
    let printed = place.run(&["openapi"]);
    assert_eq!(printed.code, Some(0), "{printed:?}");
    let printed: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(printed["openapi"], "3.1.0");
    let program = place.serve();
    let served = program.json("/openapi.json");
    assert_eq!(served["paths"], printed["paths"]);
    assert_eq!(served["components"], printed["components"]);
    place.write("config.toml", "title = 1\n");
    assert_eq!(place.run(&["openapi"]).code, Some(1));
}

#[test]
fn the_examples_of_the_page_work() {
    let place = Place::new(reference().address, &town(closed_port()));
    let program = place.serve();
    program.until("an incident is open", |program| {
        program.json("/api/v2/status.json")["status"]["indicator"] == "critical"
    });
    let base = program.json("/api/v2/status.json")["page"]["url"].as_str().unwrap().to_owned();
    let mut count = 0;
    for page in ["/docs", "/en/docs"] {
        let page = program.get(page);
        for example in page.split("<code class=\"example\">").skip(1).map(|rest| rest.split("</code>").next().unwrap())
        {
            // A stream has no end; `server::events` reads it.
            if example.contains("/api/v1/events") {
                continue;
            }
            // The test listens on a port that the configuration does not know.
            let command = example.replace(&base, &format!("http://{}", program.address())).replace("&amp;", "&");
            let asked = command.replacen("curl ", "curl -sS -o answer -w '%{http_code} %{content_type}' ", 1);
            let run = Command::new("sh").args(["-c", &asked]).current_dir(place.path("")).stdin(Stdio::null()).output();
            let run = run.unwrap();
            let said = String::from_utf8_lossy(&run.stdout).into_owned();
            assert!(said.starts_with("200 "), "{command}: {said}: {}", String::from_utf8_lossy(&run.stderr));
            if said.contains(" application/json;") {
                serde_json::from_slice::<Value>(&std::fs::read(place.path("answer")).unwrap()).unwrap();
            }
            count += 1;
        }
    }
    assert!(count >= 40, "{count} examples");
}
