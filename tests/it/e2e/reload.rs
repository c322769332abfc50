//! Files that change while the program runs: what is taken up by itself, what needs a signal, and
//! what is never taken up.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use rustix::process::Signal;
use turmwacht::clock::monotonic;

use super::program::{Place, Program, configuration};
use super::{Site, reference};

/// A body with so many services, the first of which has a check that fails.
fn services(count: usize) -> String {
    let mut text = "[[organisation]]\nid = \"amt\"\nkind = \"provider\"\nname = \"Amt\"\n".to_owned();
    for number in 0..count {
        text.push_str(&format!(
            "[[component]]\nid = \"dienst-{number}\"\nname = \"Dienst {number}\"\nkind = \"service\"\nowner = \"amt\"\n"
        ));
    }
    text
}

fn has(program: &Program, id: &str) -> bool {
    program.try_get(&format!("/api/v1/components/{id}")).is_some_and(|(status, _)| status == 200)
}

fn is_stale(program: &Program) -> bool {
    program.get("/readyz").contains("config_stale")
}

/// Lets so much time pass that a change would have been noticed, while something must stay as it is.
fn meanwhile(program: &Program, holds: impl Fn(&Program) -> bool) {
    let started = monotonic();
    while monotonic().duration_since(started) < Duration::from_secs(3) {
        assert!(holds(program), "{}", program.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_changed_file_is_taken_up_once_it_is_whole() {
    let place = Place::new(reference().address, &services(6));
    let program = place.serve();
    // In place, as an editor or a copy does it: half of the file is in order, but lacks three services.
    let (half, whole) = (services(3), services(6));
    for _ in 0..30 {
        for text in [&half, &whole] {
            fs::write(place.path("probes.toml"), text).unwrap();
            std::thread::sleep(Duration::from_millis(30));
        }
    }
    fs::write(place.path("probes.toml"), services(7)).unwrap();
    program.until("the seventh service is there", |program| has(program, "dienst-6"));
    let log = program.log();
    assert!(!log.contains("not taken up") && !log.contains("faulty"), "half a file was read:\n{log}");

    // Half a file that stays is faulty, is said to be so once, and changes nothing.
    fs::write(place.path("probes.toml"), whole.trim_end_matches("\"\n")).unwrap();
    program.until("it is found to be faulty", is_stale);
    meanwhile(&program, |program| is_stale(program) && has(program, "dienst-6"));
    let log = program.log();
    assert_eq!(log.matches("the new files are faulty").count(), 1, "{log}");
    assert!(log.contains("probes.toml:"), "{log}");
    place.write("probes.toml", &services(8));
    program.until("the eighth service is there", |program| has(program, "dienst-7") && !is_stale(program));

    // A new file of another body.
    place.write(
        "config.toml",
        &fs::read_to_string(place.path("config.toml"))
            .unwrap()
            .replace("probes = [\"probes.toml\"]", "probes = [\"probes.toml\", \"more/*.toml\"]"),
    );
    fs::create_dir(place.path("more")).unwrap();
    place.write("more/b.toml", "[[organisation]]\nid = \"b\"\nkind = \"provider\"\nname = \"B\"\n");
    program.until("the body has a page", |program| program.try_get("/b").is_some_and(|(status, _)| status == 200));
}

#[test]
fn a_touched_file_is_nothing_new_and_a_deleted_one_is_a_fault() {
    let place = Place::new(reference().address, &services(2));
    let program = place.serve();
    let probes = fs::File::options().append(true).open(place.path("probes.toml")).unwrap();
    probes.set_modified(probes.metadata().unwrap().modified().unwrap() - Duration::from_secs(60)).unwrap();
    program.until("it has looked", |program| program.log().contains("has not changed"));
    meanwhile(&program, |program| program.log().matches("were read again").count() == 1);
    assert!(!program.log().contains("catalogue 2"), "{}", program.log());

    let config = fs::read_to_string(place.path("config.toml")).unwrap();
    fs::remove_file(place.path("config.toml")).unwrap();
    program.until("it is missed", is_stale);
    assert!(program.get("/metrics").contains("\nturmwacht_config_last_reload_successful 0\n"));
    meanwhile(&program, |program| has(program, "dienst-1"));
    assert_eq!(program.log().matches("cannot be read").count(), 1, "{}", program.log());
    place.write("config.toml", &config);
    program.until("it is back", |program| !is_stale(program));
    assert!(program.get("/metrics").contains("\nturmwacht_config_last_reload_successful 1\n"));
}

#[test]
fn a_folder_swapped_by_a_link_is_taken_up() {
    // As Kubernetes swaps a ConfigMap: `..data` is a link, and is renamed over.
    let place = Place::new(reference().address, "");
    for (version, count) in [("..1", 2), ("..2", 3)] {
        fs::create_dir(place.path(version)).unwrap();
        fs::write(place.path(version).join("probes.toml"), services(count)).unwrap();
        fs::copy(place.path("config.toml"), place.path(version).join("config.toml")).unwrap();
    }
    symlink("..1", place.path("..data")).unwrap();
    for file in ["probes.toml", "config.toml"] {
        fs::remove_file(place.path(file)).unwrap();
        symlink(format!("..data/{file}"), place.path(file)).unwrap();
    }
    let program = place.serve();
    assert!(!has(&program, "dienst-2"));
    symlink("..2", place.path("..data_tmp")).unwrap();
    fs::rename(place.path("..data_tmp"), place.path("..data")).unwrap();
    fs::remove_dir_all(place.path("..1")).unwrap();
    program.until("the third service is there", |program| has(program, "dienst-2"));
}

#[test]
fn what_would_take_away_much_needs_a_signal() {
    let place = Place::new(reference().address, &services(6));
    let config = configuration(reference().address, "127.0.0.1:0", "turmwacht.db");
    place.write("config.toml", &config.replace("probes.toml", "probes.d/*.toml"));
    fs::create_dir(place.path("probes.d")).unwrap();
    place.write("probes.d/a.toml", &services(6));
    place.write("probes.d/b.toml", "[[organisation]]\nid = \"b\"\nkind = \"provider\"\nname = \"B\"\n");
    let program = place.serve();
    let refused = |words: &str, still: &str| {
        program.until("it says so", |program| program.log().contains(words) && is_stale(program));
        assert!(has(&program, still));
    };
    let adopted = |version: u32| {
        program.signal(Signal::HUP);
        let words = format!("catalogue {version} is in force");
        program.until("the signal settles it", |program| program.log().contains(&words) && !is_stale(program));
    };
    // One of six goes by itself, two of five do not.
    place.write("probes.d/a.toml", &services(5));
    program.until("the sixth is gone", |program| !has(program, "dienst-5"));
    place.write("probes.d/a.toml", &services(3));
    refused("2 of 5 components would be gone", "dienst-4");
    // What was refused comes in with the next change that is none, and with a signal.
    place.write("probes.d/a.toml", &services(5));
    program.until("all is as it was", |program| !is_stale(program));
    place.write("probes.d/a.toml", &services(3));
    program.until("it says so again", |program| program.log().matches("2 of 5 components").count() == 2);
    adopted(3);
    assert!(!has(&program, "dienst-4"));

    fs::remove_file(place.path("probes.d/b.toml")).unwrap();
    refused("the organisation `b` would be gone", "dienst-2");
    adopted(4);
    assert!(program.try_get("/b").is_some_and(|(status, _)| status == 404));
    fs::remove_file(place.path("probes.d/a.toml")).unwrap();
    refused("the pattern \"probes.d/*.toml\" matches no file any more; if that is meant, send SIGHUP", "dienst-2");
    adopted(5);
    assert!(!has(&program, "dienst-2"));
}

#[test]
fn a_component_with_an_open_incident_goes_only_by_a_signal() {
    let site = Site::new();
    let place = site.place();
    let with = |count: usize| super::town(site.server.address) + &services(count);
    place.write("probes.toml", &with(8));
    let program = place.serve();
    program.until_status("portal", "operational");
    site.switch(false);
    program.until_status("portal", "major_outage");
    // Only one of ten is gone, but it is the one that readers are told of.
    let text = with(8);
    let (begin, _) = text.split_once("[[component]]\nid = \"portal\"").unwrap();
    let (_, rest) = text.split_once("[[component]]\nid = \"antrag\"").unwrap();
    let without = format!("{begin}[[component]]\nid = \"antrag\"{}", rest.replace("depends_on = [\"portal\"]\n", ""));
    place.write("probes.toml", &without);
    let said = "`portal` would be gone, of which the open incident";
    program.until("it says so", |program| program.log().contains(said) && is_stale(program));
    assert!(has(&program, "portal"));
    program.signal(Signal::HUP);
    program.until("the signal settles it", |program| !has(program, "portal") && !is_stale(program));
}

#[test]
fn what_waits_for_a_start_is_named() {
    let place = Place::new(reference().address, &services(6));
    let program = place.serve();
    let config = fs::read_to_string(place.path("config.toml")).unwrap();
    let folder = place.path("copy");
    place.write("config.toml", &format!("{config}\n[export]\npath = \"{}\"\n", folder.display()));
    program.until("the section is named", |program| {
        program.log().contains("[export] differ from what the program was started with; restart it")
    });
    assert!(!folder.exists() && !is_stale(&program));
    // What checks have of their own in the catalogue waits for nothing.
    let quicker = config.replace("interval = \"1s\"", "interval = \"2s\"");
    assert_ne!(quicker, config);
    place.write("config.toml", &quicker);
    program.until("it is read once more", |program| program.log().matches("the files were read again").count() == 2);
    assert_eq!(program.log().matches("differ from what").count(), 1, "{}", program.log());
}
