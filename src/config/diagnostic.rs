//! Faults with their places: collected while reading, rendered like rustc's.
//!
//! What is a fault is decided by the readers beside this file; here it only gets its shape. A
//! report owns the lines it shows, with credentials blotted out, so it outlives the reading.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

/// Most faults that a report lists; the rest is only counted. Nobody reads further.
pub const FAULTS_MAX: usize = 1_000;

/// Longest excerpt in bytes; a longer line is named by line and column only.
const EXCERPT_BYTES_MAX: usize = 4 * 1024;

/// Longest foreign word repeated in a message, in characters.
const QUOTE_CHARS_MAX: usize = 80;

/// A place in one of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) file: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Spot {
    pub(super) fn new(file: u32, span: Range<usize>) -> Self {
        let short = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { file, start: short(span.start), end: short(span.end.max(span.start)) }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) spot: Spot,
}

impl<T> At<T> {
    pub(super) const fn new(value: T, spot: Spot) -> Self {
        Self { value, spot }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The files are refused.
    Error,
    /// The files are accepted.
    Warning,
}

/// One fault: what is wrong, where, what it collides with, what to do.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    severity: Severity,
    title: String,
    labels: Vec<(Spot, String)>,
    file: Option<u32>,
    help: Vec<String>,
}

impl Fault {
    pub(super) fn error(title: impl Into<String>) -> Self {
        Self { severity: Severity::Error, title: title.into(), labels: Vec::new(), file: None, help: Vec::new() }
    }

    pub(super) fn warning(title: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(title) }
    }

    /// Adds a place: the first one is where the fault is, later ones are what it collides with.
    pub(super) fn at(mut self, spot: Spot, label: impl Into<String>) -> Self {
        self.labels.push((spot, label.into()));
        self
    }

    /// Names a file as a whole, where no line can be shown.
    pub(super) const fn in_file(mut self, file: u32) -> Self {
        self.file = Some(file);
        self
    }

    /// Adds what to do about it.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds advice, if there is any.
    pub(super) fn help_if(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    fn place(&self) -> (u32, u32) {
        match self.labels.first() {
            Some((spot, _)) => (spot.file, spot.start),
            None => (self.file.unwrap_or(0), 0),
        }
    }
}

/// The faults found so far. Shared by all readers, hence a cell.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: RefCell<Vec<Fault>>,
    blots: RefCell<Vec<Spot>>,
    broken: RefCell<HashSet<u32>>,
    refused: RefCell<HashSet<String>>,
}

impl Faults {
    /// Notes a fault, unless it rests on what was saved from a file that is no TOML: such a
    /// fault may be a false one, and the file is refused anyway.
    pub(super) fn push(&self, fault: Fault) {
        let broken = self.broken.borrow();
        if !fault.labels.iter().any(|(spot, _)| broken.contains(&spot.file)) {
            self.list.borrow_mut().push(fault);
        }
    }

    /// Notes that a file is no TOML, and why.
    pub(super) fn push_broken(&self, file: u32, faults: impl IntoIterator<Item = Fault>) {
        self.list.borrow_mut().extend(faults);
        self.broken.borrow_mut().insert(file);
    }

    /// Notes that an id was refused where it was declared: whoever names it is not to blame.
    pub(super) fn refuse_id(&self, id: &str) {
        self.refused.borrow_mut().insert(id.to_owned());
    }

    /// Whether an id was refused where it was declared.
    pub(super) fn is_refused(&self, id: &str) -> bool {
        self.refused.borrow().contains(id)
    }

    /// No report shows what stands here.
    pub(super) fn blot(&self, spot: Spot) {
        self.blots.borrow_mut().push(spot);
    }

    pub(super) fn has_errors(&self) -> bool {
        self.list.borrow().iter().any(|fault| fault.severity == Severity::Error)
    }

    /// Whether there are so many that another one would not be listed.
    pub(super) fn is_full(&self) -> bool {
        self.list.borrow().len() > FAULTS_MAX
    }

