//! A drawing as SVG 1.1: one file that needs no other, with its text as text.

use super::drawing::{Anchor, Area, Drawing, Fill, Label, Mark, Stroke};
use super::font::Typeface;

/// The drawing as an `svg` element, to be a file of its own or to stand in HTML. `id` is put before the ids inside, so that
/// several can stand in one document.
pub(crate) fn write(drawing: &Drawing, id: &str, title: &str, description: &str) -> String {
    let mut svg = String::new();
    svg.push_str(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" role=\"img\" \
         aria-labelledby=\"{id}-title {id}-description\" font-family=\"Helvetica, Arial, sans-serif\">\n\
         <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-description\">{}</desc>\n\
         <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n",
        escaped(title),
        escaped(description),
        w = number(drawing.width),
        h = number(drawing.height),
        id = escaped(id),
    ));
    for mark in &drawing.marks {
        svg.push_str(&element(mark));
        svg.push('\n');
    }
    svg.push_str("</svg>\n");
    svg
}

fn element(mark: &Mark) -> String {
    match mark {
        Mark::Path { places, closed, stroke, fill } => {
            let mut data = String::new();
            for (i, place) in places.iter().enumerate() {
                let command = if i == 0 { 'M' } else { 'L' };
                data.push_str(&format!("{command}{} {}", number(place.x), number(place.y)));
            }
            if *closed {
                data.push('Z');
            }
            format!("<path d=\"{data}\"{}/>", style(stroke.as_ref(), *fill))
        }
        Mark::Rectangle { area, radius, stroke, fill } => {
            let corners = if *radius > 0.0 { format!(" rx=\"{}\"", number(*radius)) } else { String::new() };
            format!("<rect {}{corners}{}/>", place_of(*area), style(stroke.as_ref(), *fill))
        }
        Mark::Circle { centre, radius, stroke, fill } => format!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}/>",
            number(centre.x),
            number(centre.y),
            number(*radius),
            style(stroke.as_ref(), *fill)
        ),
        Mark::Text(label) => text(label),
        Mark::Picture { area, picture } => format!(
            "<image {} preserveAspectRatio=\"none\" href=\"data:image/png;base64,{}\"/>",
            place_of(*area),
            base64(picture.png())
        ),
    }
}

fn text(label: &Label) -> String {
    let (x, y) = (number(label.place.x), number(label.place.y));
    let anchor = match label.anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let typeface = match label.typeface {
        Typeface::Regular => "",
        Typeface::Bold => " font-weight=\"bold\"",
        Typeface::Mono => " font-family=\"Courier, monospace\"",
    };
    let turn = if label.upwards { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
    let size = number(label.size);
    let colour = hex(label.colour);
    let said = escaped(&label.text);
    format!("<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{colour}\"{anchor}{typeface}{turn}>{said}</text>")
}

fn place_of(area: Area) -> String {
    let [x, y, width, height] = [area.x, area.y, area.width, area.height].map(number);
    format!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"")
}

fn style(stroke: Option<&Stroke>, fill: Option<Fill>) -> String {
    let mut style = match fill {
        None => " fill=\"none\"".to_owned(),
        Some(Fill { colour, opacity }) => {
            let through = if opacity < 1.0 { format!(" fill-opacity=\"{}\"", number(opacity)) } else { String::new() };
            format!(" fill=\"{}\"{through}", hex(colour))
        }
    };
    if let Some(stroke) = stroke {
        style.push_str(&format!(" stroke=\"{}\" stroke-width=\"{}\"", hex(stroke.colour), number(stroke.width)));
        style.push_str(" stroke-linejoin=\"round\"");
        if !stroke.dash.is_empty() {
            let dashes: Vec<String> = stroke.dash.iter().map(|length| number(*length)).collect();
            style.push_str(&format!(" stroke-dasharray=\"{}\"", dashes.join(" ")));
        }
        if stroke.opacity < 1.0 {
            style.push_str(&format!(" stroke-opacity=\"{}\"", number(stroke.opacity)));
        }
    }
    style
}

fn hex(colour: super::drawing::Colour) -> String {
    format!("#{:02x}{:02x}{:02x}", colour.0, colour.1, colour.2)
}

/// At most two decimals.
fn number(value: f64) -> String {
    let written = format!("{value:.2}");
    let short = written.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// Text for XML and HTML, in attributes too. Control characters that XML 1.0 does not allow become U+FFFD.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(sign),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            _ if sign.is_control() => safe.push('\u{fffd}'),
            _ => safe.push(sign),
        }
    }
    safe
}

/// Base64 (RFC 4648, section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let check = |bytes: &str, expected: &str| assert_eq!(base64(bytes.as_bytes()), expected);
        // RFC 4648, section 10.
        check("", "");
        check("f", "Zg==");
        check("fo", "Zm8=");
        check("foo", "Zm9v");
        check("foobar", "Zm9vYmFy");
    }

    #[test]
    fn numbers_are_short() {
        let check = |value, expected: &str| assert_eq!(number(value), expected);
        check(1.0, "1");
        check(-0.001, "0");
        check(10.0, "10");
        check(2.345, "2.35");
    }

    #[test]
    fn nothing_breaks_out() {
        assert_eq!(escaped("<a b=\"c\" d='e'>&\u{1}"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;\u{fffd}");
    }
}
