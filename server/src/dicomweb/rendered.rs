//! Pictures of objects (PS3.18 section 10.4.1.1.3): JPEG or PNG.
//!
//! A mammogram is shown as the heat maps show it: through the first window that its file offers, in the file's own
//! coordinates. `window=centre,width[,linear|linear-exact|sigmoid]` shows it through another; `viewport=width,height
//! [,left,top,width,height]` fits it, or a part of it, into so many pixels, and never enlarges it: the pixels of a file
//! are all that there is to see. `quality` is that of a JPEG, 1 to 100.
//!
//! Invariant: a picture of pixels that break off is made only where the rule for their sender wants it
//! (`truncated_pixels`), and none leaves without [`INCOMPLETE`] at its foot, whatever part of it was asked for.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as Pairs, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, RgbImage};
use uvid_datasets::dicom::frame::Picture;
use uvid_datasets::dicom::{Missing, Object};
use uvid_exam::{Content, Window, WindowFunction};

use super::media::{Packing, wanted};
use super::wado::{first_image, frame_problem, not_acceptable, one, read};
use crate::http::{App, Path, Problem};
use crate::report::overlay;
use crate::store::index::Located;

/// Pixels of a picture's side.
const SIDE_MAX: u32 = 8_192;
/// Pixels of the picture between the two steps of a resizing, the source's width by the new height: 16 bytes each.
const BETWEEN_PIXELS_MAX: u64 = 16 << 20;
/// Pixels of a thumbnail's longer side, where the client does not say.
const THUMBNAIL_SIDE: u32 = 200;

/// What stands at the foot of a picture that is not whole.
const INCOMPLETE: &str = "INCOMPLETE";
/// Pixels that these letters take at least.
const INCOMPLETE_SIZE: (u32, u32) = (8 * INCOMPLETE.len() as u32, 10);

type Asked = Result<Pairs<Vec<(String, String)>>, QueryRejection>;
type Answer = Result<Response, Problem>;

pub(super) async fn instance(
    State(app): State<App>,
    Path((study, series, instance)): Path<(String, String, String)>,
    headers: HeaderMap,
    asked: Asked,
) -> Answer {
    let object = one(&app, &study, &series, &instance).await?;
    picture(&app, &headers, object, 1, View::parse(asked)?).await
}

pub(super) async fn frame(
    State(app): State<App>,
    Path((study, series, instance, frame)): Path<(String, String, String, String)>,
    headers: HeaderMap,
    asked: Asked,
) -> Answer {
    let object = one(&app, &study, &series, &instance).await?;
    let number = frame.parse().ok().filter(|number| *number > 0).ok_or_else(|| Problem::not_found("frame"))?;
    picture(&app, &headers, object, number, View::parse(asked)?).await
}

pub(super) async fn study_thumbnail(
    State(app): State<App>,
    Path(study): Path<String>,
    headers: HeaderMap,
    asked: Asked,
) -> Answer {
    let object = first_image(&app, &study, None).await?;
    picture(&app, &headers, object, 1, View::parse(asked)?.small()).await
}

pub(super) async fn series_thumbnail(
    State(app): State<App>,
    Path((study, series)): Path<(String, String)>,
    headers: HeaderMap,
    asked: Asked,
) -> Answer {
    let object = first_image(&app, &study, Some(&series)).await?;
    picture(&app, &headers, object, 1, View::parse(asked)?.small()).await
}

pub(super) async fn instance_thumbnail(
    State(app): State<App>,
    Path((study, series, instance)): Path<(String, String, String)>,
    headers: HeaderMap,
    asked: Asked,
) -> Answer {
    let object = one(&app, &study, &series, &instance).await?;
    picture(&app, &headers, object, 1, View::parse(asked)?.small()).await
}

/// How a picture is wanted (PS3.18 section 8.3.5).
#[derive(Debug, Clone, Default, PartialEq)]
struct View {
    window: Option<Window>,
    /// Width and height.
    size: Option<(u32, u32)>,
    /// Left, top, width and height of a part of the image.
    part: Option<[u32; 4]>,
    quality: Option<u8>,
}

impl View {
    fn parse(asked: Asked) -> Result<Self, Problem> {
        let invalid = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, "query-invalid", detail);
        let Pairs(pairs) = asked.map_err(|_| invalid("the query is no list of names and values"))?;
        let mut view = Self::default();
        for (name, value) in &pairs {
            match name.as_str() {
                "window" => {
                    let wrong = "window is centre,width and linear, linear-exact or sigmoid";
                    view.window = Some(window(value).ok_or_else(|| invalid(wrong))?);
                }
                "viewport" => {
                    let wrong = "viewport is width,height, and left,top,width,height of a part of the image";
                    (view.size, view.part) = viewport(value).ok_or_else(|| invalid(wrong))?;
                }
                "quality" => {
                    let quality = value.parse().ok().filter(|quality| (1..=100).contains(quality));
                    view.quality = Some(quality.ok_or_else(|| invalid("quality is a number from 1 to 100"))?);
                }
                // What is not known may be ignored (PS3.18 section 8.3.5).
                _ => {}
            }
        }
        Ok(view)
    }

    fn small(self) -> Self {
        Self { size: Some(self.size.unwrap_or((THUMBNAIL_SIDE, THUMBNAIL_SIDE))), ..self }
    }
}

