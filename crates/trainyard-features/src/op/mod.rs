//! The operations: one file each, with its formula, parameters, what fitting must find, kernel and tests.
//!
//! To add one, write its file and a line in `operations!` below.
//!
//! ```text
//! FeatureOp (parameters) --check--> Kind of the output        when the features are put together
//!           --needs--> Needs --scan--> Findings --fit--> Constants    once, over all training rows
//!           --build(Constants)--> Kernel --apply(columns)--> Column   for every batch
//! ```

mod input;
mod kernel;

pub(crate) use input::{Input, Kind, any_of, few_buckets, one, one_number};
pub(crate) use kernel::{Args, Constants, Kernel};

use crate::fit::{Findings, Joint, JointNeeds, Needs};
use serde::{Deserialize, Serialize};

/// A result whose error is the rest of a message that starts with `[features.NAME]`.
pub(crate) type Checked<T> = Result<T, String>;

/// What every operation offers.
pub(crate) trait Operation {
    /// What the operation reads when its own parameters say so; `None` when `input` or `inputs` say it.
    fn reads(&self) -> Checked<Option<Vec<String>>> {
        Ok(None)
    }

    /// The kind of the output, or what is wrong with the parameters or the inputs.
    fn check(&self, inputs: &[Input]) -> Checked<Kind>;

    /// Whether the output has ids of the first input, so that one table of embeddings serves both.
    fn keeps_ids(&self) -> bool {
        false
    }

    /// Whether features of this operation that share a table are fitted as one, over the values of all of their inputs.
    fn is_fitted_together(&self) -> bool {
        false
    }

    /// What fitting must find out about the first input.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// What the kernel needs to know of the training data.
    fn fit(&self, _findings: &Findings<'_>) -> Checked<Constants> {
        Ok(Constants::default())
    }

    /// What fitting must find out about all inputs of the same rows together. In place of [`needs`](Self::needs).
    fn joint_needs(&self, _inputs: usize) -> Option<JointNeeds> {
        None
    }

    /// What the kernel needs to know of that.
    fn fit_joint(&self, _joint: &Joint, _inputs: &[Input]) -> Checked<Constants> {
        Err("did not ask for several columns together; please report it".to_string())
    }

    /// The function to apply. The constants may come from a file, so they are checked here.
    fn build(&self, constants: &Constants, inputs: &[Input]) -> Checked<Kernel>;
}

/// Checks a number of buckets that a user asks for.
pub(crate) fn check_buckets(name: &str, buckets: u64) -> Checked<()> {
    const MAX: u64 = 1 << 40;
    if (1..=MAX).contains(&buckets) { Ok(()) } else { Err(format!("`{name}` is {buckets}; expected 1 to {MAX}")) }
}

/// Declares the modules, [`FeatureOp`], its names and the way from one to an [`Operation`].
macro_rules! operations {
    ($($(#[doc = $doc:literal])* $module:ident :: $name:ident = $key:literal,)*) => {
        $(mod $module;)*
        $(pub use $module::$name;)*

        /// An operation and its parameters; in a spec `op` names it in snake case.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "op")]
        #[non_exhaustive]
        pub enum FeatureOp {
            $($(#[doc = $doc])* #[serde(rename = $key)] $name($name),)*
        }

        impl FeatureOp {
            /// The names of all operations, as specs write them.
            pub const NAMES: &[&str] = &[$($key),*];

            pub(crate) fn operation(&self) -> &dyn Operation {
                match self { $(Self::$name(op) => op,)* }
            }
        }
    };
}

operations! {
    /// A number as it is.
    numeric::Numeric = "numeric",
    /// An expression over numbers.
    sql::Sql = "sql",
    /// A value read as a number.
    cast::Cast = "cast",
    /// A value in place of missing ones.
    impute::Impute = "impute",
    /// A number kept within limits.
    clip::Clip = "clip",
    /// `ln(1 + x)`.
    log1p::Log1p = "log1p",
    /// A power of a number.
    power::Power = "power",
    /// Mean 0, deviation 1.
    z_score::ZScore = "z_score",
    /// Smallest to largest as 0 to 1.
    min_max::MinMax = "min_max",
    /// A number scaled among those of its category.
    scale_per_key::ScalePerKey = "scale_per_key",
    /// Median 0, middle half of length 1.
    robust_scale::RobustScale = "robust_scale",
    /// A number as its rank among the training data.
    quantile_normalize::QuantileNormalize = "quantile_normalize",
    /// Numbers as their principal components.
    pca::Pca = "pca",
    /// A category as the mean of its label.
    target_encode::TargetEncode = "target_encode",
    /// A category as how frequent it is.
    frequency_encode::FrequencyEncode = "frequency_encode",
    /// A number as the interval that holds it.
    bucketize::Bucketize = "bucketize",
    /// A text as the words that it is made of.
    tokenize::Tokenize = "tokenize",
    /// Neighbouring tokens as one.
    ngrams::NGrams = "ngrams",
    /// A value as its place among the most frequent.
    vocabulary::Vocabulary = "vocabulary",
    /// A small whole number as its own id.
    identity::Identity = "identity",
    /// A value as its hash.
    hash::Hash = "hash",
    /// Combinations of categories.
    cross::Cross = "cross",
    /// Ids as how often each occurs.
    bag_of_words::BagOfWords = "bag_of_words",
    /// Ids weighted by how much they say about a row.
    tf_idf::TfIdf = "tf_idf",
    /// Ids in their order, up to a length.
    sequence::Sequence = "sequence",
    /// How many tokens or ids a row has.
    count::Count = "count",
    /// Ids with weights of another column.
    weighted::Weighted = "weighted",
    /// Ids as a vector of counts.
    one_hot::OneHot = "one_hot",
    /// Hour, day, month or another part of a time.
    time_part::TimePart = "time_part",
    /// Sine and cosine of a number on a circle.
    cyclic::Cyclic = "cyclic",
    /// Distance on the globe.
    haversine::Haversine = "haversine",
    /// A point on the globe as the cell that holds it.
    geo_grid::GeoGrid = "geo_grid",
}

#[cfg(test)]
pub(crate) mod testing;
