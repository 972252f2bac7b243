//! Base64, URLs, character encodings, hashes and name-based UUIDs.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{alphabet, engine::DecodePaddingMode};
use sha2::Digest as _;

use crate::config::functions::args::{Outcome, refuse, text};
use crate::config::functions::{EagerBody, Function, FunctionError, Param, ParamType};
use crate::config::value::Value;

const STRING: Param = Param::new("string", ParamType::String);
const ENCODING: Param = Param::new("encoding", ParamType::String);

/// This file's functions.
pub const TABLE: &[Function] = &[
    one(
        "base64decode",
        "The UTF-8 text that Base64 text encodes.",
        (r#"base64decode("SGk=")"#, r#""Hi""#),
        |_, a| base64decode(a),
    ),
    one(
        "base64encode",
        "The bytes of text in UTF-8 as Base64.",
        (r#"base64encode("Hi")"#, r#""SGk=""#),
        |_, a| Ok(Value::string(STANDARD.encode(text(a, 0)?))),
    ),
    one(
        "base64gzip",
        "Text compressed with gzip, as Base64.",
        (r#"length(base64gzip("Hi")) > 0"#, "true"),
        |_, a| base64gzip(a),
    ),
    one(
        "base64sha256",
        "The SHA-256 of text as Base64; unlike base64encode(sha256(…)), of the hash itself.",
        (
            r#"base64sha256("a")"#,
            r#""ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=""#,
        ),
        |_, a| hashed(a, Hash::Sha256, true),
    ),
    one(
        "base64sha512",
        "The SHA-512 of text as Base64.",
        (r#"length(base64sha512("a"))"#, "88"),
        |_, a| hashed(a, Hash::Sha512, true),
    ),
    one(
        "md5",
        "The MD5 of text in hexadecimal.",
        (r#"md5("a")"#, r#""0cc175b9c0f1b6a831c399e269772661""#),
        |_, a| hashed(a, Hash::Md5, false),
    ),
    one(
        "sha1",
        "The SHA-1 of text in hexadecimal.",
        (r#"sha1("a")"#, r#""86f7e437faa5a7fce15d1ddcb9eaeaea377667b8""#),
        |_, a| hashed(a, Hash::Sha1, false),
    ),
    one(
        "sha256",
        "The SHA-256 of text in hexadecimal.",
        (r#"substr(sha256("a"), 0, 8)"#, r#""ca978112""#),
        |_, a| hashed(a, Hash::Sha256, false),
    ),
    one(
        "sha512",
        "The SHA-512 of text in hexadecimal.",
        (r#"substr(sha512("a"), 0, 8)"#, r#""1f40fc92""#),
        |_, a| hashed(a, Hash::Sha512, false),
    ),
    Function::new(
        "textdecodebase64",
        "The text that Base64 text writes in a character encoding.",
        (r#"textdecodebase64("SABpAA==", "UTF-16LE")"#, r#""Hi""#),
        &[STRING, ENCODING],
        ParamType::String,
        |_, a| textdecodebase64(a),
    ),
    Function::new(
        "textencodebase64",
        "Text in a character encoding, as Base64.",
        (r#"textencodebase64("Hi", "UTF-16LE")"#, r#""SABpAA==""#),
        &[STRING, ENCODING],
        ParamType::String,
        |_, a| textencodebase64(a),
    ),
    one(
        "urlencode",
        "Text with everything escaped that has a meaning in a URL's query.",
        (r#"urlencode("a b&c")"#, r#""a+b%26c""#),
        |_, a| urlencode(a),
    ),
    Function::new(
        "uuidv5",
        "A UUID made from a name in a namespace: dns, url, oid, x500 or a UUID.",
        (
            r#"uuidv5("dns", "example.com")"#,
            r#""cfbff0d1-9375-5685-968c-48ce8b15ae17""#,
        ),
        &[
            Param::new("namespace", ParamType::String),
            Param::new("name", ParamType::String),
        ],
        ParamType::String,
        |_, a| uuidv5(a),
    ),
];

const fn one(
    name: &'static str,
    summary: &'static str,
    example: (&'static str, &'static str),
    body: EagerBody,
) -> Function {
    Function::new(name, summary, example, &[STRING], ParamType::String, body)
}

/// The hashes there are functions for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

impl Hash {
    /// The hash of bytes, as Base64 or in hexadecimal.
    pub(super) fn of(self, bytes: &[u8], base64: bool) -> String {
        let hash: Vec<u8> = match self {
            Hash::Md5 => md5::Md5::digest(bytes).to_vec(),
            Hash::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
            Hash::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
            Hash::Sha512 => sha2::Sha512::digest(bytes).to_vec(),
        };
        if base64 {
            return STANDARD.encode(hash);
        }
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn hashed(arguments: &[Value], hash: Hash, base64: bool) -> Outcome {
    Ok(Value::string(hash.of(text(arguments, 0)?.as_bytes(), base64)))
}

/// Bits beyond the last byte are not checked, as elsewhere in the Terraform world.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

fn decoded(text: &str, index: usize) -> Result<Vec<u8>, FunctionError> {
    let whole: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    LENIENT.decode(whole).or_else(|error| {
        refuse(
            index,
            format!("it is not Base64: {error}"),
            "use the alphabet with + and /, padded with =",
        )
    })
}

fn base64decode(arguments: &[Value]) -> Outcome {
    let bytes = decoded(text(arguments, 0)?, 0)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Value::string(text)),
        Err(_) => refuse(
            0,
            "what it encodes is not UTF-8 text",
            "use textdecodebase64 for other encodings",
        ),
    }
}

fn base64gzip(arguments: &[Value]) -> Outcome {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let compressed = encoder
        .write_all(text(arguments, 0)?.as_bytes())
        .and_then(|()| encoder.finish());
    match compressed {
        Ok(bytes) => Ok(Value::string(STANDARD.encode(bytes))),
        Err(error) => refuse(0, error.to_string(), "report this as a bug"),
    }
}

/// The character encodings there are, besides those of the Encoding Standard.
enum Charset {
    Utf16 {
        big: bool,
        mark: bool,
    },
    /// Code points up to this one, one byte each.
    Narrow(u32),
    Other(&'static encoding_rs::Encoding),
}

fn charset(arguments: &[Value]) -> Result<Charset, FunctionError> {
    let name = text(arguments, 1)?;
    Ok(match name.to_ascii_lowercase().as_str() {
        "utf-16le" => Charset::Utf16 {
            big: false,
            mark: false,
        },
        "utf-16be" => Charset::Utf16 {
            big: true,
            mark: false,
        },
        "utf-16" => Charset::Utf16 {
            big: true,
            mark: true,
        },
        "us-ascii" | "ascii" => Charset::Narrow(0x7f),
        "iso-8859-1" | "latin1" | "l1" => Charset::Narrow(0xff),
        other => match encoding_rs::Encoding::for_label_no_replacement(other.as_bytes()) {
            Some(encoding) => Charset::Other(encoding),
            None => {
                return refuse(
                    1,
                    format!("{name:?} is not an encoding that is known"),
                    "use for example \"UTF-8\", \"UTF-16LE\" or \"ISO-8859-1\"",
                );
            }
        },
    })
}

fn textencodebase64(arguments: &[Value]) -> Outcome {
    let charset = charset(arguments)?;
    let text = text(arguments, 0)?;
    let unit = |big: bool, unit: u16| {
        if big {
            unit.to_be_bytes()
        } else {
            unit.to_le_bytes()
        }
    };
    let bytes = match charset {
        Charset::Utf16 { big, mark } => {
            let mark = mark.then_some(0xfeff);
            Some(
                mark.into_iter()
                    .chain(text.encode_utf16())
                    .flat_map(|code| unit(big, code))
                    .collect(),
            )
        }
        Charset::Narrow(limit) => text
            .chars()
            .map(|c| {
                u8::try_from(u32::from(c))
                    .ok()
                    .filter(|byte| u32::from(*byte) <= limit)
            })
            .collect::<Option<Vec<u8>>>(),
        Charset::Other(encoding) => {
            let (bytes, _, lossy) = encoding.encode(text);
            (!lossy).then(|| bytes.into_owned())
        }
    };
    match bytes {
        Some(bytes) => Ok(Value::string(STANDARD.encode(bytes))),
        None => refuse(
            0,
            "it holds characters that the encoding does not have",
            "use \"UTF-8\" or \"UTF-16LE\"",
        ),
    }
}

fn textdecodebase64(arguments: &[Value]) -> Outcome {
    let charset = charset(arguments)?;
    let bytes = decoded(text(arguments, 0)?, 0)?;
    let found = match charset {
        Charset::Utf16 { big, mark } => {
            let (big, bytes) = match bytes.as_slice() {
                [0xff, 0xfe, rest @ ..] if mark => (false, rest),
                [0xfe, 0xff, rest @ ..] if mark => (true, rest),
                all => (big, all),
            };
            let pairs = bytes.chunks_exact(2);
            let whole = pairs.remainder().is_empty();
            let units = pairs.filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
            let units: Vec<u16> = units
                .map(|pair| {
                    if big {
                        u16::from_be_bytes(pair)
                    } else {
                        u16::from_le_bytes(pair)
                    }
                })
                .collect();
            String::from_utf16(&units).ok().filter(|_| whole)
        }
        Charset::Narrow(limit) => bytes
            .iter()
            .all(|byte| u32::from(*byte) <= limit)
            .then(|| bytes.iter().copied().map(char::from).collect()),
        Charset::Other(encoding) => encoding
            .decode_without_bom_handling_and_without_replacement(&bytes)
            .map(std::borrow::Cow::into_owned),
    };
    match found {
        Some(text) => Ok(Value::string(text)),
        None => refuse(
            0,
            "it holds bytes that mean nothing in the encoding",
            "check the encoding's name",
        ),
    }
}

fn uuidv5(arguments: &[Value]) -> Outcome {
    let namespace = text(arguments, 0)?;
    let namespace = match namespace {
        "dns" => uuid::Uuid::NAMESPACE_DNS,
        "url" => uuid::Uuid::NAMESPACE_URL,
        "oid" => uuid::Uuid::NAMESPACE_OID,
        "x500" => uuid::Uuid::NAMESPACE_X500,
        other => match uuid::Uuid::parse_str(other) {
            Ok(namespace) => namespace,
            Err(_) => {
                return refuse(
                    0,
                    format!("{other:?} is not a namespace"),
                    "use \"dns\", \"url\", \"oid\", \"x500\" or a UUID",
                );
            }
        },
    };
    Ok(Value::string(
        uuid::Uuid::new_v5(&namespace, text(arguments, 1)?.as_bytes()).to_string(),
    ))
}

fn urlencode(arguments: &[Value]) -> Outcome {
    let mut out = String::new();
    for byte in text(arguments, 0)?.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(Value::string(out))
}
