//! Midranks: equal values share the mean of their places.

/// The midrank of each value, from 1, and the order that sorts them. Values must not be NaN.
///
/// ```
/// let (ranks, order) = uvid_metrics::ranks::midranks(&[0.5, 0.2, 0.5]);
/// assert_eq!(ranks, [2.5, 1.0, 2.5]);
/// assert_eq!(order[0], 1);
/// ```
pub fn midranks(values: &[f64]) -> (Vec<f64>, Vec<usize>) {
    let order = order(values);
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = before as f64 + (tied.len() + 1) as f64 / 2.0;
        for row in tied {
            ranks[*row] = rank;
        }
        before += tied.len();
    }
    (ranks, order)
}

/// The order that sorts values, smallest first; equal ones stay in theirs.
pub fn order(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    // 0.0 and -0.0 are equal values, which `total_cmp` would tell apart.
    order.sort_by(|a, b| (values[*a] + 0.0).total_cmp(&(values[*b] + 0.0)));
    order
}
