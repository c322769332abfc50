//! Logos and colours: what is taken, what is refused and where, what is hard to read.

use std::path::Path;

use turmwacht::config::{Loaded, Report, from_texts, load, show};
use turmwacht::model::look::{Colour, Picture};

use super::{CONFIG, QUIET};

const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0h9v9z\"/></svg>";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

/// A folder with pictures, good and bad.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).expect("written");
    write("logo.svg", SVG.as_bytes());
    write("copy.svg", SVG.as_bytes());
    write("logo.png", PNG);
    write("script.svg", SVG.replace("<path", "<script>alert(1)</script><path").as_bytes());
    write("false.png", b"GIF89a");
    write("latin.svg", b"<svg>\xe4</svg>");
    write("logo.webp", b"RIFF");
    write("large.svg", SVG.replace("M0", &"M0 0".repeat(70_000)).as_bytes());
    std::fs::create_dir(folder.path().join("folder.svg")).expect("made");
    folder
}

/// What a town says of its looks, on the eighth line of its file.
fn town(base: &Path, keys: &str) -> Result<Loaded, Report> {
    let text = format!(
        "[[organisation]]\nid = \"musterkreis\"\nkind = \"county\"\nname = \"Musterkreis\"\nars = \"059620000000\"\n\n\n{keys}\n"
    );
    from_texts(("config.toml", &format!("{QUIET}{CONFIG}")), &[("probes/x.toml".to_owned(), text)], base)
}

#[test]
fn a_picture_becomes_part_of_the_catalogue() {
    let folder = folder();
    let loaded = town(folder.path(), "logo = \"logo.svg\"").expect("in order");
    let name = loaded.catalogue.organisations[0].links.logo.clone().expect("a logo");
    let logo = &loaded.catalogue.logos[&name];
    assert_eq!((logo.picture, &*logo.content), (Picture::Svg, SVG.as_bytes()));
    let png = town(folder.path(), "logo = \"logo.png\"").expect("in order");
    assert_eq!(png.catalogue.logos.values().next().map(|logo| &*logo.content), Some(PNG));
    // Its content decides: a copy is the same picture.
    let copy = town(folder.path(), "logo = \"copy.svg\"").expect("in order");
    assert_eq!(copy.catalogue.organisations[0].links.logo, Some(name.clone()));
    // Shown by its size, not by its bytes.
    let shown = show(&loaded);
    let bytes = serde_json::json!({ "picture": "svg", "bytes": SVG.len() });
    assert_eq!(shown["catalogue"]["logos"][&name], bytes);
    assert!(town(folder.path(), "").expect("in order").catalogue.logos.is_empty());
}

#[test]
fn a_picture_lies_beside_the_file_that_names_it() {
    let folder = folder();
    let root = folder.path();
    std::fs::create_dir(root.join("probes")).expect("made");
    std::fs::rename(root.join("logo.png"), root.join("probes/logo.png")).expect("moved");
    let config = format!("probes = [\"probes/*.toml\"]\n{}", CONFIG.replace("[site]", "[site]\nlogo = \"logo.svg\""));
    std::fs::write(root.join("config.toml"), config).expect("written");
    let town = "[[organisation]]\nid = \"a\"\nkind = \"provider\"\nname = \"A\"\nlogo = \"logo.png\"\n";
    std::fs::write(root.join("probes/a.toml"), town).expect("written");
    let loaded = load(&root.join("config.toml")).unwrap_or_else(|report| panic!("{}", report.render(false)));
    let pictures: Vec<Picture> = [&loaded.catalogue.site.links, &loaded.catalogue.organisations[0].links]
        .map(|links| loaded.catalogue.logos[links.logo.as_ref().expect("a logo")].picture)
        .to_vec();
    assert_eq!(pictures, [Picture::Svg, Picture::Png]);
}

