//! Units, read by systemd and run by one that manages nothing else. What it mounts for services (credentials) reaches them only where
//! mounts are shared.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use etl_pipeline::Target;
use etl_stream::Class;
use etl_testkit::need::skipped;
use etl_testkit::postgres::{Server, Space};
use etl_testkit::run::{Cmd, Folder, Ran, wait_until, workspace_binary};

use super::rendered;

const PIPELINE: &str = "\
name: meters
schedule: [\"*/15 * * * *\", \"7 4 1,15 * 1-5\"]
timezone: America/Los_Angeles
steps:
  - sh /etc/standpipe/meters.sh '100 % of $RUN_ID' 'a \"b\" \\ c'
  - run: load-postgres --create --table meters --schema /etc/standpipe/meter.json
    secrets: {PGPASSWORD: pg/PASSWORD}
env: {TITLE: \"50 % \\\"$x\\\"\"}
config: {PGHOST: pg/HOST, PGPORT: pg/PORT, PGUSER: pg/USER, PGDATABASE: pg/DATABASE}
on-failure: {run: sh /etc/standpipe/failed.sh, secrets: {OTHER_PASSWORD: pg/OTHER}}
deadline: 1m
retry: {limit: 3, wait: 1s, longest: 1s}
";

/// Ends with the next of the codes that `codes` lists, or prints a record.
const METERS: &str = r#"
echo "$RUN_ID $INVOCATION_ID" >>tries
code=$(cut -d ' ' -f "$(wc -l <tries)" /etc/standpipe/codes)
[ "${code:-0}" -eq 0 ] || exit "$code"
printf '{"run": "%s", "words": "%s|%s|%s"}\n' "$RUN_ID" "$1" "$(echo "$2" | tr '"\\' "'/")" "$(echo "$TITLE" | tr '"' "'")"
"#;

const SCHEMA: &str = r#"{"type":"object","properties":{"run":{"type":"string"},"words":{"type":"string"}}}"#;

const FAILED: &str = r#"
echo "INSERT INTO failed VALUES (:'v');" |
  PGPASSWORD=$OTHER_PASSWORD psql -v ON_ERROR_STOP=1 -v "v=$WORKFLOW_NAME $WORKFLOW_STATUS $WORKFLOW_FAILURES"
"#;

/// Gives a systemd of its own process and mount namespace a machine: `/etc` with our files, programs, and nothing else.
/// The first argument is a folder, so that nothing is done without one.
const MACHINE: &str = r#"
set -eu
test -d "$1/units" && test -d "$2"
mount --make-rprivate / && mount --make-rshared /
cp -a /etc "$1/etc" && mount --bind "$1/etc" /etc
cp -a "$1/standpipe" /etc/standpipe
mount --bind "$2" /usr/local/bin
mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
  mount -t tmpfs tmpfs /sys/fs/cgroup && mkdir /sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
fi
export container=docker SYSTEMD_UNIT_PATH="$1/units"
shift 2
exec "$@"
"#;

/// What every unit depends on.
const TARGETS: [&str; 6] = ["sysinit", "basic", "shutdown", "timers", "network-online", "boot"];

/// A folder with the units and the files of a machine.
fn folder(space: Option<&Space>) -> Folder {
    let folder = Folder::new();
    for name in ["units", "standpipe", "standpipe/pg"] {
        fs::create_dir(folder.path(name)).expect("the folder is ours");
    }
    for target in TARGETS {
        folder.write(&format!("units/{target}.target"), "[Unit]\nDefaultDependencies=no\n");
    }
    for unit in rendered(Target::Systemd, PIPELINE, "1.2.3") {
        folder.write(&format!("units/{}", unit.path), &unit.text);
    }
    // There is no journal.
    for unit in ["meters", "meters-on-failure@"] {
        fs::create_dir(folder.path(&format!("units/{unit}.service.d"))).expect("the folder is ours");
        let conf = format!("units/{unit}.service.d/said.conf");
        folder.write(&conf, "[Service]\nStandardError=append:/var/lib/said\n");
    }
    for (name, text) in [("meters.sh", METERS), ("failed.sh", FAILED), ("meter.json", SCHEMA)] {
        folder.write(&format!("standpipe/{name}"), text);
    }
    let variables = space.map(Space::env).unwrap_or_default();
    let (secrets, variables): (Vec<_>, Vec<_>) =
        variables.into_iter().partition(|(name, _)| name == "PGPASSWORD");
    // What is not for a component comes from the machine's file.
    let other = secrets.iter().map(|(_, value)| ("OTHER_PASSWORD".to_owned(), value.clone()));
    let variables: Vec<_> = variables.into_iter().chain(other).collect();
    let lines: String = variables.iter().map(|(name, value)| format!("{name}=\"{value}\"\n")).collect();
    let password = secrets.first().map_or("", |(_, value)| value.as_str());
    for (name, text) in [("standpipe/meters.env", lines.as_str()), ("standpipe/pg/PASSWORD", password)] {
        folder.write(name, text);
        fs::set_permissions(folder.path(name), Permissions::from_mode(0o600)).expect("the file is ours");
    }
    fs::set_permissions(folder.path(""), Permissions::from_mode(0o755)).expect("the folder is ours");
    folder
}

/// A command on the machine, in namespaces of its own.
fn machine(folder: &Folder, program: &[&str]) -> Command {
    let binaries = workspace_binary("standpipe");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", MACHINE, "sh"]);
    command.arg(folder.path("")).arg(binaries.parent().expect("a folder")).args(program);
    command.stdin(Stdio::null());
    command
}

/// Whether units can be run here: it takes systemd and root.
fn is_possible(folder: &Folder) -> bool {
    // As the first process, it would not answer.
    let tried = machine(folder, &["sh", "-c", "/lib/systemd/systemd --version && exit 0"]).output();
    fs::remove_dir_all(folder.path("etc")).is_ok() && tried.is_ok_and(|output| output.status.success())
}

#[test]
fn units_are_what_systemd_takes() {
    let folder = folder(None);
    if !is_possible(&folder) {
        return skipped("units were not verified", "systemd, unshare or root is missing");
    }
    let units = rendered(Target::Systemd, PIPELINE, "1.2.3");
    for unit in &units {
        let name = unit.path.replace("@.", "@x.");
        let verify = ["systemd-analyze", "verify", "--man=no", &name];
        let output = machine(&folder, &verify).output().expect("unshare");
        fs::remove_dir_all(folder.path("etc")).expect("the folder is ours");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{name}: {said}");
        for event in unit.text.lines().filter_map(|line| line.strip_prefix("OnCalendar=")) {
            Cmd::new("systemd-analyze").args(["calendar", event]).run().ok();
        }
    }
}

#[test]
fn a_service_is_started_again_exactly_after_the_codes_that_another_try_may_cure() {
    let unit = rendered(Target::Systemd, PIPELINE, "1.2.3").remove(0).text;
    let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)).expect("the setting");
    assert_eq!(value("Restart="), "on-failure");
    let never: Vec<u8> =
        value("RestartPreventExitStatus=").split(' ').map(|code| code.parse().expect("a code")).collect();
    for class in Class::ALL {
        assert_eq!(!never.contains(&class.code()), class == Class::Transient, "{class:?}");
    }
    assert!(![75, 137, 143].iter().any(|code| never.contains(code)));
}

