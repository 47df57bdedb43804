//! From a mammogram to the 16-bit image that the authors' code makes of its file.
//!
//! The authors convert DICOM to 16-bit PNG with DCMTK's dcmj2pnm, on which the network was trained, or with pydicom.
//! Both routes are reproduced bit for bit, in f64. Numbers are rescaled values of the file, before any inversion.
//!
//! A file whose Manufacturer (0008,0070) holds "GE" goes through the first item of its VOI LUT Sequence, if it has
//! one. By dcmtk, one whose Series Description (0008,103E) holds "C-View" and that has such a sequence goes through the
//! window 540, 580. All others are stretched from their smallest to their largest value: the file's own windows, and
//! Pixel Padding Value (0028,0120), are not looked at.
//!
//! MONOCHROME1 is inverted by dcmtk and not by pydicom, of which [`super::prepare`]'s gate takes care. Where the sum
//! or the difference of the extremes exceeds 16 bits, the authors' code overflows with numpy 2; this does not.

use serde::{Deserialize, Serialize};
use uvid_exam::{Mammogram, SeriesDescription, Window, extremes};

/// Which of the authors' two decoders is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// DCMTK's dcmj2pnm, the one that made the training images.
    Dcmtk,
    /// pydicom with `window_method = "minmax"`.
    Pydicom,
}

/// The largest value of the image that is made.
const FULL: f64 = 65535.0;

/// Whether the file's photometric interpretation says that larger is darker.
pub(super) fn monochrome1(image: &Mammogram) -> bool {
    image.pixels.inverted() != (image.rescale.slope < 0.0)
}

/// The 16-bit image, row-major, of the mammogram's rows and columns.
pub fn decode(image: &Mammogram, route: Route) -> Vec<u16> {
    let curve = curve(image, route);
    image.pixels.values().iter().map(|p| curve[usize::from(*p)]).collect()
}

/// What it makes of each of the 65536 values of a pixel.
pub fn curve(image: &Mammogram, route: Route) -> Vec<u16> {
    let (pixels, rescale) = (&image.pixels, image.rescale);
    let rescaled = |pixel: u16| rescale.slope * f64::from(pixels.stored(pixel)) + rescale.intercept;
    let (least, most) = extremes(pixels.values(), None).unwrap_or_default();
    let ends = (rescaled(least), rescaled(most));
    let extremes = (ends.0.min(ends.1), ends.0.max(ends.1));
    // Pixels are inverted where the photometric interpretation is, or the slope is negative, but not both.
    let inverted = monochrome1(image) && route == Route::Dcmtk;
    let look = Look::of(image, route);
    (0..=u16::MAX).map(|p| look.apply(rescaled(p), extremes, route, inverted)).collect()
}

/// What a file is looked at through.
enum Look<'a> {
    /// A VOI LUT.
    Table { first: i32, bits: u16, entries: &'a [u16] },
    /// The window that dcmj2pnm is given for Hologic's synthetic images.
    CView,
    /// From the smallest to the largest value.
    MinMax,
}

impl<'a> Look<'a> {
    fn of(image: &'a Mammogram, route: Route) -> Self {
        let table = image.windows.iter().find_map(|window| match window {
            Window::Table { first, bits, entries, .. } => Some(Self::Table { first: *first, bits: *bits, entries }),
            Window::Function { .. } => None,
        });
        let holds = |text: Option<&str>, part: &str| text.is_some_and(|t| t.contains(part));
        let description = image.series_description.as_ref().map(SeriesDescription::reveal);
        match (table, route) {
            (Some(table), _) if holds(image.manufacturer.as_deref(), "GE") => table,
            (Some(_), Route::Dcmtk) if holds(description, "C-View") => Self::CView,
            _ => Self::MinMax,
        }
    }

    /// The 16-bit value of `x`, what is left of the point cut off.
    fn apply(&self, x: f64, (least, most): (f64, f64), route: Route, inverted: bool) -> u16 {
        let (low, high) = if inverted { (FULL, 0.0) } else { (0.0, FULL) };
        let y = match (self, route) {
            (Self::Table { first, bits, entries }, Route::Dcmtk) => {
                low + looked_up(x, *first, entries) * (high - low + 1.0) / f64::from(*bits).exp2()
            }
            (Self::Table { first, bits, entries }, Route::Pydicom) => {
                looked_up(x, *first, entries) * (16.0 - f64::from(*bits)).exp2()
            }
            (Self::CView, _) => dcmtk_window(x, 540.0, 580.0 - 1.0, low, high),
            (Self::MinMax, _) if most <= least => 0.0,
            (Self::MinMax, Route::Dcmtk) => dcmtk_window(x, (least + most + 1.0) / 2.0, most - least, low, high),
            (Self::MinMax, Route::Pydicom) => pydicom_window(x, (least + most + 1.0) / 2.0 - 0.5, most - least),
        };
        // A cast of a float cuts off what is behind the point, and saturates.
        y as u16
    }
}

