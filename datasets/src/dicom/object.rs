//! A DICOM object where it lies: on disk, or in bytes that somebody else holds.
//!
//! Invariant: opening costs the data set without the values of its Pixel Data, whatever they are: a tomosynthesis of
//! 2 GB is some 100 KB. An index of its fragments is 16 bytes for each, made when a frame is asked for; a frame costs
//! its own compressed bytes and what it is decoded to. Only a deflated data set (PS3.5 section A.5), which cannot be
//! entered in the middle, is held inflated.
//!
//! | while an image of N pixels is read | bytes |
//! |---|---|
//! | the frame as it is stored, until it is decoded | its own |
//! | the samples | 2 N |
//! | the codec, until then | what its module says |

use std::io::{Cursor, SeekFrom};
use std::sync::Arc;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use sha2::{Digest, Sha256};
use uvid_codecs::Proven;
use uvid_exam::{Content, Fate, Listed, Mammogram, Received, Reduced};

use super::bytes::{ReadSeek, Window, read_at};
use super::charset::Charset;
use super::element::{DataSet, Element};
use super::frame::FrameError;
use super::kind::{self, Kind};
use super::listing::{self, Listing};
use super::part10::{self, File};
use super::record::Record;
use super::{Header, Limits, Offset, ReadError, Repair, Source, header, image, source};

/// An opened object.
pub struct Object<'a> {
    pub(super) file: File,
    pub(super) place: Place<'a>,
    pub(super) limits: Limits,
}

/// Where an object's bytes are, and what helps to decode them.
pub(super) struct Place<'a> {
    whole: Box<dyn ReadSeek + 'a>,
    /// The data set, where the file has it deflated.
    inflated: Option<Cursor<Vec<u8>>>,
    digest: Option<[u8; 32]>,
    accelerator: Option<Arc<Proven>>,
}

impl Place<'_> {
    /// The bytes of an element's value, from `from` on, as many as `len`.
    pub(super) fn value(&mut self, element: &Element<'_>, from: usize, len: usize) -> Result<Vec<u8>, ReadError> {
        self.bytes(element.offset, from, len)
    }

    /// The bytes `from` behind a place, as many as `len`.
    fn bytes(&mut self, place: Offset, from: usize, len: usize) -> Result<Vec<u8>, ReadError> {
        let (Offset::File(at) | Offset::Inflated(at)) = place;
        read_at(self.data(), at.saturating_add(from) as u64, len).map_err(|error| ReadError::Io(error.kind()))
    }

    /// What may decode a mammogram's pixels.
    pub(super) fn accelerator(&self) -> Option<&Proven> {
        self.accelerator.as_deref()
    }

    /// A window over an element's value.
    pub(super) fn window(&mut self, element: &Element<'_>) -> Window<'_> {
        let origin = match element.offset {
            Offset::File(at) | Offset::Inflated(at) => at as u64,
        };
        Window::new(self.data(), origin, element.len)
    }

    /// What positions in the data set are positions of.
    fn data(&mut self) -> &mut dyn ReadSeek {
        match &mut self.inflated {
            Some(inflated) => inflated,
            None => &mut *self.whole,
        }
    }
}

impl<'a> Object<'a> {
    /// Opens an object that is read where it lies. The limits hold for all that is asked of it.
    ///
    /// # Errors
    ///
    /// [`ReadError::NotDicom`], [`ReadError::TooLarge`], [`ReadError::LongHeader`], [`ReadError::TransferSyntax`],
    /// [`ReadError::Broken`] where there is no data set, [`ReadError::Io`].
    pub fn open(source: impl ReadSeek + 'a, limits: &Limits) -> Result<Self, ReadError> {
        let mut whole: Box<dyn ReadSeek + 'a> = Box::new(source);
        let (file, inflated) = part10::open(&mut *whole, limits)?;
        Ok(Self { file, place: Place { whole, inflated, digest: None, accelerator: None }, limits: *limits })
    }

    /// Opens an object that somebody holds.
    ///
    /// # Errors
    ///
    /// Those of [`Object::open`].
    pub fn of(bytes: &'a [u8], limits: &Limits) -> Result<Self, ReadError> {
        Self::open(Cursor::new(bytes), limits)
    }

    /// The SHA-256 of its bytes is known already.
    pub fn with_digest(mut self, digest: [u8; 32]) -> Self {
        self.place.digest = Some(digest);
        self
    }

    /// Lets a mammogram's pixels be decoded elsewhere, where that gives the same samples: in a transfer syntax that allows no
    /// loss, at full resolution.
    pub fn with_accelerator(mut self, accelerator: Option<Arc<Proven>>) -> Self {
        self.place.accelerator = accelerator;
        self
    }

