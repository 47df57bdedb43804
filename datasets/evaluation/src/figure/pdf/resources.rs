//! What pages share: fonts, opacities, pictures.

use pdf_writer::types::Predictor;
use pdf_writer::writers::Resources;
use pdf_writer::{Filter, Finish, Name, Pdf, Ref};

use super::super::font::{Face, extended_names};
use super::super::picture::Picture;
use super::{Shared, font_name, opacity_name};

/// Numbers objects of a file.
pub(crate) struct Numbers(i32);

impl Numbers {
    pub(crate) fn new() -> Self {
        Self(0)
    }

    pub(crate) fn next(&mut self) -> Ref {
        self.0 += 1;
        Ref::new(self.0)
    }
}

/// Writes fonts, opacities and pictures, and the dictionary that names them.
pub(crate) fn write_resources(pdf: &mut Pdf, shared: &Shared, numbers: &mut Numbers) -> Ref {
    let fonts: Vec<(Face, Ref)> = Face::ALL.into_iter().map(|face| (face, numbers.next())).collect();
    for (face, id) in &fonts {
        write_font(pdf, *face, *id);
    }
    let states: Vec<((u8, u8), Ref)> = shared.opacities.iter().map(|pair| (*pair, numbers.next())).collect();
    for ((line, area), id) in &states {
        let mut state = pdf.ext_graphics(*id);
        state.stroking_alpha(f32::from(*line) / 100.0).non_stroking_alpha(f32::from(*area) / 100.0);
    }
    let pictures: Vec<Ref> = shared.pictures.iter().map(|_| numbers.next()).collect();
    for (picture, id) in shared.pictures.iter().zip(&pictures) {
        write_picture(pdf, picture, *id);
    }
    let id = numbers.next();
    let mut resources = pdf.indirect(id).start::<Resources<'_>>();
    let mut dictionary = resources.fonts();
    for (face, id) in fonts {
        dictionary.pair(Name(font_name(face).as_bytes()), id);
    }
    dictionary.finish();
    let mut dictionary = resources.ext_g_states();
    for (pair, id) in states {
        dictionary.pair(Name(opacity_name(pair).as_bytes()), id);
    }
    dictionary.finish();
    let mut dictionary = resources.x_objects();
    for (number, id) in pictures.into_iter().enumerate() {
        dictionary.pair(Name(format!("I{number}").as_bytes()), id);
    }
    dictionary.finish();
    resources.finish();
    id
}

fn write_font(pdf: &mut Pdf, face: Face, id: Ref) {
    let mut font = pdf.type1_font(id);
    font.base_font(Name(face.base_font().as_bytes()));
    match face {
        Face::Regular | Face::Bold | Face::Mono => {
            font.encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        Face::RegularExtended | Face::BoldExtended => {
            let (first, names) = extended_names();
            let mut encoding = font.encoding_custom();
            encoding.base_encoding(Name(b"WinAnsiEncoding"));
            encoding.differences().consecutive(first, names.map(|name| Name(name.as_bytes())));
        }
        Face::Symbol => {}
    }
}

fn write_picture(pdf: &mut Pdf, picture: &Picture, id: Ref) {
    let side = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
    let data = picture.data();
    let mut object = pdf.image_xobject(id, &data);
    object.width(side(picture.width())).height(side(picture.height())).bits_per_component(8);
    if picture.channels() == 1 {
        object.color_space().device_gray();
    } else {
        object.color_space().device_rgb();
    }
    object.filter(Filter::FlateDecode);
    let mut parameters = object.decode_parms();
    parameters.predictor(Predictor::PngOptimum).colors(i32::from(picture.channels()));
    parameters.bits_per_component(8).columns(side(picture.width()));
}
