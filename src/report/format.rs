//! Moments, figures and counts as a person or the vendor's database writes them.

use crate::base::CaptureTime;
use crate::channel::Channels;
use crate::license::Margin;
use jiff::Timestamp;
use jiff::tz::TimeZone;

fn timestamp(time: CaptureTime) -> Timestamp {
    // The whole range of capture time fits.
    Timestamp::from_nanosecond(i128::from(time.ns())).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `YYYY-MM-DD HH:MM:SS.mmm` in UTC; as the vendor, what is below a millisecond is cut off.
#[must_use]
pub fn utc_ms(time: CaptureTime) -> String {
    let floor = CaptureTime::from_ns(time.ns().div_euclid(1_000_000).saturating_mul(1_000_000));
    let local = TimeZone::UTC.to_datetime(timestamp(floor));
    format!("{} {}.{:03}", local.date(), hms(local), local.millisecond())
}

/// `YYYY-MM-DD HH:MM:SS ZONE` on the local clock.
#[must_use]
pub fn local_s(time: CaptureTime, zone: &TimeZone) -> String {
    let moment = timestamp(time);
    let info = zone.to_offset_info(moment);
    let local = zone.to_datetime(moment);
    format!("{} {} {}", local.date(), hms(local), info.abbreviation())
}

/// `HH:MM` on the local clock.
#[must_use]
pub fn local_hm(time: CaptureTime, zone: &TimeZone) -> String {
    let local = zone.to_datetime(timestamp(time));
    format!("{:02}:{:02}", local.hour(), local.minute())
}

fn hms(local: jiff::civil::DateTime) -> String {
    format!("{:02}:{:02}:{:02}", local.hour(), local.minute(), local.second())
}

/// Channels with two decimals, rounded down; whole channels without. A figure above the limit that
/// would print as the limit gets a `>`, so that no print contradicts the comparison.
#[must_use]
pub fn channels(figure: Channels, limit_channels: u64) -> String {
    if figure.denominator == 1 {
        return figure.numerator.to_string();
    }
    let text = two_decimals(figure);
    let limit = Channels::whole(limit_channels);
    let above = if figure > limit && text == format!("{limit_channels}.00") { ">" } else { "" };
    format!("{above}{text}")
}

/// The distance of a margin with two decimals, rounded down; a distance that is not 0 never prints so.
#[must_use]
pub fn distance(margin: Margin) -> String {
    let distance = margin.distance;
    if distance.denominator == 1 {
        return distance.numerator.to_string();
    }
    let text = two_decimals(distance);
    if text == "0.00" && distance.numerator > 0 { "<0.01".to_owned() } else { text }
}

/// A margin in words.
#[must_use]
pub fn margin(margin: Margin) -> String {
    if margin.distance.numerator == 0 {
        "exactly at the limit".to_owned()
    } else if margin.above {
        format!("{} above the limit", distance(margin))
    } else {
        format!("{} below the limit", distance(margin))
    }
}

fn two_decimals(figure: Channels) -> String {
    let denominator = u128::from(figure.denominator);
    let hundredths = figure.numerator.saturating_mul(100) / denominator;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// A count with its digits in groups of three.
#[must_use]
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 day`, `2 days`.
#[must_use]
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// Bytes with a binary unit.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut tenths = u128::from(count) * 10;
    let mut unit = "B";
    for larger in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1_024;
        unit = larger;
    }
    if unit == "B" {
        format!("{count} B")
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000_000_000;

    #[test]
    fn no_print_contradicts_the_comparison_with_the_limit() {
        let ten = 10 * u128::from(HOUR);
        for (numerator, expect, distance) in [
            (ten, "10.00", "exactly at the limit"),
            (ten + 1, ">10.00", "<0.01 above the limit"),
            (ten - 1, "9.99", "<0.01 below the limit"),
            (ten + u128::from(HOUR) / 2, "10.50", "0.50 above the limit"),
            (0, "0.00", "10.00 below the limit"),
        ] {
            let figure = Channels { numerator, denominator: HOUR };
            assert_eq!(channels(figure, 10), expect);
            assert_eq!(margin(Margin::of(figure, 10)), distance);
        }
        assert_eq!(channels(Channels::whole(11), 10), "11");
        assert_eq!(margin(Margin::of(Channels::whole(11), 10)), "1 above the limit");
    }

    #[test]
    fn moments_are_cut_to_the_millisecond_as_the_vendor_does() {
        let time = CaptureTime::from_parts(1_774_745_999, 999_999_999);
        assert_eq!(utc_ms(time), "2026-03-29 00:59:59.999");
        assert_eq!(utc_ms(CaptureTime::from_ns(-1)), "1969-12-31 23:59:59.999");
        let prague = TimeZone::get("Europe/Prague").unwrap();
        assert_eq!(local_s(time, &prague), "2026-03-29 01:59:59 CET");
        assert_eq!(local_s(time.plus_ns(1), &prague), "2026-03-29 03:00:00 CEST");
        assert_eq!(local_hm(time.plus_ns(1), &prague), "03:00");
        for extreme in [CaptureTime::MIN, CaptureTime::MAX] {
            assert!(utc_ms(extreme).len() >= 23);
        }
    }

    #[test]
    fn counts_and_bytes() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(counted(1, "day", "days"), "1 day");
        assert_eq!(bytes(1_023), "1023 B");
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(bytes(u64::MAX), "16777215.9 TiB");
    }
}
