//! Our calendars in other programs' hands: Python's `icalendar` and `vobject`.

use std::process::{Command, Stdio};

use crate::publish::ical::samples;

/// Reads every calendar of a folder with both, and compares what they found.
const READER: &str = r#"
import datetime, json, pathlib, sys
import icalendar, vobject

def lines(data):
    """The lines of a calendar, unfolded and in no order."""
    return sorted(data.decode("utf-8").replace("\r\n ", "").split("\r\n"))

for path, summary in json.load(sys.stdin):
    data = pathlib.Path(path).read_bytes()
    one = icalendar.Calendar.from_ical(data)
    for component in one.walk():
        assert not component.errors, (path, component.errors)
    events = [component for component in one.walk() if component.name in ("VEVENT", "VTODO")]
    uids = [str(event["UID"]) for event in events]
    assert len(uids) == len(set(uids)), (path, uids)
    for event in events:
        assert event["DTSTAMP"].dt == event["LAST-MODIFIED"].dt <= datetime.datetime.now(datetime.timezone.utc), path
        assert isinstance(event["SEQUENCE"], int), path
        assert str(event["URL"]).startswith("http://127.0.0.1:8080/maintenance/"), path
        if event.name == "VEVENT":
            assert event["DTEND"].dt > event["DTSTART"].dt, path
    if summary:
        assert str(events[0]["SUMMARY"]) == summary, (path, str(events[0]["SUMMARY"]))
    else:
        assert not events, path
    # What it writes of it is what we wrote, but for the order and the places of the folds.
    ours, theirs = lines(data), lines(one.to_ical())
    assert ours == theirs, (path, set(ours) ^ set(theirs))

    other = vobject.readOne(data.decode("utf-8"))
    other.validate(raiseException=True)
    children = [child for child in other.components() if child.name in ("VEVENT", "VTODO")]
    children = {child.uid.value: child for child in children}
    assert sorted(children) == sorted(uids), path
    for event in events:
        child = children[str(event["UID"])]
        child.validate(raiseException=True)
        for name in ("summary", "description", "status"):
            assert getattr(child, name).value == str(event[name]), (path, name)
        for name in ("dtstart", "dtend", "due"):
            if name in event:
                assert getattr(child, name).value == event[name].dt, (path, name)
    print(pathlib.Path(path).name, len(events))
"#;

/// Whether there is a Python with both. Where there is none that is said, or it fails where CI
/// needs it.
fn is_installed() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import icalendar, vobject"]).stdin(Stdio::null()).stderr(Stdio::null());
    let found = python.status().is_ok_and(|status| status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "python3 with icalendar and vobject is missing, and CI needs it");
        eprintln!("skipped: python3 with icalendar and vobject is not installed");
    }
    found
}

#[test]
fn two_other_readers_find_what_was_written() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut asked = Vec::new();
    for (name, calendar, summary) in samples() {
        let path = folder.path().join(name);
        std::fs::write(&path, calendar).unwrap();
        asked.push((path, summary));
    }
    let list = folder.path().join("list.json");
    std::fs::write(&list, serde_json::to_vec(&asked).unwrap()).unwrap();
    let read = Command::new("python3").args(["-c", READER]).stdin(std::fs::File::open(list).unwrap()).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    assert_eq!(String::from_utf8(read.stdout).unwrap().lines().count(), asked.len());
}
