//! Headers and parameters as maps. Each kind of event has its own form of them.

use serde_json::{Map, Value, json};

pub(super) fn lower_case(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

pub(super) fn last_values(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>().into()
}

pub(super) fn all_values(pairs: &[(String, String)]) -> Value {
    let mut map = Map::new();
    for (name, value) in pairs {
        if let Value::Array(values) = map.entry(name).or_insert_with(|| json!([])) {
            values.push(json!(value));
        }
    }
    map.into()
}

pub(super) fn joined_values(pairs: &[(String, String)]) -> Value {
    let mut map = Map::new();
    for (name, value) in pairs {
        match map.entry(name).or_insert_with(|| json!("")) {
            Value::String(joined) if joined.is_empty() => joined.push_str(value),
            Value::String(joined) => {
                joined.push(',');
                joined.push_str(value);
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => {}
        }
    }
    map.into()
}
