//! Apache with a configuration of a test's own.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::process::{Peer, Ports};

/// Every site needs these.
const MODULES: [&str; 6] = ["mpm_event", "authz_core", "ssl", "socache_shmcb", "proxy", "proxy_http"];

/// Apache with these modules as well, and so many ports. `configuration` gets its folder, which its workers,
/// who are another user, may read, and the ports.
pub(super) fn apache(modules: &[&str], ports: usize, configuration: impl Fn(&Path, &[u16]) -> String) -> Option<Peer> {
    let arguments = |folder: &Path, _: &[u16]| {
        let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
        ["-d", &at(""), "-f", &at("conf"), "-DFOREGROUND"].map(str::to_owned).to_vec()
    };
    Peer::start_with("apache2", arguments, Ports::Free(ports), |folder, ports| {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        let text = configuration(folder, ports);
        let modules: String = MODULES
            .iter()
            .chain(modules)
            .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
            .collect();
        let listen: String = ports.iter().map(|port| format!("Listen 127.0.0.1:{port}\n")).collect();
        let folder = folder.display();
        format!(
            "{modules}User www-data\nGroup www-data\nServerName localhost\nPidFile {folder}/pid\n\
             ErrorLog {folder}/log\nDefaultRuntimeDir {folder}\n{listen}{text}"
        )
    })
}
