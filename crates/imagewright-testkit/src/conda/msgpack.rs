//! As much of MessagePack as shards of an index need.

use serde_json::Value;

/// Encodes a value. Texts below a key `sha256`, `md5` or `shards` that are hexadecimal become bytes, as channels have them.
pub(super) fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(value, false, &mut bytes);
    bytes
}

fn write(value: &Value, is_hash: bool, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(truth) => out.push(if *truth { 0xc3 } else { 0xc2 }),
        Value::Number(number) => {
            out.push(0xcf);
            out.extend(number.as_u64().expect("only whole numbers are needed").to_be_bytes());
        }
        Value::String(text) if is_hash => {
            let digits = text
                .as_bytes()
                .chunks(2)
                .map(|pair| std::str::from_utf8(pair).expect("hexadecimal is ASCII"));
            let bytes: Vec<u8> =
                digits.map(|pair| u8::from_str_radix(pair, 16).expect("a hash is hexadecimal")).collect();
            out.push(0xc6);
            out.extend(length(bytes.len()));
            out.extend(bytes);
        }
        Value::String(text) => {
            out.push(0xdb);
            out.extend(length(text.len()));
            out.extend(text.as_bytes());
        }
        Value::Array(values) => {
            out.push(0xdd);
            out.extend(length(values.len()));
            values.iter().for_each(|value| write(value, false, out));
        }
        Value::Object(fields) => {
            out.push(0xdf);
            out.extend(length(fields.len()));
            for (name, value) in fields {
                write(&Value::String(name.clone()), false, out);
                match value {
                    Value::Object(shards) if name == "shards" => {
                        out.push(0xdf);
                        out.extend(length(shards.len()));
                        for (name, hash) in shards {
                            write(&Value::String(name.clone()), false, out);
                            write(hash, true, out);
                        }
                    }
                    value => write(value, matches!(name.as_str(), "sha256" | "md5"), out),
                }
            }
        }
    }
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("tests are small").to_be_bytes()
}
