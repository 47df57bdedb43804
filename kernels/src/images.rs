//! Images, where the network that looks at them runs.
//!
//! Invariant: what is prepared on a device is never read back; a network elsewhere cannot be given it.

use candle_core::{Device, Tensor};

use crate::gpu::DeviceImages;
use crate::gpu::prepare::Preparation;

/// One input of a network: (N, channels, rows, columns), or (N, channels).
#[derive(Debug)]
pub struct Images(pub(crate) Where);

#[derive(Debug)]
pub(crate) enum Where {
    Host(Tensor),
    Device(DeviceImages),
}

impl From<Tensor> for Images {
    fn from(tensor: Tensor) -> Self {
        Self(Where::Host(tensor))
    }
}

impl Images {
    /// What preparations of one shape make, carried out here.
    pub(crate) fn on_host(preparations: &[&Preparation]) -> candle_core::Result<Self> {
        let [channels, rows, columns] = one_shape(preparations)?;
        let values: Vec<f32> = preparations.iter().flat_map(|p| p.on_host()).collect();
        Ok(Tensor::from_vec(values, (preparations.len(), channels, rows, columns), &Device::Cpu)?.into())
    }

    /// N, and the rest of the shape.
    pub fn dims(&self) -> &[usize] {
        match &self.0 {
            Where::Host(tensor) => tensor.dims(),
            Where::Device(images) => images.dims(),
        }
    }

    /// Square patches of images of one channel: (N * places, 1, size, size), image after image. `places` are first rows
    /// and columns, as many for each image.
    ///
    /// # Errors
    ///
    /// A patch leaves its image, the places are not as many for each image, or a device fails.
    pub fn patches(&self, places: &[Vec<(usize, usize)>], size: usize) -> candle_core::Result<Self> {
        let &[n, 1, rows, columns] = self.dims() else { candle_core::bail!("patches are cut out of one channel") };
        let count = places.first().map_or(0, Vec::len);
        let inside = |(row, column): &(usize, usize)| row + size <= rows && column + size <= columns;
        if places.len() != n || count == 0 || !places.iter().all(|p| p.len() == count && p.iter().all(inside)) {
            candle_core::bail!("the patches are not in the images");
        }
        match &self.0 {
            Where::Host(tensor) => {
                let cut =
                    places.iter().enumerate().flat_map(|(image, places)| places.iter().map(move |at| (image, at)));
                let patch = |(image, (row, column)): (usize, &(usize, usize))| {
                    tensor.narrow(0, image, 1)?.narrow(2, *row, size)?.narrow(3, *column, size)
                };
                let cut = cut.map(patch).collect::<candle_core::Result<Vec<_>>>()?;
                Ok(Tensor::cat(&cut, 0)?.into())
            }
            Where::Device(images) => Ok(Self(Where::Device(images.patches(places, size)?))),
        }
    }
}

/// The shape that all of them make.
pub(crate) fn one_shape(preparations: &[&Preparation]) -> candle_core::Result<[usize; 3]> {
    match preparations.iter().map(|p| p.shape()).reduce(|a, b| if a == b { a } else { [0; 3] }) {
        Some(shape) if shape != [0; 3] => Ok(shape),
        Some(_) | None => candle_core::bail!("images that are prepared together are of one size"),
    }
}
