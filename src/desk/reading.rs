//! A page of ours as text: what citizens read of it, line by line, without its looks. The desk shows
//! it before anything is published; nothing of the page gets into the desk but characters.

/// Elements that begin a line.
const BLOCKS: [&str; 16] =
    ["h1", "h2", "h3", "h4", "p", "li", "dt", "dd", "summary", "caption", "th", "td", "div", "section", "ul", "dl"];

/// Elements that nobody reads.
const SILENT: [&str; 5] = ["nav", "script", "style", "svg", "template"];

/// Sections that a change does not change: the past, and figures.
const LOOKING_BACK: [&str; 3] = ["\"s_days\"", "\"s_figures\"", "\"s_about\""];

/// How the section of a component's other ways begins.
const WAYS: &str = "<section aria-labelledby=\"s_ways\"";

/// Most lines that are shown.
const LINES_MAX: usize = 400;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A heading.
    Heading,
    /// An item of a list.
    Item,
    /// The name of a fact.
    Term,
    /// Anything else.
    Plain,
}

/// One line of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// What it is.
    pub(super) kind: Kind,
    /// What it says.
    pub(super) text: String,
}

/// A component's page in two: how it stands and how it goes all the same, and all the rest, which no word
/// on the component changes.
pub(super) fn parted(page: &str) -> (&str, &str) {
    let begins = |(at, _): &(usize, &str)| !page.get(*at..).is_some_and(|rest| rest.starts_with(WAYS));
    let rest = page.match_indices("<section").find(begins).map_or(page.len(), |(at, _)| at);
    page.split_at_checked(rest).unwrap_or((page, ""))
}

/// The lines of the main part of a page; of a piece of a page all of them.
pub(super) fn lines(page: &str) -> Vec<Line> {
    let main = page.split_once("<main").and_then(|(_, rest)| rest.split_once('>')).map_or(page, |(_, rest)| rest);
    let main = main.split_once("</main>").map_or(main, |(main, _)| main);
    let mut reader = Reader::default();
    let mut rest = main;
    while let Some((text, tagged)) = rest.split_once('<') {
        reader.say(text);
        let Some((tag, after)) = tagged.split_once('>') else { return reader.end() };
        rest = after;
        let is_end = tag.starts_with('/');
        let name: String =
            tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
        let is_silent = SILENT.contains(&name.as_str())
            || name == "section" && LOOKING_BACK.iter().any(|section| tag.contains(section));
        if is_silent && !is_end {
            rest = after.split_once(&format!("</{name}>")).map_or("", |(_, rest)| rest);
        } else if BLOCKS.contains(&name.as_str()) {
            reader.turn(if is_end { Kind::Plain } else { kind(&name) });
        } else if name == "br" {
            reader.turn(Kind::Plain);
        } else if name == "a" {
            reader.link(tag, is_end);
        } else if matches!(&*name, "span" | "small") && !is_end {
            reader.apart = true;
        }
    }
    reader.say(rest);
    reader.end()
}

fn kind(name: &str) -> Kind {
    match name {
        "h1" | "h2" | "h3" | "h4" => Kind::Heading,
        "li" => Kind::Item,
        "dt" => Kind::Term,
        _ => Kind::Plain,
    }
}

#[derive(Default)]
struct Reader {
    lines: Vec<Line>,
    kind: Option<Kind>,
    text: String,
    href: Option<String>,
    /// Whether a part of its own begins here.
    apart: bool,
}

impl Reader {
    fn say(&mut self, text: &str) {
        // What stands apart on the page stands apart here, too.
        if self.apart && self.text.ends_with(char::is_alphanumeric) && text.starts_with(char::is_alphanumeric) {
            self.text.push(' ');
        }
        self.apart &= text.is_empty();
        self.text.push_str(text);
    }

    /// Ends the line; what comes next is of this kind. A paragraph in an item is still the item.
    fn turn(&mut self, next: Kind) {
        let text = decoded(&std::mem::take(&mut self.text));
        let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let kind = self.kind.unwrap_or(Kind::Plain);
        let mut said = false;
        for text in words.filter(|text| !text.is_empty()) {
            said = true;
            if self.lines.len() < LINES_MAX {
                self.lines.push(Line { kind, text });
            }
        }
        let stays = !said && matches!(kind, Kind::Item | Kind::Term) && next == Kind::Plain;
        if !stays {
            self.kind = Some(next);
        }
    }

    /// Where a link leads stands beside it: somebody may want to check it.
    fn link(&mut self, tag: &str, is_end: bool) {
        if is_end {
            if let Some(href) = self.href.take() {
                self.text.push_str(&format!(" ({href})"));
            }
            return;
        }
        let href =
            tag.split_once("href=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(href, _)| href.to_owned());
        self.href = href.filter(|href| ["https:", "http:", "mailto:"].iter().any(|scheme| href.starts_with(scheme)));
    }

    fn end(mut self) -> Vec<Line> {
        self.turn(Kind::Plain);
        self.lines
    }
}

fn decoded(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_line_by_line() {
        let page = "<html><body><header>weg</header><main id=\"m\"><nav>weg</nav><h1>Störung &amp; <b>mehr</b></h1>\
                    <svg><use/></svg><p>Eins\nzwei<br>drei</p><ul><li><p>Telefon</p><a href=\"tel:+49\">0 23</a></li></ul>\
                    <section aria-labelledby=\"s_days\"><h2 id=\"s_days\">weg</h2></section><dl><dt>Seit</dt><dd>heute<span>, <span>früh</span></span> <span>a</span><span>b</span><small>c</small></dd></dl><a href=\"https://a.example/?a&amp;b\">mehr</a>&amp;lt;\
                    </main><footer>weg</footer>";
        let read: Vec<_> = lines(page).into_iter().map(|line| (line.kind, line.text)).collect();
        let expected = [
            (Kind::Heading, "Störung & mehr"),
            (Kind::Plain, "Eins"),
            (Kind::Plain, "zwei"),
            (Kind::Plain, "drei"),
            (Kind::Item, "Telefon"),
            (Kind::Plain, "0 23"),
            (Kind::Term, "Seit"),
            (Kind::Plain, "heute, früh a b c"),
            (Kind::Plain, "mehr (https://a.example/?a&b)&lt;"),
        ];
        assert_eq!(read, expected.map(|(kind, text)| (kind, text.to_owned())));
    }

    #[test]
    fn of_a_component_it_comes_first_how_it_stands() {
        let ways = "<section aria-labelledby=\"s_ways\"><h2>So geht es</h2></section>";
        let page = |ways: &str| format!("<main><h1>Portal</h1>{ways}<section id=\"a\">Mehr</section></main>");
        let first = |page: &str| lines(parted(page).0).len();
        let rest = |page: &str| lines(parted(page).1).into_iter().map(|line| line.text).collect::<Vec<_>>();
        assert_eq!((first(&page("")), rest(&page(""))), (1, vec!["Mehr".to_owned()]));
        assert_eq!((first(&page(ways)), rest(&page(ways))), (2, vec!["Mehr".to_owned()]));
        assert_eq!(parted("<main>ä"), ("<main>ä", ""));
    }

    #[test]
    fn what_is_no_page_is_read_without_end() {
        for broken in ["<main", "<main><p", "<svg>", "a<b>c</svg>d", "</li><nav>", "&", "<a href=\"https:"] {
            assert!(lines(broken).len() <= 3, "{broken}");
        }
        assert_eq!(lines(&"<p>a</p>".repeat(1_000)).len(), LINES_MAX);
    }
}
