//! Properties of pages: nothing is lost, nothing leaves the page, a table's head is on each of its pages.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Align, Table};
use super::*;
use crate::figure::drawing::Label;
use crate::figure::{About, Plot, Series};
use crate::xml::well_formed;

fn labels<'a>(pages: &'a Pages<'_>) -> Vec<Vec<&'a Label>> {
    pages.all().map(|page| page.drawing.labels().collect()).collect()
}

/// Every label is between the margins and none lies on another of its page.
fn check(document: &Document) -> Vec<String> {
    let pages = lay_out(document);
    let mut texts = Vec::new();
    for page in labels(&pages) {
        for (i, label) in page.iter().enumerate() {
            let area = label.area();
            assert!(area.x >= LEFT - 0.5 && area.right() <= LEFT + BODY + 0.5, "{label:?}");
            assert!(area.y >= 50.0 && area.bottom() <= 800.0, "{label:?}");
            for other in &page[..i] {
                let other = other.area();
                let less =
                    Area { x: other.x + 0.3, y: other.y + 0.3, width: other.width - 0.6, height: other.height - 0.6 };
                assert!(!area.overlaps(less), "{label:?} {other:?}");
            }
            texts.push(label.text.clone());
        }
    }
    well_formed(&document.html()).unwrap();
    assert_eq!(document.pdf(), document.clone().pdf());
    texts
}

#[test]
fn letters_that_are_written_by_others_are_spoken_of() {
    let check = |text: &str, expected: bool| {
        let written = check(&Document::new("Title", "").paragraph(text)).join(" ");
        assert_eq!(written.contains("Letters that the fonts of this file lack"), expected, "{text}");
    };
    check("plain c\u{30c} a\u{a0}b", false);
    check("Институт", true);
    check("乳", true);
}

#[test]
fn a_tables_head_is_on_each_of_its_pages_and_no_row_is_lost() {
    let mut table = Table::new("Many", &[("Model", Align::Left), ("Area", Align::Right)]).group("Both of them", 2);
    for i in 0..200 {
        table = table.row(vec![format!("row-{i}").into(), "0.5".into()]);
    }
    let document = Document::new("T", "").table(table);
    check(&document);
    let pages = lay_out(&document);
    let all = labels(&pages);
    assert!(all.len() > 3);
    for page in &all {
        for head in ["Model", "Area", "Both of them"] {
            assert_eq!(page.iter().filter(|label| label.text == head).count(), 1, "{head}");
        }
    }
    for i in 0..200 {
        let row = format!("row-{i}");
        assert_eq!(all.iter().flatten().filter(|label| label.text == row).count(), 1, "{row}");
    }
}

#[test]
fn rows_that_would_be_written_alike_are_numbered() {
    let names = ["Beograd", "Београд", "Niš", "Beograd"];
    let table = names.iter().fold(Table::new("T", &[("site", Align::Left), ("n", Align::Right)]), |table, name| {
        table.row(vec![(*name).into(), "1".into()])
    });
    let document = Document::new("T", "").table(table);
    check(&document);
    let pages = lay_out(&document);
    let texts: Vec<&str> = labels(&pages).concat().iter().map(|label| label.text.as_str()).collect();
    let found = texts.iter().filter(|text| text.ends_with(')')).copied().collect::<Vec<_>>();
    assert_eq!(found.len(), 3, "{texts:?}");
    assert!(found[0] == found[2] && found[0].ends_with("(1)") && found[1].ends_with("(2)"), "{found:?}");
    assert!(document.html().contains(">Београд<") && texts.contains(&"Niš"));
}

#[test]
fn an_interval_in_a_cell_may_break_at_its_bracket() {
    let table = Table::new("T", &[("a", Align::Left), ("b", Align::Right), ("c", Align::Right)]);
    let row = vec!["name".into(), "0.881 (0.839\u{a0}to\u{a0}0.923)".into(), "12".into()];
    let html = Document::new("T", "").table(table.row(row)).html();
    assert!(html.contains("<td class=\"right\">0.881 (0.839") && html.contains("<td class=\"right short\">12<"));
}

