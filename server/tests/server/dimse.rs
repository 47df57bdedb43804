//! The DICOM node, asked by a client of our own that can do wrong.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command as Program;
use std::time::{Duration, Instant};

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use dicom_ul::pdu::{
    AssociationAC, AssociationRJ, AssociationRJResult, AssociationRJServiceProviderPresentationReason,
    AssociationRJServiceUserReason, AssociationRJSource, AssociationRQ, PDataValue, PDataValueType, Pdu,
    PresentationContextProposed, PresentationContextResult, PresentationContextResultReason, RequestorRoles,
    UserVariableItem, read_pdu, write_pdu,
};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{Receiver, channel};
use tokio_util::sync::CancellationToken;
use uvid_server::config::{Charset, Config, DimseTls, Node as Neighbour, Sender};
use uvid_server::dimse::command::{Command, element, field};
use uvid_server::dimse::scu::Commitment;
use uvid_server::dimse::{Notice, Outlets, Scp, tls};
use uvid_server::store::{CommitmentRequest, Policy, Store};

use crate::support::{self, SOON, exam, uids};

const MAMMOGRAM: &str = "1.2.840.10008.5.1.4.1.1.1.2";
const VERIFICATION: &str = "1.2.840.10008.1.1";
const COMMITMENT: &str = "1.2.840.10008.1.20.1";
const COMMITMENT_INSTANCE: &str = "1.2.840.10008.1.20.1.1";
const STEP: &str = "1.2.840.10008.3.1.2.3.3";
const AVAILABILITY: &str = "1.2.840.10008.5.1.4.33";
const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// A node in this process.
struct Node {
    runtime: Runtime,
    store: Store,
    address: SocketAddr,
    stop: CancellationToken,
    serving: Option<tokio::task::JoinHandle<()>>,
    committed: Receiver<Commitment>,
    notices: Receiver<Notice>,
    folder: tempfile::TempDir,
}

