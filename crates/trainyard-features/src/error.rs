//! What can go wrong in a spec, in the data or in a fitted artifact.

/// Short for a result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A table `[features.NAME]` of the spec is wrong, or a value that reaches this feature is.
    #[error("`[features.{feature}]`: {problem}")]
    Feature {
        /// The feature.
        feature: String,
        /// What is wrong and how to fix it.
        problem: String,
    },
    /// The spec is wrong outside the table of one feature: label, weight, or the features as a whole.
    #[error("{problem}")]
    Spec {
        /// What is wrong and how to fix it.
        problem: String,
    },
    /// A column of the data is absent, has another type, or holds a value that it must not.
    #[error("column `{column}` {problem}")]
    Column {
        /// The column.
        column: String,
        /// What is wrong and how to fix it.
        problem: String,
    },
    /// Fitting was not given what it needs.
    #[error("cannot fit the features: {problem}")]
    Fit {
        /// What is wrong and how to fix it.
        problem: String,
    },
    /// Counts that outgrew the memory could not be written to disk, or read from there.
    #[error(
        "cannot keep counts that outgrew the memory in `{}`: {problem}; make room there, give fitting more memory, or name another \
         directory", path.display()
    )]
    Spill {
        /// The temporary file.
        path: std::path::PathBuf,
        /// What the system said.
        problem: String,
    },
    /// A [`Round`](crate::Round) or [`Collector`](crate::Collector) as bytes that is damaged, or not one of this round and program.
    #[error("cannot take in a part of fitting: {problem}")]
    Exchange {
        /// What is wrong and how to fix it.
        problem: String,
    },
    /// A `features.json` that is damaged or not one of ours.
    #[error("cannot read the fitted features: {problem}")]
    Artifact {
        /// What is wrong and how to fix it.
        problem: String,
    },
    /// A `features.json` of a later program.
    #[error(
        "the fitted features have format version {found}, but this program reads versions up to {supported}; \
         use the program that wrote them, or a newer one"
    )]
    Version {
        /// The version in the file.
        found: u64,
        /// The latest version that this program reads.
        supported: u64,
    },
    /// A saved profile, or a row of a log of served features, that is damaged or not one of ours.
    #[error("{problem}")]
    Saved {
        /// What is wrong and how to fix it.
        problem: String,
    },
    /// A bug of ours.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

impl Error {
    pub(crate) fn feature(feature: &str, problem: impl Into<String>) -> Self {
        Self::Feature { feature: feature.to_string(), problem: problem.into() }
    }

    pub(crate) fn spec(problem: impl Into<String>) -> Self {
        Self::Spec { problem: problem.into() }
    }

    pub(crate) fn column(column: &str, problem: impl Into<String>) -> Self {
        Self::Column { column: column.to_string(), problem: problem.into() }
    }

    pub(crate) fn fit(problem: impl Into<String>) -> Self {
        Self::Fit { problem: problem.into() }
    }

    pub(crate) fn exchange(problem: impl Into<String>) -> Self {
        Self::Exchange { problem: problem.into() }
    }

    pub(crate) fn saved(problem: impl Into<String>) -> Self {
        Self::Saved { problem: problem.into() }
    }

    pub(crate) fn artifact(problem: impl Into<String>) -> Self {
        Self::Artifact { problem: problem.into() }
    }
}

/// Lists names for a message: `` `a`, `b`, `c` ``, cut after 20.
pub(crate) fn list<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    const SHOWN: usize = 20;
    let names: Vec<String> = names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match names.len() {
        0 => "none".to_string(),
        count if count > SHOWN => format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN),
        _ => names.join(", "),
    }
}

/// The name nearest to one that was not found, as the words ``; did you mean `x`?``, or nothing.
pub(crate) fn suggestion<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let score = |name: &str| strsim::jaro_winkler(&wrong.to_lowercase(), &name.to_lowercase());
    let best = names.into_iter().map(|name| (score(name), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((similarity, name)) if similarity > 0.8 => format!("; did you mean `{name}`?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_recognised() {
        assert_eq!(suggestion("fair", ["miles", "fare"]), "; did you mean `fare`?");
    }

    #[test]
    fn a_name_unlike_any_other_gets_no_suggestion() {
        assert_eq!(suggestion("xyz", ["miles", "fare"]), "");
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..22).map(|i| i.to_string()).collect();
        assert!(list(&names).ends_with("`19` and 2 more"));
        assert_eq!(list::<&str>([]), "none");
    }
}
