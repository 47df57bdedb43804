//! A document as one HTML file.

use crate::figure::Figure;
use crate::figure::svg::{self, base64, escaped};

use super::prose::may_link;
use super::{Align, Block, Document, Inline, KeyNumber, NoteKind, Prose, Table};

const STYLE: &str = include_str!("style.css");

/// The file.
pub(super) fn write(document: &Document) -> String {
    let mut body = String::new();
    let mut numbers = Numbers::default();
    for block in &document.blocks {
        body.push_str(&write_block(block, &mut numbers));
    }
    let title = escaped(&document.title);
    let contents = contents(document);
    let metadata = metadata(&document.metadata);
    let subtitle = escaped(&document.subtitle);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n{contents}<main>\n<header>\n<h1>{title}</h1>\n<p class=\"subtitle\">{subtitle}</p>\n{metadata}</header>\n\
         {body}</main>\n</body>\n</html>\n"
    )
}

/// How many of each there were.
#[derive(Default)]
struct Numbers {
    headings: usize,
    figures: usize,
    tables: usize,
}

fn contents(document: &Document) -> String {
    let mut list = String::new();
    let mut number = 0;
    for block in &document.blocks {
        if let Block::Heading(level, text) = block {
            number += 1;
            list.push_str(&format!(
                "<li class=\"l{level}\"><a href=\"#section-{number}\">{}</a></li>\n",
                escaped(text)
            ));
        }
    }
    if list.is_empty() {
        return String::new();
    }
    format!("<nav aria-label=\"Contents\">\n<p>Contents</p>\n<ol>\n{list}</ol>\n</nav>\n")
}

fn metadata(rows: &[(String, String)]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let row = |(name, value): &(String, String)| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value));
    format!("<dl class=\"metadata\">\n{}</dl>\n", rows.iter().map(row).collect::<String>())
}

fn write_block(block: &Block, numbers: &mut Numbers) -> String {
    match block {
        Block::Heading(level, text) => {
            numbers.headings += 1;
            // The document's title is h1.
            let level = level + 1;
            format!("<h{level} id=\"section-{}\">{}</h{level}>\n", numbers.headings, escaped(text))
        }
        Block::Paragraph(text) => format!("<p>{}</p>\n", prose(text)),
        Block::List(items) => {
            let items: String = items.iter().map(|item| format!("<li>{}</li>\n", prose(item))).collect();
            format!("<ul>\n{items}</ul>\n")
        }
        Block::Note(kind, title, text) => {
            let class = match kind {
                NoteKind::Note => "note",
                NoteKind::Warning => "warning",
            };
            format!(
                "<aside class=\"{class}\" role=\"note\"><p class=\"head\">{}</p><p>{}</p></aside>\n",
                escaped(title),
                prose(text)
            )
        }
        Block::Table(table) => {
            numbers.tables += 1;
            write_table(table, numbers.tables)
        }
        Block::Figure(figure, explanation) => {
            numbers.figures += 1;
            write_figure(figure, explanation, numbers.figures)
        }
        Block::KeyNumbers(cards) => {
            format!("<div class=\"cards\">\n{}</div>\n", cards.iter().map(card).collect::<String>())
        }
        Block::Definitions(rows) => {
            let row = |(term, text): &(String, Prose)| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(term), prose(text));
            format!("<dl class=\"definitions\">\n{}</dl>\n", rows.iter().map(row).collect::<String>())
        }
        Block::Code(lines) => format!("<pre><code>{}</code></pre>\n", escaped(lines)),
        Block::PageBreak => "<div class=\"page-break\"></div>\n".to_owned(),
    }
}

fn card(number: &KeyNumber) -> String {
    format!(
        "<div class=\"card\"><p class=\"label\">{}</p><p class=\"value\">{}</p><p class=\"detail\">{}</p></div>\n",
        escaped(&number.label),
        escaped(&number.value),
        escaped(&number.detail)
    )
}

