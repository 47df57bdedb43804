//! A tensor where it lies in the file.

use std::borrow::Cow;

use candle_core::{DType, Device, Tensor};

use super::limits::Limits;

/// The kind of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Dtype {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl Dtype {
    const ALL: [(Self, &str, &str, usize); 10] = [
        (Self::F64, "float64", "DoubleStorage", 8),
        (Self::F32, "float32", "FloatStorage", 4),
        (Self::F16, "float16", "HalfStorage", 2),
        (Self::BF16, "bfloat16", "BFloat16Storage", 2),
        (Self::I64, "int64", "LongStorage", 8),
        (Self::I32, "int32", "IntStorage", 4),
        (Self::I16, "int16", "ShortStorage", 2),
        (Self::I8, "int8", "CharStorage", 1),
        (Self::U8, "uint8", "ByteStorage", 1),
        (Self::Bool, "bool", "BoolStorage", 1),
    ];

    fn row(self) -> (Self, &'static str, &'static str, usize) {
        Self::ALL.into_iter().find(|row| row.0 == self).unwrap_or(Self::ALL[0])
    }

    /// PyTorch's name, such as `float32`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        self.row().3
    }

    /// Is it one of the floating-point types?
    pub fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }

    /// From PyTorch's name, or its older alias.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let name = match name {
            "float" => "float32",
            "double" => "float64",
            "half" => "float16",
            "long" => "int64",
            "int" => "int32",
            "short" => "int16",
            other => other,
        };
        Self::ALL.into_iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// From safetensors' name of it.
    pub(super) fn from_safetensors(dtype: safetensors::Dtype) -> Option<Self> {
        use safetensors::Dtype as Theirs;
        let pairs = [
            (Theirs::F64, Self::F64),
            (Theirs::F32, Self::F32),
            (Theirs::F16, Self::F16),
            (Theirs::BF16, Self::BF16),
            (Theirs::I64, Self::I64),
            (Theirs::I32, Self::I32),
            (Theirs::I16, Self::I16),
            (Theirs::I8, Self::I8),
            (Theirs::U8, Self::U8),
            (Theirs::BOOL, Self::Bool),
        ];
        pairs.into_iter().find(|(theirs, _)| *theirs == dtype).map(|(_, ours)| ours)
    }

    /// From the class of a storage, such as `FloatStorage`.
    pub(super) fn from_storage(class: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.2 == class).map(|row| row.0)
    }
}

/// A view of a storage: nothing is copied before it is asked for.
///
/// Invariant: every element lies in the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTensor<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    strides: Vec<usize>,
    offset: usize,
    elements: usize,
    storage: &'a [u8],
}

impl<'a> StoredTensor<'a> {
    /// A view with its offset and strides in elements, or why there is no such view of this storage.
    pub(super) fn view(
        dtype: Dtype,
        storage: &'a [u8],
        offset: usize,
        shape: Vec<usize>,
        strides: Vec<usize>,
        limits: &Limits,
    ) -> Result<Self, String> {
        if shape.len() > limits.dimensions_max {
            return Err(format!("has {} dimensions, {} are allowed", shape.len(), limits.dimensions_max));
        }
        if shape.len() != strides.len() {
            return Err(format!("has {} dimensions and {} strides", shape.len(), strides.len()));
        }
        // Without elements the other dimensions are bounded all the same: who computes strides multiplies them.
        let counted = shape.iter().try_fold(1usize, |n, d| n.checked_mul((*d).max(1)));
        let elements = match counted {
            Some(n) if n <= limits.tensor_bytes_max / dtype.bytes() && shape.contains(&0) => 0,
            Some(n) if n <= limits.tensor_bytes_max / dtype.bytes() => n,
            _ => return Err(format!("of shape {shape:?} has more than {} bytes", limits.tensor_bytes_max)),
        };
        let stored = storage.len() / dtype.bytes();
        let reach = |last: usize, (d, s): (&usize, &usize)| last.checked_add((d - 1).checked_mul(*s)?);
        if elements > 0 {
            let last = shape.iter().zip(&strides).try_fold(offset, reach);
            if last.is_none_or(|last| last >= stored) {
                return Err(format!("of shape {shape:?} reaches outside its storage of {stored} elements"));
            }
        }
        Ok(Self { dtype, shape, strides, offset, elements, storage })
    }

    /// A whole storage, row by row.
    pub(super) fn whole(dtype: Dtype, storage: &'a [u8], shape: Vec<usize>, limits: &Limits) -> Result<Self, String> {
        let strides = contiguous(&shape);
        Self::view(dtype, storage, 0, shape, strides, limits)
    }

    /// The kind of its elements.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Its dimensions; none for a single number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many elements.
    pub fn elements(&self) -> usize {
        self.elements
    }

    /// The elements row by row, little-endian.
    pub fn to_bytes(&self) -> Cow<'a, [u8]> {
        let size = self.dtype.bytes();
        let element = |at: usize, count: usize| self.storage.get(at * size..(at + count) * size).unwrap_or_default();
        if self.elements == 0 {
            return Cow::Borrowed(&[]);
        }
        if self.strides == contiguous(&self.shape) {
            return Cow::Borrowed(element(self.offset, self.elements));
        }
        let mut bytes = Vec::with_capacity(self.elements * size);
        let mut index = vec![0; self.shape.len()];
        let mut at = self.offset;
        for _ in 0..self.elements {
            bytes.extend_from_slice(element(at, 1));
            // The next index, as an odometer counts; the place in the storage keeps up. Where it is used it lies in
            // the storage; on the way there it may wrap.
            for d in (0..index.len()).rev() {
                index[d] += 1;
                at = at.wrapping_add(self.strides[d]);
                if index[d] < self.shape[d] {
                    break;
                }
                at = at.wrapping_sub(self.strides[d].wrapping_mul(index[d]));
                index[d] = 0;
            }
        }
        Cow::Owned(bytes)
    }

    /// The tensor on the CPU, in its own type; booleans become 0 and 1 of type u8, and i8 becomes i16.
    pub fn to_candle(&self) -> Result<Tensor, candle_core::Error> {
        let bytes = self.to_bytes();
        let dtype = match self.dtype {
            Dtype::F64 => DType::F64,
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::I64 => DType::I64,
            Dtype::I32 => DType::I32,
            Dtype::I16 => DType::I16,
            Dtype::I8 => {
                let wide = bytes.iter().map(|b| i16::from(b.cast_signed())).collect();
                return Tensor::from_vec(wide, self.shape.as_slice(), &Device::Cpu);
            }
            Dtype::U8 | Dtype::Bool => DType::U8,
        };
        Tensor::from_raw_buffer(&bytes, dtype, &self.shape, &Device::Cpu)
    }
}

/// Strides of a tensor stored row by row. As PyTorch, a dimension of 0 counts as 1; overflow is found by the view.
fn contiguous(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d].saturating_mul(shape[d].max(1));
    }
    strides
}
