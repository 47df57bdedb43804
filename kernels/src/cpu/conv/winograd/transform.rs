//! The matrices of F(4 x 4, 3 x 3), and their products with tiles.
//!
//! A 1-d convolution of 4 outputs with 3 taps is a product of polynomials, known from its values at 6 points: here 0,
//! ±a, ±b and infinity (Winograd 1980; Lavin and Gray 2016, arXiv:1509.09308; for the choice of points Barabasz et al.
//! 2020, arXiv:1803.10986). With a² and b² for the squares,
//!
//! ```text
//!      | a²b²   0    -a²-b²   0     1  0 |        | 1/a²b²                        |       | 1  1   1   1   1   0 |
//!      | 0    -ab²   -b²      a     1  0 |        | (1,  a, a²) / 2a²(a²-b²)      |  AT = | 0  a  -a   b  -b   0 |
//! BT = | 0     ab²   -b²     -a     1  0 |    G = | (1, -a, a²) / 2a²(a²-b²)      |       | 0  a²  a²  b²  b²  0 |
//!      | 0    -ba²   -a²      b     1  0 |        | (1,  b, b²) / 2b²(b²-a²)      |       | 0  a³ -a³  b³ -b³  1 |
//!      | 0     ba²   -a²     -b     1  0 |        | (1, -b, b²) / 2b²(b²-a²)      |
//!      | 0    a²b²    0    -a²-b²   0  1 |        | 0   0   1                     |
//! ```
//!
//! and the 4 x 4 outputs of a 6 x 6 patch d with the kernel g are `AT ((G g GT) * (BT d B)) A`.
//!
//! The points decide the error. Largest error of an f32 convolution over the sum of its absolute terms, inputs and
//! weights uniform in [-1, 1), 16 and 128 channels (direct summation: 1.9e-7, 1.7e-7):
//!
//! | a, b | 16 | 128 |
//! |---|---|---|
//! | 1, 2 | 9.5e-7 | 8.7e-7 |
//! | 1, 1/2 | 1.4e-6 | 1.0e-6 |
//! | 1/2, 3/2 | 4.5e-7 | 5.1e-7 |
//! | √(1/2), √2 | 3.4e-7 | 2.6e-7 |
//! | 2/3, 3/2 | 3.5e-7 | 2.5e-7 |
//! | **5/8, 3/2** | 3.3e-7 | 3.0e-7 |
//!
//! The last is taken: all its coefficients but those of G are f32s.

use super::super::super::lanes::Lanes;

/// Outputs of a tile, in each direction.
pub(super) const TILE: usize = 4;
/// Inputs of a tile, in each direction.
pub(super) const PATCH: usize = TILE + 2;
/// Products of a tile.
pub(super) const PRODUCTS: usize = PATCH * PATCH;

const A: f64 = 5.0 / 8.0;
const B: f64 = 3.0 / 2.0;

/// `G g GT`.
pub(super) fn kernel(g: [[f64; 3]; 3]) -> [[f64; PATCH]; PATCH] {
    let rows = g.map(kernel_1d);
    let columns: [[f64; PATCH]; PATCH] =
        std::array::from_fn(|column| kernel_1d(std::array::from_fn(|row| rows[row][column])));
    std::array::from_fn(|row| std::array::from_fn(|column| columns[column][row]))
}

fn kernel_1d(g: [f64; 3]) -> [f64; PATCH] {
    let at = |point: f64, other: f64| {
        let scale = 2.0 * point * point * (point * point - other * other);
        (g[0] + point * g[1] + point * point * g[2]) / scale
    };
    [g[0] / (A * A * B * B), at(A, B), at(-A, B), at(B, A), at(-B, A), g[2]]
}

