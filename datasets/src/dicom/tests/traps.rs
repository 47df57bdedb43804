//! Side, view, kind, intent: the rows of `mammography_traps.md`.

use uvid_exam::{Acquisition, Affine, Implant, Intent, Laterality, Lossy, Reason, Side, Spacing, View, ViewModifier};

use super::*;

fn contradiction(image: &Mammogram) -> Option<&'static str> {
    image.contradictions.first().map(|reason| match reason {
        Reason::Contradiction { what, .. } => *what,
        other => panic!("{other}"),
    })
}

fn anatomy(region: InMemDicomObject) -> impl FnOnce(&mut InMemDicomObject) {
    |o| sequence(o, tags::ANATOMIC_REGION_SEQUENCE, vec![region])
}

fn region(scheme: &str, modifier: &str) -> InMemDicomObject {
    let mut region = code("SCT", "76752008");
    sequence(&mut region, tags::ANATOMIC_REGION_MODIFIER_SEQUENCE, vec![code(scheme, modifier)]);
    region
}

fn frame_laterality(groups: Tag, side: &str) -> impl FnOnce(&mut InMemDicomObject) {
    let mut anatomy = InMemDicomObject::new_empty();
    text(&mut anatomy, tags::FRAME_LATERALITY, VR::CS, side);
    let mut group = InMemDicomObject::new_empty();
    sequence(&mut group, tags::FRAME_ANATOMY_SEQUENCE, vec![anatomy]);
    move |o| sequence(o, groups, vec![group])
}

#[test]
fn laterality_by_each_source() {
    let check = |change: &mut dyn FnMut(&mut InMemDicomObject), expected: Option<Laterality>| {
        let image = mammogram(|o| {
            o.remove_element(tags::IMAGE_LATERALITY);
            change(o);
        });
        assert_eq!(image.laterality, expected);
        assert_eq!(image.contradictions, []);
    };
    let (left, right) = (Some(Laterality::Left), Some(Laterality::Right));
    check(&mut |_| {}, None);
    check(&mut |o| text(o, tags::IMAGE_LATERALITY, VR::CS, "R "), right);
    check(&mut |o| text(o, tags::IMAGE_LATERALITY, VR::CS, ""), None);
    check(&mut |o| text(o, tags::IMAGE_LATERALITY, VR::CS, "B"), None);
    check(&mut |o| text(o, tags::LATERALITY, VR::CS, "R"), right);
    check(&mut |o| text(o, tags::LATERALITY, VR::CS, "U"), None);
    check(&mut |o| frame_laterality(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, "L")(o), left);
    check(&mut |o| frame_laterality(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, "R")(o), right);
    for (scheme, l, r) in [("SCT", "7771000", "24028007"), ("SRT", "G-A101", "G-A100"), ("SNM3", "G-A101", "G-A100")] {
        check(&mut |o| anatomy(region(scheme, l))(o), left);
        check(&mut |o| anatomy(region(scheme, r))(o), right);
    }
    check(&mut |o| anatomy(region("99LOCAL", "7771000"))(o), None);
    check(&mut |o| anatomy(code("SCT", "80248007"))(o), left);
    check(&mut |o| text(o, tags::VIEW_POSITION, VR::CS, "RCC"), right);
}

#[test]
fn laterality_that_contradicts_itself() {
    // The plain image says L.
    let check = |change: &mut dyn FnMut(&mut InMemDicomObject), expected: Option<&'static str>| {
        assert_eq!(contradiction(&mammogram(change)), expected);
    };
    check(&mut |o| text(o, tags::LATERALITY, VR::CS, "R"), Some("laterality"));
    check(&mut |o| text(o, tags::LATERALITY, VR::CS, "L"), None);
    check(&mut |o| text(o, tags::LATERALITY, VR::CS, ""), None);
    check(&mut |o| text(o, tags::LATERALITY, VR::CS, "B"), None);
    check(&mut |o| frame_laterality(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, "R")(o), Some("laterality"));
    check(&mut |o| anatomy(region("SCT", "24028007"))(o), Some("laterality"));
    check(&mut |o| text(o, tags::VIEW_POSITION, VR::CS, "RCC"), Some("laterality"));
    // A description says nothing about the side.
    check(&mut |o| text(o, tags::SERIES_DESCRIPTION, VR::LO, "R CC"), None);
    let image = mammogram(|o| text(o, tags::LATERALITY, VR::CS, "R"));
    let said = image.contradictions[0].to_string();
    assert!(said.contains("(0020,0062)") && said.contains("(0020,0060)") && said.contains("1.2.3.4"), "{said}");
}

