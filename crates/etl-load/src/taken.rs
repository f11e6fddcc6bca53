//! Records that the sink took, kept until it has said which of them are new rows (`--emit new`) and which ones the
//! database refused (`--rejects`).

use std::collections::BTreeMap;

use etl_component::{Fault, Spool};
use etl_stream::{Line, Values};

use crate::sink::Refusal;

/// How much waits in memory where all records are kept, in bytes.
const IN_MEMORY: usize = 1 << 20;

/// Records, and what became of them. A record is known by the number of its table at the sink and its position, from 0,
/// among the records of that table.
pub(crate) struct Taken {
    /// Each line after the place that it had.
    lines: Spool,
    /// For each table a bit for each record: whether it is a new row.
    new: Vec<Vec<u64>>,
    refused: BTreeMap<(usize, u64), Refusal>,
    head: Vec<u8>,
}

impl Default for Taken {
    fn default() -> Taken {
        let lines = Spool::new("records").keeping(IN_MEMORY);
        Taken { lines, new: Vec::new(), refused: BTreeMap::new(), head: Vec::new() }
    }
}

impl Taken {
    /// Adds a record.
    ///
    /// # Errors
    /// 74 if it cannot be kept.
    pub(crate) fn push(&mut self, table: usize, line: Line<'_>, values: Values) -> Result<(), Fault> {
        self.head.clear();
        for number in [table as u64, u64::from(values == Values::Text), line.number, line.offset, line.record]
        {
            self.head.extend_from_slice(&number.to_le_bytes());
        }
        self.head.extend_from_slice(&(line.bytes.len() as u64).to_le_bytes());
        self.lines.push(&self.head)?;
        self.lines.push(line.bytes)
    }

    /// A record is a new row.
    pub(crate) fn want(&mut self, table: usize, position: u64) {
        if self.new.len() <= table {
            self.new.resize_with(table + 1, Vec::new);
        }
        let (bits, word) = (&mut self.new[table], (position / 64) as usize);
        if word >= bits.len() {
            bits.resize(word + 1, 0);
        }
        bits[word] |= 1 << (position % 64);
    }

    /// The database has refused a record.
    pub(crate) fn refuse(&mut self, table: usize, position: u64, refusal: Refusal) {
        self.refused.insert((table, position), refusal);
    }

    /// How many the database has refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.len() as u64
    }

    /// Forgets all records, which are those of an attempt that was not committed.
    ///
    /// # Errors
    /// 74 if the temporary file cannot be emptied.
    pub(crate) fn clear(&mut self) -> Result<(), Fault> {
        self.new.clear();
        self.refused.clear();
        self.lines.clear()
    }

    /// Hands each record that was refused to `each`, in the order of the input.
    ///
    /// # Errors
    /// 74 if the temporary file cannot be read; those of `each`.
    pub(crate) fn each_refused(
        &mut self,
        mut each: impl FnMut(usize, Line<'_>, Values, &Refusal) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let Taken { lines, refused, .. } = self;
        if refused.is_empty() {
            return Ok(());
        }
        read(lines, |table, position, line, values| match refused.get(&(table, position)) {
            Some(refusal) => each(table, line, values, refusal),
            None => Ok(()),
        })
    }

    /// Hands the text of each new row, or otherwise of each record that was not refused, to `each`. None are left
    /// afterwards.
    ///
    /// # Errors
    /// 74 if the temporary file cannot be read; those of `each`.
    pub(crate) fn drain(
        &mut self,
        only_new: bool,
        mut each: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let Taken { lines, refused, new, .. } = self;
        let is_new = |table: usize, position: u64| {
            let word = new.get(table).and_then(|bits| bits.get((position / 64) as usize));
            word.is_some_and(|word| word >> (position % 64) & 1 == 1)
        };
        read(lines, |table, position, line, _| {
            let is_wanted =
                if only_new { is_new(table, position) } else { !refused.contains_key(&(table, position)) };
            if is_wanted { each(line.bytes) } else { Ok(()) }
        })?;
        self.clear()
    }
}

/// Hands each record to `each`, with its table and position.
fn read(
    lines: &mut Spool,
    mut each: impl FnMut(usize, u64, Line<'_>, Values) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let (mut positions, mut bytes): (Vec<u64>, _) = (Vec::new(), Vec::new());
    lines.read(|spool| {
        let mut head = [0; 48];
        while !spool.fill_buf()?.is_empty() {
            spool.read_exact(&mut head)?;
            let mut numbers = head
                .chunks_exact(8)
                .map(|number| number.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)));
            let mut next = || numbers.next().unwrap_or_default();
            let (table, is_text, number, offset, record, length) =
                (next() as usize, next() == 1, next(), next(), next(), next() as usize);
            bytes.resize(length, 0);
            spool.read_exact(&mut bytes)?;
            if positions.len() <= table {
                positions.resize(table + 1, 0);
            }
            let line = Line { number, offset, record, bytes: &bytes };
            let values = if is_text { Values::Text } else { Values::Json };
            each(table, positions[table], line, values)?;
            positions[table] += 1;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(n: u64) -> String {
        format!("{n} {}", "x".repeat(n as usize % 3000))
    }

    /// More records than wait in memory, alternately of two tables.
    fn taken() -> Taken {
        let mut taken = Taken::default();
        for n in 0..2000 {
            let (text, values) = (text(n), if n % 2 == 0 { Values::Json } else { Values::Text });
            let line = Line { number: n + 1, offset: n * 7, record: n, bytes: text.as_bytes() };
            taken.push(n as usize % 2, line, values).unwrap();
        }
        taken
    }

    #[test]
    fn new_rows_come_back_in_order() {
        let mut taken = taken();
        for position in (0..1000).filter(|n| n % 7 == 3) {
            taken.want(1, position);
        }
        let mut lines = Vec::new();
        taken.drain(true, |line| Ok(lines.push(String::from_utf8(line.to_vec()).unwrap()))).unwrap();
        let expected: Vec<String> = (0..1000).filter(|n| n % 7 == 3).map(|n| text(2 * n + 1)).collect();
        assert_eq!(lines, expected);
        taken.drain(false, |_| panic!("it is empty")).unwrap();
    }

    #[test]
    fn what_was_refused_comes_back_with_its_place_and_is_not_among_the_others() {
        let mut taken = taken();
        for (table, position) in [(1, 999), (0, 3), (1, 3)] {
            let reason = format!("{table} {position}");
            taken.refuse(table, position, Refusal { reason, ..Refusal::default() });
        }
        // More may come after they were read.
        for _ in 0..2 {
            let mut found = Vec::new();
            taken
                .each_refused(|table, line, values, refusal| {
                    assert_eq!(line.bytes, text(line.number - 1).as_bytes());
                    assert_eq!((line.offset, line.record), (line.record * 7, line.number - 1));
                    found.push((table, line.number, values, refusal.reason.clone()));
                    Ok(())
                })
                .unwrap();
            let expected = [
                (0, 7, Values::Json, "0 3".to_owned()),
                (1, 8, Values::Text, "1 3".to_owned()),
                (1, 2000, Values::Text, "1 999".to_owned()),
            ];
            assert_eq!(found, expected);
        }
        let last = Line { number: 2001, offset: 0, record: 0, bytes: b"last" };
        taken.push(0, last, Values::Json).unwrap();
        let (mut lines, mut end) = (0, Vec::new());
        taken
            .drain(false, |line| {
                lines += 1;
                end = line.to_vec();
                Ok(())
            })
            .unwrap();
        assert_eq!((lines, end), (1998, b"last".to_vec()));
    }
}
