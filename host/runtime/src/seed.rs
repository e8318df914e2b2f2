//! The randomness that a plugin sees: the same for the same call, on every machine and in every replay.

use std::convert::Infallible;

use rand_core::TryRng;
use sha2::{Digest as _, Sha256};

/// What a call's randomness grows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed([u8; 32]);

impl Seed {
    /// Returns the seed of a call that `parts` tell apart from all others.
    pub(crate) fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new_with_prefix("lockstep guest randomness 1");
        for part in parts {
            // The length keeps ("ab", "c") and ("a", "bc") apart.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// Returns 128 bits for `wasi:random/insecure-seed`.
    pub(crate) fn number(self) -> u128 {
        let mut stream = self.stream("seed");
        (0..4).fold(0, |number, _| (number << 32) | u128::from(stream.word()))
    }

    /// Returns an endless stream of bytes, another one for each `purpose`.
    ///
    /// SHA-256 over a counter rather than a library's generator: a replay may happen under a newer Lockstep, and
    /// libraries change their generators between versions.
    pub(crate) fn stream(self, purpose: &'static str) -> Stream {
        Stream { seed: self, purpose, block: 0, left: Vec::new() }
    }
}

/// An endless stream of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    seed: Seed,
    purpose: &'static str,
    block: u64,
    left: Vec<u8>,
}

impl Stream {
    fn byte(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.left.pop() {
                return byte;
            }
            let hash = Sha256::new_with_prefix(self.seed.0)
                .chain_update(self.purpose)
                .chain_update(self.block.to_le_bytes());
            self.left = hash.finalize().to_vec();
            self.block += 1;
        }
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(self.word()) | (u64::from(self.word()) << 32))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill_with(|| self.byte());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_its_seed_and_purpose_alone() {
        let bytes = |seed: Seed, purpose| {
            let mut bytes = [0; 100];
            seed.stream(purpose).try_fill_bytes(&mut bytes).unwrap();
            bytes
        };
        let seed = Seed::of(&["run", "step"]);
        assert_eq!(bytes(seed, "a"), bytes(seed, "a"));
        assert_ne!(bytes(seed, "a"), bytes(seed, "b"));
        assert_ne!(bytes(seed, "a"), bytes(Seed::of(&["runs", "tep"]), "a"));
    }
}
