//! The functions that expressions may call.

use std::f64::consts::PI;

/// A function of some numbers. It is applied only when none is missing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Function {
    /// Of one number.
    One(fn(f64) -> f64),
    /// Of two numbers.
    Two(fn(f64, f64) -> f64),
    /// Of any number of numbers, taken two by two from the left.
    Fold(fn(f64, f64) -> f64),
}

impl Function {
    /// The function of that name, in any case.
    pub fn find(name: &str) -> Option<Self> {
        FUNCTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, function)| *function)
    }

    /// The names of all functions.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FUNCTIONS.iter().map(|(name, _)| *name)
    }

    /// Whether it takes that many numbers, and else how many it takes.
    pub fn check_arguments(self, count: usize) -> Result<(), &'static str> {
        match self {
            Self::One(_) if count != 1 => Err("1 number"),
            Self::Two(_) if count != 2 => Err("2 numbers"),
            Self::Fold(_) if count == 0 => Err("1 number or more"),
            _ => Ok(()),
        }
    }
}

const FUNCTIONS: &[(&str, Function)] = &[
    ("abs", Function::One(f64::abs)),
    ("acos", Function::One(f64::acos)),
    ("asin", Function::One(f64::asin)),
    ("atan", Function::One(f64::atan)),
    ("atan2", Function::Two(f64::atan2)),
    ("cbrt", Function::One(f64::cbrt)),
    ("ceil", Function::One(f64::ceil)),
    ("cos", Function::One(f64::cos)),
    ("degrees", Function::One(|radians| radians * (180.0 / PI))),
    ("exp", Function::One(f64::exp)),
    ("floor", Function::One(f64::floor)),
    ("greatest", Function::Fold(f64::max)),
    ("hypot", Function::Two(f64::hypot)),
    ("least", Function::Fold(f64::min)),
    ("ln", Function::One(f64::ln)),
    ("log10", Function::One(f64::log10)),
    ("log1p", Function::One(f64::ln_1p)),
    ("log2", Function::One(f64::log2)),
    ("pow", Function::Two(f64::powf)),
    ("radians", Function::One(|degrees| degrees * (PI / 180.0))),
    ("round", Function::One(f64::round)),
    ("sign", Function::One(|x| if x == 0.0 { 0.0 } else { x.signum() })),
    ("sin", Function::One(f64::sin)),
    ("sqrt", Function::One(f64::sqrt)),
    ("tan", Function::One(f64::tan)),
    ("trunc", Function::One(f64::trunc)),
];
