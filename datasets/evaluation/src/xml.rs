//! Whether a text is well-formed: for tests of what is written as SVG and HTML.

/// Elements that HTML does not close.
const VOID: [&str; 2] = ["meta", "!doctype"];

/// Every element is closed in its turn, every attribute quoted and named once, every `&` begins an entity that XML knows, no
/// control character but tab and line feed. Good for what this crate writes, which has no comments and no CDATA.
pub(crate) fn well_formed(text: &str) -> Result<(), String> {
    if let Some(sign) = text.chars().find(|sign| sign.is_control() && !"\n\t".contains(*sign)) {
        return Err(format!("control character {sign:?}"));
    }
    let mut open: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        entities(&rest[..start])?;
        let end = rest[start..].find('>').ok_or("a tag that does not end")? + start;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                return Err(format!("</{name}> closes something else"));
            }
            continue;
        }
        let (body, closed) = tag.strip_suffix('/').map_or((tag, false), |body| (body, true));
        let (name, attributes) = body.split_once(' ').unwrap_or((body, ""));
        if name.is_empty() || name.contains(['"', '\'', '<', '&']) {
            return Err(format!("<{tag}>"));
        }
        if !VOID.contains(&name) {
            each_attribute(attributes)?;
            if !closed {
                open.push(name.to_owned());
            }
        }
        // What is in a style is not markup.
        if name == "style" {
            rest = &rest[rest.find("</style>").ok_or("style is not closed")?..];
        }
    }
    entities(rest)?;
    if open.is_empty() { Ok(()) } else { Err(format!("not closed: {open:?}")) }
}

fn each_attribute(mut rest: &str) -> Result<(), String> {
    let mut names = Vec::new();
    while !rest.trim().is_empty() {
        let (name, after) = rest.trim_start().split_once("=\"").ok_or_else(|| format!("attribute {rest}"))?;
        let (value, after) = after.split_once('"').ok_or_else(|| format!("value of {name}"))?;
        if name.contains([' ', '"', '<']) || value.contains('<') || names.contains(&name) {
            return Err(format!("attribute {name}"));
        }
        entities(value)?;
        names.push(name);
        rest = after;
    }
    Ok(())
}

fn entities(text: &str) -> Result<(), String> {
    const KNOWN: [&str; 5] = ["amp;", "lt;", "gt;", "quot;", "#39;"];
    for (place, _) in text.match_indices('&') {
        if !KNOWN.iter().any(|entity| text[place + 1..].starts_with(entity)) {
            return Err(format!("& in {text}"));
        }
    }
    Ok(())
}

#[test]
fn what_is_not_well_formed_is_found() {
    let good = |text: &str| well_formed(text).unwrap();
    let bad = |text: &str| well_formed(text).unwrap_err();
    good("<!doctype html><a b=\"c\" d=\"e\">x &amp; y<f/></a>");
    bad("<a>");
    bad("<a></b>");
    bad("<a b=c></a>");
    bad("<a b=\"c\" b=\"d\"></a>");
    bad("<a>x & y</a>");
    bad("<a b=\"<\"></a>");
    bad("<a>\u{1}</a>");
}
