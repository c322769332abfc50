//! What stands on other sites: badges, text, frames, fragments and the widget.

use std::io::Write;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::events::Event;
use sha2::{Digest, Sha256, Sha384};
use turmwacht::model::alternative::Link;
use turmwacht::model::incident::IncidentStatus;
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::status::{ComponentKind, Evidence, Status};
use turmwacht::model::text::Plain;
use turmwacht::publish::wording::{Words, alternatives_heading};
use turmwacht::publish::{Rendered, widget};

use super::hostile::CORPUS;
use super::sample::{INTERNAL_ID, sample, sample_in_the_words_of, time};
use super::{answer, document, text, value};

const BADGES: [&str; 3] = ["", "/hattingen", "/hattingen/serviceportal-en"];
const PIECES: [&str; 2] = ["/hattingen", "/hattingen/serviceportal-en"];

/// The widget may weigh so much on its way.
const WIDGET_BYTES_MAX: usize = 8 * 1024;

#[test]
fn each_format_has_its_type_its_age_and_its_policy() {
    let snapshot = sample();
    let closed = "default-src 'none'; frame-ancestors 'self'";
    let badge = "public, max-age=30, stale-while-revalidate=30, stale-if-error=300";
    let epoch = "public, max-age=10, stale-while-revalidate=30, stale-if-error=60";
    let asset = format!("/assets/{}", widget::asset());
    for (path, media, cache) in [
        ("/badge.svg", "image/svg+xml; charset=utf-8", badge),
        ("/en/hattingen/serviceportal-en/badge.svg", "image/svg+xml; charset=utf-8", badge),
        ("/hattingen/badge.json", "application/json; charset=utf-8", badge),
        ("/hattingen/status.txt", "text/plain; charset=utf-8", badge),
        ("/embed/hattingen/fragment.html", "text/html; charset=utf-8", epoch),
        (
            "/widget.js",
            "text/javascript; charset=utf-8",
            "public, max-age=3600, stale-while-revalidate=86400, stale-if-error=86400",
        ),
        (&asset, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
    ] {
        let document = document(&snapshot, path);
        assert_eq!((document.content_type, document.cache_control), (media, cache), "{path}");
        assert_eq!(document.policy, closed, "{path}");
    }
    let embed = document(&snapshot, "/embed/hattingen");
    assert!(embed.policy.ends_with("; frame-ancestors *"), "{}", embed.policy);
    assert!(embed.policy.contains("default-src 'none'") && !embed.policy.contains("unsafe"), "{}", embed.policy);
    let page = String::from_utf8(embed.body).expect("UTF-8");
    let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).expect("a style").0;
    let hash = data_encoding::BASE64.encode(&Sha256::digest(style));
    assert!(embed.policy.contains(&format!("style-src 'sha256-{hash}'")), "{}", embed.policy);
    assert!(document(&snapshot, "/hattingen").policy.ends_with("frame-ancestors 'self'"));
}

#[test]
fn what_is_not_there_has_nothing_to_embed() {
    let snapshot = sample();
    for path in [
        "/unknown/badge.svg",
        &format!("/hattingen/{INTERNAL_ID}/badge.svg"),
        &format!("/embed/hattingen/{INTERNAL_ID}"),
        "/embed/unknown",
        "/embed",
        "/fragment.html",
        "/embed/fragment.html",
        "/status.txt",
        "/hattingen/serviceportal-en/status.txt",
        "/assets/widget-0000000000000000.js",
        "/assets/widget.js",
    ] {
        assert_eq!(answer(&snapshot, path), Rendered::NotFound, "{path}");
    }
    assert_eq!(answer(&snapshot, "/hattingen-alt/badge.svg"), Rendered::Moved("/hattingen/badge.svg".to_owned()));
    assert_eq!(answer(&snapshot, "/en/widget.js"), Rendered::Moved("/widget.js".to_owned()));
    assert_eq!(answer(&snapshot, "/embed/hattingen?lang=en"), Rendered::Moved("/en/embed/hattingen".to_owned()));
}

#[test]
fn a_fragment_has_two_addresses() {
    let snapshot = sample();
    for piece in PIECES {
        for prefix in ["", "/en"] {
            let one = document(&snapshot, &format!("{prefix}/embed{piece}/fragment.html"));
            assert_eq!(one, document(&snapshot, &format!("{prefix}{piece}/fragment.html")));
        }
    }
}

/// The snapshot, made a minute later, with nothing new.
fn a_minute_later(mut snapshot: Snapshot) -> Snapshot {
    snapshot.at = time("2023-11-06T09:31:00Z");
    snapshot.valid_until = time("2023-11-06T09:33:30Z");
    snapshot
}

