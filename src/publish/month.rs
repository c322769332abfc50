//! A month as it stands in addresses: `2023-10`.

use jiff::ToSpan;
use jiff::civil::Date;

/// A month of the calendar; in which time zone, whoever uses it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(Date);

impl Month {
    /// Reads `2024-01`.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let digits = |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return None;
        }
        Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok().map(Self)
    }

    /// The month of a day.
    pub fn of(date: Date) -> Self {
        Self(date.first_of_month())
    }

    /// Its first day.
    pub const fn first(self) -> Date {
        self.0
    }

    /// The month so many later, or earlier.
    pub fn plus(self, months: i32) -> Self {
        Self(self.0.saturating_add(months.months()))
    }

    /// `2024-01`
    pub fn text(self) -> String {
        format!("{:04}-{:02}", self.0.year(), self.0.month())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_read_only_as_it_is_written() {
        for good in ["2023-10", "2024-02", "1999-12"] {
            assert_eq!(Month::parse(good).map(Month::text).as_deref(), Some(good));
        }
        for bad in ["", "2023", "2023-13", "2023-00", "23-10", "2023-1", "2023-10-01", "+023-10", "2023-１0"] {
            assert_eq!(Month::parse(bad), None, "{bad}");
        }
    }
}
