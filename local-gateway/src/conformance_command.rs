//! The command `conformance`: sends the table of cases to APIs, and prints the differences.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use local_gateway::conformance::{self, Endpoints, Table, Verdict};
use local_gateway::stack::Stack;

use crate::Failure;

/// Returns the built-in APIs, with the function's `executable`.
pub(crate) async fn built_in(table: &Table, executable: &Path) -> Result<Endpoints, Failure> {
    let settings: Vec<_> = table.settings.iter().collect();
    Ok(Endpoints::BuiltIn(Box::new(Stack::start(executable, &settings).await?)))
}

/// Returns the APIs at these URLs, each in the form `NAME=URL`.
pub(crate) fn at(
    table: &Table,
    arguments: &[String],
    max_wait: Duration,
) -> Result<Endpoints, Failure> {
    let mut urls = BTreeMap::new();
    for argument in arguments {
        let named = argument.split_once('=').filter(|(name, _)| table.apis.contains_key(*name));
        let Some((name, url)) = named else {
            let names: Vec<_> = table.apis.keys().map(String::as_str).collect();
            return Err(Failure::Url { argument: argument.clone(), names: names.join(", ") });
        };
        urls.insert(name.to_owned(), url.to_owned());
    }
    Ok(Endpoints::at(urls, max_wait))
}

/// Sends the cases, and prints what became of each.
pub(crate) async fn run(table: &Table, endpoints: &Endpoints) -> Result<(), Failure> {
    if let Endpoints::At { .. } = endpoints {
        let seconds = conformance::waits(table, endpoints).as_secs();
        println!("The cases wait for {seconds} s in all, for cached responses to expire.");
    }
    let (mut passed, mut in_part, mut failed, mut not_checked) = (0, 0, 0, 0);
    for case in &table.cases {
        let (counter, word, lines) = match conformance::check(table, case, endpoints).await {
            Verdict::Passed => (&mut passed, "passed", Vec::new()),
            Verdict::PassedInPart(unseen) => (&mut in_part, "in part", vec![unseen]),
            Verdict::Failed(differences) => (&mut failed, "FAILED", differences),
            Verdict::NotChecked(reason) => (&mut not_checked, "not checked", vec![reason]),
        };
        *counter += 1;
        println!("{word:<12} {}", case.rule);
        for line in lines {
            println!("{:<12}   {line}", "");
        }
    }
    println!(
        "\n{passed} passed, {failed} failed, {in_part} passed in part, {not_checked} not checked"
    );
    if failed > 0 {
        return Err(Failure::Conformance(failed));
    }
    if passed + in_part == 0 {
        return Err(Failure::NothingChecked);
    }
    Ok(())
}
