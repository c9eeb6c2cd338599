//! A file of this machine, or an object of a store.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use super::super::config::config;
use super::compression::Compression;
#[cfg(feature = "cluster")]
use crate::Error;
use crate::Result;

/// Where a file lies.
///
/// ```
/// use trainyard_data::Location;
///
/// let rides = Location::parse("s3://taxi/2024/rides 1.csv.gz")?;
/// assert!(matches!(&rides, Location::Remote(url) if url.store() == "s3://taxi" && url.key() == "2024/rides 1.csv.gz"));
/// assert_eq!(Location::parse("rides.csv")?, Location::Local("rides.csv".into()));
/// # Ok::<(), trainyard_data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// A file of this machine.
    Local(PathBuf),
    /// An object of a store.
    Remote(Box<ObjectUrl>),
}

impl Location {
    /// What a path or a URL means. A text is a URL when it starts with a scheme and `://`.
    ///
    /// # Errors
    ///
    /// When it is a URL of a scheme that is not read, or one without a bucket or a host.
    pub fn parse(text: &str) -> Result<Location> {
        let Some((scheme, rest)) = split_scheme(text) else { return Ok(Location::Local(text.into())) };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => local(text).map(Location::Local),
            scheme => ObjectUrl::parse(text, scheme, rest).map(Location::from),
        }
    }

    /// Whether a text is a URL, so that it does not count from a folder as a relative path does.
    pub fn is_url(text: &str) -> bool {
        split_scheme(text).is_some()
    }

    /// The path, of a file of this machine.
    pub fn as_path(&self) -> Option<&Path> {
        match self {
            Location::Local(path) => Some(path),
            Location::Remote(_) => None,
        }
    }

    /// A text that means the same for another process; see [`Location::parse`].
    #[cfg(feature = "cluster")]
    pub(in crate::source) fn to_text(&self) -> Result<String> {
        match self {
            Location::Local(path) => {
                let absolute = std::path::absolute(path).map_err(Error::io("find", path))?;
                let text = absolute.to_str().map(str::to_owned);
                text.ok_or_else(|| Error::Config {
                    setting: "path",
                    problem: format!("`{self}` is not text in UTF-8; rename it"),
                })
            }
            Location::Remote(url) => Ok(url.whole()),
        }
    }

    /// The name of the file, without its folders.
    pub(crate) fn name(&self) -> String {
        match self {
            Location::Local(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Location::Remote(url) => url.name().to_owned(),
        }
    }

    /// Whether the name says that the file is packed as a whole.
    pub(crate) fn is_packed(&self) -> bool {
        Compression::of_name(&self.name()) != Compression::None
    }

    /// What follows the last dot of the name, in lower case, but for the ending of a compression and the number of a shard:
    /// `csv` of `a.CSV.gz`, `tfrecord` of `a.tfrecord-00001-of-00008`.
    pub fn extension(&self) -> Option<String> {
        let name = self.name();
        let stem = Compression::of_name(&name).stem(&name);
        // A name that starts with its only dot is one without extension.
        let (_, extension) = stem.rsplit_once('.').filter(|(base, _)| !base.is_empty())?;
        Some(without_shard(extension).to_ascii_lowercase())
    }
}

fn without_shard(extension: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let shard = extension.rsplit_once("-of-").filter(|(_, count)| is_number(count));
    let shard = shard.and_then(|(rest, _)| rest.rsplit_once('-')).filter(|(_, shard)| is_number(shard));
    shard.map_or(extension, |(extension, _)| extension)
}

/// The scheme and what follows `://`, if the text is a URL. A letter and a colon are a drive of Windows.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some((scheme, rest))
}

/// The path that a `file://` URL names.
fn local(text: &str) -> Result<PathBuf> {
    let path = Url::parse(text).ok().and_then(|url| url.to_file_path().ok());
    match path {
        Some(path) => Ok(path),
        None => config("path", format!("`{text}` names no file of this machine; write `file:///folder/file`")),
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Local(path) => path.display().fmt(f),
            Location::Remote(url) => url.fmt(f),
        }
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Location::Local(path)
    }
}

impl From<ObjectUrl> for Location {
    fn from(url: ObjectUrl) -> Self {
        Location::Remote(Box::new(url))
    }
}

impl From<&Location> for Location {
    fn from(location: &Location) -> Self {
        location.clone()
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Location {
    fn from(path: &P) -> Self {
        Location::Local(path.as_ref().to_owned())
    }
}

/// The kinds of stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Scheme {
    S3,
    Gcs,
    Azure,
    Http,
}

impl Scheme {
    fn of(scheme: &str) -> Option<Scheme> {
        Some(match scheme {
            "s3" | "s3a" => Scheme::S3,
            "gs" => Scheme::Gcs,
            "az" | "azure" | "adl" | "abfs" | "abfss" => Scheme::Azure,
            "http" | "https" => Scheme::Http,
            _ => return None,
        })
    }
}

/// An object of a store.
///
/// The key of S3, Google Cloud Storage and Azure is what stands in the URL, character by character, as their own tools have
/// it. What follows the host of an `http` URL is encoded as in a browser, and may have a query.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectUrl {
    scheme: Scheme,
    store: String,
    key: String,
}