fn prose(prose: &Prose) -> String {
    let piece = |inline: &Inline| match inline {
        Inline::Text(text) => escaped(text),
        Inline::Bold(text) => format!("<strong>{}</strong>", escaped(text)),
        Inline::Code(text) => format!("<code>{}</code>", escaped(text)),
        Inline::Link { text, url } if may_link(url) => {
            format!("<a href=\"{}\" rel=\"noreferrer\">{}</a>", escaped(url), escaped(text))
        }
        Inline::Link { text, url } => format!("{} ({})", escaped(text), escaped(url)),
    };
    prose.0.iter().map(piece).collect()
}

/// Letters of a cell that stays in one line.
const SHORT: usize = 24;

/// Columns from which on letters are smaller.
const WIDE: usize = 7;

/// A number with its interval breaks at the bracket where there is too little room, as in the PDF.
fn is_short(cell: &str) -> bool {
    !cell.contains('(') && cell.chars().count() <= SHORT
}

fn class(align: Align, is_short: bool) -> String {
    let side = match align {
        Align::Left => "left",
        Align::Right => "right",
        Align::Centre => "centre",
    };
    let short = if is_short { " short" } else { "" };
    format!(" class=\"{side}{short}\"")
}

fn write_table(table: &Table, number: usize) -> String {
    let columns = table.columns();
    let class_of_all = if columns >= WIDE { " class=\"wide\"" } else { "" };
    let mut html = format!(
        "<div class=\"table\" id=\"table-{number}\" tabindex=\"0\">\n<table{class_of_all}>\n<caption><strong>Table {number}.</strong> {}</caption>\n\
         <thead>\n",
        escaped(&table.title)
    );
    let groups = table.whole_groups();
    if !groups.is_empty() {
        let cell = |(name, columns): &(&str, usize)| match *name {
            "" => format!("<td colspan=\"{columns}\"></td>"),
            _ => format!("<th colspan=\"{columns}\" scope=\"colgroup\">{}</th>", escaped(name)),
        };
        html.push_str(&format!("<tr class=\"groups\">{}</tr>\n", groups.iter().map(cell).collect::<String>()));
    }
    html.push_str("<tr>");
    for column in 0..columns {
        let name = table.header.get(column).map_or("", |(name, _)| name);
        html.push_str(&format!("<th scope=\"col\"{}>{}</th>", class(table.align(column), false), escaped(name)));
    }
    html.push_str("</tr>\n</thead>\n<tbody>\n");
    for row in &table.rows {
        html.push_str("<tr>");
        for column in 0..columns {
            let cell = row.get(column).map(prose).unwrap_or_default();
            let short = row.get(column).is_none_or(|cell| is_short(&cell.plain()));
            html.push_str(&format!("<td{}>{cell}</td>", class(table.align(column), short)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n");
    if !table.footnote.is_empty() {
        html.push_str(&format!("<p class=\"footnote\">{}</p>\n", prose(&table.footnote)));
    }
    html + "</div>\n"
}

fn write_figure(figure: &Figure, explanation: &Prose, number: usize) -> String {
    // The same figure may stand twice in a document: the ids inside are made different.
    let id = format!("figure-{number}-{}", figure.id());
    let inline = svg::write(figure.drawing(), &id, figure.title(), figure.description());
    let link = |kind: &str, ending: &str, text: &str| {
        let data = base64(text.as_bytes());
        let name = format!("{}.{}", figure.id(), ending.to_ascii_lowercase());
        format!("<a download=\"{name}\" href=\"data:{kind};base64,{data}\">{ending}</a>")
    };
    let explained = if explanation.is_empty() {
        String::new()
    } else {
        format!("<p class=\"plain\"><strong>In plain words:</strong> {}</p>\n", prose(explanation))
    };
    format!(
        "<figure id=\"figure-{number}\">\n<div class=\"sheet\">{inline}</div>\n<figcaption><p><strong>Figure {number}. {}.</strong> {}</p>\n\
         {explained}<p class=\"downloads\">Download: {} · {}</p></figcaption>\n</figure>\n",
        escaped(figure.title().trim_end_matches('.')),
        escaped(figure.caption()),
        link("image/svg+xml", "SVG", &figure.svg()),
        link("text/csv", "CSV", &figure.csv()),
    )
}
