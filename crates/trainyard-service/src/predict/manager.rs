//! Keeps the newest version of each model loaded.
//!
//! ```text
//! EXPORTS ─ scan ─> newest version not yet tried ─ load ─> AVAILABLE, and only then the older one END
//!                                                    └───> END with its error; the older one keeps serving
//! ```
//! - A version that failed is tried again when its bundle is written anew; a version deleted while it serves gives way
//!   to the newest one left, and stays when none is left.
//! - A request holds the version it began with, so a change of version disturbs none.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

use super::exports::{self, Export, ExportedVersion};
use super::path::{ModelSpec, VersionChoice};
use super::servable::Loader;
use super::version::Version;
use crate::error::{Code, Error, Result};

/// The name of a single model whose bundle could not tell one.
const DEFAULT_NAME: &str = "default";

/// Where models come from.
#[derive(Debug, Clone)]
pub struct ManagerConfig {
    /// Directory with `NAME/VERSION/` for several models, or `VERSION/` for one.
    pub base: PathBuf,
    /// Serve one model under this name; `base` is then that model's directory.
    pub name: Option<String>,
}

/// The models that are served.
pub struct ModelManager {
    config: ManagerConfig,
    loader: Loader,
    /// Locked for the whole of a refresh, so that two never load the same version.
    registry: Mutex<Registry>,
    /// What requests see: a copy of the registry, replaced whole.
    published: RwLock<Arc<HashMap<String, Model>>>,
}

/// Where a version is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Being loaded.
    Loading,
    /// Answers requests.
    Available,
    /// Failed to load, or gave way to another version.
    End,
}

/// A version and how it fares.
#[derive(Debug, Clone)]
pub struct VersionStatus {
    /// The number of its directory.
    pub version: i64,
    /// Where it is in its life.
    pub state: State,
    /// Why it failed to load.
    pub error: Option<(Code, String)>,
}

/// Models by the name of their directory.
type Registry = BTreeMap<Option<String>, Model>;

#[derive(Clone, Default)]
struct Model {
    current: Option<Arc<Version>>,
    versions: BTreeMap<i64, Record>,
}

#[derive(Clone)]
struct Record {
    state: State,
    error: Option<(Code, String)>,
    written: Option<SystemTime>,
}

impl ModelManager {
    /// Loads what is there now. A model that fails to load is reported by [`status`](Self::status), not here: the
    /// others serve, and a better version may come.
    ///
    /// # Errors
    /// [`Error::Read`] when the base directory cannot be listed.
    pub fn open(config: ManagerConfig, loader: Loader) -> Result<Self> {
        let manager = Self { config, loader, registry: Mutex::default(), published: RwLock::default() };
        manager.refresh()?;
        Ok(manager)
    }

    /// Looks for new versions and loads them; takes as long as loading takes.
    ///
    /// # Errors
    /// [`Error::Read`] when the base directory cannot be listed; what is loaded stays.
    pub fn refresh(&self) -> Result<()> {
        let mut registry = lock(&self.registry);
        let exports = exports::scan(&self.config.base, self.config.name.as_deref())?;
        if exports.is_empty() {
            return Ok(());
        }
        let found: HashSet<Option<String>> = exports.iter().map(|export| export.name.clone()).collect();
        registry.retain(|name, _| found.contains(name));
        for export in &exports {
            self.refresh_model(&mut registry, export);
        }
        self.publish(&registry);
        Ok(())
    }

    /// Names of the models, in alphabetical order, and whether each has a version that answers requests.
    pub fn models(&self) -> Vec<(String, bool)> {
        let mut models: Vec<_> =
            self.snapshot().iter().map(|(name, model)| (name.clone(), model.current.is_some())).collect();
        models.sort();
        models
    }

