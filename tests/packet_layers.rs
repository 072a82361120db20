//! Every link, tag and tunnel once by hand, and damage of all of them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod packet_frames;

use packet_frames::*;
use proptest::prelude::*;
use respool::base::{CaptureTime, LossKind};
use respool::packet::Transport;
use std::io::Write;

/// Link type, record, whether the vendor's sniffer is blind to it. Each holds [`SIP`] once.
#[expect(clippy::too_many_lines, reason = "a table, one row a layer")]
fn table() -> Vec<(&'static str, u16, Vec<u8>, bool)> {
    let (v4, v6) = (sip4(), sip6());
    let frame = ether(0x0800, &v4);
    let tag = |ethertype: u16, inner: &[u8]| cat(&[&[0, 9], &ethertype.to_be_bytes(), inner]);
    let gre = |flags: [u8; 2], kind: u16, rest: &[u8]| {
        ether(0x0800, &ip4(47, &cat(&[&flags, &kind.to_be_bytes(), rest])))
    };
    let port = |port: u16, payload: &[u8]| ether(0x0800, &ip4(17, &udp(40_000, port, payload)));
    let snap = |inner: &[u8]| cat(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], inner]);
    let wifi = cat(&[&[0x88, 1], &[0; 22], &[0, 0], &snap(&v4)]);
    let esp = cat(&[&[1; 8], &udp(5060, 5062, SIP), &[1, 2, 3, 3, 17], &[0xee; 12]]);
    let data = cat(&[&[0, 3], &[0, 16 + SIP.len() as u8], &[7; 12], SIP, &[0; 3]]);
    let sctp = cat(&[&[0x13, 0xc4, 0x13, 0xc6], &[9; 8], &data]);
    vec![
        ("ethernet", 1, frame.clone(), false),
        ("ethernet v6", 1, ether(0x86dd, &v6), false),
        ("ethernet, trailer", 1, cat(&[&frame, &[0; 9]]), false),
        (
            "ipv4 options",
            1,
            ether(0x0800, &{
                let mut packet = cat(&[&v4[..20], &[1, 1, 1, 0], &v4[20..]]);
                (packet[0], packet[3]) = (0x46, packet[3] + 4);
                packet
            }),
            false,
        ),
        (
            "ipv4 length 0",
            1,
            ether(0x0800, &{
                let mut packet = v4.clone();
                (packet[2], packet[3]) = (0, 0);
                packet
            }),
            false,
        ),
        (
            "ipv6 destination options",
            1,
            ether(0x86dd, &ip6(60, &cat(&[&[17, 0, 1, 4, 0, 0, 0, 0], &udp(5060, 5062, SIP)]))),
            false,
        ),
        (
            "ipv6 atomic fragment",
            1,
            ether(0x86dd, &ip6_part(17, 1, 0, false, &udp(5060, 5062, SIP))),
            false,
        ),
        ("802.3 snap", 1, ether(100, &snap(&v4)), false),
        ("vlan", 1, ether(0x8100, &tag(0x0800, &v4)), false),
        ("vlan twice", 1, ether(0x8100, &tag(0x8100, &tag(0x0800, &v4))), false),
        ("qinq", 1, ether(0x88a8, &tag(0x8100, &tag(0x0800, &v4))), false),
        ("9100", 1, ether(0x9100, &tag(0x8100, &tag(0x0800, &v4))), true),
        ("9200", 1, ether(0x9200, &tag(0x8100, &tag(0x86dd, &v6))), true),
        (
            "five tags",
            1,
            ether(
                0x8100,
                &tag(0x8100, &tag(0x8100, &tag(0x8100, &tag(0x8100, &tag(0x0800, &v4))))),
            ),
            false,
        ),
        ("vn-tag", 1, ether(0x8926, &cat(&[&[0, 1, 0, 2, 8, 0], &v4])), false),
        ("fabricpath", 1, ether(0x8903, &cat(&[&[0, 1], &frame])), false),
        ("mpls", 1, ether(0x8847, &cat(&[&[0, 0, 0, 1, 0, 0, 1, 1], &v4])), false),
        ("mpls v6", 1, ether(0x8848, &cat(&[&[0, 0, 1, 1], &v6])), false),
        ("mpls ethernet", 1, ether(0x8847, &cat(&[&[0, 0, 1, 1, 0, 0, 0, 0], &frame])), true),
        (
            "macsec",
            1,
            ether(0x88e5, &cat(&[&[0x20, 0, 0, 0, 0, 1], &[3; 8], &[8, 0], &v4, &[5; 16]])),
            true,
        ),
        ("pppoe", 1, ether(0x8864, &cat(&[&[0x11, 0, 0, 1, 0, 99, 0, 0x21], &v4])), false),
        ("pppoe v6", 1, ether(0x8864, &cat(&[&[0x11, 0, 0, 1, 0, 99, 0, 0x57], &v6])), true),
        ("sll", 113, cat(&[&[0; 14], &[8, 0], &v4]), false),
        ("sll vlan", 113, cat(&[&[0; 14], &[0x81, 0], &tag(0x0800, &v4)]), false),
        ("sll2", 276, cat(&[&[0x86, 0xdd], &[0; 18], &v6]), false),
        ("sll2 vlan", 276, cat(&[&[0x81, 0], &[0; 18], &tag(0x0800, &v4)]), true),
        ("raw 12", 12, v4.clone(), false),
        ("raw 14", 14, v4.clone(), false),
        ("raw 101", 101, v6.clone(), false),
        ("ipv4", 228, v4.clone(), true),
        ("ipv6", 229, v6.clone(), true),
        ("null little", 0, cat(&[&[2, 0, 0, 0], &v4]), false),
        ("null big", 0, cat(&[&[0, 0, 0, 2], &v4]), false),
        ("null freebsd v6", 0, cat(&[&[28, 0, 0, 0], &v6]), false),
        ("null macos v6", 0, cat(&[&[0, 0, 0, 30], &v6]), false),
        ("null netbsd v6", 0, cat(&[&[24, 0, 0, 0], &v6]), false),
        ("loop", 108, cat(&[&[0, 0, 0, 2], &v4]), true),
        ("ppp", 9, cat(&[&[0xff, 3, 0, 0x21], &v4]), true),
        ("ppp short protocol", 9, cat(&[&[0x21], &v4]), true),
        ("ppp ether", 51, cat(&[&[0x11, 0, 0, 1, 0, 99, 0, 0x21], &v4]), true),
        ("hdlc", 104, cat(&[&[0x0f, 0, 8, 0], &v4]), true),
        ("atm", 100, snap(&v4), false),
        ("802.11", 105, wifi.clone(), true),
        ("radiotap", 127, cat(&[&[0, 0, 10, 0], &[0; 6], &wifi]), true),
        ("radiotap 52", 127, cat(&[&[0, 0, 52, 0], &[0; 48], &wifi]), false),
        ("ipip", 1, ether(0x0800, &ip4(4, &v4)), false),
        ("6in4", 1, ether(0x0800, &ip4(41, &v6)), true),
        ("4in6", 1, ether(0x86dd, &ip6(4, &v4)), false),
        ("gre ip", 1, gre([0, 0], 0x0800, &v4), false),
        ("gre key sequence", 1, gre([0x30, 0], 0x86dd, &cat(&[&[0; 8], &v6])), false),
        ("gre bridged", 1, gre([0x20, 0], 0x6558, &cat(&[&[0; 4], &frame])), false),
        ("gre mpls", 1, gre([0, 0], 0x8847, &cat(&[&[0, 0, 1, 1], &v4])), false),
        (
            "gre pptp",
            1,
            gre([0x30, 0x81], 0x880b, &cat(&[&[0; 12], &[0xff, 3, 0, 0x21], &v4])),
            true,
        ),
        ("erspan i", 1, gre([0, 0], 0x88be, &frame), false),
        (
            "erspan ii",
            1,
            gre([0x10, 0], 0x88be, &cat(&[&[0; 4], &[0x10, 0, 0, 0, 0, 0, 0, 0], &frame])),
            false,
        ),
        (
            "erspan iii",
            1,
            gre([0x10, 0], 0x22eb, &cat(&[&[0; 4], &[0x20], &[0; 11], &frame])),
            false,
        ),
        (
            "erspan iii optional",
            1,
            gre([0x10, 0], 0x22eb, &cat(&[&[0; 4], &[0x20], &[0; 10], &[1], &[0; 8], &frame])),
            false,
        ),
        ("vxlan", 1, port(4789, &cat(&[&[8, 0, 0, 0, 0, 0, 1, 0], &frame])), false),
        ("vxlan linux", 1, port(8472, &cat(&[&[8, 0, 0, 0, 0, 0, 1, 0], &frame])), true),
        (
            "vxlan nested",
            1,
            port(
                4789,
                &cat(&[
                    &[8, 0, 0, 0, 0, 0, 1, 0],
                    &port(4789, &cat(&[&[8, 0, 0, 0, 0, 0, 1, 0], &frame])),
                ]),
            ),
            false,
        ),
        (
            "geneve",
            1,
            port(6081, &cat(&[&[1, 0, 0x65, 0x58, 0, 0, 1, 0, 9, 9, 9, 9], &frame])),
            true,
        ),
        ("gtp", 1, port(2152, &cat(&[&[0x30, 0xff, 0, 99, 0, 0, 0, 1], &v4])), true),
        (
            "gtp extension",
            1,
            port(2152, &cat(&[&[0x34, 0xff, 0, 99, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 0, 0], &v6])),
            true,
        ),
        ("l2tp", 1, port(1701, &cat(&[&[0, 2, 0, 1, 0, 2, 0xff, 3, 0, 0x21], &v4])), false),
        (
            "l2tp length offset",
            1,
            port(1701, &cat(&[&[0x42, 2, 0, 40, 0, 1, 0, 2, 0, 2, 9, 9, 0, 0x21], &v4])),
            false,
        ),
        ("tzsp", 1, port(37_008, &cat(&[&[1, 0, 0, 1, 0, 10, 1, 5, 1], &frame])), false),
        ("hp erm", 1, port(7932, &cat(&[&[0; 12], &frame])), false),
        ("teredo", 1, port(3544, &cat(&[&[0, 0, 1, 2, 3, 4, 5, 6], &v6])), true),
        ("esp null", 1, ether(0x0800, &ip4(50, &esp)), false),
        ("sctp", 1, ether(0x0800, &ip4(132, &sctp)), true),
    ]
}

