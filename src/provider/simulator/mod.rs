//! The simulator: the service's rules as a state machine.

pub mod world;