/// The plain image without its own view.
fn unseen(change: impl FnOnce(&mut InMemDicomObject)) -> Mammogram {
    mammogram(|o| {
        o.remove_element(tags::VIEW_POSITION);
        o.remove_element(tags::VIEW_CODE_SEQUENCE);
        change(o);
    })
}

#[test]
fn view_codes_in_every_scheme() {
    for &view in View::ALL {
        for (scheme, value) in [("SCT", view.sct()), ("SRT", view.srt()), ("SNM3", view.srt()), ("99SDM", view.srt())] {
            let image = unseen(|o| sequence(o, tags::VIEW_CODE_SEQUENCE, vec![code(scheme, value)]));
            assert_eq!(image.view, Some(view), "{scheme} {value}");
            assert_eq!(image.view.is_some_and(View::is_standard), matches!(view.short(), "CC" | "MLO"));
        }
        let image = unseen(|o| text(o, tags::VIEW_POSITION, VR::CS, view.short()));
        assert_eq!(image.view, Some(view), "{view}");
    }
}

#[test]
fn view_sources_in_order() {
    let check = |change: &mut dyn FnMut(&mut InMemDicomObject), expected: Option<View>, note: &str| {
        let image = unseen(change);
        assert_eq!(image.view, expected);
        assert_eq!(image.contradictions, []);
        assert!(note.is_empty() == image.notes.is_empty() && noted(&image, note) != note.is_empty(), "{image:?}");
    };
    check(&mut |_| {}, None, "");
    check(&mut |o| text(o, tags::VIEW_POSITION, VR::CS, "ML"), Some(View::MedioLateral), "");
    check(&mut |o| text(o, tags::VIEW_POSITION, VR::CS, "MLO "), Some(View::MedioLateralOblique), "");
    check(&mut |o| text(o, tags::VIEW_POSITION, VR::CS, "XCCL"), Some(View::ExaggeratedCranioCaudalLateral), "");
    check(&mut |o| text(o, tags::VIEW_POSITION, VR::CS, "LMO"), Some(View::LateroMedialOblique), "");
    check(&mut |o| text(o, tags::VIEW_POSITION, VR::CS, "OBLIQUE"), None, "View Position");
    let described = "low confidence";
    check(&mut |o| text(o, tags::SERIES_DESCRIPTION, VR::LO, "L CC"), Some(View::CranioCaudal), described);
    check(&mut |o| text(o, tags::PROTOCOL_NAME, VR::LO, "RMLO Diag"), Some(View::MedioLateralOblique), described);
    check(&mut |o| text(o, tags::SERIES_DESCRIPTION, VR::LO, "L-ML"), Some(View::MedioLateral), described);
    check(&mut |o| text(o, tags::SERIES_DESCRIPTION, VR::LO, "MLO and CC"), None, "");
    check(&mut |o| text(o, tags::SERIES_DESCRIPTION, VR::LO, "ACCESS MLOX"), None, "");
    check(&mut |o| text(o, tags::STUDY_DESCRIPTION, VR::LO, "L CC"), None, "");
    // A code that is not known says "not a standard view"; a description must not make it one.
    let unknown = |o: &mut InMemDicomObject| {
        sequence(o, tags::VIEW_CODE_SEQUENCE, vec![code("SCT", "1234")]);
        text(o, tags::SERIES_DESCRIPTION, VR::LO, "L CC");
    };
    check(&mut |o| unknown(o), None, "CID 4014");
    // The right code in the wrong scheme is not known either.
    check(&mut |o| sequence(o, tags::VIEW_CODE_SEQUENCE, vec![code("SCT", "R-10242")]), None, "CID 4014");
}

