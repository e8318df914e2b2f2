//! The one text form of JSON that digests are taken over: sorted keys and no white space.

use std::borrow::Cow;
use std::io::{self, Write};
use std::ops::Range;

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

/// Returns `value` as JSON with sorted keys and no white space.
///
/// Keys sort by their UTF-8 bytes. Numbers print as `serde_json` prints them; hashed documents hold integers only.
///
/// # Errors
/// `value` does not serialize to JSON.
pub fn canonical(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut sorted = Sorted::default();
    value.serialize(&mut serde_json::Serializer::with_formatter(io::sink(), &mut sorted))?;
    String::from_utf8(sorted.text)
        .map_err(|error| serde_json::Error::io(io::Error::new(io::ErrorKind::InvalidData, error)))
}

/// Writes each object as it comes and puts its entries into order at its end, because most are in order already.
#[derive(Default)]
struct Sorted {
    text: Vec<u8>,
    /// The objects that are open, outermost first.
    open: Vec<Vec<Entry>>,
}

/// Where a key with its quotes stands in the text, and where its value ends.
struct Entry {
    key: Range<usize>,
    end: usize,
}

impl Sorted {
    fn push(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    /// Puts what was written of an object into order.
    fn sort(&mut self, mut entries: Vec<Entry>) {
        let text = &self.text;
        let key = |entry: &Entry| unescaped(text.get(entry.key.clone()).unwrap_or_default());
        if entries.is_sorted_by(|one, other| key(one) <= key(other)) {
            return;
        }
        let (Some(start), Some(end)) =
            (entries.first().map(|it| it.key.start), entries.last().map(|it| it.end))
        else {
            return;
        };
        entries.sort_by(|one, other| key(one).cmp(&key(other)));
        let mut ordered = Vec::with_capacity(end - start);
        for entry in &entries {
            if !ordered.is_empty() {
                ordered.push(b',');
            }
            ordered.extend_from_slice(text.get(entry.key.start..entry.end).unwrap_or_default());
        }
        self.text.truncate(start);
        self.text.extend_from_slice(&ordered);
    }
}

/// Returns a key without its quotes, as it was before it was escaped: that is what keys sort by.
fn unescaped(quoted: &[u8]) -> Cow<'_, [u8]> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains(&b'\\') {
        return Cow::Borrowed(inner);
    }
    let plain = serde_json::from_slice::<String>(quoted);
    plain.map_or(Cow::Borrowed(inner), |plain| Cow::Owned(plain.into_bytes()))
}

/// Numbers and escapes are written as `serde_json` writes them.
macro_rules! as_usual {
    ($($name:ident($($value:ident: $kind:ty)?);)*) => {$(
        fn $name<W: ?Sized + Write>(&mut self, _: &mut W $(, $value: $kind)?) -> io::Result<()> {
            CompactFormatter.$name(&mut self.text $(, $value)?)
        }
    )*};
}

impl Formatter for &mut Sorted {
    as_usual! {
        write_null();
        write_bool(value: bool);
        write_i8(value: i8);
        write_i16(value: i16);
        write_i32(value: i32);
        write_i64(value: i64);
        write_i128(value: i128);
        write_u8(value: u8);
        write_u16(value: u16);
        write_u32(value: u32);
        write_u64(value: u64);
        write_u128(value: u128);
        write_f32(value: f32);
        write_f64(value: f64);
        write_number_str(value: &str);
        begin_string();
        end_string();
        write_string_fragment(value: &str);
        write_char_escape(value: CharEscape);
        write_raw_fragment(value: &str);
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object_value();
    }

    fn begin_object<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.push(b"{");
        self.open.push(Vec::new());
        Ok(())
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, _: &mut W, first: bool) -> io::Result<()> {
        if !first {
            self.push(b",");
        }
        let start = self.text.len();
        if let Some(entries) = self.open.last_mut() {
            entries.push(Entry { key: start..start, end: start });
        }
        Ok(())
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        let end = self.text.len();
        if let Some(entry) = self.open.last_mut().and_then(|entries| entries.last_mut()) {
            entry.key.end = end;
        }
        Ok(())
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        let end = self.text.len();
        if let Some(entry) = self.open.last_mut().and_then(|entries| entries.last_mut()) {
            entry.end = end;
        }
        Ok(())
    }

    fn end_object<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        if let Some(entries) = self.open.pop() {
            self.sort(entries);
        }
        self.push(b"}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    /// As `serde_json` writes it, whose own maps are sorted.
    fn by_value(value: &impl Serialize) -> String {
        serde_json::to_string(&serde_json::to_value(value).unwrap()).unwrap()
    }

    #[derive(Serialize)]
    struct Unsorted {
        zebra: Option<u8>,
        #[serde(rename = "a\"b")]
        quoted: Vec<Inner>,
        #[serde(rename = "a")]
        first: f64,
        nothing: (),
    }

    #[derive(Serialize)]
    enum Inner {
        Unit,
        Struct { z: i64, a: &'static str },
        Pair(u64, char),
    }

    #[test]
    fn the_fields_of_a_type_are_sorted_at_every_depth() {
        let inner = vec![Inner::Unit, Inner::Struct { z: -1, a: "\u{1}ü\\" }, Inner::Pair(7, '"')];
        let value = Unsorted { zebra: None, quoted: inner, first: 0.1, nothing: () };
        let text = canonical(&value).unwrap();
        assert_eq!(text, by_value(&value));
        assert!(text.starts_with(r#"{"a":0.1,"a\"b":["Unit",{"Struct":{"a":"#), "{text}");
    }

    /// An object whose entries come in this order.
    struct Entries(Vec<(String, Value)>);

    impl Serialize for Entries {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..4)
                    .prop_map(|map| Value::Object(Map::from_iter(map))),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_the_order_of_the_entries_the_text_is_that_of_sorted_maps(
            map in prop::collection::btree_map("[a\"\\\\\u{1}\u{e4}é]{0,3}", value(), 0..6),
            turn in any::<prop::sample::Index>(),
        ) {
            let mut entries: Vec<_> = map.into_iter().collect();
            if !entries.is_empty() {
                let by = turn.index(entries.len());
                entries.rotate_left(by);
            }
            let entries = Entries(entries);
            prop_assert_eq!(canonical(&entries).unwrap(), by_value(&entries));
        }
    }
}
