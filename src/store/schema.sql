-- The result database, version 2. One file a run.
--
-- It holds what `audit` and `explain` read of a spool, so that they say the same of both: the legs with
-- their dialogs, REFER requests and identifiers, the CDRs, and the rules. It holds no messages.
--
-- Moments end in _ns: nanoseconds since 1970-01-01T00:00:00Z, capture time.
-- Texts from captures are UTF-8; see store/text.rs for bytes that are not.
-- Booleans are 0 or 1. NULL is said at the column; a column without NULL is NOT NULL.

-- The run itself; one row.
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  -- Version of the program.
  program_version TEXT NOT NULL,
  -- What was asked: a JSON array of the arguments.
  arguments TEXT NOT NULL,
  -- Time zone of days and hours.
  time_zone TEXT NOT NULL,
  -- Channels of the license; NULL when no limit was given.
  limit_channels INTEGER,
  -- Last day that was judged, YYYY-MM-DD; NULL without any data.
  as_of TEXT,
  -- The rules that joined legs into calls, as a file of --rules would say them.
  rules TEXT NOT NULL
) STRICT;

-- One row a capture: a file, or a member of an archive.
CREATE TABLE captures (
  -- Number of the file in the sorted list, and of the member in its archive (0: the file itself).
  file INTEGER NOT NULL,
  member INTEGER NOT NULL,
  -- Path inside the spool, and the name inside the archive (empty for the file itself).
  path TEXT NOT NULL,
  member_name TEXT NOT NULL,
  -- Name of the sensor; empty for the unnamed one.
  sensor TEXT NOT NULL,
  -- Bytes of the capture after decompression.
  bytes INTEGER NOT NULL,
  -- Packet records.
  records INTEGER NOT NULL,
  -- First and last record; NULL without records.
  first_ns INTEGER,
  last_ns INTEGER,
  -- Whether its end is missing.
  cut INTEGER NOT NULL,
  -- Path of the file as it was typed: how output names it.
  shown TEXT NOT NULL,
  PRIMARY KEY (file, member)
) STRICT, WITHOUT ROWID;

-- One row a leg: all SIP of one Call-ID seen by one sensor.
CREATE TABLE legs (
  id INTEGER PRIMARY KEY,
  sensor TEXT NOT NULL,
  call_id TEXT NOT NULL,
  -- First message; last message or media packet. NULL for a leg without messages.
  first_ns INTEGER,
  last_ns INTEGER,
  -- Distinct messages, retransmissions not counted.
  messages INTEGER NOT NULL,
  -- Whether RTP or RTCP was attributed to it.
  has_media INTEGER NOT NULL,
  -- Whether the vendor's sniffer could not have read some of its packets.
  vendor_blind INTEGER NOT NULL,
  -- Whether an INVITE was seen: a leg without one makes no CDR and is evidence only.
  has_invite INTEGER NOT NULL,
  -- Users of From and To (else of the Request-URI) of the first INVITE, user of its Request-URI.
  caller TEXT NOT NULL,
  called TEXT NOT NULL,
  request_user TEXT NOT NULL,
  -- ADDRESS:PORT: sender of the first INVITE, receiver of its last hop.
  source TEXT NOT NULL,
  destination TEXT NOT NULL,
  -- First INVITE, else first message. This and the next with the record that shows it, as
  -- FILE/MEMBER/RECORD; NULL where there was none.
  started_ns INTEGER NOT NULL,
  started_record TEXT NOT NULL,
  -- First 2xx to an INVITE.
  answered_ns INTEGER,
  answered_record TEXT,
  -- First CANCEL.
  cancelled_ns INTEGER,
  cancelled_record TEXT,
  -- First final failure before any answer, challenges excepted.
  failed_status INTEGER,
  failed_ns INTEGER,
  failed_record TEXT,
  -- Last BYE, and whether the caller sent it.
  hung_up_ns INTEGER,
  hung_up_record TEXT,
  hung_up_by_caller INTEGER
) STRICT;

-- One row a dialog of a leg.
CREATE TABLE dialogs (
  leg INTEGER NOT NULL REFERENCES legs (id),
  -- Its tags, the smaller one first.
  tag TEXT NOT NULL,
  other_tag TEXT NOT NULL,
  -- First 2xx to an INVITE in it; NULL for an early dialog.
  confirmed_ns INTEGER,
  PRIMARY KEY (leg, tag, other_tag)
) STRICT, WITHOUT ROWID;

