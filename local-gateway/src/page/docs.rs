//! The project's documentation, which the page links to.
//!
//! A page has the path that its file has in the project, so that its links work as they are. Headings
//! get the anchors that GitHub gives them.

use std::collections::HashMap;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

use super::files;
use crate::server::Answer;

macro_rules! pages {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../", $name)))),*]
    };
}

/// The pages: their paths from the project's root, and their Markdown.
const PAGES: [(&str, &str); 24] = pages![
    "docs/getting-started.md",
    "docs/configuration.md",
    "docs/websocket.md",
    "docs/rest-and-http.md",
    "docs/mcp.md",
    "docs/providers.md",
    "docs/keys.md",
    "docs/errors.md",
    "docs/diagnosis.md",
    "docs/local-gateway.md",
    "docs/production.md",
    "docs/operations.md",
    "docs/performance.md",
    "docs/security.md",
    "docs/migrating.md",
    "docs/faq.md",
    "docs/architecture.md",
    "docs/deploy/README.md",
    "docs/deploy/install.md",
    "docs/deploy/parameters.md",
    "docs/deploy/key-set-layer.md",
    "docs/deploy/terraform/README.md",
    "docs/maintainers/key-states.md",
    "docs/maintainers/benchmarks.md",
];

/// The images of the pages.
const IMAGES: [(&str, &[u8]); 4] = [
    ("docs/local-gateway-good.png", include_bytes!("../../../docs/local-gateway-good.png")),
    ("docs/local-gateway-refused.png", include_bytes!("../../../docs/local-gateway-refused.png")),
    ("docs/local-gateway-trap.png", include_bytes!("../../../docs/local-gateway-trap.png")),
    (
        "docs/local-gateway-trap-browser.png",
        include_bytes!("../../../docs/local-gateway-trap-browser.png"),
    ),
];

/// Returns the page or the image at this path from the project's root.
pub(super) fn at(path: &str) -> Option<Answer> {
    if let Some((_, image)) = IMAGES.iter().find(|(name, _)| *name == path) {
        return Some(files::file("image/png", *image));
    }
    let (_, markdown) = PAGES.iter().find(|(name, _)| *name == path)?;
    Some(files::file("text/html; charset=utf-8", document(path, markdown)))
}

/// Returns a page as HTML, with a list of all pages.
fn document(path: &str, markdown: &str) -> String {
    let mut links = String::new();
    for (name, text) in PAGES {
        let current = if name == path { " aria-current=\"page\"" } else { "" };
        links += &format!("<li><a href=\"/{name}\"{current}>{}</a></li>", title(text));
    }
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{} – local-gateway</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <link rel=\"stylesheet\" href=\"/page.css\"><link rel=\"stylesheet\" href=\"/docs.css\">\
         <body class=\"docs\"><nav aria-label=\"Documentation\"><a href=\"/\">← local-gateway</a>\
         <ul>{links}</ul></nav><main>{}</main></body></html>",
        title(markdown),
        body(path, markdown),
    )
}

/// Returns the first heading. It has no character that HTML escapes.
fn title(markdown: &str) -> &str {
    markdown.lines().next().unwrap_or_default().trim_start_matches("# ")
}

/// Renders Markdown, with anchors, and without links to files that are not served.
fn body(path: &str, markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_GFM;
    let mut events: Vec<Event<'_>> = Parser::new_ext(markdown, options).collect();
    let mut anchors = anchors(&events).into_iter();
    let mut dropped = false;
    events.retain_mut(|event| {
        if let Event::Start(Tag::Heading { id, .. }) = event {
            *id = anchors.next().map(CowStr::from);
        }
        if let Event::Start(Tag::Link { dest_url, .. }) = event {
            dropped = !is_served(path, dest_url);
            return !dropped;
        }
        !(matches!(event, Event::End(TagEnd::Link)) && std::mem::take(&mut dropped))
    });
    let mut text = String::new();
    html::push_html(&mut text, events.into_iter());
    text
}

/// Returns the anchor of each heading, as GitHub makes it.
fn anchors(events: &[Event<'_>]) -> Vec<String> {
    let mut anchors = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut heading = String::new();
    for event in events {
        if let Event::Start(Tag::Heading { .. }) = event {
            heading.clear();
        } else if let Event::Text(text) | Event::Code(text) = event {
            heading.push_str(text);
        } else if let Event::End(TagEnd::Heading(_)) = event {
            let slug = slug(&heading);
            let count = seen.entry(slug.clone()).or_default();
            anchors.push(if *count == 0 { slug } else { format!("{slug}-{count}") });
            *count += 1;
        }
    }
    anchors
}

fn slug(heading: &str) -> String {
    let kept = |character: &char| character.is_alphanumeric() || " -_".contains(*character);
    heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

/// Tells whether a link on the page at `path` leads to another site or to something served here.
fn is_served(path: &str, link: &str) -> bool {
    let (target, _) = link.split_once('#').unwrap_or((link, ""));
    target.is_empty()
        || target.starts_with("https://")
        || PAGES.iter().any(|(name, _)| *name == resolve(path, target))
}

/// Returns the path from the project's root of a link on the page at `path`.
fn resolve(path: &str, link: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests;
