//! The encoded rows of a run.

use crate::Result;
use crate::directory::Directory;
use crate::observer::{Event, Observer, Stage};
use crate::spec::TrainConfig;
use crate::splits::Splits;
use std::sync::Arc;
use trainyard_data::{Cache, Engine, Source, Split};
use trainyard_features::FittedFeatures;

/// The encoded rows of each split.
pub(crate) struct Caches {
    pub(crate) train: Arc<Cache>,
    pub(crate) eval: Arc<Cache>,
    pub(crate) test: Option<Arc<Cache>>,
}

/// Part of the labels' variance that lies between blocks beyond which rows look sorted; see [`Cache::label_clustering`].
const CLUSTERED: f64 = 0.1;

impl Caches {
    /// Opens the caches of a run, and makes those that are not there.
    pub(crate) fn build(
        (directory, config): (&Directory, &TrainConfig),
        features: &FittedFeatures,
        splits: &Splits,
        engine: &Engine,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let builder = Builder { directory, config, features, engine, observer };
        let train = builder.training(&splits.train)?;
        let test = splits.test.as_ref().map(|source| builder.split("test", source)).transpose()?;
        Ok(Self { train, eval: builder.split("eval", &splits.eval)?, test })
    }

    /// The splits that there are, by name.
    pub(crate) fn splits(&self) -> impl Iterator<Item = (&'static str, &Arc<Cache>)> {
        let splits = [("train", Some(&self.train)), ("eval", Some(&self.eval)), ("test", self.test.as_ref())];
        splits.into_iter().filter_map(|(name, cache)| Some((name, cache?)))
    }
}

struct Builder<'a> {
    directory: &'a Directory,
    config: &'a TrainConfig,
    features: &'a FittedFeatures,
    engine: &'a Engine,
    observer: &'a dyn Observer,
}

impl Builder<'_> {
    /// Rows to judge by.
    fn split(&self, split: &'static str, source: &Source) -> Result<Arc<Cache>> {
        Ok(self.told(split, self.encoded(split, (Split::Other, source))?))
    }

    /// Rows to learn from, in a random order if the directory says so.
    fn training(&self, source: &Source) -> Result<Arc<Cache>> {
        let cache = if self.directory.is_shuffled() {
            self.shuffled(source)?
        } else {
            self.encoded("train", (Split::Training, source))?
        };
        let clustering = cache.label_clustering();
        if clustering > CLUSTERED && !self.config.loader().mixes_all(&cache) {
            self.observer.on(Event::Notice(format!(
                "the training rows look sorted by label: {:.0} % of its variance lies between blocks of rows, in a random \
                 order nearly none; `trainyard prepare SPEC --shuffle` brings them into one before training",
                100.0 * clustering
            )));
        }
        Ok(self.told("train", cache))
    }

    fn encoded(&self, split: &'static str, source: (Split, &Source)) -> Result<Cache> {
        self.observer.on(Event::Stage { stage: Stage::Encode(split), rows: None });
        let (path, progress) = (self.directory.cache(split), |rows| self.observer.on(Event::Rows(rows)));
        Ok(Cache::open_or_build(&path, self.features, source, self.engine.clone(), &progress)?)
    }

    fn shuffled(&self, source: &Source) -> Result<Cache> {
        let (path, seed) = (self.directory.cache("train"), self.config.seed);
        if let Some(cache) = Cache::open_shuffled(&path, self.features, source, seed)? {
            return Ok(cache);
        }
        let cache = self.encoded("train", (Split::Training, source))?;
        // Each row is handled twice.
        self.observer.on(Event::Stage { stage: Stage::Shuffle("train"), rows: Some(2 * cache.rows()) });
        let progress = |rows| self.observer.on(Event::Rows(rows));
        Ok(cache.shuffle(&path, seed, self.config.resources(), &progress)?)
    }

    /// Tells of rows that were left out.
    fn told(&self, split: &str, cache: Cache) -> Arc<Cache> {
        if cache.skipped() > 0 {
            let notice = format!("{split}: {} rows that cannot be read were skipped", cache.skipped());
            self.observer.on(Event::Notice(notice));
        }
        Arc::new(cache)
    }
}
