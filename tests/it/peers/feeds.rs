//! Our feeds in other programs' hands: Python's `atoma` (strict) and `feedparser`, Node's
//! `feedsmith` and `rss-parser`, and `xmllint`. They must find what was written: the same ids,
//! texts, dates and languages, and no markup, whatever people write.
//!
//! Node finds its packages through `NODE_PATH`: a folder in which somebody has run
//! `npm install feedsmith@3.0.1 rss-parser@3.13.0`, and its `node_modules`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::publish::feeds::samples;

/// Reads every feed of a folder as Atom, RSS and JSON, and compares what was found.
const PYTHON: &str = r#"
import datetime, html, json, pathlib, re, sys
import atoma, feedparser

folder = pathlib.Path(sys.argv[1])
def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
def squeezed(text):
    return " ".join((text or "").split())
def plain(text):
    """What a browser shows of it."""
    assert "<" not in text.replace("<br />", "").replace("<br>", ""), text
    return html.unescape(text.replace("<br />", "").replace("<br>", ""))

for name in json.loads((folder / "names.json").read_text()):
    read = lambda ending: (folder / f"{name}.{ending}").read_bytes()
    written = json.loads(read("json"))
    items = written["items"]
    alive = [item for item in items if "retracted_at" not in item["_turmwacht"]]

    strict = atoma.parse_atom_bytes(read("atom"))
    assert strict.id_.startswith("tag:") and strict.updated.tzinfo, name
    assert strict.title.value == written["title"], name
    assert [entry.id_ for entry in strict.entries] == [item["id"] for item in alive], name
    for entry, item in zip(strict.entries, alive):
        assert entry.title.value == item["title"], (name, entry.title.value)
        assert squeezed(entry.content.value if entry.content else "") == squeezed(item["content_text"]), (name, item["id"])
        assert entry.published == moment(item["date_published"]), (name, item["id"])
        assert entry.updated == moment(item["date_modified"]), (name, item["id"])
        assert [link.href for link in entry.links] == [item["url"]], (name, item["id"])

    # It takes texts that look like markup for markup, and cleans them.
    loose = feedparser.parse(read("atom"))
    assert not loose.bozo, (name, loose.get("bozo_exception"))
    assert loose.feed.get("language", written["language"]) == written["language"], name
    assert [entry.id for entry in loose.entries] == [item["id"] for item in alive], name
    for entry, item in zip(loose.entries, alive):
        content = entry.content[0]
        assert content.type == "text/plain", (name, content)
        assert squeezed(content.value) == squeezed(item["content_text"]), (name, item["id"])
        assert content.language == item.get("language", written["language"]), (name, item["id"])
        assert [tag.label or tag.term for tag in entry.get("tags", [])] == item["tags"], (name, item["id"])

    strict = atoma.parse_rss_bytes(read("rss"))
    loose = feedparser.parse(read("rss"))
    assert not loose.bozo, (name, loose.get("bozo_exception"))
    assert strict.language == loose.feed.language == written["language"], name
    assert strict.title == written["title"] and strict.ttl == 5, name
    assert [item.guid for item in strict.items] == [entry.id for entry in loose.entries] == [item["id"] for item in items], name
    for one, other, item in zip(strict.items, loose.entries, items):
        assert one.title == item["title"], (name, one.title)
        # It guesses whether a title is HTML; atoma takes it for what it is.
        assert re.search("[<&]", item["title"]) or other.title == item["title"], (name, other.title)
        assert one.link == other.link == item["url"], (name, item["id"])
        assert not other.guidislink, (name, item["id"])
        for shown in (one.description or "", other.summary):
            assert squeezed(plain(shown)) == squeezed(item["content_text"]), (name, shown, item["content_text"])
        assert one.pub_date == moment(item["date_published"]).replace(microsecond=0), (name, item["id"])
        assert other.updated_parsed or not other.get("updated"), (name, item["id"])
    print(name, len(items))
"#;

