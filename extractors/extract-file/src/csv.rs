//! CSV and TSV: rows of RFC 4180, with another delimiter or quote where they are given.
//!
//! A row ends at a line break outside quotes. What RFC 4180 does not have is refused rather than guessed: a quote within
//! a field that is not quoted, anything between a closing quote and the delimiter, rows of another width.

use etl_component::{Fault, Relay};

use crate::args::{Cli, Typed};
use crate::input::Input;
use crate::row::Rows;

/// How fields are written.
#[derive(Clone, Copy)]
struct Dialect<'a> {
    delimiter: u8,
    quote: Option<u8>,
    null: &'a [u8],
}

/// What is wrong with a row, at a byte of it.
struct Wrong(usize, String);

/// Writes the rows of a file.
///
/// # Errors
/// 3 for a row that is not one, with the file and its line; 141 or 74 if the output cannot be written.
pub(crate) fn extract(
    input: &mut Input,
    cli: &Cli,
    delimiter: u8,
    typed: Option<&Typed>,
    relay: &mut Relay,
) -> Result<(), Fault> {
    let delimiter = cli.delimiter.unwrap_or(delimiter);
    let quote = cli.quote.0.filter(|&quote| quote != delimiter);
    let dialect = Dialect { delimiter, quote, null: cli.null.as_bytes() };
    let mut scratch = Vec::new();
    let names = match cli.columns.as_slice() {
        [] => match header(input, dialect, &mut scratch)? {
            Some(names) => names,
            None => return Ok(()),
        },
        given => given.to_vec(),
    };
    let from = if cli.columns.is_empty() { "the header: " } else { "--columns: " };
    let mut rows = Rows::new(names, typed).map_err(|what| {
        let advice =
            if cli.columns.is_empty() { "; correct it, or give --columns and no header" } else { "" };
        Fault::data(format!("{}: {from}{what}{advice}", input.name))
    })?;
    while let Some(Found { length, lines, quoted }) = next(input, dialect, &mut scratch)? {
        let row = without_line_break(&input.rest()[..length]);
        // A blank line is a row only where a row has a single field, which is then empty.
        if !row.is_empty() || rows.width() == 1 {
            let written = if quoted || has_special(row) {
                slow(row, dialect, &mut scratch, &mut rows)
            } else {
                plain(row, dialect, &mut rows)
            };
            written.map_err(|Wrong(at, what)| input.bad_at(at, what))?;
            let line = rows.finish();
            if line.len() > input.longest() {
                return Err(input.too_long());
            }
            relay.record(line)?;
        }
        input.consume(length);
        input.pass_lines(lines);
    }
    Ok(())
}

/// The names in the first row that is not empty; `None` if there is none.
fn header(input: &mut Input, dialect: Dialect, scratch: &mut Vec<u8>) -> Result<Option<Vec<String>>, Fault> {
    let (length, lines) = loop {
        let Some(Found { length, lines, .. }) = next(input, dialect, scratch)? else { return Ok(None) };
        if !without_line_break(&input.rest()[..length]).is_empty() {
            break (length, lines);
        }
        input.consume(length);
        input.pass_lines(lines);
    };
    let row = without_line_break(&input.rest()[..length]);
    let mut names = Vec::new();
    let utf8 = std::str::from_utf8(row).map_err(|error| Wrong(error.valid_up_to(), INVALID_UTF8.to_owned()));
    let split = utf8.and_then(|_| {
        fields(row, dialect, scratch, |_, _, text, _| {
            names.push(String::from_utf8_lossy(text).into_owned());
            Ok(())
        })
    });
    split.map_err(|Wrong(at, what)| input.bad_at(at, what))?;
    input.consume(length);
    input.pass_lines(lines);
    Ok(Some(names))
}

const INVALID_UTF8: &str = "invalid UTF-8; `iconv -t UTF-8 -f` with the file's encoding converts it";

/// A row, and the line break behind it.
struct Found {
    length: usize,
    lines: u64,
    quoted: bool,
}

/// Finds the next row at the beginning of the input's rest.
fn next(input: &mut Input, dialect: Dialect, scratch: &mut Vec<u8>) -> Result<Option<Found>, Fault> {
    let (mut searched, mut lines, mut quotes) = (0, 0, 0);
    loop {
        let rest = &input.rest()[searched..];
        let (end, found) = match memchr::memchr(b'\n', rest) {
            Some(at) => (at + 1, true),
            None => (rest.len(), false),
        };
        quotes += dialect.quote.map_or(0, |quote| memchr::memchr_iter(quote, &rest[..end]).count());
        searched += end;
        let inside = quotes % 2 == 1;
        if found {
            lines += 1;
            if searched > input.longest() {
                return Err(input.too_long());
            }
            if !inside {
                return Ok(Some(Found { length: searched, lines, quoted: quotes > 0 }));
            }
            // A quote that opens nothing would make one row of all that follows.
            if lines == 1 {
                check_quotes(input, searched, dialect, scratch)?;
            }
        } else if !input.fill()? {
            if inside {
                check_quotes(input, searched, dialect, scratch)?;
                return Err(input.cut(0, "the file ends inside a quoted field of the row that begins here"));
            }
            return Ok((searched > 0).then_some(Found {
                length: searched,
                lines: lines + 1,
                quoted: quotes > 0,
            }));
        }
    }
}

