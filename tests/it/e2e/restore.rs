//! A backup put in the place of a lost store, as docs/deploy.md says it.

use std::process::Command;

use super::{Site, published};

/// The block of the document that restores.
fn commands() -> &'static str {
    let document = include_str!("../../../docs/deploy.md");
    let (_, rest) = document.split_once("## Restore").expect("the section");
    let (_, block) = rest.split_once("```sh\n").expect("its block");
    block.split("```").next().expect("its end")
}

#[test]
fn a_restored_backup_shows_what_was_published_and_goes_on_from_there() {
    let site = Site::new();
    let place = site.place();
    let program = place.serve();
    program.until_status("portal", "operational");
    site.switch(false);
    program.until_status("portal", "major_outage");
    let token = place.run(&["token", "new", "--role", "admin", "--label", "desk"]);
    assert_eq!(token.code, Some(0));
    let saved = published(&program);
    assert_eq!(place.run(&["backup", "backup.db"]).code, Some(0));
    // What happens afterwards is lost with the machine.
    site.switch(true);
    program.until_status("portal", "operational");
    program.kill();
    site.switch(false);
    std::fs::write(place.path("turmwacht.db"), "damaged").unwrap();
    place.run(&["serve"]).assert_refuses(&["turmwacht.db"]);

    // The service and its user are the machine's; the rest is done as it stands there.
    let folder = place.path("");
    for line in commands().lines() {
        let line = line
            .replace("/var/lib/turmwacht", &folder.to_string_lossy())
            .replace("/srv/backup/turmwacht.db", "backup.db");
        if line.starts_with("systemctl ") {
            continue;
        }
        let line = line.replace("-o turmwacht -g turmwacht ", "").replace("runuser -u turmwacht -- ", "");
        let line = line.replace("turmwacht --config /etc/turmwacht/config.toml", env!("CARGO_BIN_EXE_turmwacht"));
        let done = Command::new("sh").args(["-euc", &line]).current_dir(&folder).output().unwrap();
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    }
    let program = place.serve();
    assert_eq!(published(&program), saved);
    assert!(place.run(&["token", "list"]).stdout.contains("desk"));
    site.switch(true);
    program.until_status("portal", "operational");
}
