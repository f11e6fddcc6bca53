//! The items of a pipeline: what a run is made for each of.

/// The keys of a matrix with their values, as the file has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    /// Each key with its values, of which there is at least one.
    pub keys: Vec<(String, Vec<String>)>,
}

/// One combination of values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Each key with its value, in the order of the keys. Empty for a pipeline without a matrix.
    pub values: Vec<(String, String)>,
}

impl Matrix {
    /// Every combination, the last key changing first; a single empty one without keys.
    pub fn items(&self) -> Vec<Item> {
        self.keys.iter().fold(vec![Item::default()], |items, (key, values)| {
            let with = |item: &Item, value: &String| {
                let mut values = item.values.clone();
                values.push((key.clone(), value.clone()));
                Item { values }
            };
            items.iter().flat_map(|item| values.iter().map(|value| with(item, value))).collect()
        })
    }

    /// Whether this is one of the keys.
    pub fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|(name, _)| name == key)
    }
}

impl Item {
    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// What the item adds to names of a scheduler: its values in lower case, anything but letters and digits being a
    /// `-`; empty for a pipeline without a matrix.
    pub fn suffix(&self) -> String {
        let mut suffix = String::new();
        for (_, value) in &self.values {
            suffix.push('-');
            for c in value.chars() {
                let c = if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
                if c != '-' || !suffix.ends_with('-') {
                    suffix.push(c);
                }
            }
        }
        suffix.trim_end_matches('-').to_owned()
    }

    /// The item as people write it: `city=Seattle, units=metric`.
    pub fn label(&self) -> String {
        let values: Vec<String> = self.values.iter().map(|(key, value)| format!("{key}={value}")).collect();
        values.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_all_combinations_in_the_order_of_the_file() {
        let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let keys = vec![
            ("city".to_owned(), list(&["New York", "São Paulo", "007"])),
            ("units".to_owned(), list(&["metric", "no"])),
        ];
        let items = Matrix { keys }.items();
        let labels: Vec<String> = items.iter().map(Item::label).collect();
        assert_eq!(
            labels[..3],
            ["city=New York, units=metric", "city=New York, units=no", "city=São Paulo, units=metric"]
        );
        let suffixes: Vec<String> = items.iter().map(Item::suffix).collect();
        assert_eq!(
            suffixes,
            [
                "-new-york-metric",
                "-new-york-no",
                "-s-o-paulo-metric",
                "-s-o-paulo-no",
                "-007-metric",
                "-007-no"
            ]
        );
        assert_eq!(items[4].value("city"), Some("007"));
        assert_eq!(Matrix::default().items(), [Item::default()]);
        assert_eq!(Item::default().suffix(), "");
    }
}
