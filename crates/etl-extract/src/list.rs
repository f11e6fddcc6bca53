//! What a file lists, such as places or symbols.

use std::path::Path;

use etl_component::{Class, Fault};

/// Reads a file that lists things of this name, such as `symbol`, one a line. Blank lines are left out, and what follows a
/// `#` at the start of a line or after a blank. `read` is given a line without white space around it.
///
/// # Errors
/// 66 if the file cannot be read; 78 with its name and line for what `read` refuses, or if it lists nothing.
pub fn list<T>(path: &Path, thing: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, Fault> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Fault::new(Class::NoInput, format!("cannot read {file}")).because(error))?;
    let mut things = Vec::new();
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = without_comment(line).trim();
        if !line.is_empty() {
            let thing = read(line).map_err(|why| Fault::config(format!("{file}, line {number}: {why}")))?;
            things.push(thing);
        }
    }
    if things.is_empty() {
        return Err(Fault::config(format!("{file} names no {thing}")));
    }
    Ok(things)
}

fn without_comment(line: &str) -> &str {
    let starts = |&(at, _): &(usize, &str)| line[..at].chars().next_back().is_none_or(char::is_whitespace);
    line.match_indices('#').find(starts).map_or(line, |(at, _)| &line[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Result<Vec<String>, (u8, String)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("things");
        if !text.is_empty() {
            std::fs::write(&file, text).unwrap();
        }
        let read =
            |line: &str| if line == "bad" { Err(format!("{line:?} is bad")) } else { Ok(line.to_owned()) };
        list(&file, "thing", read).map_err(|fault| {
            let folder = format!("{}/", folder.path().display());
            (fault.class().code(), fault.message().replace(&folder, ""))
        })
    }

    #[test]
    fn a_line_is_a_thing_unless_it_is_blank_or_a_comment() {
        let text = "\u{feff}# all\n one # two\r\n\n \t\nhttps://a.example/#three\n\t# bad\nfour";
        assert_eq!(listed(text).unwrap(), ["one", "https://a.example/#three", "four"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_the_file_and_the_line() {
        for (text, code, why) in [
            ("one\n\n  bad # yes\n", 78, "things, line 3: \"bad\" is bad"),
            ("# nothing\n", 78, "things names no thing"),
            ("", 66, "cannot read things"),
        ] {
            assert_eq!(listed(text), Err((code, why.to_owned())), "{text:?}");
        }
    }
}
