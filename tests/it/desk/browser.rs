//! A browser without scripts: it keeps cookies, fills in forms and follows where it is led.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

use regex::Regex;
use serde_json::Value;
use url::form_urlencoded;

use crate::e2e::program::{Place, Program};

/// A running program and somebody who is signed in.
pub(super) struct Browser<'a> {
    program: &'a Program,
    cookies: BTreeMap<String, String>,
    pub(super) token: String,
    /// The host that it asks for, and a proxy's lines about where it comes from.
    proxy: Option<(String, String)>,
}

/// A page.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) path: String,
    pub(super) body: String,
}

/// A form as it stands in a page, to be filled in.
#[derive(Debug, Clone)]
pub(super) struct Filled {
    pub(super) action: String,
    pub(super) fields: Vec<(String, String)>,
}

/// A new token, as the operator makes it.
pub(super) fn token(place: &Place, scope: &[&str]) -> String {
    let made = place.run(&[&["token", "new"], scope].concat());
    made.stdout.split_whitespace().last().unwrap().to_owned()
}

impl<'a> Browser<'a> {
    /// Signs in with a new token of this scope.
    pub(super) fn sign_in(place: &Place, program: &'a Program, scope: &[&str]) -> Self {
        Self { program, cookies: BTreeMap::new(), token: token(place, scope), proxy: None }.signed_in()
    }

    /// The same over https, through a proxy that calls the site so and the browser this address.
    pub(super) fn sign_in_through(
        place: &Place,
        program: &'a Program,
        scope: &[&str],
        (host, client): (&str, &str),
    ) -> Self {
        let proxy = (host.to_owned(), format!("X-Forwarded-For: {client}\r\nX-Forwarded-Proto: https\r\n"));
        Self { program, cookies: BTreeMap::new(), token: token(place, scope), proxy: Some(proxy) }.signed_in()
    }

    /// The same browser, as a proxy presents it that got this over something else.
    pub(super) fn with_proto(&self, proto: &str) -> Self {
        let proxy = self.proxy.as_ref().map(|(host, lines)| (host.clone(), lines.replace("https", proto)));
        Self { program: self.program, cookies: self.cookies.clone(), token: self.token.clone(), proxy }
    }

    fn signed_in(mut self) -> Self {
        let page = self.get("/admin");
        let mut form = page.form("/sign-in");
        form.set("token", &self.token);
        let page = self.send(&form);
        assert!(page.body.contains("Abmelden"), "{page:?}");
        self
    }

    pub(super) fn get(&mut self, path: &str) -> Page {
        self.ask("GET", path, None)
    }

    /// Sends a form and goes where that leads.
    pub(super) fn send(&mut self, form: &Filled) -> Page {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        self.ask("POST", &form.action, Some(&body))
    }

    /// Asks the interface itself, with the token.
    pub(super) fn api(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(Value::to_string);
        let head = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", self.token);
        let (status, _, body) = self.raw(method, &format!("/api/v1/admin{path}"), &head, body.as_deref());
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    fn ask(&mut self, method: &str, path: &str, body: Option<&str>) -> Page {
        let mut head = String::new();
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            write!(head, "Cookie: {}\r\n", cookies.join("; ")).unwrap();
        }
        if body.is_some() {
            let origin = match &self.proxy {
                Some((host, _)) => format!("https://{host}"),
                None => format!("http://{}", self.program.address()),
            };
            write!(head, "Origin: {origin}\r\nSec-Fetch-Site: same-origin\r\n").unwrap();
            head.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
        }
        let (status, answered, body) = self.raw(method, path, &head, body);
        let field = |name: &str| {
            let fields = answered.lines().filter_map(|line| line.split_once(": "));
            fields.filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).collect()
        };
        let (set, location): (Vec<String>, Vec<String>) = (field("set-cookie"), field("location"));
        for cookie in set {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        match location.first() {
            Some(location) if status == 303 => self.get(&location.clone()),
            _ => Page { status, path: path.to_owned(), body },
        }
    }

