//! Mail: one message to one mailbox through the operator's server.
//!
//! Names are hostile: addresses were checked when they were read, and the subject and the text are encoded,
//! so that nothing of them can begin a header field.

use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;

use crate::model::notification::Letter;
use crate::model::notify::{MailSettings, MailTls};
use crate::model::time::Timestamp;
use crate::notify::Outcome;

/// Longest wait for one answer of the server.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Longest wait for the answer to a whole message. Whoever gives up sooner sends a second time what was taken
/// (RFC 5321, 4.5.3.2.6).
const TAKEN_MAX: Duration = Duration::from_secs(600);

/// A server that took the message, or refused it, has so long to take leave.
const LEAVE_MAX: Duration = Duration::from_secs(1);

/// Codes by which a server refuses us, or everything, not the message: an operator can put that right.
const ABOUT_US: [u16; 6] = [421, 454, 530, 534, 535, 538];

/// The way to a mail server.
#[derive(Clone)]
pub struct Mailer {
    host: String,
    port: u16,
    tls: MailTls,
    parameters: Option<TlsParameters>,
    login: Option<Credentials>,
    from: Mailbox,
    authority: String,
}

/// Why a message was not taken.
enum Fault {
    /// The server said so, or is not there.
    Smtp(Error),
    /// No answer came.
    Silent,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Mailer {
    /// A way to the server; nothing is connected yet. `authority` names this site in ids, `roots` are
    /// certificates trusted beside the system's, as PEM.
    ///
    /// # Errors
    /// If TLS cannot be set up; the text is for the operator.
    pub fn new(settings: &MailSettings, authority: &str, roots: &[Vec<u8>]) -> Result<Self, String> {
        let tls = || -> Result<TlsParameters, String> {
            let mut tls = TlsParameters::builder(settings.host.clone());
            for pem in roots {
                let root =
                    Certificate::from_pem(pem).map_err(|error| format!("an extra CA cannot be used: {error}"))?;
                tls = tls.add_root_certificate(root);
            }
            tls.build_rustls().map_err(|error| format!("TLS to the mail server cannot be set up: {error}"))
        };
        let login = settings.login.as_ref();
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            tls: settings.tls,
            parameters: if settings.tls == MailTls::None { None } else { Some(tls()?) },
            login: login.map(|(name, password)| Credentials::new(name.clone(), password.reveal().to_owned())),
            from: settings.from.parse().map_err(|error| format!("the sender is no address: {error}"))?,
            authority: authority.to_owned(),
        })
    }

    /// Sends a message. Its id and its date are the same at each attempt.
    pub async fn send(&self, to: &str, id: &str, created_at: Timestamp, letter: &Letter) -> Outcome {
        let message = match self.message(to, id, created_at, letter) {
            Ok(message) => message,
            Err(why) => return Outcome::Refused(why),
        };
        let delivered = async {
            let mut connection = self.connect().await?;
            let taken = deliver(&mut connection, message.envelope(), &message.formatted()).await;
            if !matches!(taken, Err(Fault::Silent)) {
                // How it ended is known; without a farewell the connection just ends.
                within(LEAVE_MAX, connection.quit()).await.map(drop).unwrap_or_default();
            }
            taken
        };
        match delivered.await {
            Ok(()) => Outcome::Accepted,
            Err(Fault::Silent) => Outcome::Unreachable("the mail server did not answer in time".to_owned()),
            Err(Fault::Smtp(error)) => {
                let why = sentence(&error);
                match error.status().map(u16::from) {
                    Some(code) if ABOUT_US.contains(&code) => Outcome::Unreachable(why),
                    Some(_) if error.is_permanent() => Outcome::Refused(why),
                    Some(_) => Outcome::Later(why, None),
                    None => Outcome::Unreachable(why),
                }
            }
        }
    }

    /// A connection on which a message may be sent.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Fault> {
        let hello = ClientId::Domain(self.authority.clone());
        let wrapped = self.parameters.clone().filter(|_| self.tls == MailTls::Implicit);
        let server = (self.host.as_str(), self.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(server, Some(ANSWER_MAX), &hello, wrapped, None);
        // One wait for the connection and TLS, one for the greeting and the answer to ours.
        let mut connection = within(ANSWER_MAX * 2, connecting).await?;
        if let Some(parameters) = self.parameters.clone().filter(|_| self.tls == MailTls::Starttls) {
            within(ANSWER_MAX * 2, connection.starttls(parameters, &hello)).await?;
        }
        if let Some(login) = &self.login {
            within(ANSWER_MAX, connection.auth(DEFAULT_MECHANISMS, login)).await?;
        }
        Ok(connection)
    }

    fn message(&self, to: &str, id: &str, created_at: Timestamp, letter: &Letter) -> Result<Message, String> {
        let to: Mailbox = to.parse().map_err(|error| format!("not an address: {error}"))?;
        let millis = u64::try_from(created_at.as_millis()).unwrap_or(0);
        let own = |name: &'static str, value: String| HeaderValue::new(HeaderName::new_from_ascii_str(name), value);
        let text = letter.text.replace('\n', "\r\n");
        let body = Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable)
            .map_err(|_| "the text cannot be encoded".to_owned())?;
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(one_line(&letter.subject))
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
            .message_id(Some(format!("<{id}@{}>", self.authority)))
            .header(ContentType::TEXT_PLAIN)
            .raw_header(own("Auto-Submitted", "auto-generated".to_owned()))
            .raw_header(own("X-Auto-Response-Suppress", "All".to_owned()))
            .raw_header(own("List-Id", format!("<meldungen.{}>", self.authority)))
            .body(body)
            .map_err(|error| format!("the message cannot be built: {error}"))
    }
}

