//! What every page has: its head, its header, its footer, its language, and how texts, names and
//! paths are written in it.

use std::sync::Arc;

use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

use crate::model::alternative::Link;
use crate::model::catalogue::SiteLinks;
use crate::model::id::{ComponentId, OrganisationId};
use crate::model::incident::Body;
use crate::model::local::{Town, View};
use crate::model::snapshot::{HealthWord, PublicComponent, PublicOrganisation, Shown, Snapshot};
use crate::model::text::{Plain, Text};
use crate::publish::archive::Archive;
use crate::publish::html::status::symbol;
use crate::publish::html::{ICON, STYLE, SYMBOLS, live_script_path, theme, time};
use crate::publish::logo;
use crate::publish::wording::{self, Words};

/// Easy language: texts that people wrote, never generated.
const EASY: &str = "de-x-leicht";

/// Where planned work stands.
pub(super) const PLANNED_PATH: &str = "/maintenance";

/// Where the interface is described.
pub(super) const DOCS_PATH: &str = "/docs";

/// Where questions are answered.
pub(super) const SEARCH_PATH: &str = "/search";

/// The feeds that stand in a folder: file, media type and name.
const FEEDS: [(&str, &str, &str); 3] = [
    ("/feed.atom", "application/atom+xml", "Atom"),
    ("/feed.rss", "application/rss+xml", "RSS"),
    ("/feed.json", "application/feed+json", "JSON Feed"),
];

/// Most names that stand in a line; more of them fold up behind their number.
const NAMES_MAX: usize = 8;

/// Most names behind a number.
const FOLDED_MAX: usize = 500;

/// A page to be written.
pub(super) struct Page<'a> {
    /// What is shown.
    pub(super) snapshot: &'a Snapshot,
    /// The language of its texts.
    pub(super) language: &'a str,
    /// The language of its words.
    pub(super) words: Words,
    /// Its time zone.
    pub(super) zone: TimeZone,
    /// The organisation whose page it is, with its index.
    pub(super) organisation: Option<(u32, &'a PublicOrganisation)>,
    /// Its eyes on the components.
    pub(super) town: Town<'a>,
    /// What knows of long ago.
    pub(super) archive: &'a dyn Archive,
}

/// What differs from page to page outside its main part.
pub(super) struct Frame<'a> {
    /// Its name, for the title.
    pub(super) title: Markup,
    /// One sentence about it.
    pub(super) description: Markup,
    /// Its path in the default language, with its query if it has one.
    pub(super) path: &'a str,
    /// The pages above it: path and name, the nearest last. None of the start page.
    pub(super) above: &'a [(String, Markup)],
    /// The path below which its feeds stand.
    pub(super) folder: &'a str,
    /// The path of the same as JSON.
    pub(super) json: &'a str,
    /// Whether a text of it exists in easy language.
    pub(super) easy: bool,
    /// Its imprint and so on.
    pub(super) links: &'a SiteLinks,
}

impl<'a> Page<'a> {
    /// A page of the site, or of the organisation with this index.
    pub(super) fn new(
        snapshot: &'a Snapshot,
        archive: &'a dyn Archive,
        language: &'a str,
        organisation: Option<u32>,
    ) -> Self {
        let organisation =
            organisation.and_then(|index| Some((index, snapshot.catalogue.organisations.get(index as usize)?)));
        let zone = organisation.map_or(&snapshot.catalogue.site.timezone, |(_, organisation)| &organisation.timezone);
        let town = Town::new(snapshot, organisation.map(|(index, _)| index));
        Self { snapshot, language, words: Words::of(language), zone: time::zone(zone), organisation, town, archive }
    }

