//! Layers and sources.

use std::path::PathBuf;

use uvid_server::config::{Config, Flags, Loaded, load_from};

fn load(file: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("uvid.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let named = |text: String| text.replace(&path.display().to_string(), "FILE");
    load_from(&flags, &[PathBuf::from("/nonexistent"), path.clone()], environment).map_err(|e| named(e.to_string()))
}

fn set(settings: &[&str]) -> Flags {
    Flags { set: settings.iter().map(|s| (*s).to_owned()).collect(), ..Flags::default() }
}

#[test]
fn the_last_layer_that_has_a_value_decides_and_is_named() {
    let file =
        "data_dir = \"/file\"\nmodel = \"file\"\n[http]\nparts_max = 1\nuploads_max = 1\n[jobs]\nquiet_seconds = 7";
    let environment =
        [("UVID_HTTP__UPLOADS_MAX", "2"), ("UVID_MODEL", "environment"), ("HOME", "/root"), ("UVID_CONFIG", "x")];
    let mut flags = set(&["http.connections_max=3", "jobs.retry_seconds=0.5"]);
    flags.model = Some("flag".into());
    let loaded = load(file, &environment, flags).unwrap();
    let config = &loaded.config;
    assert_eq!(config.data_dir, PathBuf::from("/file"));
    assert_eq!(config.model, "flag");
    assert_eq!((config.http.parts_max, config.http.uploads_max, config.http.connections_max), (1, 2, 3));
    assert_eq!((config.jobs.quiet_seconds, config.jobs.retry_seconds), (7.0, 0.5));
    assert_eq!(config.http.body_bytes_max, Config::default().http.body_bytes_max);
    for (key, source) in [
        ("http.parts_max", "uvid.toml"),
        ("http.uploads_max", "environment variable UVID_HTTP__UPLOADS_MAX"),
        ("http.connections_max", "flag --set http.connections_max"),
        ("model", "flag --model"),
        ("listen", "default"),
        ("http.body_bytes_max", "default"),
    ] {
        assert!(loaded.source(key).ends_with(source), "{key}: {}", loaded.source(key));
    }
}

#[test]
fn what_is_printed_is_a_configuration_and_says_who_set_it() {
    let site = "[calibration]\nscale = 1.5\nthresholds = [-1.0, 0.0, 1.0]\nby = \"A\"\nreason = \"B\"";
    let points = "shadows = [\"a\", \"/b\"]\n[[operating_points]]\nname = \"dense\"\nthreshold = 0.4\nby = \"A\"\nreason = \"B\"\n\
                  [[operating_points]]\nname = \"very dense\"\nthreshold = 1\nby = \"A, \\\"B\\\"\"\nreason = \"C\"";
    for file in ["", site, points] {
        let loaded = load(file, &[("UVID_JOBS__QUIET_SECONDS", "9")], Flags::default()).unwrap();
        let text = loaded.to_toml().unwrap();
        assert!(text.contains("quiet_seconds = 9.0  # environment variable UVID_JOBS__QUIET_SECONDS\n"), "{text}");
        assert!(text.contains("\nlisten = \"127.0.0.1:8642\"  # default\n"), "{text}");
        assert!(text.contains("# Bytes of one instance; beyond: this instance fails with A700"), "{text}");
        assert_eq!(load(&text, &[], Flags::default()).unwrap().config, loaded.config);
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    let check = |file: &str, environment: &[(&str, &str)], flags: Flags, expected: &[&str]| {
        let error = load(file, environment, flags).map(|l| l.config).unwrap_err();
        for part in expected {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    };
    let none = Flags::default;
    check("[http]\nbody_byte_max = 1", &[], none(), &["FILE", "`http.body_byte_max`", "body_bytes_max"]);
    check("lisen = \"x\"", &[], none(), &["FILE", "`lisen`", "listen"]);
    check("[calibration]\nscal = 1", &[], none(), &["FILE", "`calibration.scal`"]);
    check("", &[("UVID_HTP__X", "1")], none(), &["environment variable UVID_HTP__X", "`htp`"]);
    check("", &[], set(&["jobs.quiet=1"]), &["flag --set jobs.quiet", "quiet_seconds"]);
    check("", &[], set(&["jobs"]), &["--set jobs", "key=value"]);
    check("listen = 5", &[], none(), &["listen", "FILE"]);
    check("listen = \"nowhere\"", &[], none(), &["listen"]);
    check("not toml", &[], none(), &["FILE"]);
    check("[jobs]\nquiet_seconds = -1", &[], none(), &["jobs.quiet_seconds", "FILE"]);
    check("[jobs]\nquiet_seconds = nan", &[], none(), &["jobs.quiet_seconds"]);
    check("", &[("UVID_PORT", "80")], none(), &["environment variable UVID_PORT", "`port`"]);
    check("", &[], set(&["http.body_bytes_max=9223372036854775808"]), &["http.body_bytes_max", "the most is"]);
    check("[log]\nfilter = \"uvid=loud\"", &[], none(), &["log.filter", "is no filter", "FILE"]);
    check("[store]\nidentify_bytes_max = 4096", &[], none(), &["store.identify_bytes_max", "the least is 4194304"]);
    check("[jobs]\nattempts_max = 0", &[], none(), &["jobs.attempts_max", "the least is 1"]);
    let point = |rest: &str| format!("[[operating_points]]\nname = \"dense\"\n{rest}");
    let signed = "by = \"A\"\nreason = \"B\"\n";
    let misspelt = format!("thresold = 1\n{signed}");
    check(&point(&misspelt), &[], none(), &["FILE", "`operating_points.thresold`", "threshold, by, reason"]);
    check(&point(signed), &[], none(), &["operating_points", "threshold", "FILE"]);
    check(
        &point("threshold = 1\nby = \"\"\nreason = \"B\""),
        &[],
        none(),
        &["operating_points", "must say who", "FILE"],
    );
    let once = point(&format!("threshold = 1\n{signed}"));
    check(&format!("{once}{once}"), &[], none(), &["operating_points", "sets \"dense\" twice"]);
    let unsigned = "[calibration]\nscale = 1.0\nthresholds = [1.0, 2.0, 3.0]\nby = \" \"\nreason = \"B\"";
    check(unsigned, &[], none(), &["calibration", "must say who"]);
    check("shadows = [\"density-v0\"]", &[], none(), &["shadows", "is the production model", "FILE"]);
    let missing = Flags { config: Some("/nonexistent/uvid.toml".into()), ..none() };
    check("", &[], missing, &["/nonexistent/uvid.toml", "cannot be read"]);
}

#[test]
fn lists_can_be_set_in_the_environment_and_by_flags() {
    let points = r#"[{name="dense", threshold=0.4, by="Dr P", reason="200 exams"}]"#;
    let environment = [("UVID_OPERATING_POINTS", points), ("UVID_SHADOWS", "[one, \"/two\"]")];
    for (environment, flags) in [
        (&environment[..], Flags::default()),
        (&[], set(&[&format!("operating_points={points}"), "shadows=[one, /two]"])),
    ] {
        let config = load("", environment, flags).unwrap().config;
        assert_eq!(config.shadows, ["one", "/two"]);
        let point = &config.site().operating_points[0];
        assert_eq!((point.name.as_str(), point.threshold, point.by.as_str()), ("dense", 0.4, "Dr P"));
    }
}

#[test]
fn variables_of_kubernetes_and_docker_are_not_ours() {
    let environment = [
        ("UVID_SERVICE_HOST", "10.0.0.7"),
        ("UVID_SERVICE_PORT", "8642"),
        ("UVID_SERVICE_PORT_HTTP", "8642"),
        ("UVID_PORT", "tcp://10.0.0.7:8642"),
        ("UVID_PORT_8642_TCP", "tcp://10.0.0.7:8642"),
        ("UVID_PORT_8642_TCP_PROTO", "tcp"),
        ("UVID_PORT_8642_TCP_PORT", "8642"),
        ("UVID_PORT_8642_TCP_ADDR", "10.0.0.7"),
        ("UVID_WEB_SERVICE_HOST", "10.0.0.8"),
        ("UVID_WEB_PORT", "tcp://10.0.0.8:80"),
    ];
    assert_eq!(load("", &environment, Flags::default()).unwrap().config, Config::default());
    for name in ["UVID_SERVICE", "UVID_PORT_X", "UVID_HTTP__SERVICE_PORT", "UVID_LISTEN_PORT"] {
        assert!(load("", &[(name, "8642")], Flags::default()).is_err(), "{name}");
    }
}

#[test]
fn the_defaults_pass_their_own_check() {
    assert_eq!(Config::default().check(), Ok(()));
    assert_eq!(load("", &[], Flags::default()).unwrap().config, Config::default());
}

#[test]
fn what_a_site_has_set_is_for_the_model_named_beside_it() {
    let point = "operating_points = [{ name = \"dense\", threshold = 0.4, by = \"A\", reason = \"B\" }]\n";
    let calibration = "[calibration]\nscale = 1.5\nthresholds = [-1.0, 0.0, 1.0]\nby = \"A\"\nreason = \"B\"";
    let model = |name: &str| Flags { model: Some(name.into()), ..Flags::default() };
    for file in [point.to_owned(), calibration.to_owned(), format!("{point}{calibration}")] {
        assert!(load(&file, &[], model("density-v0")).is_ok());
        for other in [
            load(&file, &[], model("gmic/")),
            load(&file, &[], set(&["model=gmic/"])),
            load(&file, &[("UVID_MODEL", "gmic/")], Flags::default()),
        ] {
            let error = other.unwrap_err();
            assert!(error.contains("was set for the model \"density-v0\"") && error.contains("\"gmic/\""), "{error}");
        }
        let named = format!("model = \"gmic/\"\n{file}");
        assert!(load(&named, &[], model("gmic/")).is_ok());
        assert!(load(&named, &[], model("density-v0")).is_err());
    }
    // On the command line it is for the model there, and in the environment for that.
    let point = "operating_points=[{name=\"dense\", threshold=0.4, by=\"A\", reason=\"B\"}]";
    let both = Flags { model: Some("gmic/".into()), ..set(&[point]) };
    assert_eq!(load("", &[], both).unwrap().config.operating_points.len(), 1);
    let (name, value) = ("UVID_OPERATING_POINTS", point.split_once('=').unwrap().1);
    assert!(load("", &[(name, value), ("UVID_MODEL", "gmic/")], Flags::default()).is_ok());
    assert!(load("", &[(name, value)], model("gmic/")).is_err());
}

/// What is read of a file to identify it, and what is held of its data set, are two limits with two names.
#[test]
fn bytes_of_a_file_and_of_its_data_set_have_limits_of_their_own() {
    let flags = set(&["store.header_bytes_max=5000", "dicom.data_set_bytes_max=6000"]);
    let config = load("", &[], flags).unwrap().config;
    assert_eq!((config.store.header_bytes_max, config.limits().dicom.header_bytes_max), (5000, 6000));
    assert!(load("", &[], set(&["dicom.header_bytes_max=6000"])).unwrap_err().contains("header_bytes_max"));
}

#[test]
fn devices_are_chosen_like_any_setting() {
    let check = |file: &str, environment: &[(&str, &str)], flag: Option<&str>, expected: Result<(&str, &str), &str>| {
        let flags = Flags { device: flag.map(str::to_owned), ..Flags::default() };
        match (load(file, environment, flags), expected) {
            (Ok(loaded), Ok((device, source))) => {
                assert_eq!(loaded.config.compute.device.to_string(), device);
                assert!(loaded.source("compute.device").ends_with(source), "{}", loaded.source("compute.device"));
            }
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (found, expected) => panic!("{found:?}, expected {expected:?}"),
        }
    };
    let file = "[compute]\ndevice = \"cuda\"";
    let variable = [("UVID_COMPUTE__DEVICE", "cuda:0,2")];
    check("", &[], None, Ok(("auto", "default")));
    check(file, &[], None, Ok(("cuda", "uvid.toml")));
    check(file, &variable, None, Ok(("cuda:0,2", "environment variable UVID_COMPUTE__DEVICE")));
    check(file, &variable, Some("cpu"), Ok(("cpu", "flag --device")));
    check("", &[], Some("gpu"), Err("\"gpu\" is no device: it is `auto`, `cpu`, `cuda` or, by numbers, `cuda:0,2`"));
    check("[compute]\nslots_per_gpu = 0", &[], None, Err("compute.slots_per_gpu is 0; the least is 1"));
    check("[compute]\nslots_per_gpu = 17", &[], None, Err("compute.slots_per_gpu is 17; the most is 16"));
    check("[compute]\nreopen_seconds = 0", &[], None, Err("compute.reopen_seconds is 0"));
}
