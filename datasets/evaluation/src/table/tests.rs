use proptest::prelude::*;

use super::*;

fn text(name: &str, values: &[Option<&str>]) -> Column {
    Column { name: name.into(), values: Values::Text(values.iter().map(|v| v.map(str::to_owned)).collect()) }
}

fn written(contents: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("table.csv");
    std::fs::write(&path, contents).expect("written");
    (folder, path)
}

#[test]
fn a_csv_is_read_as_researchers_write_it() {
    let (_folder, path) = written("\u{feff}case, score ,cancer\na,0.5,1\nb,,0.0\n\"c\n\",1e-3,no\nd,NaN,\n");
    let table = Table::read(&path).expect("a table");
    assert_eq!(table.names().collect::<Vec<_>>(), ["case", "score", "cancer"]);
    assert_eq!(table.numbers("score").expect("numbers"), [Some(0.5), None, Some(1e-3), None]);
    assert_eq!(table.booleans("cancer").expect("labels"), [Some(true), Some(false), Some(false), None]);
    assert_eq!(table.texts("case").expect("texts")[2].as_deref(), Some("c"));
}

#[test]
fn semicolons_divide_where_the_header_has_no_comma() {
    let check = |contents: &str, names: &[&str]| {
        let (_folder, path) = written(contents);
        assert_eq!(Table::read(&path).expect("a table").names().collect::<Vec<_>>(), names);
    };
    check("\u{feff}a;b\n1;2\n", &["a", "b"]);
    check("\"a,x\";b\n1;2\n", &["a,x", "b"]);
    check("a;b,c\n1,2\n", &["a;b", "c"]);
    check("\"a;b\"\n1\n", &["a;b"]);
    check("a\n1;2\n", &["a"]);
}

#[test]
fn text_that_is_not_utf_8_is_refused_in_plain_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.csv");
    for bytes in [&b"\xff\xfea\0,\0b\0"[..], b"\xfe\xff\0a\0,", b"a,b\n\xc1\xe5\xee,1\n"] {
        std::fs::write(&path, bytes).expect("written");
        let why = Table::read(&path).expect_err("refused").to_string();
        assert!(why.contains("save it as UTF-8"), "{why}");
    }
}

#[test]
fn a_file_that_is_not_there_is_spoken_of_once() {
    let why = Table::read(Path::new("no/such.csv")).expect_err("there is none");
    assert!(why.to_string().starts_with("no/such.csv: "));
    assert!(std::error::Error::source(&why).is_none());
}

#[test]
fn columns_of_numbers_become_numbers_and_identifiers_stay_text() {
    let check = |values: &[Option<&str>], expected: Option<&[Option<f64>]>| {
        let numeric = Table::new("t", vec![text("a", values)]).expect("a table").numeric();
        let kept = text("a", values).values;
        assert_eq!(numeric.columns()[0].values, expected.map_or(kept, |numbers| Values::Number(numbers.to_vec())));
    };
    check(
        &[Some("1"), None, Some("-0.5"), Some("1e-3"), Some("0"), Some("0.25")],
        Some(&[Some(1.0), None, Some(-0.5), Some(1e-3), Some(0.0), Some(0.25)]),
    );
    check(&[Some("9007199254740992")], Some(&[Some(9_007_199_254_740_992.0)]));
    for kept in [
        "007",
        "-01.5",
        "+1",
        "1e+5",
        "9007199254740993",
        "-9007199254740993",
        "99999999999999999999",
        "x",
        "inf",
        "NaN",
    ] {
        check(&[Some("1"), Some(kept)], None);
    }
    check(&[None, None], None);
    check(&[], None);
}

