//! What a peer sends: PDUs with their messages, and the answers of a web server.

use medsight_pacs::from_bytes;

/// The first byte says who we are (0 listener, 1 asking by C-FIND, 2 retrieving by C-GET), the rest is everything
/// that the peer ever sends.
pub(crate) fn pdu(data: &[u8]) {
    let Some((role, sends)) = data.split_first() else { return };
    match role {
        0 => drop(from_bytes::provided(sends)),
        1 => drop(from_bytes::found(sends)),
        2 => drop(from_bytes::retrieved(sends)),
        _ => {}
    }
}

/// The first byte says in what pieces it arrives, the first line is the media type, and the rest the body. In pieces
/// it says the same as at once; a body is read as an answer in JSON too.
pub(crate) fn multipart(data: &[u8]) {
    let Some((step, rest)) = data.split_first() else { return };
    let _rows = from_bytes::rows(rest);
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return };
    let Ok(media_type) = std::str::from_utf8(&rest[..end]) else { return };
    let body = &rest[end + 1..];
    let whole = from_bytes::parts(media_type, body, body.len());
    let pieces = from_bytes::parts(media_type, body, usize::from(*step));
    if let (Ok(whole), Ok(pieces)) = (&whole, &pieces) {
        assert_eq!(whole, pieces, "what is read depends on how it arrives");
    }
    let total: usize = whole.iter().flat_map(|(parts, _)| parts).map(Vec::len).sum();
    assert!(total <= body.len(), "more came out than went in");
}
