//! How the files that may be open at a time are shared out: one half for visitors, one for probes.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::app::launch::AppFault;
use crate::model::settings::{STREAMS_SHARE, ServerSettings};
use crate::server::SIDE_CONNECTIONS_MAX;

/// Fewest descriptors with which it makes sense to start.
pub(super) const DESCRIPTORS_MIN: usize = 256;

/// More than this is of no use.
const DESCRIPTORS_MAX: usize = 1 << 20;

/// Descriptors of either half that neither visitors nor probes may use: database, log, listeners.
const RESERVED: usize = 64;

/// A listener beside the public one takes at most so much of all descriptors.
const SIDE_SHARE: usize = 32;

/// How many files may be open at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Descriptors(usize);

impl Descriptors {
    /// Raises the soft limit of open files to the hard one.
    pub(super) fn raise() -> Result<Self, AppFault> {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let mut now = current.unwrap_or(u64::MAX);
        // Some systems report no hard limit at all; then this is plenty.
        let most = maximum.unwrap_or(u64::MAX).min(DESCRIPTORS_MAX as u64);
        if now < most && setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }).is_ok() {
            now = most;
        }
        let now = usize::try_from(now).unwrap_or(usize::MAX).min(DESCRIPTORS_MAX);
        if now < DESCRIPTORS_MIN { Err(AppFault::Descriptors(now)) } else { Ok(Self(now)) }
    }

    /// Most connections on a listener beside the public one.
    pub(super) fn side_connections(self) -> usize {
        (self.0 / SIDE_SHARE).min(SIDE_CONNECTIONS_MAX)
    }

    /// Most connections on the public listener: half, less what is reserved and what the other
    /// listeners may take.
    pub(super) fn connections(self, server: &ServerSettings) -> usize {
        let fit = (self.0 / 2).saturating_sub(RESERVED + side_listeners(server) * self.side_connections());
        server.max_connections.unwrap_or(fit).min(fit)
    }

    /// Most that probes may have open.
    pub(super) const fn probes(self) -> usize {
        (self.0 - self.0 / 2).saturating_sub(RESERVED)
    }

    /// A sentence, if the server is to hold more than fits.
    pub(super) fn shortage(self, server: &ServerSettings) -> Option<String> {
        let (share, of) = STREAMS_SHARE;
        let (key, value, wanted) = match server.max_connections {
            Some(connections) => ("max_connections", connections, connections),
            None => ("max_sse", server.max_sse, (server.max_sse * of).div_ceil(share)),
        };
        let fit = self.connections(server);
        if wanted <= fit {
            return None;
        }
        let needed = 2 * (wanted + RESERVED + side_listeners(server) * SIDE_CONNECTIONS_MAX);
        let streams = server.max_sse.min(fit * share / of);
        Some(format!(
            "[server] {key} = {value} does not fit into {} file descriptors: at most {fit} connections are served, \
             {streams} of them with events; raise the limit of open files (LimitNOFILE, ulimit -n) to {needed}, or \
             lower {key}",
            self.0
        ))
    }
}

/// Listeners beside the public one.
fn side_listeners(server: &ServerSettings) -> usize {
    [server.metrics_listen, server.admin_listen].iter().flatten().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> ServerSettings {
        ServerSettings {
            listen: ([127, 0, 0, 1], 8080).into(),
            metrics_listen: None,
            admin_listen: None,
            trusted_proxies: Vec::new(),
            max_connections: None,
            max_sse: 10_000,
            document_cache_bytes: 0,
        }
    }

    #[test]
    fn all_listeners_and_probes_fit_together() {
        let other = Some(([127, 0, 0, 1], 1).into());
        for all in [256, 300, 512, 1024, 20_000, 1 << 20] {
            for (metrics_listen, admin_listen) in [(None, None), (other, None), (other, other)] {
                let (descriptors, settings) =
                    (Descriptors(all), ServerSettings { metrics_listen, admin_listen, ..server() });
                let sides = side_listeners(&settings) * descriptors.side_connections();
                let connections = descriptors.connections(&settings);
                assert!(connections >= 48 && descriptors.side_connections() >= 8, "{all}: {connections}");
                assert_eq!(connections + sides + RESERVED, all / 2);
                assert!(descriptors.probes() + all / 2 + RESERVED <= all, "{all}");
            }
        }
        let few = ServerSettings { max_connections: Some(10), ..server() };
        assert_eq!(Descriptors(256).connections(&few), 10);
    }

    #[test]
    fn what_does_not_fit_is_said_with_what_it_takes() {
        assert_eq!(Descriptors(25_128).shortage(&server()), None);
        let sentence = Descriptors(20_000).shortage(&server()).unwrap();
        for words in ["max_sse = 10000 ", " 20000 ", " 9936 connections", " 7948 of them", " to 25128,"] {
            assert!(sentence.contains(words), "`{sentence}` lacks `{words}`");
        }
        assert!(Descriptors(25_127).shortage(&server()).is_some());
        let metered = ServerSettings { metrics_listen: Some(([127, 0, 0, 1], 1).into()), ..server() };
        assert!(Descriptors(25_128).shortage(&metered).unwrap().contains(" to 25256,"));
        assert_eq!(Descriptors(25_256).shortage(&metered), None);
        let large = ServerSettings { max_connections: Some(10_000), ..server() };
        let sentence = Descriptors(20_000).shortage(&large).unwrap();
        assert!(sentence.contains("max_connections = 10000 ") && sentence.contains(" to 20128,"), "{sentence}");
        // How many of its connections may follow events, the operator has decided.
        assert_eq!(Descriptors(20_128).shortage(&large), None);
    }
}
