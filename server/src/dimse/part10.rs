//! A data set that came over the network as a file (PS3.10 section 7.1).

use uvid_exam::{SopClassUid, SopInstanceUid};

use crate::dimse::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};

/// Preamble and file meta information. `source` is Source Application Entity Title (0002,0016), where it is said.
pub(crate) fn meta(class: &str, instance: &str, syntax: &str, source: Option<&str>) -> Vec<u8> {
    let mut meta = Vec::new();
    meta.extend(b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01");
    element(&mut meta, 0x02, b"UI", class);
    element(&mut meta, 0x03, b"UI", instance);
    element(&mut meta, 0x10, b"UI", syntax);
    element(&mut meta, 0x12, b"UI", IMPLEMENTATION_CLASS_UID);
    element(&mut meta, 0x13, b"SH", IMPLEMENTATION_VERSION_NAME);
    if let Some(source) = source {
        element(&mut meta, 0x16, b"AE", source);
    }
    let mut file = vec![0; 128];
    file.extend(b"DICM\x02\x00\x00\x00UL\x04\x00");
    file.extend(u32::try_from(meta.len()).unwrap_or(0).to_le_bytes());
    file.extend(meta);
    file
}

/// The file: preamble, file meta information, the data set as it came.
pub(crate) fn part10(class: &SopClassUid, instance: &SopInstanceUid, syntax: &str, data: &[u8]) -> Vec<u8> {
    [&meta(class.as_str(), instance.as_str(), syntax, None), data].concat()
}

/// An element of group 0002 in Explicit VR Little Endian.
fn element(out: &mut Vec<u8>, number: u8, vr: &[u8; 2], value: &str) {
    let padding = value.len() % 2;
    out.extend([2, 0, number, 0]);
    out.extend(vr);
    out.extend(u16::try_from(value.len() + padding).unwrap_or(0).to_le_bytes());
    out.extend(value.as_bytes());
    if padding == 1 {
        out.push(if vr == b"UI" { 0 } else { b' ' });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dicom_rs_reads_the_file() {
        let data = super::super::scu::identifier::Identifier::default()
            .with(dicom_dictionary_std::tags::SOP_INSTANCE_UID, "1.2.3")
            .encode();
        let uid = "1.2.3".parse().expect("a UID");
        let class = "1.2.840.10008.5.1.4.1.1.1.2".parse().expect("a UID");
        let file = dicom_object::from_reader(&part10(&class, &uid, "1.2.840.10008.1.2", &data)[..]).expect("a file");
        let meta = file.meta();
        assert_eq!(meta.transfer_syntax(), "1.2.840.10008.1.2");
        assert_eq!(meta.media_storage_sop_instance_uid(), "1.2.3");
        assert_eq!(meta.implementation_version_name.as_deref(), Some(IMPLEMENTATION_VERSION_NAME));
    }
}
