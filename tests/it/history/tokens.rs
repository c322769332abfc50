//! Tokens: what opens, what does not, and where their secrets never are.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use turmwacht::history::StoreFault;
use turmwacht::history::audit::verify;
use turmwacht::history::open::Store;
use turmwacht::history::token::{ENDED_KEPT, Issued, LABEL_LENGTH_MAX, Order, TOKENS_MAX, TokenFault, Tokens};
use turmwacht::model::access::Role;
use turmwacht::model::id::OrganisationId;

use super::fixture::{Ground, adopted, at, logged};

fn order(role: Role, organisations: &[&str]) -> Order {
    let organisations = organisations.iter().map(|id| OrganisationId::new(*id)).collect();
    Order { role, organisations, label: "Pressestelle".to_owned(), expires_at: None }
}

fn tokens(ground: &Ground) -> Tokens {
    Tokens::open(&ground.path).unwrap()
}

fn issue(tokens: &mut Tokens, role: Role, organisations: &[&str]) -> Issued {
    tokens.issue(&order(role, organisations), "cli:test", at(0)).unwrap()
}

#[test]
fn a_token_says_who_its_holder_is() {
    let ground = Ground::new();
    let mut tokens = tokens(&ground);
    let issued = issue(&mut tokens, Role::Editor, &["witten", "hattingen", "witten"]);
    let editor = tokens.authenticate(issued.text.reveal(), at(1)).unwrap().unwrap();
    assert_eq!((&editor.token, &*editor.label, editor.role), (&issued.id, "Pressestelle", Role::Editor));
    assert_eq!(editor.organisations, ["hattingen", "witten"].map(OrganisationId::new));
    assert!(!editor.is_admin_of_all());
    let admin = issue(&mut tokens, Role::Admin, &[]);
    assert!(tokens.authenticate(admin.text.reveal(), at(1)).unwrap().unwrap().is_admin_of_all());
    let metrics = issue(&mut tokens, Role::Metrics, &[]);
    assert!(!tokens.authenticate(metrics.text.reveal(), at(1)).unwrap().unwrap().is_admin_of_all());
}

#[test]
fn a_token_has_256_random_bits_behind_a_short_id() {
    let ground = Ground::new();
    let mut tokens = tokens(&ground);
    let all: Vec<Issued> = (0..50).map(|_| issue(&mut tokens, Role::Admin, &[])).collect();
    let mut secrets: Vec<&str> = all
        .iter()
        .map(|issued| {
            let secret = issued.text.reveal().strip_prefix(&format!("tw_{}_", issued.id)).unwrap();
            // 52 characters of five bits each.
            assert_eq!((issued.id.len(), secret.len()), (8, 52));
            assert!(secret.bytes().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte)), "{secret}");
            secret
        })
        .collect();
    secrets.sort_unstable();
    secrets.dedup();
    assert_eq!(secrets.len(), 50);
}

#[test]
fn nothing_else_opens() {
    let ground = Ground::new();
    let mut tokens = tokens(&ground);
    let (one, other) = (issue(&mut tokens, Role::Admin, &[]), issue(&mut tokens, Role::Admin, &[]));
    let text = one.text.reveal();
    let secret = text.rsplit('_').next().unwrap();
    let other_end: String =
        text.chars().take(text.len() - 1).chain([if text.ends_with('a') { 'b' } else { 'a' }]).collect();
    for wrong in [
        String::new(),
        "tw_".to_owned(),
        secret.to_owned(),
        format!("tw_{}", one.id),
        format!("tw_{}_", one.id),
        format!("tw_{}_{secret}", other.id),
        format!("tw_abcdefgh_{secret}"),
        text.to_uppercase(),
        format!("{text}a"),
        format!(" {text}"),
        other_end,
        format!("tw_{}_{}", one.id, "0".repeat(52)),
        format!("tw_{}' OR 1=1 --_{secret}", one.id),
    ] {
        assert_eq!(tokens.authenticate(&wrong, at(1)).unwrap(), None, "{wrong}");
    }
    assert!(tokens.authenticate(text, at(1)).unwrap().is_some());
}

