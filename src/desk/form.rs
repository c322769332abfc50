//! The fields of a form or of a query, as they were sent: names may come more than once, and nothing
//! about them is believed.

use crate::model::text::Plain;

/// Longest form that is read, in bytes.
pub const BYTES_MAX: usize = 512 * 1024;

/// Most fields of a form: a form that names each town of the country is larger than any of ours.
pub const FIELDS_MAX: usize = 20_000;

/// Fields in the order in which they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded` (WHATWG URL, section 5.1); `None` if it is too long
    /// or has too many fields.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > BYTES_MAX {
            return None;
        }
        let fields: Vec<_> = url::form_urlencoded::parse(bytes).into_owned().take(FIELDS_MAX + 1).collect();
        (fields.len() <= FIELDS_MAX).then_some(Self(fields))
    }

    /// A form of these fields.
    pub fn of(fields: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(fields.into_iter().collect())
    }

    /// The same with other values of these fields.
    pub fn with(&self, fields: impl IntoIterator<Item = (String, String)>) -> Self {
        let new: Vec<(String, String)> = fields.into_iter().collect();
        let kept = self.0.iter().filter(|(name, _)| !new.iter().any(|(known, _)| known == name)).cloned();
        Self(kept.chain(new.iter().cloned()).collect())
    }

    /// The first value of a field, with the line ends of forms made ours and no space around it;
    /// empty if it is not there.
    pub fn text(&self, name: &str) -> String {
        self.all(name).next().map(|value| value.replace("\r\n", "\n").trim().to_owned()).unwrap_or_default()
    }

    /// As [`Self::text`], unless it is empty.
    pub fn filled(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// A value as it may be shown again.
    pub fn shown(&self, name: &str) -> Plain {
        Plain::new(&self.text(name))
    }

    /// Whether a field is there, as that of a ticked box is.
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// All values of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// All fields.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_browsers_send_them() {
        let form = Form::read("text=Zeile+1%0D%0AZeile+2&town=a&town=b&empty=&%C3%BC=%26".as_bytes()).unwrap();
        assert_eq!(form.text("text"), "Zeile 1\nZeile 2");
        assert_eq!(form.all("town").collect::<Vec<_>>(), ["a", "b"]);
        assert!(form.has("empty") && form.filled("empty").is_none() && !form.has("none"));
        assert_eq!(form.text("ü"), "&");
        assert_eq!(Form::read(b"%ff=%00"), Some(Form::of([("\u{fffd}".to_owned(), "\0".to_owned())])));
    }

    #[test]
    fn a_form_is_bounded() {
        assert!(Form::read(&vec![b'a'; BYTES_MAX + 1]).is_none());
        assert!(Form::read("a&".repeat(FIELDS_MAX + 1).as_bytes()).is_none());
        assert!(Form::read("a&".repeat(FIELDS_MAX).as_bytes()).is_some());
    }
}