/// The same with two readers of Node.
const NODE: &str = r#"
const fs = require('node:fs'), path = require('node:path'), assert = require('node:assert');
const { parseAtomFeed, parseRssFeed, parseJsonFeed, parseFeed } = require('feedsmith');
const RssParser = require('rss-parser');
const folder = process.argv[1];
const squeezed = (text) => (text ?? '').split(/\s+/).filter(Boolean).join(' ');
const plain = (text) => {
    const bare = (text ?? '').replaceAll(/<br ?\/?>/g, '');
    assert(!bare.includes('<'), bare);
    const known = { lt: '<', gt: '>', quot: '"', amp: '&', '#39': "'" };
    return bare.replaceAll(/&(lt|gt|quot|amp|#39);/g, (_, name) => known[name]);
};
(async () => {
    for (const name of JSON.parse(fs.readFileSync(path.join(folder, 'names.json')))) {
        const read = (ending) => fs.readFileSync(path.join(folder, `${name}.${ending}`), 'utf8');
        const written = JSON.parse(read('json'));
        const alive = written.items.filter((item) => !item._turmwacht.retracted_at);
        for (const [ending, format] of [['atom', 'atom'], ['rss', 'rss'], ['json', 'json']]) {
            assert.equal(parseFeed(read(ending)).format, format, name);
        }
        const ids = (items) => items.map((item) => item.id);

        const atom = parseAtomFeed(read('atom'));
        assert.deepEqual(ids(atom.entries ?? []), ids(alive), name);
        const looser = await new RssParser().parseString(read('atom'));
        assert.deepEqual(ids(looser.items), ids(alive), name);
        (atom.entries ?? []).forEach((entry, at) => {
            const item = alive[at], other = looser.items[at];
            assert.equal(squeezed(entry.title?.value), squeezed(item.title), name);
            assert.equal(squeezed(entry.content?.value), squeezed(item.content_text), name);
            assert.equal(entry.updated, item.date_modified, name);
            assert.equal(entry.published, item.date_published, name);
            assert.equal(entry.links[0].href, item.url, name);
            assert.equal(squeezed(other.title), squeezed(item.title), name);
            // It makes an element of a content that is empty.
            if (item.content_text) assert.equal(squeezed(other.content), squeezed(item.content_text), name);
            assert.equal(new Date(other.pubDate).getTime(), new Date(item.date_published).getTime(), name);
        });

        const rss = parseRssFeed(read('rss'));
        const other = await new RssParser().parseString(read('rss'));
        assert.equal(rss.language, written.language, name);
        assert.equal(rss.ttl, 5, name);
        assert.equal(other.feedUrl, written.feed_url.replace(/json$/, 'rss'), name);
        assert.deepEqual((rss.items ?? []).map((item) => item.guid.value), ids(written.items), name);
        assert.deepEqual(other.items.map((item) => item.guid), ids(written.items), name);
        (rss.items ?? []).forEach((one, at) => {
            const item = written.items[at];
            assert.equal(squeezed(one.title), squeezed(item.title), name);
            assert.equal(squeezed(other.items[at].title), squeezed(item.title), name);
            assert.equal(one.guid.isPermaLink, false, name);
            assert.equal(squeezed(plain(one.description)), squeezed(item.content_text), name);
            assert.equal(squeezed(plain(other.items[at].content)), squeezed(item.content_text), name);
            const published = Math.floor(new Date(item.date_published).getTime() / 1000) * 1000;
            assert.equal(new Date(one.pubDate).getTime(), published, name);
            assert.equal(new Date(other.items[at].isoDate).getTime(), published, name);
        });

        const json = parseJsonFeed(read('json'));
        assert.deepEqual(ids(json.items ?? []), ids(written.items), name);
        assert.equal(json.next_url, written.next_url, name);
        assert.equal(json.language, written.language, name);
        console.log(name);
    }
})().catch((fault) => { console.error(fault); process.exit(1); });
"#;

/// Whether a program runs. Where it does not that is said, or it fails where CI needs it.
fn is_installed(program: &str, arguments: &[&str], what: &str) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let found = command.status().is_ok_and(|status| status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{what} is missing, and CI needs it");
        eprintln!("skipped: {what} is not installed");
    }
    found
}

/// A folder with every sample in the three formats, and their names.
fn written() -> (tempfile::TempDir, usize) {
    let folder = tempfile::tempdir().unwrap();
    let samples = samples();
    for (name, three) in &samples {
        for (ending, feed) in ["atom", "rss", "json"].iter().zip(three) {
            std::fs::write(folder.path().join(format!("{name}.{ending}")), feed).unwrap();
        }
    }
    let names: Vec<&String> = samples.iter().map(|(name, _)| name).collect();
    std::fs::write(folder.path().join("names.json"), serde_json::to_vec(&names).unwrap()).unwrap();
    (folder, samples.len())
}

/// Runs a reader, which prints a line for each sample.
fn read(program: &str, arguments: &[&str], folder: &Path, count: usize) {
    let read = Command::new(program).args(arguments).arg(folder).stdin(Stdio::null()).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    assert_eq!(String::from_utf8(read.stdout).unwrap().lines().count(), count);
}

#[test]
fn two_readers_of_python_find_what_was_written() {
    if is_installed("python3", &["-c", "import atoma, feedparser"], "python3 with atoma and feedparser") {
        let (folder, count) = written();
        read("python3", &["-c", PYTHON], folder.path(), count);
    }
}

#[test]
fn two_readers_of_node_find_what_was_written() {
    let both = "require('feedsmith'); require('rss-parser')";
    if is_installed("node", &["-e", both], "node with feedsmith and rss-parser in NODE_PATH") {
        let (folder, count) = written();
        read("node", &["-e", NODE], folder.path(), count);
    }
}

#[test]
fn every_feed_is_well_formed() {
    if is_installed("xmllint", &["--version"], "xmllint") {
        let (folder, count) = written();
        let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|ending| ending != "json")).collect();
        assert_eq!(files.len(), 2 * count);
        let checked = Command::new("xmllint").args(["--noout", "--nonet"]).args(files).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}
