use std::fs;
use std::path::Path;

use super::super::{files, traps};
use super::*;

/// Returns what follows each `before` in a text, up to the next quotation mark.
fn after<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next())
}

fn markdown(path: &str) -> Option<&'static str> {
    PAGES.iter().find(|(name, _)| *name == path).map(|(_, markdown)| *markdown)
}

#[track_caller]
fn leads_somewhere(from: &str, link: &str) {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = if path.is_empty() { from.to_owned() } else { resolve(from, path) };
    let page = markdown(&path).unwrap_or_else(|| panic!("{from} links to {path}"));
    let id = format!("id=\"{anchor}\"");
    assert!(anchor.is_empty() || body(&path, page).contains(&id), "{from} links to {link}");
}

#[test]
fn serves_every_markdown_file_of_the_documentation() {
    fn count(folder: &Path) -> usize {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let is_page = |path: &Path| path.extension().is_some_and(|it| it == "md");
        entries.map(|path| if path.is_dir() { count(&path) } else { is_page(&path).into() }).sum()
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    assert_eq!(PAGES.len(), count(&docs));
}

#[test]
fn every_link_between_pages_leads_to_an_anchor() {
    for (path, markdown) in PAGES {
        let html = body(path, markdown);
        let links = after(&html, "href=\"").filter(|link| !link.starts_with("https://"));
        links.for_each(|link| leads_somewhere(path, link));
        for image in after(&html, "img src=\"") {
            assert!(IMAGES.iter().any(|(name, _)| *name == resolve(path, image)), "{image}");
        }
    }
}

#[test]
fn every_link_of_the_page_leads_to_an_anchor() {
    traps::pages().for_each(|page| leads_somewhere("", page));
    let scripts: String = files::MODULES.iter().map(|(.., text)| *text).collect();
    let links: Vec<_> = after(&scripts, "\"docs/").collect();
    assert!(links.len() > 5, "{links:?}");
    links.iter().for_each(|link| leads_somewhere("", &format!("docs/{link}")));
}

#[test]
fn renders_anchors_tables_and_served_links_only() {
    let html = body(
        "docs/deploy/README.md",
        "# A `b_c`: d!\n\n## A\n\n## A\n\n|x|\n|-|\n|[in](../keys.md#age) [out](../../src/lib.rs) \
         [web](https://a.example/)|\n\n> [!WARNING]\n> Care.\n",
    );
    for part in [
        r#"<h1 id="a-b_c-d">A <code>b_c</code>: d!</h1>"#,
        r#"<h2 id="a-1">"#,
        r#"<td><a href="../keys.md#age">in</a> out <a href="https://a.example/">web</a></td>"#,
        r#"<blockquote class="markdown-alert-warning">"#,
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
}
