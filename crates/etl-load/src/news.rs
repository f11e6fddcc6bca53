//! Records that wait for the commit, which says which of them are new rows (`--emit new`).

use etl_component::{Fault, Spool};

/// Lines, and which of them are wanted.
pub(crate) struct News {
    lines: Spool,
    /// A bit for each line.
    wanted: Vec<u64>,
}

impl Default for News {
    fn default() -> News {
        News { lines: Spool::new("new records"), wanted: Vec::new() }
    }
}

impl News {
    /// Adds a line, given without its newline.
    ///
    /// # Errors
    /// 74 if it cannot be kept.
    pub(crate) fn push(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.lines.push_line(line)
    }

    /// Says that the line at this position, from 0, is wanted.
    pub(crate) fn want(&mut self, position: u64) {
        let word = (position / 64) as usize;
        if word >= self.wanted.len() {
            self.wanted.resize(word + 1, 0);
        }
        self.wanted[word] |= 1 << (position % 64);
    }

    /// Forgets all lines, which are those of an attempt that was not committed.
    ///
    /// # Errors
    /// 74 if the temporary file cannot be emptied.
    pub(crate) fn clear(&mut self) -> Result<(), Fault> {
        self.wanted.clear();
        self.lines.clear()
    }

    /// Hands the wanted lines to `each`, in order. None are left afterwards.
    ///
    /// # Errors
    /// 74 if the temporary file cannot be read; those of `each`.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        let (wanted, mut position) = (std::mem::take(&mut self.wanted), 0);
        self.lines.drain_lines(|line| {
            let word = wanted.get(position / 64).copied().unwrap_or(0);
            let is_wanted = word >> (position % 64) & 1 == 1;
            position += 1;
            if is_wanted { each(line) } else { Ok(()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wanted_lines_come_back_in_order_also_from_the_file() {
        let mut news = News::default();
        let line = |n: usize| format!("{n} {}", "x".repeat(n % 3000));
        // More than the 8 MiB that wait in memory.
        for n in 0..9000 {
            news.push(line(n).as_bytes()).unwrap();
            if n % 7 == 3 {
                news.want(n as u64);
            }
        }
        let mut lines = Vec::new();
        let keep = |line: &[u8]| {
            lines.push(String::from_utf8(line.to_vec()).unwrap());
            Ok(())
        };
        news.drain(keep).unwrap();
        let expected: Vec<String> = (0..9000).filter(|n| n % 7 == 3).map(line).collect();
        assert_eq!(lines, expected);
        news.drain(|_| panic!("it is empty")).unwrap();
    }
}
