//! Moments at which a process is killed: random, and the same again from the same seed.

use std::process::Child;
use std::time::{Duration, SystemTime};

/// How often a process is looked at while it may live.
const EVERY: Duration = Duration::from_millis(20);

/// Moments from a seed, by `SplitMix64`.
#[derive(Debug)]
pub struct Moments(u64);

impl Moments {
    /// Begins with a seed that is printed, so that what was found can be looked for again.
    #[expect(clippy::print_stdout, reason = "whoever looks for a failure again needs the seed")]
    pub fn begin() -> Self {
        let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
        println!("the moments come from seed {seed}");
        Self(u64::from(seed))
    }

    /// Returns how long the next process may live.
    pub fn up_to(&mut self, longest: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let longest = u64::try_from(longest.as_micros()).unwrap();
        Duration::from_micros((mixed ^ (mixed >> 31)) % longest)
    }
}

/// Lets a process live for so long, kills it, and returns how it ended if it did before.
pub fn kill_after(process: &mut Child, moment: Duration) -> Option<i32> {
    let looks = moment.as_millis() / EVERY.as_millis();
    for _ in 0..looks {
        if let Some(ended) = process.try_wait().unwrap() {
            return ended.code();
        }
        std::thread::sleep(EVERY);
    }
    process.kill().unwrap();
    process.wait().unwrap().code()
}