#[test]
fn views_that_contradict_each_other() {
    let check = |position: &str, expected: Option<&'static str>| {
        // The plain image's code says CC.
        let image = mammogram(|o| text(o, tags::VIEW_POSITION, VR::CS, position));
        assert_eq!(contradiction(&image), expected, "{position}");
    };
    check("MLO", Some("view"));
    check("XCCL", Some("view"));
    check("CC", None);
    check("LCC", None);
    check("", None);
    check("WHATEVER", None);
    let image = mammogram(|o| text(o, tags::SERIES_DESCRIPTION, VR::LO, "R MLO"));
    assert_eq!(image.contradictions, []);
    assert_eq!(image.view, Some(View::CranioCaudal));
}

#[test]
fn a_view_of_which_one_source_is_not_understood() {
    // The code, the code's meaning (of a scheme of the vendor's own) and View Position; what is seen.
    let check =
        |value: &str, meaning: &str, position: &str, view: Option<View>, modifiers: &[ViewModifier], unknown| {
            let image = unseen(|o| {
                text(o, tags::VIEW_POSITION, VR::CS, position);
                let mut item = code(if meaning.is_empty() { "SCT" } else { "99VENDOR" }, value);
                text(&mut item, tags::CODE_MEANING, VR::LO, meaning);
                sequence(o, tags::VIEW_CODE_SEQUENCE, vec![item]);
                text(o, tags::SERIES_DESCRIPTION, VR::LO, "L CC");
            });
            let seen = (image.view, image.modifiers.as_slice(), image.unknown_modifier);
            assert_eq!(seen, (view, modifiers, unknown), "{value} {meaning} {position}");
        };
    let (cc, mlo, magnified) = (View::CranioCaudal, View::MedioLateralOblique, ViewModifier::Magnification);
    check(cc.sct(), "", "CC", Some(cc), &[], false);
    check(cc.sct(), "", "", Some(cc), &[], false);
    check(cc.sct(), "", "L CC", Some(cc), &[], false);
    for odd in ["CCM", "WHATEVER", "L", "CC\\MLO", "MMCC"] {
        check(cc.sct(), "", odd, Some(cc), &[], true);
    }
    check(cc.sct(), "", "LMCC", Some(cc), &[magnified], false);
    check(cc.sct(), "", "MCC", Some(cc), &[magnified], false);
    check(mlo.sct(), "", "LMMLO", Some(mlo), &[magnified], false);
    check(mlo.sct(), "", "MLO", Some(mlo), &[], false);
    check(cc.sct(), "", "LCCRL", Some(cc), &[ViewModifier::RolledLateral], false);
    check(cc.sct(), "", "LCCID", Some(cc), &[ViewModifier::ImplantDisplaced], false);
    check(cc.sct(), "", "CC\\SPOT", Some(cc), &[ViewModifier::SpotCompression], false);
    check("V1", "magnification spot view", "CC", Some(cc), &[], true);
    check("1234", "", "MLO", Some(mlo), &[], true);
    check("1234", "", "ML", Some(View::MedioLateral), &[], false);
    check(View::MedioLateral.sct(), "", "WHATEVER", Some(View::MedioLateral), &[], false);
    // Without any known source the description does not count; beside a code item without a code it does not either.
    check("1234", "", "", None, &[], false);
    check("1234", "", "WHATEVER", None, &[], false);
    check("", "", "WHATEVER", None, &[], false);
    check("", "", "", Some(cc), &[], false);
    check("", "meaning", "CC", Some(cc), &[], false);
}

