//! What a destination's answer means for a delivery.
//!
//! Invariant: an object counts as refused only where sending it again cannot help; whatever is not understood is tried
//! again.

use crate::dimse::scu::ScuError;
use crate::store::Said;

/// Failure statuses that do not change when the same object is sent again (PS3.4 table B.2-1, PS3.7 annex C): no such
/// class, not authorized, invalid attribute or object instance, class and instance that do not fit, unrecognized or
/// mistyped request.
const FOR_GOOD: [u16; 10] = [0x0105, 0x0106, 0x0117, 0x0118, 0x0119, 0x0120, 0x0122, 0x0124, 0x0211, 0x0212];

/// What a node's answer to one object means.
pub fn said(answer: Result<u16, ScuError>) -> Said {
    match answer {
        Ok(status) | Err(ScuError::Status { status, .. }) => of_status(status),
        Err(error @ ScuError::NoContext(_)) => Said::Refused(error.to_string()),
        // The object may have got there.
        Err(error @ (ScuError::Unreachable(_) | ScuError::Rejected(_) | ScuError::Protocol(_))) => {
            Said::NotNow(error.to_string())
        }
    }
}

/// What it means that there was no association. A node that takes nothing of what is offered may be told to.
pub(super) fn no_association(error: &ScuError) -> Said {
    match error {
        ScuError::NoContext(_) => Said::Refused(error.to_string()),
        ScuError::Unreachable(_) | ScuError::Rejected(_) | ScuError::Protocol(_) | ScuError::Status { .. } => {
            Said::NotSent(error.to_string())
        }
    }
}

fn of_status(status: u16) -> Said {
    match status {
        // Success and warnings (PS3.7 C.2, C.3); 0111H: the node has an object of this UID, which can only be this one.
        0x0000 | 0x0001 | 0x0107 | 0x0111 | 0x0116 | 0xB000..=0xBFFF => Said::Taken,
        // Data set does not match SOP class; cannot understand.
        0xA900..=0xA9FF | 0xC000..=0xCFFF => Said::Refused(words(status)),
        _ if FOR_GOOD.contains(&status) => Said::Refused(words(status)),
        // Out of resources, for one.
        _ => Said::NotNow(words(status)),
    }
}

fn words(status: u16) -> String {
    ScuError::Status { status, comment: None }.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_to_do() {
        let check = |status: u16, expected: &str| {
            let found = match said(Ok(status)) {
                Said::Taken => "taken",
                Said::NotNow(_) => "again",
                Said::Refused(_) => "refused",
                Said::NotSent(_) => "not sent",
            };
            assert_eq!(found, expected, "{status:04X}");
        };
        for status in [0x0000, 0xB000, 0xB006, 0xB007, 0x0111, 0x0107] {
            check(status, "taken");
        }
        for status in [0xA700, 0xA7FF, 0x0110, 0x0210, 0x0213, 0xFE00, 0xFFFF] {
            check(status, "again");
        }
        for status in [0xA900, 0xA9FF, 0xC000, 0xCFFF, 0x0122, 0x0124, 0x0117, 0x0119] {
            check(status, "refused");
        }
        assert!(matches!(said(Err(ScuError::NoContext("1.2".into()))), Said::Refused(_)));
        assert!(matches!(said(Err(ScuError::Unreachable("gone".into()))), Said::NotNow(_)));
        assert!(matches!(no_association(&ScuError::Rejected("no".into())), Said::NotSent(_)));
    }
}
