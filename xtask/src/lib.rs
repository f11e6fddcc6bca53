//! What is shared with chores that are programs of their own: running cargo, what is shipped, and packages of Python.

pub mod cargo;
pub mod components;
pub mod python;
