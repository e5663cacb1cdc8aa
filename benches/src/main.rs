//! Measures jwks-authorizer as a whole process.
mod instructions;
fn main() -> bench::scene::Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["repeat", runs] => instructions::repeat(runs.parse()?),
        ["instructions"] => instructions::check(),
        ["instructions", "--record"] => instructions::record(),
        _ => Err("usage".into()),
    }
}
