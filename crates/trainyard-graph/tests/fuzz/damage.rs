//! Files that no graph has written.

use super::choices::Choices;
use serde_json::Value;

/// Changes some of the values in a file.
pub(crate) fn damage(file: &mut Value, choices: &mut Choices<'_>) {
    for _ in 0..1 + choices.below(3) {
        let n = count(file);
        let at = choices.below(n);
        if let Some(value) = nth(file, &mut { at }) {
            change(value, choices);
        }
    }
}

fn change(value: &mut Value, choices: &mut Choices<'_>) {
    let odd = [Value::Null, Value::from(-1), Value::from(1e300), Value::from("gelu"), Value::Array(Vec::new())];
    match value {
        Value::Number(number) if choices.flag() => *value = Value::from(number.as_u64().unwrap_or(0).wrapping_add(1)),
        Value::Number(_) if !choices.seldom() => *value = Value::from(choices.size()),
        Value::Bool(flag) => *flag = !*flag,
        Value::Array(values) if !values.is_empty() => {
            let (a, b) = (choices.below(values.len()), choices.below(values.len()));
            match choices.below(3) {
                0 => values.swap(a, b),
                1 => drop(values.remove(a)),
                _ => values.push(values[a].clone()),
            }
        }
        Value::Object(fields) if choices.flag() && !fields.is_empty() => {
            let name = fields.keys().nth(choices.below(fields.len())).cloned().unwrap_or_default();
            fields.remove(&name);
        }
        other => *other = odd[choices.below(odd.len())].clone(),
    }
}

fn parts(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::Array(values) => values.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    }
}

/// How many values there are, the parts of parts included.
fn count(value: &mut Value) -> usize {
    1 + parts(value).into_iter().map(count).sum::<usize>()
}

/// Value number `at`, counted down to 0 on the way.
fn nth<'a>(value: &'a mut Value, at: &mut usize) -> Option<&'a mut Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    parts(value).into_iter().find_map(|part| nth(part, at))
}
