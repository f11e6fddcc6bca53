//! Why no session could be opened with a server.

use std::io;

use etl_component::{Class, Fault};
use postgres::error::{DbError, SqlState};

use crate::broken::{self, Broken};
use crate::{sqlstate, wording};

/// Why no session could be opened with a server, or with any of several.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The reason in words, with the server's name.
    text: String,
    verdict: Verdict,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// It cannot be reached, or is starting up: the next server is tried, and another run may reach this one.
    Away,
    /// It offers another kind of session: the next server is tried.
    Unwanted,
    /// It answered, and may accept at another time.
    NotNow,
    /// It refused, or can never be reached in this way: no other server may hide that.
    Final(Class),
}

impl Refusal {
    /// The server cannot be reached.
    pub(crate) fn away(text: String) -> Refusal {
        Refusal { text, verdict: Verdict::Away }
    }

    /// The session is not of the kind that was asked for.
    pub(crate) fn unwanted(text: String) -> Refusal {
        Refusal { text, verdict: Verdict::Unwanted }
    }

    /// Connecting failed before any server was asked.
    pub(crate) fn without_server(fault: &Fault) -> Refusal {
        let (mut text, mut source) = (fault.to_string(), std::error::Error::source(fault));
        while let Some(cause) = source {
            text += &format!(": {cause}");
            source = cause.source();
        }
        Refusal { text, verdict: Verdict::Final(fault.class()) }
    }

    /// A connection to this server failed. `shows_certificate`: whether we have a certificate to show.
    pub(crate) fn of(name: &str, error: &postgres::Error, shows_certificate: bool) -> Refusal {
        let (mut text, verdict) = match error.as_db_error() {
            Some(refused) => answered(name, refused),
            None => without_answer(name, Broken::of(error), &wording::chain(error)),
        };
        if shows_certificate && broken::is_hang_up(error) {
            text += " (perhaps the server refuses the client certificate, PGSSLCERT)";
        }
        Refusal { text, verdict }
    }

    /// Nothing answers at this server's address.
    pub(crate) fn unreachable(name: &str, error: &io::Error) -> Refusal {
        // As the crate says it.
        let (text, verdict) =
            without_answer(name, Broken::of_io(error), &format!("error connecting to server: {error}"));
        Refusal { text, verdict }
    }

    /// The reason in words.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the next server is not even tried.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.verdict, Verdict::NotNow | Verdict::Final(_))
    }

    /// Whether another attempt may succeed.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self.verdict, Verdict::Away | Verdict::NotNow)
    }

    /// The exit class.
    pub(crate) fn class(&self) -> Class {
        match self.verdict {
            Verdict::Away | Verdict::NotNow => Class::Transient,
            Verdict::Unwanted => Class::Config,
            Verdict::Final(class) => class,
        }
    }

    /// This refusal after others, as one that says what all of them say.
    pub(crate) fn after(self, others: &[Refusal]) -> Refusal {
        let mut texts: Vec<&str> = Vec::new();
        for refusal in others.iter().chain([&self]) {
            if !texts.contains(&refusal.text.as_str()) {
                texts.push(&refusal.text);
            }
        }
        Refusal { text: texts.join("; "), verdict: self.verdict }
    }

    /// The refusals of all servers, none of them final, as one; `None` if there are none.
    pub(crate) fn of_all(mut refusals: Vec<Refusal>) -> Option<Refusal> {
        let last = refusals.pop()?;
        let away = refusals.iter().any(|refusal| refusal.verdict == Verdict::Away);
        let all = last.after(&refusals);
        Some(if away { Refusal::away(all.text) } else { all })
    }
}

/// The server has answered with an error.
fn answered(name: &str, refused: &DbError) -> (String, Verdict) {
    let (code, message) = (refused.code(), refused.message());
    let hint = if message.contains("unsupported startup parameter") {
        " (PGOPTIONS, PGTZ, PGDATESTYLE and PGGEQO cannot be used through pgbouncer)"
    } else {
        ""
    };
    let verdict = match (of_bouncer(refused), code.code()) {
        (Some(class), _) => Verdict::Final(class),
        _ if *code == SqlState::CANNOT_CONNECT_NOW => Verdict::Away,
        // An invalid value in PGOPTIONS or PGTZ: no data have been sent yet.
        (None, code) if sqlstate::is_data(code) => Verdict::Final(Class::Config),
        (None, code) if sqlstate::is_transient(code) => Verdict::NotNow,
        (None, code) => Verdict::Final(sqlstate::class(code)),
    };
    (format!("{name}: {}{hint}", wording::sentence(refused)), verdict)
}

/// The server has not answered with an error.
fn without_answer(name: &str, broken: Broken, words: &str) -> (String, Verdict) {
    let hint = match broken {
        Broken::NoPassword => " (set PGPASSWORD, PGPASSWORD_FILE or PGPASSFILE)",
        Broken::NoTls => " (sslmode require and stricter modes need it)",
        Broken::NoSocket => " (no server has its socket there; check PGHOST or DATABASE_URL)",
        Broken::OurCertificate => " (the server refuses the client certificate, PGSSLCERT)",
        _ => "",
    };
    let verdict = if broken.is_away() { Verdict::Away } else { Verdict::Final(broken.class()) };
    (format!("{name}: {words}{hint}"), verdict)
}

/// What a refusal of pgbouncer's own means that is not temporary; `None` for any other answer.
pub(crate) fn of_bouncer(refused: &DbError) -> Option<Class> {
    let meaning =
        BOUNCER.iter().find(|(part, _)| refused.code().code() == "08P01" && refused.message().contains(part));
    meaning.map(|&(_, class)| class)
}

/// Messages of pgbouncer, which uses the code 08P01 for everything that it refuses itself. Its other refusals may be
/// temporary.
const BOUNCER: [(&str, Class); 11] = [
    ("statement pooling mode", Class::Config),
    ("unsupported startup parameter", Class::Config),
    ("no such database", Class::Config),
    ("does not exist", Class::Config),
    ("SSL required", Class::Config),
    ("TLS connection required", Class::Config),
    ("no such user", Class::Denied),
    ("authentication failed", Class::Denied),
    ("login rejected", Class::Denied),
    ("client certificate required", Class::Denied),
    ("certificate name mismatch", Class::Denied),
];
