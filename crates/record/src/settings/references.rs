//! What in the settings names something else in them: a destination its server, a source its destination or server.
//!
//! A new name is carried along, and nothing that is named is taken away. What names nothing already (a file that was
//! edited by hand) is no reason to refuse another change.

use super::{Settings, SettingsError};
use crate::destination::{self, Destination, DestinationError, To};
use crate::node::{self, Node};
use crate::source::{self, From, Source, SourceError};
use std::mem::{discriminant, replace};

/// Old and new names: what stands at the same place of a list as long as before, under a name that is new there.
fn renamed<T>(before: &[T], after: &[T], name: impl Fn(&T) -> &str) -> Vec<(String, String)> {
    if before.len() != after.len() {
        return Vec::new();
    }
    let has = |all: &[T], wanted: &str| all.iter().any(|one| name(one) == wanted);
    let pairs = before.iter().zip(after).map(|(was, is)| (name(was), name(is)));
    pairs
        .filter(|(was, is)| was != is && !has(after, was) && !has(before, is))
        .map(|(was, is)| (was.to_owned(), is.to_owned()))
        .collect()
}

fn carry(name: &mut String, names: &[(String, String)]) {
    if let Some((_, is)) = names.iter().find(|(was, _)| was == name) {
        name.clone_from(is);
    }
}

/// Whether the system that a source asks is there.
fn has_system(source: &Source, destinations: &[Destination], nodes: &[Node]) -> bool {
    match &source.from {
        From::Destination(name) => {
            destinations.iter().any(|to| to.name == *name && matches!(to.to, To::Fhir(_)))
        }
        From::Node(name) => nodes.iter().any(|node| node.name == *name && node.dimse.is_some()),
    }
}

fn has_server(to: &Destination, nodes: &[Node]) -> bool {
    match &to.to {
        To::Pacs(pacs) => nodes.iter().any(|node| node.name == pacs.node),
        To::Fhir(_) | To::AuditRepository(_) | To::Hl7(_) => true,
    }
}

impl Settings {
    /// Old and new names of destinations that `after` has under another name: what was delivered is kept under it. Of another
    /// system it is another destination.
    #[must_use]
    pub fn renamed_destinations(&self, after: &[Destination]) -> Vec<(String, String)> {
        let of = |all: &[Destination], name: &str| {
            all.iter().find(|to| to.name == name).map(|to| discriminant(&to.to))
        };
        let mut names = renamed(&self.destinations, after, |to| &to.name);
        names.retain(|(was, is)| of(&self.destinations, was) == of(after, is));
        names
    }

    /// Puts other servers in the place of those that are there; answers with these.
    pub(super) fn put_nodes(&mut self, nodes: Vec<Node>) -> Result<Vec<Node>, SettingsError> {
        node::check_all(&nodes)?;
        let names = renamed(&self.nodes, &nodes, |node| &node.name);
        let (mut destinations, mut sources) = (self.destinations.clone(), self.sources.clone());
        for to in destinations.iter_mut().filter(|_| !self.is_locked("destinations")) {
            if let To::Pacs(pacs) = &mut to.to {
                carry(&mut pacs.node, &names);
            }
        }
        for source in sources.iter_mut().filter(|_| !self.is_locked("sources")) {
            if let From::Node(name) = &mut source.from {
                carry(name, &names);
            }
        }
        for (was, is) in self.destinations.iter().zip(&destinations) {
            if let To::Pacs(pacs) = &was.to
                && has_server(was, &self.nodes)
                && !has_server(is, &nodes)
            {
                return Err(SettingsError::InUse { name: pacs.node.clone(), by: was.name.clone() });
            }
        }
        let loses = |was: &Source, is: &Source| {
            has_system(was, &self.destinations, &self.nodes) && !has_system(is, &destinations, &nodes)
        };
        self.refuse_loss(&sources, loses)?;
        (self.destinations, self.sources) = (destinations, sources);
        Ok(replace(&mut self.nodes, nodes))
    }

    /// As [`Self::put_nodes`], destinations.
    pub(super) fn put_destinations(
        &mut self,
        destinations: Vec<Destination>,
    ) -> Result<Vec<Destination>, SettingsError> {
        destination::check_all(&destinations)?;
        // Those that were so before are no fault of this change.
        let is_new = |to: &&Destination| !self.destinations.contains(to);
        if destinations.iter().filter(is_new).any(|to| !has_server(to, &self.nodes)) {
            return Err(DestinationError::NoSuchNode.into());
        }
        let names = self.renamed_destinations(&destinations);
        let mut sources = self.sources.clone();
        for source in sources.iter_mut().filter(|_| !self.is_locked("sources")) {
            if let From::Destination(name) = &mut source.from {
                carry(name, &names);
            }
        }
        let loses = |was: &Source, is: &Source| {
            has_system(was, &self.destinations, &self.nodes) && !has_system(is, &destinations, &self.nodes)
        };
        self.refuse_loss(&sources, loses)?;
        self.sources = sources;
        Ok(replace(&mut self.destinations, destinations))
    }

