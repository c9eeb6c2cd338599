//! What can be wrong with data.

use serde::Serialize;
use std::fmt;

/// Something in which data is not what its schema says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Anomaly {
    /// What it is.
    pub kind: AnomalyKind,
    /// How bad it is.
    pub severity: Severity,
    /// The column; `None` for the data as a whole.
    pub column: Option<String>,
    /// What was expected.
    pub expected: String,
    /// What was found instead.
    pub found: String,
}

/// How bad an anomaly is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a look.
    Warning,
    /// The data breaks what the schema says.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// The kinds of anomalies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AnomalyKind {
    /// A column that the schema does not know.
    NewColumn,
    /// A column of the schema that the data does not have.
    MissingColumn,
    /// A value that is not of the column's type.
    TypeMismatch,
    /// Fewer rows with a value than `presence` asks for.
    LowPresence,
    /// A list shorter or longer than `valency` allows.
    Valency,
    /// A number outside `range`.
    OutOfRange,
    /// More values that are not among `values` than `unexpected` allows.
    UnexpectedValues,
    /// Text that is not UTF-8.
    InvalidUtf8,
    /// A value that is no number, where `nan` does not allow it.
    HasNan,
    /// An infinite number, where `infinite` does not allow it.
    HasInf,
    /// The same value in all rows.
    AllConstant,
    /// Another value in each row, in a column that is a feature.
    HighUnique,
    /// Fewer rows than `rows.min`.
    RowsLow,
    /// More rows than `rows.max`.
    RowsHigh,
    /// The shares of values have moved since earlier data by more than `drift.l_infinity`.
    DriftLinf,
    /// The distribution has moved since earlier data by more than `drift.jensen_shannon`.
    DriftJs,
    /// The shares of values differ in served data by more than `skew.l_infinity`.
    SkewLinf,
    /// The distribution differs in served data by more than `skew.jensen_shannon`.
    SkewJs,
}

impl AnomalyKind {
    /// All kinds.
    pub const ALL: [Self; 18] = [
        Self::NewColumn,
        Self::MissingColumn,
        Self::TypeMismatch,
        Self::LowPresence,
        Self::Valency,
        Self::OutOfRange,
        Self::UnexpectedValues,
        Self::InvalidUtf8,
        Self::HasNan,
        Self::HasInf,
        Self::AllConstant,
        Self::HighUnique,
        Self::RowsLow,
        Self::RowsHigh,
        Self::DriftLinf,
        Self::DriftJs,
        Self::SkewLinf,
        Self::SkewJs,
    ];

    /// The name that is printed: `NEW_COLUMN`.
    pub fn code(self) -> &'static str {
        match self {
            Self::NewColumn => "NEW_COLUMN",
            Self::MissingColumn => "MISSING_COLUMN",
            Self::TypeMismatch => "TYPE_MISMATCH",
            Self::LowPresence => "LOW_PRESENCE",
            Self::Valency => "VALENCY",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::UnexpectedValues => "UNEXPECTED_VALUES",
            Self::InvalidUtf8 => "INVALID_UTF8",
            Self::HasNan => "HAS_NAN",
            Self::HasInf => "HAS_INF",
            Self::AllConstant => "ALL_CONSTANT",
            Self::HighUnique => "HIGH_UNIQUE",
            Self::RowsLow => "ROWS_LOW",
            Self::RowsHigh => "ROWS_HIGH",
            Self::DriftLinf => "DRIFT_LINF",
            Self::DriftJs => "DRIFT_JS",
            Self::SkewLinf => "SKEW_LINF",
            Self::SkewJs => "SKEW_JS",
        }
    }

    /// How bad it is: what a schema asks for is an error, what was not asked about a warning.
    pub fn severity(self) -> Severity {
        match self {
            Self::NewColumn | Self::AllConstant | Self::HighUnique => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// An anomaly of this kind.
    pub fn of(self, column: Option<&str>, expected: impl Into<String>, found: impl Into<String>) -> Anomaly {
        let column = column.map(str::to_owned);
        Anomaly { kind: self, severity: self.severity(), column, expected: expected.into(), found: found.into() }
    }
}
