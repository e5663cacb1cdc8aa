//! How the reports for people are written: colour, columns, dates and durations.
//!
//! Not here: what a report says. No function reads a clock or the environment: whether there is
//! colour, and what time it is, are arguments.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::excerpt::Excerpt;

/// Whether a report for people has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text without escape sequences, for files and pipes.
    Plain,
    /// Text with the colours of ECMA-48, for terminals.
    Coloured,
}

/// What a part of the text means, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// As it must be.
    Good,
    /// Wrong.
    Bad,
    /// Not wrong, but probably not meant.
    Doubtful,
    /// Less important than the rest.
    Minor,
    /// A title.
    Title,
}

impl Style {
    /// Colours a text. The colours of 3 and 4 bits are in every terminal's own palette.
    pub(crate) fn paint(self, meaning: Meaning, text: &str) -> String {
        let code = match meaning {
            Meaning::Good => "32",
            Meaning::Bad => "31",
            Meaning::Doubtful => "33",
            Meaning::Minor => "2",
            Meaning::Title => "1",
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

/// The longest line, in characters, unless a word is longer.
const LINE_LENGTH: usize = 110;

/// Returns the text with spaces after it, so that it fills a column. Colour it after this.
pub(crate) fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    [text, &" ".repeat(missing)].concat()
}

/// Breaks a text into lines. Each line but the first starts with `indent` spaces, which is also where
/// the first one is expected to start.
pub(crate) fn wrap(text: &str, indent: usize) -> String {
    let mut wrapped = String::new();
    let mut column = indent;
    for (index, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 && column + 1 + length > LINE_LENGTH {
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent));
            column = indent;
        } else if index > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

/// Escapes every character that could start a new line or change how a terminal shows the text.
pub(crate) fn escape(text: &str) -> String {
    Excerpt::of(text, usize::MAX).to_string()
}

const SECONDS_PER_DAY: i64 = 86_400;

/// Returns the seconds since 1970, rounded down. Negative before 1970.
pub(crate) fn seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            let whole = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            -whole - i64::from(before.subsec_nanos() > 0)
        }
    }
}

/// Returns the date of a number of seconds since 1970, in the form of
/// [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339), in UTC. A year that has not four digits cannot
/// be written in this form. Then this is the number itself.
pub(crate) fn date(seconds: i64) -> String {
    let (day, second) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
    match civil_from_days(day) {
        Some((year @ 0..=9999, month, day)) => {
            let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
        }
        Some(_) | None => seconds.to_string(),
    }
}

/// Returns how far `then` is from `now`, for example `in 54 min` or `3 min ago`.
pub(crate) fn relative(then: i64, now: i64) -> String {
    let difference = then.saturating_sub(now);
    let length = duration(difference.unsigned_abs());
    if difference > 0 { format!("in {length}") } else { format!("{length} ago") }
}

/// Returns a duration in one or two units, for example `45 s` or `2 h 5 min`.
pub(crate) fn duration(seconds: u64) -> String {
    let two = |large: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {small_unit}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        // The seconds matter where a leeway does.
        60..600 => two(seconds / 60, "min", seconds % 60, "s"),
        600..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => two(seconds / 3_600, "h", seconds / 60 % 60, "min"),
        86_400..172_800 => two(1, "day", seconds / 3_600 % 24, "h"),
        172_800.. => format!("{} days", seconds / 86_400),
    }
}

/// Reads a time: a date in the form of RFC 3339, or seconds since 1970.
#[must_use]
pub fn parse_time(text: &str) -> Option<SystemTime> {
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => u64::try_from(parse_date(text)?).ok()?,
    };
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Reads `YYYY-MM-DDTHH:MM:SS`, a fraction that is ignored, and `Z` or an offset.
fn parse_date(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { digits.parse::<i64>().ok() } else { None }
    };
    let separators = [(4, "-"), (7, "-"), (13, ":"), (16, ":")];
    let is_separated = separators.iter().all(|(at, mark)| text.get(*at..at + 1) == Some(mark));
    if !is_separated || !matches!(text.get(10..11), Some("T" | "t" | " ")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_from_civil(year, month, day);
    // A day that the month does not have becomes another date.
    if civil_from_days(days) != Some((year, month, day)) {
        return None;
    }
    let offset = parse_offset(without_fraction(text.get(19..)?)?)?;
    Some(days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset)
}

fn without_fraction(rest: &str) -> Option<&str> {
    match rest.strip_prefix('.') {
        None => Some(rest),
        Some(rest) => {
            let offset = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
            (offset.len() < rest.len()).then_some(offset)
        }
    }
}

/// Reads `Z`, `+HH:MM` or `-HH:MM` as seconds.
fn parse_offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let number = |digits: &str, limit: i64| {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i64>().ok().filter(|number| is_number && *number < limit)
    };
    Some(sign * (number(hours, 24)? * 3600 + number(minutes, 60)? * 60))
}

/// Returns year, month and day of a number of days since 1970, by the Gregorian calendar. `None` for
/// days so far away that they cannot be calculated.
///
/// See [the algorithm](https://howardhinnant.github.io/date_algorithms.html#civil_from_days).
fn civil_from_days(days: i64) -> Option<(i64, i64, i64)> {
    let days = days.checked_add(719_468)?;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Counted from March, so that a leap day is the last day of a year.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    Some((year_of_era + era * 400 + next_year, month, day))
}

/// Returns the number of days from 1970 to a date.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests;