impl ObjectUrl {
    fn parse(text: &str, scheme: &str, rest: &str) -> Result<ObjectUrl> {
        let (host, key) = rest.split_once('/').unwrap_or((rest, ""));
        let Some(kind) = Scheme::of(scheme) else {
            let known = "`s3://`, `gs://`, `az://`, `abfs://`, `http://`, `https://`, `file://`";
            return config("path", format!("`{text}` is a URL of an unknown kind; these are read: {known}"));
        };
        if host.is_empty() {
            return config("path", format!("`{text}` names no bucket or host; write `{scheme}://NAME/..`"));
        }
        Ok(ObjectUrl { scheme: kind, store: format!("{scheme}://{host}"), key: key.to_owned() })
    }

    /// The store: `s3://bucket`, `https://host:8080`.
    pub fn store(&self) -> &str {
        &self.store
    }

    /// The name of the object in the store, without a slash before it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The whole URL, with the query that may hold a signature: not for messages.
    pub(super) fn whole(&self) -> String {
        format!("{}/{}", self.store, self.key)
    }

    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whether the store can tell which objects it has.
    pub(crate) fn has_listing(&self) -> bool {
        self.scheme != Scheme::Http
    }

    /// Another object of the same store.
    pub(crate) fn with_key(&self, key: impl Into<String>) -> ObjectUrl {
        ObjectUrl { key: key.into(), ..self.clone() }
    }

    /// The key without the query of an `http` URL.
    pub(crate) fn path(&self) -> &str {
        match self.scheme {
            Scheme::Http => self.key.split(['?', '#']).next().unwrap_or_default(),
            _ => &self.key,
        }
    }

    fn name(&self) -> &str {
        self.path().rsplit('/').next().unwrap_or_default()
    }
}

/// Without the query and the password that an `http` URL may have.
impl fmt::Display for ObjectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path();
        let query = if path.len() < self.key.len() { "?…" } else { "" };
        match self.store.split_once('@') {
            Some((user, host)) if self.scheme == Scheme::Http => {
                let scheme = user.split_once("://").map_or("", |(scheme, _)| scheme);
                write!(f, "{scheme}://{host}/{path}{query}")
            }
            _ => write!(f, "{}/{path}{query}", self.store),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, store: &str, key: &str, shown: &str) {
        let Location::Remote(url) = Location::parse(text).unwrap() else { panic!("{text} is local") };
        assert_eq!((url.store(), url.key(), url.to_string().as_str()), (store, key, shown));
    }

    #[test]
    fn a_url_names_a_store_and_a_key() {
        check("s3://b/a b/%20*.csv", "s3://b", "a b/%20*.csv", "s3://b/a b/%20*.csv");
        check("S3://b", "s3://b", "", "s3://b/");
        check(
            "abfss://c@account.dfs.core.windows.net/x",
            "abfss://c@account.dfs.core.windows.net",
            "x",
            "abfss://c@account.dfs.core.windows.net/x",
        );
    }

    #[test]
    fn secrets_of_a_url_are_not_shown() {
        check("https://h:1/a.csv?signature=x", "https://h:1", "a.csv?signature=x", "https://h:1/a.csv?…");
        check("http://me:pass@h/a.csv", "http://me:pass@h", "a.csv", "http://h/a.csv");
    }

    #[test]
    fn what_is_no_url_is_a_path() {
        for path in ["a.csv", "/a/b.csv", "C://a.csv", "a b://c", "://", "1a://b"] {
            assert_eq!(Location::parse(path).unwrap(), Location::Local(path.into()));
        }
        assert_eq!(Location::parse("file:///a%20b/c.csv").unwrap(), Location::Local("/a b/c.csv".into()));
    }

    #[test]
    fn other_urls_are_refused() {
        for (url, problem) in [
            ("hdfs://a/b", "unknown kind; these are read: `s3://`"),
            ("s3:///key", "names no bucket or host; write `s3://NAME/..`"),
            ("file://elsewhere/a", "names no file of this machine"),
        ] {
            let error = Location::parse(url).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn the_extension_stands_before_that_of_a_compression() {
        let extension = |text| Location::parse(text).unwrap().extension();
        assert_eq!(extension("d.x/a.CSV.gz"), Some("csv".to_owned()));
        assert_eq!(extension("https://h/a.jsonl.ZST?b=c.d"), Some("jsonl".to_owned()));
        assert_eq!(extension("a.tfrecord-00001-of-00008.gz"), Some("tfrecord".to_owned()));
        assert_eq!(extension("a.x-of-y"), Some("x-of-y".to_owned()));
        assert_eq!([extension(".csv"), extension("a"), extension("s3://b")], [None, None, None]);
    }
}
