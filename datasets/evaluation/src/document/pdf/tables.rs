//! Tables: columns as wide as they need, rows over pages, the head again on each.

use std::borrow::Cow;

use crate::figure::drawing::{Area, Fill};
use crate::figure::font::Typeface;
use crate::figure::pdf::names::Alike;

use super::super::{Align, Prose, Table};
use super::lines::{Line, longest_word, wrap};
use super::pages::{BODY, LEFT, Pages, RULE, SOFT, TEXT};

/// Free room in a cell at each side, and above and beneath.
const SIDE: f64 = 4.0;
const AROUND: f64 = 3.0;
/// A table that is no higher, points, is kept on one page.
const TOGETHER: f64 = 180.0;
/// A row with more lines is cut.
const LINES_MAX: usize = 30;

/// Cells of a row, in lines.
type Cells = Vec<Vec<Line>>;

/// What all rows have in common.
struct Shape {
    size: f64,
    line: f64,
    /// Left edges and widths.
    columns: Vec<(f64, f64)>,
    aligns: Vec<Align>,
}

/// The table with a number after each name of a row that would be shown like another that is not the same, for want of its letters:
/// `Beograd (1)`, `Beograd (2)`.
fn told_apart(table: &Table) -> Cow<'_, Table> {
    let names: Vec<String> = table.rows.iter().map(|row| row.first().map_or_else(String::new, Prose::plain)).collect();
    let alike = Alike::of(names.iter().map(String::as_str));
    if alike.is_empty() {
        return Cow::Borrowed(table);
    }
    let mut table = table.clone();
    for (row, name) in table.rows.iter_mut().zip(&names) {
        if let (Some(cell), Some(number)) = (row.first_mut(), alike.number(name)) {
            *cell = std::mem::take(cell).text(format!(" ({number})"));
        }
    }
    Cow::Owned(table)
}

/// Writes a table.
pub(super) fn write(pages: &mut Pages<'_>, table: &Table, number: usize) {
    let table = &*told_apart(table);
    let count = table.columns();
    let title = Prose::new().bold(format!("Table {number}.")).text(format!(" {}", table.title));
    let whole = height(table, count);
    pages.room(if whole <= TOGETHER { whole } else { 70.0 });
    pages.prose(&title, 9.0, 12.5, TEXT, 0.0);
    pages.space(3.0);
    if count > 0 {
        let shape = shape(table, count);
        let head = shape.cells((0..count).map(|c| header(table, c)), Typeface::Bold);
        let groups = table.whole_groups();
        let mut begun = false;
        for row in &table.rows {
            let cell = |c| row.get(c).cloned().unwrap_or_default();
            for cells in pieces(shape.cells((0..count).map(cell), Typeface::Regular)) {
                let height = shape.height(&cells);
                let page = pages.done.len();
                pages.room(if begun { height } else { height + shape.head_height(&head, &groups) });
                if !begun || pages.done.len() != page {
                    shape.head(pages, &head, &groups);
                    begun = true;
                }
                shape.row(pages, &cells);
                let y = pages.y();
                pages.rectangle(
                    Area { x: LEFT, y: y - 0.25, width: shape.right() - LEFT, height: 0.5 },
                    None,
                    Some(Fill::solid(RULE)),
                );
            }
        }
        if !begun {
            shape.head(pages, &head, &groups);
        }
    }
    if !table.footnote.is_empty() {
        pages.space(3.0);
        pages.prose(&table.footnote, 8.0, 11.0, SOFT, 0.0);
    }
    pages.space(12.0);
}

/// The height of the whole table on one page, with its title and footnote.
fn height(table: &Table, count: usize) -> f64 {
    let note = wrap(&table.footnote, 8.0, Typeface::Regular, BODY).len() as f64 * 11.0;
    if count == 0 {
        return 16.0 + note;
    }
    let shape = shape(table, count);
    let head = shape.cells((0..count).map(|c| header(table, c)), Typeface::Bold);
    let rows = table.rows.iter().map(|row| {
        let cell = |c| row.get(c).cloned().unwrap_or_default();
        shape.height(&shape.cells((0..count).map(cell), Typeface::Regular))
    });
    16.0 + shape.head_height(&head, &table.whole_groups()) + rows.sum::<f64>() + 3.0 + note
}

fn header(table: &Table, column: usize) -> Prose {
    table.header.get(column).map_or_else(Prose::new, |(name, _)| Prose::from(name.as_str()))
}