#[test]
fn every_link_and_tunnel_gives_the_inner_message() {
    for (name, link, bytes, vendor_blind) in table() {
        let outcome = run(&[(0, 1, link, bytes)]);
        let [delivered] = outcome.datagrams.as_slice() else {
            panic!("{name}: {outcome:?}");
        };
        assert_eq!(delivered.payload, SIP, "{name}");
        assert_eq!((delivered.source.port, delivered.destination.port), (5060, 5062), "{name}");
        assert!(!delivered.cut, "{name}");
        assert_eq!(delivered.vendor_blind, vendor_blind, "{name}");
        let ends =
            (delivered.source.address.to_string(), delivered.destination.address.to_string());
        let (v4, v6) = (("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2"));
        let ends = (ends.0.as_str(), ends.1.as_str());
        assert!(ends == v4 || ends == v6, "{name}: {ends:?}");
    }
}

/// Every tunnel over both versions of IP, around both.
#[test]
fn every_tunnel_carries_and_is_carried_by_both_versions() {
    let outer = |v6: bool, protocol: u8, payload: &[u8]| {
        if v6 { ip6(protocol, payload) } else { ip4(protocol, payload) }
    };
    for inner_v6 in [false, true] {
        let (inner, kind, ppp) =
            if inner_v6 { (sip6(), 0x86dd_u16, 0x57) } else { (sip4(), 0x0800, 0x21) };
        let (frame, kind) = (ether(kind, &inner), kind.to_be_bytes());
        let protocol = if inner_v6 { 41 } else { 4 };
        let over_udp = |port: u16, header: &[u8], inner: &[u8]| {
            (17, udp(40_000, port, &cat(&[header, inner])))
        };
        let gre = |header: &[u8], inner: &[u8]| (47, cat(&[header, inner]));
        let geneve = |kind: [u8; 2]| cat(&[&[0, 0], &kind, &[0, 0, 1, 0]]);
        let esp = cat(&[&[1; 8], &inner, &[1, 2, 2, protocol], &[0xee; 12]]);
        let tunnels: Vec<(&str, (u8, Vec<u8>))> = vec![
            ("ip in ip", (protocol, inner.clone())),
            ("gre", gre(&cat(&[&[0, 0], &kind]), &inner)),
            ("gre bridged", gre(&[0, 0, 0x65, 0x58], &frame)),
            (
                "gre pptp",
                gre(&cat(&[&[0x30, 0x81, 0x88, 0x0b], &[0; 12], &[0xff, 3, 0, ppp]]), &inner),
            ),
            ("erspan i", gre(&[0, 0, 0x88, 0xbe], &frame)),
            ("erspan ii", gre(&cat(&[&[0x10, 0, 0x88, 0xbe], &[0; 4], &[0x10], &[0; 7]]), &frame)),
            (
                "erspan iii",
                gre(&cat(&[&[0x10, 0, 0x22, 0xeb], &[0; 4], &[0x20], &[0; 11]]), &frame),
            ),
            ("mpls in ip", (137, cat(&[&[0, 0, 1, 1], &inner]))),
            ("vxlan", over_udp(4_789, &[8, 0, 0, 0, 0, 0, 1, 0], &frame)),
            ("geneve", over_udp(6_081, &geneve([0x65, 0x58]), &frame)),
            ("geneve without ethernet", over_udp(6_081, &geneve(kind), &inner)),
            ("gtp", over_udp(2_152, &[0x30, 0xff, 0, 99, 0, 0, 0, 1], &inner)),
            ("l2tp", over_udp(1_701, &[0, 2, 0, 1, 0, 2, 0xff, 3, 0, ppp], &inner)),
            ("tzsp", over_udp(37_008, &[1, 0, 0, 1, 1], &frame)),
            ("esp null", (50, esp)),
        ];
        for (name, (protocol, payload)) in tunnels {
            for outer_v6 in [false, true] {
                let outcome = run(&[(0, 1, 101, outer(outer_v6, protocol, &payload))]);
                let name = format!("{name}, IPv6 outside: {outer_v6}, inside: {inner_v6}");
                let [found] = outcome.datagrams.as_slice() else { panic!("{name}: {outcome:?}") };
                assert_eq!((&*found.payload, found.cut), (SIP, false), "{name}");
                let source = if inner_v6 { "[2001:db8::1]:5060" } else { "10.0.0.1:5060" };
                assert_eq!(found.source.to_string(), source, "{name}");
            }
        }
    }
}

