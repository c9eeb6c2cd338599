//! The exported directory: everything that predicting needs, as data.
//!
//! ```text
//! <version>/bundle.json           what it is: the graph, the parameters' names and shapes, the outputs, checksums
//!           weights.safetensors   values of dense parameters; ids and rows of tables
//!           features.json         the fitted features
//! ```
//!
//! The graph is a list of known operations and is checked as it is read, so a bundle has no code and one from a stranger is
//! safe to load. A directory appears under its name only when it is whole.

use crate::{Architecture, Error, Output, Result};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use trainyard_features::FittedFeatures;
use trainyard_graph::{Graph, NodeId};
use trainyard_nn::{ParamShape, ParamSpec};
use trainyard_store::file::{self, Shown};
use trainyard_store::tensors::{Tensor, Tensors, Values};
use trainyard_store::{DenseState, Snapshot, TableState};

/// The format that this program writes, and the newest it reads.
pub const FORMAT_VERSION: u64 = 1;

/// The file that says what the others are; it is written last.
pub const MANIFEST: &str = "bundle.json";
const WEIGHTS: &str = "weights.safetensors";
const FEATURES: &str = "features.json";
/// Behind a table's name, that of its rows' ids.
const IDS: &str = ".ids";

/// A trained thing: graph, weights, features and outputs.
#[derive(Debug, Clone)]
pub struct Bundle<'a> {
    /// What to know of it without its weights.
    pub manifest: Manifest,
    /// Values of dense parameters, in the order of the specs.
    pub dense: Cow<'a, [DenseState]>,
    /// Rows of tables, in the order of the specs.
    pub tables: Cow<'a, [TableState]>,
    /// The fitted features.
    pub features: FittedFeatures,
}

/// `bundle.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// See [`FORMAT_VERSION`].
    pub format_version: u64,
    /// Name of the model, by which a server knows it.
    pub name: String,
    /// The computation.
    pub graph: Graph,
    /// What is predicted.
    pub predictions: NodeId,
    /// The parameters.
    pub params: Vec<ParamSpec>,
    /// Seed of the initial values of rows that were never trained.
    pub seed: u64,
    /// The columns it answers with.
    pub outputs: Vec<Output>,
    /// Columns of the data that name a row, which predictions carry through.
    #[serde(default)]
    pub keys: Vec<String>,
    /// How the files of the training data were written, for programs that read such files again.
    #[serde(default)]
    pub files: BTreeMap<String, serde_json::Value>,
    /// The query that made the columns of raw ones, if there was one, for programs that can run it. Predicting does not need it:
    /// the inputs are what the query gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<serde_json::Value>,
    /// Step of training at which it was exported.
    pub step: u64,
    /// Metrics on the evaluation data.
    pub metrics: BTreeMap<String, f64>,
    /// SHA-256 of the other files of the directory, by name.
    pub checksums: BTreeMap<String, String>,
}

