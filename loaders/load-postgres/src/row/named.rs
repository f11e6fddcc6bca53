//! Which fields a record has, as the last column of a stage: a bit for each column, or NULL if it has all of them.

/// The fields of the record at hand, and those that any record so far did not have.
pub(super) struct Named {
    /// All fields.
    full: Vec<u8>,
    bits: Vec<u8>,
    has_all: bool,
    columns: usize,
    lacked: Vec<bool>,
}

impl Named {
    /// Those of records of so many columns.
    pub(super) fn new(columns: usize) -> Named {
        let mut full = vec![0; columns.div_ceil(8)];
        (0..columns).for_each(|column| full[column / 8] |= mask(column));
        Named { bits: full.clone(), full, has_all: true, columns, lacked: vec![false; columns] }
    }

    /// The columns whose fields some record did not have.
    pub(super) fn lacked(&self) -> &[bool] {
        &self.lacked
    }

    /// A record begins.
    #[inline]
    pub(super) fn start(&mut self) {
        if !self.has_all {
            self.bits.copy_from_slice(&self.full);
            self.has_all = true;
        }
    }

    /// The record does not have the field of this column.
    #[inline]
    pub(super) fn absent(&mut self, column: usize) {
        if let Some(byte) = self.bits.get_mut(column / 8) {
            *byte &= !mask(column);
            self.lacked[column] = true;
            self.has_all = false;
        }
    }

    /// Appends the value, as `bit(n)` is received: how many bits there are, and the bits (src/backend/utils/adt/varbit.c,
    /// `bit_recv`).
    #[inline]
    pub(super) fn append(&self, out: &mut Vec<u8>) {
        if self.has_all {
            return out.extend_from_slice(&(-1_i32).to_be_bytes());
        }
        // A table has at most 1600 columns.
        out.extend_from_slice(&(4 + self.bits.len() as i32).to_be_bytes());
        out.extend_from_slice(&(self.columns as i32).to_be_bytes());
        out.extend_from_slice(&self.bits);
    }
}

/// The bit of a column in its byte: the first one is the highest.
fn mask(column: usize) -> u8 {
    0x80 >> (column % 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_record_lacks_is_a_bit_that_is_not_set() {
        let mut named = Named::new(11);
        let appended = || {
            let mut out = Vec::new();
            named.append(&mut out);
            out
        };
        assert_eq!(appended(), [255, 255, 255, 255]);
        named.start();
        named.absent(1);
        named.absent(10);
        let mut out = Vec::new();
        named.append(&mut out);
        assert_eq!(out, [0, 0, 0, 6, 0, 0, 0, 11, 0b1011_1111, 0b1100_0000]);
        named.start();
        named.absent(0);
        out.clear();
        named.append(&mut out);
        assert_eq!(out[8..], [0b0111_1111, 0b1110_0000]);
        let lacked: Vec<usize> = (0..11).filter(|column| named.lacked()[*column]).collect();
        assert_eq!(lacked, [0, 1, 10]);
    }
}
