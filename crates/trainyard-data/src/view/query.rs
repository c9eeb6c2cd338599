//! A query that was checked: one `SELECT` over known tables that gives the same rows whenever it runs.

use std::path::Path;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, SchemaError, TableReference};
use datafusion::error::{DataFusionError, Result as QueryResult};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::parser::ParserError;

use crate::error::{Error, Result, listed};
use crate::source::{BATCH_ROWS, nearest};

/// The name of the split's own rows.
pub(super) const ROWS: &str = "rows";

/// Where a query runs: on one thread, so that equal rows come in an equal order whatever the machine, within `memory_mib`, and
/// with what it spills in `spill`.
pub(super) fn session(memory_mib: u64, spill: &Path) -> QueryResult<SessionContext> {
    let memory = usize::try_from(memory_mib << 20).unwrap_or(usize::MAX);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
        .with_temp_file_path(spill)
        .with_max_temp_directory_size(u64::MAX)
        .build_arc()?;
    let mut config = SessionConfig::new().with_target_partitions(1).with_batch_size(BATCH_ROWS);
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = false;
    // What a sort keeps back for merging must leave most of the memory to it.
    options.execution.sort_spill_reservation_bytes = (memory / 8).min(10 << 20);
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

/// Parses and plans a query over the tables of a session, which have these names.
pub(super) async fn plan(session: &SessionContext, sql: &str, tables: &[&str]) -> Result<LogicalPlan> {
    let state = session.state();
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state.sql_to_statement(sql, &dialect).map_err(not_planned)?;
    check_is_query(&statement)?;
    for table in state.resolve_table_references(&statement).map_err(not_planned)? {
        check_table(&table, tables)?;
    }
    let plan = state.statement_to_plan(statement).await.map_err(not_planned)?;
    let only_reading = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    only_reading.verify_plan(&plan).map_err(not_planned)?;
    check_repeatable(&plan)?;
    Ok(plan)
}

fn check_is_query(statement: &Statement) -> Result<()> {
    match statement {
        Statement::Statement(statement) if matches!(**statement, ast::Statement::Query(_)) => Ok(()),
        _ => view("is no query; write one `SELECT`, which may begin by `WITH`"),
    }
}

fn check_table(table: &TableReference, tables: &[&str]) -> Result<()> {
    if matches!(table, TableReference::Bare { table } if tables.contains(&&**table)) {
        return Ok(());
    }
    let names: Vec<String> = tables.iter().map(|&name| name.to_owned()).collect();
    let name = table.to_string();
    let hint = nearest(&names, &name).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    let known = listed(tables.iter().copied());
    view(format!("reads a table `{name}`, which is not there{hint} (tables: {known}; name others in `[view.tables]`)"))
}

/// Refuses functions that do not give the same for the same rows, such as the time or random numbers: a run could not be
/// repeated, and a server would have to guess them.
fn check_repeatable(plan: &LogicalPlan) -> Result<()> {
    let mut found = None;
    let mut look = |expr: &Expr| {
        if let Expr::ScalarFunction(call) = expr
            && call.func.signature().volatility != Volatility::Immutable
        {
            found.get_or_insert(call.func.name().to_owned());
        }
        Ok(TreeNodeRecursion::Continue)
    };
    let visited = plan.apply_with_subqueries(|node| node.apply_expressions(|expr| expr.apply(&mut look)));
    visited.map_err(not_planned)?;
    match found {
        None => Ok(()),
        Some(name) => view(format!(
            "calls `{name}`, which gives something else each time; take it from a column, or write a constant"
        )),
    }
}

/// Whether a row of the result depends on several rows, so that rows of other splits would matter if they were there.
pub(super) fn mixes_rows(plan: &LogicalPlan) -> bool {
    let mixes = |node: &LogicalPlan| {
        matches!(
            node,
            LogicalPlan::Window(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) | LogicalPlan::Limit(_)
        )
    };
    let mut found = false;
    let look = |node: &LogicalPlan| {
        found |= mixes(node);
        Ok(TreeNodeRecursion::Continue)
    };
    // The closure does not fail, and a plan that could not be walked was refused before.
    plan.apply_with_subqueries(look).is_err() || found
}

/// The error of a query that cannot be parsed or planned.
fn not_planned(error: DataFusionError) -> Error {
    let problem = match error.find_root() {
        DataFusionError::SQL(error, _) => format!("cannot be parsed: {}", parser_message(error)),
        DataFusionError::SchemaError(error, _) => schema_message(error),
        DataFusionError::NotImplemented(text) if text.contains("single SQL statement") => {
            "holds several statements; write one `SELECT`".to_owned()
        }
        DataFusionError::Plan(text) if text.starts_with("No SQL statements") => {
            "is empty; write a `SELECT` over `rows`".to_owned()
        }
        root => format!("cannot be planned: {}", one_line(&root.strip_backtrace())),
    };
    Error::View { problem }
}

fn parser_message(error: &ParserError) -> String {
    match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.clone(),
        ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
    }
}

fn schema_message(error: &SchemaError) -> String {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let wanted = field.flat_name();
            let names = |name: fn(&Column) -> String| valid_fields.iter().map(name).collect::<Vec<String>>();
            let (full, short) = (names(Column::flat_name), names(|column| column.name().to_owned()));
            let hint = nearest(&full, &wanted).or_else(|| nearest(&short, &wanted));
            let hint = hint.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            let known = listed(full.iter().map(String::as_str));
            format!("reads a column `{wanted}`, which is not there{hint} (columns: {known})")
        }
        SchemaError::AmbiguousReference { field } => {
            format!("reads `{}`, which several tables have; put the table's name before it", field.name())
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            two_columns(name)
        }
    }
}

/// What to say of two columns of one name in the result.
pub(super) fn two_columns(name: &str) -> String {
    format!(
        "gives two columns named `{name}`; name the columns that you want in place of `*`, and one of the two by `AS`"
    )
}

/// A message of several lines on one.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn view<T>(problem: impl Into<String>) -> Result<T> {
    Err(Error::View { problem: problem.into() })
}
