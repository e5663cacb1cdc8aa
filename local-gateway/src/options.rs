//! The command line's arguments.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};
use local_gateway::lambda::{LambdaOptions, MAX_ENVIRONMENTS, MAX_TIMEOUT_SECONDS};

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
Runs the authorizer behind a WebSocket, a REST and an HTTP API on this machine, with an issuer
and a page that shows what happens to each request. No AWS account is needed. It listens on
loopback only, and sends nothing elsewhere, unless a setting or an option names another host.

Usage: cargo run -p local-gateway [-- OPTIONS]
           runs until Ctrl-C; prints the page's address, tokens and client commands
       cargo run -p local-gateway -- demo [--binary FILE]
           connects a real client; fails if a result is wrong
       cargo run -p local-gateway -- conformance [--binary FILE]
           sends the table of cases to the built-in APIs; fails if an answer differs
       cargo run -p local-gateway -- conformance --url NAME=URL [--max-wait SECONDS]
           sends the cases to other APIs, for example those of conformance.yaml in AWS
       cargo run -p local-gateway -- conformance --template
           prints conformance.yaml, a SAM template of the APIs
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
  --gateway-responses FILE
                        the REST API's gateway responses: JSON in the form of
                        x-amazon-apigateway-gateway-responses
  --integration WHAT    what is behind each API, as a Lambda proxy integration. WHAT is
                        - a command, which runs for each request. The event is its standard
                          input, the response its standard output, both as JSON. Spaces
                          separate words, quotation marks keep them together, and no shell
                          is involved: sh -c '…' runs one
                        - a URL that begins with http://, to which the event is posted, and
                          whose body is the response. https is not supported
                        Default: an echo, which responds with the event
  --environments N      how many execution environments of the function may work at the same
                        time, from 0 to 100: its reserved concurrency. Default: 10, the limit
                        of many new AWS accounts. Further events are throttled
  --timeout SECONDS     the function's timeout, from 1 to 900. Default: 9, as in template.yaml
  --no-freeze           lets the function run between events. Lambda freezes it, and so does
                        this program, but not on Windows
  --binary FILE         the function's executable; if not given, cargo builds it
  -h, --help            print this

Options of conformance:
  --url NAME=URL        where an API of the table is; NAME is its name there. May be repeated.
                        Cases without a URL are not checked
  --max-wait SECONDS    cases that wait longer for a cached response to expire are not checked.
                        Default: 300

Settings are variables that begin with AUTHORIZER_. --set overrides --env-file, which
overrides the environment. If they name an issuer, the function trusts this one only, and not
the built-in one.

Environment variables:
  JWKS_AUTHORIZER_BIN   the same as --binary
  AUTHORIZER_*          settings for the function; not allowed with the demo
";

/// The cases about a time to live of 300 s wait that long, and those about an hour do not.
const DEFAULT_MAX_WAIT_SECONDS: u64 = 300;

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Serve,
    Demo,
    Conformance,
    Rest { backend: String, scope: String },
}

/// The arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) command: Command,
    pub(crate) port: Option<u16>,
    pub(crate) env_files: Vec<PathBuf>,
    pub(crate) set: Vec<String>,
    pub(crate) gateway_responses: Option<PathBuf>,
    pub(crate) integration: Option<String>,
    pub(crate) urls: Vec<String>,
    pub(crate) max_wait: Duration,
    pub(crate) template: bool,
    pub(crate) lambda: LambdaOptions,
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
        let (mut port, mut env_files, mut set) = (None, Vec::new(), Vec::new());
        let (mut gateway_responses, mut integration, mut binary) = (None, None, None);
        let (mut urls, mut max_wait, mut template) = (Vec::new(), None, false);
        let mut lambda = LambdaOptions::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => help = true,
                Arg::Long("port") => port = Some(number("port", &mut parser, 0, u16::MAX)?),
                Arg::Long("env-file") => env_files.push(parser.value()?.into()),
                Arg::Long("set") => set.push(parser.value()?.string()?),
                Arg::Long("gateway-responses") => gateway_responses = Some(parser.value()?.into()),
                Arg::Long("integration") => integration = Some(parser.value()?.string()?),
                Arg::Long("url") => urls.push(parser.value()?.string()?),
                Arg::Long("max-wait") => {
                    max_wait = Some(number("max-wait", &mut parser, 0, 86_400)?)
                }
                Arg::Long("template") => template = true,
                Arg::Long("environments") => {
                    lambda.environments = number("environments", &mut parser, 0, MAX_ENVIRONMENTS)?;
                }
                Arg::Long("timeout") => {
                    let seconds = number("timeout", &mut parser, 1, MAX_TIMEOUT_SECONDS)?;
                    lambda.timeout = Duration::from_secs(seconds);
                }
                Arg::Long("no-freeze") => lambda.freezes = false,
                Arg::Long("binary") => binary = Some(parser.value()?.into()),
                Arg::Value(value) => values.push(value.string()?),
                other @ (Arg::Short(_) | Arg::Long(_)) => return Err(other.unexpected()),
            }
        }
        let command = match values.as_slice() {
            _ if help => Command::Help,
            [] => Command::Serve,
            [demo] if demo == "demo" => Command::Demo,
            [conformance] if conformance == "conformance" => Command::Conformance,
            [rest, backend, scope] if rest == "rest" => {
                Command::Rest { backend: backend.clone(), scope: scope.clone() }
            }
            unknown => {
                let unknown = unknown.join(" ");
                let commands = "the commands are `demo`, `conformance` and `rest ADDRESS SCOPE`";
                return Err(format!("unknown arguments: {unknown}; {commands}").into());
            }
        };
        let has_settings = !(env_files.is_empty() && set.is_empty());
        if command == Command::Demo && has_settings {
            return Err("the demo has settings of its own".into());
        }
        if command == Command::Conformance && has_settings {
            return Err("the table of cases has the settings".into());
        }
        if command != Command::Conformance
            && command != Command::Help
            && (!urls.is_empty() || max_wait.is_some() || template)
        {
            return Err("only `conformance` takes --url, --max-wait and --template".into());
        }
        let max_wait = Duration::from_secs(max_wait.unwrap_or(DEFAULT_MAX_WAIT_SECONDS));
        let has_page = matches!(command, Command::Serve | Command::Help);
        if !has_page && port.is_some() {
            return Err("only the page has a --port".into());
        }
        if !has_page && gateway_responses.is_some() {
            return Err("only the APIs with the page take --gateway-responses".into());
        }
        if !has_page && integration.is_some() {
            return Err("this command has an integration of its own".into());
        }
        if !has_page && lambda != LambdaOptions::default() {
            return Err("only the function with the page takes options of Lambda".into());
        }
        Ok(Self {
            command,
            port,
            env_files,
            set,
            gateway_responses,
            integration,
            lambda,
            urls,
            max_wait,
            template,
            binary,
        })
    }
}

