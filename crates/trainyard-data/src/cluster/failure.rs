//! Errors on their way from an executor to the driver, through Ballista, which knows them as text.

use std::io::ErrorKind;

use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;

use crate::error::Error;

/// Stands before and behind the message of an error, in digits that no quoting changes.
const MARKS: (&str, &str) = ("[trainyard:", "]");

/// The error of a task. Ballista tries a task again when it failed for input or output, and for nothing else.
pub(super) fn of_task(error: Error) -> DataFusionError {
    let (message, may_pass) = (message(&error), may_pass(&error));
    let digits: String = message.bytes().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("{message} {}{digits}{}", MARKS.0, MARKS.1);
    if may_pass { DataFusionError::IoError(std::io::Error::other(text)) } else { DataFusionError::Execution(text) }
}

/// The message that [`of_task`] put into a text.
pub(super) fn told(text: &str) -> Option<String> {
    let (_, rest) = text.split_once(MARKS.0)?;
    let (digits, _) = rest.split_once(MARKS.1)?;
    let byte = |i| u8::from_str_radix(digits.get(i..i + 2)?, 16).ok();
    let bytes = (0..digits.len()).step_by(2).map(byte).collect::<Option<Vec<_>>>()?;
    String::from_utf8(bytes).ok()
}

fn message(error: &Error) -> String {
    match error {
        Error::Io { source, .. } if source.kind() == ErrorKind::NotFound => {
            format!("{error}, on a machine of the cluster; its files must have the same paths on all machines")
        }
        error => error.to_string(),
    }
}

/// Whether another try may succeed: on the same machine later, or on another.
fn may_pass(error: &Error) -> bool {
    use ErrorKind::{InvalidData, IsADirectory, NotFound, PermissionDenied, Unsupported};
    match error {
        Error::Io { source, .. } => {
            !matches!(source.kind(), NotFound | PermissionDenied | IsADirectory | InvalidData | Unsupported)
        }
        Error::Store { source, .. } => is_passing(source),
        // What the reader of a file was refused by the store.
        Error::Parquet { source, .. } => match &**source {
            ParquetError::External(source) => source.downcast_ref().is_none_or(is_passing),
            _ => false,
        },
        _ => false,
    }
}

fn is_passing(error: &object_store::Error) -> bool {
    use object_store::Error::{Generic, JoinError};
    matches!(error, Generic { .. } | JoinError { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(kind: ErrorKind) -> Error {
        Error::io("read", "a.csv")(kind.into())
    }

    #[test]
    fn a_message_survives_quoting() {
        let error = Error::NoFile { path: "a\"b".into(), problem: "ist \n weg: \\é".into() };
        let expected = error.to_string();
        let once = format!("{:?}", of_task(error));
        assert_eq!(told(&format!("Job failed: {once:?}")), Some(expected));
        assert_eq!(told("Job failed"), None);
        assert_eq!(told("[trainyard:zz]"), None);
    }

    #[test]
    fn only_faults_that_may_pass_are_tried_again() {
        assert!(matches!(of_task(io(ErrorKind::TimedOut)), DataFusionError::IoError(_)));
        assert!(matches!(of_task(io(ErrorKind::NotFound)), DataFusionError::Execution(_)));
        assert!(matches!(of_task(crate::ordered::internal("x")), DataFusionError::Execution(_)));
    }

    #[test]
    fn a_file_that_is_absent_there_says_so() {
        let told = told(&of_task(io(ErrorKind::NotFound)).to_string()).unwrap();
        assert!(told.starts_with("cannot read `a.csv`: ") && told.ends_with("same paths on all machines"), "{told}");
    }
}