    /// A component, by its index, as this page shows it.
    pub(super) fn view(&self, component: u32) -> Option<View<'a>> {
        match self.organisation {
            Some(_) => self.town.view(component),
            None => self.snapshot.view(component, None),
        }
    }

    /// The id of the organisation whose page it is.
    pub(super) fn organisation_id(&self) -> Option<&'a OrganisationId> {
        self.organisation.map(|(_, organisation)| &organisation.id)
    }

    /// Picks the German or the English form.
    pub(super) const fn say(&self, german: &'static str, english: &'static str) -> &'static str {
        self.words.pick(german, english)
    }

    /// A path in this page's language.
    pub(super) fn path(&self, path: &str) -> String {
        self.path_in(self.language, path)
    }

    fn path_in(&self, language: &str, path: &str) -> String {
        // The description of the interface is one for all languages.
        let is_one = language == self.site_language() || path == "/openapi.json";
        if is_one { path.to_owned() } else { format!("/{language}{path}") }
    }

    /// The language of the words on this page: German stands in where we have no words.
    pub(super) fn words_language(&self) -> &'a str {
        match self.words {
            Words::German if !self.language.starts_with("de") => "de",
            Words::German | Words::English => self.language,
        }
    }

    fn site_language(&self) -> &str {
        self.snapshot.catalogue.site.language()
    }

    /// A text as characters, for places that cannot hold elements.
    pub(super) fn plain(&self, text: &Text) -> Plain {
        text.get(self.language, self.site_language())
    }

    /// A text, marked with its language where that is not the page's.
    pub(super) fn text(&self, text: &Text) -> Markup {
        let plain = self.plain(text);
        let spoken = if text.has(self.language) {
            Some(self.language)
        } else if text.has(self.site_language()) {
            Some(self.site_language())
        } else {
            text.iter().next().map(|(language, _)| &**language)
        };
        match spoken.filter(|spoken| *spoken != self.words_language()) {
            Some(spoken) => html! { span lang=(spoken) dir="auto" { (plain) } },
            None => plain.render(),
        }
    }

    /// A title or text of an incident.
    pub(super) fn body(&self, body: &Body) -> Markup {
        match body {
            Body::Written(text) => self.text(text),
            Body::Automatic(_) => self.body_plain(body).render(),
        }
    }

    /// A title or text of an incident as characters.
    pub(super) fn body_plain(&self, body: &Body) -> Plain {
        wording::body(body, self.language, self.site_language())
    }

    /// A component with its index, by id.
    pub(super) fn component(&self, id: &ComponentId) -> Option<(u32, &'a PublicComponent)> {
        let index = *self.snapshot.catalogue.component_index.get(id)?;
        Some((index, self.snapshot.catalogue.components.get(index as usize)?))
    }

    /// The page of a component: as this organisation shows it, if it does, else as its owner does.
    pub(super) fn place(&self, id: &ComponentId) -> Option<String> {
        let (index, component) = self.component(id)?;
        let owner = || self.snapshot.catalogue.organisations.get(component.owner as usize);
        let here = self.organisation.map(|(_, organisation)| organisation);
        let there = here.filter(|organisation| organisation.shows.contains(&index)).or_else(owner)?;
        Some(self.path(&format!("/{}/{id}", there.id)))
    }

    /// The name of a component, linked to where it is shown.
    pub(super) fn shown(&self, shown: &Shown) -> Markup {
        match shown.id.as_ref().and_then(|id| self.place(id)) {
            Some(place) => html! { a href=(place) { (self.text(&shown.name)) } },
            None => self.text(&shown.name),
        }
    }

    /// The name of a component by id, linked to where it is shown; nothing if it is gone.
    pub(super) fn named(&self, id: &ComponentId) -> Option<Markup> {
        let (_, component) = self.component(id)?;
        Some(html! { a href=[self.place(id)] { (self.text(&component.name)) } })
    }

    /// The name of an organisation, linked to its page.
    pub(super) fn organisation_link(&self, index: u32) -> Option<Markup> {
        let organisation = self.snapshot.catalogue.organisations.get(index as usize)?;
        Some(html! { a href=(self.path(&format!("/{}", organisation.id))) { (self.text(&organisation.name)) } })
    }

    /// The organisations on whose pages any of these components stands, in order of declaration.
    pub(super) fn reached<'b>(&self, components: impl IntoIterator<Item = &'b ComponentId>) -> Vec<u32> {
        let known = components.into_iter().filter_map(|id| self.component(id));
        self.snapshot.catalogue.pages_of(known.map(|(index, _)| index))
    }

    /// A line of names.
    pub(super) fn names(&self, names: impl IntoIterator<Item = Markup>) -> Markup {
        html! { ul.names { @for name in names { li { (name) } } } }
    }

    /// Names that are many: a line of them if they are few, else folded up behind their number
    /// and the noun that goes with it.
    pub(super) fn folded(&self, names: &[Markup], noun: &str) -> Markup {
        let more = names.len().saturating_sub(FOLDED_MAX);
        html! {
            @if names.len() <= NAMES_MAX {
                (self.names(names.iter().cloned()))
            } @else {
                details.fold {
                    summary { (names.len()) " " (noun) }
                    ul.columns {
                        @for name in names.iter().take(FOLDED_MAX) { li { (name) } }
                        @if more > 0 { li { (self.say("und ", "and ")) (more) (self.say(" weitere", " more")) } }
                    }
                }
            }
        }
    }

    /// The organisations of a notice, linked to their pages, in the order in which people look
    /// for them: by id, which is the name without "Stadt" and umlauts.
    pub(super) fn organisations(&self, organisations: impl IntoIterator<Item = u32>) -> Markup {
        let all = &self.snapshot.catalogue.organisations;
        let mut sorted: Vec<_> =
            organisations.into_iter().filter_map(|index| Some((&all.get(index as usize)?.id, index))).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let names: Vec<Markup> = sorted.iter().filter_map(|(_, index)| self.organisation_link(*index)).collect();
        self.folded(&names, self.say("Organisationen", "organisations"))
    }

    /// The whole document.
    pub(super) fn document(&self, frame: &Frame<'_>, main: &Markup) -> String {
        let site = &self.snapshot.catalogue.site;
        let title = self.plain(&site.title);
        let is_start = frame.path == "/";
        // What was found is no page that a search engine should find.
        let is_search = frame.path.split('?').next() == Some(SEARCH_PATH);
        html! {
            (DOCTYPE)
            html lang=(self.words_language()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    @if is_search { meta name="robots" content="noindex"; }
                    title {
                        (frame.title)
                        @for (_, name) in frame.above.iter().rev() { " – " (name) }
                        @if !is_start { " – " (title) }
                    }
                    meta name="description" content=(frame.description);
                    link rel="canonical" href={ (site.public_url) (self.path(frame.path)) };
                    @for language in self.languages(frame.easy) {
                        link rel="alternate" hreflang=(language)
                            href={ (site.public_url) (self.path_in(language, frame.path)) };
                    }
                    @for (file, kind, name) in FEEDS {
                        link rel="alternate" type=(kind) href=(self.path(&format!("{}{file}", frame.folder)))
                            title={ (self.say("Meldungen als ", "Notices as ")) (name) };
                    }
                    link rel="alternate" type="text/calendar" href=(self.path(&self.calendar()))
                        title=(self.say("Geplante Arbeiten als Kalender", "Planned work as a calendar"));
                    link rel="alternate" type="application/json" href=(self.path(frame.json)) title="JSON";
                    link rel="icon" href=(ICON);
                    style { (PreEscaped(STYLE)) }
                    @if let Some(chosen) = theme::style(frame.links.theme.as_ref()) { style { (PreEscaped(chosen)) } }
                    // The interface is not described anew while somebody reads.
                    @if frame.path != DOCS_PATH { (self.live_script()) }
                }
                body {
                    (PreEscaped(SYMBOLS))
                    a.skip href="#s_main" { (self.say("Zum Inhalt springen", "Skip to the content")) }
                    (self.header(frame, &title))
                    main id="s_main" tabindex="-1" {
                        (self.crumbs(frame))
                        (main)
                    }
                    (self.footer(frame))
                }
            }
        }
        .into_string()
    }

    /// The script that keeps the page up to date, with what it must know. A file that is exported
    /// says nothing that changes while its content does not.
    fn live_script(&self) -> Markup {
        let snapshot = self.snapshot;
        let is_live = snapshot.exported.is_none();
        html! {
            script src=(live_script_path()) defer data-live data-organisation=[self.organisation_id()]
                data-position=[is_live.then_some(snapshot.position)]
                data-until=[is_live.then_some(snapshot.valid_until)] {}
        }
    }

    fn header(&self, frame: &Frame<'_>, title: &Plain) -> Markup {
        let others: Vec<_> = self.languages(frame.easy).filter(|language| ***language != *self.language).collect();
        html! {
            header.band {
                div.band-in {
                    a.home href=(self.path("/")) { (self.logo(frame.links)) (title) }
                    div.ways-in {
                        nav aria-label=(self.say("Seiten", "Pages")) {
                            ul.tongues {
                                @for (path, name) in self.main_pages() {
                                    li {
                                        @let here = (frame.path == path).then_some("page");
                                        a href=(self.path(&path)) aria-current=[here] { (name) }
                                    }
                                }
                            }
                        }
                        @if !others.is_empty() {
                            nav aria-label=(self.say("Sprache", "Language")) {
                                ul.tongues {
                                    @for language in others {
                                        li {
                                            a href=(self.path_in(language, frame.path)) hreflang=(language) lang=(language) {
                                                (wording::language_name(language))
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The logo of the body whose page it is, or our tower. The name of the site stands beside it
    /// and need not be read out twice.
    fn logo(&self, links: &SiteLinks) -> Markup {
        let Some(path) = links.logo.as_ref().and_then(|name| logo::path(self.snapshot, name)) else {
            return symbol("tower");
        };
        let own = self.organisation.filter(|_| links.logo != self.snapshot.catalogue.site.links.logo);
        let name = own.map(|(_, organisation)| self.plain(&organisation.name)).unwrap_or_default();
        html! { img.logo src=(path) alt=(name); }
    }

    fn footer(&self, frame: &Frame<'_>) -> Markup {
        let at = self.snapshot.exported.unwrap_or(self.snapshot.at);
        let until = self.snapshot.exported.is_none().then_some(self.snapshot.valid_until);
        html! {
            footer.foot {
                div.foot-in {
                    p {
                        (self.say("Stand: ", "As of: ")) (self.moment(at))
                        @if let Some(until) = until {
                            (self.say(", gültig bis ", ", valid until ")) (self.clock_or_moment(until, at))
                        }
                        ". "
                        span.soft {
                            @if until.is_some() {
                                (self.say("Danach bitte die Seite neu laden. ", "Please reload the page after that. "))
                            }
                            (self.say("Alle Zeiten in Ortszeit.", "All times are local."))
                        }
                    }
                    ul.machine {
                        li {
                            (self.say("Meldungen abonnieren: ", "Subscribe to notices: "))
                            @for (place, (file, _, name)) in FEEDS.into_iter().enumerate() {
                                @if place > 0 { ", " }
                                a href=(self.path(&format!("{}{file}", frame.folder))) { (name) }
                            }
                        }
                        li { a href=(self.path(&self.calendar())) { (self.say("Geplante Arbeiten als Kalender", "Planned work as a calendar")) } }
                        li { a href=(self.path(frame.json)) { (self.say("Diese Seite als Daten (JSON)", "This page as data (JSON)")) } }
                        li { a href=(self.path(DOCS_PATH)) { (self.say("Schnittstelle", "Interface")) } }
                    }
                    (legal(self.words, frame.links))
                }
            }
        }
    }

    /// The pages that every page leads to.
    fn main_pages(&self) -> Vec<(String, &'static str)> {
        let mut pages = vec![
            ("/".to_owned(), self.say("Übersicht", "Overview")),
            (PLANNED_PATH.to_owned(), self.say("Geplante Arbeiten", "Planned work")),
        ];
        if let Some((_, organisation)) = self.organisation {
            pages.push((format!("/{}/history", organisation.id), self.say("Rückblick", "History")));
        }
        pages
    }

    /// The calendar of what is planned here.
    fn calendar(&self) -> String {
        self.organisation.map_or_else(
            || "/calendar.ics".to_owned(),
            |(_, organisation)| format!("/{}/calendar.ics", organisation.id),
        )
    }

    /// The way from the start page to this one.
    fn crumbs(&self, frame: &Frame<'_>) -> Markup {
        html! {
            @if frame.path != "/" {
                nav.crumbs aria-label=(self.say("Sie sind hier", "You are here")) {
                    ol {
                        li { a href=(self.path("/")) { (self.say("Übersicht", "Overview")) } }
                        @for (path, name) in frame.above { li { a href=(self.path(path)) { (name) } } }
                        li { span aria-current="page" { (frame.title) } }
                    }
                }
            }
        }
    }

    /// How old the page is, where it is read first.
    pub(super) fn as_of(&self) -> Markup {
        html! { p.as-of { (self.say("Stand: ", "As of ")) (self.moment(self.snapshot.exported.unwrap_or(self.snapshot.at))) } }
    }

    /// The languages in which this page exists.
    fn languages(&self, easy: bool) -> impl Iterator<Item = &'a Arc<str>> {
        self.snapshot.catalogue.site.languages.iter().filter(move |language| easy || &***language != EASY)
    }

    /// A word about our own health, where readers should know that it is not well.
    pub(super) fn health(&self) -> Markup {
        html! { @if let Some(warning) = self.warning() { p.warning { (warning) } } }
    }

    /// The sentence of that word.
    pub(super) fn warning(&self) -> Option<&'static str> {
        let concerns_readers = self.snapshot.health.iter().any(|word| match word {
            HealthWord::Storage | HealthWord::Blind | HealthWord::Clock => true,
            HealthWord::ConfigStale => false,
        });
        concerns_readers.then(|| {
            self.say(
                "Unsere eigene Überwachung ist zurzeit gestört; Angaben können veraltet sein.",
                "Our own monitoring is disturbed at present; statements may be out of date.",
            )
        })
    }
}

/// What every page must link: who answers for it, and how to reach them.
pub(super) fn legal(words: Words, links: &SiteLinks) -> Markup {
    let legal: [(&Option<Link>, &str); 4] = [
        (&links.imprint, words.pick("Impressum", "Imprint")),
        (&links.privacy, words.pick("Datenschutz", "Privacy")),
        (&links.accessibility, words.pick("Barrierefreiheit", "Accessibility")),
        (&links.contact, words.pick("Kontakt", "Contact")),
    ];
    html! {
        @if has_legal(links) {
            nav aria-label=(words.pick("Rechtliches und Kontakt", "Legal information and contact")) {
                ul {
                    @for (link, name) in legal {
                        @if let Some(link) = link { li { a href=(link) { (name) } } }
                    }
                }
            }
        }
    }
}

/// Whether any of what every page must link is known.
pub(super) const fn has_legal(links: &SiteLinks) -> bool {
    links.imprint.is_some() || links.privacy.is_some() || links.accessibility.is_some() || links.contact.is_some()
}

/// Whether any of these texts stands in easy language.
pub(super) fn has_easy<'b>(texts: impl IntoIterator<Item = &'b Text>) -> bool {
    texts.into_iter().any(|text| text.has(EASY))
}
