//! How names are compared when somebody searches for one.
//!
//! Invariant: [`fold`] is idempotent, and a name folds to the same text in Serbian Cyrillic, in Latin letters with
//! their diacritics, and in Latin letters without.

/// A name as it is searched for: lower case, Latin letters without diacritics, one space for many, no empty component
/// at the end.
///
/// | written | folded |
/// |---|---|
/// | Љ Lj, Њ Nj | lj, nj |
/// | Џ Dž Dz | dz |
/// | Ђ Đ Dj D | d: each of them is written for Đ |
/// | Ш Š, Ч Č, Ћ Ć, Ж Ž | s, c, c, z |
///
/// `*`, `?`, `^` and `=` stay. A `?` stands for one letter of the folded name, and no wildcard divides Dj.
pub fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for c in name.chars().flat_map(char::to_lowercase) {
        match latin(c) {
            Some(letters) => letters.chars().for_each(|letter| push(&mut folded, letter)),
            None if ('\u{300}'..='\u{36f}').contains(&c) => {}
            None if c.is_whitespace() => push(&mut folded, ' '),
            None => push(&mut folded, c),
        }
    }
    folded.truncate(folded.trim_end_matches([' ', '^', '=']).len());
    folded
}

fn push(folded: &mut String, c: char) {
    let last = folded.chars().next_back();
    let dropped = match c {
        'j' => last == Some('d'),
        // Beside a delimiter or another one, or at the start, a space says nothing.
        ' ' => last.is_none_or(|last| matches!(last, ' ' | '^' | '=')),
        _ => false,
    };
    if dropped {
        return;
    }
    if matches!(c, '^' | '=') && last == Some(' ') {
        folded.pop();
    }
    folded.push(c);
}

/// What a lower-case letter is in plain Latin letters; `None` if it is one, or none of ours.
fn latin(c: char) -> Option<&'static str> {
    const LETTERS: &[(&str, &str)] = &[
        ("аáàâäãåāăą", "a"),
        ("б", "b"),
        ("цčćçĉċчћ", "c"),
        ("дđðďђ", "d"),
        ("еéèêëēĕėęěэ", "e"),
        ("ф", "f"),
        ("гĝğġģґ", "g"),
        ("хĥħ", "h"),
        ("иíìîïĩīĭįıії", "i"),
        ("јĵй", "j"),
        ("кķќ", "k"),
        ("лĺļľŀł", "l"),
        ("мм", "m"),
        ("нñńņňŉ", "n"),
        ("оóòôöõøōŏő", "o"),
        ("п", "p"),
        ("рŕŗř", "r"),
        ("сšśŝşșш", "s"),
        ("тţťŧț", "t"),
        ("уúùûüũūŭůűų", "u"),
        ("в", "v"),
        ("ŵ", "w"),
        ("ыýÿŷ", "y"),
        ("зžźżж", "z"),
        ("љ", "lj"),
        ("њ", "nj"),
        ("џ", "dz"),
        ("ѓ", "gj"),
        ("ѕ", "dz"),
        ("щ", "sc"),
        ("ю", "ju"),
        ("я", "ja"),
        ("ё", "jo"),
        ("ъь", ""),
        ("ß", "ss"),
        ("æ", "ae"),
        ("œ", "oe"),
        ("þ", "th"),
    ];
    LETTERS.iter().find(|(letters, _)| letters.contains(c)).map(|(_, latin)| *latin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_found_however_it_is_written() {
        let check = |expected: &str, written: &[&str]| {
            for name in written {
                assert_eq!(fold(name), expected, "{name}");
            }
        };
        check(
            "jovanovic^ljiljana",
            &["Јовановић^Љиљана", "Jovanović^Ljiljana", "JOVANOVIC^LJILJANA", "Jovanovic^Ljiljana^^^"],
        );
        check(
            "dordevic^dzana",
            &["Ђорђевић^Џана", "Đorđević^Džana", "Djordjevic^Dzana", "DORDEVIC^DZANA", "ÐORÐEVIĆ^DŽANA"],
        );
        check("njegos^zaklina", &["Његош^Жаклина", "Njegoš^Žaklina", " njegos ^ Zaklina "]);
        check("c\u{107}".replace('ć', "c").as_str(), &["c\u{107}", "cc\u{301}", "ЧЋ"]);
        check("muller strasse", &["Müller  Straße", "müller\tstrasse"]);
        check("jov*^?ana", &["Јов*^?ана", "JOV*^?ANA"]);
        check("山田^太郎", &["山田^太郎"]);
        check("", &["", "^^^", " "]);
    }

    /// The thirty letters of Serbian, in both scripts.
    const LETTERS: [(&str, &str); 30] = [
        ("а", "a"),
        ("б", "b"),
        ("в", "v"),
        ("г", "g"),
        ("д", "d"),
        ("ђ", "đ"),
        ("е", "e"),
        ("ж", "ž"),
        ("з", "z"),
        ("и", "i"),
        ("ј", "j"),
        ("к", "k"),
        ("л", "l"),
        ("љ", "lj"),
        ("м", "m"),
        ("н", "n"),
        ("њ", "nj"),
        ("о", "o"),
        ("п", "p"),
        ("р", "r"),
        ("с", "s"),
        ("т", "t"),
        ("ћ", "ć"),
        ("у", "u"),
        ("ф", "f"),
        ("х", "h"),
        ("ц", "c"),
        ("ч", "č"),
        ("џ", "dž"),
        ("ш", "š"),
    ];

    proptest! {
        #[test]
        fn scripts_and_case_make_no_difference(word in proptest::collection::vec((0_usize..30, any::<bool>()), 0..20)) {
            let write = |pick: fn(&(&'static str, &'static str)) -> &'static str| -> String {
                word.iter()
                    .map(|&(i, upper)| if upper { pick(&LETTERS[i]).to_uppercase() } else { pick(&LETTERS[i]).to_owned() })
                    .collect()
            };
            prop_assert_eq!(fold(&write(|l| l.0)), fold(&write(|l| l.1)));
        }

        #[test]
        fn folding_again_changes_nothing(text in "\\PC{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
