//! What stands in an earlier outcome and was written or changed by hand: it stays.
//!
//! An entry that an import writes says in a comment what it was, by a hash. If it still is that, the next import
//! replaces it or takes it away; if not, somebody has changed it, and it stays as it is. Entries are texts here:
//! comments, order and blanks are kept, too.

use std::collections::{HashMap, HashSet};

use toml::de::{DeTable, DeValue};

use super::name::{NAME_CHARS_MAX, one_line, short_hash};
use super::report::{Remark, Report};
use super::written::Block;
use super::{Fault, Source, TEXT_BYTES_MAX};

/// Begins the comment that says what an entry was.
const MARK: &str = "# import ";

/// An earlier outcome: what stands before its first entry, and its entries.
pub(super) struct Earlier {
    head: String,
    entries: Vec<Entry>,
}

struct Entry {
    table: String,
    id: Option<String>,
    kind: Option<String>,
    /// Without its mark.
    text: String,
    mark: Option<String>,
}

impl Earlier {
    /// Reads it; `None` if it is no TOML.
    pub(super) fn read(source: &Source<'_>) -> Result<Option<Self>, Fault> {
        let what = "what an earlier import made";
        let text = source.text(what)?;
        let document = match DeTable::parse(text) {
            Ok(document) => document,
            Err(error) if source.name.ends_with(".toml") => return Err(source.broken(what, error.message())),
            Err(_) => return Ok(None),
        };
        let mut found = Vec::new();
        for (table, value) in document.get_ref() {
            for element in value.get_ref().as_array().into_iter().flatten() {
                let from = element.span().start;
                if text.get(from..).is_some_and(|rest| rest.starts_with("[[")) {
                    found.push((beginning(text, from), table.get_ref().to_string(), element.get_ref()));
                }
            }
        }
        found.sort_by_key(|(from, _, _)| *from);
        let ends = found.iter().skip(1).map(|(from, _, _)| *from).chain([text.len()]).collect::<Vec<_>>();
        let head = text.get(..found.first().map_or(text.len(), |(from, _, _)| *from)).unwrap_or_default();
        let field = |value: &DeValue<'_>, key: &str| value.get(key)?.get_ref().as_str().map(str::to_owned);
        let mut entries = Vec::new();
        for ((from, table, value), to) in found.iter().zip(ends) {
            let text = text.get(*from..to).unwrap_or_default();
            // Where a comment seems to begin within a text, the parts are not those that they seem.
            DeTable::parse(text).map_err(|_| source.broken(what, "its entries cannot be told apart"))?;
            let (text, mark) = unmarked(text);
            let (id, kind) = (field(value, "id"), field(value, "kind"));
            entries.push(Entry { table: table.clone(), id, kind, text, mark });
        }
        Ok(Some(Self { head: head.to_owned(), entries }))
    }

    /// The ids of all components that an import wrote, but for those of this kind.
    pub(super) fn imported_but(&self, kind: &str) -> impl Iterator<Item = &String> {
        let imported = self.entries.iter().filter(|entry| entry.table == "component" && entry.mark.is_some());
        imported.filter(move |entry| entry.kind.as_deref() != Some(kind)).filter_map(|entry| entry.id.as_ref())
    }
}

impl Entry {
    /// Whether it is not what an import wrote.
    fn is_by_hand(&self) -> bool {
        self.mark.as_ref() != Some(&hash(&self.text))
    }

    fn remark(&self, text: &str) -> Remark {
        let entry = one_line(self.id.as_deref().unwrap_or(&self.table), NAME_CHARS_MAX);
        Remark { entry, text: text.to_owned() }
    }
}

/// Where an entry begins: with the comments right above its header.
fn beginning(text: &str, header: usize) -> usize {
    let line = |end: usize| text.get(..end).unwrap_or_default().rfind('\n').map_or(0, |index| index + 1);
    let mut from = line(header);
    while from > 0 {
        let above = line(from - 1);
        if !text.get(above..from).unwrap_or_default().trim_start().starts_with('#') {
            break;
        }
        from = above;
    }
    from
}