#[test]
fn unchanged_content_gives_unchanged_bytes_where_no_time_is_said() {
    let (now, later) = (sample(), a_minute_later(sample()));
    for path in ["/badge.svg", "/hattingen/badge.svg", "/hattingen/badge.json", "/hattingen/status.txt", "/widget.js"] {
        assert_eq!(text(&now, path), text(&later, path), "{path}");
    }
    assert_ne!(text(&now, "/embed/hattingen"), text(&later, "/embed/hattingen"), "a frame says its age");
}

/// The full text, the texts and the colour of a badge, read by a parser.
fn badge(svg: &str) -> (String, Vec<String>, String) {
    let mut reader = Reader::from_str(svg);
    reader.config_mut().expand_empty_elements = true;
    let (mut title, mut texts, mut colour, mut open) = (String::new(), Vec::new(), String::new(), Vec::new());
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                assert!(["svg", "title", "rect", "path", "g", "text"].contains(&&*name), "{name}");
                for attribute in start.attributes() {
                    let attribute = attribute.expect("an attribute");
                    let key = attribute.key.as_ref().to_owned();
                    assert!(!key.starts_with("on") && key != "href" && key != "style", "{key}");
                    if name == "path" && key == "fill" {
                        colour = attribute.value.into_owned();
                    }
                }
                if name == "text" {
                    texts.push(String::new());
                }
                open.push(name);
            }
            Event::End(_) => drop(open.pop()),
            Event::Text(written) => {
                push(&open, &mut title, &mut texts, &written);
            }
            Event::GeneralRef(reference) => {
                let written = format!("&{};", &*reference);
                let written = quick_xml::escape::unescape(&written).expect("a known reference").into_owned();
                push(&open, &mut title, &mut texts, &written);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    (title, texts, colour)
}

fn push(open: &[String], title: &mut String, texts: &mut [String], written: &str) {
    match open.last().map(String::as_str) {
        Some("title") => title.push_str(written),
        Some("text") => texts.last_mut().expect("it was opened").push_str(written),
        _ => {}
    }
}

#[test]
fn a_badge_says_in_words_what_the_api_says() {
    let snapshot = sample();
    for (prefix, words) in [("", Words::German), ("/en", Words::English)] {
        for place in BADGES {
            let (title, texts, colour) = badge(&text(&snapshot, &format!("{prefix}{place}/badge.svg")));
            let shields = value(&snapshot, &format!("{prefix}{place}/badge.json"));
            assert_eq!(title, format!("{}: {}", texts[0], texts[1]));
            assert_eq!(shields["schemaVersion"], 1);
            assert_eq!((shields["label"].as_str(), shields["message"].as_str()), (Some(&*texts[0]), Some(&*texts[1])));
            assert_eq!(format!("#{}", shields["color"].as_str().expect("a colour")), colour);
        }
        let portal = value(&snapshot, &format!("{prefix}/api/v1/components/serviceportal-en?organisation=hattingen"));
        let status = Status::parse(portal["component"]["status"].as_str().expect("a word")).expect("known");
        let shields = value(&snapshot, &format!("{prefix}/hattingen/serviceportal-en/badge.json"));
        assert_eq!(shields["message"], words.status(status, Some(ComponentKind::Portal)));
        assert_eq!(shields["isError"], status.is_red());
        assert!(shields["cacheSeconds"].as_u64().is_some_and(|seconds| seconds <= 300));
    }
}

/// A text as one line.
fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|c| !c.is_control()).collect()
}

#[test]
fn hostile_texts_stay_texts() {
    let peaceful = sample_in_the_words_of("Anmeldung");
    for hostile in CORPUS {
        let snapshot = sample_in_the_words_of(hostile);
        let clean = line(Plain::new(hostile).unescaped());
        // What XML cannot hold is left out of pictures.
        let drawn: String = clean.chars().filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')).collect();
        for place in BADGES {
            let (title, texts, _) = badge(&text(&snapshot, &format!("{place}/badge.svg")));
            let said = texts.last().expect("the status");
            let whole = if clean.is_empty() { said.clone() } else { format!("{drawn}: {said}") };
            assert_eq!(title, whole, "{place}: {hostile:?}");
            let label = value(&snapshot, &format!("{place}/badge.json"))["label"].as_str().expect("a text").to_owned();
            assert!(clean.starts_with(label.trim_end_matches('…').trim_end()), "{label:?}");
        }
        let lines = text(&snapshot, "/hattingen/status.txt");
        let wanted = text(&peaceful, "/hattingen/status.txt");
        assert_eq!(lines.lines().count(), wanted.lines().count(), "{lines}");
        assert!(lines.ends_with('\n') && lines.chars().all(|c| c == '\n' || !c.is_control()), "{lines:?}");
        assert!(lines.starts_with(&format!("{clean}: ")), "{lines}");
        for piece in PIECES {
            for path in [format!("/embed{piece}"), format!("{piece}/fragment.html")] {
                let (hostile, peaceful) = (text(&snapshot, &path), text(&peaceful, &path));
                assert_eq!(structure(&hostile), structure(&peaceful), "{path}");
                assert!(hostile.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control()), "{path}");
            }
        }
    }
}

