//! `[notify]`: what is read, what is refused where, and that no secret is shown.

use std::collections::BTreeSet;

use turmwacht::config::{Extra, Report, from_texts_with, load, show};
use turmwacht::model::catalogue::Reach;
use turmwacht::model::id::OrganisationId;
use turmwacht::model::incident::Impact;
use turmwacht::model::notify::{Address, Credentials, MailTls, NotifySettings, Topic};

use super::fixtures;

fn read(text: &str) -> Result<NotifySettings, Report> {
    let base = fixtures().join("contract");
    let loaded = from_texts_with(("config.toml", text), &[], &base, Extra { loopback: true, ..Extra::default() })?;
    // Fixtures are readable for everybody, and that is said.
    let warnings: Vec<String> = loaded.warnings.titles().map(|(_, title)| title.to_owned()).collect();
    assert!(warnings.iter().all(|title| title.contains("open to others")), "{warnings:?}");
    Ok(loaded.settings.notify)
}

#[test]
fn every_key_is_read() {
    let loaded = load(&fixtures().join("contract/config.toml")).unwrap_or_else(|report| panic!("{report}"));
    let notify = &loaded.settings.notify;
    let mail = notify.mail.as_ref().unwrap();
    assert_eq!((&*mail.host, mail.port, mail.tls), ("mail.example.org", 587, MailTls::Starttls));
    let (name, password) = mail.login.as_ref().unwrap();
    assert_eq!((&**name, password.reveal()), ("status", "Bearer canary-4711"));
    assert_eq!((notify.webhooks.len(), &*notify.webhooks[0].name), (1, "chat"));
    let alertmanager = notify.alertmanager.as_ref().unwrap();
    assert_eq!(alertmanager.urls.len(), 2);
    assert!(matches!(&alertmanager.credentials, Some(Credentials::Bearer(token)) if token.reveal().contains("canary")));
    let to: Vec<String> = notify.recipients.iter().map(|recipient| recipient.to.key()).collect();
    assert_eq!(to, ["mail:it@example.org", "mail:it@hattingen.example", "webhook:chat"]);
    let admin = &notify.recipients[0].rules[0];
    assert_eq!((admin.severity, admin.internal, &admin.events), (Impact::Major, true, &Topic::usual()));
    let town = &notify.recipients[1].rules[0];
    let hattingen = Reach::Organisation(OrganisationId::new("hattingen"));
    assert_eq!(town.organisations, [hattingen, Reach::Prefix("05954".to_owned())]);
    assert_eq!(town.events, BTreeSet::from([Topic::Incident, Topic::EditorChange]));
    assert_eq!(town.quiet.map(|quiet| (quiet.from, quiet.until)), Some((22 * 60, 6 * 60)));
}

#[test]
fn whoever_stands_there_twice_has_two_rules() {
    let notify = read(
        "[notify.mail]\nsmtp = \"localhost:25\"\ntls = \"none\"\nfrom = \"a@example.org\"\n\
         [[notify.to]]\nmail = [\"it@example.org\", \"b@example.org\"]\n\
         [[notify.to]]\nmail = \"it@example.org\"\nseverity = \"critical\"\n",
    )
    .unwrap_or_else(|report| panic!("{}", report.render(false)));
    let rules: Vec<usize> = notify.recipients.iter().map(|recipient| recipient.rules.len()).collect();
    assert_eq!(rules, [1, 2]);
    assert_eq!(notify.recipients[1].to, Address::Mail("it@example.org".to_owned()));
}

#[test]
fn nothing_of_a_secret_is_shown() {
    let loaded = load(&fixtures().join("contract/config.toml")).unwrap();
    let text = show(&loaded).to_string();
    for secret in ["canary", "geheimer-pfad", "whsec_"] {
        assert!(!text.contains(secret), "{secret}");
        assert!(!format!("{:?}", loaded.settings.notify).contains("whsec_"));
    }
    // Whoever writes the secret itself where its name belongs does not find it in the report.
    for key in ["password = \"canary-hunter2\"", "bearer = \"canary-hunter2\""] {
        let text = format!("[notify.alertmanager]\nurl = \"http://127.0.0.1:9093\"\nusername = \"a\"\n{key}\n");
        let report = read(&text).unwrap_err();
        for rendered in [report.render(false), report.render(true)] {
            assert!(rendered.contains("does not name a secret") && !rendered.contains("canary"), "{rendered}");
        }
    }
    let report = read("[notify.alertmanager]\nurl = \"http://a:canary@127.0.0.1:9093\"\n").unwrap_err();
    assert!(!report.render(false).contains("canary"), "{}", report.render(false));
}

/// A text, the line and column of its fault, words of it, and words of the help.
type Case = (&'static str, &'static str, &'static str, &'static str);

