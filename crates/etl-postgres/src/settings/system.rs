//! The operating system's user, for the defaults that come from it.

use std::fs;
use std::path::PathBuf;

use etl_component::{Env, Fault};

const PASSWD: &str = "/etc/passwd";

/// The name of the user that the process runs as, or `USER` if the user is not in the file (LDAP).
///
/// # Errors
/// 78 if the user has no name, as in a container that runs under an arbitrary user ID.
pub(super) fn user(env: &Env) -> Result<String, Fault> {
    let text = fs::read_to_string(PASSWD).unwrap_or_default();
    let user = entry(&text, uid()).map(|(name, _)| name).or(env.get("USER").filter(|name| !name.is_empty()));
    user.map(str::to_owned).ok_or_else(|| {
        Fault::config(format!("PGUSER is not set, and the local user with ID {} has no name", uid()))
    })
}

/// `HOME`, otherwise the home folder of the user that the process runs as.
pub(super) fn home(env: &Env) -> Option<PathBuf> {
    if let Some(home) = env.get("HOME").filter(|home| !home.is_empty()) {
        return Some(home.into());
    }
    let text = fs::read_to_string(PASSWD).ok()?;
    entry(&text, uid()).map(|(_, home)| home.into())
}

fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The name and home folder of a user (passwd(5)).
fn entry(passwd: &str, uid: u32) -> Option<(&str, &str)> {
    passwd.lines().find_map(|line| match line.split(':').collect::<Vec<_>>()[..] {
        [name, _, id, _, _, home, _] if id.parse() == Ok(uid) => Some((name, home)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n\nbroken:x:7\nann:x:1000:1000:Ann:/home/ann:/bin/sh\n";
        assert_eq!(entry(passwd, 1000), Some(("ann", "/home/ann")));
        assert_eq!(entry(passwd, 7), None);
    }
}
