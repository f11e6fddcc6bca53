//! Proxies from the environment: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, the lower-case names first.
//!
//! Left to itself, ureq uses whichever variable comes first for every scheme, and does not understand the suffixes,
//! ports and networks in `NO_PROXY` that clusters use.

use std::net::IpAddr;

use etl_component::{Env, Fault, Secret};
use ureq::{Proxy, ProxyProtocol};

use crate::url::{Origin, port};

#[derive(Debug)]
pub(crate) struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    except: Vec<String>,
}

impl Proxies {
    pub(crate) fn from_env(env: &Env) -> Result<Proxies, Fault> {
        let except = first(env, &["no_proxy", "NO_PROXY"]).map_or("", |(_, value)| value);
        Ok(Proxies {
            http: proxy(env, &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])?,
            https: proxy(env, &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            except: except
                .split([',', ' '])
                .filter(|entry| !entry.is_empty())
                .map(str::to_ascii_lowercase)
                .collect(),
        })
    }

    pub(crate) fn of(&self, origin: &Origin) -> Option<Proxy> {
        let proxy = if origin.https { &self.https } else { &self.http };
        proxy.clone().filter(|_| !self.except.iter().any(|entry| matches(entry, origin)))
    }
}

fn first<'a>(env: &'a Env, names: &[&'static str]) -> Option<(&'static str, &'a str)> {
    names
        .iter()
        .find_map(|name| env.get(name).map(str::trim).filter(|v| !v.is_empty()).map(|value| (*name, value)))
}

fn proxy(env: &Env, names: &[&'static str]) -> Result<Option<Proxy>, Fault> {
    let Some((name, value)) = first(env, names) else { return Ok(None) };
    let invalid = || Fault::config(format!("{name}: not the URL of a proxy"));
    let proxy = Proxy::new(value).map_err(|_| invalid())?;
    let port = proxy.uri().authority().and_then(port);
    if proxy.host().is_empty() || port.is_some_and(|text| text.parse::<u16>().is_err()) {
        return Err(invalid());
    }
    if !matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) {
        return Err(Fault::config(format!("{name}: only http:// and https:// proxies are supported")));
    }
    if let Some(password) = proxy.password().filter(|password| !password.is_empty()) {
        // Registered, so that it is redacted wherever the proxy's URL is printed.
        Secret::new(password.to_owned());
    }
    Ok(Some(proxy))
}

/// `*`, a host with its subdomains, an address or a network, each but `*` with an optional port.
fn matches(entry: &str, origin: &Origin) -> bool {
    let host = origin.bare_host();
    let (entry, port) = match entry.rsplit_once(':') {
        // The colons of a bare IPv6 address do not begin a port.
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, port.parse::<u16>().ok()),
        _ => (entry, None),
    };
    if port.is_some_and(|port| port != origin.port) {
        return false;
    }
    let entry = entry.trim_start_matches('[').trim_end_matches(']');
    if entry == "*" {
        return true;
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return match entry.split_once('/') {
            Some((network, bits)) => in_network(address, network, bits),
            None => entry.parse() == Ok(address),
        };
    }
    let suffix = entry.trim_start_matches('*').trim_start_matches('.');
    !suffix.is_empty() && host.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    // For /0, a shift by the whole width leaves nothing that could differ.
    bits <= width && (address ^ network).checked_shr(width - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use etl_component::Class;

    use super::*;
    use crate::url::base_url;

    fn host_of(env: &[(&str, &str)], url: &str) -> Option<String> {
        let origin = base_url(url, true).unwrap().origin;
        Proxies::from_env(&Env::of(env))
            .unwrap()
            .of(&origin)
            .map(|proxy| format!("{}:{}", proxy.host(), proxy.port()))
    }

    #[test]
    fn the_scheme_picks_the_variable() {
        let env = [
            ("HTTPS_PROXY", "http://s:1"),
            ("http_proxy", "p:2"),
            ("HTTP_PROXY", "http://q:3"),
            ("ALL_PROXY", "http://a:4"),
        ];
        assert_eq!(host_of(&env, "https://x.example").as_deref(), Some("s:1"));
        assert_eq!(host_of(&env, "http://x.example").as_deref(), Some("p:2"));
        assert_eq!(host_of(&env[3..], "http://x.example").as_deref(), Some("a:4"));
        assert_eq!(host_of(&[("HTTPS_PROXY", "")], "https://x.example"), None);
    }

    #[test]
    fn no_proxy_takes_names_suffixes_ports_and_networks() {
        for (except, url, direct) in [
            ("*", "https://x.example", true),
            ("x.example", "https://x.example", true),
            ("X.Example, other", "https://x.example", true),
            ("example", "https://x.example", true),
            (".example", "https://x.example", true),
            ("*.example", "https://x.example", true),
            ("ample", "https://x.example", false),
            ("x.example:443", "https://x.example", true),
            ("x.example:444", "https://x.example", false),
            ("127.0.0.1", "https://127.0.0.1", true),
            ("10.0.0.0/8", "https://10.200.3.4", true),
            ("10.0.0.0/8", "https://11.0.0.1", false),
            ("0.0.0.0/0", "https://11.0.0.1", true),
            ("10.0.0.0/33", "https://10.0.0.0", false),
            ("::1", "https://[::1]", true),
            ("[::1]:443", "https://[::1]", true),
            ("fd00::/8", "https://[fd12::1]", true),
            ("", "https://x.example", false),
        ] {
            let env = [("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", except)];
            assert_eq!(host_of(&env, url).is_none(), direct, "{except} {url}");
        }
    }

    #[test]
    fn what_is_no_http_proxy_is_refused_without_being_shown() {
        for value in ["socks5://user:sesame@p:1", "http://user:sesame@", "http://p:sesame"] {
            let fault = Proxies::from_env(&Env::of(&[("ALL_PROXY", value)])).unwrap_err();
            assert_eq!(fault.class(), Class::Config, "{value}");
            assert!(
                fault.message().starts_with("ALL_PROXY: ") && !fault.message().contains("sesame"),
                "{fault}"
            );
        }
    }
}
