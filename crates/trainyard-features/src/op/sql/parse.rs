//! From SQL text to an [`Expr`].

use super::expr::{Binary, Case, Expr};
use super::function::Function;
use crate::error::{list, suggestion};
use crate::op::Checked;
use sqlparser::ast::{
    self, BinaryOperator, CaseWhen, CeilFloorKind, DateTimeField, FunctionArg, FunctionArgExpr, FunctionArguments,
    UnaryOperator, Value,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

const MAX_BYTES: usize = 4000;
const MAX_DEPTH: usize = 100;

/// Functions that have no meaning for a single row, or not always the same one.
const AGGREGATES: &[&str] = &[
    "avg", "count", "first_value", "lag", "last_value", "lead", "max", "median", "min", "ntile", "rank", "row_number",
    "stddev", "sum", "variance",
];
const VOLATILE: &[&str] = &["current_date", "current_time", "current_timestamp", "now", "random", "uuid"];

/// An expression and the names that it reads, by number of the input.
#[derive(Debug, Clone)]
pub(super) struct Parsed {
    pub expr: Expr,
    pub names: Vec<String>,
}

/// Reads an expression.
pub(super) fn parse(text: &str) -> Checked<Parsed> {
    if text.len() > MAX_BYTES {
        return Err(format!("the expression is longer than {MAX_BYTES} bytes; split it into several features"));
    }
    let unreadable = |error: String| format!("cannot read the expression: {error}");
    let parser = Parser::new(&GenericDialect {}).with_recursion_limit(MAX_DEPTH / 2);
    let message = |error: sqlparser::parser::ParserError| {
        let message = error.to_string();
        unreadable(message.trim_start_matches("sql parser error: ").to_string())
    };
    let mut parser = parser.try_with_sql(text).map_err(message)?;
    let ast = parser.parse_expr().map_err(message)?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        return Err(unreadable(format!("`{rest}` is left over")));
    }
    let mut converter = Converter { names: Vec::new() };
    let expr = converter.convert(&ast, 0)?;
    Ok(Parsed { expr, names: converter.names })
}

/// Turns the parser's expressions into ours, and numbers the names on the way.
struct Converter {
    names: Vec<String>,
}

impl Converter {
    fn convert(&mut self, ast: &ast::Expr, depth: usize) -> Checked<Expr> {
        if depth > MAX_DEPTH {
            return Err(format!("the expression is nested more than {MAX_DEPTH} levels deep; split it into several features"));
        }
        let depth = depth + 1;
        match ast {
            ast::Expr::Identifier(name) => Ok(self.input(&name.value)),
            ast::Expr::Nested(inner) => self.convert(inner, depth),
            ast::Expr::Value(value) => number(&value.value),
            ast::Expr::UnaryOp { op, expr } => self.unary(*op, expr, ast, depth),
            ast::Expr::BinaryOp { left, op, right } => {
                let operator = binary(op).ok_or_else(|| not_part(ast))?;
                Ok(both(operator, self.convert(left, depth)?, self.convert(right, depth)?))
            }
            ast::Expr::IsNull(inner) => Ok(Expr::IsMissing(self.boxed(inner, depth)?)),
            ast::Expr::IsNotNull(inner) => Ok(negated(true, Expr::IsMissing(self.boxed(inner, depth)?))),
            ast::Expr::Between { expr, negated: not, low, high } => {
                let operands = [self.convert(expr, depth)?, self.convert(low, depth)?, self.convert(high, depth)?];
                Ok(negated(*not, Expr::Between(Box::new(operands))))
            }
            ast::Expr::InList { expr, list, negated: not } => {
                let expr = self.boxed(expr, depth)?;
                Ok(negated(*not, Expr::In(expr, self.all(list.iter(), depth)?)))
            }
            ast::Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), depth)
            }
            ast::Expr::Floor { expr, field } => self.rounding("floor", expr, field, ast, depth),
            ast::Expr::Ceil { expr, field } => self.rounding("ceil", expr, field, ast, depth),
            ast::Expr::Function(function) => self.function(function, depth),
            _ => Err(not_part(ast)),
        }
    }

    fn boxed(&mut self, ast: &ast::Expr, depth: usize) -> Checked<Box<Expr>> {
        self.convert(ast, depth).map(Box::new)
    }

    fn all<'a>(&mut self, asts: impl Iterator<Item = &'a ast::Expr>, depth: usize) -> Checked<Vec<Expr>> {
        asts.map(|ast| self.convert(ast, depth)).collect()
    }

    fn input(&mut self, name: &str) -> Expr {
        let place = self.names.iter().position(|known| known == name);
        Expr::Input(place.unwrap_or_else(|| {
            self.names.push(name.to_string());
            self.names.len() - 1
        }))
    }

    fn unary(&mut self, op: UnaryOperator, inner: &ast::Expr, ast: &ast::Expr, depth: usize) -> Checked<Expr> {
        match op {
            UnaryOperator::Plus => self.convert(inner, depth),
            UnaryOperator::Minus => Ok(Expr::Negate(self.boxed(inner, depth)?)),
            UnaryOperator::Not => Ok(Expr::Not(self.boxed(inner, depth)?)),
            _ => Err(not_part(ast)),
        }
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&ast::Expr>,
        depth: usize,
    ) -> Checked<Expr> {
        let operand = operand.map(|operand| self.convert(operand, depth)).transpose()?;
        let mut branches = Vec::with_capacity(conditions.len());
        for CaseWhen { condition, result } in conditions {
            branches.push((self.convert(condition, depth)?, self.convert(result, depth)?));
        }
        let otherwise = otherwise.map_or(Ok(Expr::Number(f64::NAN)), |otherwise| self.convert(otherwise, depth))?;
        Ok(Expr::Case(Box::new(Case { operand, branches, otherwise })))
    }

    /// `floor` and `ceil`, which the parser knows because they may also round times.
    fn rounding(
        &mut self,
        name: &str,
        inner: &ast::Expr,
        kind: &CeilFloorKind,
        ast: &ast::Expr,
        depth: usize,
    ) -> Checked<Expr> {
        match (kind, Function::find(name)) {
            (CeilFloorKind::DateTimeField(DateTimeField::NoDateTime), Some(function)) => {
                Ok(Expr::Call(function, vec![self.convert(inner, depth)?]))
            }
            _ => Err(not_part(ast)),
        }
    }

    fn function(&mut self, function: &ast::Function, depth: usize) -> Checked<Expr> {
        let name = function.name.to_string().to_lowercase();
        check_name(&name)?;
        if function.over.is_some() || function.filter.is_some() || !function.within_group.is_empty() {
            return Err(format!("`{name}` is used with `OVER`, `FILTER` or `WITHIN GROUP`; features are computed row by row"));
        }
        let arguments = plain_arguments(&function.args).ok_or_else(|| format!("`{name}` takes plain numbers in brackets"))?;
        let arguments = self.all(arguments.into_iter(), depth)?;
        if name == "coalesce" {
            return Ok(Expr::Coalesce(arguments));
        }
        let function = Function::find(&name).ok_or_else(|| not_known(&name))?;
        match function.check_arguments(arguments.len()) {
            Ok(()) => Ok(Expr::Call(function, arguments)),
            Err(expected) => Err(format!("`{name}` takes {expected}, not {}", arguments.len())),
        }
    }
}

