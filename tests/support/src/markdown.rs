//! The part of Markdown that the tests of the documentation need: headings and their anchors, fenced
//! blocks, links, and settings in a block.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A Markdown file of this project.
#[derive(Debug)]
pub struct Document {
    /// Its path from the project's root, for messages and for links.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

/// A heading, and everything up to the next heading of its level or above.
#[derive(Debug)]
pub struct Section<'a> {
    /// The number of `#` before the heading.
    pub level: usize,
    /// The heading.
    pub title: &'a str,
    /// The anchor that GitHub gives the heading.
    pub anchor: String,
    /// The heading and what follows.
    pub text: &'a str,
}

/// Returns the project's root.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Reads a file by its path from the project's root.
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> Document {
    let path = path.as_ref();
    let text = fs::read_to_string(root().join(path))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Document { path: path.to_owned(), text }
}

impl Document {
    /// Returns every section, outer ones before those within them.
    pub fn sections(&self) -> Vec<Section<'_>> {
        let mut headings = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (start, line) in lines_outside_fences(&self.text) {
            let level = line.bytes().take_while(|byte| *byte == b'#').count();
            let Some(title) = line[level..].strip_prefix(' ').filter(|_| level > 0) else {
                continue;
            };
            let slug = slug(title);
            let repeated = seen.entry(slug.clone()).or_default();
            let anchor = if *repeated == 0 { slug.clone() } else { format!("{slug}-{repeated}") };
            *repeated += 1;
            headings.push((start, level, title.trim(), anchor));
        }
        let section = |place: usize| {
            let (start, level, title, ref anchor) = headings[place];
            let next = headings[place + 1..].iter().find(|(_, other, ..)| *other <= level);
            let end = next.map_or(self.text.len(), |(end, ..)| *end);
            Section { level, title, anchor: anchor.clone(), text: &self.text[start..end] }
        };
        (0..headings.len()).map(section).collect()
    }

    /// Returns the targets of all links, except in fenced blocks.
    pub fn links(&self) -> Vec<&str> {
        let lines = lines_outside_fences(&self.text);
        let targets = lines.into_iter().flat_map(|(_, line)| {
            line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(to, _)| to)
        });
        targets.collect()
    }

    /// Returns each text in backticks, except in fenced blocks.
    pub fn inline_code(&self) -> impl Iterator<Item = &str> {
        lines_outside_fences(&self.text).into_iter().flat_map(|(_, line)| quoted(line))
    }
}

/// Returns each text in backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Returns the fenced blocks of a language.
pub fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .map(|rest| rest.split_once("```").expect("a fenced block has an end").0)
        .collect()
}

/// Reads the `NAME=value` lines of a block of settings.
pub fn settings(block: &str) -> Vec<(String, String)> {
    let lines = block.lines().filter(|line| !line.trim().is_empty());
    let setting = |line: &str| {
        let (name, value) = line.split_once('=').expect("a setting is NAME=value");
        (name.to_owned(), value.to_owned())
    };
    lines.map(setting).collect()
}

fn lines_outside_fences(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut start = 0;
    let mut outside = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            outside.push((start, line.trim_end_matches('\n')));
        }
        start += line.len();
    }
    outside
}

/// Makes a heading's anchor as GitHub does.
fn slug(title: &str) -> String {
    let kept = |character: &char| character.is_alphanumeric() || " -_".contains(*character);
    title.trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}