/// The text of an entry without its mark, and the mark. It stands in the comments above the header.
fn unmarked(text: &str) -> (String, Option<String>) {
    let mut mark = None;
    let mut above = true;
    let mut rest = String::new();
    for line in text.split_inclusive('\n') {
        above &= line.trim_start().starts_with('#');
        match line.strip_prefix(MARK).filter(|_| above) {
            Some(found) => mark = Some(found.trim().to_owned()),
            None => rest.push_str(line),
        }
    }
    (rest.trim_end().to_owned(), mark)
}

/// What tells a text from another: blanks at the ends of lines do not.
fn hash(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    short_hash(lines.join("\n").trim_end())
}

/// The text of an outcome: today's entries, in the place of which those stay that were changed by hand, and what
/// else was written by hand.
pub(super) fn merge(
    head: String,
    today: Vec<Block>,
    earlier: Vec<Earlier>,
    report: &mut Report,
) -> Result<String, Fault> {
    let mut heads = Vec::new();
    let mut before: Vec<Entry> = Vec::new();
    for outcome in earlier {
        heads.push(outcome.head);
        before.extend(outcome.entries);
    }
    let mut seen = HashSet::new();
    before.retain(|entry| seen.insert((entry.table.clone(), entry.id.clone().unwrap_or_else(|| entry.text.clone()))));
    let by_id: HashMap<(&str, &str), usize> =
        (0..).zip(&before).filter_map(|(index, entry)| Some(((&*entry.table, entry.id.as_deref()?), index))).collect();
    let mut taken = HashSet::new();
    let mut texts = Vec::new();
    let mut by_hand: Vec<&str> = Vec::new();
    for block in &today {
        let mark = hash(&block.text);
        let index = by_id.get(&(block.table, block.id.as_str())).copied();
        taken.extend(index);
        let known = index.and_then(|index| before.get(index));
        let text = match known.filter(|known| known.is_by_hand() && hash(&known.text) != mark) {
            None => block.text.trim_end(),
            Some(known) => {
                if known.mark.as_ref() != Some(&mark) {
                    let what = "changed by hand, so it stays as it is, but the export says something new: delete it in the file to have it written anew";
                    report.differs.push(known.remark(what));
                }
                by_hand.push(&known.text);
                known.text.as_str()
            }
        };
        texts.push(format!("{MARK}{mark}\n{text}"));
    }
    let (mut stays, mut rest): (Vec<&Entry>, Vec<&Entry>) = (0..)
        .zip(&before)
        .filter(|(index, _)| !taken.contains(index))
        .map(|(_, entry)| entry)
        .partition(|entry| entry.is_by_hand());
    for entry in stays.iter().filter(|entry| entry.mark.is_some()) {
        report.differs.push(entry.remark("no longer in the export; it stays because it was changed by hand"));
    }
    by_hand.extend(stays.iter().map(|entry| entry.text.as_str()));
    // What they name stays as well, and what that names.
    let mut named: HashSet<&str> = by_hand.iter().flat_map(|text| quoted(text)).collect();
    loop {
        let (more, left): (Vec<&Entry>, Vec<&Entry>) =
            rest.into_iter().partition(|entry| entry.id.as_deref().is_some_and(|id| named.contains(id)));
        rest = left;
        if more.is_empty() {
            break;
        }
        named.extend(more.iter().flat_map(|entry| quoted(&entry.text)));
        stays.extend(more);
    }
    // What was changed by hand and is gone there is nobody's but the hand's from now on.
    texts.extend(stays.into_iter().map(|entry| match entry.mark.as_ref().filter(|_| !entry.is_by_hand()) {
        Some(mark) => format!("{MARK}{mark}\n{}", entry.text),
        None => entry.text.clone(),
    }));
    let mut text = heads.into_iter().next().unwrap_or(head).trim_end().to_owned();
    for entry in texts {
        text.push_str("\n\n");
        text.push_str(&entry);
    }
    text.push('\n');
    if text.len() > TEXT_BYTES_MAX { Err(Fault::TooLong { bytes: text.len() }) } else { Ok(text) }
}

/// What stands between quotes in a text: ids among others.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split(['"', '\''])
}