impl Node {
    fn start() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = support::config(folder.path());
        config.jobs.quiet_seconds = 3600.0;
        config.dimse.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        change(&mut config);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (committed_to, committed) = channel(10);
        let (notices_to, notices) = channel(10);
        let outlets = Outlets { committed: committed_to, notices: notices_to };
        let (store, scp) = runtime.block_on(async {
            let store = Store::open(&config.data_dir, Policy::from(&config)).await.unwrap();
            (store.clone(), Scp::bind(config, store, outlets).await.unwrap())
        });
        let address = scp.ports().last().unwrap().0;
        let stop = CancellationToken::new();
        let serving = Some(runtime.spawn(scp.serve(stop.clone())));
        Self { runtime, store, address, stop, serving, committed, notices, folder }
    }

    /// Files under the object store, those of uploads in progress included.
    fn objects(&self) -> usize {
        support::files(&self.folder.path().join("data/objects")).len()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A client.
struct Client {
    stream: Box<dyn Stream>,
    message_id: u16,
}

fn request(contexts: &[(&str, &[&str])]) -> AssociationRQ {
    let proposed = contexts.iter().enumerate().map(|(i, (class, syntaxes))| PresentationContextProposed {
        id: u8::try_from(2 * i + 1).unwrap(),
        abstract_syntax: (*class).to_owned(),
        transfer_syntaxes: syntaxes.iter().map(|uid| (*uid).to_owned()).collect(),
    });
    AssociationRQ {
        protocol_version: 1,
        calling_ae_title: "MODALITY".to_owned(),
        called_ae_title: "UVID".to_owned(),
        application_context_name: "1.2.840.10008.3.1.1.1".to_owned(),
        presentation_contexts: proposed.collect(),
        user_variables: vec![UserVariableItem::MaxLength(16384)],
    }
}

/// Contexts 1, 3, 5, 7, 9.
const USUAL: &[(&str, &[&str])] = &[
    (MAMMOGRAM, &[EXPLICIT]),
    (VERIFICATION, &[IMPLICIT]),
    (COMMITMENT, &[IMPLICIT]),
    (STEP, &[IMPLICIT]),
    (AVAILABILITY, &[EXPLICIT]),
];

impl Client {
    fn connect(node: &Node) -> Self {
        let socket = TcpStream::connect(node.address).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { stream: Box::new(socket), message_id: 0 }
    }

    fn associated(node: &Node) -> Self {
        let mut client = Self::connect(node);
        client.associate(&request(USUAL));
        client
    }

    fn associate(&mut self, request: &AssociationRQ) -> AssociationAC {
        match self.ask(&Pdu::AssociationRQ(request.clone())) {
            Some(Pdu::AssociationAC(accepted)) => accepted,
            other => panic!("{other:?}"),
        }
    }

    fn send(&mut self, pdu: &Pdu) {
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, pdu).unwrap();
        self.raw(&bytes);
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// The next PDU; `None` at the end.
    fn receive(&mut self) -> Option<Pdu> {
        let mut head = [0; 6];
        self.stream.read_exact(&mut head).ok()?;
        let mut bytes = head.to_vec();
        bytes.resize(6 + u32::from_be_bytes(head[2..].try_into().unwrap()) as usize, 0);
        self.stream.read_exact(&mut bytes[6..]).unwrap();
        read_pdu(bytes.as_slice(), 1 << 20, false).unwrap()
    }

    fn ask(&mut self, pdu: &Pdu) -> Option<Pdu> {
        self.send(pdu);
        self.receive()
    }

    fn fragment(&mut self, context: u8, value_type: PDataValueType, is_last: bool, data: &[u8]) {
        let value = PDataValue { presentation_context_id: context, value_type, is_last, data: data.to_vec() };
        self.send(&Pdu::PData { data: vec![value] });
    }

    fn message(&mut self, context: u8, command: &Command, data: Option<&[u8]>) {
        self.fragment(context, PDataValueType::Command, true, &command.encode());
        let Some(data) = data else { return };
        let pieces: Vec<_> = if data.is_empty() { vec![data] } else { data.chunks(16000).collect() };
        for (i, piece) in pieces.iter().enumerate() {
            self.fragment(context, PDataValueType::Data, i + 1 == pieces.len(), piece);
        }
    }

    /// The next message: command set and data set.
    fn hear(&mut self) -> (Command, Vec<u8>) {
        let (mut command, mut data) = (Vec::new(), Vec::new());
        loop {
            let Some(Pdu::PData { data: values }) = self.receive() else { panic!("no message") };
            for value in values {
                let whole = if value.value_type == PDataValueType::Command { &mut command } else { &mut data };
                whole.extend(value.data);
                let parsed = Command::parse(&command);
                if value.is_last
                    && (value.value_type == PDataValueType::Data || !parsed.as_ref().unwrap().has_data_set())
                {
                    return (parsed.unwrap(), data);
                }
            }
        }
    }

    fn next_id(&mut self) -> u16 {
        self.message_id += 1;
        self.message_id
    }

    /// C-STORE; the response.
    fn store(&mut self, class: &str, instance: &str, data: &[u8]) -> Command {
        let id = self.next_id();
        let command = Command::request(field::C_STORE, id, true)
            .with_uid(element::AFFECTED_SOP_CLASS, class)
            .with_uid(element::AFFECTED_SOP_INSTANCE, instance);
        self.message(1, &command, Some(data));
        let response = self.hear().0;
        assert_eq!(response.u16(element::RESPONDED_TO), Some(id));
        assert_eq!(response.u16(element::COMMAND_FIELD), Some(0x8001));
        response
    }

    fn store_object(&mut self, object: &Object) -> u16 {
        status(&self.store(&object.class, &object.instance, &object.data))
    }

    fn echo(&mut self) -> u16 {
        let id = self.next_id();
        self.message(
            3,
            &Command::request(field::C_ECHO, id, false).with_uid(element::AFFECTED_SOP_CLASS, VERIFICATION),
            None,
        );
        let response = self.hear().0;
        assert_eq!(response.u16(element::RESPONDED_TO), Some(id));
        status(&response)
    }

    fn release(mut self) {
        assert_eq!(self.ask(&Pdu::ReleaseRQ), Some(Pdu::ReleaseRP));
        assert_eq!(self.receive(), None);
    }

    fn is_aborted(&mut self) -> bool {
        matches!(self.receive(), Some(Pdu::AbortRQ { .. })) && self.receive().is_none()
    }
}

fn status(response: &Command) -> u16 {
    response.u16(element::STATUS).unwrap()
}

/// An object as it is sent.
struct Object {
    class: String,
    instance: String,
    study: String,
    data: Vec<u8>,
}

/// The data sets of an exam's files, in Explicit VR Little Endian.
fn objects(seed: u64) -> Vec<Object> {
    let object = |bytes: &[u8]| {
        let [study, _, instance, class] = uids(bytes);
        let meta = u32::from_le_bytes(bytes[140..144].try_into().unwrap()) as usize;
        Object { class, instance, study, data: bytes[144 + meta..].to_vec() }
    };
    exam(seed).iter().map(|file| object(&file.bytes)).collect()
}

fn without_pixels(data: &[u8]) -> &[u8] {
    &data[..data.windows(4).position(|w| w == [0xE0, 0x7F, 0x10, 0x00]).unwrap()]
}

#[test]
fn what_is_stored_is_the_same_file_again() {
    let node = Node::start();
    let objects = objects(1);
    let mut client = Client::associated(&node);
    assert_eq!(client.echo(), 0);
    for object in &objects {
        assert_eq!(client.store_object(object), 0);
    }
    assert_eq!(client.echo(), 0);
    client.release();
    let mut again = Client::associated(&node);
    assert_eq!(again.store_object(&objects[0]), 0);
    again.release();
    assert_eq!(node.objects(), 4);
    for file in support::files(&node.folder.path().join("data/objects")) {
        let [_, _, instance, _] = uids(&file);
        let sent = objects.iter().find(|object| object.instance == instance).unwrap();
        assert!(file.ends_with(&sent.data));
        let meta = dicom_object::from_reader(&file[128..]).unwrap().meta().clone();
        assert_eq!(meta.transfer_syntax(), EXPLICIT);
        assert_eq!(meta.source_application_entity_title.as_deref().map(str::trim), Some("MODALITY"));
        assert_eq!(meta.media_storage_sop_instance_uid.trim_end_matches('\0'), instance);
    }
}

#[test]
fn every_failure_has_its_status() {
    let node = Node::with(|config| {
        config.dimse.object_bytes_max = 5_000_000;
        config.dimse.command_bytes_max = 4096;
    });
    let objects = objects(2);
    let [object, other, ..] = &objects[..] else { panic!() };
    let mut client = Client::associated(&node);
    let mut check = |class: &str, instance: &str, data: &[u8], expected: u16, offending: Option<Tag>| {
        let response = client.store(class, instance, data);
        assert_eq!(status(&response), expected, "{response:?}");
        let tag = offending.map(|t| [t.0.to_le_bytes(), t.1.to_le_bytes()].concat());
        let bytes = response.encode();
        assert!(tag.is_none_or(|tag| bytes.windows(4).any(|w| w == tag)), "{response:?}");
        assert_eq!(response.text(element::ERROR_COMMENT).is_some(), expected != 0);
        // The association goes on.
        assert_eq!(client.echo(), 0);
    };
    check(&object.class, &object.instance, &object.data, 0, None);
    let mut changed = object.data.clone();
    *changed.last_mut().unwrap() ^= 1;
    check(&object.class, &object.instance, &changed, 0xC001, Some(tags::SOP_INSTANCE_UID));
    check(&other.class, "1.2.3.4", &other.data, 0xA900, Some(tags::SOP_INSTANCE_UID));
    check(&other.class, &other.instance, b"no data set", 0xC000, None);
    check(&other.class, &other.instance, &other.data[..100], 0xC000, None);
    check(&other.class, "a name", &other.data, 0x0117, None);
    check("1.2.840.10008.5.1.4.1.1.7", &other.instance, &other.data, 0x0122, None);
    check(&other.class, &other.instance, &vec![0; 5_000_001], 0xA700, None);
    check(&other.class, &other.instance, without_pixels(&other.data), 0xB007, Some(tags::PIXEL_DATA));
    assert_eq!(node.objects(), 2);

    let mut ask = |context: u8, command: &Command, data: Option<&[u8]>, expected: u16| {
        client.message(context, command, data);
        assert_eq!(status(&client.hear().0), expected, "{command:?}");
    };
    // No operation, and one of another service; C-STORE without a data set; a data set that is too long for its kind.
    ask(3, &Command::request(0x0FFE, 1, false), None, 0x0211);
    ask(3, &Command::request(field::C_FIND, 1, true), Some(b"abcd"), 0x0211);
    ask(1, &Command::request(field::C_ECHO, 1, false), None, 0x0211);
    ask(1, &Command::request(field::C_STORE, 1, false), None, 0xC000);
    ask(3, &Command::request(field::C_ECHO, 1, false).with_uid(element::AFFECTED_SOP_CLASS, MAMMOGRAM), None, 0x0122);
    ask(5, &Command::request(field::N_ACTION, 1, true), Some(&[0; 5000]), 0x0213);
    // C-CANCEL has no answer.
    client.message(
        3,
        &Command::default()
            .with_u16(element::COMMAND_FIELD, field::C_CANCEL)
            .with_u16(element::RESPONDED_TO, 1)
            .with_u16(element::DATA_SET_TYPE, 0x0101),
        None,
    );
    assert_eq!(client.echo(), 0);
    client.release();
}

#[test]
fn without_room_nothing_is_taken() {
    let full = Node::with(|config| config.store.free_bytes_min = u64::MAX / 4);
    assert_eq!(Client::associated(&full).store_object(&objects(3)[0]), 0xA700);
    assert_eq!(full.objects(), 0);
    let busy = Node::with(|config| config.dimse.waiting_jobs_max = 1);
    let mut client = Client::associated(&busy);
    let objects = objects(3);
    assert_eq!(client.store_object(&objects[0]), 0);
    assert_eq!(client.store_object(&objects[1]), 0xA700);
}

#[test]
fn only_what_we_asked_for_is_a_prior() {
    let check = |expected: bool, waiting: u64| {
        let node = Node::start();
        let object = &objects(3)[0];
        let study = object.study.parse().unwrap();
        let expecting = expected.then(|| node.store.expect(&study));
        let mut client = Client::associated(&node);
        let command = Command::request(field::C_STORE, 1, true)
            .with_uid(element::AFFECTED_SOP_CLASS, &object.class)
            .with_uid(element::AFFECTED_SOP_INSTANCE, &object.instance)
            .with_text(element::MOVE_ORIGINATOR_AE, "UVID")
            .with_u16(element::MOVE_ORIGINATOR_MESSAGE_ID, 1);
        client.message(1, &command, Some(&object.data));
        assert_eq!(status(&client.hear().0), 0);
        assert_eq!(node.objects(), 1);
        assert_eq!(node.runtime.block_on(node.store.queue()).unwrap().waiting, waiting, "{expected}");
        drop(expecting);
    };
    check(false, 1);
    check(true, 0);
}

#[test]
fn a_sender_whose_text_is_read_by_a_rule_is_warned() {
    let sender = Sender {
        name: "old".to_owned(),
        ae_titles: vec!["MODALITY".to_owned()],
        charset: Some(Charset::Windows1250),
        ..Sender::default()
    };
    let node = Node::with(|config| config.senders = vec![sender]);
    let response = Client::associated(&node).store_object(&objects(4)[0]);
    assert_eq!(response, 0xB000);
    assert_eq!(node.objects(), 1);
}

#[test]
fn who_may_not_come_in_is_told_why() {
    let refused =
        Sender { name: "out".to_owned(), ae_titles: vec!["OUT".to_owned()], accept: false, ..Sender::default() };
    let node = Node::with(|config| {
        config.senders = vec![refused];
        config.dimse.associations_per_address_max = 2;
    });
    let check = |change: &dyn Fn(&mut AssociationRQ), result: AssociationRJResult, source: AssociationRJSource| {
        let mut request = request(USUAL);
        change(&mut request);
        let mut client = Client::connect(&node);
        assert_eq!(
            client.ask(&Pdu::AssociationRQ(request)),
            Some(Pdu::AssociationRJ(AssociationRJ { result, source }))
        );
        assert_eq!(client.receive(), None);
    };
    use AssociationRJServiceUserReason as User;
    let user = AssociationRJSource::ServiceUser;
    let permanent = AssociationRJResult::Permanent;
    check(&|r| r.called_ae_title = "OTHER".into(), permanent.clone(), user(User::CalledAETitleNotRecognized));
    check(&|r| r.calling_ae_title = "OUT".into(), permanent.clone(), user(User::CallingAETitleNotRecognized));
    check(&|r| r.application_context_name = "1.2".into(), permanent, user(User::ApplicationContextNameNotSupported));

    let mut first = Client::associated(&node);
    let second = Client::associated(&node);
    let limit = AssociationRJServiceProviderPresentationReason::LocalLimitExceeded;
    let source = AssociationRJSource::ServiceProviderPresentation(limit);
    check(&|_| {}, AssociationRJResult::Transient, source);
    assert_eq!(first.echo(), 0);
    second.release();
    let start = Instant::now();
    // The place is free when the connection has gone, which is a moment later.
    while !matches!(Client::connect(&node).ask(&Pdu::AssociationRQ(request(USUAL))), Some(Pdu::AssociationAC(_))) {
        assert!(start.elapsed() < SOON);
    }
}

#[test]
fn an_association_without_a_context_is_one() {
    let node = Node::start();
    let mut client = Client::connect(&node);
    let accepted = client.associate(&request(&[("1.2.3", &[IMPLICIT]), (MAMMOGRAM, &["1.2.840.10008.1.2.4.92"])]));
    let reasons: Vec<_> = accepted.presentation_contexts.iter().map(|context| context.reason.clone()).collect();
    use PresentationContextResultReason as Reason;
    assert_eq!(reasons, [Reason::AbstractSyntaxNotSupported, Reason::TransferSyntaxesNotSupported]);
    client.release();
}

#[test]
fn misbehaviour_ends_one_association_and_no_other() {
    let node = Node::with(|config| {
        config.dimse.request_seconds_max = 0.5;
        config.dimse.idle_seconds_max = 0.5;
        config.dimse.quiet_seconds_max = 20.0;
        config.dimse.write_seconds_max = 0.5;
        config.dimse.command_bytes_max = 4096;
    });
    let mut good = Client::associated(&node);
    let object = &objects(5)[0];
    let store = Command::request(field::C_STORE, 1, true)
        .with_uid(element::AFFECTED_SOP_CLASS, MAMMOGRAM)
        .with_uid(element::AFFECTED_SOP_INSTANCE, &object.instance)
        .encode();
    type Doing<'a> = &'a dyn Fn(&mut Client);
    let (command, data) = (PDataValueType::Command, PDataValueType::Data);
    let unassociated: [Doing<'_>; 6] = [
        &|_| {},
        &|c| c.raw(b"GET / HTTP/1.1\r\n\r\n"),
        &|c| c.raw(&[1, 0, 0xFF, 0xFF, 0xFF, 0xFF]),
        &|c| c.raw(&[1, 0, 0, 0, 1, 0, 0]),
        &|c| c.raw(&[5, 0, 0, 0, 0, 4, 0, 0, 0, 0]),
        &|c| {
            c.send(&Pdu::AssociationRQ(AssociationRQ {
                presentation_contexts: vec![PresentationContextProposed {
                    id: 2,
                    abstract_syntax: MAMMOGRAM.into(),
                    transfer_syntaxes: vec![IMPLICIT.into()],
                }],
                ..request(&[])
            }))
        },
    ];
    for doing in unassociated {
        let mut bad = Client::connect(&node);
        doing(&mut bad);
        assert!(bad.is_aborted());
        assert_eq!(good.echo(), 0);
    }
    let associated: [(&str, Doing<'_>); 11] = [
        ("half a PDU", &|c| c.raw(&[4, 0, 0, 0, 1, 0])),
        ("a PDU that is too long", &|c| c.raw(&[4, 0, 0, 1, 0, 1])),
        ("a PDU of no type", &|c| c.raw(&[9, 0, 0, 0, 0, 0])),
        ("lengths that do not fit", &|c| c.raw(&[4, 0, 0, 0, 0, 6, 0, 0, 0, 9, 1, 3])),
        ("a second request", &|c| c.send(&Pdu::AssociationRQ(request(USUAL)))),
        ("a data set without a command", &|c| c.fragment(1, data.clone(), true, b"abcd")),
        ("a context that is none", &|c| c.fragment(99, command.clone(), true, &store)),
        ("no command set", &|c| c.fragment(1, command.clone(), true, b"abc")),
        ("a command set that is too long", &|c| c.fragment(1, command.clone(), false, &[0; 5000])),
        ("half an object and another message", &|c| {
            c.fragment(1, command.clone(), true, &store);
            c.fragment(1, data.clone(), false, &object.data[..1000]);
            c.fragment(3, command.clone(), true, &Command::request(field::C_ECHO, 1, false).encode());
        }),
        ("half an object and silence", &|c| {
            c.fragment(1, command.clone(), true, &store);
            c.fragment(1, data.clone(), false, &object.data[..1000]);
        }),
    ];
    for (what, doing) in associated {
        let mut bad = Client::associated(&node);
        doing(&mut bad);
        assert!(bad.is_aborted(), "{what}");
        assert_eq!(good.echo(), 0, "{what}");
    }
    assert_eq!(node.objects(), 0);
    // One that asks and takes no answers: sooner or later its own questions are not taken any more.
    let mut bad = Client::associated(&node);
    let mut question = Vec::new();
    let value = PDataValue {
        presentation_context_id: 3,
        value_type: PDataValueType::Command,
        is_last: true,
        data: Command::request(field::C_ECHO, 1, false).encode(),
    };
    write_pdu(&mut question, &Pdu::PData { data: vec![value] }).unwrap();
    let questions = question.repeat(1000);
    let start = Instant::now();
    while bad.stream.write_all(&questions).is_ok() {
        assert!(start.elapsed() < SOON);
    }
    assert_eq!(good.echo(), 0);
    good.release();
}

#[test]
fn what_was_acknowledged_stays_when_the_association_dies() {
    let node = Node::start();
    let objects = objects(6);
    let mut client = Client::associated(&node);
    assert_eq!(client.store_object(&objects[0]), 0);
    let store = Command::request(field::C_STORE, 9, true)
        .with_uid(element::AFFECTED_SOP_CLASS, MAMMOGRAM)
        .with_uid(element::AFFECTED_SOP_INSTANCE, &objects[1].instance);
    client.fragment(1, PDataValueType::Command, true, &store.encode());
    client.fragment(1, PDataValueType::Data, false, &objects[1].data[..1000]);
    drop(client);
    let start = Instant::now();
    while node.objects() != 1 {
        assert!(start.elapsed() < SOON, "half an object stays");
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut client = Client::associated(&node);
    assert_eq!(client.store_object(&objects[1]), 0);
}

#[test]
fn stopping_lets_no_one_wait() {
    let mut node = Node::start();
    let mut quiet = Client::associated(&node);
    node.stop.cancel();
    assert!(quiet.is_aborted());
    let serving = node.serving.take().unwrap();
    node.runtime.block_on(async { tokio::time::timeout(SOON, serving).await }).unwrap().unwrap();
    assert!(TcpStream::connect(node.address).is_err());
}

fn uid(tag: Tag, value: &str) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::UI, PrimitiveValue::from(value))
}

fn item(elements: Vec<DataElement<InMemDicomObject>>) -> InMemDicomObject {
    InMemDicomObject::from_element_iter(elements)
}

fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

fn encoded(data: &InMemDicomObject, syntax: &str) -> Vec<u8> {
    use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
    let mut bytes = Vec::new();
    let syntax = dicom_transfer_syntax_registry::TransferSyntaxRegistry.get(syntax).unwrap();
    data.write_dataset_with_ts(&mut bytes, syntax).unwrap();
    bytes
}

fn references(objects: &[(&str, &str)]) -> Vec<InMemDicomObject> {
    let one = |(class, instance): &(&str, &str)| {
        item(vec![uid(tags::REFERENCED_SOP_CLASS_UID, class), uid(tags::REFERENCED_SOP_INSTANCE_UID, instance)])
    };
    objects.iter().map(one).collect()
}

/// An N-ACTION for these objects.
fn action(transaction: &str, objects: &[(&str, &str)]) -> (Command, Vec<u8>) {
    let command = Command::request(field::N_ACTION, 77, true)
        .with_uid(element::REQUESTED_SOP_CLASS, COMMITMENT)
        .with_uid(element::REQUESTED_SOP_INSTANCE, COMMITMENT_INSTANCE)
        .with_u16(element::ACTION_TYPE, 1);
    let sequence = sequence(tags::REFERENCED_SOP_SEQUENCE, references(objects));
    (command, encoded(&item(vec![uid(tags::TRANSACTION_UID, transaction), sequence]), IMPLICIT))
}

fn assert_reported(
    client: &mut Client,
    context: u8,
    syntax: &str,
    transaction: &str,
    kept: &[&str],
    lost: &[(&str, u16)],
) {
    let (command, data) = client.hear();
    assert_eq!(command.u16(element::COMMAND_FIELD), Some(field::N_EVENT_REPORT));
    assert_eq!(command.u16(element::EVENT_TYPE), Some(if lost.is_empty() { 1 } else { 2 }));
    let read = uvid_server::dimse::parse_event(&data, syntax).unwrap().unwrap();
    assert_eq!(read.transaction, transaction);
    assert_eq!(read.committed.iter().map(|uid| uid.as_str()).collect::<Vec<_>>(), kept);
    assert_eq!(read.failed.iter().map(|(uid, reason)| (uid.as_str(), *reason)).collect::<Vec<_>>(), lost);
    client.message(context, &Command::response(&command, 0), None);
}

#[test]
fn commitment_is_reported_truly_on_the_same_association() {
    let node = Node::start();
    let objects = objects(7);
    let mut client = Client::associated(&node);
    assert_eq!(client.store_object(&objects[0]), 0);
    let kept = &objects[0];
    let secondary = "1.2.840.10008.5.1.4.1.1.7";
    assert_eq!(client.store_object(&objects[1]), 0);
    let asked = [
        (kept.class.as_str(), kept.instance.as_str()),
        (secondary, objects[1].instance.as_str()),
        (MAMMOGRAM, "1.2.3.4"),
    ];
    let (command, data) = action("2.25.1", &asked);
    client.message(5, &command, Some(&data));
    let response = client.hear().0;
    assert_eq!((status(&response), response.u16(element::RESPONDED_TO)), (0, Some(77)));
    let lost = [(objects[1].instance.as_str(), 0x0119), ("1.2.3.4", 0x0112)];
    assert_reported(&mut client, 5, IMPLICIT, "2.25.1", &[kept.instance.as_str()], &lost);
    assert_eq!(client.echo(), 0);
    client.release();
    assert!(node.runtime.block_on(node.store.commitment_requests_due(&none())).unwrap().is_empty());

    let mut client = Client::associated(&node);
    let wrong = [
        (action("2.25.2", &[]), 0x0115),
        (action("", &asked), 0x0115),
        ((action("2.25.2", &asked).0.with_u16(element::ACTION_TYPE, 2), data.clone()), 0x0123),
        ((action("2.25.2", &asked).0.with_uid(element::REQUESTED_SOP_INSTANCE, "1.2"), data.clone()), 0x0112),
        ((action("2.25.2", &asked).0, data[..data.len() - 3].to_vec()), 0x0115),
    ];
    for ((command, data), expected) in wrong {
        client.message(5, &command, Some(&data));
        assert_eq!(status(&client.hear().0), expected, "{command:?}");
    }
}

/// No AE titles.
fn none() -> std::collections::BTreeSet<String> {
    std::collections::BTreeSet::new()
}

/// Asserts that the next message is the answer to an echo, for longer than a report waits.
fn assert_no_report(client: &mut Client) {
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(client.echo(), 0);
}

#[test]
fn commitment_asked_for_twice_is_reported_once() {
    let node = Node::start();
    let object = &objects(7)[0];
    let mut client = Client::associated(&node);
    assert_eq!(client.store_object(object), 0);
    let (command, data) = action("2.25.1", &[(&object.class, &object.instance)]);
    for _ in 0..2 {
        client.message(5, &command, Some(&data));
        assert_eq!(status(&client.hear().0), 0);
    }
    assert_reported(&mut client, 5, IMPLICIT, "2.25.1", &[&object.instance], &[]);
    assert_no_report(&mut client);
    client.release();
}

#[test]
fn what_was_sent_in_two_versions_is_not_committed_to() {
    let node = Node::start();
    let object = &objects(7)[0];
    let mut client = Client::associated(&node);
    assert_eq!(client.store_object(object), 0);
    let mut changed = object.data.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(status(&client.store(&object.class, &object.instance, &changed)), 0xC001);
    let (command, data) = action("2.25.1", &[(&object.class, &object.instance)]);
    client.message(5, &command, Some(&data));
    assert_eq!(status(&client.hear().0), 0);
    assert_reported(&mut client, 5, IMPLICIT, "2.25.1", &[], &[(object.instance.as_str(), 0x0110)]);
    client.release();
}

#[test]
fn a_report_that_was_taken_elsewhere_is_not_sent() {
    let node = Node::start();
    let object = &objects(7)[0];
    let mut client = Client::associated(&node);
    assert_eq!(client.store_object(object), 0);
    let (command, data) = action("2.25.1", &[(&object.class, &object.instance)]);
    client.message(5, &command, Some(&data));
    assert_eq!(status(&client.hear().0), 0);
    let gone = CommitmentRequest { id: 1, ae_title: "MODALITY".into(), transaction: "2.25.1".into(), attempts: 0 };
    let next = [(MAMMOGRAM.parse().unwrap(), "1.2.3".parse().unwrap())];
    node.runtime.block_on(async {
        node.store.commitment_reported(&gone).await.unwrap();
        // The number of a request is not that of a later one.
        let next = node.store.keep_commitment_request("OTHER", "2.25.2", &next, SOON).await.unwrap().unwrap();
        assert_eq!(next.id, 2);
        assert!(!node.store.commitment_due_again(&gone, SOON).await.unwrap());
        let other = CommitmentRequest { id: next.id, ..gone.clone() };
        assert!(!node.store.commitment_due_again(&other, SOON).await.unwrap());
        node.store.commitment_reported(&other).await.unwrap();
        assert_eq!(node.store.commit(&other).await.unwrap(), Default::default());
        assert!(node.store.commitment_due_again(&next, SOON).await.unwrap());
    });
    assert_no_report(&mut client);
    client.release();
}

#[test]
fn commitment_is_reported_on_a_new_association_and_again_until_it_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let node = Node::with(|config| {
        config.outbox.retry_seconds = 0.1;
        config.nodes = vec![Neighbour {
            name: "modality".into(),
            ae_title: "MODALITY".into(),
            host: "127.0.0.1".into(),
            port,
            ..Neighbour::default()
        }];
    });
    let object = &objects(8)[0];
    let mut client = Client::associated(&node);
    assert_eq!(client.store_object(object), 0);
    let (command, data) = action("2.25.9", &[(&object.class, &object.instance)]);
    client.message(5, &command, Some(&data));
    assert_eq!(status(&client.hear().0), 0);
    client.release();
    for attempt in 0..2 {
        let socket = listener.accept().unwrap().0;
        socket.set_read_timeout(Some(SOON)).unwrap();
        let mut peer = Client { stream: Box::new(socket), message_id: 0 };
        let Some(Pdu::AssociationRQ(asked)) = peer.receive() else { panic!("no request") };
        assert_eq!((asked.calling_ae_title.as_str(), asked.called_ae_title.as_str()), ("UVID", "MODALITY"));
        let role =
            UserVariableItem::ScuScpRoleSelectionSubItem(COMMITMENT.into(), RequestorRoles { scu: false, scp: true });
        assert!(asked.user_variables.contains(&role));
        if attempt == 0 {
            continue;
        }
        peer.send(&Pdu::AssociationAC(AssociationAC {
            protocol_version: 1,
            calling_ae_title: asked.calling_ae_title,
            called_ae_title: asked.called_ae_title,
            application_context_name: asked.application_context_name,
            presentation_contexts: vec![PresentationContextResult {
                id: 1,
                reason: PresentationContextResultReason::Acceptance,
                transfer_syntax: EXPLICIT.into(),
            }],
            user_variables: vec![UserVariableItem::MaxLength(4096), role],
        }));
        assert_reported(&mut peer, 1, EXPLICIT, "2.25.9", &[&object.instance], &[]);
        assert_eq!(peer.receive(), Some(Pdu::ReleaseRQ));
        peer.send(&Pdu::ReleaseRP);
    }
}