fn check_name(name: &str) -> Checked<()> {
    if AGGREGATES.contains(&name) {
        let hint = match name {
            "max" => "; `greatest` takes the largest of several numbers of a row",
            "min" => "; `least` takes the smallest of several numbers of a row",
            _ => "",
        };
        return Err(format!("`{name}` is over many rows, but features are computed row by row{hint}"));
    }
    if VOLATILE.contains(&name) {
        return Err(format!("`{name}` does not depend on the row alone, so training and serving would differ"));
    }
    if name == "coalesce" || Function::find(name).is_some() { Ok(()) } else { Err(not_known(name)) }
}

fn not_known(name: &str) -> String {
    let names: Vec<&str> = Function::names().chain(["coalesce"]).collect();
    let nearest = suggestion(name, names.iter().copied());
    format!("there is no function `{name}`{nearest}; functions: {}", list(names))
}

fn plain_arguments(arguments: &FunctionArguments) -> Option<Vec<&ast::Expr>> {
    let FunctionArguments::List(list) = arguments else { return None };
    if list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return None;
    }
    let plain = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    list.args.iter().map(plain).collect()
}

fn number(value: &Value) -> Checked<Expr> {
    match value {
        Value::Number(digits, _) => {
            let number = digits.parse::<f64>().ok().filter(|number| number.is_finite());
            number.map(Expr::Number).ok_or_else(|| format!("`{digits}` is not a number that can be computed with"))
        }
        Value::Boolean(value) => Ok(Expr::Number(f64::from(*value))),
        Value::Null => Ok(Expr::Number(f64::NAN)),
        _ => Err(format!("`{value}` is not part of row expressions, which are over numbers")),
    }
}

fn binary(op: &BinaryOperator) -> Option<Binary> {
    Some(match op {
        BinaryOperator::Plus => Binary::Add,
        BinaryOperator::Minus => Binary::Subtract,
        BinaryOperator::Multiply => Binary::Multiply,
        BinaryOperator::Divide => Binary::Divide,
        BinaryOperator::Modulo => Binary::Remainder,
        BinaryOperator::Eq => Binary::Equal,
        BinaryOperator::NotEq => Binary::NotEqual,
        BinaryOperator::Lt => Binary::Less,
        BinaryOperator::LtEq => Binary::LessOrEqual,
        BinaryOperator::Gt => Binary::Greater,
        BinaryOperator::GtEq => Binary::GreaterOrEqual,
        BinaryOperator::And => Binary::And,
        BinaryOperator::Or => Binary::Or,
        _ => return None,
    })
}

fn both(operator: Binary, left: Expr, right: Expr) -> Expr {
    Expr::Binary(operator, Box::new(left), Box::new(right))
}

fn negated(not: bool, expr: Expr) -> Expr {
    if not { Expr::Not(Box::new(expr)) } else { expr }
}

fn not_part(ast: &ast::Expr) -> String {
    format!(
        "`{ast}` is not part of row expressions; they have + - * / %, comparisons, AND, OR, NOT, CASE, COALESCE, \
         IS NULL, BETWEEN, IN and functions of numbers"
    )
}
