//! `--env-file`: variables, a line each.

use std::fs;
use std::path::Path;

use etl_component::Fault;

/// Reads a file of `NAME=value` lines. Blank lines and those that start with `#` are skipped, `export ` before a name is
/// left out, and so are quotes around a whole value. Nothing is expanded.
///
/// # Errors
/// 78 if it cannot be read, or a line is something else. Values are not shown, because they may be secret.
pub(super) fn read(path: &Path) -> Result<Vec<(String, String)>, Fault> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| Fault::config(format!("cannot read --env-file {shown}")).because(error))?;
    let lines =
        text.lines().enumerate().filter(|(_, line)| !matches!(line.trim().chars().next(), None | Some('#')));
    lines
        .map(|(number, line)| {
            variable(line.trim())
                .ok_or_else(|| Fault::config(format!("{shown}, line {}: this is not NAME=value", number + 1)))
        })
        .collect()
}

fn variable(line: &str) -> Option<(String, String)> {
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let name = name.trim();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.chars().all(word) || !name.starts_with(|c: char| !c.is_ascii_digit()) || value.contains('\0') {
        return None;
    }
    let value = value.trim();
    let unquoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    Some((name.to_owned(), unquoted.unwrap_or(value).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_variable() {
        for (line, name, value) in [
            ("A=1", "A", "1"),
            ("export A_b2 = x y ", "A_b2", "x y"),
            ("A=", "A", ""),
            ("A=\"a # b\"", "A", "a # b"),
            ("A='$HOME=\"1\"'", "A", "$HOME=\"1\""),
            ("A=\"", "A", "\""),
            ("A=a'b'", "A", "a'b'"),
        ] {
            assert_eq!(variable(line), Some((name.to_owned(), value.to_owned())), "{line}");
        }
        for line in ["A", "=1", "A B=1", "2A=1", "a-b=1", "A=\0"] {
            assert_eq!(variable(line), None, "{line}");
        }
    }
}
