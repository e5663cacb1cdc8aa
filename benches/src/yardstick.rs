//! The bare signature check, with which everything takes turns.

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cpu_time::ThreadTime;
use serde_json::Value;
use std::hint::black_box;

use crate::scene::Outcome;

/// An RS256 signature of a token, and the key that it fits, parsed once: the least that any
/// authorizer must do for a request.
pub struct Yardstick {
    key: ParsedPublicKey,
    signing_input: Vec<u8>,
    signature: Vec<u8>,
}

/// What something cost, and what the bare check cost at the same time, in seconds of CPU time.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// One run.
    pub run: f64,
    /// One bare check.
    pub bare_check: f64,
}

impl Sample {
    /// Returns the cost in bare checks.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.run / self.bare_check
    }
}

impl Yardstick {
    /// How many bare checks take a turn: enough for the clock, and short against a machine's moods.
    const TURN: u32 = 50;

    /// Makes a yardstick of a token and the JWK of the key that has signed it.
    ///
    /// # Errors
    ///
    /// When it is no such token.
    pub fn new(jwk: &Value, token: &str) -> Outcome<Self> {
        let parameter = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap_or_default());
        let components = RsaPublicKeyComponents { n: parameter("n")?, e: parameter("e")? };
        let (signing_input, signature) = token.rsplit_once('.').ok_or("no token")?;
        let yardstick = Self {
            key: components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)?,
            signing_input: signing_input.as_bytes().to_vec(),
            signature: URL_SAFE_NO_PAD.decode(signature)?,
        };
        if yardstick.check() { Ok(yardstick) } else { Err("the key does not fit the token".into()) }
    }

    /// Checks the signature once.
    #[must_use]
    pub fn check(&self) -> bool {
        self.key.verify_sig(black_box(&self.signing_input), black_box(&self.signature)).is_ok()
    }

    /// Runs `run` so many times, and the bare check before and after.
    pub fn sample(&self, runs: u32, mut run: impl FnMut()) -> Sample {
        let before = self.turn();
        let run = each(runs, &mut run);
        Sample { run, bare_check: f64::midpoint(before, self.turn()) }
    }

    /// Returns what a bare check costs now, in seconds of CPU time, once caches are warm.
    #[must_use]
    pub fn bare_check(&self) -> f64 {
        self.turn();
        self.turn()
    }

    fn turn(&self) -> f64 {
        each(Self::TURN, &mut || assert!(self.check()))
    }

    /// Takes so many samples, of so many runs each, and returns the median of their ratios. The
    /// first warms caches up and does not count.
    pub fn ratio(&self, samples: usize, runs: u32, mut run: impl FnMut()) -> f64 {
        let ratios = (0..=samples).map(|_| self.sample(runs, &mut run).ratio());
        median(ratios.skip(1).collect())
    }
}

/// Returns the CPU time, in seconds, of each of so many runs.
fn each(runs: u32, run: &mut impl FnMut()) -> f64 {
    let start = ThreadTime::now();
    (0..runs).for_each(|_| run());
    start.elapsed().as_secs_f64() / f64::from(runs)
}

/// Returns the middle of the values; zero where there are none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
