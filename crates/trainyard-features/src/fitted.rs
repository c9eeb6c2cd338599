//! Fitted features: raw rows in, rows ready for a model out.

use crate::artifact::Document;
use crate::batch::{Batch, CategoricalFeature, Encoding, NumericFeature};
use crate::column::Column;
use crate::label::Label;
use crate::op::{Constants, Kernel, Kind};
use crate::pipeline::{Pass, Pipeline};
use crate::plan::{Plan, Source};
use crate::schema::{Field, Schema};
use crate::statistics::ColumnStatistics;
use crate::{Error, Result};
use arrow::record_batch::RecordBatch;
use sha2::{Digest, Sha256};
use std::mem::take;
use std::sync::Arc;

/// Numbers per row that a model may read; more would be a slip such as `one_hot` of a large vocabulary.
const MAX_WIDTH: u64 = 1 << 20;

/// Fitted features. The same object transforms rows in training, evaluation and serving; cloning it is cheap.
#[derive(Debug, Clone)]
pub struct FittedFeatures {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    inputs: Schema,
    pipeline: Pipeline,
    encoding: Encoding,
    /// Slots of the numeric features, in the order of the encoding.
    numeric_slots: Vec<usize>,
    /// Slots of the categorical features, in the order of the encoding.
    categorical_slots: Vec<usize>,
    label: Option<Label>,
    weight: Option<Field>,
    statistics: Vec<ColumnStatistics>,
    label_statistics: Option<ColumnStatistics>,
    json: String,
    fingerprint: String,
    encoding_fingerprint: String,
}

