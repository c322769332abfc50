//! Logos, colours, and the start page of a large site.

use std::sync::Arc;

use sha2::Digest;
use turmwacht::model::look::{Colour, Colours, Logo, Picture, Theme};
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::status::OrganisationKind;
use turmwacht::model::text::Text;
use turmwacht::publish::html::{page_policy, problem};
use turmwacht::publish::{Document, Rendered, Target, render};

use super::hostile::CORPUS;
use super::sample::{morning, organisation};
use super::{base64, read};

const LOGO: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";

fn document(snapshot: &Snapshot, path: &str) -> Document {
    match render(snapshot, &Target { path: path.to_owned(), query: Vec::new() }) {
        Rendered::Document(document) => document,
        other => panic!("{path}: {other:?}"),
    }
}

fn page(snapshot: &Snapshot, path: &str) -> String {
    String::from_utf8(document(snapshot, path).body).expect("UTF-8")
}

fn logo(content: &str) -> Logo {
    Logo { picture: Picture::Svg, content: Arc::from(content.as_bytes()) }
}

/// The morning with a theme and a logo of Hattingen's own.
fn themed() -> Snapshot {
    let mut snapshot = morning();
    let catalogue = Arc::make_mut(&mut snapshot.catalogue);
    let links = &mut catalogue.organisations[1].links;
    let light = Colours { link: Some(Colour([0x7a, 0, 0x20])), band: Some(Colour([0x7a, 0, 0x20])), band_ink: None };
    let dark = Colours { band_ink: Some(Colour([255; 3])), ..Colours::default() };
    links.theme = Some(Theme { light, dark });
    links.logo = Some(logo(LOGO).name());
    catalogue.logos.insert(logo(LOGO).name(), logo(LOGO));
    snapshot
}

fn styles(page: &str) -> Vec<&str> {
    page.split("<style>").skip(1).filter_map(|rest| rest.split("</style>").next()).collect()
}

#[test]
fn colours_are_a_second_stylesheet_that_the_policy_knows() {
    let snapshot = themed();
    for path in ["/hattingen", "/en/hattingen"] {
        let document = document(&snapshot, path);
        let page = String::from_utf8(document.body.clone()).expect("UTF-8");
        let styles = styles(&page);
        assert_eq!(
            styles[1..],
            ["@media screen and (prefers-color-scheme:light){:root{--link:#7a0020;--band:#7a0020;}}\
              @media screen and (prefers-color-scheme:dark){:root{--band-ink:#ffffff;}}"]
        );
        for style in styles {
            let hash = format!("'sha256-{}'", base64(&sha2::Sha256::digest(style.as_bytes())));
            assert!(document.policy.contains(&hash), "{path}");
        }
    }
    // What is not Hattingen's looks as ever.
    for path in ["/", "/witten", "/search", "/incidents/2hf6k9qm"] {
        let document = document(&snapshot, path);
        assert_eq!(document.policy, page_policy(), "{path}");
        assert_eq!(styles(&String::from_utf8(document.body).expect("UTF-8")).len(), 1, "{path}");
    }
    // An empty theme is none.
    let mut plain = morning();
    Arc::make_mut(&mut plain.catalogue).site.links.theme = Some(Theme::default());
    assert_eq!(document(&plain, "/").policy, page_policy());
}

#[test]
fn the_themes_of_the_site_are_on_its_own_pages() {
    let mut snapshot = morning();
    let theme = Theme { light: Colours { link: Some(Colour([0; 3])), ..Colours::default() }, ..Theme::default() };
    Arc::make_mut(&mut snapshot.catalogue).site.links.theme = Some(theme);
    for path in ["/", "/search", "/maintenance", "/incidents/2hf6k9qm", "/maintenance/umstellung"] {
        let Rendered::Document(document) = render(&snapshot, &Target { path: path.to_owned(), query: Vec::new() })
        else {
            continue;
        };
        let page = String::from_utf8(document.body).expect("UTF-8");
        let hash = base64(&sha2::Sha256::digest(styles(&page)[1].as_bytes()));
        assert!(document.policy.contains(&hash), "{path}");
    }
}

