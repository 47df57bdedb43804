//! A heat map over its image, as a PNG in the file's own coordinates.
//!
//! Pixel (r, c) of the picture is pixel (r, c) of the DICOM file, so a viewer can lay one over the other. The image is
//! shown by its first VOI transformation; the map is interpolated between the middles of its cells, and where the model
//! says nothing the image shows through. Lines at the foot say what the colours are, and what they are not for.

use font8x8::{BASIC_FONTS, UnicodeFonts};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use uvid_datasets::dicom;
use uvid_exam::{Affine, Content, Heatmap, Mammogram};

use super::json::HeatmapJson;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// The file cannot be read any more.
    #[error("the image cannot be read: {0}")]
    Read(#[from] dicom::ReadError),
    /// The file is no image that was scored.
    #[error("the file is no mammogram")]
    NoMammogram,
    /// The heat map's grid or its place in the image makes no sense.
    #[error("the heat map does not fit an image")]
    Map,
    /// The picture cannot be encoded.
    #[error("the picture cannot be encoded: {0}")]
    Encode(#[from] image::ImageError),
}

/// How strongly a value of 1 covers the image.
const OPACITY_MAX: f32 = 0.6;

impl From<&HeatmapJson> for Heatmap {
    fn from(map: &HeatmapJson) -> Self {
        Self {
            name: map.name.clone(),
            rows: map.rows,
            columns: map.columns,
            values: map.values.iter().map(|v| v.unwrap_or(f32::NAN)).collect(),
            to_file: Affine { row: map.to_file_row, column: map.to_file_column },
        }
    }
}

/// The overlay of a stored file and a stored heat map.
pub fn png(mut file: dicom::Object<'_>, map: &HeatmapJson) -> Result<Vec<u8>, OverlayError> {
    match file.read()?.content {
        Content::Mammogram(image) => draw(&image, &Heatmap::from(map)),
        Content::Listed(_) => Err(OverlayError::NoMammogram),
    }
}

/// The overlay of an image and a heat map.
pub fn draw(image: &Mammogram, map: &Heatmap) -> Result<Vec<u8>, OverlayError> {
    let from_file = map.to_file.inverse().ok_or(OverlayError::Map)?;
    if map.rows == 0 || map.columns == 0 || map.values.len() != map.rows * map.columns {
        return Err(OverlayError::Map);
    }
    let (rows, columns) = image.file_size;
    let grey = in_file_coordinates(image);
    let mut rgb = Vec::with_capacity(rows * columns * 3);
    for (i, g) in grey.iter().enumerate() {
        let (r, c) = ((i / columns) as f64 + 0.5, (i % columns) as f64 + 0.5);
        let (cell_row, cell_column) = from_file.apply(r, c);
        rgb.extend(blend(*g, sample(map, cell_row, cell_column)));
    }
    let colours = format!("{}: yellow 0, red 1", map.name);
    caption(&mut rgb, rows, columns, &["Research only,", "not for diagnosis.", &colours]);
    let mut out = Vec::new();
    let (width, height) = (u32::try_from(columns), u32::try_from(rows));
    let (Ok(width), Ok(height)) = (width, height) else { return Err(OverlayError::Map) };
    PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Sub).write_image(
        &rgb,
        width,
        height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(out)
}

/// The displayed image, laid out as in the file.
pub(crate) fn in_file_coordinates(image: &Mammogram) -> Vec<u8> {
    let shown = dicom::voi::display(image, (!image.windows.is_empty()).then_some(0));
    let (rows, columns) = image.file_size;
    let from_file = image.to_file.inverse();
    let Some(from_file) = from_file.filter(|_| image.to_file != Affine::IDENTITY) else { return shown };
    let pixel = |i: usize| {
        let (r, c) = from_file.apply((i / columns) as f64 + 0.5, (i % columns) as f64 + 0.5);
        let at = (r >= 0.0 && c >= 0.0).then(|| r as usize * image.pixels.columns() + c as usize);
        at.and_then(|at| shown.get(at)).copied().unwrap_or(0)
    };
    (0..rows * columns).map(pixel).collect()
}

/// The map at a point in cell coordinates, interpolated between cell middles; `None` where it says nothing.
pub(super) fn sample(map: &Heatmap, row: f64, column: f64) -> Option<f32> {
    let inside = (0.0..map.rows as f64).contains(&row) && (0.0..map.columns as f64).contains(&column);
    let at = |i: f64, j: f64| {
        let (i, j) = (i.clamp(0.0, map.rows as f64 - 1.0), j.clamp(0.0, map.columns as f64 - 1.0));
        map.values[i as usize * map.columns + j as usize]
    };
    if !inside || at(row.floor(), column.floor()).is_nan() {
        return None;
    }
    let (i, j) = ((row - 0.5).floor(), (column - 0.5).floor());
    let (u, v) = ((row - 0.5 - i) as f32, (column - 0.5 - j) as f32);
    let corners = [
        (at(i, j), (1.0 - u) * (1.0 - v)),
        (at(i, j + 1.0), (1.0 - u) * v),
        (at(i + 1.0, j), u * (1.0 - v)),
        (at(i + 1.0, j + 1.0), u * v),
    ];
    let known = corners.iter().filter(|(value, _)| !value.is_nan());
    let (sum, weight) = known.fold((0.0, 0.0), |(s, w), (value, k)| (s + value * k, w + k));
    (weight > 0.0).then(|| (sum / weight).clamp(0.0, 1.0))
}

/// Grey under a colour from yellow (0) to red (1) that covers more the higher the value is.
pub(super) fn blend(grey: u8, value: Option<f32>) -> [u8; 3] {
    let Some(value) = value else { return [grey; 3] };
    let alpha = OPACITY_MAX * value;
    let colour = [255.0, 230.0 * (1.0 - value), 20.0];
    colour.map(|c| (f32::from(grey) * (1.0 - alpha) + c * alpha).round() as u8)
}

/// White letters on black in the last rows, a line each, as large as the width allows. Where there is no room for all of
/// it, it is cut, or left out.
pub(crate) fn caption(rgb: &mut [u8], rows: usize, columns: usize, lines: &[&str]) {
    let longest = lines.iter().map(|line| line.len()).max().unwrap_or(1).max(1);
    let scale = (columns / (longest * 8)).clamp(1, 4);
    let height = 10 * scale;
    let Some(top) = rows.checked_sub(height * lines.len()) else { return };
    rgb[top * columns * 3..].fill(0);
    for (i, line) in lines.iter().enumerate() {
        for (k, letter) in line.chars().enumerate() {
            let Some(glyph) = BASIC_FONTS.get(letter) else { continue };
            let dots = (0..8).flat_map(|r| (0..8).map(move |c| (r, c)));
            for (dot_row, dot_column) in dots.filter(|(r, c)| glyph[*r] >> c & 1 == 1) {
                let (r, c) = (top + i * height + scale * (dot_row + 1), scale * (8 * k + dot_column));
                for y in r..r + scale {
                    for x in (c..c + scale).filter(|x| *x < columns) {
                        rgb[(y * columns + x) * 3..][..3].fill(255);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: Vec<f32>, rows: usize, columns: usize) -> Heatmap {
        Heatmap { name: "test".into(), rows, columns, values, to_file: Affine::IDENTITY }
    }

    #[test]
    fn the_map_is_interpolated_between_cell_middles() {
        let map = map(vec![0.0, 1.0, f32::NAN, 0.5], 2, 2);
        let check = |row: f64, column: f64, expected: Option<f32>| {
            let found = sample(&map, row, column);
            let close = match (found, expected) {
                (Some(f), Some(e)) => (f - e).abs() < 1e-6,
                (f, e) => f.is_none() && e.is_none(),
            };
            assert!(close, "({row}, {column}): {found:?}, expected {expected:?}");
        };
        check(0.5, 0.5, Some(0.0));
        check(0.5, 1.5, Some(1.0));
        check(0.5, 1.0, Some(0.5));
        check(0.0, 0.0, Some(0.0));
        check(1.5, 1.5, Some(0.5));
        // Nothing is said there, or it is outside.
        check(1.5, 0.5, None);
        check(-0.1, 0.5, None);
        check(0.5, 2.0, None);
    }

    #[test]
    fn colours_cover_what_is_high_and_leave_what_is_not_said() {
        assert_eq!(blend(100, None), [100; 3]);
        assert_eq!(blend(100, Some(0.0)), [100; 3]);
        let [r, g, b] = blend(100, Some(1.0));
        assert!(r > 150 && g < 60 && b < 80, "{r} {g} {b}");
    }
}