/// The names of elements and attributes: the structure without the texts.
fn structure(page: &str) -> Vec<String> {
    let body = page.split_once("<body>").map_or(page, |(_, body)| body);
    let tags = body.split('<').skip(1).map(|rest| {
        let tag = rest.split('>').next().unwrap_or(rest);
        let mut outside = true;
        tag.chars()
            .filter(|&c| {
                outside ^= c == '"';
                outside && c != '"'
            })
            .collect()
    });
    // A name of several scripts or languages may bring a `span` of its own.
    tags.filter(|tag: &String| !tag.starts_with("span") && tag != "/span").collect()
}

#[test]
fn a_fragment_brings_nothing_that_could_collide() {
    let snapshot = sample();
    for piece in PIECES {
        let fragment = text(&snapshot, &format!("{piece}/fragment.html"));
        assert!(fragment.starts_with("<section aria-label=\"") && fragment.ends_with("</section>\n"), "{fragment}");
        assert_eq!(fragment.matches("<section").count(), 1);
        for banned in [" class=", " id=", "<style", "<script", "<h1", "<h2", "<h3", "<h4", " target=", "<link", "<meta"]
        {
            assert!(!fragment.contains(banned), "{banned}");
        }
        for page in [&fragment, &text(&snapshot, &format!("/en/embed{piece}"))] {
            for link in page.split("href=\"").skip(1) {
                let absolute = ["https://", "http://", "tel:", "mailto:", "data:"];
                assert!(absolute.iter().any(|scheme| link.starts_with(scheme)), "{link}");
            }
        }
    }
    let embed = text(&snapshot, "/embed/hattingen");
    let links = embed.split("<a ").skip(1);
    assert!(links.clone().count() > 1);
    for link in links {
        assert!(link.contains("target=\"_top\" rel=\"noopener\""), "{link}");
    }
    assert!(!embed.contains("http-equiv"));
}

#[test]
fn a_frame_says_its_age_and_until_when_it_holds() {
    let mut snapshot = sample();
    for (path, said) in [("/embed/hattingen", ", gültig bis "), ("/en/hattingen/fragment.html", ", valid until ")] {
        let page = text(&snapshot, path);
        assert!(page.contains("datetime=\"2023-11-06T09:30:00Z\"") && page.contains(said), "{path}");
        assert!(page.contains("datetime=\"2023-11-06T09:32:30Z\""), "{path}");
    }
    snapshot.exported = Some(time("2023-11-06T07:00:00Z"));
    let page = text(&snapshot, "/embed/hattingen");
    assert!(page.contains("datetime=\"2023-11-06T07:00:00Z\"") && !page.contains("gültig bis"), "{page}");
    assert!(!page.contains("09:30:00Z"));
}

#[test]
fn an_end_that_has_passed_and_the_page_of_a_way_are_said() {
    let mut snapshot = sample();
    let path = "/hattingen/fragment.html";
    let passed = "Dieser Zeitpunkt ist verstrichen.";
    assert!(!text(&snapshot, path).contains(passed));
    let open = snapshot.incidents.iter_mut().find(|incident| incident.is_open()).expect("an open one");
    let open = Arc::make_mut(open);
    open.expected_end.as_mut().expect("an end").latest = Some(time("2023-11-06T09:30:00Z"));
    open.alternatives[0].page = Link::parse("https://mehr.example.org/wege");
    for path in [path, "/embed/hattingen"] {
        let page = text(&snapshot, path);
        assert!(page.contains(passed), "{page}");
        assert!(page.contains("mehr dazu: <a href=\"https://mehr.example.org/wege\""), "{page}");
    }
}

