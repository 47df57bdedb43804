//! Pages as a file: heads and feet, outline, links.

use pdf_writer::types::{ActionType, AnnotationType};
use pdf_writer::{Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use crate::figure::drawing::{Anchor, Area, Drawing, Place};
use crate::figure::font::{Typeface, legible};
use crate::figure::pdf::{Numbers, Painter, Shared, write_resources};
use crate::figure::wrap::shortened;

use super::super::Document;
use super::pages::{BODY, Bookmark, HEIGHT, LEFT, Pages, SOFT, WIDTH};

/// The file.
pub(super) fn write(pages: &Pages<'_>, document: &Document) -> Vec<u8> {
    let (mut pdf, mut numbers, mut shared) = (Pdf::new(), Numbers::new(), Shared::default());
    let [catalog, tree, info] = std::array::from_fn(|_| numbers.next());
    let count = pages.all().count();
    let ids: Vec<Ref> = (0..count).map(|_| numbers.next()).collect();
    let contents: Vec<Vec<u8>> = pages
        .all()
        .enumerate()
        .map(|(i, page)| {
            let mut painter = Painter::new(&mut shared);
            painter.draw(&page.drawing, (0.0, HEIGHT), 1.0);
            painter.draw(&margins(document, i + 1, count), (0.0, HEIGHT), 1.0);
            for (place, scale, figure) in &page.figures {
                painter.figure(figure, (place.x, HEIGHT - place.y), *scale);
            }
            painter.finish()
        })
        .collect();
    let resources = write_resources(&mut pdf, &shared, &mut numbers);
    for ((page, id), content) in pages.all().zip(&ids).zip(contents) {
        let content_id = numbers.next();
        pdf.stream(content_id, &content).filter(Filter::FlateDecode);
        let links: Vec<Ref> = page.links.iter().map(|(area, url)| link(&mut pdf, &mut numbers, *area, url)).collect();
        let mut object = pdf.page(*id);
        object.parent(tree).media_box(Rect::new(0.0, 0.0, WIDTH as f32, HEIGHT as f32)).contents(content_id);
        object.pair(Name(b"Resources"), resources);
        if !links.is_empty() {
            object.annotations(links);
        }
    }
    pdf.pages(tree).kids(ids.iter().copied()).count(i32::try_from(count).unwrap_or(i32::MAX));
    let outline = outline(&mut pdf, &mut numbers, &pages.bookmarks, &ids);
    let mut object = pdf.catalog(catalog);
    object.pages(tree).lang(TextStr("en"));
    object.viewer_preferences().display_doc_title(true);
    if let Some(outline) = outline {
        object.outlines(outline);
    }
    object.finish();
    pdf.document_info(info)
        .title(TextStr(&document.title))
        .subject(TextStr(&document.subtitle))
        .creator(TextStr("Uvid"))
        .producer(TextStr("Uvid"));
    pdf.finish()
}

/// The head from the second page on, and the foot with the page's number.
fn margins(document: &Document, page: usize, count: usize) -> Drawing {
    let mut drawing = Drawing::new(WIDTH, HEIGHT);
    let fit = |text: &str, room: f64| shortened(text, 8.0, Typeface::Regular, room);
    if page > 1 {
        let title = format!("{} – {}", document.title, document.subtitle);
        let title = if document.subtitle.is_empty() { document.title.as_str() } else { title.as_str() };
        drawing.text(Place { x: LEFT, y: 40.0 }, fit(title, BODY), 8.0, Anchor::Start, SOFT);
    }
    let (left, right) = (Place { x: LEFT, y: HEIGHT - 34.0 }, Place { x: LEFT + BODY, y: HEIGHT - 34.0 });
    drawing.text(left, "Uvid, for research only", 8.0, Anchor::Start, SOFT);
    drawing.text(right, format!("Page {page} of {count}"), 8.0, Anchor::End, SOFT);
    drawing
}

fn link(pdf: &mut Pdf, numbers: &mut Numbers, area: Area, url: &str) -> Ref {
    let id = numbers.next();
    let mut annotation = pdf.annotation(id);
    let [left, bottom, right, top] = [area.x, HEIGHT - area.bottom() - 2.0, area.right(), HEIGHT - area.y];
    annotation.subtype(AnnotationType::Link).rect(Rect::new(left as f32, bottom as f32, right as f32, top as f32));
    annotation.border(0.0, 0.0, 0.0, None);
    annotation.action().action_type(ActionType::Uri).uri(Str(url.as_bytes()));
    id
}

/// The outline: a tree by the headings' levels.
fn outline(pdf: &mut Pdf, numbers: &mut Numbers, bookmarks: &[Bookmark], pages: &[Ref]) -> Option<Ref> {
    if bookmarks.is_empty() {
        return None;
    }
    let root = numbers.next();
    let ids: Vec<Ref> = bookmarks.iter().map(|_| numbers.next()).collect();
    // The parent of each: the nearest before it whose level is lower.
    let parent = |i: usize| (0..i).rev().find(|j| bookmarks[*j].level < bookmarks[i].level);
    let parents: Vec<Option<usize>> = (0..bookmarks.len()).map(parent).collect();
    let children = |of: Option<usize>| -> Vec<usize> { (0..bookmarks.len()).filter(|i| parents[*i] == of).collect() };
    let descendants = |of: usize| {
        let below = |mut i: usize| {
            while let Some(parent) = parents[i] {
                if parent == of {
                    return true;
                }
                i = parent;
            }
            false
        };
        (0..bookmarks.len()).filter(|i| below(*i)).count()
    };
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let top = children(None);
    let mut object = pdf.outline(root);
    object.first(ids[top[0]]).last(ids[top[top.len() - 1]]).count(number(bookmarks.len()));
    object.finish();
    for (i, bookmark) in bookmarks.iter().enumerate() {
        let siblings = children(parents[i]);
        let place = siblings.iter().position(|sibling| *sibling == i).unwrap_or(0);
        let below = children(Some(i));
        let mut item = pdf.outline_item(ids[i]);
        item.title(TextStr(&legible(&bookmark.text))).parent(parents[i].map_or(root, |parent| ids[parent]));
        if place > 0 {
            item.prev(ids[siblings[place - 1]]);
        }
        if let Some(next) = siblings.get(place + 1) {
            item.next(ids[*next]);
        }
        if let (Some(first), Some(last)) = (below.first(), below.last()) {
            item.first(ids[*first]).last(ids[*last]).count(number(descendants(i)));
        }
        item.dest().page(pages[bookmark.page]).xyz(LEFT as f32, (HEIGHT - bookmark.y + 8.0) as f32, None);
    }
    Some(root)
}
