//! What the property tests of all modules share.

use proptest::test_runner::{Config, RngSeed};

/// A property test's configuration: the same cases every time, so that a change is judged by what it changes.
///
/// `PROPTEST_CASES` and `PROPTEST_RNG_SEED` in the environment search further, for example
/// `PROPTEST_CASES=20000 PROPTEST_RNG_SEED=7 cargo test --lib layout`.
pub(crate) fn property(cases: u32) -> Config {
    // The environment is in here already.
    let given = Config::default();
    Config {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() {
            given.cases
        } else {
            cases
        },
        rng_seed: match given.rng_seed {
            RngSeed::Random => RngSeed::Fixed(20_261_124),
            fixed => fixed,
        },
        failure_persistence: None,
        ..given
    }
}