-- One row a REFER of a leg (RFC 3515).
CREATE TABLE refers (
  leg INTEGER NOT NULL REFERENCES legs (id),
  -- Number in the leg from 1, by time.
  number INTEGER NOT NULL,
  cseq INTEGER NOT NULL,
  sent_ns INTEGER NOT NULL,
  sent_record TEXT NOT NULL,
  -- Whether the side that sent the first INVITE sent it.
  by_caller INTEGER NOT NULL,
  -- ADDRESS:PORT of who transfers, and of who is asked to call.
  sender TEXT NOT NULL,
  receiver TEXT NOT NULL,
  -- Refer-To; the dialog that it says to replace; the dialog that Target-Dialog names; Referred-By.
  -- NULL when not said.
  target TEXT,
  replaces TEXT,
  target_dialog TEXT,
  referred_by TEXT,
  -- First final response, and the last final status that a NOTIFY told; NULL when not seen.
  status INTEGER,
  status_ns INTEGER,
  status_record TEXT,
  notified_status INTEGER,
  notified_ns INTEGER,
  notified_record TEXT,
  PRIMARY KEY (leg, number)
) STRICT, WITHOUT ROWID;

-- What a leg says about other legs and its media: one row a value and who said it.
CREATE TABLE identifiers (
  leg INTEGER NOT NULL REFERENCES legs (id),
  -- What it is, as in `leg/identifier.rs`: replaces, refer-to, session-id, icid, header, media-address ...
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  -- ADDRESS:PORT of the sender, and the CSeq number of the message.
  said_by TEXT NOT NULL,
  cseq INTEGER NOT NULL,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  -- The record that first showed it, as FILE/MEMBER/RECORD.
  record TEXT NOT NULL,
  PRIMARY KEY (leg, kind, value, said_by, cseq)
) STRICT, WITHOUT ROWID;

-- One row a CDR, with both ends: what the packets show, where the vendor's timeouts would cut it.
CREATE TABLE cdrs (
  id INTEGER PRIMARY KEY,
  leg INTEGER NOT NULL REFERENCES legs (id),
  -- Number among the CDRs of its leg, from 0, by start.
  sequence INTEGER NOT NULL,
  call_id TEXT NOT NULL,
  -- The sensor's number in the vendor's database; NULL when it has none.
  id_sensor INTEGER,
  caller TEXT NOT NULL,
  called TEXT NOT NULL,
  -- First INVITE; end by the packets; first 2xx to an INVITE and first 18x or 2xx, NULL without.
  started_ns INTEGER NOT NULL,
  ended_ns INTEGER NOT NULL,
  connected_ns INTEGER,
  progressed_ns INTEGER,
  source_address TEXT NOT NULL,
  source_port INTEGER NOT NULL,
  destination_address TEXT NOT NULL,
  destination_port INTEGER NOT NULL,
  -- 0 when no response was seen.
  last_response INTEGER NOT NULL,
  -- The vendor's code of how it ended.
  bye INTEGER NOT NULL,
  -- caller or callee; NULL without BYE.
  hung_up_by TEXT,
  -- The earlier end by the vendor's timeouts, with its code and last response; NULL where they
  -- change nothing.
  cut_ended_ns INTEGER,
  cut_bye INTEGER,
  cut_last_response INTEGER,
  -- Whether it exists only where the vendor's timeouts split the leg.
  only_when_cut INTEGER NOT NULL,
  -- Fork destinations that were tried, at least 1.
  branches INTEGER NOT NULL,
  has_media INTEGER NOT NULL,
  vendor_blind INTEGER NOT NULL
) STRICT;

-- One row a fork destination of a leg.
CREATE TABLE branches (
  leg INTEGER NOT NULL REFERENCES legs (id),
  -- Number in the leg from 1, by first message.
  number INTEGER NOT NULL,
  -- To-tag, topmost Via branch, Request-URI: empty when not seen.
  to_tag TEXT NOT NULL,
  via_branch TEXT NOT NULL,
  request_uri TEXT NOT NULL,
  first_ns INTEGER NOT NULL,
  -- Final response; NULL when none was seen.
  final_response INTEGER,
  PRIMARY KEY (leg, number)
) STRICT, WITHOUT ROWID;

