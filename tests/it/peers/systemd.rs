//! systemd's own judgement of our unit.

use std::process::Command;

use super::process::installed;

/// As exposed as a service of ours may be; 10 is everything.
const EXPOSURE_MAX: f64 = 2.0;

/// The unit, with our binary where the package puts it.
fn unit(folder: &std::path::Path) -> std::path::PathBuf {
    let text = include_str!("../../../deploy/systemd/turmwacht.service");
    assert!(text.contains("ExecStart=/usr/bin/turmwacht "));
    let file = folder.join("turmwacht.service");
    std::fs::write(&file, text.replace("/usr/bin/turmwacht", env!("CARGO_BIN_EXE_turmwacht"))).unwrap();
    file
}

#[test]
fn the_unit_is_in_order_and_hardly_exposed() {
    let Some(analyze) = installed("systemd-analyze") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = unit(folder.path());
    // Unknown keys are printed, and the exit code is 0 all the same.
    let verified = Command::new(&analyze).args(["verify", "--man=no"]).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&[verified.stdout, verified.stderr].concat()).into_owned();
    assert!(verified.status.success() && said.is_empty(), "{said}");

    let judged = Command::new(&analyze)
        .args(["security", "--offline=true", "--no-pager"])
        .arg(&file)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    let said = String::from_utf8(judged.stdout).unwrap();
    let score = said.split_once("exposure level for turmwacht.service: ").unwrap().1.split(' ').next().unwrap();
    assert!(score.parse::<f64>().unwrap() <= EXPOSURE_MAX, "{said}");
}
