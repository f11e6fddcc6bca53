//! What a loader is as a stage of a pipe, for its card.

use etl_component::{CommandCard, Reads, Stdout, When};

/// A loader whose sink has tables, a ledger and transactions: the flags of [`crate::LoadArgs`].
pub const COMMANDS: &[CommandCard] = &[CommandCard {
    when: &[
        PLAN,
        When { flag: "--print-state", values: &[], reads: Reads::Nothing, stdout: Stdout::Text },
        When::given("--print-runs", Reads::Nothing, Stdout::Schemas(&["etl.run"])),
        When { flag: "--emit", values: &["records", "new"], reads: Reads::Any, stdout: Stdout::PassesOn },
        SILENT,
        ASKED,
        STATES,
    ],
    ..LOAD
}];

/// A loader whose sink has none of that: the flags of [`crate::StreamArgs`], and no `--emit new`.
pub const STREAM_COMMANDS: &[CommandCard] = &[CommandCard {
    when: &[
        PLAN,
        When { flag: "--emit", values: &["records"], reads: Reads::Any, stdout: Stdout::PassesOn },
        SILENT,
        ASKED,
        STATES,
    ],
    ..LOAD
}];

const LOAD: CommandCard = CommandCard {
    files: &["etl.reject"],
    ..CommandCard::new("", Reads::Any, Stdout::Schemas(&["etl.receipt"]))
};

const PLAN: When = When { flag: "--plan", values: &[], reads: Reads::Any, stdout: Stdout::Text };

/// Receipts are printed for connectors, too, if they are asked for.
const ASKED: When = When {
    flag: "--emit",
    values: &["receipt"],
    reads: Reads::Any,
    stdout: Stdout::Schemas(&["etl.receipt"]),
};

/// What a connector's runner expects: states.
const STATES: When =
    When { flag: "--format", values: &["singer", "airbyte"], reads: Reads::Any, stdout: Stdout::Text };

const SILENT: When = When { flag: "--emit", values: &["none"], reads: Reads::Any, stdout: Stdout::Nothing };
