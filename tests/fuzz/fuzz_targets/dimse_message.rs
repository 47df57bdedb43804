//! Any bytes as PDUs, their fragments as messages, their data sets as reports: read or refused, and never more than came.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uvid_server::dimse::command::Command;
use uvid_server::dimse::{Assembler, Incoming, Step, parse, parse_event};

fuzz_target!(|bytes: &[u8]| {
    let mut assembler = Assembler::new(1 << 16);
    let mut rest = bytes;
    let mut came = 0;
    // A byte for the type, one for the length.
    while let [kind, length, tail @ ..] = rest {
        let (body, tail) = tail.split_at((*length as usize).min(tail.len()));
        rest = tail;
        let Ok(incoming) = parse(*kind, body.to_vec().into()) else { continue };
        let Incoming::Data(fragments) = incoming else { continue };
        for fragment in fragments {
            match assembler.push(fragment) {
                Ok(Some(Step::Command(_, command))) => {
                    assert_eq!(Command::parse(&command.encode()), Ok(command));
                }
                Ok(Some(Step::Data(data, _))) => {
                    came += data.len();
                    for syntax in ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"] {
                        let _ = parse_event(&data, syntax);
                    }
                }
                Ok(None) => {}
                Err(_) => return,
            }
        }
    }
    assert!(came <= bytes.len());
});
