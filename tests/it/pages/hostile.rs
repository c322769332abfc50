//! Hostile texts in every field that takes one.

use std::sync::Arc;

use turmwacht::model::alternative::Link;
use turmwacht::model::incident::{Body, Message, MessageCode, WORDING};
use turmwacht::model::snapshot::{PublicIncident, Snapshot};
use turmwacht::model::text::{Plain, Text};
use turmwacht::publish::html;

use crate::pages::pages;
use crate::pages::sample::morning;

/// Texts that try to leave where they stand.
pub(super) const CORPUS: &[&str] = &[
    "\"'><script>alert(document.domain)</script><img src=x onerror=alert(1)>",
    "</title></style></svg><script>alert(1)</script>",
    "x\" onmouseover=\"alert(1)\" autofocus onfocus=\"alert(1)",
    "<!--<![CDATA[ ]]>--><base href=https://evil.example/><meta http-equiv=refresh content=0>",
    "\u{202e}gnp.exe\u{0}\u{1b}[31m <iframe srcdoc=x>",
    "&lt;script&gt; &amp;amp; &#x3c;b&#x3e;<b>",
];

fn body(text: &Text) -> Body {
    Body::Written(text.clone())
}

fn poison(incident: &mut PublicIncident, text: &Text) {
    incident.root.name = text.clone();
    for (_, name, _) in &mut incident.components {
        *name = text.clone();
    }
    incident.title = body(text);
    for (update, automatic) in incident.updates.iter_mut().zip([true, false].into_iter().cycle()) {
        update.body = if automatic {
            let component = text.clone();
            Body::Automatic(Message {
                code: MessageCode::Opened,
                wording: WORDING,
                component,
                status: None,
                reason: None,
            })
        } else {
            body(text)
        };
    }
}

/// The sample with one text in every field that takes a text.
pub(super) fn poisoned(hostile: &str) -> Snapshot {
    let text = Text::single("de", hostile);
    let mut snapshot = morning();
    let catalogue = Arc::make_mut(&mut snapshot.catalogue);
    catalogue.site.title = text.clone();
    for organisation in &mut catalogue.organisations {
        organisation.name = text.clone();
    }
    for component in &mut catalogue.components {
        component.name = text.clone();
        for alternative in &mut component.alternatives {
            alternative.label = text.clone();
            alternative.hours_text = None;
            alternative.hours = Some(Plain::new(hostile));
            let tail: String = hostile.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
            alternative.target.extend(Link::parse(&format!("mailto:a@example.org?{tail}")));
            alternative.target.extend(Link::parse(&format!("https://www.example.org/{tail}")));
        }
        for local in &mut component.locals {
            local.text = Some(text.clone());
        }
    }
    for state in &mut snapshot.states {
        for shown in Arc::make_mut(state).affected_by.iter_mut().flat_map(|affected| &mut affected.path) {
            shown.name = text.clone();
        }
    }
    for incident in &mut snapshot.incidents {
        poison(Arc::make_mut(incident), &text);
    }
    for maintenance in &mut snapshot.maintenances {
        let maintenance = Arc::make_mut(maintenance);
        maintenance.title = text.clone();
        for alternative in &mut maintenance.alternatives {
            alternative.label = text.clone();
        }
    }
    snapshot
}

/// The names of elements and attributes of a page: its structure without its texts.
fn structure(page: &str) -> Vec<String> {
    let (_, body) = page.split_once("<body>").expect("a body");
    body.split('<')
        .skip(1)
        .map(|rest| {
            let tag = rest.split('>').next().unwrap_or(rest);
            let mut outside = true;
            tag.chars()
                .filter(|&c| {
                    outside ^= c == '"';
                    outside && c != '"'
                })
                .collect()
        })
        .collect()
}

#[test]
fn a_hostile_text_changes_no_element_and_no_attribute() {
    let harmless = pages(&poisoned("Anmeldung"));
    for hostile in CORPUS {
        let snapshot = poisoned(hostile);
        for ((name, page), (_, peer)) in pages(&snapshot).into_iter().zip(&harmless) {
            assert_eq!(structure(&page), structure(peer), "{name}: {hostile}");
            for control in ['\u{0}', '\u{1b}', '\u{202e}'] {
                assert!(!page.contains(control), "{name}: {control:?}");
            }
        }
        let problem = html::problem("de", 400, hostile, hostile);
        assert_eq!(structure(&problem), structure(&html::problem("de", 400, "a", "b")), "{hostile}");
    }
}
