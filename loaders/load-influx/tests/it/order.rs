//! Two requests are in flight, but the later value of a point wins.

use etl_testkit::load::counts;

use crate::support::{InfluxFolder, plain, site};

#[test]
fn the_last_value_of_a_point_is_the_one_that_stays() {
    let place = InfluxFolder::new();
    // Every request has one point, and there are only two different points.
    let records: Vec<String> = (0..400).map(|n| site(["a", "b"][n % 2], 0, &format!("\"n\":{n}"))).collect();
    assert_eq!(counts(&place.load("--batch-lines 1", plain(&records))), [400, 400, 0, 0, 0, 0]);
    let rows = place.database.rows("SELECT n FROM sites GROUP BY site");
    assert_eq!(rows, ["site=a: 1699999200000000000|398", "site=b: 1699999200000000000|399"]);
}

#[test]
fn batches_end_by_lines_and_by_bytes() {
    use crate::support::scripted;
    use etl_testkit::http::{Reply, Script};
    let records: Vec<String> = (0..6).map(|n| site("a", n, &format!("\"n\":{n}"))).collect();
    let line = "sites,site=a n=0i 1699999200000000000\n".len();
    for (args, sizes) in [
        ("--batch-lines 4".to_owned(), vec![2, 4]),
        (format!("--batch-bytes {}", 2 * line), vec![2, 2, 2]),
        (format!("--batch-bytes {}", 3 * line - 1), vec![2, 2, 2]),
        // A line is never cut.
        ("--batch-bytes 1".to_owned(), vec![1; 6]),
        (String::new(), vec![6]),
    ] {
        let (ran, posted) =
            scripted(Script::new().then(Reply::status(204)), &format!("--db d {args}"), plain(&records));
        assert_eq!(counts(&ran), [6, 6, 0, 0, 0, 0]);
        let mut posted: Vec<usize> = posted.iter().map(|body| body.lines().count()).collect();
        posted.sort_unstable();
        assert_eq!(posted, sizes, "{args}");
    }
}
