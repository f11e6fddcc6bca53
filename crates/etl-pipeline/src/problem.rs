//! What is wrong with a pipeline file, and where.

use std::fmt;

use etl_stream::{Fault, counted};

/// One thing that is wrong, with its place and what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// Everything that is wrong with a file, in the order of its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    file: String,
    found: Vec<Problem>,
}

impl Problems {
    pub(crate) fn of(file: &str) -> Problems {
        Problems { file: file.to_owned(), found: Vec::new() }
    }

    pub(crate) fn add(&mut self, line: usize, message: impl Into<String>) {
        let problem = Problem { file: self.file.clone(), line, message: message.into() };
        if !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }

    /// `value`, unless something is wrong.
    pub(crate) fn or<T>(mut self, value: Option<T>) -> Result<T, Problems> {
        self.found.sort_by_key(|problem| problem.line);
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => Err(self),
        }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.found.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.found.iter().enumerate() {
            let separator = if n == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl From<Problems> for Fault {
    /// 78, with the first problem and the number of the others.
    fn from(problems: Problems) -> Fault {
        let first = problems.found.first().map(ToString::to_string).unwrap_or_default();
        let more = problems.found.len().saturating_sub(1) as u64;
        let more = if more == 0 {
            String::new()
        } else {
            format!(" ({} more)", counted(more, "problem", "problems"))
        };
        Fault::config(first + &more)
    }
}