impl<'a> Bundle<'a> {
    /// Puts together what was trained.
    pub fn new(
        name: &str,
        architecture: Architecture,
        outputs: Vec<Output>,
        snapshot: &'a Snapshot,
        features: FittedFeatures,
    ) -> Self {
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            name: name.to_owned(),
            graph: architecture.graph,
            predictions: architecture.predictions,
            params: architecture.specs,
            seed: snapshot.seed,
            outputs,
            keys: Vec::new(),
            files: BTreeMap::new(),
            view: None,
            step: snapshot.step,
            metrics: BTreeMap::new(),
            checksums: BTreeMap::new(),
        };
        Self { manifest, dense: Cow::from(&snapshot.dense), tables: Cow::from(&snapshot.tables), features }
    }

    /// Writes the directory `exports/<version>`, whole or not at all. One that is there already is left as it is.
    ///
    /// # Errors
    ///
    /// When the disk is full or cannot be written; nothing stays then.
    pub fn write(&self, exports: &Path, version: u64) -> Result<()> {
        self.stage(exports, version)?.publish().map(drop)
    }

    /// The same without giving the directory its name yet.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn stage(&self, exports: &Path, version: u64) -> Result<Staged> {
        let target = exports.join(version.to_string());
        if target.join(MANIFEST).exists() {
            return Ok(Staged { temporary: None, target });
        }
        fs::create_dir_all(exports).map_err(io("create", exports))?;
        let temporary = exports.join(format!(".{version}.tmp-{}", std::process::id()));
        let staged = Staged { temporary: Some(temporary.clone()), target };
        self.write_files(&temporary)?;
        Ok(staged)
    }

    fn write_files(&self, dir: &Path) -> Result<()> {
        fs::create_dir_all(dir).map_err(io("create", dir))?;
        let mut manifest = self.manifest.clone();
        let tensors = Tensors::new(None, self.weights())?;
        let weights = file::atomic_write_with(&dir.join(WEIGHTS), |file| {
            let mut hash = Sha256::new();
            tensors.write(&mut Shown::new(file, |written| hash.update(written)))?;
            Ok(hexadecimal(hash))
        })?;
        let features = self.features.to_json();
        file::atomic_write(&dir.join(FEATURES), features.as_bytes())?;
        manifest.checksums.insert(WEIGHTS.to_owned(), weights);
        manifest.checksums.insert(FEATURES.to_owned(), checksum(features.as_bytes()));
        let json = serde_json::to_vec_pretty(&manifest).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(file::atomic_write(&dir.join(MANIFEST), &json)?)
    }

    fn weights(&self) -> Vec<Tensor<'_>> {
        let mut tensors = Vec::new();
        let mut add = |name: String, shape, values| tensors.push(Tensor { name, shape, values });
        for (spec, state) in dense_specs(&self.manifest.params).zip(&*self.dense) {
            let ParamShape::Dense(dims) = &spec.shape else { continue };
            add(spec.name.clone(), dims.clone(), Values::Floats(&state.weights));
        }
        for state in &*self.tables {
            add(state.name.clone(), vec![state.ids.len(), state.dim], Values::Floats(&state.weights));
            add(format!("{}{IDS}", state.name), vec![state.ids.len()], Values::Ids(&state.ids));
        }
        tensors
    }

    /// Reads an exported directory.
    ///
    /// # Errors
    ///
    /// [`Error::NewerVersion`] when a later version of this program wrote it, [`Error::Damaged`] when its files do not fit
    /// each other, [`Error::Io`] when one cannot be read.
    pub fn read(dir: &Path) -> Result<Self> {
        let damaged = |problem: String| Error::Damaged { path: dir.to_owned(), problem };
        let manifest = Manifest::read(dir)?;
        let weights = read_checked(dir, WEIGHTS, &manifest)?;
        let features = read_checked(dir, FEATURES, &manifest)?;
        let features = std::str::from_utf8(&features).map_err(|error| damaged(format!("`{FEATURES}`: {error}")))?;
        let features = FittedFeatures::from_json(features)?;
        let (dense, tables) =
            states(&weights, &manifest.params).map_err(|problem| damaged(format!("`{WEIGHTS}`: {problem}")))?;
        let bundle = Self { manifest, dense: dense.into(), tables: tables.into(), features };
        bundle.check().map_err(damaged)?;
        Ok(bundle)
    }

    /// Checks that outputs fit the predictions.
    fn check(&self) -> Result<(), String> {
        let Manifest { graph, predictions, outputs, .. } = &self.manifest;
        if predictions.index() >= graph.nodes().len() || !graph.shape(*predictions).has_batch() {
            return Err("the predictions are not a value per row of its graph".to_owned());
        }
        let width = graph.shape(*predictions).row_len();
        outputs.iter().try_for_each(|output| output.check(width))
    }
}

/// An exported directory before it has its name. It goes away with this unless it is [published](Self::publish).
#[derive(Debug)]
pub struct Staged {
    /// None where the directory was there already.
    temporary: Option<PathBuf>,
    target: PathBuf,
}

impl Staged {
    /// Gives the directory its name, and gives its path.
    ///
    /// # Errors
    ///
    /// When the directory cannot be given its name, and goes away then; or when the name cannot be made durable.
    pub fn publish(mut self) -> Result<PathBuf> {
        if let Some(temporary) = &self.temporary {
            fs::rename(temporary, &self.target).map_err(io("create", &self.target))?;
            self.temporary = None;
            self.target.parent().map_or(Ok(()), file::sync_directory)?;
        }
        Ok(std::mem::take(&mut self.target))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // What kept it from its name is what to report.
            drop(fs::remove_dir_all(temporary));
        }
    }
}

