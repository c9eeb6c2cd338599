//! Numbers by name in the safetensors format, written without a copy of them.

use crate::{Error, Result};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};

/// Bytes converted at a time. A table may be half of the memory, so it is never copied whole.
const CHUNK: usize = 1 << 16;

/// A tensor to be written.
#[derive(Debug, Clone)]
pub struct Tensor<'a> {
    /// Its name, which no other has.
    pub name: String,
    /// Its dimensions, whose product is the number of values.
    pub shape: Vec<usize>,
    /// What is in it, row by row.
    pub values: Values<'a>,
}

/// The values of a tensor.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Weights and the like.
    Floats(&'a [f32]),
    /// Ids of rows.
    Ids(&'a [u64]),
}

/// Tensors as they lie in a file: wide types first, so that all are aligned, then by name. Equal ones give equal bytes in whatever order
/// they come.
///
/// ```
/// use trainyard_store::tensors::{Tensor, Tensors, Values};
///
/// let weights = Tensor { name: "weights".to_owned(), shape: vec![1, 2], values: Values::Floats(&[1.0, 2.0]) };
/// let mut file = Vec::new();
/// Tensors::new(None, vec![weights])?.write(&mut file)?;
/// assert!(file.ends_with(&[0, 0, 128, 63, 0, 0, 0, 64]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tensors<'a> {
    header: Vec<u8>,
    tensors: Vec<Tensor<'a>>,
}

impl<'a> Tensors<'a> {
    /// Lays tensors out, with what else is to be said of them.
    ///
    /// # Errors
    /// [`Error::Internal`] when two have one name, or a shape does not fit its values.
    pub fn new(metadata: Option<HashMap<String, String>>, mut tensors: Vec<Tensor<'a>>) -> Result<Self> {
        tensors.sort_by(|a, b| b.values.dtype().cmp(&a.values.dtype()).then_with(|| a.name.cmp(&b.name)));
        let mut names = BTreeSet::new();
        if let Some(Tensor { name, .. }) = tensors.iter().find(|tensor| !names.insert(&tensor.name)) {
            return Err(Error::Internal(format!("two tensors of a file have the name `{name}`")));
        }
        let header = header(metadata, &tensors).map_err(Error::Internal)?;
        Ok(Self { header, tensors })
    }

    /// Writes them.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&(self.header.len() as u64).to_le_bytes())?;
        out.write_all(&self.header)?;
        self.tensors.iter().try_for_each(|tensor| match tensor.values {
            Values::Floats(values) => write_chunks(out, values, |value| value.to_le_bytes()),
            Values::Ids(values) => write_chunks(out, values, |value| value.to_le_bytes()),
        })
    }
}

/// The header: JSON, with spaces after it so that the tensors are aligned.
fn header(metadata: Option<HashMap<String, String>>, tensors: &[Tensor<'_>]) -> Result<Vec<u8>, String> {
    let mut end = 0;
    let info = |tensor: &Tensor<'_>| {
        let start = end;
        end += tensor.values.bytes();
        let (dtype, shape) = (tensor.values.dtype(), tensor.shape.clone());
        (tensor.name.clone(), TensorInfo { dtype, shape, data_offsets: (start, end) })
    };
    let header = Metadata::new(metadata, tensors.iter().map(info).collect()).map_err(|error| error.to_string())?;
    let mut json = serde_json::to_vec(&header).map_err(|error| error.to_string())?;
    json.resize(json.len().next_multiple_of(8), b' ');
    Ok(json)
}

fn write_chunks<T: Copy, const N: usize>(
    out: &mut impl Write,
    values: &[T],
    to_bytes: impl Fn(T) -> [u8; N],
) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(CHUNK);
    for chunk in values.chunks(CHUNK / N) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|value| to_bytes(*value)));
        out.write_all(&bytes)?;
    }
    Ok(())
}

impl Values<'_> {
    fn dtype(self) -> Dtype {
        match self {
            Values::Floats(_) => Dtype::F32,
            Values::Ids(_) => Dtype::U64,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Values::Floats(values) => size_of_val(values),
            Values::Ids(values) => size_of_val(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::serialize;
    use safetensors::tensor::TensorView;

    fn tensor<'a>(name: &str, shape: &[usize], values: Values<'a>) -> Tensor<'a> {
        Tensor { name: name.to_owned(), shape: shape.to_vec(), values }
    }

    #[test]
    fn the_bytes_are_those_of_the_formats_own_library() {
        // More than a chunk of each, and none.
        let floats: Vec<f32> = (0..40_000).map(|i| i as f32 / 7.0).collect();
        let ids: Vec<u64> = (0..20_000).map(|i| i << 33 | i).collect();
        let bytes = |values: Values<'_>| match values {
            Values::Floats(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>(),
            Values::Ids(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        let tensors = [
            tensor("b", &[200, 200], Values::Floats(&floats)),
            tensor("c", &[0, 3], Values::Floats(&[])),
            tensor("d", &[20_000], Values::Ids(&ids)),
            tensor("a", &[], Values::Floats(&floats[..1])),
        ];
        let mut written = Vec::new();
        Tensors::new(None, tensors.to_vec()).unwrap().write(&mut written).unwrap();
        let data = tensors.clone().map(|tensor| bytes(tensor.values));
        let views = tensors.iter().zip(&data).map(|(tensor, data)| {
            (&tensor.name, TensorView::new(tensor.values.dtype(), tensor.shape.clone(), data).unwrap())
        });
        assert!(written == serialize(views, None).unwrap());
    }

    #[test]
    fn a_shape_that_does_not_fit_is_refused() {
        let tensor = tensor("a", &[3], Values::Floats(&[1.0, 2.0]));
        assert!(matches!(Tensors::new(None, vec![tensor]), Err(Error::Internal(_))));
    }

    #[test]
    fn two_of_one_name_are_refused() {
        let tensors = vec![tensor("a", &[1], Values::Floats(&[1.0])), tensor("a", &[1], Values::Ids(&[1]))];
        assert!(matches!(Tensors::new(None, tensors), Err(Error::Internal(_))));
    }
}