-- One row a call: legs that belong to one conversation.
CREATE TABLE calls (
  id INTEGER PRIMARY KEY,
  started_ns INTEGER NOT NULL,
  ended_ns INTEGER NOT NULL,
  legs INTEGER NOT NULL,
  answered INTEGER NOT NULL,
  -- Why legs that evidence would join were left apart; NULL without conflict.
  conflict TEXT
) STRICT;

-- Which legs a call has; every leg with a CDR is in exactly one call.
CREATE TABLE call_legs (
  call INTEGER NOT NULL REFERENCES calls (id),
  leg INTEGER NOT NULL REFERENCES legs (id),
  PRIMARY KEY (call, leg)
) STRICT, WITHOUT ROWID;

-- Why two legs belong together, or why they do not.
CREATE TABLE evidence (
  leg INTEGER NOT NULL REFERENCES legs (id),
  other_leg INTEGER NOT NULL REFERENCES legs (id),
  -- call-id, replaces, refer, redirect, session-id, header, icid, media, fork, recording, history,
  -- numbers.
  rule TEXT NOT NULL,
  -- proof, strong, medium or weak.
  class TEXT NOT NULL,
  -- Whether it joined them, and in words why or why not.
  joined INTEGER NOT NULL,
  reason TEXT NOT NULL,
  -- The values compared.
  value TEXT NOT NULL,
  other_value TEXT NOT NULL,
  -- The records that showed them, as FILE/MEMBER/RECORD; NULL where a rule rests on no single record.
  record TEXT,
  other_record TEXT,
  PRIMARY KEY (leg, other_leg, rule, value, other_value)
) STRICT, WITHOUT ROWID;

-- Channels by hour of the time zone.
CREATE TABLE channel_hours (
  -- as-is, merge-header, merged, recorded.
  scenario TEXT NOT NULL,
  -- The reading in its short form.
  reading TEXT NOT NULL,
  -- First moment of the hour, and the same in local time with its offset.
  started_ns INTEGER NOT NULL,
  hour TEXT NOT NULL,
  -- Sum over channels of the time they were in use; divided by 3600e9 it is the hourly mean.
  channel_ns INTEGER NOT NULL,
  -- Most channels at one moment.
  peak_channels INTEGER NOT NULL,
  -- Whether something was lost here: the figures are then a lower bound.
  lower_bound INTEGER NOT NULL,
  PRIMARY KEY (scenario, reading, started_ns)
) STRICT, WITHOUT ROWID;

-- Channels by day of the time zone, and the state of the lock.
CREATE TABLE channel_days (
  scenario TEXT NOT NULL,
  reading TEXT NOT NULL,
  -- YYYY-MM-DD.
  day TEXT NOT NULL,
  -- What the reading counts on this day, in thousandths of a channel, rounded down.
  counted_millichannels INTEGER NOT NULL,
  peak_channels INTEGER NOT NULL,
  -- Whether the count is over the limit; NULL without a limit.
  over INTEGER,
  -- Days over in a row up to this day.
  days_over INTEGER NOT NULL,
  -- within, grace, lockdown or locked; NULL without a limit.
  state TEXT,
  lower_bound INTEGER NOT NULL,
  PRIMARY KEY (scenario, reading, day)
) STRICT, WITHOUT ROWID;

-- The verdicts, one row a scenario and reading.
CREATE TABLE verdicts (
  scenario TEXT NOT NULL,
  reading TEXT NOT NULL,
  -- lifts, stays, cannot-tell or never-locked.
  verdict TEXT NOT NULL,
  -- The largest count of the days that decide, and limit minus that count, in thousandths of a
  -- channel; NULL without data.
  decisive_millichannels INTEGER,
  margin_millichannels INTEGER,
  -- In words, why.
  reason TEXT NOT NULL,
  PRIMARY KEY (scenario, reading)
) STRICT, WITHOUT ROWID;