/// Reads the value of an option, a number between two others.
fn number<T>(option: &str, parser: &mut Parser, least: T, most: T) -> Result<T, lexopt::Error>
where
    T: FromStr + PartialOrd + Display,
{
    let value = parser.value()?.string()?;
    match value.parse::<T>() {
        Ok(number) if number >= least && number <= most => Ok(number),
        Ok(_) | Err(_) => {
            Err(format!("--{option} takes a number from {least} to {most}, and not {value}").into())
        }
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
            gateway_responses: None,
            integration: None,
            urls: Vec::new(),
            max_wait: Duration::from_secs(300),
            template: false,
            lambda: LambdaOptions::default(),
            binary: None,
        };
        assert_eq!(parse(&[]), Ok(none));
        let all = "--port 9000 --env-file a --env-file=b --set A=1 --set B=2 \
                   --gateway-responses g --integration c --binary f";
        let all = parse(&all.split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!(all.port, Some(9000));
        assert_eq!(all.env_files, [PathBuf::from("a"), PathBuf::from("b")]);
        assert_eq!(all.set, ["A=1", "B=2"]);
        assert_eq!(all.gateway_responses, Some(PathBuf::from("g")));
        assert_eq!(all.integration.as_deref(), Some("c"));
        assert_eq!(all.binary, Some(PathBuf::from("f")));
        let lambda =
            parse(&["--environments", "0", "--timeout=900", "--no-freeze"]).unwrap().lambda;
        let timeout = Duration::from_secs(900);
        assert_eq!(lambda, LambdaOptions { timeout, environments: 0, freezes: false });
        let rest = parse(&["rest", "127.0.0.1:3000", "read", "--set", "A=1"]).unwrap();
        let (backend, scope) = ("127.0.0.1:3000".to_owned(), "read".to_owned());
        assert_eq!(rest.command, Command::Rest { backend, scope });
        assert_eq!(parse(&["demo", "--binary", "f"]).unwrap().command, Command::Demo);
        let urls = parse(&["conformance", "--url", "A=b", "--url", "C=d", "--max-wait=7"]).unwrap();
        assert_eq!(urls.command, Command::Conformance);
        assert_eq!(urls.urls, ["A=b", "C=d"]);
        assert_eq!(urls.max_wait, Duration::from_secs(7));
        assert!(parse(&["conformance", "--template"]).unwrap().template);
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
            (&["--port", "65536"], "--port takes a number from 0 to 65535, and not 65536"),
            (&["--port", "-1"], "--port takes a number from 0 to 65535, and not -1"),
            (&["demo", "--set", "A=1"], "the demo has settings of its own"),
            (&["demo", "--env-file", "f"], "the demo has settings of its own"),
            (&["conformance", "--set", "A=1"], "the table of cases has the settings"),
            (
                &["conformance", "--max-wait", "x"],
                "--max-wait takes a number from 0 to 86400, and not x",
            ),
            (&["demo", "--url", "A=b"], "only `conformance` takes --url"),
            (&["--max-wait", "1"], "only `conformance` takes --url"),
            (&["--template"], "only `conformance` takes --url"),
            (
                &["--environments", "101"],
                "--environments takes a number from 0 to 100, and not 101",
            ),
            (&["--timeout", "0"], "--timeout takes a number from 1 to 900, and not 0"),
            (&["--timeout", "901"], "--timeout takes a number from 1 to 900, and not 901"),
            (&["demo", "--no-freeze"], "only the function with the page takes options of Lambda"),
            (&["demo", "--port", "1"], "only the page has a --port"),
            (&["demo", "--gateway-responses", "g"], "only the APIs with the page take"),
            (&["demo", "--integration", "a"], "this command has an integration of its own"),
        ] {
            let found = parse(arguments).unwrap_err();
            assert!(found.contains(error), "{arguments:?}: {found}");
        }
    }
}
