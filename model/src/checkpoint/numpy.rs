//! Numbers that numpy pickled: `scalar(dtype, bytes)`, and arrays as `_reconstruct` with a state or as `_frombuffer`.
//!
//! Nothing is evaluated when a file is read; these forms are understood when someone asks for the numbers. Form of the
//! states: numpy's `array_reduce` and `arraydescr_reduce`, the latter `(version, byte order, ...)`.

use std::borrow::Cow;

use super::value::{Kind, Value};

/// The numbers of a numpy scalar or array, row by row; `None` for anything else, and for more than one dimension in
/// Fortran's order.
pub(super) fn numbers(value: Value<'_>) -> Option<Vec<f64>> {
    match value.class()? {
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => {
            let [dtype, data] = take(value.arguments())?;
            decode(dtype, data, &[])
        }
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => {
            let [_version, shape, dtype, fortran, data] = take(value.state()?.items())?;
            let shape = shape.items().map(|d| usize::try_from(d.as_i64()?).ok()).collect::<Option<Vec<_>>>()?;
            if fortran.as_bool()? && shape.len() > 1 {
                return None;
            }
            decode(dtype, data, &shape)
        }
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => {
            let [data, dtype, shape, order] = take(value.arguments())?;
            let shape = shape.items().map(|d| usize::try_from(d.as_i64()?).ok()).collect::<Option<Vec<_>>>()?;
            if order.as_str()? != "C" && shape.len() > 1 {
                return None;
            }
            decode(dtype, data, &shape)
        }
        _ => None,
    }
}

/// The number of a numpy scalar or of an array of one.
pub(super) fn number(value: Value<'_>) -> Option<f64> {
    match numbers(value)?.as_slice() {
        [x] => Some(*x),
        _ => None,
    }
}

fn take<'c, const N: usize>(values: impl Iterator<Item = Value<'c>>) -> Option<[Value<'c>; N]> {
    values.take(N + 1).collect::<Vec<_>>().try_into().ok()
}

fn decode(dtype: Value<'_>, data: Value<'_>, shape: &[usize]) -> Option<Vec<f64>> {
    if dtype.class()? != ("numpy", "dtype") {
        return None;
    }
    let code = dtype.arguments().next()?.as_str()?;
    let order = dtype.state()?.items().nth(1)?.as_str()?;
    if order != "<" && order != "|" {
        return None;
    }
    let data = bytes(data)?;
    let count = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d))?;
    let numbers: Vec<f64> = match code {
        "f8" => each(&data, f64::from_le_bytes),
        "f4" => each(&data, |b| f64::from(f32::from_le_bytes(b))),
        "i8" => each(&data, |b| i64::from_le_bytes(b) as f64),
        "i4" => each(&data, |b| f64::from(i32::from_le_bytes(b))),
        "i2" => each(&data, |b| f64::from(i16::from_le_bytes(b))),
        "i1" => each(&data, |b| f64::from(i8::from_le_bytes(b))),
        "u8" => each(&data, |b| u64::from_le_bytes(b) as f64),
        "u4" => each(&data, |b| f64::from(u32::from_le_bytes(b))),
        "u2" => each(&data, |b| f64::from(u16::from_le_bytes(b))),
        "u1" | "b1" => each(&data, |b| f64::from(u8::from_le_bytes(b))),
        _ => None,
    }?;
    (numbers.len() == count).then_some(numbers)
}

fn each<const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> f64) -> Option<Vec<f64>> {
    let (numbers, rest) = data.as_chunks::<N>();
    rest.is_empty().then(|| numbers.iter().map(|b| number(*b)).collect())
}

/// Bytes as they are, or as Python 3 hands them to protocol 2: `_codecs.encode(text, 'latin1')`, each character a byte.
fn bytes<'c>(value: Value<'c>) -> Option<Cow<'c, [u8]>> {
    if let Kind::Bytes(bytes) = value.kind() {
        return Some(Cow::Borrowed(bytes));
    }
    // What Python 2 wrote is a text if it happens to be UTF-8.
    if let Some(text) = value.as_str() {
        return Some(Cow::Borrowed(text.as_bytes()));
    }
    let [text, codec] = take(value.arguments())?;
    if value.class()? != ("_codecs", "encode") || !matches!(codec.as_str()?, "latin1" | "latin-1") {
        return None;
    }
    let byte = |c: char| u8::try_from(u32::from(c)).ok();
    text.as_str()?.chars().map(byte).collect::<Option<Vec<_>>>().map(Cow::Owned)
}
