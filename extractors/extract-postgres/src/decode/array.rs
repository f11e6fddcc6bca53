//! Arrays: the number of dimensions, whether there are nulls, the type of the elements, length and first index of each dimension,
//! and the elements (`array_send`).

use super::{Codec, Unread};

/// The most dimensions (src/include/utils/array.h, `MAXDIM`).
const MOST: usize = 6;

/// Appends an array, whose dimensions are arrays within arrays.
pub(super) fn append(element: &Codec, field: &[u8], out: &mut Vec<u8>) -> Result<(), Unread> {
    let mut rest = Rest(field);
    let (count, _nulls, _oid) = (rest.number()?, rest.number()?, rest.number()?);
    let count = usize::try_from(count).ok().filter(|count| *count <= MOST).ok_or(Unread::Malformed)?;
    if count > 1 && matches!(element, Codec::Json | Codec::Jsonb) {
        return Err(Unread::Refused(
            "is an array of several dimensions with elements of JSON, which may be arrays, too; select it as text",
        ));
    }
    let mut lengths = [0; MOST];
    for length in &mut lengths[..count] {
        *length = usize::try_from(rest.number()?).map_err(|_| Unread::Malformed)?;
        if rest.number()? != 1 {
            return Err(Unread::Refused("is an array whose indexes do not begin at 1; select it as text"));
        }
    }
    match lengths[..count].is_empty() {
        true => out.extend_from_slice(b"[]"),
        false => dimension(element, &lengths[..count], &mut rest, out)?,
    }
    if rest.0.is_empty() { Ok(()) } else { Err(Unread::Malformed) }
}

fn dimension(
    element: &Codec,
    lengths: &[usize],
    rest: &mut Rest<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Unread> {
    let [length, inner @ ..] = lengths else {
        let field = match rest.number()? {
            -1 => {
                out.extend_from_slice(b"null");
                return Ok(());
            }
            length => rest.take(usize::try_from(length).map_err(|_| Unread::Malformed)?)?,
        };
        return element.append(field.into(), out);
    };
    out.push(b'[');
    for index in 0..*length {
        if index > 0 {
            out.push(b',');
        }
        dimension(element, inner, rest, out)?;
    }
    out.push(b']');
    Ok(())
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Unread> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unread::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<i32, Unread> {
        let (number, rest) = self.0.split_first_chunk().ok_or(Unread::Malformed)?;
        self.0 = rest;
        Ok(i32::from_be_bytes(*number))
    }
}
