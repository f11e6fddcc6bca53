//! Arrays, of up to six dimensions: their number, whether there are nulls, the type of the elements, length and first
//! index of each dimension, and the elements (`array_recv`).

use etl_component::Fault;
use etl_schema::{Scratch, Type, Value, array_elements};
use etl_stream::json::{self, Kind as Json};

use super::Encoder;
use super::field::{Refusal, fill_length, put};

/// The most dimensions (src/include/utils/array.h, `MAXDIM`).
const MOST: usize = 6;

/// Appends an array of elements of this type, whose number (OID) in PostgreSQL is `oid`.
pub(super) fn encode(
    encoder: &Encoder,
    array: &str,
    ty: &Type,
    oid: u32,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let depth = depth(array, ty);
    if depth > MOST {
        return Err(format!("has {depth} dimensions; an array of PostgreSQL has at most {MOST}").into());
    }
    let start = out.len();
    put(out, &[0; 12]);
    put(out, &oid.to_be_bytes());
    let dimensions = out.len();
    put(out, &[0; 8 * MOST][..8 * depth]);
    let mut elements = Elements { encoder, ty, depth, lengths: [None; MOST], count: 0, nulls: false };
    elements.append(array, 0, out).map_err(|refusal| Refusal::from(format!("is refused: {refusal}")))?;
    let mut fill = |at: usize, value: i32| out[at..at + 4].copy_from_slice(&value.to_be_bytes());
    fill(start + 8, elements.nulls.into());
    if elements.count > 0 {
        fill(start + 4, depth as i32);
        for (dimension, length) in elements.lengths[..depth].iter().enumerate() {
            fill(dimensions + 8 * dimension, length.unwrap_or_default());
            fill(dimensions + 8 * dimension + 4, 1);
        }
    } else {
        // Whatever it looks like: PostgreSQL has only one empty array.
        out.truncate(dimensions);
    }
    fill_length(out, start);
    Ok(())
}

/// How many dimensions an array has, as far as its first elements say.
fn depth(array: &str, ty: &Type) -> usize {
    let (mut depth, mut array) = (1, array);
    while let Some(first) = json::elements(array).next()
        && first.kind == Json::Array
        && *ty != Type::Json
    {
        (depth, array) = (depth + 1, first.raw);
    }
    depth
}

/// The elements of an array, dimension by dimension.
struct Elements<'a> {
    encoder: &'a Encoder,
    ty: &'a Type,
    depth: usize,
    /// What the first array of each dimension has; the others must have as many.
    lengths: [Option<i32>; MOST],
    count: usize,
    nulls: bool,
}

/// Why an array is refused.
enum Why {
    Refused(Refusal),
    Bug(Fault),
}

impl From<Fault> for Why {
    fn from(fault: Fault) -> Why {
        Why::Bug(fault)
    }
}

impl Elements<'_> {
    /// Appends what an array of this dimension has, counted from 0.
    fn append(&mut self, array: &str, dimension: usize, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let is_last = dimension + 1 == self.depth;
        let mut length = 0;
        let appended = array_elements(array, self.ty, &mut Scratch::default(), |value, source| {
            let index = length;
            length += 1;
            let appended = match value {
                Value::Array(inner, _) if !is_last => self
                    .append(inner, dimension + 1, out)
                    .map_err(|refusal| format!("element {index}: {refusal}")),
                Value::Array(..) => Err(format!("element {index} is an array, but the first one is not")),
                _ if !is_last => Err(format!("element {index} is not an array, but the first one is")),
                value => {
                    self.count += 1;
                    self.nulls |= value == Value::Null;
                    let encoded = self.encoder.encode(value, true, || Some(source), out);
                    encoded.map_err(|refusal| format!("element {index} {refusal}"))
                }
            };
            appended.map_err(|refusal| Why::Refused(refusal.into()))
        });
        appended.map_err(|why| match why {
            Why::Refused(refusal) => refusal,
            Why::Bug(fault) => fault.to_string().into(),
        })?;
        match *self.lengths[dimension].get_or_insert(length) {
            known if known == length => Ok(()),
            known => Err(format!("{length} elements, but {known} in the first array beside it").into()),
        }
    }
}
