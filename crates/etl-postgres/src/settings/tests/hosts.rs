//! Hosts, addresses and ports.

use super::*;

fn hosts(text: &str) -> Vec<String> {
    settings(&[("DATABASE_URL", text)]).hosts.iter().map(ToString::to_string).collect()
}

#[test]
fn ports_go_with_their_hosts() {
    assert_eq!(hosts("host=a,b,c port=1,2,3"), ["a:1", "b:2", "c:3"]);
    assert_eq!(hosts("host=a,b port=7"), ["a:7", "b:7"]);
    assert_eq!(hosts("host=a,b,c port=1,,3"), ["a:1", "b:5432", "c:3"]);
    assert_eq!(hosts("host=a port=' 9 '"), ["a:9"]);
    assert_eq!(
        refused(&[("PGHOST", "a,b"), ("PGPORT", "1,2,3")]),
        "PGPORT is \"1,2,3\": 3 values for 2 hosts"
    );
    for port in ["0", "65536", "-1", "x", "1.5", "5432/db"] {
        let message = refused(&[("PGPORT", port)]);
        assert_eq!(message, format!("PGPORT is {port:?}: it must be a number from 1 to 65535"));
    }
}

#[test]
fn an_address_spares_looking_up_the_name() {
    let of = |text: &str| {
        let hosts = settings(&[("DATABASE_URL", text)]).hosts;
        hosts.into_iter().map(|host| (host.host, host.address.map(|a| a.to_string()))).collect::<Vec<_>>()
    };
    let pair = |host: &str, address: &str| (host.to_owned(), Some(address.to_owned()));
    assert_eq!(of("host=a,b hostaddr=127.0.0.1,::1"), [pair("a", "127.0.0.1"), pair("b", "::1")]);
    assert_eq!(of("hostaddr=127.0.0.1"), [pair("127.0.0.1", "127.0.0.1")]);
    assert_eq!(of("host=/tmp hostaddr=127.0.0.1"), [pair("127.0.0.1", "127.0.0.1")]);
    assert_eq!(of("host=a,b hostaddr=127.0.0.1,"), [pair("a", "127.0.0.1"), ("b".to_owned(), None)]);
    assert_eq!(
        refused(&[("PGHOST", "a,b"), ("PGHOSTADDR", "127.0.0.1")]),
        "PGHOST is \"a,b\": 2 values for 1 host"
    );
    assert_eq!(
        refused(&[("PGHOSTADDR", "localhost")]),
        "PGHOSTADDR is \"localhost\": it must be an IPv4 or IPv6 address, or several separated by commas"
    );
}

#[test]
fn folders_are_sockets() {
    let hosts = settings(&[("PGHOST", "/run/pg,h,::1")]).hosts;
    assert_eq!(hosts.iter().map(Endpoint::is_socket).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(hosts[2].to_string(), "[::1]:5432");
    assert_eq!(
        refused(&[("PGHOST", "@abstract")]),
        "PGHOST: sockets in the abstract namespace are not supported"
    );
    let folder = |length: usize| format!("/{}", "x".repeat(length - 1));
    let longest = folder(107 - "/.s.PGSQL.5432".len());
    assert_eq!(settings(&[("PGHOST", &longest)]).hosts[0].host, longest);
    let message = refused(&[("PGHOST", &folder(longest.len() + 1))]);
    assert!(
        message.ends_with("x\": the path of the socket in this folder is longer than 107 bytes"),
        "{message}"
    );
}

#[test]
fn an_empty_host_is_the_local_server() {
    let local = settings(&[]).hosts.remove(0).host;
    let hosts = settings(&[("DATABASE_URL", "postgres://,h:7/d")]).hosts;
    assert_eq!((hosts[0].host.as_str(), hosts[1].host.as_str()), (local.as_str(), "h"));
}