#[test]
fn view_modifiers() {
    let with = |scheme: &'static str, value: &'static str| {
        move |o: &mut InMemDicomObject| {
            let mut view = code("SCT", "399162004");
            sequence(&mut view, tags::VIEW_MODIFIER_CODE_SEQUENCE, vec![code(scheme, value)]);
            sequence(o, tags::VIEW_CODE_SEQUENCE, vec![view]);
        }
    };
    for &modifier in ViewModifier::ALL {
        for (scheme, value) in [("SCT", modifier.sct()), ("SRT", modifier.srt()), ("SNM3", modifier.srt())] {
            let image = mammogram(with(scheme, value));
            assert_eq!(image.modifiers, [modifier], "{scheme} {value}");
        }
    }
    let image = mammogram(with("SCT", "1234"));
    assert!(image.modifiers.is_empty() && noted(&image, "CID 4015"));

    let all = mammogram(|o| {
        let mut view = code("SCT", "399162004");
        let two = vec![code("SCT", "399163009"), code("SCT", "399055006"), code("SCT", "399055006")];
        sequence(&mut view, tags::VIEW_MODIFIER_CODE_SEQUENCE, two);
        sequence(o, tags::VIEW_CODE_SEQUENCE, vec![view]);
    });
    assert_eq!(all.modifiers, [ViewModifier::Magnification, ViewModifier::SpotCompression]);

    let meant = mammogram(|o| {
        let mut view = code("SCT", "399162004");
        let mut item = code("99VENDOR", "77");
        text(&mut item, tags::CODE_MEANING, VR::LO, "Spot Compression");
        sequence(&mut view, tags::VIEW_MODIFIER_CODE_SEQUENCE, vec![item]);
        sequence(o, tags::VIEW_CODE_SEQUENCE, vec![view]);
    });
    assert_eq!(meant.modifiers, [ViewModifier::SpotCompression]);
}

#[test]
fn modifiers_by_paddle_and_position() {
    let check = |tag, vr, value: &str, expected: &[ViewModifier]| {
        assert_eq!(mammogram(|o| text(o, tag, vr, value)).modifiers, expected, "{value}");
    };
    check(tags::PADDLE_DESCRIPTION, VR::LO, "10CM SPOT", &[ViewModifier::SpotCompression]);
    check(tags::PADDLE_DESCRIPTION, VR::LO, "7.5CM MAG", &[ViewModifier::Magnification]);
    check(tags::PADDLE_DESCRIPTION, VR::LO, "24X29CM FLEX", &[]);
    check(tags::VIEW_POSITION, VR::CS, "CCRL", &[ViewModifier::RolledLateral]);
    for (label, modifier) in [
        ("AT", ViewModifier::AxillaryTail),
        ("CV", ViewModifier::Cleavage),
        ("RL", ViewModifier::RolledLateral),
        ("RM", ViewModifier::RolledMedial),
        ("TAN", ViewModifier::Tangential),
    ] {
        let image = unseen(|o| text(o, tags::VIEW_POSITION, VR::CS, label));
        assert_eq!((image.view, image.modifiers.as_slice()), (None, &[modifier][..]), "{label}");
    }
    let image = unseen(|o| text(o, tags::SERIES_DESCRIPTION, VR::LO, "R CC SPOT"));
    assert_eq!(image.modifiers, [ViewModifier::SpotCompression]);
}

#[test]
fn implants() {
    let check = |declared: &str, displaced: bool, expected: Implant| {
        let image = mammogram(|o| {
            text(o, tags::BREAST_IMPLANT_PRESENT, VR::CS, declared);
            if displaced {
                text(o, tags::VIEW_POSITION, VR::CS, "CCID");
            }
        });
        assert_eq!(image.implant, expected, "{declared} {displaced}");
        assert_eq!(noted(&image, "implant"), declared == "NO" && displaced);
    };
    check("YES", false, Implant::Present);
    check("NO", false, Implant::Absent);
    check("", false, Implant::NotSaid);
    check("", true, Implant::Present);
    check("NO", true, Implant::Present);
}

