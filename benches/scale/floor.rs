//! The floor: what every plan has to do at least, and nothing else.
//!
//! Reads a stack's files and parses them with the parser and the threads that rolecall uses; decodes two relations of
//! the workload's size (one recorded, one observed) from a sled database with one delta-coded row per account; sorts
//! as many packed 64-bit tuples once.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

/// A row is written in pieces of at most so many bytes, as sled likes it.
const MAX_ROW: usize = 60 * 1024;

const RELATIONS: [u8; 2] = [b'o', b'r'];

/// Runs it, and returns how many bytes were parsed and how many tuples were decoded and sorted.
pub fn run(stack: &Path, database: &Path) -> Result<(usize, usize), Box<dyn Error>> {
    let parsed = parse(stack)?;
    let mut relations = decode(database)?;
    let tuples = relations.iter().map(Vec::len).sum();
    if let Some(relation) = relations.first_mut() {
        // An odd factor permutes the numbers: they are as many, and in no order.
        for tuple in relation.iter_mut() {
            *tuple = tuple.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        relation.sort_unstable();
    }
    std::hint::black_box(&relations);
    Ok((parsed, tuples))
}

/// Parses every file of a stack; the trees are dropped file by file, or they would not fit into memory.
pub fn parse(stack: &Path) -> Result<usize, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(stack)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "hcl") {
            files.push(path);
        }
    }
    let sizes: Result<Vec<usize>, String> = files.par_iter().map(parse_file).collect();
    Ok(sizes?.into_iter().sum())
}

fn parse_file(path: &PathBuf) -> Result<usize, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let body = hcl_edit::parser::parse_body(&text).map_err(|error| error.to_string())?;
    std::hint::black_box(&body);
    Ok(text.len())
}

fn decode(database: &Path) -> Result<Vec<Vec<u64>>, Box<dyn Error>> {
    let database = sled::Config::new()
        .path(database)
        .cache_capacity(32 << 20)
        .flush_every_ms(None)
        .open()?;
    let mut relations = Vec::new();
    for relation in RELATIONS {
        let mut tuples = Vec::new();
        for row in database.scan_prefix([relation]) {
            let (key, row) = row?;
            let account = key
                .get(1..5)
                .and_then(|bytes| bytes.try_into().ok())
                .map(u32::from_be_bytes);
            let base = u64::from(account.ok_or("a key is too short")?) << 42;
            let (mut last, mut rest) = (0, &*row);
            while let Some((delta, after)) = varint(rest) {
                last += delta;
                tuples.push(base | last);
                rest = after;
            }
        }
        relations.push(tuples);
    }
    Ok(relations)
}

/// Writes the database that [`run`] decodes. The tuples must be sorted.
pub fn prepare(database: &Path, tuples: &[u64]) -> Result<(), Box<dyn Error>> {
    let _ = fs::remove_dir_all(database);
    let database = sled::Config::new().path(database).flush_every_ms(None).open()?;
    for relation in RELATIONS {
        for row in tuples.chunk_by(|left, right| left >> 42 == right >> 42) {
            let account = row.first().map_or(0, |tuple| (tuple >> 42) as u32);
            for (piece, bytes) in pieces(row).into_iter().enumerate() {
                let mut key = vec![relation];
                key.extend_from_slice(&account.to_be_bytes());
                key.extend_from_slice(&(piece as u16).to_be_bytes());
                database.insert(key, bytes)?;
            }
        }
    }
    database.flush()?;
    Ok(())
}

fn pieces(row: &[u64]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let (mut bytes, mut last) = (Vec::new(), 0);
    for tuple in row {
        if bytes.len() > MAX_ROW {
            pieces.push(std::mem::take(&mut bytes));
            last = 0;
        }
        let rest = tuple & ((1 << 42) - 1);
        let mut delta = rest - last;
        last = rest;
        while delta >= 0x80 {
            bytes.push(delta as u8 | 0x80);
            delta >>= 7;
        }
        bytes.push(delta as u8);
    }
    pieces.push(bytes);
    pieces
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    let mut shift = 0;
    for (at, byte) in bytes.iter().enumerate() {
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}