-- The verdict of every scenario under every reading that was compared. Runs are of days over the limit
-- up to the day of the verdict: as read, by the channels that are there whatever was lost, and with
-- every day over that may miss something.
CREATE TABLE reading_verdicts (
  scenario TEXT NOT NULL,
  reading TEXT NOT NULL,
  -- lifts, stays or cannot-tell.
  verdict TEXT NOT NULL,
  run_days INTEGER NOT NULL,
  run_days_at_least INTEGER NOT NULL,
  run_days_at_most INTEGER NOT NULL,
  -- The count of the day that decides, and limit minus that count, in thousandths of a channel; NULL
  -- where too few days are seen for any limit to keep the lock.
  decisive_millichannels INTEGER,
  margin_millichannels INTEGER,
  PRIMARY KEY (scenario, reading)
) STRICT, WITHOUT ROWID;

-- Anomalies in the data: the first of each kind by place; `note_counts` has all.
CREATE TABLE notes (
  kind TEXT NOT NULL,
  file INTEGER NOT NULL,
  member INTEGER NOT NULL,
  -- Number of the record from 1, and byte offset; NULL when it is not about one, or not known.
  record INTEGER,
  offset_bytes INTEGER,
  detail TEXT NOT NULL
) STRICT;

-- How many anomalies of each kind there were.
CREATE TABLE note_counts (
  kind TEXT PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was there and could not be read: it makes counts lower bounds.
CREATE TABLE losses (
  kind TEXT NOT NULL,
  -- 4294967295 where it is of several files.
  file INTEGER NOT NULL,
  -- First and last moment that the lost bytes may belong to; NULL when they may be anywhere.
  first_ns INTEGER,
  last_ns INTEGER,
  bytes INTEGER NOT NULL,
  detail TEXT NOT NULL
) STRICT;

-- What went in, what was used, what is explained; names are `room.what`.
CREATE TABLE ledger (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The vendor's columns, one row a CDR with the end that the packets show.
--
-- The sniffer works in whole microseconds and rounds each value to the nearest millisecond by itself,
-- half up (sqlDateTimeString_us2ms; DECIMAL(9,3) for durations), so callend - calldate may differ from
-- duration by one. A negative span is NULL (SqlDb_row::add_duration). Moments are UTC.
CREATE VIEW cdr AS
SELECT
  call_id AS fbasename,
  strftime('%Y-%m-%d %H:%M:%f', (started_ns / 1000 + 500) / 1000 / 1000.0, 'unixepoch') AS calldate,
  strftime('%Y-%m-%d %H:%M:%f', (ended_ns / 1000 + 500) / 1000 / 1000.0, 'unixepoch') AS callend,
  CASE WHEN ended_ns >= started_ns THEN
    printf('%d.%03d', (ended_ns / 1000 - started_ns / 1000 + 500) / 1000000,
      (ended_ns / 1000 - started_ns / 1000 + 500) / 1000 % 1000) END AS duration,
  CASE WHEN ended_ns >= connected_ns THEN
    printf('%d.%03d', (ended_ns / 1000 - connected_ns / 1000 + 500) / 1000000,
      (ended_ns / 1000 - connected_ns / 1000 + 500) / 1000 % 1000) END AS connect_duration,
  CASE WHEN progressed_ns >= started_ns THEN
    printf('%d.%03d', (progressed_ns / 1000 - started_ns / 1000 + 500) / 1000000,
      (progressed_ns / 1000 - started_ns / 1000 + 500) / 1000 % 1000) END AS progress_time,
  caller,
  called,
  source_address AS sipcallerip,
  source_port AS sipcallerport,
  destination_address AS sipcalledip,
  destination_port AS sipcalledport,
  last_response AS lastSIPresponseNum,
  bye,
  hung_up_by AS whohanged,
  id_sensor
FROM cdrs
WHERE NOT only_when_cut
ORDER BY id;

-- The same with the end that the vendor's live timeouts would give.
CREATE VIEW cdr_cut AS
SELECT
  call_id AS fbasename,
  strftime('%Y-%m-%d %H:%M:%f', (started_ns / 1000 + 500) / 1000 / 1000.0, 'unixepoch') AS calldate,
  strftime('%Y-%m-%d %H:%M:%f',
    (coalesce(cut_ended_ns, ended_ns) / 1000 + 500) / 1000 / 1000.0, 'unixepoch') AS callend,
  coalesce(cut_last_response, last_response) AS lastSIPresponseNum,
  coalesce(cut_bye, bye) AS bye,
  id_sensor
FROM cdrs
ORDER BY id;
