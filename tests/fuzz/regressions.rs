//! Inputs that failed once, in hexadecimal, and inputs that are made to fail where others did.

use crate::seeds::{far_reference, flushed_frame};
use crate::targets;

/// Two zstd frames, the second damaged. What the library found wrong with it depended on the size of the
/// buffer that the first one had left.
const ZSTD_BEHIND_A_WHOLE_FRAME: &str = "\
    28b52ffd00589d0200b2c4111eb0a931a09d5b025f4a4e18aa20f4c04f1c6c1da7718ed3356789b56ccb1471\
    3e062ec6e3406f22322a89fc6aeaa863dff6db17f089af3f1ed80a7fd04ceb7fbfd68159244d5403003823ec\
    4620401c28b52ffd000233b33833b3b23833f3e40f820f9579fc2524fe303bd9fcfddb24da65ccbd46487692\
    48932df397de2f3c153b0f1909af4db0f91b309d81d599d956c0648b91a981f1063f2daf33dee736acdd74a6\
    c0dcf393d9163dad13fa5a0f9f16699f3abf3528a028246803e3cc8c8c8484170c973362a3e644a5444f9838\
    7f7a567aeca41979b34f9c169d94cf1a98999090c0129cc932d1efd1d322bf33272f7e2dd918a4e1e7ebdb28\
    7de4f453993951194b13563094daea4f2fae8bf3cc8aeb5ce79f1557e5d936b589515f5c5ffc71c68a044ed1\
    651703e6116508afd99f1cc5cd30f240e560c8ff2658f2bff968fea7076051f2954870689260646068b97278\
    d3422606160646864fccffff33303082147c0c4e656560606063646110676264f8a2c3c1e0cac0f083819381\
    c1419081818b81e75f74a8a97239318976ffa243050b0012a08a63295858c2dd42769cb9b31b10202bd4b880\
    904d8d8e38a1cc";

/// A frame of one byte more than it says, with an empty last block: as a whole it was taken for sound.
const ZSTD_LONGER_THAN_IT_SAYS: &str = "28b52ffd60ffea42950500c2ca0180000000010000dd";

const CONTAINERS: [&str; 2] = [ZSTD_BEHIND_A_WHOLE_FRAME, ZSTD_LONGER_THAN_IT_SAYS];

/// A first part of an SCTP message without user data: it was given as an empty datagram.
const SCTP_WITHOUT_DATA: &str = "\
    d4c3b2a1020004000000000000000000ffff00000100000000f1536500000000660000006600000002020202\
    020202020202020208004500005800090000408400000a0000010a00000213c413c400000001000000000002\
    00100000000100000000000000004f5054494f4e53207369703a614062205349502f322e300d0a5669613a20\
    5349502f322e302f5544";

const CAPTURES: [&str; 1] = [SCTP_WITHOUT_DATA];

/// A Content-Length two bytes above the body: these are given with the body, and again with what follows.
const BODY_TOO_LONG: &str = "INVITE sip:a@b SIP/2.0\r\nCall-ID: one@h\r\nContent-Length: 12\r\n\r\n\
    v=0\r\ns=-\r\nINVITE sip:c@d SIP/2.0\r\nCall-ID: two@h\r\nContent-Length: 0\r\n\r\n";

const MESSAGES: [&str; 1] = [BODY_TOO_LONG];

fn bytes_of(hexadecimal: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap();
    (0..hexadecimal.len()).step_by(2).map(digits).collect()
}

#[test]
fn containers() {
    for case in CONTAINERS {
        targets::container(&bytes_of(case));
    }
}

#[test]
fn captures() {
    for case in CAPTURES {
        targets::packet(&bytes_of(case));
    }
}

#[test]
fn messages() {
    for case in MESSAGES {
        targets::sip(case.as_bytes());
    }
}

/// Damaged frames refer to bytes before their window. The library finds them where its buffer is large
/// enough to hold them still: it must not hang on how the frame came, or on the frames before it.
#[test]
fn references_to_before_the_window() {
    // Not three: that many go round the buffer once and make the library read where it writes.
    for chunks in [1, 2, 4, 5, 7, 8, 14] {
        let far = far_reference(chunks);
        let chunk = [7; 900];
        let before = flushed_frame(20, &[&chunk, &chunk]);
        let small = flushed_frame(10, &[&chunk]);
        for frames in [vec![&far], vec![&before, &far], vec![&small, &far, &before, &far]] {
            let bytes: Vec<u8> = frames.into_iter().flatten().copied().collect();
            targets::container(&bytes);
            for cut in 1..40 {
                targets::container(&bytes[..bytes.len() - cut]);
            }
        }
    }
}