/// Hands a message over; from the answer to its last line on it is the server's.
async fn deliver(connection: &mut AsyncSmtpConnection, envelope: &Envelope, message: &[u8]) -> Result<(), Fault> {
    within(ANSWER_MAX, connection.command(Mail::new(envelope.from().cloned(), Vec::new()))).await?;
    for to in envelope.to() {
        within(ANSWER_MAX, connection.command(Rcpt::new(to.clone(), Vec::new()))).await?;
    }
    within(ANSWER_MAX, connection.command(Data)).await?;
    within(TAKEN_MAX, connection.message(message)).await.map(drop)
}

/// What a step yields, if it ends in time.
async fn within<T>(longest: Duration, step: impl Future<Output = Result<T, Error>>) -> Result<T, Fault> {
    tokio::time::timeout(longest, step).await.map_err(|_| Fault::Silent)?.map_err(Fault::Smtp)
}

/// Whatever ends a line is a space.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What an error says, with its causes. A server's words are shortened.
fn sentence(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    one_line(&text).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailer(port: u16) -> Mailer {
        let settings = MailSettings {
            host: "127.0.0.1".to_owned(),
            port,
            tls: MailTls::None,
            from: "status@example.org".to_owned(),
            login: None,
        };
        Mailer::new(&settings, "status.example.org", &[]).unwrap()
    }

    fn written(subject: &str, text: &str) -> String {
        let letter = Letter { subject: subject.to_owned(), text: text.to_owned(), payload: String::new() };
        let at = Timestamp::from_millis(1_701_432_000_000);
        let message = mailer(25).message("it@example.org", "msg_a", at, &letter).unwrap();
        String::from_utf8(message.formatted()).unwrap()
    }

    #[test]
    fn a_message_is_the_same_at_each_attempt_and_says_that_a_program_wrote_it() {
        let first = written("Störung: Bürgerportal", "Das Portal ist gestört.\nEnde nicht absehbar.\n");
        assert_eq!(first, written("Störung: Bürgerportal", "Das Portal ist gestört.\nEnde nicht absehbar.\n"));
        for line in [
            "From: status@example.org",
            "To: it@example.org",
            "Date: Fri, 01 Dec 2023 12:00:00 +0000",
            "Message-ID: <msg_a@status.example.org>",
            "Auto-Submitted: auto-generated",
            "List-Id: <meldungen.status.example.org>",
            "Content-Type: text/plain; charset=utf-8",
        ] {
            assert!(first.lines().any(|other| other == line), "{line}:\n{first}");
        }
    }

    #[test]
    fn no_name_begins_a_header_field() {
        for hostile in ["a\r\nBcc: evil@example.org", "a\nBcc: x@y", "a\rBcc: x@y", "ä\r\n\r\nBcc: x@y\u{85}\u{2028}"]
        {
            let message = written(hostile, "x");
            let (head, _) = message.split_once("\r\n\r\n").unwrap();
            assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{message}");
            assert_eq!(head.matches('\r').count(), head.matches('\n').count());
        }
    }
}