/// `BT d`.
///
/// # Safety
///
/// The set of `V` is there.
#[inline(always)]
unsafe fn input_1d<V: Lanes>(d: [V; PATCH]) -> [V; PATCH] {
    const A2: f64 = A * A;
    const B2: f64 = B * B;
    // SAFETY: the caller's.
    unsafe {
        let c = |value: f64| V::splat(value as f32);
        let (even_a, odd_a) = (d[2].mul_add(c(-B2), d[4]), d[1].mul_add(c(-B2), d[3]));
        let (even_b, odd_b) = (d[2].mul_add(c(-A2), d[4]), d[1].mul_add(c(-A2), d[3]));
        [
            d[2].mul_add(c(-A2 - B2), d[0].mul_add(c(A2 * B2), d[4])),
            odd_a.mul_add(c(A), even_a),
            odd_a.mul_add(c(-A), even_a),
            odd_b.mul_add(c(B), even_b),
            odd_b.mul_add(c(-B), even_b),
            d[3].mul_add(c(-A2 - B2), d[1].mul_add(c(A2 * B2), d[5])),
        ]
    }
}

/// `AT m`.
///
/// # Safety
///
/// The set of `V` is there.
#[inline(always)]
unsafe fn output_1d<V: Lanes>(m: [V; PATCH]) -> [V; TILE] {
    // SAFETY: the caller's.
    unsafe {
        let c = |value: f64| V::splat(value as f32);
        let (even_a, odd_a) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (even_b, odd_b) = (m[3].add(m[4]), m[3].sub(m[4]));
        [
            m[0].add(even_a).add(even_b),
            odd_a.mul_add(c(A), odd_b.mul(c(B))),
            even_a.mul_add(c(A * A), even_b.mul(c(B * B))),
            odd_a.mul_add(c(A * A * A), odd_b.mul_add(c(B * B * B), m[5])),
        ]
    }
}

/// A column of rows, or a row of columns.
#[inline(always)]
fn across<V: Copy, const N: usize>(lines: &[[V; N]; PATCH], at: usize) -> [V; PATCH] {
    let [a, b, c, d, e, f] = lines;
    [a[at], b[at], c[at], d[at], e[at], f[at]]
}

/// `BT d B` of the patch whose rows and pixels lie so many values apart; the products' factors, so many values apart.
///
/// # Safety
///
/// The set of `V` is there; the patch can be read, the factors can be written.
#[inline(always)]
pub(super) unsafe fn input<V: Lanes>(patch: *const f32, row: usize, pixel: usize, to: *mut f32, apart: usize) {
    // SAFETY: the caller's.
    unsafe {
        let mut d = [[V::splat(0.0); PATCH]; PATCH];
        for (r, d) in d.iter_mut().enumerate() {
            let mut line = [V::splat(0.0); PATCH];
            for (c, value) in line.iter_mut().enumerate() {
                *value = V::load(patch.add(r * row + c * pixel));
            }
            *d = input_1d(line);
        }
        for c in 0..PATCH {
            for (r, value) in input_1d(across(&d, c)).into_iter().enumerate() {
                value.store(to.add((r * PATCH + c) * apart));
            }
        }
    }
}

/// `AT m A` of products that lie so many values apart.
///
/// # Safety
///
/// The set of `V` is there; the products can be read.
#[inline(always)]
pub(super) unsafe fn output<V: Lanes>(from: *const f32, apart: usize) -> [[V; TILE]; TILE] {
    // SAFETY: the caller's.
    unsafe {
        let mut columns = [[V::splat(0.0); TILE]; PATCH];
        for (c, column) in columns.iter_mut().enumerate() {
            let mut m = [V::splat(0.0); PATCH];
            for (r, value) in m.iter_mut().enumerate() {
                *value = V::load(from.add((r * PATCH + c) * apart));
            }
            *column = output_1d(m);
        }
        let mut y = [[V::splat(0.0); TILE]; TILE];
        for (r, y) in y.iter_mut().enumerate() {
            *y = output_1d(across(&columns, r));
        }
        y
    }
}
