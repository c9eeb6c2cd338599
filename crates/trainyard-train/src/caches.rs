//! The encoded rows of a run.

use crate::Result;
use crate::directory::Directory;
use crate::observer::{Event, Observer, Stage};
use crate::spec::TrainConfig;
use crate::splits::Splits;
use std::sync::Arc;
use trainyard_data::{Cache, Engine, Learnt, Source, Split};
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
        features: Fitted,
        splits: &Splits,
        engine: &Engine,
        observer: &dyn Observer,
    ) -> Result<(FittedFeatures, Self)> {
        let builder = Builder { directory, config, engine, observer };
        let (features, train) = builder.training(features, &splits.train)?;
        let split = |name, source| builder.split(name, &features, source);
        let test = splits.test.as_ref().map(|source| split("test", source)).transpose()?;
        let eval = split("eval", &splits.eval)?;
        Ok((features, Self { train, eval, test }))
    }

    /// The splits that there are, by name.
    pub(crate) fn splits(&self) -> impl Iterator<Item = (&'static str, &Arc<Cache>)> {
        let splits = [("train", Some(&self.train)), ("eval", Some(&self.eval)), ("test", self.test.as_ref())];
        splits.into_iter().filter_map(|(name, cache)| Some((name, cache?)))
    }
}

/// The features of a run before its rows are encoded.
pub(crate) enum Fitted {
    /// They were fitted, and are in the directory.
    Known(FittedFeatures),
    /// They were learnt just now, from the data that has this fingerprint, but for statistics: they are saved when these are
    /// gathered, with the training rows encoded.
    Open(Learnt, String),
}

impl Fitted {
    pub(crate) fn features(&self) -> &FittedFeatures {
        match self {
            Self::Known(features) => features,
            Self::Open(learnt, _) => learnt.features(),
        }
    }
}

struct Builder<'a> {
    directory: &'a Directory,
    config: &'a TrainConfig,
    engine: &'a Engine,
    observer: &'a dyn Observer,
}

impl Builder<'_> {
    /// Rows to judge by.
    fn split(&self, split: &'static str, features: &FittedFeatures, source: &Source) -> Result<Arc<Cache>> {
        Ok(self.told(split, self.encoded(split, features, (Split::Other, source))?))
    }

    /// Rows to learn from, in a random order if the directory says so, and the features with all that is to be known of them.
    fn training(&self, features: Fitted, source: &Source) -> Result<(FittedFeatures, Arc<Cache>)> {
        let (features, cache) = match features {
            Fitted::Known(features) => {
                let cache = self.opened(&features, source)?;
                (features, cache)
            }
            Fitted::Open(learnt, data) => {
                self.begin("train");
                let path = self.directory.cache("train");
                let (cache, features) = Cache::build_learnt(&path, learnt, source, &|rows| self.tell(rows))?;
                self.directory.save_features(&features, &data)?;
                let cache = if self.directory.is_shuffled() { self.shuffled(cache)? } else { cache };
                (features, cache)
            }
        };
        let clustering = cache.label_clustering();
        if clustering > CLUSTERED && !self.config.loader().mixes_all(&cache) {
            self.observer.on(Event::Notice(format!(
                "the training rows look sorted by label: {:.0} % of its variance lies between blocks of rows, in a random \
                 order nearly none; `trainyard prepare SPEC --shuffle` brings them into one before training",
                100.0 * clustering
            )));
        }
        Ok((features, self.told("train", cache)))
    }

    /// Training rows of known features.
    fn opened(&self, features: &FittedFeatures, source: &Source) -> Result<Cache> {
        let (path, is_shuffled) = (self.directory.cache("train"), self.directory.is_shuffled());
        if is_shuffled && let Some(cache) = Cache::open_shuffled(&path, features, source, self.config.seed)? {
            return Ok(cache);
        }
        let cache = self.encoded("train", features, (Split::Training, source))?;
        if is_shuffled { self.shuffled(cache) } else { Ok(cache) }
    }

    fn encoded(&self, split: &'static str, features: &FittedFeatures, source: (Split, &Source)) -> Result<Cache> {
        self.begin(split);
        let path = self.directory.cache(split);
        Ok(Cache::open_or_build(&path, features, source, self.engine.clone(), &|rows| self.tell(rows))?)
    }

    fn shuffled(&self, cache: Cache) -> Result<Cache> {
        // Each row is handled twice.
        self.observer.on(Event::Stage { stage: Stage::Shuffle("train"), rows: Some(2 * cache.rows()) });
        let (path, resources) = (self.directory.cache("train"), self.config.resources());
        Ok(cache.shuffle(&path, self.config.seed, resources, &|rows| self.tell(rows))?)
    }

    fn begin(&self, split: &'static str) {
        self.observer.on(Event::Stage { stage: Stage::Encode(split), rows: None });
    }

    fn tell(&self, rows: u64) {
        self.observer.on(Event::Rows(rows));
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