/// A record that gives nothing is counted under one name.
#[test]
fn what_gives_nothing_is_explained() {
    let icmp = cat(&[&[3, 3, 0, 0, 0, 0, 0, 0], &sip4()]);
    let table: Vec<(&str, u16, Vec<u8>)> = vec![
        ("packet.explained_empty", 1, vec![]),
        ("packet.explained_empty", 1, ether(0x0800, &ip4(17, &udp(1, 2, b"")))),
        ("packet.explained_not_ip", 1, ether(0x0806, &[0; 28])),
        ("packet.explained_not_ip", 0, vec![7, 0, 0, 0, 1]),
        ("packet.explained_icmp", 1, ether(0x0800, &ip4(1, &icmp))),
        ("packet.explained_icmp", 1, ether(0x86dd, &ip6(58, &icmp))),
        ("packet.explained_other_protocol", 1, ether(0x0800, &ip4(89, &[0; 30]))),
        ("packet.explained_unknown_link", 147, vec![1, 2, 3]),
        ("packet.explained_malformed", 1, ether(0x0800, &[0x41; 40])),
        ("packet.explained_malformed", 1, vec![0; 13]),
        ("packet.explained_tcp_control", 1, ether(0x0800, &ip4(6, &tcp((1, 2), 1, 0x10, b"")))),
        ("packet.explained_encrypted", 1, ether(0x0800, &ip4(50, &[0x5a; 60]))),
        (
            "packet.explained_sctp_control",
            1,
            ether(0x0800, &ip4(132, &[&[0; 12][..], &[3, 0, 0, 16], &[0; 12]].concat())),
        ),
    ];
    for (name, link, bytes) in table {
        let outcome = run(&[(0, 1, link, bytes)]);
        assert_eq!(outcome.ledger.value(name), 1, "{name}: {:?}", outcome.ledger);
        assert_eq!(outcome.datagrams, [], "{name}");
    }
    let nested = (0..40).fold(sip4(), |inner, _| ip4(4, &inner));
    let outcome = run(&[(0, 1, 101, nested)]);
    assert_eq!(outcome.ledger.value("packet.explained_too_deep"), 1);
    let [loss] = outcome.losses.as_slice() else { panic!("{:?}", outcome.losses) };
    let moment = CaptureTime::from_ns(1);
    assert_eq!((loss.kind, loss.when), (LossKind::Limit, Some((moment, moment))));
    let unknown = run(&[(0, 1, 147, vec![1]), (0, 9, 147, vec![1, 2])]);
    let [loss] = unknown.losses.as_slice() else { panic!("{:?}", unknown.losses) };
    assert_eq!((loss.kind, loss.bytes), (LossKind::UnknownLink, 3));
    assert_eq!(loss.when, Some((CaptureTime::from_ns(1), CaptureTime::from_ns(9))));
}

