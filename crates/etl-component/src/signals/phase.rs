//! What a signal finds and what it makes of it: a table, without a clock, a thread or a process.

/// How far the work is, as far as a signal is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is committed.
    Nothing,
    /// A commit is under way, whose reply a signal must wait for.
    Committing {
        /// Whether an earlier one has succeeded.
        part: bool,
    },
    /// Part of the work is committed, and the main thread is reporting it.
    Reporting,
    /// Part of the work is committed and has been reported, and the next part is under way.
    Next,
    /// All of it is committed: the run is a success whatever happens.
    Done,
    /// A signal is ending the process as a failure: no commit and no child may begin any more.
    Ending,
}

/// What happens to the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A commit begins.
    Commit,
    /// It succeeds.
    Committed {
        /// Whether nothing is to follow.
        last: bool,
    },
    /// It fails.
    Failed,
    /// The last commit has been reported.
    Reported,
    /// Nothing follows the last commit after all.
    NoMore,
    /// A signal starts to end the process as a failure.
    End,
}

/// What a signal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It waits for the commit, for as long as that takes.
    Wait,
    /// It ends the process as a failure.
    Fail,
    /// The same, once the main thread has had its chance to report what is committed.
    FailSoon,
    /// It ends the process as a success, once the main thread has had its chance to do so itself.
    SucceedSoon,
}

impl Phase {
    /// The phase after this event.
    pub(super) fn after(self, event: Event) -> Phase {
        match (self, event) {
            (Phase::Ending, _) | (_, Event::End) => Phase::Ending,
            (Phase::Nothing, Event::Commit) => Phase::Committing { part: false },
            (Phase::Reporting | Phase::Next | Phase::Done, Event::Commit) => Phase::Committing { part: true },
            (_, Event::Committed { last: true }) => Phase::Done,
            (_, Event::Committed { last: false }) => Phase::Reporting,
            (Phase::Committing { part: false }, Event::Failed) => Phase::Nothing,
            (Phase::Committing { part: true }, Event::Failed) => Phase::Next,
            (Phase::Reporting, Event::Reported) => Phase::Next,
            (Phase::Reporting | Phase::Next, Event::NoMore) => Phase::Done,
            (phase, Event::Commit | Event::Failed | Event::Reported | Event::NoMore) => phase,
        }
    }

    /// What a signal does here.
    pub(super) fn answer(self) -> Answer {
        match self {
            Phase::Committing { .. } => Answer::Wait,
            Phase::Nothing | Phase::Next | Phase::Ending => Answer::Fail,
            Phase::Reporting => Answer::FailSoon,
            Phase::Done => Answer::SucceedSoon,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Phase = Phase::Committing { part: false };
    const LATER: Phase = Phase::Committing { part: true };
    const LAST: Event = Event::Committed { last: true };
    const PART: Event = Event::Committed { last: false };

    #[test]
    fn every_event_in_every_phase() {
        use Event::{Commit, End, Failed, NoMore, Reported};
        use Phase::{Done, Ending, Next, Nothing, Reporting};
        let events = [Commit, PART, LAST, Failed, Reported, NoMore, End];
        #[rustfmt::skip]
        let table = [
            //         commit   part     last    failed   told     no more  end
            (Nothing, [FIRST,   Reporting, Done,   Nothing, Nothing, Nothing, Ending]),
            (FIRST,   [FIRST,   Reporting, Done,   Nothing, FIRST,   FIRST,   Ending]),
            (LATER,   [LATER,   Reporting, Done,   Next,    LATER,   LATER,   Ending]),
            (Reporting, [LATER,   Reporting, Done,   Reporting, Next,    Done,    Ending]),
            (Next,    [LATER,   Reporting, Done,   Next,    Next,    Done,    Ending]),
            (Done,    [LATER,   Reporting, Done,   Done,    Done,    Done,    Ending]),
            (Ending,  [Ending; 7]),
        ];
        for (phase, expected) in table {
            assert_eq!(events.map(|event| phase.after(event)), expected, "{phase:?}");
        }
    }

    #[test]
    fn a_signal_in_every_phase() {
        for (phase, answer) in [
            (Phase::Nothing, Answer::Fail),
            (FIRST, Answer::Wait),
            (LATER, Answer::Wait),
            (Phase::Reporting, Answer::FailSoon),
            (Phase::Next, Answer::Fail),
            (Phase::Done, Answer::SucceedSoon),
            (Phase::Ending, Answer::Fail),
        ] {
            assert_eq!(phase.answer(), answer, "{phase:?}");
        }
    }
}
