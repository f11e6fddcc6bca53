//! Folders, patterns, stdin, and the ids of segments.

use etl_testkit::run::{Cmd, Folder};

use crate::{begins, records, run};

fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("in/deeper")).unwrap();
    for (name, text) in [
        ("in/b.csv", "n\n2\n"),
        ("in/a.csv", "n\n1\n"),
        ("in/.c.csv", "n\n3\n"),
        ("in/deeper/d.csv", "n\n4\n"),
    ] {
        folder.write(name, text);
    }
    folder
}

#[test]
fn the_files_of_a_folder_and_of_a_pattern_come_sorted_and_keep_their_ids() {
    let here = folder();
    let all = run(&here, &["in"]);
    assert_eq!(records(&all), [r#"{"n":"1"}"#, r#"{"n":"2"}"#]);
    assert_eq!(all.stderr, "2 records of 2 files\n");
    let ids = begins(&all, "id");
    let moved = folder();
    std::fs::rename(moved.path("in"), moved.path("elsewhere")).unwrap();
    assert_eq!(begins(&run(&moved, &["elsewhere"]), "id"), ids);
    assert_eq!(begins(&run(&here, &["in/*.csv"]), "id"), ids);
    assert_eq!(begins(&run(&here, &["in/a.csv", "in/b.csv"]), "id"), ids);
    assert_eq!(records(&run(&here, &["in/**/*.csv"])).len(), 3);
    assert_ne!(begins(&run(&here, &["in", "--null", "x"]), "id"), ids);
    here.write("in/a.csv", "n\n5\n");
    let changed = begins(&run(&here, &["in"]), "id");
    assert!(changed[0] != ids[0] && changed[1] == ids[1]);
}

#[test]
fn what_is_missing_is_named() {
    let here = folder();
    for (path, message) in [
        ("no.csv", "cannot read the input no.csv: No such file or directory (os error 2)"),
        ("in/*.tsv", "no file in in/*.tsv (--allow-empty accepts that)"),
    ] {
        assert_eq!(run(&here, &[path]).fails(66).last_error_line(), message);
    }
    assert_eq!(records(&run(&here, &["in/*.tsv", "--allow-empty"])), [""; 0]);
    std::os::unix::fs::symlink("gone", here.path("in/link.csv")).unwrap();
    run(&here, &["in"]).fails(66);
}

#[test]
fn stdin_has_a_random_id_or_the_one_that_is_given() {
    let of = |args: &[&str]| {
        let cmd = Cmd::new(env!("CARGO_BIN_EXE_extract-file")).arg("-").args(args).stdin("n\n1\n");
        begins(&cmd.run(), "id")
    };
    assert_ne!(of(&[]), of(&[]));
    assert_eq!(of(&["--id", "today"]), ["today"]);
}