#[test]
fn what_peers_tell_is_handed_on() {
    let mut node = Node::start();
    let mut client = Client::associated(&node);
    let mut say = |context: u8, operation: u16, class: &str, instance: &str, event: Option<u16>, data: &[u8]| {
        let command = Command::request(operation, 5, true)
            .with_uid(element::AFFECTED_SOP_CLASS, class)
            .with_uid(element::AFFECTED_SOP_INSTANCE, instance);
        let command = event.map_or(command.clone(), |event| command.with_u16(element::EVENT_TYPE, event));
        client.message(context, &command, Some(data));
        status(&client.hear().0)
    };
    // The answer to a request of ours.
    let report = item(vec![
        uid(tags::TRANSACTION_UID, "2.25.3"),
        sequence(tags::REFERENCED_SOP_SEQUENCE, references(&[(MAMMOGRAM, "1.2.1")])),
    ]);
    assert_eq!(say(5, field::N_EVENT_REPORT, COMMITMENT, COMMITMENT_INSTANCE, Some(1), &encoded(&report, IMPLICIT)), 0);
    let taken = node.runtime.block_on(async { node.committed.recv().await }).unwrap();
    assert_eq!((taken.transaction.as_str(), taken.committed.len(), taken.failed.len()), ("2.25.3", 1, 0));
    assert_eq!(say(5, field::N_EVENT_REPORT, COMMITMENT, COMMITMENT_INSTANCE, Some(1), b"abcdefgh"), 0x0115);

    // A procedure step: in progress, then completed with its images.
    let text = |tag, value: &str| DataElement::new(tag, VR::CS, PrimitiveValue::from(value));
    let begun = item(vec![
        text(tags::PERFORMED_PROCEDURE_STEP_STATUS, "IN PROGRESS"),
        sequence(tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, vec![item(vec![uid(tags::STUDY_INSTANCE_UID, "1.2.9")])]),
    ]);
    let series = item(vec![sequence(
        tags::REFERENCED_IMAGE_SEQUENCE,
        references(&[(MAMMOGRAM, "1.2.1"), (MAMMOGRAM, "1.2.2")]),
    )]);
    let done = item(vec![
        text(tags::PERFORMED_PROCEDURE_STEP_STATUS, "COMPLETED"),
        sequence(tags::PERFORMED_SERIES_SEQUENCE, vec![series]),
    ]);
    let (begun, done) = (encoded(&begun, IMPLICIT), encoded(&done, IMPLICIT));
    assert_eq!(say(7, field::N_SET, STEP, "2.25.4", None, &done), 0x0112);
    assert_eq!(say(7, field::N_CREATE, STEP, "2.25.4", None, &begun), 0);
    assert_eq!(say(7, field::N_CREATE, STEP, "2.25.4", None, &begun), 0x0111);
    assert_eq!(say(7, field::N_SET, STEP, "2.25.4", None, &done), 0);
    let notice = node.runtime.block_on(async { node.notices.recv().await }).unwrap();
    assert_eq!((notice.study.as_str(), notice.instances.len()), ("1.2.9", 2));

    // One that says more than a step has.
    let study = |i: usize| item(vec![uid(tags::STUDY_INSTANCE_UID, &format!("1.2.{i}"))]);
    let many = item(vec![
        text(tags::PERFORMED_PROCEDURE_STEP_STATUS, "IN PROGRESS"),
        sequence(tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, (0..17).map(study).collect()),
    ]);
    assert_eq!(say(7, field::N_CREATE, STEP, "2.25.14", None, &encoded(&many, IMPLICIT)), 0x0213);
    let images: Vec<String> = (0..5001).map(|i| format!("1.2.{i}")).collect();
    let images: Vec<_> = images.iter().map(|uid| (MAMMOGRAM, uid.as_str())).collect();
    let many = item(vec![sequence(
        tags::PERFORMED_SERIES_SEQUENCE,
        vec![item(vec![sequence(tags::REFERENCED_IMAGE_SEQUENCE, references(&images))])],
    )]);
    assert_eq!(say(7, field::N_CREATE, STEP, "2.25.14", None, &encoded(&many, IMPLICIT)), 0x0213);

    // Instances that are available, and one that is not.
    let mut gone = references(&[(MAMMOGRAM, "1.2.8")]);
    gone[0].put(text(tags::INSTANCE_AVAILABILITY, "UNAVAILABLE"));
    let there = [references(&[(MAMMOGRAM, "1.2.7")]), gone].concat();
    let available = item(vec![
        uid(tags::STUDY_INSTANCE_UID, "1.2.10"),
        sequence(tags::REFERENCED_SERIES_SEQUENCE, vec![item(vec![sequence(tags::REFERENCED_SOP_SEQUENCE, there)])]),
    ]);
    assert_eq!(say(9, field::N_CREATE, AVAILABILITY, "2.25.5", None, &encoded(&available, EXPLICIT)), 0);
    let notice = node.runtime.block_on(async { node.notices.recv().await }).unwrap();
    assert_eq!(notice.instances, ["1.2.7".parse().unwrap()]);
    assert_eq!(say(9, field::N_CREATE, AVAILABILITY, "2.25.6", None, &encoded(&item(vec![]), EXPLICIT)), 0x0120);
}

