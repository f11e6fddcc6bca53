//! The recorded replies that the projects of Standpipe share.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Checks a table of the files in `../shared/apis/fixtures/SOURCE`, beside the repository: each file there is in the table,
/// with its copy in the crate, which has the same bytes, and with its outcome. `folder` is that of the crate; the copies
/// are named from there. The outcome is what the golden file beside the copy says: `exit code 78` of `NAME.err`, `2 records`
/// of `NAME.ndjson`; of a file that is only a part of a reply, such as `NAME.meta.json`, it is empty.
///
/// Without `../shared` the copies are checked all the same, and a line on stderr says what was skipped.
///
/// # Panics
/// If anything is not so.
#[track_caller]
pub fn fixtures(folder: &str, source: &str, table: &[(&str, &str, &str)]) {
    let crate_folder = Path::new(folder);
    for (name, copy, outcome) in table {
        let copy = crate_folder.join(copy);
        assert!(copy.is_file(), "{} is missing", copy.display());
        let golden = |kind: &str| fs::read_to_string(copy.with_extension(kind));
        let found = match (golden("err"), golden("ndjson")) {
            (Ok(error), _) => error.lines().next().unwrap_or_default().to_owned(),
            (_, Ok(records)) => etl_stream::counted(records.lines().count() as u64, "record", "records"),
            _ => String::new(),
        };
        assert_eq!(found, *outcome, "{name}");
    }
    let shared = crate_folder.join("../../../shared/apis/fixtures").join(source);
    let Ok(files) = fs::read_dir(&shared) else {
        eprintln!("SKIPPED: {} does not exist, so nothing is compared with it", shared.display());
        return;
    };
    let there: BTreeSet<String> =
        files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    let known: BTreeSet<String> = table.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(there, known, "the files of {} and those of the table", shared.display());
    for (name, copy, _) in table {
        let read = |path: &Path| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(read(&shared.join(name)) == read(&crate_folder.join(copy)), "{copy} is not a copy of {name}");
    }
}
