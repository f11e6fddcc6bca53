//! Tasks in a real PostgreSQL, by the pipeline that replaces a table.

use etl_testkit::http::{Reply, Server};
use etl_testkit::load::{counts, receipts, refused};
use etl_testkit::postgres::{self, Space};
use etl_testkit::run::{Cmd, Ran};

use crate::extractor::{extractor, page, server};

/// `extract-asana tasks --project 1204 | load-postgres --mode replace`
fn pipeline(space: &Space, server: &Server, args: &[&str]) -> (Ran, Ran) {
    let extract =
        extractor().cmd(&["tasks", "--project", "1204", "--retries", "0", "--base-url", &server.url()]);
    let load =
        space.env().into_iter().fold(Cmd::bin("load-postgres"), |cmd, (name, value)| cmd.env(name, value));
    extract.pipe(load.words("--create --mode replace").args(args))
}

fn recorded() -> [Reply; 2] {
    [
        Reply::json(200, include_str!("../replies/tasks/page1_documented.json")),
        Reply::json(200, include_str!("../replies/tasks/all_fields.json")),
    ]
}

#[test]
fn a_table_is_replaced_and_no_failure_empties_it() {
    let space = postgres::Server::shared().space();
    let rows = || {
        space.rows(
            "SELECT gid, name, completed, completed_at, due_on, due_at, assignee_name, project_gid, section_name, \
             actual_time_minutes, jsonb_array_length(memberships), custom_fields->0->>'number_value' \
             FROM asana_tasks ORDER BY gid",
        )
    };
    let expected = [
        "1209999999999991|Release \"1.0\"\nand rest|t|2026-11-20 09:00:00.123+00|2026-11-21|2026-11-21 17:30:00+00|Ada|\
         1204|In progress|90.5|2|3.00",
        "1209999999999992||f|NULL|NULL|NULL|NULL|1204|NULL|NULL|1|NULL",
        "123|Task 1|NULL|NULL|NULL|NULL|NULL|1204|NULL|NULL|NULL|NULL",
        "456|Task 2|NULL|NULL|NULL|NULL|NULL|1204|NULL|NULL|NULL|NULL",
    ];
    for before in [0, 4] {
        let (extracted, loaded) = pipeline(&space, &server(recorded()), &[]);
        extracted.ok();
        let receipt = receipts(&loaded).remove(0);
        assert_eq!((&receipt["rows_before"], &receipt["rows_after"]), (&before.into(), &4.into()));
        assert_eq!(rows(), expected);
    }

    // A page that fails, a reply that breaks off, a project without a task: the rows stay.
    let [first, last] = recorded();
    let unknown = r#"{"errors":[{"message":"project: Unknown object: 1204"}]}"#;
    for (replies, code) in [
        (vec![Reply::json(404, unknown)], 78),
        (vec![first.clone(), Reply::json(500, "{}")], 75),
        (vec![first.clone(), last.clone().cut_after(200)], 75),
        (vec![Reply::json(200, "<html>")], 76),
    ] {
        let (extracted, loaded) = pipeline(&space, &server(replies), &[]);
        assert_eq!((extracted.code, loaded.code), (code, code), "{}", loaded.stderr);
        assert_eq!(rows(), expected);
    }
    let (extracted, loaded) = pipeline(&space, &server([page(&[], None)]), &[]);
    extracted.ok();
    refused(&loaded, 3, "--allow-empty");
    assert_eq!(rows(), expected);

    // One that is done or was deleted is gone with the next whole run.
    let (_, loaded) = pipeline(&space, &server([last]), &[]);
    assert_eq!((counts(&loaded)[0], rows().len()), (2, 2));
}