/// The entry of a value: the first below the table, the last above it.
fn looked_up(x: f64, first: i32, entries: &[u16]) -> f64 {
    let last = entries.len().saturating_sub(1);
    let index = (x - f64::from(first)).clamp(0.0, last as f64) as usize;
    f64::from(entries.get(index).copied().unwrap_or_default())
}

/// PS3.3 C.11.2.1.2.1 LINEAR as DCMTK computes it; `w1` is the width less 1. The order of the operations decides the
/// last bit, hence the value that is cut off.
fn dcmtk_window(x: f64, centre: f64, w1: f64, low: f64, high: f64) -> f64 {
    let (left, right) = (centre - 0.5 - w1 / 2.0, centre - 0.5 + w1 / 2.0);
    let gradient = (high - low) / w1;
    let offset = high - ((centre - 0.5) / w1 + 0.5) * (high - low);
    if x <= left {
        low
    } else if x > right {
        high
    } else {
        offset + x * gradient
    }
}

/// The same as the authors compute it with numpy.
fn pydicom_window(x: f64, centre: f64, width: f64) -> f64 {
    if x <= centre - width / 2.0 {
        0.0
    } else if x > centre + width / 2.0 {
        FULL
    } else {
        ((x - centre) / width + 0.5) * FULL
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uvid_exam::{Pixels, Rescale};

    fn image(stored: &[u16], change: impl FnOnce(&mut Mammogram)) -> Mammogram {
        let pixels = Pixels::new(1, stored.len(), 0..=4095, false, stored.to_vec()).expect("pixels");
        let uid = |text: &str| text.to_owned();
        let study = (uid("1.2").parse().expect("uid"), uid("1.3").parse().expect("uid"));
        let object = (uid("1.4").parse().expect("uid"), uid("1.5").parse().expect("uid"));
        let mut image = Mammogram::of_pixels(study, object, pixels);
        change(&mut image);
        image
    }

    fn table() -> Window {
        Window::Table { first: 1, bits: 12, entries: vec![5, 7, 9], explanation: None }
    }

    #[test]
    fn each_route_looks_at_a_file_in_its_own_way() {
        let check = |change: fn(&mut Mammogram), dcmtk: [u16; 4], pydicom: [u16; 4]| {
            let image = image(&[0, 1, 2, 4095], change);
            assert_eq!(decode(&image, Route::Dcmtk), dcmtk);
            assert_eq!(decode(&image, Route::Pydicom), pydicom);
        };
        let stretched = [0, 16, 32, 65535];
        check(|_| (), stretched, stretched);
        check(|m| m.windows = vec![table()], stretched, stretched);
        let ge = |m: &mut Mammogram| {
            m.manufacturer = Some("GE MEDICAL SYSTEMS".into());
            m.windows = vec![table()];
        };
        check(ge, [80, 80, 112, 144], [80, 80, 112, 144]);
        // Without the sequence, GE is like all others.
        check(|m| m.manufacturer = Some("GE".into()), stretched, stretched);
        let c_view = |m: &mut Mammogram| {
            m.series_description = SeriesDescription::new("L CC C-View");
            m.windows = vec![table()];
        };
        // From 250 to 829.
        check(c_view, [0, 0, 0, 65535], stretched);
    }

    #[test]
    fn a_negative_slope_is_undone_like_monochrome1_but_not_twice() {
        // Stored 3, 1, 0 of 0..=3 with slope -1: rescaled -3, -1, 0; larger stored values are darker.
        let pixels = Pixels::new(1, 3, 0..=3, true, vec![0, 2, 3]).expect("pixels");
        let image = image(&[0], |m| {
            m.pixels = pixels;
            m.rescale = Rescale { slope: -1.0, intercept: 0.0 };
        });
        assert_eq!(decode(&image, Route::Dcmtk), [0, 43690, 65535]);
        assert_eq!(decode(&image, Route::Pydicom), [0, 43690, 65535]);
    }

    #[test]
    fn one_value_is_black() {
        for route in [Route::Dcmtk, Route::Pydicom] {
            assert_eq!(decode(&image(&[7, 7], |_| ()), route), [0, 0]);
        }
    }
}
