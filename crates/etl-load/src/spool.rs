//! Lines that wait for the commit (`--emit new`), in memory and then in an unlinked temporary file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};

use etl_component::{Class, Fault};

/// How much waits in memory, in bytes.
const IN_MEMORY: usize = 8 << 20;

/// Lines, and which of them are wanted.
#[derive(Default)]
pub(crate) struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
    wanted: Vec<u64>,
}

impl Spool {
    /// Adds a line, which has no newline.
    ///
    /// # Errors
    /// 74 if the temporary file cannot be written.
    pub(crate) fn push(&mut self, line: &[u8]) -> Result<(), Fault> {
        if self.memory.len() + line.len() >= IN_MEMORY {
            self.spill()?;
        }
        self.memory.extend_from_slice(line);
        self.memory.push(b'\n');
        Ok(())
    }

    /// Says that the line at this position, from 0, is wanted.
    pub(crate) fn want(&mut self, position: u64) {
        let word = (position / 64) as usize;
        if word >= self.wanted.len() {
            self.wanted.resize(word + 1, 0);
        }
        self.wanted[word] |= 1 << (position % 64);
    }

    /// Forgets all lines, which an attempt that was not committed has left.
    pub(crate) fn clear(&mut self) {
        *self = Spool::default();
    }

    /// Hands the wanted lines to `each`, in order. The spool is empty afterwards.
    ///
    /// # Errors
    /// 74 if the temporary file cannot be read; those of `each`.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        let Spool { memory, file, wanted } = std::mem::take(self);
        let file = file.map(|mut file| file.rewind().map(|()| file)).transpose().map_err(failed)?;
        let spilled: Box<dyn Read> = match file {
            Some(file) => Box::new(file),
            None => Box::new(std::io::empty()),
        };
        let mut lines = BufReader::new(spilled.chain(&*memory));
        let mut line = Vec::new();
        for position in 0.. {
            line.clear();
            if lines.read_until(b'\n', &mut line).map_err(failed)? == 0 {
                break;
            }
            let word = wanted.get(position / 64).copied().unwrap_or(0);
            if word >> (position % 64) & 1 == 1 {
                each(&line[..line.len() - 1])?;
            }
        }
        Ok(())
    }

    fn spill(&mut self) -> Result<(), Fault> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile().map_err(failed)?),
        };
        file.write_all(&self.memory).map_err(failed)?;
        self.memory.clear();
        Ok(())
    }
}

fn failed(error: std::io::Error) -> Fault {
    let what = "cannot keep new records in a temporary file (TMPDIR says where)";
    Fault::new(Class::Io, what).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wanted_lines_come_back_in_order_also_from_the_file() {
        let mut spool = Spool::default();
        let line = |n: usize| format!("{n} {}", "x".repeat(n % 3000));
        for n in 0..9000 {
            spool.push(line(n).as_bytes()).unwrap();
            if n % 7 == 3 {
                spool.want(n as u64);
            }
        }
        assert!(spool.file.is_some(), "this test is about more than 8 MiB");
        let mut lines = Vec::new();
        let keep = |line: &[u8]| {
            lines.push(String::from_utf8(line.to_vec()).unwrap());
            Ok(())
        };
        spool.drain(keep).unwrap();
        let expected: Vec<String> = (0..9000).filter(|n| n % 7 == 3).map(line).collect();
        assert_eq!(lines, expected);
        spool.drain(|_| panic!("it is empty")).unwrap();
    }
}