/// Widths: what each column's cells need, or what can be given to them.
fn shape(table: &Table, count: usize) -> Shape {
    let size = match count {
        0..=7 => 8.5,
        8..=10 => 7.5,
        _ => 6.5,
    };
    let mut natural = vec![0.0f64; count];
    let mut least = vec![0.0f64; count];
    for c in 0..count {
        let head = (header(table, c), Typeface::Bold);
        let cells = table.rows.iter().filter_map(|row| row.get(c)).map(|cell| (cell.clone(), Typeface::Regular));
        for (prose, typeface) in std::iter::once(head).chain(cells) {
            let whole = wrap(&prose, size, typeface, f64::INFINITY).first().map_or(0.0, |line| line.width);
            natural[c] = natural[c].max(whole + 2.0 * SIDE + 0.5);
            least[c] = least[c].max(longest_word(&prose, size, typeface) + 2.0 * SIDE + 0.5);
        }
    }
    let fit = |widths: &[f64]| widths.iter().sum::<f64>() <= BODY;
    let widths = if fit(&natural) {
        natural
    } else if fit(&least) {
        level(&natural, &least)
    } else {
        // Not even words have room: the longest are cut.
        level(&least, &vec![0.0; count])
    };
    let mut x = LEFT;
    let mut columns = Vec::with_capacity(count);
    for width in widths {
        columns.push((x, width));
        x += width;
    }
    Shape { size, line: size * 1.3, columns, aligns: (0..count).map(|c| table.align(c)).collect() }
}

/// Narrow columns get what they need, so that an interval stays in one line; the wide ones are cut to one width, but for their
/// longest word. The width is found by halving: the sum grows with it.
fn level(natural: &[f64], least: &[f64]) -> Vec<f64> {
    let widths = |cap: f64| natural.iter().zip(least).map(move |(natural, least)| natural.min(cap.max(*least)));
    let (mut low, mut high) = (0.0, BODY);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if widths(middle).sum::<f64>() <= BODY { low = middle } else { high = middle }
    }
    widths(low).collect()
}

/// A row that is higher than a page can be, in pieces.
fn pieces(cells: Cells) -> Vec<Cells> {
    let most = cells.iter().map(Vec::len).max().unwrap_or(0);
    let piece = |from: usize| {
        let cut = |lines: &Vec<Line>| lines.iter().skip(from).take(LINES_MAX).cloned().collect();
        cells.iter().map(cut).collect()
    };
    (0..most.max(1)).step_by(LINES_MAX).map(piece).collect()
}

impl Shape {
    fn cells(&self, prose: impl Iterator<Item = Prose>, typeface: Typeface) -> Cells {
        let wrapped = |(cell, (_, width)): (Prose, &(f64, f64))| wrap(&cell, self.size, typeface, width - 2.0 * SIDE);
        prose.zip(&self.columns).map(wrapped).collect()
    }

    fn height(&self, cells: &Cells) -> f64 {
        let lines = cells.iter().map(Vec::len).max().unwrap_or(1).max(1);
        lines as f64 * self.line + 2.0 * AROUND
    }

    fn right(&self) -> f64 {
        self.columns.last().map_or(LEFT, |(x, width)| x + width)
    }

    /// Left edges, widths and lines of the groups' names.
    fn group_lines(&self, groups: &[(&str, usize)]) -> Vec<(f64, f64, Vec<Line>)> {
        let mut first = 0;
        let mut all = Vec::new();
        for (name, columns) in groups {
            let (from, to) = (self.columns[first], self.columns[first + columns - 1]);
            let width = to.0 + to.1 - from.0;
            let lines = wrap(&Prose::from(*name), self.size, Typeface::Bold, width - 2.0 * SIDE);
            all.push((from.0, width, lines));
            first += columns;
        }
        all
    }

    fn head_height(&self, head: &Cells, groups: &[(&str, usize)]) -> f64 {
        let lines = self.group_lines(groups).iter().map(|(.., lines)| lines.len()).max();
        self.height(head) + lines.map_or(0.0, |lines| lines as f64 * self.line + 2.0 * AROUND)
    }

    fn head(&self, pages: &mut Pages<'_>, head: &Cells, groups: &[(&str, usize)]) {
        let named = self.group_lines(groups);
        if let Some(lines) = named.iter().map(|(.., lines)| lines.len()).max() {
            let top = pages.y();
            let height = lines as f64 * self.line + 2.0 * AROUND;
            for ((x, width, lines), (name, _)) in named.iter().zip(groups) {
                for (i, line) in lines.iter().enumerate() {
                    let left = x + (width - line.width) / 2.0;
                    pages.line_at(line, left, top + AROUND + self.line * i as f64, self.size, self.line, TEXT);
                }
                if !name.is_empty() {
                    let under = Area { x: x + SIDE, y: top + height - 0.6, width: width - 2.0 * SIDE, height: 0.6 };
                    pages.rectangle(under, None, Some(Fill::solid(SOFT)));
                }
            }
            pages.down(height);
        }
        self.row(pages, head);
        let under = Area { x: LEFT, y: pages.y() - 0.5, width: self.right() - LEFT, height: 1.0 };
        pages.rectangle(under, None, Some(Fill::solid(SOFT)));
    }

    fn row(&self, pages: &mut Pages<'_>, cells: &Cells) {
        let top = pages.y() + AROUND;
        for ((lines, (x, width)), align) in cells.iter().zip(&self.columns).zip(&self.aligns) {
            for (i, line) in lines.iter().enumerate() {
                let left = match align {
                    Align::Left => x + SIDE,
                    Align::Right => x + width - SIDE - line.width,
                    Align::Centre => x + (width - line.width) / 2.0,
                };
                pages.line_at(line, left, top + self.line * i as f64, self.size, self.line, TEXT);
            }
        }
        pages.down(self.height(cells));
    }
}
