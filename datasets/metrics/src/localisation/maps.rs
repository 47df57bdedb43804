//! Heat maps and outlines: the pointing game (Zhang et al. 2016) and mean IoU.

use super::{Point, Region};
use crate::rounding::difference;
use crate::sample::{finite, same_length};
use crate::{Clusters, Estimate, Result, Undefined};

/// Whether the maximum of a heat map, row by row, lies in a region: 1 or 0. Where several pixels have the largest value, the
/// share of their centres that do.
///
/// ```
/// use uvid_metrics::localisation::{Rectangle, Region, maps};
///
/// let lesion = Region::Rectangle(Rectangle::new(1., 0., 3., 1.)?);
/// assert_eq!(maps::pointing(&[0.1, 0.2, 0.9, 0.4], 4, &lesion)?, 1.0);
/// assert_eq!(maps::pointing(&[0.9, 0.2, 0.9, 0.4], 4, &lesion)?, 0.5);
/// # Ok::<(), uvid_metrics::Undefined>(())
/// ```
///
/// # Errors
///
/// [`Undefined::Empty`], [`Undefined::Length`] where rows are not whole, [`Undefined::Value`] for a pixel that is not finite,
/// and [`Undefined::Parameter`] where the map is not as wide and high as a mask's image.
pub fn pointing(map: &[f64], width: usize, region: &Region) -> Result<f64> {
    if map.is_empty() || width == 0 {
        return Err(Undefined::Empty("pixels of the map"));
    }
    same_length("pixels of the map", map.len().div_ceil(width) * width, map.len())?;
    finite("the map's pixel", map)?;
    if let Region::Mask(mask) = region {
        let sizes = [("the map's width", width, mask.width()), ("the map's height", map.len() / width, mask.height())];
        if let Some((what, found, _)) = sizes.into_iter().find(|(_, found, expected)| found != expected) {
            return Err(Undefined::Parameter { what, value: found as f64, domain: "that of the mask's image" });
        }
    }
    let largest = map.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let maxima: Vec<usize> = (0..map.len()).filter(|pixel| map[*pixel] == largest).collect();
    let centre = |pixel: usize| Point { x: (pixel % width) as f64 + 0.5, y: (pixel / width) as f64 + 0.5 };
    let within = maxima.iter().filter(|pixel| region.contains(centre(**pixel))).count();
    Ok(within as f64 / maxima.len() as f64)
}

/// The mean over images of hits ([`pointing`]) or of IoUs, with a standard error by the jackknife over images or clusters;
/// over images it is that of a mean.
///
/// # Errors
///
/// [`Undefined::Value`] for one that is not from 0 to 1, [`Undefined::Length`], [`Undefined::TooFew`] images or clusters.
pub fn mean(of_images: &[f64], clusters: Option<&Clusters>) -> Result<Estimate> {
    crate::sample::probabilities("the image's value", of_images)?;
    let each = Clusters::each(of_images.len());
    let clusters = clusters.unwrap_or(&each);
    same_length("clusters", of_images.len(), clusters.rows())?;
    let groups = clusters.count();
    if groups < 2 {
        return Err(Undefined::TooFew { what: "images or clusters", found: groups, needed: 2 });
    }
    let mut parts = vec![(0.0, 0.0); groups];
    for (row, value) in of_images.iter().enumerate() {
        let (sum, count) = &mut parts[clusters.of_row(row)];
        *sum += value;
        *count += 1.0;
    }
    let (sum, count) = (of_images.iter().sum::<f64>(), of_images.len() as f64);
    let without: Vec<f64> = parts.iter().map(|(s, n)| (sum - s) / (count - n)).collect();
    let n = groups as f64;
    let middle = without.iter().sum::<f64>() / n;
    let spread: f64 = without.iter().map(|value| difference(*value, middle).powi(2)).sum();
    Ok(Estimate { value: sum / count, standard_error: ((n - 1.0) / n * spread).sqrt() })
}
