//! A query as it was written: where its parameters are, and whether it is one query that only reads (PostgreSQL 15, chapter
//! 4.1, "Lexical Structure").

use etl_component::Fault;

/// A query whose parameters are bound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    /// The query with `$1`, `$2` and so on for its parameters.
    pub(crate) sql: String,
    /// The values of the parameters in their order.
    pub(crate) values: Vec<String>,
    /// Whether a column that is never null in its table may be null here, because a join or a grouping fills it up.
    pub(crate) pads: bool,
}

/// The words that fill rows up with NULL.
const PADS: [&str; 6] = ["left", "right", "full", "rollup", "cube", "grouping"];
/// What a query that returns rows and changes nothing begins with.
const QUERIES: [&str; 4] = ["select", "with", "values", "table"];

impl Query {
    /// Reads a query, in which `:name` stands for a parameter.
    ///
    /// # Errors
    /// 2 if the parameters given are not those of the query; 78 if it is empty, several statements or not a query.
    pub(crate) fn read(text: &str, given: &[(String, String)]) -> Result<Query, Fault> {
        let mut query = Query { sql: String::with_capacity(text.len()), values: Vec::new(), pads: false };
        let mut numbers: Vec<Option<usize>> = vec![None; given.len()];
        let mut scanner = Scanner::new(text);
        let (mut copied, mut end, mut first) = (0, None, true);
        while let Some(Token { kind, start }) = scanner.next().map_err(Fault::config)? {
            if kind == Kind::Semicolon {
                end = end.or(Some(start));
                continue;
            }
            if end.is_some() {
                return Err(Fault::config("the query is several statements; write one"));
            }
            let token = &text[start..scanner.at];
            if std::mem::take(&mut first) && !begins(kind, token) {
                let word = etl_stream::json::shorten(token, 40);
                return Err(Fault::config(format!(
                    "the query begins with {word}; only SELECT, WITH, VALUES and TABLE are read"
                )));
            }
            match kind {
                Kind::Word => query.pads |= PADS.iter().any(|word| token.eq_ignore_ascii_case(word)),
                Kind::Position => {
                    return Err(Fault::config(format!(
                        "the query has {token}; write :name, and give its value by --param name=VALUE"
                    )));
                }
                Kind::Parameter => {
                    let name = &token[1..];
                    let Some(parameter) = given.iter().position(|(known, _)| known == name) else {
                        return Err(Fault::usage(format!(
                            "the query has :{name}, but no --param {name}=VALUE is given"
                        )));
                    };
                    let number = *numbers[parameter].get_or_insert_with(|| {
                        query.values.push(given[parameter].1.clone());
                        query.values.len()
                    });
                    query.sql += &text[copied..start];
                    // What is written right before it must not become part of it.
                    if query.sql.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
                        query.sql.push(' ');
                    }
                    query.sql += &format!("${number}");
                    copied = scanner.at;
                }
                _ => (),
            }
        }
        if first {
            return Err(Fault::config("the query is empty"));
        }
        query.sql += &text[copied..end.unwrap_or(text.len())];
        if let Some(unused) = numbers.iter().position(Option::is_none) {
            let name = &given[unused].0;
            return Err(Fault::usage(format!("--param {name}: the query has no :{name}")));
        }
        Ok(query)
    }
}

fn begins(kind: Kind, token: &str) -> bool {
    match kind {
        Kind::Word => QUERIES.iter().any(|word| token.eq_ignore_ascii_case(word)),
        _ => token == "(",
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// A key word or a name without quotes.
    Word,
    /// A literal, a name in quotes or a number.
    Operand,
    /// `:name`
    Parameter,
    /// `$1`
    Position,
    Semicolon,
    Open,
    Close,
    /// Anything else, such as an operator.
    Other,
}

/// A token, which begins here and ends where the scanner is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Token {
    kind: Kind,
    start: usize,
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// How many square brackets are open, in which a colon may separate the bounds of a slice.
    brackets: usize,
    /// Whether the token before this one is a value, or ends one.
    after_value: bool,
}

