//! Connections to object stores.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::str::FromStr;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use futures::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use tokio::runtime::{Builder, Handle, Runtime};

use super::location::{ObjectUrl, Scheme};
use super::object::{Object, Stat};
use super::reader::ObjectReader;
use super::{Compression, Input, Location};
use crate::error::{Error, Result};
use crate::ordered::internal;

/// Requests that are under way at once where many objects are looked at.
const REQUESTS: usize = 16;
/// Threads that talk to stores.
const THREADS: usize = 2;

/// The stores that a source reads from, each connected once, and the threads that talk to them.
///
/// Who reads is a thread that may wait, and may belong to a runtime of its own, so requests run on a runtime that belongs to
/// this. It starts with the first object: without one, this is nothing. Cheap to clone; the clones share everything.
#[derive(Clone)]
pub(in crate::source) struct Stores(Arc<Shared>);

struct Shared {
    /// Credentials, endpoints and the like: `AWS_ENDPOINT_URL` and its value.
    settings: Vec<(String, String)>,
    retry: RetryConfig,
    runtime: Mutex<Option<Runtime>>,
    open: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl Stores {
    /// Stores as the environment variables of their own tools describe them. A request that fails on the way or by a fault of
    /// the store is made again, up to ten times in three minutes.
    pub(in crate::source) fn from_environment() -> Stores {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let backoff =
            BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(15), base: 2.0 };
        let retry = RetryConfig { backoff, max_retries: 10, retry_timeout: Duration::from_secs(180) };
        Self::new(std::env::vars_os().filter_map(text).collect(), retry)
    }

    /// Stores with these settings.
    pub(in crate::source) fn new(settings: Vec<(String, String)>, retry: RetryConfig) -> Stores {
        Stores(Arc::new(Shared { settings, retry, runtime: Mutex::default(), open: Mutex::default() }))
    }

    /// The bytes of a file, unpacked if its name says that it is packed.
    ///
    /// # Errors
    ///
    /// When it is not there or may not be read. What breaks later is an error of the reader.
    pub(in crate::source) fn open(&self, location: &Location) -> Result<Input> {
        let bytes: Input = match location {
            Location::Local(path) => Box::new(File::open(path).map_err(Error::io("open", path))?),
            Location::Remote(url) => Box::new(ObjectReader::start(self.object(url)?, &self.handle()?)),
        };
        Compression::of_name(&location.name()).unpack(bytes).map_err(Error::io("read", location))
    }

    /// Size and version of each file.
    ///
    /// # Errors
    ///
    /// When one of them is not there.
    pub(in crate::source) fn stats(&self, locations: &[Location]) -> Result<Vec<Stat>> {
        let urls = locations.iter().filter_map(|location| match location {
            Location::Local(_) => None,
            Location::Remote(url) => Some(&**url),
        });
        let mut remote = self.objects(urls)?.into_iter();
        let stat = |location: &Location| match location {
            Location::Local(path) => local_stat(path),
            Location::Remote(_) => remote.next().map(|object| object.stat).ok_or_else(|| internal("an object is lost")),
        };
        locations.iter().map(stat).collect()
    }

    /// Finds an object.
    pub(in crate::source) fn object(&self, url: &ObjectUrl) -> Result<Object> {
        let object = self.objects(std::iter::once(url))?.pop();
        object.ok_or_else(|| internal("an object is lost"))
    }

