//! What the chores share that run as programs of their own: cargo, and what is shipped.

pub mod cargo;
pub mod components;
