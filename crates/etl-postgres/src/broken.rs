//! What a failure means that the server did not report: a connection that could not be made, or that broke.

use std::error::Error as _;
use std::io;

use etl_component::Class;
use postgres::Error;
use rustls::AlertDescription;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Broken {
    /// The server refuses the client certificate.
    OurCertificate,
    /// The server's certificate does not verify, or TLS fails for another reason.
    Tls,
    /// The server asks for a password, and there is none.
    NoPassword,
    /// The server cannot prove that it knows the password, or asks for a kind of authentication that is not supported.
    Authentication,
    /// The server cannot be connected to in this way.
    Configuration,
    /// The server does not speak as PostgreSQL does.
    Protocol,
    /// The server does not speak TLS.
    NoTls,
    /// The operating system does not let this user use the socket.
    Forbidden,
    /// The socket does not exist: no server listens there.
    NoSocket,
    /// Anything else: the server cannot be reached, or the connection was lost.
    Lost,
}

impl Broken {
    /// Reads an error that did not come from the server.
    pub(crate) fn of(error: &Error) -> Broken {
        match (Said::by(error), rustls_error(error)) {
            (_, Some(rustls::Error::AlertReceived(alert))) if is_about_our_certificate(*alert) => {
                Broken::OurCertificate
            }
            (_, Some(_)) => Broken::Tls,
            (Said::Authentication, _) => Broken::Authentication,
            // Everything else was checked when the settings were read; this shows only when the server asks for a
            // password.
            (Said::NoPassword, _) => Broken::NoPassword,
            (Said::Configuration, _) => Broken::Configuration,
            (Said::Protocol, _) => Broken::Protocol,
            (Said::NoTls, _) => Broken::NoTls,
            _ => io_error(error).map_or(Broken::Lost, Broken::of_io),
        }
    }

    /// Reads an error of the operating system.
    pub(crate) fn of_io(error: &io::Error) -> Broken {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Broken::Forbidden,
            io::ErrorKind::NotFound => Broken::NoSocket,
            _ => Broken::Lost,
        }
    }

    /// The exit class.
    pub(crate) fn class(self) -> Class {
        match self {
            Broken::OurCertificate | Broken::NoPassword | Broken::Authentication | Broken::Forbidden => {
                Class::Denied
            }
            Broken::Configuration | Broken::NoTls => Class::Config,
            Broken::Tls | Broken::Protocol => Class::Protocol,
            Broken::NoSocket | Broken::Lost => Class::Transient,
        }
    }

    /// Whether the server could not be reached, or can no longer be.
    pub(crate) fn is_away(self) -> bool {
        matches!(self, Broken::NoSocket | Broken::Lost)
    }
}

/// The kind of an error, which the crate keeps private and says only in words (tokio-postgres, src/error/mod.rs). This
/// is the only place that reads them.
#[derive(PartialEq)]
enum Said {
    Authentication,
    NoPassword,
    Configuration,
    Protocol,
    NoTls,
    TlsHandshake,
    Other,
}

impl Said {
    fn by(error: &Error) -> Said {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        match error.to_string().as_str() {
            "authentication error" => Said::Authentication,
            "invalid configuration" if cause.contains("password missing") => Said::NoPassword,
            "invalid configuration" => Said::Configuration,
            "unexpected message from server" | "error parsing response from server" => Said::Protocol,
            "error performing TLS handshake" if cause.contains("does not support TLS") => Said::NoTls,
            "error performing TLS handshake" => Said::TlsHandshake,
            _ => Said::Other,
        }
    }
}

/// Whether TLS could not be set up.
pub(crate) fn is_tls(error: &Error) -> bool {
    matches!(Said::by(error), Said::TlsHandshake | Said::NoTls) || rustls_error(error).is_some()
}

/// Whether the other side hung up in the middle of the exchange. A server that refuses a certificate says so and closes
/// the connection; if we are still sending, the crate reports only that.
pub(crate) fn is_hang_up(error: &Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    io_error(error).is_some_and(|io| [BrokenPipe, ConnectionReset, UnexpectedEof].contains(&io.kind()))
}

/// Whether it is a failure to read or write, whatever the crate calls it.
pub(crate) fn is_io(error: &Error) -> bool {
    io_error(error).is_some()
}

fn io_error(error: &Error) -> Option<&io::Error> {
    error.source().and_then(|cause| cause.downcast_ref())
}

/// The error of rustls, which comes inside an I/O error. TLS 1.3 lets a server refuse our certificate after the
/// handshake.
fn rustls_error(error: &Error) -> Option<&rustls::Error> {
    io_error(error).and_then(io::Error::get_ref).and_then(|cause| cause.downcast_ref())
}

fn is_about_our_certificate(alert: AlertDescription) -> bool {
    use AlertDescription::*;
    matches!(
        alert,
        BadCertificate
            | UnsupportedCertificate
            | CertificateRevoked
            | CertificateExpired
            | CertificateUnknown
            | CertificateRequired
            | UnknownCA
            | AccessDenied
            // An authority of the same name, but with another key, has signed it.
            | DecryptError
    )
}
