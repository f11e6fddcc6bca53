//! `--completions` and `--man`, which every component has.

use etl_testkit::run::Cmd;

#[test]
fn a_script_completes_the_flags_in_each_shell() {
    // The path of a database, which load-sqlite otherwise requires, is not needed.
    for (shell, flag) in [("bash", "--max-rejects"), ("zsh", "--max-rejects="), ("fish", "-l max-rejects")] {
        let script = Cmd::bin("load-sqlite").args(["--completions", shell]).run();
        assert!(script.ok().stdout.contains(flag) && script.stderr.is_empty(), "{shell}: {script:?}");
    }
    let script = Cmd::bin("standpipe").arg("--completions=fish").run().ok().stdout.clone();
    assert!(script.contains("-a \"unreject\""), "{script}");
    Cmd::bin("load-sqlite").args(["--completions", "tcsh"]).run().fails(2);
}

#[test]
fn the_page_tells_flags_variables_and_exit_codes() {
    let page = Cmd::bin("extract-openweather").arg("--man").run().ok().stdout.clone();
    let flags = [".TH extract-openweather 1", "\\-\\-log\\-level", "extract\\-openweather\\-current(1)"];
    for part in flags.into_iter().chain([".SH ENVIRONMENT", "OPENWEATHER_API_KEY", ".SH \"EXIT STATUS\""]) {
        assert!(page.contains(part), "{part} is missing:\n{page}");
    }
    assert!(page.contains("retries or a quota used up"), "{page}");
}

#[test]
fn a_subcommand_has_a_page_of_its_own() {
    let page = |args: &[&str]| Cmd::bin("standpipe").args(args).arg("--man").run().ok().stdout.clone();
    assert!(page(&["seal"]).contains(".TH standpipe-seal 1"));
    let show = page(&["schema", "show"]);
    assert!(show.contains(".TH standpipe-schema-show 1") && show.contains("built\\-in schema"), "{show}");
    // What follows `--` is another program's.
    let sealed = Cmd::bin("standpipe").args(["seal", "--id", "x", "--", "echo", "--man"]).run();
    sealed.fails(3);
}