fn window(value: &str) -> Option<Window> {
    let mut pieces = value.split(',').map(str::trim);
    let mut number = || pieces.next()?.parse::<f64>().ok().filter(|value| value.is_finite());
    let (center, width) = (number()?, number()?);
    let function = match pieces.next().map(str::to_ascii_lowercase).as_deref() {
        None | Some("linear") => WindowFunction::Linear,
        Some("linear-exact") => WindowFunction::LinearExact,
        Some("sigmoid") => WindowFunction::Sigmoid,
        Some(_) => return None,
    };
    let least = if function == WindowFunction::Linear { 1.0 } else { f64::MIN_POSITIVE };
    let valid = width >= least && pieces.next().is_none();
    valid.then_some(Window::Function { center, width, function, explanation: None })
}

type Viewport = (Option<(u32, u32)>, Option<[u32; 4]>);

fn viewport(value: &str) -> Option<Viewport> {
    let numbers: Option<Vec<u32>> = value.split(',').map(|text| text.trim().parse().ok()).collect();
    let (width, height, part) = match numbers?[..] {
        [width, height] => (width, height, None),
        [width, height, left, top, across, down] if across > 0 && down > 0 => {
            (width, height, Some([left, top, across, down]))
        }
        _ => return None,
    };
    let valid = (1..=SIDE_MAX).contains(&width) && (1..=SIDE_MAX).contains(&height);
    valid.then_some((Some((width, height)), part))
}

async fn picture(app: &App, headers: &HeaderMap, object: Located, number: usize, view: View) -> Answer {
    const MEDIA: [&str; 2] = ["image/jpeg", "image/png"];
    let media = wanted(headers).into_iter().find_map(|range| {
        let anything = range.essence == "*/*";
        let fits = |media: &&str| anything || range.takes(media, "", true) == Some(Packing::Single);
        MEDIA.into_iter().find(fits)
    });
    let media = media.ok_or_else(|| not_acceptable(&MEDIA))?;
    let shows = app.store().policy().senders.shows_truncated(object.sender.as_deref());
    let missing = if shows { Missing::Keep } else { Missing::Refuse };
    let draw = move |object: &mut Object<'_>| draw(object, number, &view, media, missing);
    let picture = read(app, object, draw).await??;
    Ok(([(CONTENT_TYPE, media)], picture).into_response())
}

fn draw(
    object: &mut Object<'_>,
    number: usize,
    view: &View,
    media: &str,
    missing: Missing,
) -> Result<Vec<u8>, Problem> {
    let (mut picture, whole) = displayed(object, number, view.window.as_ref(), missing)?;
    if let Some([left, top, width, height]) = view.part {
        if left >= picture.width() || top >= picture.height() {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "query-invalid", "that part is outside the image"));
        }
        // What reaches beyond the image ends at its edge.
        picture = picture.crop_imm(left, top, width, height);
    }
    if let Some((width, height)) = view.size {
        picture = fitted(picture, width, height)?;
    }
    if !whole {
        picture = marked(picture)?;
    }
    let mut out = Vec::new();
    let encoded = match media {
        "image/png" => {
            picture.write_with_encoder(PngEncoder::new_with_quality(&mut out, CompressionType::Fast, PngFilter::Sub))
        }
        _ => picture.write_with_encoder(JpegEncoder::new_with_quality(&mut out, view.quality.unwrap_or(90))),
    };
    encoded.map_err(|error| Problem::internal(&error))?;
    Ok(out)
}

/// A picture that has at most this width and height; one that has already stays as it is.
fn fitted(picture: DynamicImage, width: u32, height: u32) -> Result<DynamicImage, Problem> {
    if picture.width() <= width && picture.height() <= height {
        return Ok(picture);
    }
    // The new height is no more than both this one and the one at that width.
    let scaled = u64::from(picture.height()) * u64::from(width) / u64::from(picture.width().max(1));
    let new_height = u64::from(height).min(scaled).min(u64::from(picture.height())).max(1);
    if u64::from(picture.width()) * new_height > BETWEEN_PIXELS_MAX {
        let detail = format!(
            "the image's width by the new height is more than {BETWEEN_PIXELS_MAX} pixels; ask for a smaller viewport, \
             for a part of the image, or for all of it without a viewport"
        );
        return Err(Problem::new(StatusCode::BAD_REQUEST, "viewport-too-large", detail));
    }
    Ok(picture.resize(width, height, FilterType::Triangle))
}