#[test]
fn presentation_intent_and_sop_class() {
    let pres = uids::DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION;
    let proc = uids::DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PROCESSING;
    let check = |class: &str, intent: &str, expected: Option<Intent>, what: Option<&'static str>| {
        let image = mammogram(|o| {
            text(o, tags::SOP_CLASS_UID, VR::UI, class);
            text(o, tags::PRESENTATION_INTENT_TYPE, VR::CS, intent);
        });
        assert_eq!((image.intent, contradiction(&image)), (expected, what), "{class} {intent}");
    };
    check(pres, "FOR PRESENTATION", Some(Intent::ForPresentation), None);
    check(proc, "FOR PROCESSING", Some(Intent::ForProcessing), None);
    check(proc, "", Some(Intent::ForProcessing), None);
    check(pres, "SOMETHING", Some(Intent::ForPresentation), None);
    check(pres, "FOR PROCESSING", None, Some("presentation intent"));
    check(proc, "FOR PRESENTATION", None, Some("presentation intent"));
    check(uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE, "FOR PROCESSING", Some(Intent::ForProcessing), None);
    check(uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE, "", None, None);
}

#[test]
fn kinds_of_acquisition() {
    let check = |change: &mut dyn FnMut(&mut InMemDicomObject), expected: Acquisition| {
        assert_eq!(mammogram(change).acquisition, expected);
    };
    let image_type = |o: &mut InMemDicomObject, value: &str| text(o, tags::IMAGE_TYPE, VR::CS, value);
    check(&mut |_| {}, Acquisition::Ffdm);
    check(&mut |o| image_type(o, "DERIVED\\PRIMARY\\TOMO\\GENERATED_2D"), Acquisition::Synthetic2d);
    check(&mut |o| image_type(o, "DERIVED\\PRIMARY\\TOMO_2D\\S_VIEW"), Acquisition::Synthetic2d);
    for name in ["L CC C-View", "RMLO S-View", "Intelligent 2D", "L MLO Insight 2D", "V-Preview"] {
        check(&mut |o| text(o, tags::SERIES_DESCRIPTION, VR::LO, name), Acquisition::Synthetic2d);
    }
    check(&mut |o| text(o, tags::DETECTOR_TYPE, VR::CS, "FILM"), Acquisition::ScreenFilm);
    check(&mut |o| text(o, tags::CONVERSION_TYPE, VR::CS, "DF"), Acquisition::ScreenFilm);
}

