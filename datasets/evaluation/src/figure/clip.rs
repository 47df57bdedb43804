//! What of a line or an area lies within a rectangle.

use super::drawing::{Area, Place, at};

/// The pieces of a line within the area: Liang and Barsky (1984), segment by segment.
pub(crate) fn line(places: &[Place], area: Area) -> Vec<Vec<Place>> {
    let mut pieces: Vec<Vec<Place>> = Vec::new();
    let mut open = false;
    for pair in places.windows(2) {
        let Some((from, to, whole)) = segment(pair[0], pair[1], area) else {
            open = false;
            continue;
        };
        match pieces.last_mut() {
            Some(piece) if open => piece.push(to),
            Some(_) | None => pieces.push(vec![from, to]),
        }
        open = whole;
    }
    pieces
}

/// The part of a segment within the area, and whether it reaches its end.
fn segment(from: Place, to: Place, area: Area) -> Option<(Place, Place, bool)> {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    let sides =
        [(-dx, from.x - area.x), (dx, area.right() - from.x), (-dy, from.y - area.y), (dy, area.bottom() - from.y)];
    for (towards, distance) in sides {
        if towards == 0.0 {
            if distance < 0.0 {
                return None;
            }
        } else if towards < 0.0 {
            enter = enter.max(distance / towards);
        } else {
            leave = leave.min(distance / towards);
        }
    }
    if enter > leave {
        return None;
    }
    let along = |share: f64| inside(at(from.x + share * dx, from.y + share * dy), area);
    Some((along(enter), along(leave), leave >= 1.0))
}

/// An area's part within the rectangle: Sutherland and Hodgman (1974), edge by edge.
pub(crate) fn polygon(places: &[Place], area: Area) -> Vec<Place> {
    let edges: [fn(Place, Area) -> f64; 4] =
        [|p, a| p.x - a.x, |p, a| a.right() - p.x, |p, a| p.y - a.y, |p, a| a.bottom() - p.y];
    let mut kept = places.to_vec();
    for distance in edges {
        let all = std::mem::take(&mut kept);
        for (i, to) in all.iter().enumerate() {
            let from = all[(i + all.len() - 1) % all.len()];
            let (a, b) = (distance(from, area), distance(*to, area));
            if (a < 0.0) != (b < 0.0) {
                let share = a / (a - b);
                kept.push(at(from.x + share * (to.x - from.x), from.y + share * (to.y - from.y)));
            }
            if b >= 0.0 {
                kept.push(*to);
            }
        }
    }
    kept.into_iter().map(|place| inside(place, area)).collect()
}

/// The place, or the nearest one within the area: for what rounding has moved.
fn inside(place: Place, area: Area) -> Place {
    at(place.x.clamp(area.x, area.right()), place.y.clamp(area.y, area.bottom()))
}

/// Whether the place lies within, edges included, or next to it by rounding.
pub(crate) fn holds(area: Area, place: Place) -> bool {
    let slack = 1e-6;
    place.x >= area.x - slack
        && place.x <= area.right() + slack
        && place.y >= area.y - slack
        && place.y <= area.bottom() + slack
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Area = Area { x: 0.0, y: 0.0, width: 10.0, height: 10.0 };

    fn places(of: &[(f64, f64)]) -> Vec<Place> {
        of.iter().map(|(x, y)| at(*x, *y)).collect()
    }

    #[test]
    fn lines_are_cut_at_the_edges() {
        let check = |of: &[(f64, f64)], expected: &[&[(f64, f64)]]| {
            let expected: Vec<_> = expected.iter().map(|piece| places(piece)).collect();
            assert_eq!(line(&places(of), AREA), expected);
        };
        check(&[(1.0, 1.0), (9.0, 9.0)], &[&[(1.0, 1.0), (9.0, 9.0)]]);
        check(&[(-5.0, 5.0), (15.0, 5.0)], &[&[(0.0, 5.0), (10.0, 5.0)]]);
        check(&[(-5.0, -1.0), (15.0, -1.0)], &[]);
        check(
            &[(5.0, 5.0), (5.0, 15.0), (6.0, 15.0), (6.0, 5.0)],
            &[&[(5.0, 5.0), (5.0, 10.0)], &[(6.0, 10.0), (6.0, 5.0)]],
        );
    }

    #[test]
    fn areas_are_cut_at_the_edges() {
        let cut = polygon(&places(&[(5.0, 5.0), (15.0, 5.0), (15.0, 8.0), (5.0, 8.0)]), AREA);
        assert_eq!(cut, places(&[(5.0, 5.0), (10.0, 5.0), (10.0, 8.0), (5.0, 8.0)]));
        assert!(polygon(&places(&[(11.0, 1.0), (12.0, 1.0), (12.0, 2.0)]), AREA).is_empty());
    }
}