    /// As [`Self::put_nodes`], sources.
    pub(super) fn put_sources(&mut self, sources: Vec<Source>) -> Result<Vec<Source>, SettingsError> {
        source::check_all(&sources)?;
        let is_new = |source: &&Source| !self.sources.contains(source);
        if sources.iter().filter(is_new).any(|one| !has_system(one, &self.destinations, &self.nodes)) {
            return Err(SourceError::NoSuchSystem.into());
        }
        Ok(replace(&mut self.sources, sources))
    }

    fn refuse_loss(
        &self,
        after: &[Source],
        loses: impl Fn(&Source, &Source) -> bool,
    ) -> Result<(), SettingsError> {
        match self.sources.iter().zip(after).find(|(was, is)| loses(was, is)) {
            None => Ok(()),
            Some((was, _)) => {
                let (From::Destination(name) | From::Node(name)) = &was.from;
                Err(SettingsError::InUse { name: name.clone(), by: was.name.clone() })
            }
        }
    }

    fn is_locked(&self, name: &str) -> bool {
        self.locked.iter().any(|locked| locked == name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use crate::SettingChange;

    const ALL: &str = r#"
        [[nodes]]
        name = "pacs"
        dimse = { called_ae = "PACS", calling_ae = "MEDSIGHT", host = "pacs", port = 104 }
        [[destinations]]
        name = "images"
        takes = ["object"]
        to = { system = "pacs", node = "pacs" }
        [[destinations]]
        name = "ris"
        takes = ["report"]
        to = { system = "fhir", url = "https://ris/r4", patient_system = "urn:oid:1" }
        [[sources]]
        name = "orders"
        brings = ["orders"]
        from = { destination = "ris" }
        [[sources]]
        name = "steps"
        brings = ["orders"]
        from = { node = "pacs" }
    "#;

    fn in_use(name: &str, by: &str) -> SettingsError {
        SettingsError::InUse { name: name.into(), by: by.into() }
    }

    #[test]
    fn nothing_is_taken_away_that_something_else_names_and_who_does_is_told() {
        let mut settings = Settings::layered("", ALL).unwrap();
        let before = settings.clone();
        assert_eq!(settings.change(SettingChange::Nodes(Vec::new())), Err(in_use("pacs", "images")));
        let mut web_only = settings.nodes.clone();
        web_only[0] = toml::from_str("name = \"pacs\"\n[web]\nurl = \"https://pacs\"").unwrap();
        assert_eq!(settings.change(SettingChange::Nodes(web_only)), Err(in_use("pacs", "steps")));
        let images = settings.destinations[..1].to_vec();
        assert_eq!(settings.change(SettingChange::Destinations(images)), Err(in_use("ris", "orders")));
        assert_eq!(settings, before);
        settings.change(SettingChange::Sources(Vec::new())).unwrap();
        settings.change(SettingChange::Destinations(Vec::new())).unwrap();
        settings.change(SettingChange::Nodes(Vec::new())).unwrap();
    }

    #[test]
    fn a_new_name_is_carried_to_all_that_names_it_and_back_again() {
        let mut settings = Settings::layered("", ALL).unwrap();
        let before = settings.clone();
        let mut nodes = settings.nodes.clone();
        nodes[0].name = "archive".into();
        let back = settings.change(SettingChange::Nodes(nodes)).unwrap();
        assert!(has_server(&settings.destinations[0], &settings.nodes));
        assert_eq!(settings.sources[1].from, From::Node("archive".into()));
        let mut destinations = settings.destinations.clone();
        destinations[1].name = "hospital".into();
        assert_eq!(settings.renamed_destinations(&destinations), [("ris".to_owned(), "hospital".to_owned())]);
        let first = settings.change(SettingChange::Destinations(destinations)).unwrap();
        assert_eq!(settings.sources[0].from, From::Destination("hospital".into()));
        settings.change(first).unwrap();
        settings.change(back).unwrap();
        assert_eq!(settings, before);
        // In the place of one of another system it is another destination.
        let mut other = settings.destinations.clone();
        other[1] = Destination { name: "new".into(), ..other[0].clone() };
        assert!(settings.renamed_destinations(&other).is_empty());
    }

    #[test]
    fn what_names_nothing_already_keeps_nobody_from_changing_something_else() {
        let mut settings = Settings::layered(
            "",
            &ALL.replace("node = \"pacs\" }\n        [[dest", "node = \"gone\" }\n        [[dest"),
        )
        .unwrap();
        let mut destinations = settings.destinations.clone();
        destinations[1].backlog = false;
        settings.change(SettingChange::Destinations(destinations.clone())).unwrap();
        destinations[0].takes.clear();
        destinations[0].takes.insert(crate::destination::Kind::Study);
        let refused = settings.change(SettingChange::Destinations(destinations));
        assert_eq!(refused, Err(DestinationError::NoSuchNode.into()));
    }

    #[test]
    fn what_the_site_has_fixed_is_not_changed_by_a_new_name_elsewhere() {
        let policy = ALL.split("[[sources]]").next().unwrap();
        let policy = &policy[policy.find("[[destinations]]").unwrap()..];
        let mut settings = Settings::layered(policy, ALL).unwrap();
        let mut nodes = settings.nodes.clone();
        nodes[0].name = "archive".into();
        assert_eq!(settings.change(SettingChange::Nodes(nodes)), Err(in_use("pacs", "images")));
    }
}