#[test]
fn a_logo_stands_in_the_header_and_is_read_out_once() {
    let mut snapshot = themed();
    let image = format!("<img class=\"logo\" src=\"/assets/{}\" alt=", logo(LOGO).name());
    assert!(page(&snapshot, "/hattingen").contains(&format!("{image}\"Stadt Hattingen\">")));
    assert!(!page(&snapshot, "/witten").contains("<img"));
    // The site's stands beside its name.
    let catalogue = Arc::make_mut(&mut snapshot.catalogue);
    catalogue.site.links.logo = Some(logo(LOGO).name());
    for body in &mut catalogue.organisations {
        body.links.logo = Some(logo(LOGO).name());
    }
    for path in ["/", "/witten", "/search"] {
        assert!(page(&snapshot, path).contains(&format!("{image}\"\">")), "{path}");
    }
    // One that an older store names by a path is no picture.
    Arc::make_mut(&mut snapshot.catalogue).site.links.logo = Some("/etc/turmwacht/logo.svg".to_owned());
    let start = page(&snapshot, "/");
    assert!(!start.contains("<img") && !start.contains("/etc/"));
}

#[test]
fn a_hostile_name_stays_in_its_attribute() {
    for hostile in CORPUS {
        let mut snapshot = themed();
        Arc::make_mut(&mut snapshot.catalogue).organisations[1].name = Text::single("de", hostile);
        let page = page(&snapshot, "/hattingen");
        let (_, rest) = page.split_once("<img class=\"logo\" src=\"").expect("a logo");
        let attributes: Vec<&str> = rest.split('>').next().expect("its end").split('"').collect();
        assert_eq!((attributes.len(), attributes[1]), (4, " alt="), "{hostile}");
    }
}

#[test]
fn a_logo_is_sent_so_that_it_can_do_nothing() {
    let mut snapshot = themed();
    let path = format!("/assets/{}", logo(LOGO).name());
    let found = document(&snapshot, &path);
    assert_eq!(found.body, LOGO.as_bytes());
    assert_eq!(found.content_type, "image/svg+xml; charset=utf-8");
    assert_eq!(found.policy, "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    assert_eq!(found.cache_control, "public, max-age=31536000, immutable");
    let png = Logo { picture: Picture::Png, content: Arc::from(&b"\x89PNG"[..]) };
    let path = format!("/assets/{}", png.name());
    Arc::make_mut(&mut snapshot.catalogue).logos.insert(png.name(), png);
    assert_eq!(document(&snapshot, &path).content_type, "image/png");
    for path in ["/assets/logo.svg", "/assets/logo-0000000000000000.svg", "/assets/..", "/assets/", "/assets"] {
        let answer = render(&snapshot, &Target { path: path.to_owned(), query: Vec::new() });
        assert_eq!(answer, Rendered::NotFound, "{path}");
    }
}

/// The morning with so many further towns.
fn with_towns(count: usize) -> Snapshot {
    let mut snapshot = morning();
    let catalogue = Arc::make_mut(&mut snapshot.catalogue);
    for number in 0..count {
        let key = format!("05954{number:07}");
        let name = format!("Ort {number}");
        let town = organisation(&format!("ort-{number}"), OrganisationKind::Municipality, &name, Some(&key));
        catalogue.organisations.push(town);
    }
    snapshot
}

#[test]
fn the_start_page_of_a_large_site_leads_by_county_and_search() {
    let small = page(&with_towns(296), "/");
    assert!(small.contains("href=\"/ort-295\"") && !small.contains("über die Suche"));
    let large = with_towns(297);
    let start = page(&large, "/");
    // The first of them has the key of a town that is its own county.
    assert!(start.contains("href=\"/ennepe-ruhr-kreis\"") && start.contains("href=\"/ort-0\""));
    let (_, directory) = start.split_once("id=\"s_bodies\"").expect("the directory");
    assert!(!directory.contains("href=\"/ort-1\"") && !directory.contains("href=\"/hattingen\""));
    let text = read(&start);
    for sentence in [
        "Hier stehen die Länder, Kreise und kreisfreien Städte. Alle 301 Organisationen finden Sie über die Suche.",
        "Kreisfreie Städte",
        "Wonach suchen Sie?",
        "Einschränkungen gibt es bei 4 von 11 Angeboten.",
    ] {
        assert!(text.contains(sentence), "{sentence}\n{text}");
    }
    assert!(read(&page(&large, "/en/")).contains("The search finds all 301 organisations."));
}

#[test]
fn an_error_page_links_what_every_page_must_link() {
    let snapshot = morning();
    let page = problem("de", 404, "Seite nicht gefunden", "…", Some(&snapshot.catalogue.site.links));
    for (name, address) in
        [("Impressum", "impressum"), ("Datenschutz", "datenschutz"), ("Barrierefreiheit", "barrierefreiheit")]
    {
        assert!(page.contains(&format!("<a href=\"https://www.example.org/{address}\">{name}</a>")), "{name}");
    }
    assert!(page.contains("<a href=\"mailto:it@example.org\">Kontakt</a>"));
}