const MAIL: &str = "[notify.mail]\nsmtp = \"mail.example.org:587\"\nfrom = \"a@example.org\"\n";

#[test]
fn every_fault_says_where_it_is_and_what_to_do() {
    let cases: &[Case] = &[
        ("[notify]\nsms = {}\n", "config.toml:2:1", "unknown key `sms`", "known here: `mail`, `webhook`"),
        ("[notify.mail]\nfrom = \"a@example.org\"\n", "config.toml:1:1", "the key `smtp` is missing", "smtp ="),
        (
            "[notify.mail]\nsmtp = \"mail\"\nfrom = \"a@b.example\"\n",
            "config.toml:2:8",
            "`mail` is no address",
            "host and port",
        ),
        ("MAILtls = \"ssl\"\n", "config.toml:4:7", "`ssl` is none of the words", "`starttls`"),
        ("MAILtls = \"none\"\n", "config.toml:4:7", "mail would travel unencrypted", "starttls"),
        ("MAILusername = \"a\"\n", "config.toml:1:1", "a name without a password", "neither"),
        (
            "[notify.mail]\nsmtp = \"m.example:25\"\nfrom = \"A <a@example.org>\"\n",
            "config.toml:3:8",
            "is no mail address",
            "it@example.org",
        ),
        (
            "MAIL[[notify.to]]\nmail = \"it@example.org\\r\\nBcc: x@y.example\"\n",
            "config.toml:5:8",
            "is no mail address",
            "it@example.org",
        ),
        (
            "[[notify.to]]\nmail = \"a@example.org\"\n",
            "config.toml:2:1",
            "there is no server for mail",
            "[notify.mail]",
        ),
        ("MAIL[[notify.to]]\n", "config.toml:4:1", "nobody is named", "`mail = "),
        ("[[notify.to]]\nwebhook = \"chat\"\n", "config.toml:2:11", "there is no webhook `chat`", "[[notify.webhook]]"),
        (
            "[[notify.webhook]]\nname = \"chat\"\nurl = \"https://a.example/\"\n",
            "config.toml:1:1",
            "the webhook has no secret",
            "whsec_",
        ),
        (
            "[[notify.webhook]]\nname = \"chat\"\nurl = \"https://a.example/\"\nsecret_file = \"en-portal.secret\"\n",
            "config.toml:4:15",
            "does not have the form of one",
            "openssl rand",
        ),
        (
            "[[notify.webhook]]\nname = \"chat\"\nurl = \"ftp://a.example/\"\nsecret_file = \"hook.secret\"\n",
            "config.toml:3:7",
            "not the address of a program",
            "https://",
        ),
        (
            "[notify.alertmanager]\nurl = \"http://127.0.0.1:9093\"\nusername = \"a\"\n",
            "config.toml:3:12",
            "a name without a password",
            "`bearer`",
        ),
        (
            "MAIL[[notify.to]]\nmail = \"a@b.example\"\nseverity = \"bad\"\n",
            "config.toml:6:12",
            "`bad` is none",
            "`minor`",
        ),
        (
            "MAIL[[notify.to]]\nmail = \"a@b.example\"\nevents = [\"outage\"]\n",
            "config.toml:6:11",
            "`outage`",
            "`incident`",
        ),
        (
            "MAIL[[notify.to]]\nmail = \"a@b.example\"\nquiet_hours = \"22-6\"\n",
            "config.toml:6:15",
            "are no hours of a day",
            "22:00-06:00",
        ),
        (
            "MAIL[[notify.to]]\nmail = \"a@b.example\"\norganisations = [\"!kreis\"]\n",
            "config.toml:6:17",
            "these are nobody",
            "name somebody",
        ),
        (
            "MAIL[[notify.to]]\nmail = \"a@b.example\"\norganisations = [\"05\"]\ninternal = true\n",
            "config.toml:7:12",
            "internal components",
            "remove `internal`",
        ),
    ];
    for (text, place, words, help) in cases {
        let text = text.replace("MAIL", MAIL);
        let report = read(&text).map(|read| panic!("{text}: {read:?}")).unwrap_err().render(false);
        for part in [place, words, help] {
            assert!(report.contains(part), "`{part}` is missing:\n{report}");
        }
    }
}

#[test]
fn an_organisation_that_nobody_declares_is_a_warning() {
    let text = format!("{MAIL}[[notify.to]]\nmail = \"a@b.example\"\norganisations = [\"hattingn\"]\n");
    let base = fixtures().join("contract");
    let loaded = from_texts_with(("config.toml", &text), &[], &base, Extra { loopback: true, ..Extra::default() });
    let warnings = loaded.unwrap_or_else(|report| panic!("{}", report.render(false))).warnings.render(false);
    assert!(warnings.contains("there is no organisation `hattingn`"), "{warnings}");
    assert!(warnings.contains("config.toml:6:18"), "{warnings}");
}
