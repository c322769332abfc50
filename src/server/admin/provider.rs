//! Signing in at an `OpenID` provider: authorization code flow with PKCE, nonce and state.
//!
//! What belongs to a sign-in that is under way stands in a cookie of that browser and nowhere else,
//! so nobody can push out the sign-ins of others. Nothing of an answer is believed before its
//! signature, issuer, audience, times and nonce have been checked; no token gets into the log.

mod fetch;
mod scope;

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreResponseType,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthType, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, Client, ClientId,
    ClientSecret, CsrfToken, EmptyExtraTokenFields, IdToken, IdTokenClaims, IdTokenFields, IdTokenVerifier, IssuerUrl,
    Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, SignatureVerificationError, StandardErrorResponse,
    StandardTokenResponse, TokenResponse as _,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::{Mutex, Semaphore};
use url::Url;

use crate::client::is_safe;
use crate::clock::{monotonic, system_time};
use crate::desk::form::Form;
use crate::model::access::Editor;
use crate::model::settings::OidcSettings;
use crate::server::admin::provider::fetch::Http;
use crate::server::admin::sessions::{is_word, word};

/// Where the provider sends people back to, below `public_url`.
pub(super) const CALLBACK: &str = "/admin/oidc/callback";
/// How long the cookie of a sign-in that is under way is kept.
pub(super) const PENDING_SECONDS: u32 = 600;
/// How far the provider's clock may be off.
const SKEW: Duration = Duration::from_secs(60);
/// How old an ID token may be when it comes.
const AGE_MAX: Duration = Duration::from_secs(600);
/// How long what a provider says of itself is used.
const KEPT: Duration = Duration::from_secs(3_600);
/// Shortest time between two questions to a provider that did not answer.
const PAUSE: Duration = Duration::from_secs(10);
/// Shortest time between two questions to a provider that signs with a key that we do not know.
const KEY_PAUSE: Duration = Duration::from_millis(200);
/// Most sign-ins that wait for the provider at a time.
const WAITING_MAX: usize = 8;
/// Longest subject that a provider may give.
const SUBJECT_MAX: usize = 255;
/// Longest name that is shown.
const LABEL_CHARS_MAX: usize = 100;
/// Longest way on that is kept in the cookie.
const ONWARD_BYTES_MAX: usize = 1024;

/// All claims that are none of the usual.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    #[serde(flatten)]
    named: HashMap<String, serde_json::Value>,
}

impl AdditionalClaims for Claims {}

type Fields = IdTokenFields<
    Claims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Token = IdToken<Claims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Response = StandardTokenResponse<Fields, CoreTokenType>;
type Relying = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Response,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    openidconnect::EndpointSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointMaybeSet,
    openidconnect::EndpointMaybeSet,
>;

/// Signatures that are accepted: none that a client could make itself.
const SIGNED: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Why nobody got in.
#[derive(Debug)]
pub(super) enum Denied {
    /// Too many wait for the provider.
    Busy,
    /// The system gives no random numbers.
    Random(getrandom::Error),
    /// The provider does not answer, or not in a way that can be used; for the log.
    Unreachable(String),
    /// The sign-in was not begun in this browser, or too long ago.
    Forgotten,
    /// The provider says no; its word for the log.
    Refused(String),
    /// What it says proves nothing; for the log.
    Unproven(String),
    /// This person is in no group that may come in.
    NoGroup(String),
}

/// The way to the provider.
#[derive(Debug)]
pub(super) struct Leaving {
    /// Where to send the browser.
    pub(super) to: Url,
    /// What the cookie holds.
    pub(super) cookie: String,
}

/// Who came back from the provider.
#[derive(Debug)]
pub(super) struct Arrived {
    /// Who, with their scope.
    pub(super) editor: Editor,
    /// Where they wanted to go.
    pub(super) onward: String,
}

/// What a provider said of itself.
#[derive(Debug, Default)]
struct Known {
    metadata: Option<Arc<CoreProviderMetadata>>,
    asked_at: Option<Instant>,
}

/// The provider of one instance.
pub(super) struct Provider {
    settings: OidcSettings,
    redirect: String,
    http: Http,
    /// Held while it is asked, so that it is asked once.
    known: Mutex<Known>,
    waiting: Semaphore,
}

/// A sign-in that is under way: one random word, and what follows from it.
struct Pending(String);

impl Pending {
    fn derived(&self, purpose: &str) -> String {
        HEXLOWER.encode(&Sha256::digest(format!("turmwacht {purpose} {}", self.0)))
    }

    fn state(&self) -> String {
        self.derived("state")
    }

    fn nonce(&self) -> Nonce {
        Nonce::new(self.derived("nonce"))
    }

    fn verifier(&self) -> PkceCodeVerifier {
        PkceCodeVerifier::new(self.derived("verifier"))
    }

