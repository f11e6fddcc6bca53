//! A real pgbouncer in front of a server.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use crate::postgres::{PASSWORD, Server, Space, USER, Watchdog, on_free_port, poll};

/// A running pgbouncer, which knows the superuser and every database. It ends, and its folder is removed, when this is
/// dropped or the process that started it ends.
pub struct Bouncer {
    port: u16,
    _watchdog: Watchdog,
}

impl Bouncer {
    /// Starts a pgbouncer with this pool mode (`transaction`, `session`, `statement`) and two connections per pool.
    ///
    /// `ignore_startup_parameters` keeps its default, so `options` is refused.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(server: &Server, pool_mode: &str) -> Bouncer {
        let users = format!("\"{USER}\" \"{PASSWORD}\"\n");
        let mut watchdog =
            Watchdog::start(&[("users.txt", &users), ("settings.ini", "")], "kill $pid; wait $pid");
        let (host, host_port) = (server.addr().ip(), server.addr().port());
        let started = on_free_port(|port| {
            watchdog.write(
                "settings.ini",
                &format!(
                    "[databases]\n* = host={host} port={host_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                     listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = users.txt\n\
                     pool_mode = {pool_mode}\ndefault_pool_size = 2\n"
                ),
            );
            watchdog.run("pgbouncer settings.ini & pid=$!");
            let (mut listens, mut runs) = (false, true);
            poll("a pgbouncer that listens", || {
                listens = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
                runs = watchdog.try_run("kill -0 $pid");
                listens || !runs
            });
            listens && runs
        });
        let Some(port) = started else { panic!("pgbouncer does not start:\n{}", watchdog.log()) };
        Bouncer { port, _watchdog: watchdog }
    }

    /// Its address.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The environment for a program that works in this space through pgbouncer. It lacks `PGOPTIONS`, so only a space
    /// from [`Server::database`] has its schema in the search path.
    pub fn env(&self, space: &Space) -> Vec<(String, String)> {
        let mut env = space.env();
        env.retain(|(name, _)| name != "PGOPTIONS");
        for (name, value) in &mut env {
            if name == "PGPORT" {
                *value = self.port.to_string();
            }
        }
        env
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Cmd;

    fn psql(env: Vec<(String, String)>, query: &str) -> Cmd {
        env.into_iter()
            .fold(Cmd::new("psql"), |cmd, (name, value)| cmd.env(name, value))
            .args(["-X", "-A", "-t", "-c", query])
    }

    #[test]
    fn connections_are_pooled_and_options_are_refused() {
        let server = Server::shared();
        let space = server.database();
        let bouncer = Bouncer::start(server, "transaction");
        let pid = || psql(bouncer.env(&space), "SELECT pg_backend_pid()").run().ok().stdout.clone();
        assert_eq!(pid(), pid());
        psql(bouncer.env(&space), "CREATE TABLE items AS SELECT 7 AS id").run().ok();
        assert_eq!(space.rows("SELECT id FROM items"), ["7"]);
        let refused = psql(bouncer.env(&space), "SELECT 1").env("PGOPTIONS", "-c search_path=x").run();
        assert!(
            refused.fails(2).stderr.contains("unsupported startup parameter: options"),
            "{}",
            refused.stderr
        );
        let wrong = psql(bouncer.env(&space), "SELECT 1").env("PGPASSWORD", "wrong").run();
        assert!(wrong.fails(2).stderr.contains("SASL authentication failed"), "{}", wrong.stderr);
    }

    #[test]
    fn a_dropped_pgbouncer_is_gone() {
        let bouncer = Bouncer::start(Server::shared(), "session");
        let (address, folder) = (bouncer.addr(), bouncer._watchdog.folder().to_owned());
        drop(bouncer);
        assert!(TcpStream::connect(address).is_err() && !folder.exists());
    }
}