#[test]
fn pictures_that_could_do_harm_are_refused_where_they_are_named() {
    let folder = folder();
    for (file, why) in [
        ("script.svg", "line 1 of the drawing: the element `script`"),
        ("false.png", "not a PNG"),
        ("latin.svg", "not UTF-8"),
        ("logo.webp", "neither `.svg` nor `.png`"),
        ("large.svg", "larger than 256 KiB"),
        ("folder.svg", "not a plain file"),
        ("missing.svg", "No such file"),
        ("../logo.svg", "stays unread"),
        ("/etc/passwd", "stays unread"),
    ] {
        let report = town(folder.path(), &format!("logo = \"{file}\"")).expect_err("refused").render(false);
        assert!(report.contains(why) && report.contains("probes/x.toml:8:8"), "{file}: {report}");
    }
}

#[test]
fn colours_are_six_digits_and_nothing_else() {
    let folder = folder();
    let loaded = town(folder.path(), "theme = { link = \"#7a0020\", band = \"#123\", dark = { link = \"#ffd0d0\" } }");
    let theme = loaded.expect("in order").catalogue.organisations[0].links.theme.expect("a theme");
    assert_eq!((theme.light.link, theme.light.band), (Some(Colour([0x7a, 0, 0x20])), Some(Colour([0x11, 0x22, 0x33]))));
    assert_eq!((theme.light.band_ink, theme.dark.link), (None, Some(Colour([0xff, 0xd0, 0xd0]))));
    for (keys, titles) in [
        ("theme = { link = \"red\" }", &["no colour"][..]),
        ("theme = { link = \"#0a4f8f;} body { display: none\" }", &["no colour"]),
        ("theme = { link = \"url(https://evil.example/)\" }", &["no colour"]),
        ("theme = { dark = { band = 7 } }", &["expected a string, found an integer"]),
        ("theme = { ink = \"#000\" }", &["unknown key `ink`"]),
        ("theme = \"dark\"", &["expected a table, found a string"]),
    ] {
        let report = town(folder.path(), keys).expect_err("refused");
        assert_eq!(report.titles().map(|(_, title)| title).collect::<Vec<_>>(), titles, "{keys}");
        assert!(report.render(false).contains("probes/x.toml:8:"), "{keys}");
    }
}

#[test]
fn what_is_hard_to_read_is_a_warning() {
    let folder = folder();
    for (theme, titles) in [
        ("link = \"#0a4f8f\", band = \"#12324d\", band_ink = \"#ffffff\"", &[][..]),
        ("link = \"#4a90d9\"", &["hard to read on light pages: links on our backgrounds have a contrast of 2.7:1"]),
        ("band = \"#ffcc00\"", &["hard to read on light pages: `band_ink` on `band` have a contrast of 1.5:1"]),
        ("band = \"#ffcc00\", band_ink = \"#000000\"", &[]),
        (
            "dark = { link = \"#0a4f8f\", band_ink = \"#333333\" }",
            &[
                "hard to read on dark pages: links on our backgrounds have a contrast of 1.5:1",
                "hard to read on dark pages: `band_ink` on `band` have a contrast of 1.2:1",
            ],
        ),
    ] {
        let loaded = town(folder.path(), &format!("theme = {{ {theme} }}")).expect("accepted");
        assert_eq!(loaded.warnings.titles().map(|(_, title)| title).collect::<Vec<_>>(), titles, "{theme}");
    }
}

#[test]
fn weaknesses_are_reported_over_an_encrypted_way() {
    let with = |contact: &str| {
        let config = CONFIG.replace("[site]", &format!("[site]\nsecurity_contact = \"{contact}\""));
        from_texts(("config.toml", &format!("{QUIET}{config}")), &[], Path::new("."))
    };
    let loaded = with("mailto:security@example.org").expect("in order");
    assert!(loaded.catalogue.site.security_contact.is_some());
    let report = with("http://www.example.org/").expect_err("refused");
    assert_eq!(report.titles().next().map(|(_, title)| title), Some("reports of weaknesses must travel encrypted"));
}
