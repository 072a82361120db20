//! What a ladder's messages remember of one Call-ID, so that a line needs to say only what is special.

use super::parse::{Keys, LadderError, MessageLine, endpoint};
use crate::base::Endpoint;
use crate::synth::message::{
    Body, Transaction, host_text, request_bytes, response_bytes, session_description, via_line,
};

/// One request that was sent, and how it was answered.
struct Sent {
    transaction: Transaction,
    final_status: Option<u16>,
    final_tag: String,
}

/// The dialogs of one Call-ID.
pub(super) struct CallState {
    call_id: String,
    number: usize,
    from: String,
    to: String,
    caller_host: Option<Endpoint>,
    caller_tag: String,
    callee_tag: String,
    is_established: bool,
    cseq: [u32; 2],
    branches: u32,
    sdp_version: u32,
    sent: Vec<Sent>,
}

impl CallState {
    /// Nothing was sent yet; `number` makes its tags and branches differ from those of others.
    pub(super) fn new(call_id: &str, number: usize) -> Self {
        Self {
            call_id: call_id.to_owned(),
            number,
            from: "caller".to_owned(),
            to: "callee".to_owned(),
            caller_host: None,
            caller_tag: format!("from-{number}"),
            callee_tag: format!("to-{number}"),
            is_established: false,
            cseq: [0, 100],
            branches: 0,
            sdp_version: 1,
            sent: Vec::new(),
        }
    }

    /// The bytes of a line's message.
    pub(super) fn message(
        &mut self,
        number: usize,
        line: &MessageLine,
    ) -> Result<Vec<u8>, LadderError> {
        let remember = |slot: &mut String, key: &str| {
            if let Some(value) = line.keys.value(key) {
                value.clone_into(slot);
            }
        };
        remember(&mut self.from, "from");
        remember(&mut self.to, "to");
        match line.what.parse::<u16>() {
            Ok(status) => self.response(number, line, status),
            Err(_) => Ok(self.request(line)),
        }
    }

    /// Contact, more headers and body of a line.
    fn rest(&mut self, line: &MessageLine, user: &str) -> (String, Option<Body>) {
        let keys = &line.keys;
        let contact = keys
            .value("contact")
            .map_or_else(|| format!("sip:{user}@{}", line.source), |value| format!("sip:{value}"));
        let mut extra = format!("Contact: <{contact}>\r\nUser-Agent: ladder\r\n");
        for (_, header) in keys.pairs.iter().filter(|(key, _)| key == "header") {
            extra.push_str(header);
            extra.push_str("\r\n");
        }
        let media = keys.value("sdp").and_then(|value| endpoint(value, 0));
        let body = match (media, keys.value("body")) {
            (Some(media), _) => {
                self.sdp_version += 1;
                let direction = keys.value("direction").unwrap_or("sendrecv");
                let session = 1_000 + self.number as u64;
                let is_answer = line.what.starts_with('2');
                Some(session_description(media, session, self.sdp_version, direction, is_answer))
            }
            (None, Some(text)) => Some(Body {
                content_type: content_type(keys),
                text: text.replace("\\r\\n", "\r\n"),
            }),
            (None, None) => None,
        };
        (extra, body)
    }

    /// The transaction that ACK and CANCEL belong to: the latest INVITE on this hop, else of its sender.
    fn invite_of(&self, line: &MessageLine) -> Option<&Sent> {
        let is_invite = |sent: &&Sent| {
            sent.transaction.method == "INVITE"
                && sent.transaction.source == line.source
                && matches(&line.keys, &sent.transaction)
        };
        let on_hop = |sent: &&Sent| sent.transaction.destination == line.destination;
        let mut invites = self.sent.iter().rev().filter(is_invite);
        invites.clone().find(on_hop).or_else(|| invites.next())
    }

    fn request(&mut self, line: &MessageLine) -> Vec<u8> {
        let is_caller = match line.keys.value("by") {
            Some(by) => by == "caller",
            None => {
                !self.is_established || *self.caller_host.get_or_insert(line.source) == line.source
            }
        };
        if line.what == "INVITE" {
            self.caller_host.get_or_insert(line.source);
        }
        let inherited = match line.what.as_str() {
            "ACK" | "CANCEL" => self.invite_of(line).map(|sent| {
                let is_ok = sent.final_status.is_some_and(|status| status < 300);
                (sent.transaction.clone(), is_ok, sent.final_tag.clone())
            }),
            _ => None,
        };
        let mut transaction = match inherited {
            Some((invite, is_ok, tag)) => {
                let mut transaction = Transaction {
                    method: line.what.clone(),
                    destination: line.destination,
                    ..invite
                };
                if line.what == "ACK" {
                    transaction.to_tag = tag;
                    if is_ok {
                        transaction.via = self.via(line);
                    }
                }
                transaction
            }
            None => self.new_transaction(line, is_caller),
        };
        if let Some(tag) = line.keys.value("to-tag") {
            tag.clone_into(&mut transaction.to_tag);
        }
        if let Some(uri) = line.keys.value("uri") {
            transaction.request_uri = format!("sip:{uri}");
        }
        let user = if is_caller { self.from.clone() } else { self.to.clone() };
        let (extra, body) = self.rest(line, &user);
        let bytes = request_bytes(&transaction, &self.call_id, &extra, body.as_ref());
        if line.what != "ACK" {
            let sent = Sent { transaction, final_status: None, final_tag: String::new() };
            self.sent.push(sent);
        }
        bytes
    }

