//! test/vectors/*.json, which bind TypeScript and this program to the same bytes.
pub use serde_json::Value;

pub fn read(name: &str) -> Value {
    let path = format!("{}/../../test/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn hashes() -> Value {
    read("hashes")
}

/// A 64-bit integer, which JSON holds as text.
pub fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

/// Bytes in hexadecimal.
pub fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

pub fn key(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}