/// Makes an authority and two certificates from it; `false` where there is no openssl.
fn certificates(folder: &std::path::Path) -> bool {
    let openssl = |arguments: &str| {
        let output = Program::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
        output.is_ok_and(|output| output.status.success())
    };
    std::fs::write(folder.join("san"), "subjectAltName=DNS:localhost,IP:127.0.0.1").unwrap();
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem";
    let made = openssl(new) && ["server", "client"].iter().all(|name| {
        openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
        )) && openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out {name}.pem"
        ))
    });
    if !made {
        eprintln!("skipped: there is no openssl to make certificates with");
    }
    made
}

#[test]
fn over_tls_both_sides_show_certificates() {
    let folder = tempfile::tempdir().unwrap();
    if !certificates(folder.path()) {
        return;
    }
    let path = |name: &str| Some(folder.path().join(name));
    let node = Node::with(|config| {
        config.dimse.enabled = false;
        config.dimse.request_seconds_max = 1.0;
        config.dimse_tls = DimseTls {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            certificate: path("server.pem"),
            key: path("server.key"),
            client_ca: path("ca.pem"),
        };
    });
    let neighbour = Neighbour { host: "localhost".into(), ca: path("ca.pem"), tls: true, ..Neighbour::default() };
    let connect = |tls: &DimseTls| {
        let socket = TcpStream::connect(node.address).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let config = tls::client_config(tls, &neighbour).unwrap();
        let session = rustls::ClientConnection::new(config, tls::server_name(&neighbour).unwrap()).unwrap();
        Client { stream: Box::new(rustls::StreamOwned::new(session, socket)), message_id: 0 }
    };
    let shown = DimseTls { certificate: path("client.pem"), key: path("client.key"), ..DimseTls::default() };
    let mut client = connect(&shown);
    client.associate(&request(USUAL));
    assert_eq!(client.store_object(&objects(9)[0]), 0);

    // Without a certificate, and without TLS.
    let mut nobody = connect(&DimseTls::default());
    let mut bytes = Vec::new();
    write_pdu(&mut bytes, &Pdu::AssociationRQ(request(USUAL))).unwrap();
    let refused = nobody.stream.write_all(&bytes).and_then(|()| nobody.stream.read_exact(&mut [0; 6]));
    assert!(refused.is_err());
    let mut plain = Client::connect(&node);
    plain.send(&Pdu::AssociationRQ(request(USUAL)));
    let mut kind = [0];
    // A TLS alert, or the end: no answer to the request.
    assert!(!matches!(plain.stream.read(&mut kind), Ok(1) if (1..=7).contains(&kind[0])), "{kind:?}");
    // And one that says nothing at all.
    let mut silent = Client::connect(&node);
    let read = silent.stream.read(&mut [0; 6]);
    assert!(matches!(read, Ok(0)), "{read:?}");
    assert_eq!(client.echo(), 0);
}

