//! What a file offers for display, as arithmetic: PS3.3 C.11.2.1.
//!
//! Order (PS3.4 N.2): stored values, modality rescale, value of interest, and only then the inversion that MONOCHROME1
//! or Presentation LUT Shape INVERSE asks for. Nothing here touches the pixels of a [`Mammogram`]: who wants to see
//! them through a window looks their values up in [`Mammogram::seen_through`].

use crate::Mammogram;

/// VOI LUT Function (0028,1056).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowFunction {
    /// PS3.3 C.11.2.1.2.1, with centre - 0.5 and width - 1.
    Linear,
    /// PS3.3 C.11.2.1.3.2, as one would expect.
    LinearExact,
    /// PS3.3 C.11.2.1.3.1.
    Sigmoid,
}

/// One value of interest transformation that the file offers for display. A model uses none unless its recipe says so.
#[derive(Debug, Clone, PartialEq)]
pub enum Window {
    /// Window Center (0028,1050), Width (0028,1051), in rescaled values.
    Function {
        /// Centre.
        center: f64,
        /// Width; at least 1 for LINEAR, above 0 for the others.
        width: f64,
        /// The curve.
        function: WindowFunction,
        /// Window Center & Width Explanation (0028,1055).
        explanation: Option<String>,
    },
    /// An item of the VOI LUT Sequence (0028,3010).
    Table {
        /// The rescaled value that the first entry belongs to.
        first: i32,
        /// Bits of each entry.
        bits: u16,
        /// The entries.
        entries: Vec<u16>,
        /// LUT Explanation (0028,3003).
        explanation: Option<String>,
    },
}

impl Window {
    /// A rescaled value through the window: 0 to 1.
    pub fn apply(&self, x: f64) -> f64 {
        match self {
            Self::Function { center, width, function, .. } => function.apply(*center, *width, x),
            Self::Table { first, bits, entries, .. } => {
                // PS3.3 C.11.2.1.1: values below the first one mapped get the first entry, those above the last, the
                // last.
                let last = entries.len().saturating_sub(1);
                let index = (x.round() - f64::from(*first)).clamp(0.0, last as f64) as usize;
                let full = f64::from(u16::MAX >> (16 - (*bits).clamp(1, 16)));
                (f64::from(entries.get(index).copied().unwrap_or_default()) / full).min(1.0)
            }
        }
    }
}

impl WindowFunction {
    /// The value `x` under centre `c` and width `w`. With ymin = 0 and ymax = 1:
    ///
    /// PS3.3 C.11.2.1.2.1 LINEAR: "if (x <= c - 0.5 - (w-1)/2), then y = ymin; else if (x > c - 0.5 + (w-1)/2), then
    /// y = ymax; else y = ((x - (c - 0.5)) / (w-1) + 0.5) * (ymax - ymin) + ymin".
    ///
    /// PS3.3 C.11.2.1.3.1 SIGMOID: "y = (ymax - ymin) / (1 + exp(-4 * (x - c) / w)) + ymin".
    ///
    /// PS3.3 C.11.2.1.3.2 LINEAR_EXACT: "if (x <= c - w/2), then y = ymin; else if (x > c + w/2), then y = ymax; else
    /// y = ((x - c) / w + 0.5) * (ymax - ymin) + ymin".
    pub fn apply(self, c: f64, w: f64, x: f64) -> f64 {
        match self {
            Self::Linear => {
                if x <= c - 0.5 - (w - 1.0) / 2.0 {
                    0.0
                } else if x > c - 0.5 + (w - 1.0) / 2.0 {
                    1.0
                } else {
                    (x - (c - 0.5)) / (w - 1.0) + 0.5
                }
            }
            Self::LinearExact => {
                if x <= c - w / 2.0 {
                    0.0
                } else if x > c + w / 2.0 {
                    1.0
                } else {
                    (x - c) / w + 0.5
                }
            }
            // libm, so that a picture has the same bytes on every machine.
            Self::Sigmoid => 1.0 / (1.0 + libm::exp(-4.0 * (x - c) / w)),
        }
    }
}

impl Mammogram {
    /// What each pixel value, from 0 to [`Pixels::max`](crate::Pixels::max), is shown as through a window of this
    /// image: 0 to 1, larger = brighter.
    pub fn seen_through(&self, window: &Window) -> Vec<f64> {
        let (pixels, rescale) = (&self.pixels, self.rescale);
        // Pixels are inverted where the photometric interpretation is, or the slope is negative, but not both.
        let invert = pixels.inverted() != (rescale.slope < 0.0);
        let seen = |pixel: u16| {
            let y = window.apply(rescale.slope * f64::from(pixels.stored(pixel)) + rescale.intercept);
            if invert { 1.0 - y } else { y }
        };
        (0..=pixels.max()).map(seen).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_rises_about_its_centre() {
        use WindowFunction::{Linear, LinearExact, Sigmoid};
        let check = |function: WindowFunction, x: f64, expected: f64| {
            let window = Window::Function { center: 100.0, width: 50.0, function, explanation: None };
            let found = window.apply(x);
            assert!((found - expected).abs() <= 1e-12, "{function:?} of {x}: {found}, expected {expected}");
        };
        check(Linear, 75.0, 0.0);
        check(Linear, 99.5, 0.5);
        check(Linear, 124.0, 1.0);
        check(Linear, 100.0, 0.5 / 49.0 + 0.5);
        check(LinearExact, 75.0, 0.0);
        check(LinearExact, 100.0, 0.5);
        check(LinearExact, 112.5, 0.75);
        check(LinearExact, 125.1, 1.0);
        check(Sigmoid, 100.0, 0.5);
        check(Sigmoid, 125.0, 1.0 / (1.0 + f64::exp(-2.0)));
        // A width of 1 is a step.
        assert_eq!([99.5, 99.6].map(|x| Linear.apply(100.0, 1.0, x)), [0.0, 1.0]);
    }

    #[test]
    fn a_table_holds_its_ends() {
        let table = Window::Table { first: 10, bits: 8, entries: vec![51, 102, 255], explanation: None };
        assert_eq!([-5.0, 10.4, 11.0, 12.0, 99.0].map(|x| table.apply(x)), [0.2, 0.2, 0.4, 1.0, 1.0]);
    }
}