/// With letters at its foot that say that it is not whole.
fn marked(picture: DynamicImage) -> Result<DynamicImage, Problem> {
    if picture.width() < INCOMPLETE_SIZE.0 || picture.height() < INCOMPLETE_SIZE.1 {
        let detail = "the image is incomplete, and there is no room to say so; ask for a larger part of it";
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "not-convertible", detail));
    }
    let mut picture = picture.into_rgb8();
    let (rows, columns) = (picture.height() as usize, picture.width() as usize);
    overlay::caption(&mut picture, rows, columns, &[INCOMPLETE]);
    Ok(picture.into())
}

/// A frame as it is shown, and whether nothing of it is missing.
fn displayed(
    object: &mut Object<'_>,
    number: usize,
    window: Option<&Window>,
    missing: Missing,
) -> Result<(DynamicImage, bool), Problem> {
    if number == 1
        && let Ok(received) = object.read()
        && let Content::Mammogram(mut image) = received.content
    {
        if let Some(window) = window {
            image.windows.insert(0, window.clone());
        }
        let (rows, columns) = image.file_size;
        return Ok((picture_of(rows, columns, 1, overlay::in_file_coordinates(&image))?, true));
    }
    let Picture { rows, columns, samples, bytes, whole } =
        object.picture(number, window, missing).map_err(frame_problem)?;
    Ok((picture_of(rows, columns, samples, bytes)?, whole))
}

fn picture_of(rows: usize, columns: usize, samples: usize, bytes: Vec<u8>) -> Result<DynamicImage, Problem> {
    let size = u32::try_from(columns).ok().zip(u32::try_from(rows).ok());
    let picture = size.and_then(|(width, height)| match samples {
        1 => GrayImage::from_raw(width, height, bytes).map(DynamicImage::from),
        _ => RgbImage::from_raw(width, height, bytes).map(DynamicImage::from),
    });
    picture.ok_or_else(|| Problem::internal(&"a picture has another size than its pixels"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_fitted_and_not_enlarged() {
        let check = |size: (u32, u32), viewport: (u32, u32), expected: Option<(u32, u32)>| {
            let found = fitted(DynamicImage::new_luma8(size.0, size.1), viewport.0, viewport.1);
            let found = found.ok().map(|picture| (picture.width(), picture.height()));
            assert_eq!(found, expected, "{size:?} in {viewport:?}");
        };
        check((100, 200), (50, 50), Some((25, 50)));
        check((100, 200), (50, 8192), Some((50, 100)));
        check((100, 200), (8192, 8192), Some((100, 200)));
        check((100, 200), (100, 200), Some((100, 200)));
        check((1, 8192), (8192, 1), Some((1, 1)));
        // 8 193 by 2 048 are a column more than there may be between the steps.
        check((8193, 4096), (8192, 2048), None);
        // All of a large image, without a change of its size.
        check((8193, 2100), (8193, 2100), Some((8193, 2100)));
    }

    #[test]
    fn a_picture_that_is_not_whole_says_so_or_is_not_given() {
        let white = |width, height| DynamicImage::ImageLuma8(GrayImage::from_pixel(width, height, image::Luma([255])));
        for (width, height) in [(80, 10), (81, 400), (2000, 3000)] {
            let picture = marked(white(width, height)).expect("room").into_rgb8();
            // Letters are white on a black foot: at least a tenth of it is either.
            let foot: Vec<u8> = picture.rows().rev().take(10).flatten().map(|pixel| pixel.0[0]).collect();
            let dark = foot.iter().filter(|value| **value == 0).count();
            assert!((foot.len() / 10..foot.len() * 99 / 100).contains(&dark), "{width} {height}: {dark}");
            assert_eq!((picture.width(), picture.height()), (width, height));
        }
        for (width, height) in [(79, 400), (400, 9), (1, 1)] {
            assert!(marked(white(width, height)).is_err());
        }
    }

    #[test]
    fn windows_and_viewports() {
        let check = |text: &str, expected: Option<(f64, f64, WindowFunction)>| {
            let expected = expected.map(|(center, width, function)| Window::Function {
                center,
                width,
                function,
                explanation: None,
            });
            assert_eq!(window(text), expected, "{text}");
        };
        check("40,400", Some((40.0, 400.0, WindowFunction::Linear)));
        check("40.5, 400,SIGMOID", Some((40.5, 400.0, WindowFunction::Sigmoid)));
        check("0,0.5,linear-exact", Some((0.0, 0.5, WindowFunction::LinearExact)));
        for wrong in ["", "1", "1,0", "1,0.5", "nan,1", "1,inf", "1,2,other", "1,2,linear,3"] {
            check(wrong, None);
        }
        assert_eq!(viewport("100,200"), Some((Some((100, 200)), None)));
        assert_eq!(viewport("100,200,1,2,3,4"), Some((Some((100, 200)), Some([1, 2, 3, 4]))));
        for wrong in ["", "100", "0,1", "1,99999", "1,2,3", "1,2,3,4,0,5", "a,b", "-1,2"] {
            assert_eq!(viewport(wrong), None, "{wrong}");
        }
    }
}
