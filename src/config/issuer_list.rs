//! The lists of issuers, in `AUTHORIZER_ISSUERS` and in a file, and whose keys the start fetches.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::issuer::{IssuerConfig, read_issuer};
use super::issuers::Issuers;
use super::members::Members;
use super::problem::Mistake;
use super::read::{Reader, shown};
use super::{parse, parse_issuer, setting};
use crate::excerpt::Excerpt;
use crate::resource_metadata::Resource;

/// The most issuers of a list.
pub(super) const MAX_ISSUERS: usize = 1000;

/// The most issuers whose keys the start fetches. Each fetch has a connection and a buffer, all at the
/// same time, and the start waits a few seconds only.
pub(super) const MAX_PREFETCHED: usize = 32;

/// Reads all issuers. `read_file` returns the text of a file. The `resource` is the default audience.
pub(super) fn read_all(
    reader: &mut Reader,
    resource: Option<&Resource>,
    read_file: &dyn Fn(&Path) -> io::Result<String>,
) -> Issuers {
    let lists = read_lists(reader, read_file);
    let mut issuers = Vec::new();
    if reader.is_set(&setting::ISSUERS) || reader.is_set(&setting::ISSUERS_FILE) {
        for list in lists {
            issuers.extend(list.read(reader, resource));
        }
    } else {
        issuers.extend(read_issuer(reader, resource));
    }
    Issuers::new(with_prefetch_chosen(issuers))
}

/// A list of issuers.
struct IssuerList {
    /// The name that users know it by.
    name: Arc<str>,
    objects: Vec<Members>,
}

/// Returns the lists that are set: one at most, unless that is a mistake.
fn read_lists(
    reader: &mut Reader,
    read_file: &dyn Fn(&Path) -> io::Result<String>,
) -> Vec<IssuerList> {
    let of_variable = reader.optional(&setting::ISSUERS, |text| {
        let name = format!("{}{}", setting::PREFIX, setting::ISSUERS.name).into();
        Ok(IssuerList { name, objects: parse_issuer::issuers(text)? })
    });
    let of_file = reader.optional(&setting::ISSUERS_FILE, |path| {
        let text =
            read_file(Path::new(path)).map_err(|error| format!("it cannot be read ({error})"))?;
        Ok(IssuerList {
            name: shown(path).to_string().into(),
            objects: parse_issuer::issuers(&text)?,
        })
    });
    if reader.is_set(&setting::ISSUERS) && reader.is_set(&setting::ISSUERS_FILE) {
        reader.report(&setting::ISSUERS_FILE, Mistake::TwoLists);
    }
    if let Some(list) =
        [&setting::ISSUERS, &setting::ISSUERS_FILE].into_iter().find(|list| reader.is_set(list))
    {
        for setting in setting::all().filter(|setting| setting.per_issuer) {
            if reader.is_set(setting) {
                reader.report(setting, Mistake::BesideIssuers { setting, list });
            }
        }
    }
    of_variable.into_iter().chain(of_file).collect()
}

/// Returns a reader for each object of the lists.
pub(super) fn list_readers(
    reader: &mut Reader,
    read_file: &dyn Fn(&Path) -> io::Result<String>,
) -> Vec<Reader> {
    let readers = |IssuerList { name, objects }| {
        let objects = objects.into_iter().enumerate();
        objects.map(move |(index, members)| Reader::of_issuer(&name, index, members))
    };
    read_lists(reader, read_file).into_iter().flat_map(readers).collect()
}

impl IssuerList {
    fn read(
        self,
        reader: &mut Reader,
        resource: Option<&Resource>,
    ) -> Vec<(IssuerConfig, Option<bool>)> {
        let Self { name: list, objects } = self;
        if objects.len() > MAX_ISSUERS {
            reader.report_at(&list, Mistake::TooManyIssuers(objects.len()));
        }
        let mut issuers = Vec::new();
        for (index, members) in objects.into_iter().enumerate() {
            let mut object = Reader::of_issuer(&list, index, members);
            issuers.extend(read_issuer(&mut object, resource));
            reader.merge(object);
        }
        let names: Vec<&str> =
            issuers.iter().map(|(issuer, _)| issuer.rules.issuer.as_str()).collect();
        if let Some(name) = parse::first_repeated_text(&names) {
            reader.report_at(&list, Mistake::RepeatedIssuer(Excerpt::from(*name)));
        }
        let prefetched = issuers.iter().filter(|(_, prefetch)| *prefetch == Some(true)).count();
        if prefetched > MAX_PREFETCHED {
            reader.report_at(&list, Mistake::TooManyPrefetched(prefetched));
        }
        issuers
    }
}

/// Chooses whose keys the start fetches: those of the issuers with `prefetch`, or else of the first
/// ones without a file.
fn with_prefetch_chosen(issuers: Vec<(IssuerConfig, Option<bool>)>) -> Vec<IssuerConfig> {
    let is_chosen = issuers.iter().any(|(_, prefetch)| *prefetch == Some(true));
    let mut left = MAX_PREFETCHED;
    let choose = |(issuer, prefetch): (IssuerConfig, Option<bool>)| {
        let by_default = !is_chosen && left > 0 && prefetch.is_none() && issuer.jwks_file.is_none();
        left -= usize::from(by_default);
        IssuerConfig { prefetch: by_default || prefetch == Some(true), ..issuer }
    };
    issuers.into_iter().map(choose).collect()
}
