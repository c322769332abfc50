//! Searching by words: what stands in names is folded, cut into words and sorted, so that a word's
//! beginning finds them at once.
//!
//! People write "Münster", "Muenster" or "Munster", "Straße" or "Strasse", with a hyphen or
//! without. All of these are one word here. The index knows nothing but the catalogue; statuses
//! are looked up by whoever shows what was found.

use std::sync::OnceLock;

use crate::model::snapshot::PublicCatalogue;
use crate::model::status::ComponentKind;
use crate::model::text::{Plain, Text};

/// Longest question, in bytes.
pub const QUERY_BYTES_MAX: usize = 200;

/// Most words of a question.
pub const QUERY_WORDS_MAX: usize = 8;

/// Most answers of a kind.
pub const FOUND_MAX: usize = 50;

/// Of so many towns a question may speak; of more it speaks of none in particular.
const TOWNS_MAX: usize = 10;

/// Where a word stands, the best first. What is found is only as good as its worst word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Field {
    /// In its name.
    Name = 2,
    /// In its id, its kind, the names of its parts.
    Beside = 3,
    /// It is its LeiKa key.
    Leika = 4,
    /// It begins its LeiKa key.
    LeikaBegins = 5,
    /// It begins its ARS.
    Ars = 6,
    /// In the name of its owner: not enough to be found by that alone.
    Owner = 7,
}

/// The whole name is the question.
const RANK_EXACT: u8 = 0;
/// The name begins with the question.
const RANK_BEGINS: u8 = 1;
/// It does not match.
const RANK_NONE: u8 = u8::MAX;

/// An index that is made when it is first asked for. A copy begins anew, because what it is a copy
/// of may be changed.
#[derive(Debug, Default)]
pub struct Searchable(OnceLock<Index>);

impl Clone for Searchable {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// What was found, as indexes of the catalogue, the best first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Organisations, at most [`FOUND_MAX`].
    pub organisations: Vec<u32>,
    /// Components, at most [`FOUND_MAX`], each with the organisation on whose page it was found
    /// if the question names one; else it is found on its owner's.
    pub components: Vec<(u32, Option<u32>)>,
    /// How many organisations there are in all.
    pub organisations_in_all: usize,
    /// How many components there are in all.
    pub components_in_all: usize,
}

/// A question, cut into words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    terms: Vec<Term>,
}

/// What stands between two blanks: the words that hyphens part.
type Term = Vec<String>;

impl Question {
    /// Reads a question; `None` if it is longer than people ask.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > QUERY_BYTES_MAX {
            return None;
        }
        let terms: Vec<Term> = text.split_whitespace().map(words).filter(|term| !term.is_empty()).collect();
        (terms.iter().map(Vec::len).sum::<usize>() <= QUERY_WORDS_MAX).then_some(Self { terms })
    }

    /// Its words, one blank between two.
    fn joined(&self) -> String {
        self.terms.concat().join(" ")
    }
}

/// Where a word stands: of which entity, in which field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    entity: u32,
    field: Field,
}

/// All words of a catalogue. Organisations are its first entities, components follow.
#[derive(Debug, Default)]
struct Index {
    /// Every word with the place of its first hit, sorted.
    words: Vec<(Box<str>, u32)>,
    hits: Vec<Hit>,
    /// Per entity its folded name in each language.
    names: Vec<Box<[Box<str>]>>,
}

