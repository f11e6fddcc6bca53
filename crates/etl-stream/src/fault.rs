//! The error that knows its exit code.
//!
//! The codes are part of the wire, because an `abort` line carries one from a failed producer to its reader. They
//! are those of `docs/contract.md`: each answers the one question an orchestrator has, whether to run again.

use std::error::Error;
use std::fmt;

/// Where a failure happened, as an `abort` says it. All of it is optional, and is passed on by every stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The step that failed, which is the name of a program.
    pub step: Option<String>,
    /// The pipeline that it is a step of.
    pub pipeline: Option<String>,
    /// The table that it was loading.
    pub table: Option<String>,
    /// The last lines of its stderr.
    pub log: Vec<String>,
}

impl Details {
    /// Those of a step of this name.
    pub fn of_step(name: impl Into<String>) -> Details {
        Details { step: Some(name.into()), ..Details::default() }
    }
}

/// Why a component failed, which decides its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 2: a flag or an argument is wrong.
    Usage,
    /// 3: the data is bad.
    Data,
    /// 66: an input file is missing or unreadable.
    NoInput,
    /// 70: a bug: a panic or a broken invariant.
    Bug,
    /// 74: local input or output failed, such as a full disk.
    Io,
    /// 75: transient: retries or a quota used up, or a producer that died. The only one of these that is worth another
    /// run.
    Transient,
    /// 76: the remote broke its protocol.
    Protocol,
    /// 77: credentials refused or no permission.
    Denied,
    /// 78: configuration, such as a missing variable or an unknown city.
    Config,
    /// 141: the reader of stdout went away. Silent.
    Closed,
    /// 128+n: ended by signal n, everything rolled back.
    Signal(u8),
}

impl Class {
    /// Every class with a fixed code, in the order of the codes.
    pub const ALL: [Class; 10] = [
        Class::Usage,
        Class::Data,
        Class::NoInput,
        Class::Bug,
        Class::Io,
        Class::Transient,
        Class::Protocol,
        Class::Denied,
        Class::Config,
        Class::Closed,
    ];

    /// The process exit code.
    pub const fn code(self) -> u8 {
        match self {
            Class::Usage => 2,
            Class::Data => 3,
            Class::NoInput => 66,
            Class::Bug => 70,
            Class::Io => 74,
            Class::Transient => 75,
            Class::Protocol => 76,
            Class::Denied => 77,
            Class::Config => 78,
            Class::Closed => 141,
            Class::Signal(n) => 128 + n,
        }
    }

    /// The class of an exit code, or `None` for 0 and for codes outside the table.
    pub fn from_code(code: u64) -> Option<Class> {
        let fixed = Class::ALL.into_iter().find(|class| u64::from(class.code()) == code);
        // Signals are 1 to 64 on Linux, real-time ones included.
        fixed.or_else(|| (129..=192).contains(&code).then(|| Class::Signal((code - 128) as u8)))
    }

    /// What the code means, in the words of the table in `docs/contract.md`.
    pub const fn meaning(self) -> &'static str {
        match self {
            Class::Usage => "usage: a wrong flag or argument",
            Class::Data => "the data is bad",
            Class::NoInput => "an input file is missing or unreadable",
            Class::Bug => "a bug: a panic or a broken invariant",
            Class::Io => "local I/O: disk full, read error",
            Class::Transient => "transient: retries or a quota used up, or the producer died",
            Class::Protocol => "the remote broke its protocol",
            Class::Denied => "credentials refused or no permission",
            Class::Config => "configuration",
            Class::Closed => "the reader of stdout went away",
            Class::Signal(_) => "ended by a signal, everything rolled back",
        }
    }
}

/// A failure with its [`Class`], a message for people, and what caused it.
///
/// Components pass errors up as `anyhow::Error`; the first `Fault` in the chain decides the exit code. The class is for
/// the orchestrator; code that has to tell failures apart asks a predicate such as [`Fault::is_cut`].
#[derive(Debug)]
pub struct Fault {
    class: Class,
    kind: Kind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    /// Where it happened, if that is not the component that reports it.
    details: Option<Box<Details>>,
}

/// What code may ask about a failure.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Other,
    /// The input ended too early.
    Cut,
    /// The reader of the output went away.
    Closed,
    /// The producer said with an `abort` that it failed.
    Aborted,
}

/// What the message of an `abort` is introduced with.
const ABORTED: &str = "the producer failed: ";

impl Fault {
    /// A failure of this class, described by `message`.
    pub fn new(class: Class, message: impl Into<String>) -> Fault {
        Fault { class, kind: Kind::Other, message: message.into(), source: None, details: None }
    }

    /// An input that ended too early. The class says whether it is worth another run; see [`crate::Origin::cut`].
    pub(crate) fn cut(class: Class, message: impl Into<String>) -> Fault {
        Fault { kind: Kind::Cut, ..Fault::new(class, message) }
    }

