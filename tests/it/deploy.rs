//! What `deploy/` ships fits the program: its configurations are in order, its versions are ours.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use regex::Regex;
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
        ("the image", read("deploy/container/config/config.toml")),
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

/// Where the Debian package puts each of our files.
fn packaged() -> BTreeMap<PathBuf, PathBuf> {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("it is TOML");
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array().expect("a list");
    let mut packaged = BTreeMap::new();
    for asset in assets {
        let [from, to] = [0, 1].map(|part| asset[part].as_str().expect("a text"));
        for file in glob::glob(&root().join(from).to_string_lossy()).expect("a pattern").flatten() {
            let name = if to.ends_with('/') { file.file_name().expect("a file") } else { "".as_ref() };
            packaged.insert(Path::new("/").join(to).join(name), file);
        }
    }
    packaged
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(component);
        }
    }
    plain
}

#[test]
fn what_the_package_brings_leads_nowhere_else() {
    let link = Regex::new(r##"\]\(([^)#]+)(?:#[^)]*)?\)|(?:src|href)="([^"#]+)"##).unwrap();
    let named = Regex::new(r"/usr/share/doc/turmwacht/[A-Za-z0-9/.-]*[A-Za-z]").unwrap();
    let packaged = packaged();
    let is_there = |path: &Path| packaged.keys().any(|known| known.starts_with(path));
    let (mut links, mut names) = (0, 0);
    for (at, file) in packaged.iter().filter(|(at, _)| !at.starts_with("/usr/bin")) {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        for path in named.find_iter(&text) {
            assert!(is_there(Path::new(path.as_str())), "{} names {}", at.display(), path.as_str());
            names += 1;
        }
        if at.extension().is_none_or(|ending| ending != "md") {
            continue;
        }
        for found in link.captures_iter(&text) {
            let to = found.get(1).or_else(|| found.get(2)).map_or("", |to| to.as_str());
            // The licence is in Debian's `copyright`.
            if to.contains(':') || to.starts_with('/') || to == "LICENSE" {
                continue;
            }
            let to = plain(&at.parent().expect("a folder").join(to));
            assert!(is_there(&to), "{} leads to {}", at.display(), to.display());
            links += 1;
        }
    }
    assert!(links > 50 && names > 5, "{links} {names}");
}
