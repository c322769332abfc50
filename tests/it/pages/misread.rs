//! What readers would misread: things that are available again, figures of a few minutes, words that
//! hold for a part only, empty places.

use std::sync::Arc;
use std::time::Duration;

use turmwacht::model::availability::Intervals;
use turmwacht::model::catalogue::SiteLinks;
use turmwacht::model::id::ComponentId;
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::status::{Evidence, Status};
use turmwacht::publish::archive::Nothing;
use turmwacht::publish::html;
use turmwacht::publish::{Rendered, Target, render};

use crate::pages::read;
use crate::pages::sample::{at, link, morning, quiet, state};

fn town(snapshot: &Snapshot, language: &str) -> String {
    let (index, _) = snapshot.organisation("hattingen").expect("in the sample");
    html::organisation(snapshot, index, language)
}

#[track_caller]
fn has(text: &str, wanted: &[&str], unwanted: &[&str]) {
    for one in wanted {
        assert!(text.contains(one), "lacks: {one}\n\n{text}");
    }
    for one in unwanted {
        assert!(!text.contains(one), "says: {one}\n\n{text}");
    }
}

#[test]
fn what_an_incident_names_and_is_available_by_now_was_affected() {
    let mut snapshot = morning();
    has(&read(&town(&snapshot, "de")), &["Nicht betroffen"], &["(zurzeit"]);
    let id = ComponentId::new("homepage-hattingen");
    let name = snapshot.catalogue.components[snapshot.catalogue.component_index[&id] as usize].name.clone();
    let open = snapshot.incidents.iter_mut().find(|incident| incident.is_open()).expect("an open one");
    Arc::make_mut(open).components.push((id, name, Status::MajorOutage));
    has(&read(&town(&snapshot, "de")), &["(zurzeit verfügbar)"], &["Nicht betroffen"]);
    has(&read(&town(&snapshot, "en")), &["(available at present)"], &["Not affected"]);
}

#[test]
fn a_figure_of_a_few_minutes_says_what_it_rests_on() {
    let mut snapshot = quiet();
    has(&read(&town(&snapshot, "de")), &["100,00 % in 30 Tagen"], &["in 30 Tagen, gemessen"]);
    let mut intervals = Intervals::default();
    intervals.begin(snapshot.at.minus(Duration::from_secs(900)), Status::PartialOutage, Evidence::Own);
    intervals.begin(snapshot.at.minus(Duration::from_secs(300)), Status::Operational, Evidence::Own);
    let mut states = snapshot.states.to_vec();
    let mut short = (*states[0]).clone();
    short.intervals = Arc::new(intervals);
    states[0] = Arc::new(short);
    snapshot.states = states;
    let page = town(&snapshot, "de");
    has(
        &read(&page),
        &["100,00 % in 30 Tagen, gemessen: 15 Minuten", "In den Prozenten zählt nur, was ganz ausgefallen ist."],
        &[],
    );
    // The page's script knows what a reader opened by its id, whatever the figures say.
    has(&page, &["<details id=\"a_homepage-hattingen\">"], &[]);
}

#[test]
fn where_nothing_is_left_no_page_speaks_of_a_part() {
    let mut snapshot = morning();
    let mut states = snapshot.states.to_vec();
    for (place, one) in states.iter_mut().enumerate() {
        let status = if place == 0 { Status::MajorOutage } else { Status::PartialOutage };
        *one = Arc::new(state(status, Evidence::Own, "2023-10-30T06:04:00Z"));
    }
    snapshot.states = states;
    let (text, english) = (read(&town(&snapshot, "de")), read(&town(&snapshot, "en")));
    has(&text, &["Alle Angebote sind gestört oder eingeschränkt.", "Betroffen sind alle "], &["Ein Teil der Angebote"]);
    has(&english, &["All services are disrupted or limited.", " services are affected."], &["Some services"]);
    let start = read(&html::overview(&snapshot, "de"));
    has(&start, &["Einschränkungen gibt es bei allen 3 Organisationen."], &[]);
}

#[test]
fn without_legal_links_no_empty_place_is_left_for_them() {
    let none = SiteLinks::default();
    let some = SiteLinks { imprint: Some(link("https://www.example.org/impressum")), ..SiteLinks::default() };
    let page = |links| html::problem("de", 404, "Seite nicht gefunden", "…", Some(links));
    has(&page(&some), &["<footer", "Impressum"], &[]);
    has(&page(&none), &["Seite nicht gefunden"], &["<footer", "<nav"]);
    let mut snapshot = morning();
    let catalogue = Arc::make_mut(&mut snapshot.catalogue);
    for (links, wanted) in [(some, true), (none, false)] {
        for body in &mut catalogue.organisations {
            body.links = links.clone();
        }
        let embed = html::embed(&Snapshot { catalogue: Arc::new(catalogue.clone()), ..morning() }, 1, None, "de");
        assert_eq!(embed.expect("an embed").contains("<nav"), wanted);
    }
}

#[test]
fn a_search_leads_back_to_the_search() {
    let snapshot = morning();
    let target = Target { path: "/search".to_owned(), query: vec![("q".to_owned(), "standesamt".to_owned())] };
    let Rendered::Document(document) = render(&snapshot, &target) else { panic!("a page") };
    let page = String::from_utf8(document.body).expect("UTF-8");
    has(
        &page,
        &[
            "<title>standesamt – Suche – ",
            "<li><a href=\"/search\">Suche</a></li><li><span aria-current=\"page\">standesamt</span></li>",
        ],
        &[],
    );
}

#[test]
fn a_month_says_what_its_gaps_are_and_where_a_notice_went() {
    let mut snapshot = morning();
    let (index, _) = snapshot.organisation("hattingen").expect("in the sample");
    let gaps = "Von Tagen ohne Balken gibt es keine Angaben.";
    // Records begin on 12 August.
    let page = read(&html::history(&snapshot, &Nothing, index, None, "de"));
    assert_eq!(page.matches(gaps).count(), 1, "{page}");
    assert!(page.find(gaps) > page.find("August 2023"), "{page}");
    has(&page, &[], &["Fortgeführt in"]);
    let first = snapshot.incidents[0].id.clone();
    let mut second = (*snapshot.incidents[0]).clone();
    second.id = snapshot.incidents[1].id.clone();
    second.merged_into = Some(first);
    second.resolved_at = Some(at("2023-10-30T06:30:00Z"));
    snapshot.incidents = vec![snapshot.incidents[0].clone(), Arc::new(second)];
    let page = read(&html::history(&snapshot, &Nothing, index, None, "de"));
    has(&page, &["Fortgeführt in: "], &[]);
}