/// A systemd that runs.
struct Machine {
    init: Child,
    pid: String,
}

impl Machine {
    fn boot(folder: &Folder) -> Machine {
        let program = [
            "/lib/systemd/systemd",
            "--system",
            "--unit=boot.target",
            "--show-status=no",
            "--log-level=crit",
        ];
        let init =
            machine(folder, &program).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("unshare");
        let children = format!("/proc/{0}/task/{0}/children", init.id());
        let pid = || {
            fs::read_to_string(&children)
                .ok()
                .and_then(|text| text.split_whitespace().next().map(str::to_owned))
        };
        wait_until("systemd has started", || pid().is_some());
        let machine = Machine { pid: pid().expect("systemd"), init };
        wait_until("systemd answers", || machine.run(&["systemctl", "is-active", "boot.target"]).code == 0);
        machine
    }

    fn run(&self, words: &[&str]) -> Ran {
        Cmd::new("nsenter").args(["--mount", "--pid", "--target", &self.pid]).args(words).run()
    }

    /// Starts the service with these codes for its tries, and returns what it has written about each, once it has ended.
    fn tries(&self, codes: &str) -> Vec<String> {
        self.run(&["rm", "-f", "/var/lib/private/meters/tries"]).ok();
        self.run(&["sh", "-c", "echo \"$1\" >/etc/standpipe/codes", "sh", codes]).ok();
        self.run(&["systemctl", "reset-failed"]).ok();
        self.run(&["systemctl", "start", "--no-block", "meters.service"]).ok();
        // So has what runs after a failure: it is a job from the moment in which the service has failed until it has ended.
        wait_until("the service has ended", || {
            matches!(self.state().as_str(), "inactive" | "failed")
                && self.run(&["systemctl", "list-jobs", "--no-legend"]).stdout.is_empty()
        });
        self.run(&["cat", "/var/lib/private/meters/tries"])
            .ok()
            .lines()
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    /// What the service wrote on stderr, in all runs.
    fn said(&self) -> String {
        self.run(&["cat", "/var/lib/said"]).stdout
    }

    fn state(&self) -> String {
        let show = ["systemctl", "show", "meters.service", "--property=ActiveState", "--value"];
        self.run(&show).ok().stdout.trim().to_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The rest of the namespace ends with it.
        let _ = self.init.kill();
        let _ = self.init.wait();
    }
}

#[test]
fn a_service_loads_each_run_once_and_its_failure_is_reported_once() {
    let space = Server::shared().database();
    let folder = folder(Some(&space));
    if !is_possible(&folder) {
        return skipped("units were not run", "systemd, unshare or root is missing");
    }
    space.sql("CREATE TABLE failed (v text)");
    let machine = Machine::boot(&folder);

    // All tries of a run have its id, which is that of the first.
    let tries = machine.tries("75 137 0");
    assert_eq!((tries.len(), machine.state().as_str()), (3, "inactive"), "{tries:?}: {}", machine.said());
    let ids: Vec<(&str, &str)> = tries.iter().filter_map(|line| line.split_once(' ')).collect();
    let run = ids[0].1;
    assert!(run.len() == 32 && ids.iter().all(|(id, _)| *id == run), "{tries:?}");
    assert!(ids[1].1 != run && ids[2].1 != run, "{tries:?}");
    let words = "100 % of $RUN_ID|a 'b' / c|50 % '$x'";
    assert_eq!(space.rows("SELECT run, words FROM meters"), [format!("{run}|{words}")]);
    assert_eq!(space.rows("SELECT load_id FROM etl_load"), [format!("meters-{run}-load-postgres")]);

    // The next start is another run.
    let next = machine.tries("0");
    assert_eq!((next.len(), machine.state().as_str()), (1, "inactive"));
    assert!(!next[0].starts_with(run), "{next:?}");
    assert_eq!(space.count("SELECT count(*) FROM etl_load"), 2);
    assert_eq!(space.count("SELECT count(*) FROM failed"), 0);

    // A permanent failure is not tried again; a transient one as often as the file says.
    for (codes, tries) in [("3 0", 1), ("75 75 75 75 0", 4)] {
        space.sql("DELETE FROM failed");
        assert_eq!(machine.tries(codes).len(), tries);
        assert_eq!(machine.state(), "failed");
        assert_eq!(space.count("SELECT count(*) FROM failed"), 1, "{}", machine.said());
        let failed = space.rows("SELECT v FROM failed").remove(0);
        assert!(failed.starts_with("meters Failed [{\"displayName\":\"meters\""), "{failed}");
    }
    assert_eq!(space.count("SELECT count(*) FROM etl_load"), 2);
}