    /// The word and the way on, as they stand in the cookie.
    fn cookie(&self, onward: &str) -> String {
        let onward = if onward.len() <= ONWARD_BYTES_MAX { onward } else { "" };
        format!("{}.{}", self.0, BASE64URL_NOPAD.encode(onward.as_bytes()))
    }

    fn read(cookie: &str) -> Option<(Self, String)> {
        let (word, onward) = cookie.split_once('.')?;
        let onward = BASE64URL_NOPAD.decode(onward.as_bytes()).ok()?;
        is_word(word).then(|| (Self(word.to_owned()), String::from_utf8_lossy(&onward).into_owned()))
    }
}

impl Provider {
    /// # Errors
    /// If there is no way to ask anybody over https.
    pub(super) fn new(settings: OidcSettings, public_url: &str) -> Result<Self, String> {
        let http = Http::new(&settings.issuer, settings.secret_origins.clone())?;
        let redirect = format!("{}{CALLBACK}", public_url.trim_end_matches('/'));
        Ok(Self { settings, redirect, http, known: Mutex::default(), waiting: Semaphore::new(WAITING_MAX) })
    }

    /// Begins a sign-in.
    pub(super) async fn leave(&self, onward: &str) -> Result<Leaving, Denied> {
        let _turn = self.waiting.try_acquire().map_err(|_| Denied::Busy)?;
        let metadata = self.metadata(KEPT).await?;
        let pending = Pending(word().map_err(Denied::Random)?);
        let client = self.client(&metadata)?;
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let (state, nonce) = (pending.state(), pending.nonce());
        let scopes = self.settings.scopes.iter().cloned().map(Scope::new);
        let (to, _, _) = client
            .authorize_url(flow, || CsrfToken::new(state), || nonce)
            .add_scopes(scopes)
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&pending.verifier()))
            .url();
        if !is_safe(&to) {
            return Err(Denied::Unreachable("its page for signing in is not reached over https".to_owned()));
        }
        Ok(Leaving { to, cookie: pending.cookie(onward) })
    }

    /// Ends a sign-in with what the provider gave the browser.
    pub(super) async fn arrive(&self, cookie: Option<&str>, query: &Form) -> Result<Arrived, Denied> {
        let (pending, onward) = cookie.and_then(Pending::read).ok_or(Denied::Forgotten)?;
        if !bool::from(pending.state().as_bytes().ct_eq(query.text("state").as_bytes())) {
            return Err(Denied::Forgotten);
        }
        if let Some(error) = query.filled("error") {
            return Err(Denied::Refused(printable(&error)));
        }
        if query.filled("iss").is_some_and(|issuer| issuer != self.settings.issuer) {
            return Err(Denied::Unproven("it names another issuer".to_owned()));
        }
        let code = query.filled("code").ok_or(Denied::Forgotten)?;
        let _turn = self.waiting.try_acquire().map_err(|_| Denied::Busy)?;
        let metadata = self.metadata(KEPT).await?;
        let response = self
            .client(&metadata)?
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|fault| Denied::Unreachable(told(&fault)))?
            .set_pkce_verifier(pending.verifier())
            .request_async(&self.http)
            .await
            .map_err(|fault| match fault {
                openidconnect::RequestTokenError::ServerResponse(refused) => {
                    Denied::Refused(printable(refused.error().as_ref()))
                }
                fault => Denied::Unreachable(told(&fault)),
            })?;
        let token = response.id_token().ok_or_else(|| Denied::Unproven("there is no ID token".to_owned()))?;
        let editor = match self.verify(token, &metadata, &pending.nonce()) {
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                // It may sign with a new key.
                let metadata = self.metadata(KEY_PAUSE).await?;
                self.verify(token, &metadata, &pending.nonce())
            }
            verified => verified,
        };
        let claims = editor.map_err(|fault| Denied::Unproven(told(&fault)))?;
        Ok(Arrived { editor: self.editor(claims)?, onward })
    }

    /// What the provider says of itself, no older than this.
    async fn metadata(&self, kept: Duration) -> Result<Arc<CoreProviderMetadata>, Denied> {
        let mut known = self.known.lock().await;
        let age = known.asked_at.map(|at| monotonic().saturating_duration_since(at));
        match (&known.metadata, age) {
            (Some(metadata), Some(age)) if age < kept => return Ok(Arc::clone(metadata)),
            (None, Some(age)) if age < PAUSE => {
                return Err(Denied::Unreachable("it did not answer a moment ago".to_owned()));
            }
            _ => {}
        }
        known.asked_at = Some(monotonic());
        let issuer = IssuerUrl::new(self.settings.issuer.clone()).map_err(|fault| Denied::Unreachable(told(&fault)))?;
        match CoreProviderMetadata::discover_async(issuer, &self.http).await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                known.metadata = Some(Arc::clone(&metadata));
                Ok(metadata)
            }
            Err(fault) => {
                // What was known an hour ago may have been taken back.
                known.metadata = None;
                Err(Denied::Unreachable(told(&fault)))
            }
        }
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> Result<Relying, Denied> {
        let redirect = RedirectUrl::new(self.redirect.clone()).map_err(|fault| Denied::Unreachable(told(&fault)))?;
        let secret = ClientSecret::new(self.settings.client_secret.reveal().to_owned());
        let id = ClientId::new(self.settings.client_id.clone());
        let client = Client::from_provider_metadata(metadata.clone(), id, Some(secret)).set_redirect_uri(redirect);
        let methods = metadata.token_endpoint_auth_methods_supported();
        let knows = |method| methods.is_none_or(|methods| methods.contains(&method));
        let only_body =
            !knows(CoreClientAuthMethod::ClientSecretBasic) && knows(CoreClientAuthMethod::ClientSecretPost);
        Ok(client.set_auth_type(if only_body { AuthType::RequestBody } else { AuthType::BasicAuth }))
    }

    fn verify<'a>(
        &self,
        token: &'a Token,
        metadata: &CoreProviderMetadata,
        nonce: &Nonce,
    ) -> Result<&'a IdTokenClaims<Claims, CoreGenderClaim>, ClaimsVerificationError> {
        let now = UNIX_EPOCH + system_time().since(crate::model::time::Timestamp::from_millis(0));
        let verifier: IdTokenVerifier<'_, CoreJsonWebKey> = IdTokenVerifier::new_public_client(
            ClientId::new(self.settings.client_id.clone()),
            metadata.issuer().clone(),
            metadata.jwks().clone(),
        )
        .set_allowed_algs(SIGNED)
        .set_time_fn(move || (now - SKEW).into())
        .set_issue_time_verifier_fn(move |issued| {
            let issued = SystemTime::from(issued);
            let is_recent = issued <= now + SKEW && issued + AGE_MAX + SKEW >= now;
            if is_recent { Ok(()) } else { Err("it was issued at another time; compare the clocks".to_owned()) }
        });
        token.claims(&verifier, nonce)
    }

    /// Whom the claims name, and what their groups may do.
    fn editor(&self, claims: &IdTokenClaims<Claims, CoreGenderClaim>) -> Result<Editor, Denied> {
        let subject = claims.subject().as_str();
        if subject.len() > SUBJECT_MAX || subject.is_empty() || !subject.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Denied::Unproven("its subject is no plain word".to_owned()));
        }
        let actor = format!("oidc:{subject}");
        let name = claims.name().and_then(|name| name.get(None)).map(|name| name.as_str());
        let name = name.or_else(|| claims.preferred_username().map(|name| name.as_str()));
        let named = printable(name.unwrap_or(subject));
        let groups = claims.additional_claims().named.get(&self.settings.groups_claim);
        let Some((role, organisations)) = scope::of(groups, &self.settings.groups) else {
            return Err(Denied::NoGroup(actor));
        };
        Ok(Editor { token: actor, label: named.chars().take(LABEL_CHARS_MAX).collect(), role, organisations })
    }
}

