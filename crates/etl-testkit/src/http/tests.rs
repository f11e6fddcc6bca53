use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::*;

/// Sends bytes, returns all that comes back until the server closes.
fn exchange(server: &Server, request: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(server.address)?;
    stream.write_all(request.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

#[test]
fn replies_follow_the_order_and_the_path_and_the_last_repeats() {
    let script = Script::new().then(Reply::text(200, "a")).then(Reply::text(200, "b"));
    let server = Server::start(script.at("/own", Reply::text(200, "c")));
    let bodies: Vec<_> = ["/", "/own?x=1", "/2", "/3"]
        .map(|target| exchange(&server, &format!("GET {target} HTTP/1.1\r\n\r\n")).unwrap())
        .iter()
        .map(|reply| reply.rsplit("\r\n").next().unwrap().to_owned())
        .collect();
    assert_eq!(bodies, ["a", "c", "b", "b"]);
    let targets: Vec<_> = server.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(targets, ["/", "/own?x=1", "/2", "/3"]);
}

#[test]
fn bodies_of_requests_are_read_by_length_and_by_chunks_on_one_connection() {
    let server = Server::start(Reply::status(204));
    let requests = "POST /w HTTP/1.1\r\nContent-Length: 5\r\n\r\nm v=1\
                    POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let replies = exchange(&server, requests).unwrap();
    assert_eq!(replies, "HTTP/1.1 204 Scripted\r\n\r\n".repeat(2));
    let bodies: Vec<_> = server.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, [b"m v=1", b"abcde"]);
}

#[test]
fn misbehaviour_is_as_told() {
    let get = "GET / HTTP/1.1\r\n\r\n";
    let reply = |reply: Reply| exchange(&Server::start(reply), get);
    assert_eq!(reply(Reply::close()).unwrap(), "");
    assert_eq!(reply(Reply::reset()).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let cut = reply(Reply::text(200, "abcdef").cut_after(2)).unwrap();
    assert!(cut.contains("Content-Length: 6") && cut.ends_with("\r\n\r\nab"), "{cut}");
    let chunked = reply(Reply::text(200, "abc").chunked()).unwrap();
    assert!(chunked.ends_with("\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"), "{chunked}");
    let missing = reply(Reply::text(200, "abc").chunk_missing()).unwrap();
    assert!(missing.ends_with("1\r\nc\r\n"), "{missing}");
    let slow = reply(Reply::text(200, "abc").trickle(Duration::from_millis(1))).unwrap();
    assert!(slow.ends_with("\r\n\r\nabc"), "{slow}");
}

#[test]
fn drop_ends_a_black_hole() {
    let server = Server::start(Reply::silence());
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    drop(server);
    assert_eq!(stream.read(&mut [0; 8]).unwrap_or(0), 0);
}
