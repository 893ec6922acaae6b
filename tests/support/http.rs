//! The smallest HTTP client: one request, one answer, for looking at a service from outside.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

/// Sends a request to `base` (`http://host:port`) and returns the body of its answer.
pub fn call(base: &str, method: &str, path: &str, token: Option<&str>, body: &str) -> Value {
    let host = base.trim_start_matches("http://");
    let bearer = token.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{bearer}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(host).expect("the service listens");
    stream.write_all(request.as_bytes()).expect("the request is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let body = answer.split_once("\r\n\r\n").expect("a head and a body").1;
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}