/// A payload on a tunnel's port that is no tunnel stays what it is.
#[test]
fn a_port_alone_is_no_tunnel() {
    for port in [1701, 2152, 3544, 4789, 6081, 7932, 8472, 37_008] {
        for payload in [SIP, &[0x80, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14], b"\r\n\r\n"]
        {
            let outcome = run(&[(0, 1, 1, ether(0x0800, &ip4(17, &udp(5060, port, payload))))]);
            assert_eq!(outcome.datagrams.len(), 1, "{port} {payload:?}");
            assert_eq!(outcome.datagrams[0].payload, payload, "{port}");
        }
    }
}

#[test]
fn a_cut_record_gives_the_beginning() {
    let whole = ether(0x0800, &sip4());
    let outcome = run(&[(0, 1, 1, whole[..60].to_vec())]);
    assert_eq!(outcome.datagrams[0].payload, SIP[..18]);
    assert!(outcome.datagrams[0].cut);
    let outcome = run(&[(0, 1, 1, whole[..40].to_vec())]);
    assert_eq!(outcome.ledger.value("packet.explained_cut_header"), 1);
    assert_eq!(outcome.losses.len(), 1, "a record cut before its payload may have been SIP");
}

#[test]
fn hep_addresses_and_time_win() {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(SIP).unwrap();
    let compressed = encoder.finish().unwrap();
    let version = |version: u8, clock: &[u8]| {
        let ports = cat(&[&1111u16.to_be_bytes(), &2222u16.to_be_bytes()]);
        let ends = [192, 0, 2, 1, 192, 0, 2, 2];
        let length = 16 + clock.len() as u8;
        cat(&[&[version, length, 2, 17], &ports, &ends, clock, SIP])
    };
    let clock = cat(&[&5u32.to_le_bytes(), &6u32.to_le_bytes(), &[0; 4]]);
    for (packet, time) in [
        (hep3(&chunk(15, SIP)), 5_000_006_000),
        (hep3(&chunk(16, &compressed)), 5_000_006_000),
        (version(1, &[]), 77),
        (version(2, &clock), 5_000_006_000),
    ] {
        let outcome = run(&[(0, 77, 1, ether(0x0800, &ip4(17, &udp(40_000, 9060, &packet))))]);
        let [delivered] = outcome.datagrams.as_slice() else { panic!("{outcome:?}") };
        assert_eq!(delivered.payload, SIP);
        assert_eq!(delivered.time.ns(), time);
        assert_eq!(delivered.source.to_string(), "192.0.2.1:1111");
        assert_eq!(delivered.destination.to_string(), "192.0.2.2:2222");
        assert_eq!((delivered.transport, delivered.vendor_blind), (Transport::Hep, true));
    }
}