#[test]
fn an_expired_token_is_refused_from_its_instant_on() {
    let ground = Ground::new();
    let mut tokens = tokens(&ground);
    let order = Order { expires_at: Some(at(100)), ..order(Role::Admin, &[]) };
    let issued = tokens.issue(&order, "cli:test", at(0)).unwrap();
    assert!(tokens.authenticate(issued.text.reveal(), at(99)).unwrap().is_some());
    assert_eq!(tokens.authenticate(issued.text.reveal(), at(100)).unwrap(), None);
    let listed = tokens.list().unwrap();
    assert!(listed[0].is_in_force(at(99)) && !listed[0].is_in_force(at(100)));
    // Whoever has shown it before is asked for by its id.
    let standing = |id: &str, second| tokens.standing(id, at(second)).unwrap();
    assert_eq!(standing(&issued.id, 99).map(|editor| editor.token), Some(issued.id.clone()));
    assert_eq!((standing(&issued.id, 100), standing("abcdefgh", 99), standing("", 99)), (None, None, None));
}

#[test]
fn a_revocation_beside_the_server_counts_at_once_and_for_good() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(1, [adopted(1, &["portal"])]));
    let server = tokens(&ground);
    let mut command = tokens(&ground);
    let issued = issue(&mut command, Role::Admin, &[]);
    assert!(server.authenticate(issued.text.reveal(), at(1)).unwrap().is_some());
    assert_eq!(command.revoke(&issued.id, "cli:test", at(2)).unwrap(), (issued.id.clone(), at(2)));
    assert_eq!(server.authenticate(issued.text.reveal(), at(2)).unwrap(), None);
    assert_eq!(server.authenticate(issued.text.reveal(), at(1)).unwrap(), None, "also if the clock is set back");
    assert_eq!(server.standing(&issued.id, at(2)).unwrap(), None, "nor does what it opened before");
    assert_eq!(command.revoke(&issued.id, "cli:test", at(9)).unwrap().1, at(2), "it stays as it was");
    // Somebody found a token and has nothing but its text.
    let found = issue(&mut command, Role::Admin, &[]);
    assert_eq!(command.revoke(found.text.reveal(), "cli:test", at(9)).unwrap().0, found.id);
    assert_eq!(server.authenticate(found.text.reveal(), at(9)).unwrap(), None);
}

#[test]
fn the_last_use_is_noted_once_a_minute() {
    let ground = Ground::new();
    let mut tokens = tokens(&ground);
    let issued = issue(&mut tokens, Role::Admin, &[]);
    let last_used = |second| {
        tokens.authenticate(issued.text.reveal(), at(second)).unwrap().unwrap();
        tokens.list().unwrap()[0].last_used_at
    };
    assert_eq!(tokens.list().unwrap()[0].last_used_at, None);
    assert_eq!(last_used(100), Some(at(100)));
    assert_eq!(last_used(159), Some(at(100)));
    assert_eq!(last_used(160), Some(at(160)));
    tokens.authenticate(&format!("tw_{}_wrong", issued.id), at(500)).unwrap();
    assert_eq!(tokens.list().unwrap()[0].last_used_at, Some(at(160)));
}

#[test]
fn a_store_that_cannot_be_written_locks_nobody_out() {
    let ground = Ground::new();
    let mut tokens = tokens(&ground);
    let issued = issue(&mut tokens, Role::Admin, &[]);
    let other = ground.sql();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(tokens.authenticate(issued.text.reveal(), at(100)).unwrap().is_some());
    let fault = tokens.revoke(&issued.id, "cli:test", at(100)).unwrap_err().to_string();
    assert!(fault.contains("another program keeps it locked"), "{fault}");
}