#[test]
fn what_cannot_be_used_is_named() {
    let check = |contents: &str, ask: fn(&Table) -> Option<TableError>, expected: &str| {
        let (_folder, path) = written(contents);
        let problem = match Table::read(&path) {
            Ok(table) => ask(&table).expect("an error"),
            Err(error) => error,
        };
        let text = problem.to_string();
        assert!(text.contains(expected), "{text:?} lacks {expected:?}");
    };
    check("a,b\n1,x\n", |t| t.numbers("b").err(), "row 1, column \"b\": \"x\" is not a finite number");
    check("a,b\n1,inf\n", |t| t.numbers("b").err(), "\"inf\" is not a finite number");
    check("a,b\n1,2\n", |t| t.booleans("b").err(), "\"2\" is not 1 or 0, true or false, yes or no");
    check("a,b\n1,2\n", |t| t.numbers("c").err(), "there is no column \"c\"; there are: a, b");
    check("a,a\n1,2\n", |_| None, "\"a\" is there twice");
    check("a,b\n1,2\n1\n", |_| None, "row 2 has 1 fields where the header has 2");
    check(
        "a;b\n1;0,5\n",
        |t| t.numbers("b").err(),
        "\"0,5\" is not a finite number: decimals are written with a point",
    );
    check("a\0,\0", |_| None, "the text is UTF-16; save it as UTF-8");
}

#[test]
fn whole_numbers_beyond_those_of_f64_stay_apart() {
    use ::parquet::data_type::Int64Type;
    use ::parquet::file::properties::WriterProperties;
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::parser::parse_message_type;

    let check = |values: &[i64], expected: Values| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.parquet");
        let schema = parse_message_type("message t { required int64 id; }").expect("a schema");
        let file = std::fs::File::create(&path).expect("a file");
        let properties = WriterProperties::builder().build().into();
        let mut writer = SerializedFileWriter::new(file, schema.into(), properties).expect("a writer");
        let mut group = writer.next_row_group().expect("a group");
        let mut column = group.next_column().expect("a column").expect("a column");
        column.typed::<Int64Type>().write_batch(values, None, None).expect("written");
        column.close().expect("closed");
        group.close().expect("closed");
        writer.close().expect("closed");
        assert_eq!(Table::read(&path).expect("a table").columns()[0].values, expected);
    };
    let texts = |values: &[&str]| Values::Text(values.iter().map(|v| Some((*v).to_owned())).collect());
    check(&[1, -2, 1 << 53], Values::Number(vec![Some(1.0), Some(-2.0), Some(9_007_199_254_740_992.0)]));
    let beyond = [7, (1 << 53) + 1, (1 << 53) + 2, 3];
    check(&beyond, texts(&["7", "9007199254740993", "9007199254740994", "3"]));
    check(&[-(1 << 53), i64::MIN], texts(&["-9007199254740992", "-9223372036854775808"]));
}

#[test]
fn a_tsv_is_written_with_tabs() {
    let table = Table::new("t", vec![text("a", &[Some("1,5")]), text("b", &[Some("x")])]).expect("a table");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.TSV");
    table.write_csv(&path).expect("written");
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "a\tb\n1,5\tx\n");
    assert_eq!(Table::read(&path).expect("read").columns(), table.columns());
}

#[test]
fn bytes_that_are_no_parquet_file_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.parquet");
    for bytes in [&b""[..], b"PAR1", b"PAR1\0\0\0\0PAR1", b"PAR1\xff\xff\xff\x7fPAR1"] {
        std::fs::write(&path, bytes).expect("written");
        assert!(matches!(Table::read(&path), Err(TableError::Format { .. })));
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        numbers in prop::collection::vec(prop::option::of(-1e300f64..1e300), 0..40),
        words in prop::collection::vec(prop::option::of("[a-zčž,\"\n ]{0,6}x"), 40),
    ) {
        let words: Vec<_> = words.iter().take(numbers.len()).map(|w| w.as_deref().map(str::trim)).collect();
        let columns = vec![Column { name: "n".into(), values: Values::Number(numbers.clone()) }, text("w", &words)];
        let table = Table::new("t", columns).expect("a table");
        let folder = tempfile::tempdir().expect("a folder");
        let (csv, parquet) = (folder.path().join("t.csv"), folder.path().join("t.parquet"));
        table.write_csv(&csv).expect("written");
        table.write_parquet(&parquet, &[("command", "uvid")]).expect("written");
        for path in [csv, parquet] {
            let read = Table::read(&path).expect("read");
            prop_assert_eq!(read.rows(), numbers.len());
            prop_assert_eq!(read.numbers("n").expect("numbers"), numbers.clone());
            prop_assert_eq!(read.texts("w").expect("texts"), table.texts("w").expect("texts"));
        }
    }
}
