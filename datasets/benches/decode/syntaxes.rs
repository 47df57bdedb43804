//! The transfer syntaxes, and what encodes and decodes them.

use uvid_codecs::{Encoding, Format};

/// How a file is written.
pub(crate) struct Syntax {
    pub(crate) name: &'static str,
    pub(crate) uid: &'static str,
    /// The codec of ours; `None` where the frame is not compressed by itself.
    pub(crate) format: Option<Format>,
    pub(crate) encoding: Encoding,
    /// The encoder of a peer (a function of `peers/frames.py`) where there is none of ours.
    pub(crate) peer_encoder: Option<&'static str>,
    /// The most bits of a sample; of a frame with more, the lowest are dropped.
    pub(crate) bits_max: u16,
    /// Functions of imagecodecs that decode it.
    pub(crate) imagecodecs: &'static [&'static str],
    /// The program of dcmtk that decodes it.
    pub(crate) dcmtk: Option<&'static str>,
    /// Only for frames that are tried thoroughly.
    pub(crate) thorough: bool,
}

impl Syntax {
    pub(crate) fn lossy(&self) -> bool {
        self.encoding != Encoding::Lossless
    }

    /// Whether the frame is taken from the object as it came.
    pub(crate) fn as_received(&self) -> bool {
        self.name == "as received"
    }
}

const PLAIN: Syntax = Syntax {
    name: "",
    uid: "",
    format: None,
    encoding: Encoding::Lossless,
    peer_encoder: None,
    bits_max: 16,
    imagecodecs: &[],
    dcmtk: None,
    thorough: false,
};

const SV1: Syntax = Syntax {
    name: "JPEG lossless SV1",
    uid: "1.2.840.10008.1.2.4.70",
    format: Some(Format::JpegLossless),
    peer_encoder: Some("jpeg_lossless_1"),
    imagecodecs: &["jpeg8_decode", "ljpeg_decode", "jpegsof3_decode"],
    dcmtk: Some("dcmdjpeg"),
    ..PLAIN
};

/// JPEG lossless with any predictor. No encoder of ours writes others than 1.
const fn predictor(name: &'static str, peer_encoder: &'static str) -> Syntax {
    let uid = "1.2.840.10008.1.2.4.57";
    Syntax { name, uid, peer_encoder: Some(peer_encoder), encoding: Encoding::Lossless, thorough: true, ..SV1 }
}

const JPEG_LS: Syntax = Syntax {
    name: "JPEG-LS",
    uid: "1.2.840.10008.1.2.4.80",
    format: Some(Format::JpegLs),
    peer_encoder: Some("jpegls"),
    imagecodecs: &["jpegls_decode"],
    dcmtk: Some("dcmdjpls"),
    ..PLAIN
};

const JPEG_2000: Syntax = Syntax {
    name: "JPEG 2000 lossless",
    uid: "1.2.840.10008.1.2.4.90",
    format: Some(Format::Jpeg2000),
    peer_encoder: Some("jpeg2k"),
    imagecodecs: &["jpeg2k_decode"],
    ..PLAIN
};

const HTJ2K: Syntax = Syntax {
    name: "HTJ2K lossless",
    uid: "1.2.840.10008.1.2.4.201",
    format: Some(Format::Htj2k),
    peer_encoder: Some("htj2k"),
    imagecodecs: &["htj2k_decode", "jpeg2k_decode"],
    ..PLAIN
};

const DCT: Syntax = Syntax {
    format: Some(Format::JpegDct),
    encoding: Encoding::Lossy(10),
    imagecodecs: &["jpeg8_decode"],
    dcmtk: Some("dcmdjpeg"),
    ..PLAIN
};

const JPEG_XL: Syntax = Syntax {
    name: "JPEG XL lossless",
    uid: "1.2.840.10008.1.2.4.110",
    format: Some(Format::JpegXl),
    peer_encoder: Some("jpegxl"),
    imagecodecs: &["jpegxl_decode"],
    ..PLAIN
};

/// Everything that a mammogram may come in.
pub(crate) const ALL: &[Syntax] = &[
    Syntax { name: "native", uid: "1.2.840.10008.1.2.1", ..PLAIN },
    Syntax { name: "deflated data set", uid: "1.2.840.10008.1.2.1.99", ..PLAIN },
    Syntax {
        name: "deflated frame",
        uid: "1.2.840.10008.1.2.8.1",
        format: Some(Format::DeflatedFrame),
        peer_encoder: Some("deflate"),
        imagecodecs: &["deflate_decode"],
        ..PLAIN
    },
    Syntax {
        name: "RLE",
        uid: "1.2.840.10008.1.2.5",
        format: Some(Format::Rle),
        imagecodecs: &["dicomrle_decode"],
        dcmtk: Some("dcmdrle"),
        ..PLAIN
    },
    Syntax { name: "as received", thorough: true, peer_encoder: None, ..SV1 },
    SV1,
    Syntax { name: "JPEG lossless .57", uid: "1.2.840.10008.1.2.4.57", ..SV1 },
    predictor("JPEG lossless SV2", "jpeg_lossless_2"),
    predictor("JPEG lossless SV3", "jpeg_lossless_3"),
    predictor("JPEG lossless SV4", "jpeg_lossless_4"),
    predictor("JPEG lossless SV5", "jpeg_lossless_5"),
    predictor("JPEG lossless SV6", "jpeg_lossless_6"),
    predictor("JPEG lossless SV7", "jpeg_lossless_7"),
    JPEG_LS,
    Syntax {
        name: "JPEG-LS near-lossless (2)",
        uid: "1.2.840.10008.1.2.4.81",
        encoding: Encoding::Lossy(2),
        peer_encoder: Some("jpegls_near"),
        ..JPEG_LS
    },
    JPEG_2000,
    Syntax {
        name: "JPEG 2000 lossy (20:1)",
        uid: "1.2.840.10008.1.2.4.91",
        encoding: Encoding::Lossy(20),
        peer_encoder: Some("jpeg2k_lossy"),
        ..JPEG_2000
    },
    HTJ2K,
    Syntax {
        name: "HTJ2K lossy",
        uid: "1.2.840.10008.1.2.4.203",
        encoding: Encoding::Lossy(20),
        peer_encoder: Some("htj2k_lossy"),
        ..HTJ2K
    },
    Syntax {
        name: "JPEG baseline, 8 bits",
        uid: "1.2.840.10008.1.2.4.50",
        bits_max: 8,
        peer_encoder: Some("jpeg_8"),
        ..DCT
    },
    Syntax {
        name: "JPEG extended, 12 bits",
        uid: "1.2.840.10008.1.2.4.51",
        bits_max: 12,
        peer_encoder: Some("jpeg_12"),
        ..DCT
    },
    JPEG_XL,
    Syntax {
        name: "JPEG XL lossy",
        uid: "1.2.840.10008.1.2.4.112",
        encoding: Encoding::Lossy(1),
        peer_encoder: Some("jpegxl_lossy"),
        ..JPEG_XL
    },
];
