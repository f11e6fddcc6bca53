//! What is shared with chores that are programs of their own: running cargo, and what is shipped.

pub mod cargo;
pub mod components;