#[test]
fn an_order_that_makes_no_sense_is_refused_and_recorded() {
    let ground = Ground::new();
    let mut tokens = tokens(&ground);
    let good = order(Role::Editor, &["hattingen"]);
    let many: Vec<OrganisationId> = (0..1_001).map(|n| OrganisationId::new(format!("o{n}"))).collect();
    let refused = [
        order(Role::Editor, &[]),
        order(Role::Metrics, &["hattingen"]),
        Order { organisations: many, ..good.clone() },
        Order { label: "x".repeat(LABEL_LENGTH_MAX + 1), ..good.clone() },
        Order { label: "zwei\nZeilen".to_owned(), ..good.clone() },
        Order { expires_at: Some(at(0)), ..good },
    ];
    for order in &refused {
        tokens.issue(order, "cli:test", at(0)).unwrap_err();
    }
    assert!(matches!(tokens.revoke("abcdefgh", "cli:test", at(0)), Err(TokenFault::Unknown { .. })));
    assert!(matches!(tokens.revoke("nonsense!", "cli:test", at(0)), Err(TokenFault::NoId)));
    assert!(tokens.list().unwrap().is_empty());
    assert_eq!(verify(&ground.path).unwrap().entries, 8);
    let sql = ground.sql();
    let told: Vec<(String, String, u16)> = sql
        .prepare("SELECT action || ' ' || subject, outcome, status FROM audit ORDER BY seq DESC LIMIT 3")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let refused = |what: &str, status| (what.to_owned(), "refused".to_owned(), status);
    assert_eq!(
        told,
        [refused("token revoke ", 422), refused("token revoke abcdefgh", 404), refused("token new ", 422)]
    );
}

#[test]
fn every_change_names_its_token_and_its_actor_in_the_audit_log() {
    let ground = Ground::new();
    let mut tokens = tokens(&ground);
    let issued = issue(&mut tokens, Role::Editor, &["hattingen"]);
    tokens.revoke(&issued.id, "cli:test", at(1)).unwrap();
    let sql = ground.sql();
    let told: Vec<String> = sql
        .prepare("SELECT concat_ws(' ', at_ms, actor, action, subject, outcome, status, detail) FROM audit")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let id = &issued.id;
    assert_eq!(
        told,
        [
            format!(
                "0 cli:test token new {id} done 201 \
                 {{\"expires_at\":null,\"label\":\"Pressestelle\",\"organisations\":[\"hattingen\"],\"role\":\"editor\"}}"
            ),
            format!("1000 cli:test token revoke {id} done 200 {{}}"),
        ]
    );
}

#[test]
fn no_secret_is_in_any_file_any_debug_text_or_any_error() {
    let ground = Ground::new();
    let pen = ground.pen();
    let mut tokens = tokens(&ground);
    let issued = issue(&mut tokens, Role::Admin, &[]);
    let text = issued.text.reveal();
    let secret = text.rsplit('_').next().unwrap();
    tokens.authenticate(text, at(1)).unwrap();
    tokens.revoke(text, "cli:test", at(2)).unwrap();
    let mut told = format!("{issued:?} {tokens:?} {:?}", tokens.list().unwrap());
    for wrong in [secret.to_owned(), format!("tw_abcdefgh_{secret}"), format!("{text}_"), format!("tw{text}")] {
        match tokens.revoke(&wrong, "cli:test", at(3)) {
            Err(fault) => told.push_str(&format!("{fault} {fault:?}")),
            Ok(revoked) => told.push_str(&format!("{revoked:?}")),
        }
    }
    assert!(told.contains("***") && !told.contains(secret), "{told}");
    Store::backup_to(&ground.path, &ground.folder.path().join("backup.db"), &mut |_, _| {}).unwrap();
    let mut files = 0;
    for entry in fs::read_dir(ground.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{}", path.display());
        files += 1;
    }
    assert!(files >= 4, "store, wal, lock and backup");
    drop(pen);
}