#[test]
fn a_figure_and_its_caption_are_on_one_page() {
    let figure = |i: usize| {
        let about = About::new("roc", format!("title-{i}"), "A caption.");
        Plot::roc(about).series(Series::line("a", &[(0.0, 0.0), (1.0, 1.0)])).figure().unwrap()
    };
    let document =
        (0..7).fold(Document::new("T", ""), |document, i| document.heading(2, "H").figure(figure(i), "Plain."));
    check(&document);
    let pages = lay_out(&document);
    assert_eq!(pages.all().map(|page| page.figures.len()).sum::<usize>(), 7);
    for page in pages.all() {
        let captions = page.drawing.labels().filter(|label| label.text.contains("title-")).count();
        let headings = page.drawing.labels().filter(|label| label.text == "H").count();
        assert_eq!((page.figures.len(), page.figures.len()), (captions, headings));
        for (place, scale, figure) in &page.figures {
            assert!(place.y + scale * figure.height < 780.0);
        }
    }
}

#[test]
fn html_is_escaped_and_links_lead_only_where_they_may() {
    let evil = "<script>alert('x')</script> & \"";
    let table =
        Table::new(evil, &[(evil, Align::Left)]).group(evil, 1).row(vec![evil.into(), evil.into()]).footnote(evil);
    let prose =
        Prose::new().bold(evil).code(evil).link(evil, "javascript:alert(1)").link(evil, "https://a.b/\"><script>");
    let document = Document::new(evil, evil)
        .metadata(evil, evil)
        .heading(1, evil)
        .paragraph(prose.clone())
        .list(vec![evil.into()])
        .warning(evil, evil)
        .table(table)
        .key_numbers(vec![KeyNumber::new(evil, evil, evil)])
        .definitions(vec![(evil.into(), prose)])
        .code(evil);
    let html = document.html();
    well_formed(&html).unwrap();
    assert!(!html.contains("<script"));
    assert!(!html.contains("href=\"javascript"));
    assert!(!String::from_utf8_lossy(&document.pdf()).contains("/URI (javascript"));
}

#[test]
fn a_report_is_of_a_file_that_says_what_it_is() {
    let document =
        Document::new("Title č", "Of what").heading(1, "One").heading(3, "Deep").heading(2, "Two").heading(1, "Three");
    let pdf = document.pdf();
    let text = String::from_utf8_lossy(&pdf);
    assert!(text.contains("/Outlines") && text.contains("/Title") && text.contains("/Lang"));
}

fn prose() -> impl Strategy<Value = Prose> {
    vec(("\\PC{0,60}", 0..4u8), 0..6).prop_map(|parts| {
        parts.into_iter().fold(Prose::new(), |prose, (text, kind)| match kind {
            0 => prose.text(text),
            1 => prose.bold(text),
            2 => prose.code(text),
            _ => prose.link(text, "https://example.org/"),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_document_stays_within_its_pages(
        title in "\\PC{0,90}", texts in vec(prose(), 1..8), rows in vec(vec(prose(), 0..9), 0..30), code in "[ -~\n]{0,900}"
    ) {
        let mut table = Table::new(title.clone(), &[("Model", Align::Left), ("AUC", Align::Right), ("n", Align::Centre)]).group("g", 2);
        for row in rows {
            table = table.row(row);
        }
        let mut document = Document::new(title.clone(), title.clone()).metadata(title.clone(), title.clone()).heading(1, title.clone());
        for text in texts {
            document = document.paragraph(text.clone()).note("Note", text.clone()).list(vec![text.clone(), text]);
        }
        let cards = (0..5).map(|i| KeyNumber::new(title.clone(), format!("0.{i}"), title.clone())).collect();
        check(&document.key_numbers(cards).table(table).code(code));
    }

    #[test]
    fn no_word_of_a_text_is_lost(words in vec("[a-z]{1,12}", 1..400)) {
        let texts = check(&Document::new("T", "").paragraph(words.join(" ")));
        let read: Vec<String> = texts[1..].join(" ").split_whitespace().map(str::to_owned).collect();
        prop_assert_eq!(read, words);
    }
}