impl PublicCatalogue {
    /// Finds organisations and components by words. `kind_words` gives the words for a kind in
    /// every language; `is_shown` says which components may be found.
    pub fn find(
        &self,
        question: &Question,
        kind_words: impl Fn(ComponentKind) -> Vec<&'static str>,
        is_shown: impl Fn(u32) -> bool,
    ) -> Found {
        if question.terms.is_empty() {
            return Found::default();
        }
        let index = self.searchable.0.get_or_init(|| Index::new(self, kind_words));
        let of_terms: Vec<Vec<u8>> = question.terms.iter().map(|term| index.ranks_of_term(term)).collect();
        let ranks = index.ranks(question, &of_terms);
        let (organisations, components) =
            ranks.split_at_checked(self.organisations.len()).unwrap_or((ranks.as_slice(), &[]));
        let (organisations, organisations_in_all) = best(
            organisations,
            |_| true,
            |index| self.organisations.get(index as usize).map_or("", |organisation| organisation.id.as_str()),
        );
        let (elsewhere, elsewhere_in_all) = best(components, &is_shown, |index| {
            self.components.get(index as usize).map_or("", |component| component.id.as_str())
        });
        let mut found = self.find_in_towns(&of_terms, components, &is_shown);
        let components_in_all = found.len() + elsewhere_in_all;
        found.extend(elsewhere.into_iter().map(|component| (component, None)));
        found.truncate(FOUND_MAX);
        Found { organisations, components: found, organisations_in_all, components_in_all }
    }

    /// Components on the page of a town that the question names beside them: "Wohngeld Menden" is
    /// the provider's service as Menden shows it. `ranks` are those of all components: what is
    /// found without a town is not found twice.
    fn find_in_towns(
        &self,
        of_terms: &[Vec<u8>],
        ranks: &[u8],
        is_shown: impl Fn(u32) -> bool,
    ) -> Vec<(u32, Option<u32>)> {
        let rank = |term: usize, entity: usize| of_terms.get(term).and_then(|ranks| ranks.get(entity)).copied();
        let named = |organisation: usize| -> Vec<usize> {
            let names = |term: &usize| rank(*term, organisation).is_some_and(|rank| rank <= Field::Beside as u8);
            (0..of_terms.len()).filter(names).collect()
        };
        let all = (0..self.organisations.len()).map(|organisation| (named(organisation), organisation));
        let mut towns: Vec<(Vec<usize>, usize)> =
            all.filter(|(named, _)| !named.is_empty() && named.len() < of_terms.len()).collect();
        let most = towns.iter().map(|(named, _)| named.len()).max().unwrap_or_default();
        towns.retain(|(named, _)| named.len() == most);
        if towns.len() > TOWNS_MAX {
            return Vec::new();
        }
        let mut found: Vec<(u8, &str, &str, u32, u32)> = Vec::new();
        for (named, town) in &towns {
            let Some((organisation, index)) = self.organisations.get(*town).zip(u32::try_from(*town).ok()) else {
                continue;
            };
            for &component in organisation.shows.iter() {
                let is_new = ranks.get(component as usize) == Some(&RANK_NONE) && is_shown(component);
                let entity = self.organisations.len() + component as usize;
                let rest = (0..of_terms.len()).filter(|term| !named.contains(term));
                let worst = rest.map(|term| rank(term, entity).unwrap_or(RANK_NONE)).max().unwrap_or(RANK_NONE);
                if let Some(known) = self.components.get(component as usize)
                    && is_new
                    && worst < Field::Owner as u8
                {
                    found.push((worst, known.id.as_str(), organisation.id.as_str(), component, index));
                }
            }
        }
        found.sort_unstable();
        found.into_iter().map(|(.., component, town)| (component, Some(town))).collect()
    }
}

/// The best of those that match, and how many there are in all; ties by id.
fn best<'a>(ranks: &[u8], is_shown: impl Fn(u32) -> bool, id: impl Fn(u32) -> &'a str) -> (Vec<u32>, usize) {
    let all = ranks.iter().zip(0u32..).filter(|(rank, index)| **rank != RANK_NONE && is_shown(*index));
    let mut found: Vec<(u8, &str, u32)> = all.map(|(rank, index)| (*rank, id(index), index)).collect();
    let in_all = found.len();
    if in_all > FOUND_MAX {
        found.select_nth_unstable(FOUND_MAX);
        found.truncate(FOUND_MAX);
    }
    found.sort_unstable();
    (found.into_iter().map(|(_, _, index)| index).collect(), in_all)
}

