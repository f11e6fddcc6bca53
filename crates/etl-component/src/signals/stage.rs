//! What a signal finds and what it makes of it: a table, without a clock, a thread or a process.

/// How far the work is, as far as a signal is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing is committed.
    Nothing,
    /// A commit is under way, whose reply a signal must wait for.
    Committing {
        /// Whether an earlier one has succeeded.
        part: bool,
    },
    /// Part of the work is committed, and the main thread is reporting it.
    Telling,
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
    Told,
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

impl Stage {
    /// The stage after this event.
    pub(super) fn after(self, event: Event) -> Stage {
        match (self, event) {
            (Stage::Ending, _) | (_, Event::End) => Stage::Ending,
            (Stage::Nothing, Event::Commit) => Stage::Committing { part: false },
            (Stage::Telling | Stage::Next | Stage::Done, Event::Commit) => Stage::Committing { part: true },
            (_, Event::Committed { last: true }) => Stage::Done,
            (_, Event::Committed { last: false }) => Stage::Telling,
            (Stage::Committing { part: false }, Event::Failed) => Stage::Nothing,
            (Stage::Committing { part: true }, Event::Failed) => Stage::Next,
            (Stage::Telling, Event::Told) => Stage::Next,
            (Stage::Telling | Stage::Next, Event::NoMore) => Stage::Done,
            (stage, Event::Commit | Event::Failed | Event::Told | Event::NoMore) => stage,
        }
    }

    /// What a signal does here.
    pub(super) fn answer(self) -> Answer {
        match self {
            Stage::Committing { .. } => Answer::Wait,
            Stage::Nothing | Stage::Next | Stage::Ending => Answer::Fail,
            Stage::Telling => Answer::FailSoon,
            Stage::Done => Answer::SucceedSoon,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Stage = Stage::Committing { part: false };
    const LATER: Stage = Stage::Committing { part: true };
    const LAST: Event = Event::Committed { last: true };
    const PART: Event = Event::Committed { last: false };

    #[test]
    fn every_event_in_every_stage() {
        use Event::{Commit, End, Failed, NoMore, Told};
        use Stage::{Done, Ending, Next, Nothing, Telling};
        let events = [Commit, PART, LAST, Failed, Told, NoMore, End];
        #[rustfmt::skip]
        let table = [
            //         commit   part     last    failed   told     no more  end
            (Nothing, [FIRST,   Telling, Done,   Nothing, Nothing, Nothing, Ending]),
            (FIRST,   [FIRST,   Telling, Done,   Nothing, FIRST,   FIRST,   Ending]),
            (LATER,   [LATER,   Telling, Done,   Next,    LATER,   LATER,   Ending]),
            (Telling, [LATER,   Telling, Done,   Telling, Next,    Done,    Ending]),
            (Next,    [LATER,   Telling, Done,   Next,    Next,    Done,    Ending]),
            (Done,    [LATER,   Telling, Done,   Done,    Done,    Done,    Ending]),
            (Ending,  [Ending; 7]),
        ];
        for (stage, expected) in table {
            assert_eq!(events.map(|event| stage.after(event)), expected, "{stage:?}");
        }
    }

    #[test]
    fn a_signal_in_every_stage() {
        for (stage, answer) in [
            (Stage::Nothing, Answer::Fail),
            (FIRST, Answer::Wait),
            (LATER, Answer::Wait),
            (Stage::Telling, Answer::FailSoon),
            (Stage::Next, Answer::Fail),
            (Stage::Done, Answer::SucceedSoon),
            (Stage::Ending, Answer::Fail),
        ] {
            assert_eq!(stage.answer(), answer, "{stage:?}");
        }
    }
}