#[test]
fn a_store_is_made_for_its_owner_alone_and_a_foreign_or_newer_one_is_left_alone() {
    let ground = Ground::new();
    let opened = tokens(&ground);
    for entry in fs::read_dir(ground.folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", entry.path().display());
    }
    // It holds no lock: a server may start, and a second command may run.
    let pen = ground.pen();
    tokens(&ground);
    drop((opened, pen));
    ground.sql().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Tokens::open(&ground.path), Err(StoreFault::Newer { .. })));
    let letter = Ground::new();
    fs::write(&letter.path, "this is not a database, but a letter").unwrap();
    assert!(matches!(Tokens::open(&letter.path), Err(StoreFault::Foreign { .. })));
    assert_eq!(fs::read(&letter.path).unwrap(), b"this is not a database, but a letter");
}

#[test]
fn commands_that_start_at_once_without_a_store_all_succeed() {
    for _ in 0..5 {
        let ground = Ground::new();
        let path = &ground.path;
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(move || issue(&mut Tokens::open(path).unwrap(), Role::Admin, &[]));
            }
        });
        assert_eq!(tokens(&ground).list().unwrap().len(), 6);
        assert_eq!(verify(&ground.path).unwrap().entries, 6);
    }
}

#[test]
fn an_older_store_in_use_is_not_migrated_behind_its_servers_back() {
    let ground = Ground::new();
    let old = Store::open_with(&ground.path, &[include_str!("../../../src/history/schema.sql")]).unwrap();
    assert!(matches!(Tokens::open(&ground.path), Err(StoreFault::InUse { .. })));
    drop(old);
    assert!(tokens(&ground).list().unwrap().is_empty());
}

#[test]
fn tokens_in_force_are_bounded_and_the_oldest_ended_ones_are_forgotten() {
    let ground = Ground::new();
    let mut tokens = tokens(&ground);
    ground
        .sql()
        .execute_batch(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ENDED_KEPT} + 5)
             INSERT INTO token (id, hash, role, organisations, label, created_ms, revoked_ms)
             SELECT 'r' || i, x'00', 'admin', '[]', '', i - 100000, 1 FROM n"
        ))
        .unwrap();
    let first = issue(&mut tokens, Role::Admin, &[]);
    let ids: Vec<String> = tokens.list().unwrap().into_iter().map(|token| token.id).collect();
    assert_eq!(ids.len(), ENDED_KEPT as usize + 1);
    assert_eq!((&*ids[0], &**ids.last().unwrap()), ("r6", &*first.id), "the oldest are gone");
    ground.sql().execute_batch("DELETE FROM token WHERE revoked_ms IS NOT NULL").unwrap();
    ground
        .sql()
        .execute_batch(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {TOKENS_MAX})
             INSERT INTO token (id, hash, role, organisations, label, created_ms)
             SELECT 'n' || i, x'00', 'admin', '[]', '', i FROM n"
        ))
        .unwrap();
    assert!(matches!(tokens.issue(&order(Role::Admin, &[]), "cli:test", at(0)), Err(TokenFault::TooMany)));
    tokens.revoke(&first.id, "cli:test", at(0)).unwrap();
    issue(&mut tokens, Role::Admin, &[]);
}

#[test]
fn a_token_whose_row_cannot_be_read_opens_nothing() {
    let ground = Ground::new();
    let mut tokens = tokens(&ground);
    let issued = issue(&mut tokens, Role::Admin, &["hattingen"]);
    for damage in ["organisations = '['", "organisations = 'null'", "role = 'owner'", "hash = x'00'"] {
        ground.sql().execute_batch(&format!("UPDATE token SET {damage}")).unwrap();
        assert!(!matches!(tokens.authenticate(issued.text.reveal(), at(1)), Ok(Some(_))), "{damage}");
        ground.sql().execute_batch("UPDATE token SET organisations = '[\"hattingen\"]', role = 'admin'").unwrap();
    }
}