    fn via(&mut self, line: &MessageLine) -> String {
        self.branches += 1;
        let branch = line.keys.value("branch").map_or_else(
            || format!("z9hG4bK-{}-{}", self.number, self.branches),
            |branch| format!("z9hG4bK-{}-{branch}", self.number),
        );
        let transport = line.keys.value("transport").unwrap_or("udp").to_ascii_uppercase();
        via_line(&transport, line.source, &branch)
    }

    fn new_transaction(&mut self, line: &MessageLine, is_caller: bool) -> Transaction {
        let counter = &mut self.cseq[usize::from(!is_caller)];
        *counter = match line.keys.value("cseq").and_then(|text| text.parse().ok()) {
            Some(given) => given,
            None => *counter + 1,
        };
        let cseq = *counter;
        if let Some(tag) = line.keys.value("from-tag") {
            let slot = if is_caller { &mut self.caller_tag } else { &mut self.callee_tag };
            tag.clone_into(slot);
        }
        let (local, remote) =
            if is_caller { (&self.from, &self.to) } else { (&self.to, &self.from) };
        let (local_tag, remote_tag) = if is_caller {
            (&self.caller_tag, &self.callee_tag)
        } else {
            (&self.callee_tag, &self.caller_tag)
        };
        let to_tag = if self.is_established { remote_tag.clone() } else { String::new() };
        let host = host_text(line.destination.address);
        Transaction {
            method: line.what.clone(),
            cseq,
            request_uri: format!("sip:{remote}@{host}"),
            from: format!("<sip:{local}@example.com>;tag={local_tag}"),
            to: format!("<sip:{remote}@example.com>"),
            to_tag,
            via: self.via(line),
            source: line.source,
            destination: line.destination,
        }
    }

    fn response(
        &mut self,
        number: usize,
        line: &MessageLine,
        status: u16,
    ) -> Result<Vec<u8>, LadderError> {
        let position = self.sent.iter().rposition(|sent| {
            let Transaction { source, destination, method, .. } = &sent.transaction;
            let is_wanted = match (line.keys.value("method"), status) {
                (Some(wanted), _) => method == wanted,
                (None, 487) => method == "INVITE",
                _ => true,
            };
            (*source, *destination) == (line.destination, line.source)
                && is_wanted
                && matches(&line.keys, &sent.transaction)
        });
        let Some(position) = position else {
            let (source, destination) = (line.destination, line.source);
            let message = format!(
                "no request from {source} to {destination} with Call-ID {} that {status} could answer",
                self.call_id
            );
            return Err(LadderError { line: number, message });
        };
        let (extra, body) = self.rest(line, &self.to.clone());
        let sent = &mut self.sent[position];
        let tag = match line.keys.value("to-tag") {
            Some(tag) => tag.to_owned(),
            None if !sent.transaction.to_tag.is_empty() => sent.transaction.to_tag.clone(),
            None if status == 100 => String::new(),
            None => self.callee_tag.clone(),
        };
        if status >= 200 {
            sent.final_status = Some(status);
            sent.final_tag.clone_from(&tag);
            if status < 300 && sent.transaction.method == "INVITE" && !self.is_established {
                self.is_established = true;
                self.callee_tag.clone_from(&tag);
            }
        }
        let body = body.as_ref();
        Ok(response_bytes(&sent.transaction, &self.call_id, status, &tag, &extra, body))
    }
}

/// The Content-Types that ladders use.
fn content_type(keys: &Keys) -> &'static str {
    match keys.value("type") {
        Some("sipfrag") => "message/sipfrag",
        Some("sdp") => "application/sdp",
        Some("rs-metadata") => "application/rs-metadata+xml",
        _ => "text/plain",
    }
}

/// Whether a transaction is the one that `cseq=` and `branch=` name.
fn matches(keys: &Keys, transaction: &Transaction) -> bool {
    let same_cseq = keys.value("cseq").is_none_or(|cseq| cseq == transaction.cseq.to_string());
    let same_branch =
        keys.value("branch").is_none_or(|branch| transaction.via.contains(&format!("-{branch};")));
    same_cseq && same_branch
}