impl Manifest {
    /// Reads `bundle.json` of an exported directory.
    ///
    /// # Errors
    ///
    /// As [`Bundle::read`].
    pub fn read(dir: &Path) -> Result<Self> {
        /// The part that every version has.
        #[derive(Deserialize)]
        struct Header {
            format_version: u64,
        }
        let damaged = |error: serde_json::Error| Error::Damaged {
            path: dir.to_owned(),
            problem: format!("`{MANIFEST}`: {error}"),
        };
        let path = dir.join(MANIFEST);
        let bytes = fs::read(&path).map_err(io("read", &path))?;
        let header: Header = serde_json::from_slice(&bytes).map_err(damaged)?;
        if header.format_version > FORMAT_VERSION {
            let (path, found) = (dir.to_owned(), header.format_version);
            return Err(Error::NewerVersion { path, found, supported: FORMAT_VERSION });
        }
        serde_json::from_slice(&bytes).map_err(damaged)
    }
}

fn dense_specs(specs: &[ParamSpec]) -> impl Iterator<Item = &ParamSpec> {
    specs.iter().filter(|spec| matches!(spec.shape, ParamShape::Dense(_)))
}

fn read_checked(dir: &Path, name: &str, manifest: &Manifest) -> Result<Vec<u8>> {
    let path = dir.join(name);
    let bytes = fs::read(&path).map_err(io("read", &path))?;
    if manifest.checksums.get(name) == Some(&checksum(&bytes)) {
        return Ok(bytes);
    }
    let problem = format!("`{name}` is not the file that was exported (its SHA-256 differs)");
    Err(Error::Damaged { path: dir.to_owned(), problem })
}

fn checksum(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new_with_prefix(bytes))
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The values of the parameters in a file of weights.
fn states(bytes: &[u8], specs: &[ParamSpec]) -> Result<(Vec<DenseState>, Vec<TableState>), String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let (mut dense, mut tables) = (Vec::new(), Vec::new());
    for spec in specs {
        let weights = tensor(&file, &spec.name, Dtype::F32)?;
        match &spec.shape {
            ParamShape::Dense(dims) if weights.shape() == dims => {
                dense.push(DenseState { name: spec.name.clone(), weights: floats(weights.data()), slots: Vec::new() });
            }
            ParamShape::Table { dim } => tables.push(table(&file, spec, *dim, &weights)?),
            ParamShape::Dense(dims) => {
                return Err(format!("`{}` has shape {:?}, expected {dims:?}", spec.name, weights.shape()));
            }
        }
    }
    Ok((dense, tables))
}

fn table(file: &SafeTensors<'_>, spec: &ParamSpec, dim: usize, rows: &TensorView<'_>) -> Result<TableState, String> {
    let ids = tensor(file, &format!("{}{IDS}", spec.name), Dtype::U64)?;
    let ids: Vec<u64> = ids.data().chunks_exact(8).map(|b| u64::from_le_bytes(std::array::from_fn(|i| b[i]))).collect();
    if rows.shape() != [ids.len(), dim] {
        return Err(format!("`{}` has shape {:?}, expected [{}, {dim}]", spec.name, rows.shape(), ids.len()));
    }
    if !ids.is_sorted_by(|a, b| a < b) {
        return Err(format!("the ids of `{}` are out of order", spec.name));
    }
    Ok(TableState { name: spec.name.clone(), dim, ids, weights: floats(rows.data()), slots: Vec::new() })
}

fn tensor<'a>(file: &SafeTensors<'a>, name: &str, dtype: Dtype) -> Result<TensorView<'a>, String> {
    match file.tensor(name) {
        Ok(tensor) if tensor.dtype() == dtype => Ok(tensor),
        Ok(tensor) => Err(format!("`{name}` is {:?}, expected {dtype:?}", tensor.dtype())),
        Err(error) => Err(format!("`{name}`: {error}")),
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(std::array::from_fn(|i| b[i]))).collect()
}

fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Error + 'a {
    move |source| Error::Io { action, path: path.to_owned(), source }
}
