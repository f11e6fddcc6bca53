//! Bytes that wait: in memory at first, then in a temporary file that has no name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use etl_stream::{Class, Fault};

/// How much waits in memory, in bytes.
const IN_MEMORY: usize = 8 << 20;
/// How much is gathered in memory where there is a file from the beginning.
const GATHERED: usize = 64 << 10;

/// Keeps bytes until they are read back, in the order they came.
#[derive(Debug)]
pub struct Spool {
    /// What is kept and where, for messages.
    what: &'static str,
    folder: PathBuf,
    flag: &'static str,
    memory: Vec<u8>,
    in_memory: usize,
    file: Option<File>,
}

impl Spool {
    /// A spool for `what`, such as `new records`: 8 MiB in memory, the rest in the system's temporary folder.
    pub fn new(what: &'static str) -> Spool {
        let (folder, flag) = (std::env::temp_dir(), "TMPDIR");
        Spool { what, folder, flag, memory: Vec::new(), in_memory: IN_MEMORY, file: None }
    }

    /// The same, with this many bytes in memory.
    #[must_use]
    pub fn keeping(self, in_memory: usize) -> Spool {
        Spool { in_memory, ..self }
    }

    /// A spool in the folder that a flag names; all but a little of what it keeps is there rather than in memory.
    ///
    /// # Errors
    /// 74 if no file can be created in the folder.
    pub fn in_folder(flag: &'static str, folder: &Path, what: &'static str) -> Result<Spool, Fault> {
        let folder = folder.to_owned();
        let mut spool = Spool { folder, flag, in_memory: GATHERED, ..Spool::new(what) };
        spool.spill()?;
        Ok(spool)
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// 74 if the temporary file cannot be written.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.memory.len() + bytes.len() > self.in_memory {
            self.spill()?;
        }
        self.memory.extend_from_slice(bytes);
        Ok(())
    }

    /// Adds a line, given without its newline.
    ///
    /// # Errors
    /// Those of [`Spool::push`].
    pub fn push_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.push(line)?;
        self.memory.push(b'\n');
        Ok(())
    }

    /// Hands all bytes to `read`, from the first on.
    ///
    /// # Errors
    /// 74 if the temporary file cannot be read; those of `read`.
    pub fn read<T>(&mut self, read: impl FnOnce(&mut dyn BufRead) -> Result<T, Unread>) -> Result<T, Fault> {
        if let Some(file) = &mut self.file {
            let rewound = file.rewind();
            rewound.map_err(|error| self.failed(error))?;
        }
        let all = match &self.file {
            Some(file) => read(&mut BufReader::with_capacity(GATHERED, file.chain(&*self.memory))),
            None => read(&mut &*self.memory),
        };
        let all = all.map_err(|unread| match unread {
            Unread::Spool(error) => self.failed(error),
            Unread::Other(fault) => fault,
        })?;
        if let Some(file) = &mut self.file {
            // What comes next goes to the end.
            let found = file.seek(SeekFrom::End(0));
            found.map_err(|error| self.failed(error))?;
        }
        Ok(all)
    }

    /// Hands all bytes to `read`, from the first on. The spool is empty afterwards.
    ///
    /// # Errors
    /// Those of [`Spool::read`].
    pub fn drain<T>(&mut self, read: impl FnOnce(&mut dyn BufRead) -> Result<T, Unread>) -> Result<T, Fault> {
        let drained = self.read(read)?;
        self.clear()?;
        Ok(drained)
    }

    /// Hands each line to `each`, without its newline. The spool is empty afterwards.
    ///
    /// # Errors
    /// 74 if the temporary file cannot be read; those of `each`.
    pub fn drain_lines(&mut self, mut each: impl FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        self.drain(|bytes| {
            let mut line = Vec::new();
            while bytes.read_until(b'\n', &mut line)? > 0 {
                each(line.strip_suffix(b"\n").unwrap_or(&line)).map_err(Unread::Other)?;
                line.clear();
            }
            Ok(())
        })
    }

    /// Forgets all bytes.
    ///
    /// # Errors
    /// 74 if the temporary file cannot be emptied.
    pub fn clear(&mut self) -> Result<(), Fault> {
        self.memory.clear();
        let emptied = match &mut self.file {
            Some(file) => file.rewind().and_then(|()| file.set_len(0)),
            None => Ok(()),
        };
        emptied.map_err(|error| self.failed(error))
    }

    fn spill(&mut self) -> Result<(), Fault> {
        let file = match self.file.take() {
            Some(file) => Ok(file),
            None => tempfile::tempfile_in(&self.folder),
        };
        let written = file.and_then(|mut file| file.write_all(&self.memory).map(|()| file));
        self.file = Some(written.map_err(|error| self.failed(error))?);
        self.memory.clear();
        Ok(())
    }

    fn failed(&self, error: io::Error) -> Fault {
        let Spool { what, folder, flag, .. } = self;
        let message = format!("cannot keep {what} in a temporary file in {} ({flag})", folder.display());
        Fault::new(Class::Io, message).because(error)
    }
}

/// Why a spool was not read to its end.
#[derive(Debug)]
pub enum Unread {
    /// It cannot be read.
    Spool(io::Error),
    /// Whoever read it failed.
    Other(Fault),
}

impl From<Fault> for Unread {
    fn from(fault: Fault) -> Unread {
        Unread::Other(fault)
    }
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Unread {
        Unread::Spool(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: usize) -> String {
        format!("{n} {}", "x".repeat(n % 3000))
    }

    fn lines(spool: &mut Spool) -> Vec<String> {
        let mut lines = Vec::new();
        let keep = |line: &[u8]| {
            lines.push(String::from_utf8(line.to_vec()).unwrap());
            Ok(())
        };
        spool.drain_lines(keep).unwrap();
        lines
    }

    #[test]
    fn lines_come_back_in_order_also_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let spools = [Spool::new("lines"), Spool::in_folder("--spool", folder.path(), "lines").unwrap()];
        for mut spool in spools {
            // Twice, because it is empty once it has been read.
            for _ in 0..2 {
                (0..9000).for_each(|n| spool.push_line(line(n).as_bytes()).unwrap());
                assert!(spool.file.is_some(), "this test is about more than 8 MiB");
                assert!(spool.memory.len() <= spool.in_memory);
                assert_eq!(lines(&mut spool), (0..9000).map(line).collect::<Vec<_>>());
            }
            spool.push_line(b"forgotten").unwrap();
            spool.clear().unwrap();
            assert_eq!(lines(&mut spool), [""; 0]);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_takes_no_file_is_named() {
        let folder = Path::new("/proc/no-such-folder");
        let fault = Spool::in_folder("--spool", folder, "points").unwrap_err();
        assert_eq!(fault.class(), Class::Io);
        assert_eq!(
            fault.message(),
            "cannot keep points in a temporary file in /proc/no-such-folder (--spool)"
        );
    }
}
