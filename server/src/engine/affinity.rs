//! Threads near the GPU that they feed: on the CPUs of its NUMA node, so that the memory that they touch first lies there.

use std::path::Path;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tracing::debug;

/// Where NVIDIA's driver says which card is plugged in where: a folder for each, named by its PCI address.
const CARDS: &str = "/proc/driver/nvidia/gpus";

/// The PCI address of the card with this UUID (32 hexadecimal digits), where the driver says so.
pub(super) fn address(uuid: &str) -> Option<String> {
    address_in(Path::new(CARDS), uuid)
}

fn address_in(cards: &Path, uuid: &str) -> Option<String> {
    let is_it = |card: &Path| {
        let text = std::fs::read_to_string(card.join("information")).unwrap_or_default();
        let stated = text.lines().find_map(|line| line.strip_prefix("GPU UUID:")?.trim().strip_prefix("GPU-"));
        stated.is_some_and(|stated| stated.replace('-', "").eq_ignore_ascii_case(uuid))
    };
    let cards = std::fs::read_dir(cards).ok()?.filter_map(|card| Some(card.ok()?.path()));
    cards.into_iter().find(|card| is_it(card))?.file_name()?.to_str().map(str::to_owned)
}

/// Binds the calling thread to those CPUs that it may use and that are local to a PCI device, where the system says
/// which they are (`/sys/bus/pci/devices/<id>/local_cpulist`). Otherwise nothing changes: it is only about speed.
pub(super) fn bind_near(pci: Option<&str>) {
    let Some(id) = pci.filter(|id| is_address(id)) else { return };
    let path = Path::new("/sys/bus/pci/devices").join(id.to_ascii_lowercase()).join("local_cpulist");
    let Some(cpus) = std::fs::read_to_string(path).ok().and_then(|text| parse(&text)) else { return };
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let mut near = CpuSet::new();
    cpus.into_iter().filter(|cpu| allowed.is_set(*cpu)).for_each(|cpu| near.set(cpu));
    if near.count() > 0 && sched_setaffinity(None, &near).is_ok() {
        debug!(pci = id, cpus = near.count(), "bound to the CPUs that are near its GPU");
    }
}

/// `0000:3b:00.0`: domain, bus, device, function.
fn is_address(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.') && !id.contains("..")
}

/// The CPUs of a list as the kernel writes it, `0-3,8,10-11`; `None` if it is no such list, or one of more CPUs than a
/// set holds.
fn parse(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in list.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= CpuSet::MAX_CPU {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus_are_read() {
        let check = |list: &str, expected: Option<&[usize]>| assert_eq!(parse(list).as_deref(), expected, "{list:?}");
        check("0-3,8,10-11\n", Some(&[0, 1, 2, 3, 8, 10, 11]));
        check("5", Some(&[5]));
        check("\n", Some(&[]));
        check("3-1", None);
        check("0-99999999999", None);
        check("0-1048576", None);
        check("a", None);
        check("1-", None);
        check("-1", None);
    }

    #[test]
    fn a_card_is_found_by_its_uuid() {
        let cards = tempfile::tempdir().expect("a folder");
        for (address, uuid) in [("0000:3b:00.0", "00112233-4455-6677-8899-aabbccddeeff"), ("0000:86:00.0", "ff-0")] {
            std::fs::create_dir(cards.path().join(address)).expect("a folder");
            let text = format!("Model: \t\t Card\nGPU UUID: \t GPU-{uuid}\nBus Location: \t {address}\n");
            std::fs::write(cards.path().join(address).join("information"), text).expect("written");
        }
        let check = |uuid: &str, expected: Option<&str>| {
            assert_eq!(address_in(cards.path(), uuid).as_deref(), expected, "{uuid}");
        };
        check("00112233445566778899AABBCCDDEEFF", Some("0000:3b:00.0"));
        check("00112233445566778899aabbccddee00", None);
        check("", None);
        assert_eq!(address_in(Path::new("/nonexistent"), "ff0"), None);
    }

    #[test]
    fn only_addresses_lead_to_files() {
        let check = |id: &str, expected: bool| assert_eq!(is_address(id), expected, "{id:?}");
        check("0000:3b:00.0", true);
        check("0000:3B:00.0", true);
        check("", false);
        check("../../etc", false);
        check("..", false);
        check("0000:3b/00.0", false);
        check(".", true);
    }

    #[test]
    fn a_thread_without_a_known_gpu_stays_where_it_may_be() {
        let before = sched_getaffinity(None).expect("known");
        for pci in [None, Some("ffff:ff:1f.7"), Some("../..")] {
            bind_near(pci);
        }
        assert_eq!(sched_getaffinity(None).expect("known"), before);
    }
}
