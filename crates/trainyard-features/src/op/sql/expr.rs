//! Row expressions, evaluated by column.

use super::function::Function;
use std::borrow::Cow;

/// An expression over the numbers of a row; NaN is missing.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    /// The same number in every row.
    Number(f64),
    /// The number of an input.
    Input(usize),
    /// `-x`
    Negate(Box<Expr>),
    /// `NOT x`
    Not(Box<Expr>),
    /// `x IS NULL`
    IsMissing(Box<Expr>),
    /// `x + y` and the like.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `f(x, ..)`
    Call(Function, Vec<Expr>),
    /// The first that is not missing.
    Coalesce(Vec<Expr>),
    /// `x BETWEEN low AND high`
    Between(Box<[Expr; 3]>),
    /// `x IN (..)`
    In(Box<Expr>, Vec<Expr>),
    /// `CASE ..`
    Case(Box<Case>),
}

/// The value of the first branch (condition, value) whose condition holds, or else another one. With an operand, a condition
/// is what it must be equal to.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub operand: Option<Expr>,
    pub branches: Vec<(Expr, Expr)>,
    pub otherwise: Expr,
}

/// An operator between two numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

impl Expr {
    /// The value in each of `rows` rows, given the inputs by column.
    pub fn eval<'a>(&self, inputs: &'a [Vec<f64>], rows: usize) -> Cow<'a, [f64]> {
        match self {
            Self::Number(number) => Cow::Owned(vec![*number; rows]),
            Self::Input(i) => Cow::Borrowed(&inputs[*i]),
            Self::Negate(x) => map(x.eval(inputs, rows), |x| -x),
            Self::Not(x) => map(x.eval(inputs, rows), |x| truth(x, x == 0.0)),
            Self::IsMissing(x) => map(x.eval(inputs, rows), |x| f64::from(x.is_nan())),
            Self::Binary(operator, x, y) => operator.apply(x.eval(inputs, rows), &y.eval(inputs, rows)),
            Self::Call(function, arguments) => call(*function, arguments, inputs, rows),
            Self::Coalesce(arguments) => {
                let mut values = Cow::Owned(vec![f64::NAN; rows]);
                for argument in arguments {
                    values = zip(values, &argument.eval(inputs, rows), |x, y| if x.is_nan() { y } else { x });
                }
                values
            }
            Self::Between(operands) => {
                let [x, low, high] = operands.each_ref().map(|operand| operand.eval(inputs, rows));
                let above = Binary::GreaterOrEqual.apply(x.clone(), &low);
                Binary::And.apply(above, &Binary::LessOrEqual.apply(x, &high))
            }
            Self::In(x, values) => {
                let x = x.eval(inputs, rows);
                let equal = values.iter().map(|value| Binary::Equal.apply(x.clone(), &value.eval(inputs, rows)));
                equal.fold(Cow::Owned(vec![0.0; rows]), |any, equal| Binary::Or.apply(any, &equal))
            }
            Self::Case(case) => case.eval(inputs, rows),
        }
    }
}

impl Case {
    fn eval<'a>(&self, inputs: &'a [Vec<f64>], rows: usize) -> Cow<'a, [f64]> {
        let operand = self.operand.as_ref().map(|operand| operand.eval(inputs, rows));
        let mut values = self.otherwise.eval(inputs, rows).into_owned();
        for (condition, value) in self.branches.iter().rev() {
            let mut condition = condition.eval(inputs, rows);
            if let Some(operand) = &operand {
                condition = Binary::Equal.apply(condition, operand);
            }
            let value = value.eval(inputs, rows);
            let chosen = condition.iter().zip(value.iter()).zip(&mut values).filter(|((condition, _), _)| holds(**condition));
            chosen.for_each(|((_, value), target)| *target = *value);
        }
        Cow::Owned(values)
    }
}

impl Binary {
    fn apply<'a>(self, x: Cow<'a, [f64]>, y: &[f64]) -> Cow<'a, [f64]> {
        match self {
            Self::Add => zip(x, y, |x, y| finite(x + y)),
            Self::Subtract => zip(x, y, |x, y| finite(x - y)),
            Self::Multiply => zip(x, y, |x, y| finite(x * y)),
            Self::Divide => zip(x, y, |x, y| finite(x / y)),
            Self::Remainder => zip(x, y, |x, y| finite(x % y)),
            Self::Equal => zip(x, y, |x, y| truth(x + y, x == y)),
            Self::NotEqual => zip(x, y, |x, y| truth(x + y, x != y)),
            Self::Less => zip(x, y, |x, y| truth(x + y, x < y)),
            Self::LessOrEqual => zip(x, y, |x, y| truth(x + y, x <= y)),
            Self::Greater => zip(x, y, |x, y| truth(x + y, x > y)),
            Self::GreaterOrEqual => zip(x, y, |x, y| truth(x + y, x >= y)),
            Self::And => zip(x, y, |x, y| if x == 0.0 || y == 0.0 { 0.0 } else { truth(x + y, true) }),
            Self::Or => zip(x, y, |x, y| if holds(x) || holds(y) { 1.0 } else { truth(x + y, false) }),
        }
    }
}

fn call<'a>(function: Function, arguments: &[Expr], inputs: &'a [Vec<f64>], rows: usize) -> Cow<'a, [f64]> {
    let mut arguments = arguments.iter().map(|argument| argument.eval(inputs, rows));
    let first = arguments.next().unwrap_or_default();
    match function {
        Function::One(f) => map(first, |x| finite(f(x))),
        Function::Two(f) | Function::Fold(f) => arguments.fold(first, |x, y| {
            zip(x, &y, |x, y| if x.is_nan() || y.is_nan() { f64::NAN } else { finite(f(x, y)) })
        }),
    }
}

fn map<'a>(x: Cow<'a, [f64]>, f: impl Fn(f64) -> f64) -> Cow<'a, [f64]> {
    let mut values = x.into_owned();
    values.iter_mut().for_each(|x| *x = f(*x));
    Cow::Owned(values)
}

fn zip<'a>(x: Cow<'a, [f64]>, y: &[f64], f: impl Fn(f64, f64) -> f64) -> Cow<'a, [f64]> {
    let mut values = x.into_owned();
    values.iter_mut().zip(y).for_each(|(x, y)| *x = f(*x, *y));
    Cow::Owned(values)
}

/// 1 or 0, or missing when `operands` (their sum) is.
fn truth(operands: f64, value: bool) -> f64 {
    if operands.is_nan() { f64::NAN } else { f64::from(value) }
}

fn holds(condition: f64) -> bool {
    !condition.is_nan() && condition != 0.0
}

/// The number, or missing when it is not finite.
fn finite(x: f64) -> f64 {
    if x.is_finite() { x } else { f64::NAN }
}