    /// Status, head and body of an answer.
    pub(super) fn raw(&self, method: &str, path: &str, head: &str, body: Option<&str>) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.program.address()).unwrap();
        let direct = (self.program.address().to_string(), String::new());
        let (host, proxy) = self.proxy.as_ref().unwrap_or(&direct);
        let body = body.unwrap_or_default();
        let length = if method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{proxy}{head}{length}Connection: close\r\n\r\n{body}",
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
    }
}

impl Page {
    /// What stands between the tags.
    pub(super) fn text(&self) -> String {
        let without = Regex::new(r"(?s)<(style|script)\b.*?</(style|script)>|<[^>]*>").unwrap();
        let text = without.replace_all(&self.body, " ");
        unescaped(&text).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    pub(super) fn assert_says(&self, words: &[&str]) {
        let text = self.text();
        for word in words {
            assert!(text.contains(word), "`{word}` is missing ({}): {text}", self.status);
        }
    }

    /// The form whose action ends so, with what a browser would send if nothing was touched.
    #[track_caller]
    pub(super) fn form(&self, action: &str) -> Filled {
        let forms = Regex::new(r#"(?s)<form\b([^>]*)>(.*?)</form>"#).unwrap();
        let found = forms.captures_iter(&self.body).find_map(|form| {
            let to = attribute(&form[1], "action")?;
            to.ends_with(action).then(|| Filled { action: to, fields: fields(&form[2]) })
        });
        found.unwrap_or_else(|| panic!("no form to {action} in {}: {}", self.path, self.text()))
    }
}

impl Filled {
    /// Fills a field in, as if there were no other of its name.
    pub(super) fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.fields.retain(|(known, _)| known != name);
        self.add(name, value)
    }

    /// Ticks one more box.
    pub(super) fn add(&mut self, name: &str, value: &str) -> &mut Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let found = Regex::new(&format!(r#"(?:^|\s){name}="([^"]*)""#)).unwrap();
    found.captures(tag).map(|value| unescaped(&value[1]))
}

fn has(tag: &str, name: &str) -> bool {
    Regex::new(&format!(r"(?:^|\s){name}(?:\s|$|=)")).unwrap().is_match(tag)
}

/// What a browser would send of a form that nobody touched.
fn fields(form: &str) -> Vec<(String, String)> {
    let any = Regex::new(r#"(?s)<input\b([^>]*)>|<textarea\b([^>]*)>(.*?)</textarea>|<select\b([^>]*)>(.*?)</select>"#);
    let option = Regex::new(r"(?s)<option\b([^>]*)>").unwrap();
    let mut fields = Vec::new();
    for found in any.unwrap().captures_iter(form) {
        if let Some(input) = found.get(1) {
            let tag = input.as_str();
            let Some(name) = attribute(tag, "name") else { continue };
            let is_box = matches!(attribute(tag, "type").as_deref(), Some("checkbox" | "radio"));
            if !is_box || has(tag, "checked") {
                fields.push((name, attribute(tag, "value").unwrap_or_default()));
            }
        } else if let Some(area) = found.get(2) {
            let text = unescaped(&found[3]);
            fields.push((attribute(area.as_str(), "name").unwrap(), text.trim_start_matches('\n').to_owned()));
        } else if let Some(select) = found.get(4) {
            let all: Vec<String> = option.captures_iter(&found[5]).map(|option| option[1].to_owned()).collect();
            let chosen = all.iter().find(|option| has(option, "selected")).or_else(|| all.first());
            let value = chosen.and_then(|option| attribute(option, "value")).unwrap_or_default();
            fields.push((attribute(select.as_str(), "name").unwrap(), value));
        }
    }
    // The Enter key presses the first button.
    let button = Regex::new(r"<button\b([^>]*)>").unwrap();
    if let Some(first) = button.captures(form)
        && let (Some(name), Some(value)) = (attribute(&first[1], "name"), attribute(&first[1], "value"))
    {
        fields.push((name, value));
    }
    fields
}