impl Scanner<'_> {
    fn new(text: &str) -> Scanner<'_> {
        Scanner { text: text.as_bytes(), at: 0, brackets: 0, after_value: false }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// The next token that is neither white space nor a comment.
    fn next(&mut self) -> Result<Option<Token>, &'static str> {
        self.skip()?;
        let start = self.at;
        if start == self.text.len() {
            return Ok(None);
        }
        let kind = self.token()?;
        match kind {
            Kind::Open => self.brackets += 1,
            Kind::Close => self.brackets = self.brackets.saturating_sub(1),
            _ => (),
        }
        let ends_value = matches!(kind, Kind::Word | Kind::Operand | Kind::Parameter | Kind::Close);
        self.after_value = ends_value || self.text[start] == b')';
        Ok(Some(Token { kind, start }))
    }

    fn skip(&mut self) -> Result<(), &'static str> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, _) => self.at += 1,
                (b'-', b'-') => {
                    while self.at < self.text.len() && !matches!(self.peek(0), b'\n' | b'\r') {
                        self.at += 1;
                    }
                }
                (b'/', b'*') => self.comment()?,
                _ => return Ok(()),
            }
        }
    }

    /// A comment, which may have others within it.
    fn comment(&mut self) -> Result<(), &'static str> {
        let mut depth = 0;
        while self.at < self.text.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => depth += 1,
                (b'*', b'/') => depth -= 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return Ok(());
            }
        }
        Err("the query has a comment that does not end")
    }

    fn token(&mut self) -> Result<Kind, &'static str> {
        match self.peek(0) {
            b'\'' => self.quoted(b'\'', false),
            b'"' => self.quoted(b'"', false),
            b'$' => self.dollar(),
            b':' => Ok(self.colon()),
            byte if starts_name(byte) => {
                self.name();
                let is_escape = matches!(&self.text[..self.at], [.., b'e' | b'E'])
                    && (self.at == 1 || !goes_on(self.text[self.at - 2]));
                if is_escape && self.peek(0) == b'\'' {
                    return self.quoted(b'\'', true);
                }
                Ok(Kind::Word)
            }
            byte if byte.is_ascii_digit() => {
                while goes_on(self.peek(0)) || self.peek(0) == b'.' {
                    self.at += 1;
                }
                Ok(Kind::Operand)
            }
            byte => {
                self.at += 1;
                Ok(match byte {
                    b';' => Kind::Semicolon,
                    b'[' => Kind::Open,
                    b']' => Kind::Close,
                    _ => Kind::Other,
                })
            }
        }
    }

    fn name(&mut self) {
        while goes_on(self.peek(0)) {
            self.at += 1;
        }
    }

    /// A text or a name in quotes, which are doubled within it.
    fn quoted(&mut self, quote: u8, escapes: bool) -> Result<Kind, &'static str> {
        self.at += 1;
        while self.at < self.text.len() {
            match self.peek(0) {
                b'\\' if escapes => self.at += 2,
                byte if byte == quote && self.peek(1) == quote => self.at += 2,
                byte if byte == quote => {
                    self.at += 1;
                    return Ok(Kind::Operand);
                }
                _ => self.at += 1,
            }
        }
        Err(if quote == b'"' {
            "the query has a name in quotes that does not end"
        } else {
            "the query has a text in quotes that does not end"
        })
    }

    /// `$1`, or a text between two `$tag$`.
    fn dollar(&mut self) -> Result<Kind, &'static str> {
        let start = self.at;
        self.at += 1;
        if self.peek(0).is_ascii_digit() {
            while self.peek(0).is_ascii_digit() {
                self.at += 1;
            }
            return Ok(Kind::Position);
        }
        while starts_name(self.peek(0)) || self.at > start + 1 && self.peek(0).is_ascii_digit() {
            self.at += 1;
        }
        if self.peek(0) != b'$' {
            return Ok(Kind::Other);
        }
        self.at += 1;
        let tag = &self.text[start..self.at];
        let rest = &self.text[self.at..];
        let Some(end) = (0..rest.len()).find(|&at| rest[at..].starts_with(tag)) else {
            return Err("the query has a text in dollar quotes that does not end");
        };
        self.at += end + tag.len();
        Ok(Kind::Operand)
    }

    /// `::`, `:=`, `:name`, or the colon of a slice.
    fn colon(&mut self) -> Kind {
        self.at += 1;
        match self.peek(0) {
            b':' | b'=' => self.at += 1,
            byte if starts_name(byte) && !(self.brackets > 0 && self.after_value) => {
                self.name();
                return Kind::Parameter;
            }
            _ => (),
        }
        Kind::Other
    }
}

/// Whether a name without quotes may begin with this byte; a letter beyond ASCII has only such bytes.
fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn goes_on(byte: u8) -> bool {
    starts_name(byte) || byte.is_ascii_digit() || byte == b'$'
}

#[cfg(test)]
mod tests;