    pub(super) fn into_report(self, files: &[Source]) -> Report {
        let (mut faults, blots) = (self.list.into_inner(), self.blots.into_inner());
        faults.sort_by_key(Fault::place);
        let count = |severity| faults.iter().filter(|fault| fault.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        if faults.len() > FAULTS_MAX {
            // Warnings must not push errors out of the list.
            faults.sort_by_key(|fault| fault.severity);
            faults.truncate(FAULTS_MAX);
            faults.sort_by_key(Fault::place);
        }
        let mut shown = vec![None; files.len()];
        let spots = faults.iter().flat_map(|fault| fault.labels.iter().map(|(spot, _)| spot.file).chain(fault.file));
        for file in spots {
            if let (Some(slot @ None), Some(source)) = (shown.get_mut(file as usize), files.get(file as usize)) {
                *slot = Some(Arc::new(Source {
                    name: source.name.clone(),
                    path: None,
                    text: blotted(source, file, &blots),
                }));
            }
        }
        Report { files: shown, faults, errors, warnings }
    }
}

/// The text of a file with its credentials overwritten, byte by byte, so that places stay true.
fn blotted(source: &Source, file: u32, blots: &[Spot]) -> String {
    let mut text = source.text.clone();
    for blot in blots.iter().filter(|blot| blot.file == file) {
        let range = blot.start as usize..blot.end as usize;
        if let Some(secret) = text.get(range.clone()) {
            let cover: String = secret.bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }).collect();
            text.replace_range(range, &cover);
        }
    }
    text
}

/// A file as it was read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The name shown.
    pub(super) name: String,
    /// Where it was read, if it was.
    pub(super) path: Option<PathBuf>,
    pub(super) text: String,
}

/// All faults and warnings of a set of files.
#[derive(Debug, Clone, Default)]
pub struct Report {
    files: Vec<Option<Arc<Source>>>,
    faults: Vec<Fault>,
    errors: usize,
    warnings: usize,
}

impl Report {
    /// A report of one sentence without a place.
    pub(super) fn sentence(title: String, help: Option<String>) -> Self {
        Self { faults: vec![Fault::error(title).help_if(help)], errors: 1, ..Self::default() }
    }

    /// How many errors there are; with any, the files are refused.
    pub const fn error_count(&self) -> usize {
        self.errors
    }

    /// How many warnings there are.
    pub const fn warning_count(&self) -> usize {
        self.warnings
    }

    /// Whether there is nothing to say.
    pub const fn is_empty(&self) -> bool {
        self.errors == 0 && self.warnings == 0
    }

    /// The severity and the first line of each fault, in the order of files and lines, for logs.
    pub fn titles(&self) -> impl Iterator<Item = (Severity, &str)> {
        self.faults.iter().map(|fault| (fault.severity, fault.title.as_str()))
    }

    /// The whole report as text, in colours for a terminal or plain; empty if there is nothing.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for fault in &self.faults {
            text.push_str(&renderer.render(&[self.group(fault)]));
            text.push_str("\n\n");
        }
        let unlisted = (self.errors + self.warnings).saturating_sub(self.faults.len());
        if unlisted > 0 {
            text.push_str(&format!("… and {unlisted} more\n\n"));
        }
        text
    }

    fn group<'a>(&'a self, fault: &'a Fault) -> Group<'a> {
        let level = match fault.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut elements: Vec<Element<'a>> = Vec::new();
        let mut seen: Vec<u32> = Vec::new();
        for (spot, _) in &fault.labels {
            if !seen.contains(&spot.file) {
                seen.push(spot.file);
                let labels = fault.labels.iter().filter(|(other, _)| other.file == spot.file).collect();
                elements.extend(self.excerpts(fault, spot.file, labels));
            }
        }
        if let Some(Some(source)) = fault.file.map(|file| self.files.get(file as usize).cloned().flatten()) {
            elements.push(Origin::path(printable(&source.name).into_owned()).into());
        }
        elements.extend(fault.help.iter().map(|help| Level::HELP.message(help.as_str()).into()));
        level.primary_title(fault.title.as_str()).elements(elements)
    }

    /// The lines of one file that a fault shows: one excerpt if they lie close together, else
    /// one for each.
    fn excerpts<'a>(&'a self, fault: &'a Fault, file: u32, labels: Vec<&'a (Spot, String)>) -> Vec<Element<'a>> {
        let Some(source) = self.files.get(file as usize).and_then(Option::as_ref) else { return Vec::new() };
        let range = labels
            .iter()
            .map(|(spot, _)| lines_of(&source.text, *spot))
            .reduce(|a, b| a.start.min(b.start)..a.end.max(b.end));
        let together = range.is_some_and(|range| range.len() <= EXCERPT_BYTES_MAX);
        let groups = if together { vec![labels] } else { labels.into_iter().map(|label| vec![label]).collect() };
        groups.into_iter().map(|labels| excerpt(source, fault, labels)).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Report {}

