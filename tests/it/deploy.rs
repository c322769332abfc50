//! What `deploy/` ships fits the program: its configurations are in order, its versions are ours.

use std::path::{Path, PathBuf};

use turmwacht::config;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The configuration in the chart's default values.
fn of_the_chart() -> String {
    let values = read("deploy/helm/turmwacht/values.yaml");
    let (_, block) = values.split_once("\nconfig: |\n").expect("the block");
    block.lines().take_while(|line| line.starts_with("  ")).map(|line| format!("{}\n", line.trim_start())).collect()
}

#[test]
fn the_shipped_configurations_are_in_order() {
    for (what, text) in [
        ("the package", read("deploy/deb/config.toml")),
        ("the image", read("deploy/container/config.toml")),
        ("the chart", of_the_chart()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        // As it is, and with all that is only proposed.
        let proposed: String = text
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line).to_owned() + "\n")
            .collect();
        for text in [text, proposed] {
            std::fs::write(&file, &text).unwrap();
            let loaded = config::load(&file).unwrap_or_else(|report| panic!("{what}:\n{}", report.render(false)));
            assert_eq!(loaded.settings.storage.path, PathBuf::from("/var/lib/turmwacht/turmwacht.db"), "{what}");
        }
    }
}

#[test]
fn all_say_the_same_version() {
    let version = env!("CARGO_PKG_VERSION");
    for (file, words) in [
        ("deploy/deb/changelog", format!("turmwacht ({version}-1) ")),
        ("deploy/deb/turmwacht.1", format!("\"Turmwacht {version}\"")),
        ("deploy/helm/turmwacht/Chart.yaml", format!("\nversion: {version}\nappVersion: \"{version}\"\n")),
        ("deploy/container/compose.yaml", format!("image: turmwacht:{version}\n")),
    ] {
        assert!(read(file).contains(&words), "{file} lacks `{words}`");
    }
}

#[test]
fn the_recipes_name_the_ports_and_paths_of_the_program() {
    let listen = "127.0.0.1:8080";
    for file in ["deploy/nginx/turmwacht.conf", "deploy/caddy/Caddyfile", "deploy/apache/turmwacht.conf"] {
        let text = read(file);
        assert!(text.contains(listen) && text.contains("api/v1/admin") && text.contains("/admin"), "{file}");
    }
    assert!(read("deploy/deb/config.toml").contains(&format!("listen = \"{listen}\"")));
    let unit = read("deploy/systemd/turmwacht.service");
    assert!(unit.contains(" --config /etc/turmwacht/config.toml serve") && unit.contains("StateDirectory=turmwacht\n"));
}
