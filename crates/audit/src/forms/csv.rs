//! One event a line, for a table of figures (RFC 4180). A cell that a spreadsheet would take for a formula begins with
//! an apostrophe.

use crate::{Link, canonical_text};

/// The first line.
pub const HEAD: &str = "sequence,time,who,name,roles,action,outcome,patient,issuer,study,reason,station,program,clock,clock_went_back,detail,hash\r\n";

/// One line with its end.
#[must_use]
pub fn csv(link: &Link) -> String {
    let event = &link.event;
    let more = &event.more;
    let from = more.from.as_ref();
    let patient = more.patient.as_ref();
    let hash: String = link.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let cells = [
        link.sequence.to_string(),
        event.when.iso(),
        event.who.clone(),
        more.name.clone().unwrap_or_default(),
        more.roles.join(" "),
        event.what.clone(),
        more.outcome.word().to_owned(),
        patient.map(|patient| patient.id.clone()).unwrap_or_default(),
        patient.and_then(|patient| patient.issuer.clone()).unwrap_or_default(),
        event.study.as_ref().map(ToString::to_string).unwrap_or_default(),
        more.reason.clone().unwrap_or_default(),
        from.map(|from| from.station.clone()).unwrap_or_default(),
        from.map(|from| from.program.clone()).unwrap_or_default(),
        more.clock.map(|clock| clock.state.word().to_owned()).unwrap_or_default(),
        more.clock.map(|clock| clock.went_back.to_string()).unwrap_or_default(),
        if event.detail.is_null() { String::new() } else { canonical_text(&event.detail) },
        hash,
    ];
    let mut line = cells.iter().map(|text| cell(text)).collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if guard.is_empty() && !text.contains([',', '"', '\r', '\n']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_with_a_comma_a_quote_or_a_line_stays_one_cell() {
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("say \"now\"\nhere"), "\"say \"\"now\"\"\nhere\"");
    }

    #[test]
    fn a_reason_that_looks_like_a_formula_is_text_for_a_spreadsheet() {
        assert_eq!(cell("=cmd|'/c calc'!A1"), "\"'=cmd|'/c calc'!A1\"");
        assert_eq!(cell("-1+2"), "\"'-1+2\"");
    }
}