#[test]
fn what_is_listed() {
    let check = |change: &mut dyn FnMut(&mut InMemDicomObject), expected: &str| {
        let listed = listed(change);
        assert_eq!(listed.what, expected);
        assert!(matches!(listed.fate, Fate::NotAnalysed(_)), "{}", listed.fate);
        assert!(listed.patient.id.is_some());
    };
    let class = |o: &mut InMemDicomObject, uid: &str| text(o, tags::SOP_CLASS_UID, VR::UI, uid);
    check(&mut |o| class(o, "1.2.840.10008.5.1.4.1.1.7"), "secondary capture");
    check(&mut |o| class(o, "1.2.840.10008.5.1.4.1.1.88.33"), "structured report");
    check(&mut |o| class(o, "1.2.840.10008.5.1.4.1.1.88.50"), "mammography CAD report");
    check(&mut |o| class(o, "1.2.840.10008.5.1.4.1.1.6.1"), "ultrasound image");
    check(&mut |o| class(o, "1.2.840.10008.5.1.4.1.1.13.1.4"), "set of tomosynthesis projections");
    check(&mut |o| class(o, "1.2.3"), "object of SOP class 1.2.3");
    // A family's number is a whole component: 1.1.77 is no secondary capture, 1.1.481 no magnetic resonance image.
    check(&mut |o| class(o, "1.2.840.10008.5.1.4.1.1.7.4"), "secondary capture");
    check(&mut |o| class(o, "1.2.840.10008.5.1.4.1.1.77.1.4"), "object of SOP class 1.2.840.10008.5.1.4.1.1.77.1.4");
    check(&mut |o| class(o, "1.2.840.10008.5.1.4.1.1.481.1"), "object of SOP class 1.2.840.10008.5.1.4.1.1.481.1");
    let frames = |o: &mut InMemDicomObject, n: &str| text(o, tags::NUMBER_OF_FRAMES, VR::IS, n);
    check(&mut |o| frames(o, "60"), "tomosynthesis of 60 frames");
    check(
        &mut |o| {
            class(o, uids::BREAST_TOMOSYNTHESIS_IMAGE_STORAGE);
            frames(o, "4000000000");
        },
        "tomosynthesis of 4000000000 frames",
    );
    check(&mut |o| text(o, tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY\\STEREO\\LEFT"), "stereotactic image");
    check(&mut |o| text(o, tags::DETECTOR_MODE, VR::LT, "STEREO"), "stereotactic image");
    check(&mut |o| text(o, tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY\\\\RECOMBINED"), "contrast-enhanced image");
    check(&mut |o| text(o, tags::QUALITY_CONTROL_IMAGE, VR::CS, "YES"), "quality control image");
    // One slice among hundreds is not even decoded: these pixels could not be.
    for image_type in ["DERIVED\\PRIMARY\\TOMO", "DERIVED\\PRIMARY\\TOMOSYNTHESIS\\NONE"] {
        let slice = |o: &mut InMemDicomObject| {
            text(o, tags::IMAGE_TYPE, VR::CS, image_type);
            o.remove_element(tags::PIXEL_DATA);
        };
        check(&mut |o| slice(o), "one slice of a tomosynthesis");
    }
    // A CR image is a mammogram where the modality says so, and only there.
    let cr = uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE;
    assert_eq!(mammogram(|o| class(o, cr)).view, Some(View::CranioCaudal));
    let chest = |o: &mut InMemDicomObject| {
        class(o, cr);
        text(o, tags::MODALITY, VR::CS, "CR");
    };
    check(&mut |o| chest(o), "object of SOP class 1.2.840.10008.5.1.4.1.1.1");
    assert!(noted(&mammogram(|o| frames(o, "0")), "Number of Frames"));
}

#[test]
fn contradictions_and_notes_outlive_the_pixels() {
    let check = |change: &mut dyn FnMut(&mut InMemDicomObject), expected: &[&str], note: &str| {
        let mut listed = listed(|o| {
            text(o, tags::LATERALITY, VR::CS, "R");
            text(o, tags::VIEW_POSITION, VR::CS, "MLO");
            text(o, tags::PRESENTATION_INTENT_TYPE, VR::CS, "FOR PROCESSING");
            text(o, tags::SPECIFIC_CHARACTER_SET, VR::CS, "NONSENSE");
            text(o, tags::PATIENT_ORIENTATION, VR::CS, "Q\\L");
            change(o);
        });
        let what = listed.contradictions.drain(..).map(|reason| match reason {
            Reason::Contradiction { what, .. } => what,
            other => panic!("{other}"),
        });
        assert_eq!(what.collect::<Vec<_>>(), expected, "{}", listed.what);
        assert!(listed.notes.iter().any(|n| n.contains(note)), "{:?}", listed.notes);
    };
    let all = ["presentation intent", "laterality", "view"];
    check(&mut |o| _ = o.remove_element(tags::PIXEL_DATA), &all, "Patient Orientation");
    check(&mut |o| _ = o.remove_element(tags::ROWS), &all, "Patient Orientation");
    check(&mut |o| text(o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB"), &all, "Patient Orientation");
    check(&mut |o| text(o, tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY\\TOMO"), &all, "Character Set");
    check(&mut |o| text(o, tags::DETECTOR_MODE, VR::LT, "STEREO"), &all, "Character Set");
    check(&mut |o| text(o, tags::NUMBER_OF_FRAMES, VR::IS, "60"), &all, "Character Set");
    // What is no X-ray image of a breast has nothing to contradict.
    check(&mut |o| text(o, tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.6.1"), &[], "Character Set");
}

#[test]
fn orientation_and_the_way_back() {
    // Rows of the file run to the right of the patient, columns posterior: the chest wall is at the bottom.
    let image = mammogram(|o| {
        text(o, tags::PATIENT_ORIENTATION, VR::CS, "R\\P");
        text(o, tags::IMAGER_PIXEL_SPACING, VR::DS, "0.1\\0.2");
    });
    assert_eq!(image.chest_wall, Some(Side::Left));
    assert_eq!((image.pixels.rows(), image.pixels.columns()), (COLUMNS, ROWS));
    assert_eq!(image.file_size, (ROWS, COLUMNS));
    assert_eq!(image.spacing, Some(Spacing { row_mm: 0.2, column_mm: 0.1 }));
    for (r, c) in [(0, 0), (3, 5), (COLUMNS - 1, ROWS - 1)] {
        let (row, column) = image.to_file.apply(r as f64 + 0.5, c as f64 + 0.5);
        assert_eq!(image.pixels.values()[r * ROWS + c], stored_at(row as usize, column as usize));
    }
    // Upside down, which only a view with a head can be.
    let flipped = |view: &str| {
        mammogram(|o| {
            o.remove_element(tags::VIEW_CODE_SEQUENCE);
            text(o, tags::VIEW_POSITION, VR::CS, view);
            text(o, tags::PATIENT_ORIENTATION, VR::CS, "A\\H");
        })
    };
    for view in ["MLO", "ML", "LM"] {
        let image = flipped(view);
        assert_eq!(image.pixels.values()[0], stored_at(ROWS - 1, 0), "{view}");
        assert_eq!(image.to_file.apply(0.5, 0.5), (ROWS as f64 - 0.5, 0.5));
        assert!(noted(&image, "turned"));
    }
    assert_eq!(flipped("CC").to_file, Affine::IDENTITY);
}

#[test]
fn orientation_that_is_wrong() {
    // The pixels are much brighter on the left.
    let check = |orientation: &str, declared: Option<Side>, expected: Option<&'static str>| {
        let image = mammogram(|o| text(o, tags::PATIENT_ORIENTATION, VR::CS, orientation));
        assert_eq!((image.chest_wall, image.seen_chest_wall), (declared, Some(Side::Left)), "{orientation}");
        assert_eq!(contradiction(&image), expected, "{orientation}");
    };
    check("A\\L", Some(Side::Left), None);
    check("P\\R", Some(Side::Right), Some("orientation"));
    check("", None, None);
    let image = mammogram(|o| text(o, tags::PATIENT_ORIENTATION, VR::CS, "P\\R"));
    let said = image.contradictions[0].to_string();
    let expected =
        "Patient Orientation (0020,0020) puts the chest wall on the right, the pixels are much brighter on the left";
    assert!(said.ends_with(expected), "{said}");
    // Half of the image is bright padding, which counts as air: the breast is what is left.
    let padded = mammogram(|o| {
        let row: Vec<u16> = (0..COLUMNS).map(|c| if c < COLUMNS / 2 { 4095 } else { 10 * c as u16 }).collect();
        o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(row.repeat(ROWS).into())));
        words(o, tags::PIXEL_PADDING_VALUE, &[4095]);
        text(o, tags::PATIENT_ORIENTATION, VR::CS, "P\\R");
    });
    assert_eq!((padded.seen_chest_wall, contradiction(&padded)), (Some(Side::Right), None));
    for odd in ["A", "A\\A\\A", "Q\\L", "LR\\H", "anterior\\left"] {
        let image = mammogram(|o| text(o, tags::PATIENT_ORIENTATION, VR::CS, odd));
        assert_eq!(image.chest_wall, None, "{odd}");
        assert!(noted(&image, "not valid"), "{odd}");
    }
    let image = mammogram(|o| {
        text(o, tags::FIELD_OF_VIEW_HORIZONTAL_FLIP, VR::CS, "YES");
        text(o, tags::FIELD_OF_VIEW_ROTATION, VR::DS, "180");
    });
    assert_eq!(image.to_file, Affine::IDENTITY);
    assert!(noted(&image, "(0018,7034)") && noted(&image, "(0018,7032)"));
}

#[test]
fn flags() {
    let image = mammogram(|o| {
        text(o, tags::PARTIAL_VIEW, VR::CS, "YES");
        text(o, tags::BURNED_IN_ANNOTATION, VR::CS, "YES");
        text(o, tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "01");
    });
    assert!(image.partial_view && image.burned_in_annotation);
    assert_eq!(image.lossy, Lossy::Yes);
    let image = mammogram(|o| text(o, tags::BURNED_IN_ANNOTATION, VR::CS, "NO"));
    assert!(!image.partial_view && !image.burned_in_annotation);
}