    /// The versions that `spec` asks for, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub fn status(&self, spec: &ModelSpec) -> Result<Vec<VersionStatus>> {
        let models = self.snapshot();
        let versions = models.get(&spec.name).map(|model| &model.versions).into_iter().flatten().rev();
        let wanted = |number: i64| match spec.version {
            VersionChoice::Specific(wanted) => number == wanted,
            _ => true,
        };
        let status: Vec<VersionStatus> = versions
            .filter(|(number, _)| wanted(**number))
            .map(|(&version, record)| VersionStatus { version, state: record.state, error: record.error.clone() })
            .collect();
        match &spec.version {
            VersionChoice::Label(label) => Err(unknown_label(label)),
            VersionChoice::Specific(number) if status.is_empty() => {
                Err(Error::not_found(format!("Could not find version {number} of model {}", spec.name)))
            }
            VersionChoice::Latest if status.is_empty() => {
                Err(Error::not_found(format!("Could not find any versions of model {}", spec.name)))
            }
            _ => Ok(status),
        }
    }

    /// The loaded version that `spec` asks for.
    pub(crate) fn find(&self, spec: &ModelSpec) -> Result<Arc<Version>> {
        let models = self.snapshot();
        let current = models.get(&spec.name).and_then(|model| model.current.as_ref());
        let wanted = match &spec.version {
            VersionChoice::Latest => format!("Latest({})", spec.name),
            VersionChoice::Specific(number) => format!("Specific({}, {number})", spec.name),
            VersionChoice::Label(label) => return Err(unknown_label(label)),
        };
        current
            .filter(|version| match spec.version {
                VersionChoice::Specific(number) => version.number == number,
                _ => true,
            })
            .cloned()
            .ok_or_else(|| Error::not_found(format!("Servable not found for request: {wanted}")))
    }

    /// Loads the newest version that can be, unless it serves already.
    fn refresh_model(&self, registry: &mut Registry, export: &Export) {
        self.model(registry, export).forget(&export.versions);
        for version in &export.versions {
            let model = self.model(registry, export);
            if model.serves(version.number) {
                return;
            }
            if model.failed(version) {
                continue;
            }
            model.record(version, State::Loading, None);
            self.publish(registry);
            let loaded = (self.loader)(&version.path).and_then(|servable| Version::new(version.number, servable));
            match loaded {
                Ok(loaded) => return self.model(registry, export).change(version, loaded),
                Err(error) => self.model(registry, export).fail(version, &error),
            }
        }
    }

    fn model<'a>(&self, registry: &'a mut Registry, export: &Export) -> &'a mut Model {
        registry.entry(export.name.clone()).or_default()
    }

    fn publish(&self, registry: &Registry) {
        let models = registry.iter().map(|(name, model)| (model.name(name.as_deref()), model.clone())).collect();
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(models);
    }

    fn snapshot(&self) -> Arc<HashMap<String, Model>> {
        Arc::clone(&self.published.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Model {
    fn name(&self, directory: Option<&str>) -> String {
        let own = self.current.as_ref().map(|version| version.servable.name());
        directory.or(own).unwrap_or(DEFAULT_NAME).to_owned()
    }

    fn serves(&self, number: i64) -> bool {
        self.current.as_ref().is_some_and(|current| current.number == number)
    }

    /// Whether this very bundle has failed before.
    fn failed(&self, version: &ExportedVersion) -> bool {
        let record = self.versions.get(&version.number);
        record.is_some_and(|record| record.error.is_some() && record.written == version.written)
    }

    /// Drops the records of versions that have ended and are gone from disk, so that they do not pile up.
    fn forget(&mut self, versions: &[ExportedVersion]) {
        let on_disk = |number: i64| versions.iter().any(|version| version.number == number);
        self.versions.retain(|&number, record| record.state != State::End || on_disk(number));
    }

    fn record(&mut self, version: &ExportedVersion, state: State, error: Option<(Code, String)>) {
        self.versions.insert(version.number, Record { state, error, written: version.written });
    }

    fn change(&mut self, version: &ExportedVersion, loaded: Version) {
        tracing::info!(version = version.number, path = %version.path.display(), "serving a new version");
        self.record(version, State::Available, None);
        let old = self.current.replace(Arc::new(loaded));
        if let Some(record) = old.and_then(|old| self.versions.get_mut(&old.number)) {
            record.state = State::End;
        }
    }

    fn fail(&mut self, version: &ExportedVersion, error: &Error) {
        tracing::warn!(version = version.number, path = %version.path.display(), %error, "cannot load a version");
        self.record(version, State::End, Some((error.code(), error.to_string())));
    }
}

impl State {
    /// The name in status answers, for example `AVAILABLE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loading => "LOADING",
            Self::Available => "AVAILABLE",
            Self::End => "END",
        }
    }
}

