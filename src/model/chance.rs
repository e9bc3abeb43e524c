//! Chance is an argument: one cryptographic generator, made in `app/`, seeded by hand in tests.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use rand::CryptoRng;
use rand::rngs::StdRng;

/// A shared cryptographically secure random generator (ChaCha12, seeded by the operating system in production).
#[derive(Clone)]
pub struct Chance(Arc<Mutex<StdRng>>);

impl Chance {
    /// Wraps a seeded generator.
    pub fn new(rng: StdRng) -> Self {
        Self(Arc::new(Mutex::new(rng)))
    }

    /// Lends the generator for one draw; never held across a wait.
    pub fn with<T>(&self, draw: impl FnOnce(&mut (dyn CryptoRng + '_)) -> T) -> T {
        draw(&mut *self.0.lock())
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.with(|rng| rng.fill_bytes(&mut bytes));
        bytes
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chance")
    }
}