impl Index {
    fn new(catalogue: &PublicCatalogue, kind_words: impl Fn(ComponentKind) -> Vec<&'static str>) -> Self {
        let mut making = Making::default();
        for organisation in &catalogue.organisations {
            making.begin(&organisation.name);
            making.note(organisation.id.as_str(), Field::Beside);
            making.note(organisation.ars.as_deref().unwrap_or_default(), Field::Ars);
        }
        for component in &catalogue.components {
            making.begin(&component.name);
            making.note(component.id.as_str(), Field::Beside);
            for word in kind_words(component.kind) {
                making.note(word, Field::Beside);
            }
            for part in component.parts.iter().filter_map(|&part| catalogue.components.get(part as usize)) {
                making.note_text(&part.name, Field::Beside);
            }
            for key in &component.leika {
                making.note(key, Field::LeikaBegins);
            }
            if let Some(owner) = catalogue.organisations.get(component.owner as usize) {
                making.note_text(&owner.name, Field::Owner);
            }
        }
        making.finish()
    }

    /// The rank of each entity.
    fn ranks(&self, question: &Question, of_terms: &[Vec<u8>]) -> Vec<u8> {
        let mut ranks = vec![0; self.names.len()];
        // Whether anything but the owner's name was asked for.
        let mut is_meant = vec![false; self.names.len()];
        for of_term in of_terms {
            for ((rank, meant), &of_term) in ranks.iter_mut().zip(&mut is_meant).zip(of_term) {
                *rank = of_term.max(*rank);
                *meant |= of_term < Field::Owner as u8;
            }
        }
        let asked = question.joined();
        for ((rank, meant), names) in ranks.iter_mut().zip(is_meant).zip(&self.names) {
            if !meant {
                *rank = RANK_NONE;
            } else if *rank == Field::Name as u8 {
                let begin = || names.iter().filter(|name| name.starts_with(asked.as_str()));
                if begin().any(|name| **name == *asked) {
                    *rank = RANK_EXACT;
                } else if begin().next().is_some() {
                    *rank = RANK_BEGINS;
                }
            }
        }
        ranks
    }

    /// The rank of each entity for what stands between two blanks: its words matched one by one,
    /// or as one word.
    fn ranks_of_term(&self, term: &Term) -> Vec<u8> {
        let mut ranks = vec![0; self.names.len()];
        for word in term {
            let of_word = self.ranks_of_word(word);
            ranks.iter_mut().zip(of_word).for_each(|(rank, of_word)| *rank = of_word.max(*rank));
        }
        if term.len() > 1 {
            let of_whole = self.ranks_of_word(&term.concat());
            ranks.iter_mut().zip(of_whole).for_each(|(rank, of_whole)| *rank = of_whole.min(*rank));
        }
        ranks
    }

    fn ranks_of_word(&self, word: &str) -> Vec<u8> {
        let mut ranks = vec![RANK_NONE; self.names.len()];
        let first = self.words.partition_point(|(known, _)| **known < *word);
        let beyond = self.words.partition_point(|(known, _)| **known < *word || known.starts_with(word));
        let is_whole = self.words.get(first).is_some_and(|(known, _)| **known == *word);
        let first_hit = |word: usize| self.words.get(word).map_or(self.hits.len(), |(_, first)| *first as usize);
        let whole_until = if is_whole { first_hit(first + 1) } else { first_hit(first) };
        let from = first_hit(first);
        for (hit, place) in self.hits.get(from..first_hit(beyond)).unwrap_or_default().iter().zip(from..) {
            let field = if hit.field == Field::LeikaBegins && place < whole_until { Field::Leika } else { hit.field };
            if let Some(rank) = ranks.get_mut(hit.entity as usize) {
                *rank = (field as u8).min(*rank);
            }
        }
        ranks
    }
}

/// An index under construction.
#[derive(Default)]
struct Making {
    words: Vec<(Box<str>, Hit)>,
    names: Vec<Box<[Box<str>]>>,
}

impl Making {
    /// Begins the next entity with its name.
    fn begin(&mut self, name: &Text) {
        let folded = name.iter().map(|(_, name)| words(name.unescaped()).join(" ").into()).collect();
        self.names.push(folded);
        self.note_text(name, Field::Name);
    }

    fn note_text(&mut self, text: &Text, field: Field) {
        for (_, text) in text.iter() {
            self.note(Plain::unescaped(text), field);
        }
    }