#[test]
fn a_text_has_a_line_for_each_thing_that_is_wrong() {
    let snapshot = sample();
    for (prefix, words) in [("", Words::German), ("/en", Words::English)] {
        let lines = text(&snapshot, &format!("{prefix}/hattingen/status.txt"));
        let organisation = &value(&snapshot, &format!("{prefix}/api/v1/organisations/hattingen"))["organisation"];
        let wrong = organisation["components"].as_array().expect("a list").iter();
        let wrong = wrong.filter(|one| one["lifecycle"] == "live" && one["status"] != "operational");
        let incidents = organisation["incidents"].as_array().expect("a list");
        assert_eq!(lines.lines().count(), 1 + wrong.clone().count() + incidents.len(), "{lines}");
        for one in wrong {
            let name = one["name"].as_str().expect("a name");
            assert!(lines.lines().any(|line| line.contains(&format!("{name}: "))), "{name}: {lines}");
        }
        for incident in incidents {
            let title = incident["title"].as_str().expect("a title");
            let since = words.pick("(seit ", "(since ");
            assert!(lines.lines().any(|line| line.contains(title) && line.contains(since)), "{title}: {lines}");
        }
    }
}

#[test]
fn the_widget_is_small() {
    let script = widget::SOURCE.as_bytes();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    gzip.write_all(script).expect("memory");
    let gzip = gzip.finish().expect("memory").len();
    let parameters = brotli::enc::BrotliEncoderParams { quality: 5, lgwin: 18, ..Default::default() };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &*script, &mut packed, &parameters).expect("memory");
    assert!(gzip <= WIDGET_BYTES_MAX && packed.len() <= WIDGET_BYTES_MAX, "gzip {gzip}, brotli {}", packed.len());
}

#[test]
fn the_widget_writes_texts_only_and_keeps_nothing() {
    for banned in [
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "Function(",
        "localStorage",
        "sessionStorage",
        "indexedDB",
        "cookie",
        "setInterval",
        "import ",
        "import(",
        "createContextualFragment",
        "DOMParser",
        "srcdoc",
        "sendBeacon",
        "XMLHttpRequest",
        "WebSocket",
    ] {
        assert!(!widget::SOURCE.contains(banned), "{banned}");
    }
}

#[test]
fn the_widget_speaks_as_the_pages_do() {
    for words in [Words::German, Words::English] {
        let mut said = vec![alternatives_heading(words)];
        for &status in Status::ALL {
            for kind in [None, Some(ComponentKind::Counter), Some(ComponentKind::Mail), Some(ComponentKind::Phone)] {
                said.push(words.status(status, kind));
            }
        }
        said.extend(
            [IncidentStatus::Investigating, IncidentStatus::Identified, IncidentStatus::Monitoring]
                .map(|status| words.incident_status(status)),
        );
        said.extend([
            words.pick("keine Störung bekannt", "no disruption known"),
            words.pick("demnächst", "coming soon"),
            words.pick("eingestellt", "retired"),
            words.pick("Zurzeit selbst nicht verfügbar.", "Not available itself at present."),
        ]);
        for word in said {
            assert!(widget::SOURCE.contains(&format!("\"{word}\"")), "the widget does not say {word:?}");
        }
    }
    for &status in Status::ALL {
        assert!(widget::SOURCE.contains(&format!("{status}: \"M")), "{status} has no shape");
    }
    assert!(widget::SOURCE.contains(&format!("\"{}\"", Evidence::Declared)));
}

#[test]
fn the_documentation_names_the_widget_of_this_release() {
    let documentation = include_str!("../../../docs/embedding.md");
    assert!(documentation.contains(&format!("/assets/{}\"", widget::asset())), "it is {}", widget::asset());
    let hash = data_encoding::BASE64.encode(&Sha384::digest(widget::SOURCE));
    assert!(documentation.contains(&format!("integrity=\"sha384-{hash}\"")), "it is sha384-{hash}");
    let name: String = Sha256::digest(widget::SOURCE).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(widget::asset(), format!("widget-{name}.js"));
}

#[test]
fn every_address_of_the_documentation_answers() {
    let documentation = include_str!("../../../docs/embedding.md");
    let snapshot = sample();
    let mut count = 0;
    for rest in documentation.split("https://status.example.org/").skip(1) {
        let path: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-./_".contains(*c)).collect();
        document(&snapshot, &format!("/{path}"));
        count += 1;
    }
    for rest in documentation.split("\"/turmwacht/").skip(1) {
        let path = rest.split('"').next().unwrap_or(rest);
        if !path.is_empty() {
            document(&snapshot, &format!("/{path}"));
        }
    }
    assert!(count > 10);
}
