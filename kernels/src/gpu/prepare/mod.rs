//! From an image's stored integers to what a network sees, on the device.
//!
//! A [`Preparation`] is pure data: a rectangle of stored integers ([`Source`]) and what is to be done with it
//! ([`Steps`]). It is made by a model's recipe, which has already decided where the breast is and how far the image
//! reaches, costs little, and is carried out when the network runs: the rectangle goes up once, as 16-bit integers, and
//! kernels write the planes of f32 straight into the network's input.
//!
//! [`Preparation::on_host`] is the definition: the same numbers, one loop after the other. Every kernel gives its bits,
//! but for [`Steps::Cubic`], whose mean and deviation are sums of fractions in another order: each is within one unit
//! in its last place.
//!
//! For the executor: [`Kernels::of`] an open device, once; then, for each image, [`Preparation::enqueue`] with as many
//! bytes of pinned memory as [`staging_bytes`](Preparation::staging_bytes) and of device memory as
//! [`scratch_bytes`](Preparation::scratch_bytes). [`Gather`] cuts patches out of planes that are on the device.
//!
//! Invariant: a `Preparation` that exists is sound. Its rectangle lies in the image, its axes fit the rectangle, no
//! number in it is NaN or infinite, and so are none that it makes.

mod axis;
mod checks;
mod device;
mod gather;
mod host;
mod params;
mod stage;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

pub use axis::Axis;
pub(crate) use device::Kernels;
pub(crate) use gather::Gather;

/// A preparation that cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a preparation with {0}")]
pub struct Unsound(&'static str);

impl Unsound {
    fn unless(sound: bool, what: &'static str) -> Result<(), Self> {
        if sound { Ok(()) } else { Err(Self(what)) }
    }
}

/// A rectangle of an image's stored integers. The image is shared, not copied.
#[derive(Clone, PartialEq)]
pub struct Source {
    pixels: Arc<Vec<u16>>,
    stride: usize,
    top: usize,
    left: usize,
    rows: usize,
    columns: usize,
    mirrored: bool,
}

impl Source {
    /// These rows and columns, which may be none, of an image of `stride` columns, row-major; `mirrored`: their last
    /// column comes first.
    ///
    /// # Errors
    ///
    /// They are not all in the image.
    pub fn new(
        pixels: Arc<Vec<u16>>,
        stride: usize,
        rows: Range<usize>,
        columns: Range<usize>,
        mirrored: bool,
    ) -> Result<Self, Unsound> {
        let within = columns.end <= stride && rows.end.checked_mul(stride).is_some_and(|end| end <= pixels.len());
        Unsound::unless(within, "a rectangle that leaves the image")?;
        let empty = rows.is_empty() || columns.is_empty();
        let (height, width) = if empty { (0, 0) } else { (rows.len(), columns.len()) };
        Ok(Self { pixels, stride, top: rows.start, left: columns.start, rows: height, columns: width, mirrored })
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// These rows and columns of it, counted as it is shown: after the mirroring.
    ///
    /// # Errors
    ///
    /// It has fewer.
    pub fn part(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Self, Unsound> {
        let within = rows.end <= self.rows && columns.end <= self.columns;
        Unsound::unless(within, "a part that leaves its rectangle")?;
        let from = if self.mirrored { self.columns - columns.end } else { columns.start };
        let (top, left) = (self.top + rows.start, self.left + from);
        let pixels = Arc::clone(&self.pixels);
        Self::new(pixels, self.stride, top..top + rows.len(), left..left + columns.len(), self.mirrored)
    }

    /// A row, as it is stored.
    fn line(&self, row: usize) -> &[u16] {
        let start = (self.top + row) * self.stride + self.left;
        &self.pixels[start..start + self.columns]
    }

    /// The stored integer that is shown there.
    fn at(&self, row: usize, column: usize) -> u16 {
        let column = if self.mirrored { self.columns - 1 - column } else { column };
        self.pixels[(self.top + row) * self.stride + self.left + column]
    }
}

impl std::fmt::Debug for Source {
    /// Without the pixels.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rows, columns, top, left, mirrored, .. } = self;
        write!(f, "Source({rows}x{columns} from ({top}, {left}), mirrored: {mirrored})")
    }
}

/// What of an image is no tissue. A pixel is as much as it is above air; padding, and what is below, is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Air {
    /// The smallest value that is no padding.
    pub value: u16,
    /// The least and the most that is padding; none where the least is larger.
    pub padding: (u16, u16),
}

impl Air {
    /// How much a stored value is above air. Without a branch: every pixel is asked.
    pub fn above(self, v: u16) -> u16 {
        let padding = (self.padding.0 <= v) & (v <= self.padding.1);
        if padding { 0 } else { v.saturating_sub(self.value) }
    }
}

/// A picture that shows the source at a place, and 0 around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Rows and columns.
    pub size: [usize; 2],
    /// The source's first row and column.
    pub at: [usize; 2],
}