    fn note(&mut self, text: &str, field: Field) {
        let Some(entity) = self.names.len().checked_sub(1).and_then(|last| u32::try_from(last).ok()) else { return };
        for term in text.split_whitespace() {
            let words = words(term);
            if words.len() > 1 {
                self.words.push((words.concat().into(), Hit { entity, field }));
            }
            self.words.extend(words.into_iter().map(|word| (word.into(), Hit { entity, field })));
        }
    }

    fn finish(mut self) -> Index {
        self.words.sort_unstable();
        self.words.dedup();
        let mut words: Vec<(Box<str>, u32)> = Vec::new();
        let mut hits = Vec::with_capacity(self.words.len());
        for (word, hit) in self.words {
            let place = u32::try_from(hits.len()).unwrap_or(u32::MAX);
            if words.last().is_none_or(|(last, _)| *last != word) {
                words.push((word, place));
            }
            hits.push(hit);
        }
        Index { words, hits, names: self.names }
    }
}

/// The folded words of a text.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    // The last letter as it was written, where an `e` behind it may stand for an umlaut.
    let mut before = None;
    for c in text.chars().flat_map(char::to_lowercase) {
        let is_umlaut = c == 'e' && matches!(before, Some('a' | 'o' | 'u'));
        before = Some(c);
        match words.last_mut() {
            Some(word) if c.is_alphanumeric() && !is_umlaut => fold(c, word),
            // An umlaut's `e`, and marks that stand over the letter before.
            Some(_) if is_umlaut || matches!(c, '\u{300}'..='\u{36f}' | '\u{ad}' | '\u{200b}'..='\u{200d}') => {}
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Appends a letter without what stands over or in it.
fn fold(c: char, word: &mut String) {
    let plain = match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'æ' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'ğ' => 'g',
        'ì'..='ï' | 'ī' | 'į' | 'ı' => 'i',
        'ĺ' | 'ľ' | 'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' | 'œ' => 'o',
        'ŕ' | 'ř' => 'r',
        'ś' | 'ş' | 'š' => 's',
        'ß' => {
            word.push('s');
            's'
        }
        'ť' | 'ţ' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        c => c,
    };
    word.push(plain);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_word_are_one_word() {
        for (spellings, word) in [
            (&["Münster", "Muenster", "MUNSTER", "Mu\u{308}nster"][..], "munster"),
            (&["Straße", "Strasse", "STRASSE", "STRAẞE"], "strasse"),
            (&["Häuser", "Haeuser"], "hauser"),
            (&["Łódź", "Lodz"], "lodz"),
            (&["Café", "Cafe"], "cafe"),
            (&["Søren", "Sören", "Soeren"], "soren"),
            (&["Soest"], "sost"),
            (&["Weich\u{ad}heit"], "weichheit"),
        ] {
            for spelling in spellings {
                assert_eq!(words(spelling), [word], "{spelling}");
            }
        }
        assert_eq!(words("Ennepe-Ruhr-Kreis / E-Mail (neu)"), ["ennepe", "ruhr", "kreis", "e", "mail", "neu"]);
        assert_eq!(words(" -–'\u{300} "), Vec::<String>::new());
    }

    #[test]
    fn the_beginning_of_a_word_stays_its_beginning() {
        for word in ["Bauernhof", "Steuerbüro", "aeoeue", "Straßenbau", "İstanbul", "Soest", "Müeße"] {
            let whole = words(word).concat();
            for (end, _) in word.char_indices() {
                let begin = words(word.get(..end).expect("a border")).concat();
                assert!(whole.starts_with(&begin), "{begin} of {whole}");
            }
        }
    }

    #[test]
    fn questions_are_bounded() {
        assert!(Question::parse("").is_some_and(|question| question.terms.is_empty()));
        assert!(Question::parse("a b c d e f g h").is_some());
        assert!(Question::parse("a b c d e f g h i").is_none());
        assert!(Question::parse("a-b-c-d-e-f-g-h-i").is_none());
        assert!(Question::parse(&"ä".repeat(100)).is_some());
        assert!(Question::parse(&"ä".repeat(101)).is_none());
    }
}
