//! Hostile texts in every field that takes one.

use std::sync::Arc;

use turmwacht::model::alternative::{Alternative, Link};
use turmwacht::model::incident::{Body, Ending, Expected, Message, MessageCode, WORDING};
use turmwacht::model::local::PublicLocal;
use turmwacht::model::snapshot::{PublicIncident, PublicMaintenance, Snapshot};
use turmwacht::model::text::{Plain, Text};
use turmwacht::publish::html;

use crate::pages::crisis::{crisis, locals};
use crate::pages::pages;
use crate::pages::sample::{basic, differ, morning};

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

/// What a hostile editor may link to: four schemes are all that a link may have.
fn links(hostile: &str) -> impl Iterator<Item = Link> {
    let tail: String = hostile.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
    ["mailto:a@example.org?", "https://www.example.org/"]
        .into_iter()
        .filter_map(move |head| Link::parse(&format!("{head}{tail}")))
}

fn ways(alternatives: &mut [Alternative], hostile: &str) {
    for alternative in alternatives {
        alternative.label = Text::single("de", hostile);
        alternative.hours_text = None;
        alternative.hours = Some(Plain::new(hostile));
        alternative.target.extend(links(hostile));
        alternative.page = links(hostile).next();
    }
}

fn expect(expected: &mut Expected, hostile: &str) {
    expected.label = Some(Text::single("de", hostile));
}

fn poison(incident: &mut PublicIncident, hostile: &str) {
    let text = &Text::single("de", hostile);
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
        if let Some(Ending::Expected(expected)) = &mut update.ending {
            expect(expected, hostile);
        }
    }
    incident.expected_end.iter_mut().for_each(|expected| expect(expected, hostile));
    ways(&mut incident.alternatives, hostile);
    for overlay in incident.overlays.values_mut() {
        overlay.text = text.clone();
        ways(&mut overlay.alternatives, hostile);
    }
    for (reference, url) in incident.references.iter_mut().zip(links(hostile)) {
        reference.label = Some(text.clone());
        reference.url = url;
    }
}

fn poison_maintenance(maintenance: &mut PublicMaintenance, hostile: &str) {
    let text = Text::single("de", hostile);
    maintenance.title = text.clone();
    maintenance.text = Some(text.clone());
    maintenance.programme = maintenance.programme.as_ref().map(|_| hostile.to_owned());
    maintenance.zone = hostile.to_owned();
    ways(&mut maintenance.alternatives, hostile);
    for update in &mut maintenance.updates {
        update.body = body(&text);
    }
}

/// A snapshot and what differs in it, with one text in every field that takes a text.
pub(super) fn poisoned(mut snapshot: Snapshot, mut locals: Vec<PublicLocal>, hostile: &str) -> Snapshot {
    let text = Text::single("de", hostile);
    let catalogue = Arc::make_mut(&mut snapshot.catalogue);
    catalogue.site.title = text.clone();
    for organisation in &mut catalogue.organisations {
        organisation.name = text.clone();
    }
    for component in &mut catalogue.components {
        component.name = text.clone();
        ways(&mut component.alternatives, hostile);
    }
    for local in &mut locals {
        local.text = Some(text.clone());
        local.name = text.clone();
        ways(&mut local.alternatives, hostile);
    }
    differ(&mut snapshot, locals);
    for state in &mut snapshot.states {
        for shown in Arc::make_mut(state).affected_by.iter_mut().flat_map(|affected| &mut affected.path) {
            shown.name = text.clone();
        }
    }
    for incident in &mut snapshot.incidents {
        poison(Arc::make_mut(incident), hostile);
    }
    for maintenance in &mut snapshot.maintenances {
        poison_maintenance(Arc::make_mut(maintenance), hostile);
    }
    snapshot
}

/// The poisoned pages of both samples; of the seventy bodies that read alike only a few.
fn poisoned_pages(hostile: &str) -> Vec<(String, String)> {
    let morning = poisoned(morning(), vec![basic()], hostile);
    let crisis = poisoned(crisis(), locals(), hostile);
    [morning, crisis].iter().flat_map(pages).filter(|(name, _)| !name.contains("mitglied")).collect()
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
    let harmless = poisoned_pages("Anmeldung");
    for hostile in CORPUS {
        for ((name, page), (_, peer)) in poisoned_pages(hostile).into_iter().zip(&harmless) {
            assert_eq!(structure(&page), structure(peer), "{name}: {hostile}");
            for control in ['\u{0}', '\u{1b}', '\u{202e}'] {
                assert!(!page.contains(control), "{name}: {control:?}");
            }
        }
        let problem = html::problem("de", 400, hostile, hostile, None);
        assert_eq!(structure(&problem), structure(&html::problem("de", 400, "a", "b", None)), "{hostile}");
    }
}