    fn objects<'a>(&self, urls: impl Iterator<Item = &'a ObjectUrl>) -> Result<Vec<Object>> {
        let look = |url: &ObjectUrl| {
            let (store, path) = self.connect(url)?;
            let url = url.clone();
            Ok(async move { Object::find(url.clone(), store, path).await.map_err(Error::store("read", url)) })
        };
        let looks = urls.map(look).collect::<Result<Vec<_>>>()?;
        if looks.is_empty() {
            return Ok(Vec::new());
        }
        self.wait(stream::iter(looks).buffered(REQUESTS).try_collect())?
    }

    /// The objects below a folder, whose key is empty or ends with a slash: all of them, or only those directly in it.
    pub(in crate::source) fn list(&self, folder: &ObjectUrl, recursive: bool) -> Result<Vec<ObjectUrl>> {
        let (store, prefix) = self.connect(folder)?;
        let list = async move {
            if recursive {
                return store.list(Some(&prefix)).try_collect::<Vec<_>>().await;
            }
            Ok(store.list_with_delimiter(Some(&prefix)).await?.objects)
        };
        let found = self.wait(list)?.map_err(Error::store("list", folder.clone()))?;
        let mut keys: Vec<String> = found.into_iter().map(|object| object.location.into()).collect();
        // A key equal to the folder is the mark that consoles make for an empty one.
        keys.retain(|key| key.len() > folder.key().len());
        keys.sort();
        Ok(keys.into_iter().map(|key| folder.with_key(key)).collect())
    }

    /// The store of an object, and its name there.
    fn connect(&self, url: &ObjectUrl) -> Result<(Arc<dyn ObjectStore>, Path)> {
        // An `http` URL is a store of its own with one nameless object, so that it is asked for character by character.
        let (name, key) = match url.scheme() {
            Scheme::Http => (url.whole(), ""),
            _ => (url.store().to_owned(), url.key()),
        };
        let invalid = |error: object_store::path::Error| Error::store("read", url.clone())(error.into());
        let path = Path::parse(key).map_err(invalid)?;
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = open.get(&name) {
            return Ok((Arc::clone(store), path));
        }
        let store = self.build(url, &name).map_err(Error::store("connect to the store of", url.clone()))?;
        if url.scheme() != Scheme::Http {
            open.insert(name, Arc::clone(&store));
        }
        Ok((store, path))
    }

    fn build(&self, url: &ObjectUrl, name: &str) -> object_store::Result<Arc<dyn ObjectStore>> {
        let retry = self.0.retry.clone();
        Ok(match url.scheme() {
            Scheme::S3 => {
                let builder = AmazonS3Builder::new().with_url(name).with_retry(retry);
                Arc::new(self.configure("AWS_", builder, AmazonS3Builder::with_config).build()?)
            }
            Scheme::Gcs => {
                let builder = GoogleCloudStorageBuilder::new().with_url(name).with_retry(retry);
                Arc::new(self.configure("GOOGLE_", builder, GoogleCloudStorageBuilder::with_config).build()?)
            }
            Scheme::Azure => {
                let builder = MicrosoftAzureBuilder::new().with_url(name).with_retry(retry);
                Arc::new(self.configure("AZURE_", builder, MicrosoftAzureBuilder::with_config).build()?)
            }
            Scheme::Http => {
                // A body of any size comes by one request, so the time that a request may take has no limit; the reader
                // watches each part of it.
                let options = ClientOptions::new().with_allow_http(true).with_timeout_disabled();
                Arc::new(HttpBuilder::new().with_url(name).with_retry(retry).with_client_options(options).build()?)
            }
        })
    }

    /// A builder with the settings that it knows: the environment also has variables for other programs.
    fn configure<B, K: FromStr>(&self, prefix: &str, builder: B, set: impl Fn(B, K, String) -> B) -> B {
        let settings = self.0.settings.iter().filter(|(name, _)| name.starts_with(prefix));
        settings.fold(builder, |builder, (name, value)| match name.to_ascii_lowercase().parse() {
            Ok(key) => set(builder, key, value.clone()),
            Err(_) => builder,
        })
    }

    fn handle(&self) -> Result<Handle> {
        let mut runtime = self.0.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = runtime.as_ref() {
            return Ok(runtime.handle().clone());
        }
        let new =
            Builder::new_multi_thread().worker_threads(THREADS).thread_name("trainyard-store").enable_all().build();
        let new = new.map_err(|error| internal(format!("cannot start the threads that talk to stores: {error}")))?;
        Ok(runtime.insert(new).handle().clone())
    }

    /// Starts a future on the threads of the stores.
    pub(in crate::source) fn start<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<Pending<T>> {
        let (sender, receiver) = sync_channel(1);
        self.handle()?.spawn(async move {
            // Nobody waits any more for what is dropped.
            let _ = sender.send(future.await);
        });
        Ok(Pending(receiver))
    }

    fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Result<T> {
        self.start(future)?.wait()
    }
}

/// What a future that runs elsewhere will give.
#[derive(Debug)]
pub(in crate::source) struct Pending<T>(Receiver<T>);

impl<T> Pending<T> {
    /// Waits for it.
    pub(in crate::source) fn wait(self) -> Result<T> {
        self.0.recv().map_err(|_| internal("a request to a store broke off"))
    }
}

fn local_stat(path: &std::path::Path) -> Result<Stat> {
    let file = std::fs::metadata(path).map_err(Error::io("look at", path))?;
    let changed = file.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Ok(Stat { size: file.len(), version: changed.as_nanos().to_string() })
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The settings hold credentials.
        f.debug_struct("Stores").finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let runtime = self.runtime.get_mut().unwrap_or_else(PoisonError::into_inner);
        // The last clone may go on a thread of another runtime, which must not wait.
        if let Some(runtime) = runtime.take() {
            runtime.shutdown_background();
        }
    }
}
