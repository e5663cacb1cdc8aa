//! JSON as [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259) defines it. A [`Value`] cannot have each
//! number and each escape that JSON can have, so that only the members that matter become one.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

/// The members of an object. Of those with the same name, it has the last.
pub struct Object<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Object<'a> {
    /// Reads an object.
    #[must_use]
    pub fn read(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok().map(Self)
    }

    /// Returns the value of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }

    /// Returns whether there is a member.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns the objects of a list. What is not an object is left out.
    #[must_use]
    pub fn objects(&self, name: &str) -> Vec<Self> {
        let items: Option<Vec<&'a RawValue>> =
            self.0.get(name).and_then(|list| serde_json::from_str(list.get()).ok());
        items.unwrap_or_default().into_iter().filter_map(|item| Self::read(item.get())).collect()
    }
}