/// A fault with its causes, in one bounded line. The faults of the crate hold no token.
fn told(fault: &dyn Error) -> String {
    let mut line = fault.to_string();
    let mut source = fault.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    printable(&line)
}

/// A text of others in one line for the log and for pages: no control or bidirectional characters, at most
/// 300 characters.
fn printable(text: &str) -> String {
    let is_kept = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().filter(is_kept).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_sign_in_follows_from_its_cookie() {
        let pending = Pending(word().unwrap());
        let (read, onward) = Pending::read(&pending.cookie("/admin/incidents?x=ü")).unwrap();
        assert_eq!(onward, "/admin/incidents?x=ü");
        assert_eq!((read.state(), read.nonce().secret()), (pending.state(), pending.nonce().secret()));
        assert_eq!(read.verifier().secret(), pending.verifier().secret());
        let words =
            [pending.0.clone(), pending.state(), pending.nonce().secret().clone(), pending.verifier().into_secret()];
        assert!(words.iter().all(|word| is_word(word)), "{words:?}");
        assert_eq!(words.iter().collect::<std::collections::HashSet<_>>().len(), 4, "none tells another");
        let long = format!("/admin/{}", "a".repeat(2_000));
        assert_eq!(Pending::read(&pending.cookie(&long)).unwrap().1, "");
    }

    #[test]
    fn cookies_of_others_are_no_sign_in() {
        let word = word().unwrap();
        for cookie in ["", ".", &word, &format!("{word}."), &format!("{word}.!"), &format!("x{word}.YQ"), "a.YQ"] {
            let read = Pending::read(cookie).map(|(_, onward)| onward);
            assert_eq!(read, (cookie == format!("{word}.")).then(String::new), "{cookie}");
        }
    }

    #[test]
    fn names_of_others_are_shown_in_one_harmless_line() {
        assert_eq!(printable("Ma\u{202e}x\r\n\u{1b}[31m <b>"), "Max[31m <b>");
        assert_eq!(printable(&"ü".repeat(400)).chars().count(), 300);
    }
}