/// An annotated excerpt, or line and column where the line is too long to show.
fn excerpt<'a>(source: &'a Source, fault: &Fault, labels: Vec<&'a (Spot, String)>) -> Element<'a> {
    let text = source.text.as_str();
    let range = labels
        .iter()
        .map(|(spot, _)| lines_of(text, *spot))
        .reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
        .unwrap_or(0..0);
    let line = text.get(..range.start).unwrap_or_default().matches('\n').count() + 1;
    let name = printable(&source.name).into_owned();
    if range.len() > EXCERPT_BYTES_MAX {
        let start = labels.first().map_or(0, |(spot, _)| spot.start as usize);
        let column = text.get(range.start..start).unwrap_or_default().chars().count() + 1;
        return Origin::path(name).line(line).char_column(column).into();
    }
    let first = fault.labels.first().map(|(spot, _)| *spot);
    let annotations = labels.into_iter().map(|(spot, label)| {
        let kind = if Some(*spot) == first { AnnotationKind::Primary } else { AnnotationKind::Context };
        let start = (spot.start as usize).clamp(range.start, range.end);
        let line_end = text.get(start..range.end).and_then(|rest| rest.find('\n')).map_or(range.end, |at| start + at);
        let end = (spot.end as usize).clamp(start, line_end);
        let label = (!label.is_empty()).then_some(label.as_str());
        kind.span(start - range.start..end - range.start).label(label)
    });
    Snippet::source(text.get(range.clone()).unwrap_or_default())
        .path(name)
        .line_start(line)
        .annotations(annotations.collect::<Vec<Annotation<'_>>>())
        .into()
}

/// The whole lines on which a place begins.
fn lines_of(text: &str, spot: Spot) -> Range<usize> {
    let at = (spot.start as usize).min(text.len());
    let before = text.get(..at).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let end = text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |newline| at + newline);
    start..end
}

/// A foreign word for a message: in backticks, shortened, without anything that a terminal obeys.
pub(super) fn quote(word: &str) -> String {
    let mut short: String = word.chars().take(QUOTE_CHARS_MAX).collect();
    if short.len() < word.len() {
        short.push('…');
    }
    format!("`{}`", printable(&short))
}

/// The text with control and bidirectional characters escaped.
fn printable(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    text.chars()
        .map(|c| if harmless(c) { c.to_string() } else { c.escape_unicode().to_string() })
        .collect::<String>()
        .into()
}

/// The candidate most like `word`, if one is like enough, as advice.
pub(super) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Longer words are no typing mistakes, and comparing them costs the product of both lengths.
    if word.len() > 2 * 64 {
        return None;
    }
    let near = candidates
        .into_iter()
        .filter(|candidate| {
            candidate.len().abs_diff(word.len()) <= 3 || candidate.starts_with(word) || word.starts_with(candidate)
        })
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, left), (b, right)| a.total_cmp(b).then_with(|| right.cmp(left)))?;
    Some(format!("did you mean {}?", quote(near.1)))
}

/// `a, b, c`, for lists of words in messages.
pub(super) fn joined<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quote).collect::<Vec<_>>().join(", ")
}

/// `a, b or c`, for a choice of words in messages.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(quote).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