/// The marks of run section 3: one message, delivered at once, whatever the sequence number.
#[test]
fn a_rebuilt_segment_is_a_datagram() {
    let mut segment = tcp((5060, 5062), 9, 0x10, &[]);
    segment[12] = 0x80;
    segment[16..18].fill(0);
    segment.extend([1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0]);
    segment.extend(SIP);
    let mut packet = ip4(6, &segment);
    packet[4..6].fill(0);
    packet[8] = 50;
    packet[10..12].fill(0);
    let outcome = run(&[(0, 1, 1, ether(0x0800, &packet))]);
    assert_eq!(outcome.datagrams[0].payload, SIP);
    assert_eq!(outcome.datagrams[0].transport, Transport::Tcp);
    // With another time to live it waits for reassembly.
    packet[8] = 64;
    let outcome = run(&[(0, 1, 1, ether(0x0800, &packet))]);
    assert_eq!((outcome.datagrams.len(), outcome.stream_bytes()), (0, vec![SIP.to_vec()]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Flipped, cut and repeated bytes: no panic, and every record is counted once (`run` checks).
    #[test]
    fn damage_is_survived(
        which in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        link in prop::option::weighted(0.1, prop::sample::select(vec![0u16, 1, 9, 12, 51, 100, 104, 105, 108, 113, 127, 228, 276])),
    ) {
        let table = table();
        let (_, own, mut bytes, _) = table[which.index(table.len())].clone();
        for (place, value) in flips {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate(cut.index(bytes.len() * 3).max(1));
        run(&[(0, 1, link.unwrap_or(own), bytes.clone()), (1, 2, own, bytes)]);
    }

    #[test]
    fn noise_is_survived(link in 0u16..300, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        run(&[(0, 1, link, bytes.clone()), (0, 2, 1, ether(0x0800, &ip4(bytes.len() as u8, &bytes)))]);
    }
}