    /// SHA-256 of all its bytes.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`].
    pub fn digest(&mut self) -> Result<[u8; 32], ReadError> {
        if let Some(digest) = self.place.digest {
            return Ok(digest);
        }
        let io = |error: std::io::Error| ReadError::Io(error.kind());
        let mut hash = Sha256::new();
        let mut piece = vec![0; 256 << 10];
        self.place.whole.seek(SeekFrom::Start(0)).map_err(io)?;
        loop {
            match self.place.whole.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => hash.update(piece.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io(error)),
            }
        }
        let digest = hash.finalize().into();
        self.place.digest = Some(digest);
        Ok(digest)
    }

    fn data_set(&self, repair: Option<Repair>) -> DataSet<'_> {
        let mut data = self.file.data_set(&self.limits);
        if let Some(repair) = repair {
            data.charset = Charset::repaired(repair);
        }
        data
    }

    /// What identifies it; its text in the set that it really is in, if a rule about its sender says so.
    ///
    /// # Errors
    ///
    /// Those of [`super::read_header`].
    pub fn header(&self, repair: Option<Repair>) -> Result<Header, ReadError> {
        header::header(&self.file, &self.data_set(repair))
    }

    /// What objects made from it repeat of it.
    ///
    /// # Errors
    ///
    /// Those of [`super::read_header`].
    pub fn describe(&self, repair: Option<Repair>) -> Result<Source, ReadError> {
        source::source(&self.file, &self.data_set(repair), repair)
    }

    /// All its elements, without file meta information and group lengths.
    ///
    /// # Errors
    ///
    /// There are too many.
    pub fn listing(&self, repair: Option<Repair>) -> Result<Listing, ReadError> {
        listing::listing(&self.data_set(repair))
    }

    /// Where the value of an element is: its first byte, how many bytes it has, and how many of them are a word that is
    /// to be turned to have it in little endian, 1 where none is. `path` is its tag, behind the sequences and the items,
    /// from 0, that it is in.
    ///
    /// # Errors
    ///
    /// [`FrameError::Unsupported`]: pixels in fragments are frames ([`Object::frame`]) and no value.
    pub fn bulk(&self, path: &[(Tag, usize)], tag: Tag) -> Result<Option<(Offset, usize, usize)>, FrameError> {
        let mut data = self.file.data_set(&self.limits);
        for (sequence, item) in path {
            match data.items(*sequence).into_iter().nth(*item) {
                Some(inside) => data = inside,
                None => return Ok(None),
            }
        }
        let Some(element) = data.get(tag) else { return Ok(None) };
        if tag == tags::PIXEL_DATA && element.undefined {
            return Err(FrameError::Unsupported("the pixels are in fragments, which are no value"));
        }
        // Pixels of more than 8 bits are words, whatever their VR says (PS3.5 section 8.1.1 and annex D).
        let wide = tag == tags::PIXEL_DATA && data.word(tags::BITS_ALLOCATED).is_some_and(|bits| bits > 8);
        let word = match element.vr.as_ref().filter(|_| data.encoding.big()) {
            Some(b"OW") => 2,
            Some(b"OF" | b"OL") => 4,
            Some(b"OD" | b"OV") => 8,
            Some(_) if wide => 2,
            Some(_) | None => 1,
        };
        Ok(Some((element.offset, element.len, word)))
    }

    /// So many bytes, `from` behind a place that [`Object::bulk`] gives, as the file has them.
    ///
    /// # Errors
    ///
    /// [`ReadError::Io`]: they are not all there.
    pub fn bulk_bytes(&mut self, place: Offset, from: usize, len: usize) -> Result<Vec<u8>, ReadError> {
        self.place.bytes(place, from, len)
    }

    /// Reads it whole: a mammogram of one frame with its pixels, anything else as [`Content::Listed`].
    ///
    /// A mammogram whose pixels cannot be decoded is listed with [`Fate::Unreadable`], so that the study knows of it.
    ///
    /// # Errors
    ///
    /// Those of [`super::read_header`]; [`ReadError::Io`].
    pub fn read(&mut self) -> Result<Received, ReadError> {
        self.read_reduced(None)
    }

    /// The same, the pixels of a mammogram reduced while they are decoded, as far as a model allows.
    ///
    /// # Errors
    ///
    /// Those of [`Object::read`].
    pub fn read_reduced(&mut self, reduced: Option<Reduced>) -> Result<Received, ReadError> {
        let digest = self.digest()?;
        let Self { file, place, limits } = self;
        let data = file.data_set(limits);
        let header = header::header(file, &data)?;
        let mut record = Record::new(header.sop_instance.clone());
        record.notes.extend(file.notes.iter().cloned());
        image::oddities(&data, &mut record);

        let outcome = match kind::kind(&header, &data, &mut record) {
            Kind::Listed { what, why } => Err((what, Fate::NotAnalysed(why))),
            Kind::Mammogram(about) => {
                match image::mammogram(&header, &data, place, about, &file.syntax, limits, reduced, &mut record) {
                    Ok(image) => Ok(image),
                    // That is not the file's fault.
                    Err(error @ ReadError::Io(_)) => return Err(error),
                    Err(ReadError::Incomplete(why)) => Err(("mammogram".to_owned(), Fate::Incomplete(why.to_string()))),
                    Err(error) => Err(("mammogram".to_owned(), Fate::Unreadable(error.to_string()))),
                }
            }
        };
        let Record { contradictions, notes, .. } = record;
        let content = match outcome {
            Ok(image) => Content::Mammogram(Box::new(Mammogram { contradictions, notes, ..image })),
            Err((what, fate)) => {
                let Header { study, sop_instance, patient, .. } = header;
                Content::Listed(Listed { study, sop_instance, patient, what, fate, contradictions, notes })
            }
        };
        Ok(Received { digest, content })
    }
}