/// How a picture becomes another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Rows are summed first, then columns.
    RowsFirst,
    /// Columns are summed first, then rows.
    ColumnsFirst,
}

/// What is done with the source.
#[derive(Debug, Clone, PartialEq)]
pub enum Steps {
    /// A window of NYU's: above air, in a frame, less the mean, divided by the standard deviation (population, at least
    /// 1e-5) of all its pixels. Sums of pixels and of their squares are whole numbers; mean and deviation are each
    /// rounded to f64 and to f32.
    Window {
        /// What is 0.
        air: Air,
        /// The window.
        frame: Frame,
    },
    /// A window of BCC's at a random place: above air, in a frame, resampled in f32, columns first, and then as
    /// [`Steps::Window`], but with sums in f64, one pixel after the other.
    Cubic {
        /// What is 0.
        air: Air,
        /// The window before it is resampled.
        frame: Frame,
        /// From its rows to the window's.
        rows: Axis,
        /// From its columns to the window's.
        columns: Axis,
    },
    /// Mirai's input: through a curve, resampled in f64, columns first, each pass rounded to integers, halves upwards;
    /// mirrored if its left three quarters are brighter than its right three quarters; `(x - mean) / deviation` in f32.
    Triangle {
        /// What each of the 65536 stored values becomes.
        curve: Arc<[u16]>,
        /// From the source's rows to the input's.
        rows: Axis,
        /// From the source's columns to the input's.
        columns: Axis,
        /// Taken off.
        mean: f32,
        /// Divided by.
        deviation: f32,
    },
    /// An input of timm's: through a curve, resampled in f64, times `white`, as f32, on a canvas of 0; then each channel
    /// is `(v - mean) / deviation` in f32.
    Canvas {
        /// What each of the 65536 stored values becomes.
        curve: Arc<[f32]>,
        /// In which order it is resampled.
        filter: Filter,
        /// From the source's rows to the picture's.
        rows: Axis,
        /// From the source's columns to the picture's.
        columns: Axis,
        /// Rows and columns, and the picture's place.
        frame: Frame,
        /// The value of the brightest pixel.
        white: f64,
        /// Whether values lose what follows the decimal point.
        truncate: bool,
        /// The mean and the deviation of each channel, one to [`CHANNELS_MAX`].
        channels: Vec<(f32, f32)>,
    },
}

/// The most channels that a network takes.
pub const CHANNELS_MAX: usize = 4;

/// One image, and how it becomes the planes of a network's input.
#[derive(Debug, Clone, PartialEq)]
pub struct Preparation {
    source: Source,
    steps: Steps,
}

impl Preparation {
    /// Checks that it can be carried out.
    ///
    /// # Errors
    ///
    /// It cannot: see the module's invariant.
    pub fn new(source: Source, steps: Steps) -> Result<Self, Unsound> {
        checks::check(&source, &steps)?;
        Ok(Self { source, steps })
    }

    /// Channels, rows and columns of what it makes.
    pub fn shape(&self) -> [usize; 3] {
        match &self.steps {
            Steps::Window { frame, .. } => [1, frame.size[0], frame.size[1]],
            Steps::Cubic { rows, columns, .. } | Steps::Triangle { rows, columns, .. } => {
                [1, rows.outputs(), columns.outputs()]
            }
            Steps::Canvas { frame, channels, .. } => [channels.len(), frame.size[0], frame.size[1]],
        }
    }
}
