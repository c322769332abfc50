//! What somebody's groups let them do.
//!
//! Each group gives a role for certain organisations. Someone may be in several, and a session has one role:
//! so it gets **all their organisations and the least of their roles**. An editor of A who is an
//! admin of B becomes an editor of both, never an admin of A. Only whoever is in a group of admins of all
//! organisations is an admin of all: that holds every other right already.

use serde_json::Value;

use crate::model::access::Role;
use crate::model::id::OrganisationId;
use crate::model::settings::OidcGroup;

/// Most groups of a person that are looked at.
const GROUPS_MAX: usize = 2_000;

/// The role and the organisations of whoever has this claim; `None` if none of the groups counts.
pub(super) fn of(claim: Option<&Value>, known: &[OidcGroup]) -> Option<(Role, Vec<OrganisationId>)> {
    let named: Vec<&str> = match claim? {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().take(GROUPS_MAX).filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let counting: Vec<&OidcGroup> = known.iter().filter(|group| named.contains(&group.name.as_str())).collect();
    let is_of_all = |group: &&OidcGroup| group.role == Role::Admin && group.organisations.is_empty();
    if counting.iter().any(is_of_all) {
        return Some((Role::Admin, Vec::new()));
    }
    let only_admins = counting.iter().all(|group| group.role == Role::Admin);
    let mut organisations: Vec<OrganisationId> =
        counting.iter().flat_map(|group| group.organisations.iter().cloned()).collect();
    organisations.sort();
    organisations.dedup();
    // An admin of no organisation by name would be one of all.
    (!organisations.is_empty()).then_some((if only_admins { Role::Admin } else { Role::Editor }, organisations))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known() -> Vec<OidcGroup> {
        let group = |name: &str, role, organisations: &[&str]| OidcGroup {
            name: name.to_owned(),
            role,
            organisations: organisations.iter().map(|id| OrganisationId::new(*id)).collect(),
        };
        vec![
            group("all", Role::Admin, &[]),
            group("a", Role::Editor, &["a"]),
            group("b", Role::Admin, &["b"]),
            group("bc", Role::Admin, &["c", "b"]),
            group("nobody", Role::Editor, &[]),
        ]
    }

    fn of_groups(groups: Value) -> Option<(Role, Vec<String>)> {
        let (role, organisations) = of(Some(&groups), &known())?;
        Some((role, organisations.iter().map(ToString::to_string).collect()))
    }

    fn scope(role: Role, organisations: &[&str]) -> Option<(Role, Vec<String>)> {
        Some((role, organisations.iter().map(|id| (*id).to_owned()).collect()))
    }

    #[test]
    fn several_groups_never_give_a_right_that_none_of_them_gives() {
        assert_eq!(of_groups(json!(["a"])), scope(Role::Editor, &["a"]));
        assert_eq!(of_groups(json!(["b"])), scope(Role::Admin, &["b"]));
        assert_eq!(of_groups(json!(["b", "bc"])), scope(Role::Admin, &["b", "c"]));
        assert_eq!(of_groups(json!(["a", "b"])), scope(Role::Editor, &["a", "b"]), "no admin of a");
        assert_eq!(of_groups(json!(["b", "a", "bc"])), scope(Role::Editor, &["a", "b", "c"]));
        assert_eq!(of_groups(json!(["a", "all"])), scope(Role::Admin, &[]));
        assert_eq!(of_groups(json!("a")), scope(Role::Editor, &["a"]));
    }

    #[test]
    fn nobody_gets_in_without_a_group_that_counts() {
        assert_eq!(of(None, &known()), None);
        for claim in
            [json!([]), json!(["A", "x", ""]), json!(null), json!({"a": true}), json!([1, ["a"]]), json!("nobody")]
        {
            assert_eq!(of_groups(claim.clone()), None, "{claim}");
        }
        assert_eq!(of(Some(&json!(["a"])), &[]), None);
    }
}
