//! Laws of reassembly: the result depends on the set of records, not on how they were cut, ordered,
//! repeated or dealt over captures. Expected times come from the definition, byte by byte.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod packet_frames;

use packet_frames::*;
use proptest::prelude::*;
use respool::base::LossKind;
use respool::packet::Transport;

/// Text of SIP messages of a given total size.
fn sip_text(size: usize) -> Vec<u8> {
    SIP.iter().copied().cycle().take(size.max(SIP.len())).collect()
}

/// A part of some bytes: start, end, moment, capture.
type Part = (usize, usize, i64, u32);

/// Parts that cover `0..size`: cuts at random, then copies and overlaps at random.
fn parts(size: usize, unit: usize) -> impl Strategy<Value = Vec<Part>> {
    let units = size.div_ceil(unit);
    let place = 0..=units;
    let extra = prop::collection::vec((place.clone(), place), 0..6);
    (prop::collection::vec(0..=units, 0..8), extra).prop_flat_map(move |(mut cuts, extra)| {
        cuts.extend([0, units]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut ranges: Vec<(usize, usize)> = cuts.windows(2).map(|w| (w[0], w[1])).collect();
        ranges.extend(extra.into_iter().map(|(a, b)| (a.min(b), a.max(b))));
        ranges.retain(|(from, to)| from < to);
        let count = ranges.len();
        let moments = prop::collection::vec((1i64..1_000_000, 0u32..3), count);
        (Just(ranges), moments).prop_map(move |(ranges, moments)| {
            let scaled = |at: usize| (at * unit).min(size);
            ranges
                .iter()
                .zip(moments)
                .map(|((from, to), (time, capture))| (scaled(*from), scaled(*to), time, capture))
                .collect()
        })
    })
}

/// When each byte first arrived.
fn arrivals(size: usize, parts: &[Part]) -> Vec<i64> {
    let first = |at: usize| {
        parts.iter().filter(|(from, to, ..)| (*from..*to).contains(&at)).map(|part| part.2).min()
    };
    (0..size).map(|at| first(at).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn fragments_give_the_datagram(
        (size, parts) in (60usize..3_000).prop_flat_map(|size| (Just(size), parts(size + 8, 8))),
        v6 in any::<bool>(),
        media in any::<bool>(),
    ) {
        let mut payload = sip_text(size);
        if media {
            payload[0] = 0x80;
        }
        let whole = udp(5060, 5062, &payload);
        let records: Vec<Raw> = parts
            .iter()
            .filter(|(from, to, ..)| (*from, *to) != (0, whole.len()) )
            .map(|(from, to, time, capture)| {
                let more = *to < whole.len();
                let bytes = &whole[*from..*to];
                let packet = if v6 {
                    ip6_part(17, 77, *from, more, bytes)
                } else {
                    ip4_part(17, 77, *from, more, bytes)
                };
                (*capture, *time, 101, packet)
            })
            .collect();
        prop_assume!(records.len() == parts.len());
        let outcome = run(&records);
        let expected = arrivals(whole.len(), &parts).into_iter().max().unwrap();
        if media {
            // Media leaves each capture as soon as it is whole there: copies may give it again.
            prop_assert!(outcome.datagrams.iter().any(|found| found.payload == payload && !found.cut));
        } else {
            prop_assert_eq!(outcome.datagrams.len(), 1);
            let found = &outcome.datagrams[0];
            prop_assert_eq!(&found.payload, &payload);
            prop_assert_eq!(found.time.ns(), expected);
            prop_assert!(!found.cut);
        }
    }

    #[test]
    fn segments_give_the_stream(
        (size, parts) in (60usize..3_000).prop_flat_map(|size| (Just(size), parts(size, 1))),
        initial in prop_oneof![Just(u32::MAX - 100), Just(0), any::<u32>()],
        syn in prop::option::of(0i64..2_000_000),
    ) {
        let stream = sip_text(size);
        let records = tcp_records(&stream, &parts, initial, syn);
        let outcome = run(&records);
        prop_assert_eq!(outcome.stream_bytes(), vec![stream]);
        let mut expected = arrivals(size, &parts);
        for at in 1..expected.len() {
            expected[at] = expected[at].max(expected[at - 1]);
        }
        let times: Vec<i64> = outcome.streams[0]
            .iter()
            .flatten()
            .flat_map(|(time, bytes)| vec![time.ns(); bytes.len()])
            .collect();
        prop_assert_eq!(times, expected);
        prop_assert_eq!(outcome.losses, vec![]);
    }

    #[test]
    fn segments_give_websocket_messages(
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        masked in any::<bool>(),
        upgrade in any::<bool>(),
    ) {
        let mut stream = Vec::new();
        if upgrade {
            stream.extend(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n");
        }
        stream.extend(frame(0x81, SIP, masked));
        stream.extend(frame(0x89, b"ping", masked));
        stream.extend(frame(0x01, &SIP[..10], masked));
        stream.extend(frame(0x8a, b"pong", masked));
        stream.extend(frame(0x80, &SIP[10..], masked));
        // Entered in the middle, the first segment must show enough of a frame to be known.
        let least = if upgrade { 0 } else { 40 };
        let parts = cut_at(&stream, &cuts, least);
        let outcome = run(&tcp_records(&stream, &parts, 7, None));
        let found: Vec<_> =
            outcome.datagrams.iter().map(|found| (found.transport, found.payload.as_slice())).collect();
        prop_assert_eq!(found, vec![(Transport::WebSocket, SIP); 2]);
        prop_assert_eq!(outcome.datagrams[0].vendor_blind, masked);
        prop_assert!(outcome.datagrams[1].vendor_blind);
    }

    #[test]
    fn segments_give_hep_messages(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let stream = cat(&[&hep3(&chunk(15, SIP)), &hep3(&chunk(15, b"second"))]);
        let parts = cut_at(&stream, &cuts, 0);
        let outcome = run(&tcp_records(&stream, &parts, 7, None));
        let found: Vec<_> = outcome.datagrams.iter().map(|found| found.payload.as_slice()).collect();
        prop_assert_eq!(found, vec![SIP, b"second"]);
        prop_assert_eq!(outcome.datagrams[0].source.port, 1111);
    }

    #[test]
    fn sctp_parts_give_the_message(
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        moments in prop::collection::vec((1i64..1_000, 0u32..2), 20),
        first in prop_oneof![Just(u32::MAX - 1), any::<u32>()],
    ) {
        let parts = cut_at(SIP, &cuts, 0);
        let last = parts.len() - 1;
        prop_assume!(last > 0);
        let records: Vec<Raw> = parts
            .iter()
            .zip(0u32..)
            .zip(&moments)
            .flat_map(|(((from, to, ..), number), (time, capture))| {
                let flags = u8::from(number == 0) * 2 + u8::from(number as usize == last);
                let tsn = first.wrapping_add(number).to_be_bytes();
                let length = (16 + to - from) as u8;
                let head = [0x13, 0xc4, 0x13, 0xc6, 9, 9, 9, 9, 0, 0, 0, 0, 0, flags, 0, length];
                let packet = cat(&[&head, &tsn, &[0; 8], &SIP[*from..*to], &[0; 3]]);
                let record = (*capture, *time, 101, ip4(132, &packet));
                let copy = (1 - *capture, *time + 5_000, 101, record.3.clone());
                [record, copy]
            })
            .collect();
        let outcome = run(&records);
        let [found] = outcome.datagrams.as_slice() else { panic!("{outcome:?}") };
        prop_assert_eq!(&found.payload, &SIP);
        let latest = moments[..=last].iter().map(|(time, _)| *time).max().unwrap();
        prop_assert_eq!((found.time.ns(), found.transport), (latest, Transport::Sctp));
    }
}

/// Parts of `bytes` cut at random, the first at least `least` long, one a millisecond.
fn cut_at(bytes: &[u8], cuts: &[prop::sample::Index], least: usize) -> Vec<Part> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len()).max(least)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.dedup();
    (1i64..)
        .zip(places.windows(2))
        .map(|(number, window)| (window[0], window[1], number * 1_000_000, number as u32 % 2))
        .collect()
}

fn tcp_records(stream: &[u8], parts: &[Part], initial: u32, syn: Option<i64>) -> Vec<Raw> {
    let mut records: Vec<Raw> = parts
        .iter()
        .map(|(from, to, time, capture)| {
            let sequence = initial.wrapping_add(*from as u32);
            let segment = tcp((5060, 40_000), sequence, 0x10, &stream[*from..*to]);
            (*capture, *time, 101, ip4(6, &segment))
        })
        .collect();
    if let Some(time) = syn {
        let segment = tcp((5060, 40_000), initial.wrapping_sub(1), 2, b"");
        records.push((1, time, 101, ip4(6, &segment)));
    }
    records
}

/// A WebSocket frame; masked with a fixed key.
fn frame(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    assert!(payload.len() < 126);
    let key = [0xde, 0xad, 0xbe, 0xef];
    let length = payload.len() as u8;
    if masked {
        let hidden: Vec<u8> =
            payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        cat(&[&[first, length | 0x80], &key, &hidden])
    } else {
        cat(&[&[first, length], payload])
    }
}

#[test]
fn a_missing_segment_is_a_gap_and_a_loss() {
    let stream = sip_text(300);
    let parts = [(0, 100, 1, 0), (200, 300, 3, 0)];
    let outcome = run(&tcp_records(&stream, &parts, 5, Some(0)));
    let [steps] = outcome.streams.as_slice() else { panic!("{outcome:?}") };
    assert_eq!(steps[1], Err(100));
    assert_eq!(outcome.stream_bytes()[0].len(), 200);
    let [loss] = outcome.losses.as_slice() else { panic!("{:?}", outcome.losses) };
    assert_eq!((loss.kind, loss.bytes), (LossKind::Gap, 100));
    // Behind a SYN the first bytes count too.
    let outcome = run(&tcp_records(&stream, &[(40, 300, 3, 0)], 5, Some(0)));
    assert_eq!(outcome.streams[0][0], Err(40));
}

#[test]
fn a_new_syn_is_a_new_connection() {
    let stream = sip_text(100);
    let mut records = tcp_records(&stream, &[(0, 100, 10, 0)], 5, Some(1));
    records.extend(tcp_records(&stream, &[(0, 100, 30, 1)], 900_000, Some(20)));
    // A retransmitted SYN is not.
    records.extend(tcp_records(&stream, &[], 900_000, Some(25)));
    records.reverse();
    assert_eq!(run(&records).stream_bytes(), vec![stream.clone(), stream]);
}

#[test]
fn a_flow_without_sip_is_left_alone() {
    let page = vec![b'x'; 2_000_000];
    let parts: Vec<Part> = (0..2_000).map(|n| (n * 1000, (n + 1) * 1000, n as i64, 0)).collect();
    let outcome = run(&tcp_records(&page, &parts, 5, None));
    assert_eq!(outcome.streams.len(), 0);
    assert_eq!(outcome.losses.len(), 1, "port 5060: dropped bytes may have been SIP");
    assert!(outcome.ledger.value("packet.explained_tcp_not_sip") > 100);
    let few = run(&tcp_records(&page[..5000], &parts[..5], 5, None));
    assert_eq!((few.losses.len(), few.ledger.value("packet.segments_not_sip")), (0, 5));
}

/// What a flow carries is told from all of its records: a segment that looks like TLS decides nothing,
/// wherever it lies, neither before SIP in one segment nor before SIP in segments of a few bytes.
#[test]
fn a_segment_like_tls_decides_nothing_about_the_rest() {
    let check = |name: &str, cuts: &[usize], streams: usize| {
        let mut stream = b"\x16\x03\x01\x00\x05hello".to_vec();
        stream.extend(SIP);
        let places = [&[0][..], cuts, &[stream.len()]].concat();
        let count = places.len() - 1;
        // Every way to deal the segments to two captures.
        for dealt in 0u32..1 << count {
            let parts: Vec<Part> = places
                .windows(2)
                .zip(1i64..)
                .map(|(at, time)| (at[0], at[1], time, dealt >> (time - 1) & 1))
                .collect();
            let outcome = run(&tcp_records(&stream, &parts, 5, None));
            assert_eq!(outcome.streams.len(), streams, "{name}, dealt as {dealt:b}");
            let tls = outcome.ledger.value("packet.tls_flows");
            assert_eq!(tls, u64::from(streams == 0), "{name}, dealt as {dealt:b}");
            assert_eq!(outcome.losses.len(), 0, "{name}, dealt as {dealt:b}");
        }
    };
    check("SIP in one segment", &[10], 1);
    check("the word SIP/2.0 over two segments", &[10, 31], 1);
    check("a byte a segment", &[10, 26, 27, 28, 29, 30, 31, 32, 33], 1);
    // Nothing but the record.
    let hello = b"\x16\x03\x01\x00\x05hello";
    for capture in 0..2 {
        let outcome = run(&tcp_records(hello, &[(0, 5, 1, 0), (5, 10, 2, capture)], 5, None));
        assert_eq!((outcome.streams.len(), outcome.ledger.value("packet.tls_flows")), (0, 1));
    }
}

/// What was let go before the first sign of SIP is a loss, on any port.
#[test]
fn a_late_sign_makes_what_went_before_a_loss() {
    let mut stream = vec![b'x'; 1_200_000];
    stream.extend(SIP);
    let parts: Vec<Part> = stream
        .chunks(1_000)
        .zip(0i64..)
        .map(|(chunk, number)| {
            let from = usize::try_from(number).unwrap() * 1_000;
            (from, from + chunk.len(), number, 0)
        })
        .collect();
    let mut records = tcp_records(&stream, &parts, 5, None);
    // Away from the SIP ports.
    for (.., packet) in &mut records {
        packet[20..24].copy_from_slice(&[0x1f, 0x90, 0x1f, 0x91]);
    }
    let outcome = run(&records);
    assert_eq!(outcome.streams.len(), 1);
    let [loss] = outcome.losses.as_slice() else { panic!("{:?}", outcome.losses) };
    assert_eq!(loss.kind, LossKind::Limit);
    assert!(loss.detail.contains("shows SIP later"), "{}", loss.detail);
    assert_eq!(outcome.ledger.value("packet.tcp_segments_dropped"), 1_200);
}

#[test]
fn tls_on_a_sip_port_is_a_loss() {
    let hello = [0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5];
    for (port, losses) in [(5061, 1), (443, 0)] {
        let both = [
            (0, 1, 101, ip4(6, &tcp((40_000, port), 5, 0x18, &hello))),
            (1, 9, 101, ip4(6, &tcp((40_000, port), 15, 0x18, &hello))),
        ];
        let outcome = run(&both);
        assert_eq!(outcome.ledger.value("packet.tls_flows"), 1);
        let encrypted = outcome.losses.iter().filter(|loss| loss.kind == LossKind::Encrypted);
        assert_eq!(encrypted.count(), losses, "{port}");
    }
}

#[test]
fn a_lost_fragment_is_a_loss_when_it_looks_like_sip() {
    let payload = sip_text(1_000);
    for (first, losses) in [(payload[0], 1), (0x80, 0)] {
        let mut payload = payload.clone();
        payload[0] = first;
        let whole = udp(5060, 5062, &payload);
        let outcome = run(&[(0, 1, 101, ip4_part(17, 5, 0, true, &whole[..800]))]);
        assert_eq!(outcome.datagrams.len(), 1);
        assert_eq!(outcome.datagrams[0].payload, payload[..792]);
        assert!(outcome.datagrams[0].cut);
        assert_eq!(outcome.losses.len(), losses);
        let outcome = run(&[(0, 1, 101, ip4_part(17, 5, 800, false, &whole[800..]))]);
        assert_eq!((outcome.datagrams.len(), outcome.losses.len()), (0, 1), "the end alone");
    }
}

#[test]
fn an_identification_used_again_gives_both_datagrams() {
    let (one, two) = (udp(1, 2, &sip_text(900)), udp(3, 4, &sip_text(1_000)));
    let mut records = Vec::new();
    for (time, whole) in [(10, &one), (20, &two)] {
        records.push((0, time, 101, ip4_part(17, 5, 0, true, &whole[..640])));
        records.push((1, time + 1, 101, ip4_part(17, 5, 640, false, &whole[640..])));
    }
    let outcome = run(&records);
    let found: Vec<_> = outcome.datagrams.iter().map(|found| found.payload.len()).collect();
    assert_eq!(found, [900, 1_000]);
}

/// What waits for other records inside tunnels is used or explained as outside of them: `run` checks
/// that every fragment, segment and part is counted once.
#[test]
fn what_waits_inside_tunnels_is_conserved() {
    let vxlan = |inner: &[u8]| {
        let header = [8, 0, 0, 0, 0, 0, 7, 0];
        ip4(17, &udp(40_001, 4_789, &cat(&[&header, &ether(0x0800, inner)])))
    };
    let gre = |inner: &[u8]| ip4(47, &cat(&[&[0, 0, 8, 0], inner]));
    let ipip = |inner: &[u8]| ip4(4, inner);
    type Tunnel<'t> = (&'t str, &'t dyn Fn(&[u8]) -> Vec<u8>);
    let tunnels: [Tunnel<'_>; 3] = [("vxlan", &vxlan), ("gre", &gre), ("ipip", &ipip)];
    let stream = sip_text(900);
    let whole = udp(5060, 5062, &stream);
    let media = udp(4_000, 4_002, &[0x80; 900]);
    let half = whole.len() / 16 * 8;
    let mut packets = vec![
        ip4_part(17, 1, 0, true, &whole[..half]),
        ip4_part(17, 1, half, false, &whole[half..]),
        ip4_part(17, 2, 0, true, &media[..half]),
        ip4_part(17, 2, half, false, &media[half..]),
        // Half of a datagram, half of a stream, a stream of another kind.
        ip4_part(17, 3, 0, true, &whole[..half]),
    ];
    packets.extend(
        [(0, 0..500), (400, 400..900)].map(|(at, range): (u32, _)| {
            ip4(6, &tcp((5060, 40_000), 5 + at, 0x10, &stream[range]))
        }),
    );
    packets.push(ip4(6, &tcp((80, 40_000), 5, 0x10, b"HTTP/1.1 200 OK\r\n\r\n")));
    let chunk = cat(&[&[0, 2, 0, 40, 0, 0, 0, 1], &[0; 8], &stream[..24]]);
    packets.push(ip4(132, &cat(&[&[0x13, 0xc4, 0x13, 0xc6, 9, 9, 9, 9, 0, 0, 0, 0], &chunk])));
    for (name, tunnel) in tunnels {
        for copies in 1..=2 {
            let each = (0i64..).zip(&packets);
            let records: Vec<Raw> = each
                .flat_map(|(time, packet)| {
                    let bytes = tunnel(packet);
                    (0..copies).map(move |copy| (copy, time, 101, bytes.clone()))
                })
                .collect();
            let outcome = run(&records);
            assert_eq!(outcome.stream_bytes(), std::slice::from_ref(&stream), "{name}");
            let value = |counter: &str| outcome.ledger.value(counter);
            let copies = u64::from(copies);
            assert_eq!(value("packet.records_kept_segment"), 3 * copies, "{name}");
            assert_eq!(value("packet.segments"), 3 * copies, "{name}");
            assert_eq!(value("packet.segments_used"), 2, "{name}");
            assert_eq!(value("packet.fragments"), 5 * copies, "{name}");
            assert_eq!(value("packet.fragments_released"), 2 * copies, "{name}");
            assert_eq!(value("packet.fragments_incomplete"), 1, "{name}");
            assert_eq!(value("packet.sctp_parts"), copies, "{name}");
        }
    }
}

#[test]
fn fragments_inside_fragments_of_a_tunnel_hold_tcp() {
    let stream = sip_text(600);
    let segment = tcp((5060, 40_000), 1, 0x10, &stream);
    let mut records = Vec::new();
    let inner =
        [ip4_part(6, 9, 0, true, &segment[..320]), ip4_part(6, 9, 320, false, &segment[320..])];
    for (number, packet) in (0u16..).zip(&inner) {
        records.push((0, 1, 101, ip4_part(4, number, 0, true, &packet[..160])));
        records.push((1, 2, 101, ip4_part(4, number, 160, false, &packet[160..])));
    }
    assert_eq!(run(&records).stream_bytes(), vec![stream]);
}