#[test]
fn an_object_sent_to_two_associations_at_once_is_one() {
    let node = Node::start();
    let objects = objects(10);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = Client::associated(&node);
                for object in &objects {
                    assert_eq!(client.store_object(object), 0);
                }
                client.release();
            });
        }
    });
    assert_eq!(node.objects(), 4);
    let study = objects[0].study.parse().unwrap();
    assert_eq!(node.runtime.block_on(node.store.contents(&study)).unwrap().0.len(), 4);
}

#[tokio::test]
async fn a_request_to_commit_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let policy = || Policy::from(&support::config(folder.path()));
    let object = [(MAMMOGRAM.parse().unwrap(), "1.2.3".parse().unwrap())];
    let store = Store::open(folder.path(), policy()).await.unwrap();
    for _ in 0..2 {
        // Asked twice with one Transaction UID, it is one.
        store.keep_commitment_request("MODALITY", "2.25.1", &object, Duration::ZERO).await.unwrap().unwrap();
    }
    store.keep_commitment_request("MODALITY", "2.25.2", &object, SOON).await.unwrap().unwrap();
    store.close().await;
    drop(store);
    let store = Store::open(folder.path(), policy()).await.unwrap();
    let due = store.commitment_requests_due(&none()).await.unwrap();
    assert_eq!(due.iter().map(|request| request.transaction.as_str()).collect::<Vec<_>>(), ["2.25.1"]);
    let busy = ["MODALITY".to_owned()].into();
    assert!(store.commitment_requests_due(&busy).await.unwrap().is_empty());
    let outcome = store.commit(&due[0]).await.unwrap();
    assert_eq!((outcome.committed.len(), outcome.failed), (0, vec![(object[0].clone(), 0x0112)]));
    store.commitment_due_again(&due[0], SOON).await.unwrap();
    assert!(store.commitment_requests_due(&none()).await.unwrap().is_empty());
    store.commitment_due_again(&due[0], Duration::ZERO).await.unwrap();
    assert_eq!(store.commitment_requests_due(&none()).await.unwrap()[0].attempts, 2);
    store.commitment_reported(&due[0]).await.unwrap();
    assert!(store.commitment_requests_due(&none()).await.unwrap().is_empty());
}
