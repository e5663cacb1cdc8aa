//! The command line's arguments.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
Runs the authorizer behind a WebSocket, a REST and an HTTP API on this machine, with an issuer
and a page that shows what happens to each request. Nothing leaves loopback, and no AWS
account is needed.

Usage: cargo run -p local-gateway [-- OPTIONS]
           runs until Ctrl-C; prints the page's address, tokens and client commands
       cargo run -p local-gateway -- demo [--binary FILE]
           connects a real client; fails if a result is wrong
       cargo run -p local-gateway -- rest ADDRESS SCOPE [OPTIONS]
           a REST API whose /mcp passes requests on to the HTTP server at ADDRESS;
           runs until Ctrl-C; a 403 names SCOPE

Options:
  --port PORT           port of the page; it must be free. 0 is any free port.
                        Default: 8700, or a free port if 8700 is taken. The APIs and the
                        issuer take the ports after it, or free ones.
  --env-file FILE       settings for the function: lines of NAME=VALUE, blank lines, and
                        comments that begin with #. May be repeated
  --set NAME=VALUE      a setting for the function. May be repeated
  --binary FILE         the function's executable; if not given, cargo builds it
  -h, --help            print this

Settings are variables that begin with AUTHORIZER_. --set overrides --env-file, which
overrides the environment. If they name an issuer, the function trusts this one only, and not
the built-in one.

Environment variables:
  JWKS_AUTHORIZER_BIN   the same as --binary
  AUTHORIZER_*          settings for the function; not allowed with the demo
";

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Serve,
    Demo,
    Rest { backend: String, scope: String },
}

/// The arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) command: Command,
    pub(crate) port: Option<u16>,
    pub(crate) env_files: Vec<PathBuf>,
    pub(crate) set: Vec<String>,
    pub(crate) binary: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments.
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, lexopt::Error> {
        let mut parser = Parser::from_args(arguments);
        let mut values = Vec::new();
        let mut help = false;
        let (mut port, mut env_files, mut set, mut binary) = (None, Vec::new(), Vec::new(), None);
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => help = true,
                Arg::Long("port") => port = Some(parser.value()?.parse()?),
                Arg::Long("env-file") => env_files.push(parser.value()?.into()),
                Arg::Long("set") => set.push(parser.value()?.string()?),
                Arg::Long("binary") => binary = Some(parser.value()?.into()),
                Arg::Value(value) => values.push(value.string()?),
                other @ (Arg::Short(_) | Arg::Long(_)) => return Err(other.unexpected()),
            }
        }
        let command = match values.as_slice() {
            _ if help => Command::Help,
            [] => Command::Serve,
            [demo] if demo == "demo" => Command::Demo,
            [rest, backend, scope] if rest == "rest" => {
                Command::Rest { backend: backend.clone(), scope: scope.clone() }
            }
            unknown => {
                let unknown = unknown.join(" ");
                let commands = "the commands are `demo` and `rest ADDRESS SCOPE`";
                return Err(format!("unknown arguments: {unknown}; {commands}").into());
            }
        };
        if command == Command::Demo && !(env_files.is_empty() && set.is_empty()) {
            return Err("the demo has settings of its own".into());
        }
        if command != Command::Serve && command != Command::Help && port.is_some() {
            return Err("only the page has a --port".into());
        }
        Ok(Self { command, port, env_files, set, binary })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        Options::parse(arguments.iter().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_every_option() {
        let none = Options {
            command: Command::Serve,
            port: None,
            env_files: Vec::new(),
            set: Vec::new(),
            binary: None,
        };
        assert_eq!(parse(&[]), Ok(none));
        let all = "--port 9000 --env-file a --env-file=b --set A=1 --set B=2 --binary f";
        let all = parse(&all.split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!(all.port, Some(9000));
        assert_eq!(all.env_files, [PathBuf::from("a"), PathBuf::from("b")]);
        assert_eq!(all.set, ["A=1", "B=2"]);
        assert_eq!(all.binary, Some(PathBuf::from("f")));
        let rest = parse(&["rest", "127.0.0.1:3000", "read", "--set", "A=1"]).unwrap();
        let (backend, scope) = ("127.0.0.1:3000".to_owned(), "read".to_owned());
        assert_eq!(rest.command, Command::Rest { backend, scope });
        assert_eq!(parse(&["demo", "--binary", "f"]).unwrap().command, Command::Demo);
        assert_eq!(parse(&["demo", "--help"]).unwrap().command, Command::Help);
    }

    #[test]
    fn refuses_other_arguments() {
        for (arguments, error) in [
            (["serve", "-h=1"].as_slice(), "unexpected argument"),
            (&["serve"], "unknown arguments: serve"),
            (&["rest", "127.0.0.1:3000"], "unknown arguments: rest 127.0.0.1:3000"),
            (&["--prot", "1"], "invalid option '--prot'"),
            (&["--port"], "missing argument for option '--port'"),
            (&["--port", "65536"], "cannot parse argument \"65536\""),
            (&["demo", "--set", "A=1"], "the demo has settings of its own"),
            (&["demo", "--env-file", "f"], "the demo has settings of its own"),
            (&["demo", "--port", "1"], "only the page has a --port"),
        ] {
            let found = parse(arguments).unwrap_err();
            assert!(found.contains(error), "{arguments:?}: {found}");
        }
    }
}