/// Refuses a row, or the beginning of one, for a quote in the wrong place.
fn check_quotes(input: &Input, length: usize, dialect: Dialect, scratch: &mut Vec<u8>) -> Result<(), Fault> {
    let row = &input.rest()[..length];
    match fields(row, dialect, scratch, |_, _, _, _| Ok(())) {
        Err(Wrong(at, what)) if at < length => Err(input.bad_at(at, what)),
        _ => Ok(()),
    }
}

fn without_line_break(row: &[u8]) -> &[u8] {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    row.strip_suffix(b"\r").unwrap_or(row)
}

/// Whether something in a row needs an escape in JSON, or is refused.
#[inline]
fn has_special(row: &[u8]) -> bool {
    row.iter().fold(false, |found, &byte| found | (byte < b' ') | (byte == b'\\') | (byte >= 0x7F))
}

/// Writes a row of printable ASCII in which no field is quoted.
#[inline]
fn plain(row: &[u8], dialect: Dialect, rows: &mut Rows) -> Result<(), Wrong> {
    rows.start();
    let (width, mut i, mut from) = (rows.width(), 0, 0);
    let mut field = |from: usize, to: usize| {
        let text = &row[from..to];
        if i < width {
            let text = (text != dialect.null).then_some(text);
            rows.field(i, text, true).map_err(|what| Wrong(from, what))?;
        }
        i += 1;
        Ok(())
    };
    for at in memchr::memchr_iter(dialect.delimiter, row) {
        field(from, at)?;
        from = at + 1;
    }
    field(from, row.len())?;
    ragged(i, width)
}

/// Writes any row.
fn slow(row: &[u8], dialect: Dialect, scratch: &mut Vec<u8>, rows: &mut Rows) -> Result<(), Wrong> {
    std::str::from_utf8(row).map_err(|error| Wrong(error.valid_up_to(), INVALID_UTF8.to_owned()))?;
    if let Some(at) = memchr::memchr(0, row) {
        return Err(Wrong(at, "a NUL byte, which no text has".to_owned()));
    }
    rows.start();
    let width = rows.width();
    let count = fields(row, dialect, scratch, |i, at, text, quoted| {
        if i >= width {
            return Ok(());
        }
        let text = (quoted || text != dialect.null).then_some(text);
        rows.field(i, text, false).map_err(|what| Wrong(at, what))
    })?;
    ragged(count, width)
}

fn ragged(count: usize, width: usize) -> Result<(), Wrong> {
    if count == width {
        return Ok(());
    }
    let fields = etl_stream::counted(count as u64, "field", "fields");
    Err(Wrong(
        0,
        format!("{fields}, but there are {}", etl_stream::counted(width as u64, "column", "columns")),
    ))
}

/// Hands each field of a row to `take`, with its number, its place, and whether it was quoted; returns how many there
/// are. A quoted field that does not end is wrong at the row's end.
fn fields(
    row: &[u8],
    dialect: Dialect,
    scratch: &mut Vec<u8>,
    mut take: impl FnMut(usize, usize, &[u8], bool) -> Result<(), Wrong>,
) -> Result<usize, Wrong> {
    let (mut count, mut from) = (0, 0);
    loop {
        let end = if dialect.quote.is_some() && row.get(from) == dialect.quote.as_ref() {
            let end = unquote(row, from + 1, row[from], scratch)?;
            take(count, from, scratch, true)?;
            end
        } else {
            let rest = &row[from..];
            let end = from + memchr::memchr(dialect.delimiter, rest).unwrap_or(rest.len());
            let text = &row[from..end];
            if let Some(at) = dialect.quote.and_then(|quote| memchr::memchr(quote, text)) {
                let what = "a quote inside a field that is not quoted (--quote none takes quotes for text)";
                return Err(Wrong(from + at, what.to_owned()));
            }
            if let Some(at) = memchr::memchr(b'\r', text) {
                return Err(Wrong(
                    from + at,
                    "a carriage return that ends no line, in a field that is not quoted".to_owned(),
                ));
            }
            take(count, from, text, false)?;
            end
        };
        count += 1;
        match row.get(end) {
            None => return Ok(count),
            Some(&byte) if byte == dialect.delimiter => from = end + 1,
            Some(_) => {
                let what =
                    format!("field {count}: text after its closing quote (a quote inside is written twice)");
                return Err(Wrong(end, what));
            }
        }
    }
}

/// Puts a quoted field, which begins at `from`, into `out`, and returns where it ends.
fn unquote(row: &[u8], mut from: usize, quote: u8, out: &mut Vec<u8>) -> Result<usize, Wrong> {
    out.clear();
    loop {
        let Some(at) = memchr::memchr(quote, &row[from..]) else {
            return Err(Wrong(row.len(), "a quoted field that does not end".to_owned()));
        };
        out.extend_from_slice(&row[from..from + at]);
        from += at + 1;
        if row.get(from) != Some(&quote) {
            return Ok(from);
        }
        out.push(quote);
        from += 1;
    }
}