impl FittedFeatures {
    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Version`] when a later program wrote it; [`Error::Artifact`], [`Error::Feature`], [`Error::Spec`] or
    /// [`Error::Column`] when it is damaged.
    pub fn from_json(json: &str) -> Result<Self> {
        Self::new(Document::parse(json)?)
    }

    /// The content of `features.json`: equal features give equal bytes.
    pub fn to_json(&self) -> String {
        self.inner.json.clone()
    }

    /// SHA-256 of [`to_json`](Self::to_json) in hexadecimal, which models and checkpoints repeat.
    pub fn fingerprint(&self) -> String {
        self.inner.fingerprint.clone()
    }

    /// SHA-256 of what decides how rows are transformed, in hexadecimal, which caches of encoded rows repeat: that of
    /// [`to_json`](Self::to_json) without statistics.
    pub fn encoding_fingerprint(&self) -> String {
        self.inner.encoding_fingerprint.clone()
    }

    /// The raw columns that transforming reads; label and weight are not among them.
    pub fn inputs(&self) -> &Schema {
        &self.inner.inputs
    }

    /// The raw columns that [`transform_labelled`](Self::transform_labelled) reads: the inputs, then the label, then the weight if
    /// there is one. Rows whose columns stand in this order are found by position.
    pub fn labelled_inputs(&self) -> Schema {
        let mut schema = self.inputs().clone();
        let label =
            self.label().map(|label| Field { name: label.spec().column.clone(), column_type: label.column_type() });
        for field in label.into_iter().chain(self.inner.weight.clone()) {
            if schema.get(&field.name).is_none() {
                schema.fields.push(field);
            }
        }
        schema
    }

    /// What a [`Batch`] holds.
    pub fn encoding(&self) -> &Encoding {
        &self.inner.encoding
    }

    /// The fitted label, if there is one.
    pub fn label(&self) -> Option<&Label> {
        self.inner.label.as_ref()
    }

    /// The column of weights, if there is one.
    pub fn weight(&self) -> Option<&str> {
        self.inner.weight.as_ref().map(|field| field.name.as_str())
    }

    /// What the training data looked like, one entry per column of [`inputs`](Self::inputs).
    pub fn statistics(&self) -> &[ColumnStatistics] {
        &self.inner.statistics
    }

    /// What the label looked like in the training data.
    pub fn label_statistics(&self) -> Option<&ColumnStatistics> {
        self.inner.label_statistics.as_ref()
    }

    /// Makes rows ready for a model. Columns are found by position when they stand as in [`inputs`](Self::inputs), else by
    /// name; others are ignored.
    ///
    /// # Errors
    ///
    /// [`Error::Column`] when a column is absent or of another type; [`Error::Feature`] when a feature cannot take a value.
    pub fn transform(&self, rows: &RecordBatch) -> Result<Batch> {
        self.inner.encode(rows, Pass::Serving)
    }

    /// Makes rows with labels, and with weights if there is such a column, ready for a model.
    ///
    /// # Errors
    ///
    /// Those of [`transform`](Self::transform); [`Error::Column`] also when a row has no label, a label that the training
    /// data does not have, or a weight that is not a finite number of at least 0; [`Error::Spec`] when the features were
    /// fitted without a label.
    pub fn transform_labelled(&self, rows: &RecordBatch) -> Result<Batch> {
        self.encode_labelled(rows, Pass::Serving)
    }

    /// Makes the rows that the features were fitted on ready to be learnt from: [`transform_labelled`](Self::transform_labelled),
    /// but without what a feature such as `target_encode` knows of the label of these very rows.
    ///
    /// # Errors
    ///
    /// Those of [`transform_labelled`](Self::transform_labelled).
    pub fn transform_training(&self, rows: &RecordBatch) -> Result<Batch> {
        self.encode_labelled(rows, Pass::Training)
    }

    fn encode_labelled(&self, rows: &RecordBatch, pass: Pass) -> Result<Batch> {
        let label = self.label().ok_or_else(|| Error::spec("these features were fitted without a label"))?;
        let mut batch = self.inner.encode(rows, pass)?;
        let field = Field { name: label.spec().column.clone(), column_type: label.column_type() };
        let position = self.inner.inputs.fields.len();
        batch.labels = label.encode(&Column::read(rows, &field, position)?)?;
        if let Some(weight) = &self.inner.weight {
            batch.weights = weights(rows, weight, position + 1)?;
        }
        Ok(batch)
    }

    /// Builds the kernels of a document, whether it was just fitted or read from a file, so that both behave the same.
    pub(crate) fn new(mut document: Document) -> Result<Self> {
        let (statistics, label_statistics) = (take(&mut document.statistics), take(&mut document.label_statistics));
        let encoding_fingerprint = sha256(&document.to_json()?);
        let document = Document { statistics, label_statistics, ..document };
        let json = document.to_json()?;
        let fingerprint = sha256(&json);
        let plan = document.plan()?;
        let mut kernels: Vec<Option<Arc<Kernel>>> = vec![None; plan.nodes.len()];
        for (i, node) in plan.nodes.iter().enumerate() {
            let none = Constants::default();
            let constants = document.fitted.get(&node.name).unwrap_or(&none);
            kernels[i] = Some(Arc::new(plan.build(i, constants, &kernels)?));
        }
        let wanted: Vec<Source> = plan.encoded.iter().map(|&i| Source::Feature(i)).collect();
        let (pipeline, slots) = Pipeline::new(&plan, &kernels, &wanted, false)?;
        let Encoded { encoding, numeric_slots, categorical_slots } = Encoded::new(&plan, &kernels, &slots)?;
        let inner = Inner {
            inputs: Schema { fields: plan.inputs().to_vec() },
            pipeline,
            encoding,
            numeric_slots,
            categorical_slots,
            label: document.label,
            weight: document.weight,
            statistics: document.statistics,
            label_statistics: document.label_statistics,
            json,
            fingerprint,
            encoding_fingerprint,
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

/// In hexadecimal.
fn sha256(json: &str) -> String {
    Sha256::digest(json.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Inner {
    fn encode(&self, rows: &RecordBatch, pass: Pass) -> Result<Batch> {
        let mut columns = self.pipeline.run(rows, pass)?.columns;
        let mut batch = Batch { rows: rows.num_rows(), ..Batch::default() };
        batch.numeric = self.encode_numeric(&columns, batch.rows);
        for &slot in &self.categorical_slots {
            if let Column::Ids(ids) = &mut columns[slot] {
                batch.ids.push(take(ids));
            }
        }
        Ok(batch)
    }

    fn encode_numeric(&self, columns: &[Column], rows: usize) -> Vec<f32> {
        let total = self.encoding.numeric_width();
        let mut numeric = vec![0.0; rows * total];
        for (feature, &slot) in self.encoding.numeric.iter().zip(&self.numeric_slots) {
            let Column::Numbers { values, .. } = &columns[slot] else { continue };
            let targets = numeric.chunks_exact_mut(total);
            for (target, row) in targets.zip(values.chunks_exact(feature.width)) {
                let target = &mut target[feature.offset..feature.offset + feature.width];
                // Nothing but finite numbers may reach a model: one NaN makes all of its weights NaN.
                target.iter_mut().zip(row).for_each(|(t, &value)| *t = if value.is_finite() { value } else { 0.0 });
            }
        }
        numeric
    }
}

/// Where the model finds each feature, and which slot holds it.
struct Encoded {
    encoding: Encoding,
    numeric_slots: Vec<usize>,
    categorical_slots: Vec<usize>,
}

impl Encoded {
    fn new(plan: &Plan, kernels: &[Option<Arc<Kernel>>], slots: &[usize]) -> Result<Self> {
        let mut encoded =
            Self { encoding: Encoding::default(), numeric_slots: Vec::new(), categorical_slots: Vec::new() };
        for (&i, &slot) in plan.encoded.iter().zip(slots) {
            let node = &plan.nodes[i];
            let size = kernels[i].as_ref().map_or(0, |kernel| kernel.size);
            let name = node.name.clone();
            if matches!(node.kind, Kind::Ids | Kind::WeightedIds) {
                encoded
                    .push_categorical(CategoricalFeature { name, buckets: size, table: node.table.clone() }, slot)?;
                continue;
            }
            let offset = encoded.encoding.numeric_width();
            if offset as u64 + size > MAX_WIDTH {
                let problem =
                    format!("makes rows of more than {MAX_WIDTH} numbers; read ids through an embedding instead");
                return Err(Error::feature(&name, problem));
            }
            encoded.encoding.numeric.push(NumericFeature { name, width: size as usize, offset });
            encoded.numeric_slots.push(slot);
        }
        Ok(encoded)
    }

    fn push_categorical(&mut self, feature: CategoricalFeature, slot: usize) -> Result<()> {
        let shares = |other: &&CategoricalFeature| other.table.is_some() && other.table == feature.table;
        let other = self.encoding.categorical.iter().find(shares).filter(|other| other.buckets != feature.buckets);
        if let Some(CategoricalFeature { name, buckets, .. }) = other {
            let (table, mine) = (feature.table.unwrap_or_default(), feature.buckets);
            let problem = format!("shares `{table}` with `{name}`, but has {mine} buckets and `{name}` has {buckets}");
            return Err(Error::feature(&feature.name, problem + "; features of one table need the same ids"));
        }
        self.encoding.categorical.push(feature);
        self.categorical_slots.push(slot);
        Ok(())
    }
}

fn weights(rows: &RecordBatch, field: &Field, position: usize) -> Result<Vec<f32>> {
    let column = Column::read(rows, field, position)?;
    let weights = column.as_f32().ok_or_else(|| Error::column(&field.name, "is the weight, but not numeric"))?;
    match weights.iter().position(|weight| !weight.is_finite() || *weight < 0.0) {
        None => Ok(weights.into_owned()),
        Some(row) => {
            let problem = format!("is the weight, but row {row} of the batch has `{}`", weights[row]);
            Err(Error::column(&field.name, problem + "; expected a finite number that is at least 0"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FittedFeatures;

    #[test]
    fn fitted_features_are_shared_between_threads() {
        fn check<T: Send + Sync + Clone>() {}
        check::<FittedFeatures>();
    }
}