    /// The producer's own failure, as its `abort` says it.
    pub(crate) fn aborted(class: Class, said: &str, details: Details) -> Fault {
        let fault = Fault { kind: Kind::Aborted, ..Fault::new(class, format!("{ABORTED}{said}")) };
        fault.of_step(details)
    }

    /// The reader of the output went away (exit code 141).
    pub(crate) fn closed() -> Fault {
        Fault { kind: Kind::Closed, ..Fault::new(Class::Closed, "the reader of the output went away") }
    }

    /// Bad data (exit code 3).
    pub fn data(message: impl Into<String>) -> Fault {
        Fault::new(Class::Data, message)
    }

    /// Wrong or missing configuration (exit code 78).
    pub fn config(message: impl Into<String>) -> Fault {
        Fault::new(Class::Config, message)
    }

    /// A wrong flag or argument (exit code 2).
    pub fn usage(message: impl Into<String>) -> Fault {
        Fault::new(Class::Usage, message)
    }

    /// The same failure, caused by `source`, which is printed after it.
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Fault {
        self.source = Some(source.into());
        self
    }

    /// The same failure, with more text after its message.
    pub fn adding(mut self, more: &str) -> Fault {
        self.message += more;
        self
    }

    /// The same failure, with the place that it is about before its message.
    pub fn at(mut self, place: &str) -> Fault {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// The same failure, which happened in another step than the one that reports it.
    pub fn of_step(mut self, details: Details) -> Fault {
        self.details = Some(Box::new(details));
        self
    }

    /// The same failure, described by `message`, with the description so far as its cause.
    pub fn within(self, message: impl Into<String>) -> Fault {
        let (class, kind) = (self.class, self.kind);
        Fault { kind, ..Fault::new(class, message).because(self) }
    }

    /// Whether the input ended too early, which means that its producer failed.
    pub fn is_cut(&self) -> bool {
        self.kind == Kind::Cut
    }

    /// Whether the reader of the output went away.
    pub fn is_closed(&self) -> bool {
        self.kind == Kind::Closed
    }

    /// What the producer said of its failure, if that is what this is: the first cause, which goes down a pipe as it
    /// is, however many stages pass it on.
    pub fn of_producer(&self) -> Option<&str> {
        if self.kind == Kind::Aborted { self.message.strip_prefix(ABORTED) } else { None }
    }

    /// Where it happened, if that is not the component that reports it.
    pub fn details(&self) -> Option<&Details> {
        let mut fault = Some(self);
        while let Some(at) = fault {
            if let Some(details) = &at.details {
                return Some(details);
            }
            fault = at.source.as_deref().and_then(|source| source.downcast_ref());
        }
        None
    }

    /// The class, which decides the exit code.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The message without its causes.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// A number of things in a message: `1 record`, `2 records`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Names in a message, as far as they fit on a line: `a, b and more`.
pub fn listed(names: &[impl AsRef<str>]) -> String {
    const MOST: usize = 10;
    let shown: Vec<&str> = names.iter().take(MOST).map(AsRef::as_ref).collect();
    shown.join(", ") + if names.len() > MOST { " and more" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let counted = |count| counted(count, "record", "records");
        assert_eq!([0, 1, 2].map(counted), ["0 records", "1 record", "2 records"]);
    }

    #[test]
    fn a_list_is_a_line() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["x"; 10]), ["x"; 10].join(", "));
        assert_eq!(listed(&["x"; 11]), ["x"; 10].join(", ") + " and more");
    }

    #[test]
    fn a_description_around_a_failure_keeps_what_it_is() {
        let fault = Fault::cut(Class::Transient, "cut").within("the output of `x`");
        assert!(fault.is_cut() && !fault.is_closed());
        assert_eq!((fault.class(), fault.message()), (Class::Transient, "the output of `x`"));
        assert_eq!(fault.source().map(ToString::to_string).as_deref(), Some("cut"));
        assert!(Fault::closed().within("stdout").is_closed());
        assert!(!Fault::new(Class::Closed, "an abort of 141").is_closed());
        let fault =
            Fault::aborted(Class::Denied, "no key", Details::default()).adding(" (2 points were sent)");
        assert_eq!(fault.message(), "the producer failed: no key (2 points were sent)");
        assert_eq!(fault.of_producer(), Some("no key (2 points were sent)"));
        assert_eq!(fault.within("the output of `x`").of_producer(), None);
        assert_eq!(Fault::data("the producer failed: x").of_producer(), None);
    }

    #[test]
    fn codes_round_trip() {
        for class in Class::ALL {
            assert_eq!(Class::from_code(class.code().into()), Some(class));
        }
        assert_eq!(Class::from_code(143), Some(Class::Signal(15)));
        for outside in [0, 1, 4, 64, 65, 99, 101, 125, 128, 193, 256, 331, u64::MAX] {
            assert_eq!(Class::from_code(outside), None, "{outside}");
        }
    }
}