fn unknown_label(label: &str) -> Error {
    Error::invalid(format!("Unrecognized servable version label: {label}"))
}

/// A refresh that panicked leaves the registry as it was at that point, which is consistent.
fn lock(registry: &Mutex<Registry>) -> MutexGuard<'_, Registry> {
    registry.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::testing::{load, write};
    use std::fs;
    use std::path::Path;

    /// Applies `steps` to a directory, looking for new versions after each, and compares the models in the end.
    #[track_caller]
    fn check(name: Option<&str>, steps: &[&dyn Fn(&Path)], expected: &str) {
        let base = tempfile::tempdir().unwrap();
        steps[0](base.path());
        let config = ManagerConfig { base: base.path().to_owned(), name: name.map(str::to_owned) };
        let manager = ModelManager::open(config, Box::new(load)).unwrap();
        for step in &steps[1..] {
            step(base.path());
            manager.refresh().unwrap();
        }
        let found: Vec<String> = manager.models().iter().map(|(name, _)| describe(&manager, name)).collect();
        assert_eq!(found.join("; "), expected);
    }

    fn describe(manager: &ModelManager, name: &str) -> String {
        let spec = ModelSpec { name: name.to_owned(), version: VersionChoice::Latest };
        let status = manager.status(&spec).unwrap_or_default();
        let versions = status.iter().map(|status| match &status.error {
            None => format!("{} {}", status.version, status.state.name()),
            Some((code, message)) => format!("{} {} {}: {message}", status.version, status.state.name(), code.name()),
        });
        let serving = manager.find(&spec).map_or("nothing".to_owned(), |version| version.number.to_string());
        format!("{name} serves {serving} ({})", versions.collect::<Vec<_>>().join(", "))
    }

    fn put(version: &'static str, model: &'static str) -> impl Fn(&Path) {
        move |base| write(base, version, model)
    }

    fn remove(version: &'static str) -> impl Fn(&Path) {
        move |base| fs::remove_dir_all(base.join(version)).unwrap()
    }

    fn nothing(_: &Path) {}

    #[test]
    fn several_models_are_served_under_their_directories() {
        check(
            None,
            &[&|base: &Path| {
                write(base, "a/1", "half_plus_two");
                write(base, "b/5", "mixed");
            }],
            "a serves 1 (1 AVAILABLE); b serves 5 (5 AVAILABLE)",
        );
    }

    #[test]
    fn one_model_is_served_under_its_own_name() {
        check(None, &[&put("1", "half_plus_two")], "function serves 1 (1 AVAILABLE)");
        check(Some("given"), &[&put("1", "half_plus_two")], "given serves 1 (1 AVAILABLE)");
    }

    #[test]
    fn the_newest_version_takes_over() {
        check(None, &[&put("m/2", "half_plus_two"), &put("m/10", "plus_one")], "m serves 10 (10 AVAILABLE, 2 END)");
    }

    #[test]
    fn an_older_version_changes_nothing() {
        check(None, &[&put("m/2", "half_plus_two"), &put("m/1", "plus_one")], "m serves 2 (2 AVAILABLE)");
    }

    #[test]
    fn a_version_that_fails_leaves_the_older_one() {
        check(
            None,
            &[&put("m/1", "half_plus_two"), &put("m/2", "broken"), &nothing],
            "m serves 1 (2 END INVALID_ARGUMENT: no model `broken`, 1 AVAILABLE)",
        );
    }

    #[test]
    fn the_first_look_falls_back_to_an_older_version() {
        check(
            None,
            &[&|base: &Path| {
                write(base, "m/1", "half_plus_two");
                write(base, "m/2", "broken");
            }],
            "m serves 1 (2 END INVALID_ARGUMENT: no model `broken`, 1 AVAILABLE)",
        );
    }

    #[test]
    fn a_failed_version_is_tried_again_when_written_anew() {
        let mend = |base: &Path| {
            write(base, "m/2", "plus_one");
            let bundle = fs::File::options().write(true).open(base.join("m/2/bundle.json")).unwrap();
            bundle.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        };
        check(None, &[&put("m/1", "half_plus_two"), &put("m/2", "broken"), &mend], "m serves 2 (2 AVAILABLE, 1 END)");
    }

    #[test]
    fn a_model_that_never_loads_is_reported() {
        check(None, &[&put("m/1", "broken")], "m serves nothing (1 END INVALID_ARGUMENT: no model `broken`)");
        check(None, &[&put("1", "broken")], "default serves nothing (1 END INVALID_ARGUMENT: no model `broken`)");
    }

    #[test]
    fn deleting_the_newest_version_goes_back_to_the_one_before() {
        check(
            None,
            &[&put("m/1", "half_plus_two"), &put("m/2", "plus_one"), &remove("m/2"), &nothing],
            "m serves 1 (1 AVAILABLE)",
        );
    }

    #[test]
    fn the_last_version_serves_even_when_deleted() {
        check(Some("m"), &[&put("1", "half_plus_two"), &remove("1")], "m serves 1 (1 AVAILABLE)");
        check(None, &[&put("1", "half_plus_two"), &remove("1")], "function serves 1 (1 AVAILABLE)");
    }

    #[test]
    fn a_model_whose_directory_is_deleted_goes() {
        check(
            None,
            &[
                &|base: &Path| {
                    write(base, "a/1", "half_plus_two");
                    write(base, "b/1", "half_plus_two");
                },
                &remove("a"),
            ],
            "b serves 1 (1 AVAILABLE)",
        );
    }

    #[test]
    fn models_may_come_later() {
        check(None, &[&nothing, &put("m/1", "half_plus_two")], "m serves 1 (1 AVAILABLE)");
    }

    #[test]
    fn a_request_keeps_the_version_it_began_with() {
        let base = tempfile::tempdir().unwrap();
        write(base.path(), "m/1", "half_plus_two");
        let config = ManagerConfig { base: base.path().to_owned(), name: None };
        let manager = ModelManager::open(config, Box::new(load)).unwrap();
        let spec = ModelSpec { name: "m".to_owned(), version: VersionChoice::Latest };
        let held = manager.find(&spec).unwrap();
        write(base.path(), "m/2", "plus_one");
        manager.refresh().unwrap();
        assert_eq!((held.number, manager.find(&spec).unwrap().number), (1, 2));
        assert_eq!(Arc::strong_count(&held), 1, "the manager has let go of the old version");
    }

    #[test]
    fn status_of_what_is_not_there_is_not_found() {
        let manager = crate::predict::testing::manager();
        let status = |name: &str, version| {
            let spec = ModelSpec { name: name.to_owned(), version };
            manager.status(&spec).unwrap_err().to_string()
        };
        assert_eq!(status("X", VersionChoice::Latest), "Could not find any versions of model X");
        assert_eq!(status("mixed", VersionChoice::Specific(9)), "Could not find version 9 of model mixed");
        assert_eq!(status("mixed", VersionChoice::Label("a".into())), "Unrecognized servable version label: a");
    }
}
