//! What can go wrong when a graph is built, compiled or run.

/// Short for a result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Shapes that do not fit an operation, found when the graph is built.
    #[error("`{op}`{} cannot take {shapes}: {expected}", in_scope(.scope))]
    Shape {
        /// Name of the operation.
        op: &'static str,
        /// The layer that asked for it; empty at the top.
        scope: String,
        /// The shapes given.
        shapes: String,
        /// What the operation expects.
        expected: String,
    },
    /// A node, input or output was used as something that it is not.
    #[error("{what}; {expected}")]
    Usage {
        /// What was asked.
        what: String,
        /// What would have been right.
        expected: String,
    },
    /// A value fed to a program has the wrong size or content.
    #[error("input `{input}` {problem}; {expected}")]
    Feed {
        /// Name of the input.
        input: String,
        /// What is wrong with it.
        problem: String,
        /// What the program expects.
        expected: String,
    },
    /// A program needs more memory than it may take, or than the system gives.
    #[error("the program needs {bytes} bytes of memory; {expected}")]
    Memory {
        /// How much it needs.
        bytes: usize,
        /// What would be right.
        expected: String,
    },
    /// A bug of ours.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

fn in_scope(scope: &str) -> String {
    if scope.is_empty() { String::new() } else { format!(" in layer `{scope}`") }
}
