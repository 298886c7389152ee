//! The forms that reports begin with: those of the program, and those that the site or the account has put into a folder.
//!
//! A file that is not as it should be is never used; what is wrong with it stands in the settings. Not here: what has to be
//! right in one (`medsight-record`).

use crate::desk::{Desk, held};
use crate::dto::{FormsView, SiteForm};
use crate::problem::{Fault, Problem};
use medsight_record::report::site_forms::{self, FormError, FormFault, LONGEST_FILE};
use medsight_record::report::template::Template;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Name of the folder beside the site's policy and beside the account's settings.
pub(crate) const FOLDER: &str = "report-forms";
/// More files than this are no list that a person chooses from.
const MOST: usize = 500;

/// The forms in use.
pub(crate) struct Forms {
    folders: Vec<PathBuf>,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    /// The site's first: of two that fit a study alike its own one is offered.
    all: Vec<Template>,
    /// How many of them are the site's, with the names of their files.
    files: Vec<String>,
    wrong: Vec<FormError>,
}

impl Forms {
    /// Of these folders; nothing is read yet.
    pub(crate) fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, read: Mutex::default() }
    }

    /// Reads what is in the folders, which may be on another computer: not on the window's thread.
    pub(crate) fn read(&self) {
        let read = read(&self.folders);
        *held(&self.read) = read;
    }

    /// All that can be chosen.
    pub(crate) fn all(&self) -> Vec<Template> {
        held(&self.read).all.clone()
    }

    /// Whether a form is one of the site.
    pub(crate) fn is_of_site(&self, id: &str) -> bool {
        let read = held(&self.read);
        read.all.iter().take(read.files.len()).any(|template| template.id == id)
    }

    fn view(&self, desk: &Desk) -> FormsView {
        let locale = desk.settings().locale();
        let read = held(&self.read);
        let forms = read.all.iter().zip(&read.files).map(|(template, file)| SiteForm {
            id: template.id.clone(),
            title: template.title.of(template.language(locale)).to_owned(),
            file: file.clone(),
        });
        FormsView {
            folders: self.folders.iter().map(|folder| folder.display().to_string()).collect(),
            forms: forms.collect(),
            wrong: read.wrong.iter().cloned().map(|error| Fault::Form(error).into()).collect(),
        }
    }
}

/// Reads the folders again, and says what is in them.
pub(crate) fn read_again(desk: &Arc<Desk>) -> Result<FormsView, Problem> {
    desk.forms().read();
    Ok(desk.forms().view(desk))
}

fn read(folders: &[PathBuf]) -> Read {
    // Those of the program first while they are read: a name may not be taken twice.
    let mut known = Template::built_in();
    let (ours, mut files, mut wrong) = (known.len(), Vec::new(), Vec::new());
    for folder in folders {
        let named = |path: &Path, fault| FormError {
            file: path.display().to_string(),
            key: String::from("–"),
            fault,
        };
        let listed = match paths(folder) {
            Ok(listed) => listed,
            Err(why) => {
                wrong.push(named(folder, FormFault::Unreadable(why.to_string())));
                continue;
            }
        };
        for (at, path) in listed.into_iter().enumerate() {
            if at == MOST {
                wrong.push(named(folder, FormFault::Unreadable(format!("more than {MOST} forms"))));
                break;
            }
            let form = match text(&path) {
                Ok(text) => site_forms::read(&path.display().to_string(), &text, &known),
                Err(fault) => Err(named(&path, fault)),
            };
            match form {
                Ok(form) => {
                    known.push(form);
                    files.push(path.display().to_string());
                }
                Err(error) => wrong.push(error),
            }
        }
    }
    known.rotate_left(ours);
    Read { all: known, files, wrong }
}

/// The `.toml` files of a folder by name; none where there is no folder.
fn paths(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    // A pipe of that name would never end.
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml") && path.is_file());
    paths.sort();
    Ok(paths)
}

fn text(path: &Path) -> Result<String, FormFault> {
    let length = std::fs::metadata(path).map_err(|error| FormFault::Unreadable(error.to_string()))?.len();
    if length > LONGEST_FILE {
        return Err(FormFault::TooLong);
    }
    std::fs::read_to_string(path).map_err(|error| FormFault::Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use crate::dto::TemplateRequest;
    use crate::reports;
    use crate::support::open_desk;

    const KNEE: &str = "id = \"knee_house\"\ntitle = { de = \"Knie, Hausform\" }\n[[section]]\nkey = \"findings\"\n\
        heading = { de = \"Befund\" }\ntext = { de = \"Menisken: [___]\" }\n";

    #[test]
    fn a_form_of_the_site_is_offered_beside_ours_and_a_wrong_one_is_named_and_never_used() {
        let folder = tempfile::tempdir().unwrap();
        let forms = folder.path().join(FOLDER);
        std::fs::create_dir(&forms).unwrap();
        std::fs::write(forms.join("knee.toml"), KNEE).unwrap();
        std::fs::write(forms.join("wrong.toml"), KNEE.replace("knee_house", "other").replace("Befund", ""))
            .unwrap();
        std::fs::write(forms.join("zwin.toml"), KNEE).unwrap();
        std::fs::write(forms.join("notes.txt"), "not a form").unwrap();
        let desk = open_desk(folder.path(), |_| None);
        let view = desk.forms().view(&desk);
        let listed: Vec<_> = view.forms.iter().map(|form| form.title.as_str()).collect();
        assert_eq!(listed, ["Knie, Hausform"]);
        assert_eq!(view.wrong.len(), 2);
        assert!(view.wrong[0].values["file"].ends_with("wrong.toml"));
        assert_eq!(view.wrong[0].values["key"], "section.findings.heading");
        assert_eq!(view.wrong[1].values["fault"], "@report.form_fault.taken_id");
        for problem in &view.wrong {
            assert!(!problem.told(&desk.words()).contains('{'), "{}", problem.told(&desk.words()));
        }
        let begun = |template: &str| reports::begin(&desk, TemplateRequest { template: template.into() });
        let content = begun("knee_house").unwrap().content;
        assert_eq!((content.language.as_str(), content.sections[0].text.as_str()), ("de", "Menisken: [___]"));
        assert!(begun("other").is_err());
        assert!(begun("ct_head").is_ok());
        std::fs::remove_file(forms.join("wrong.toml")).unwrap();
        std::fs::remove_file(forms.join("zwin.toml")).unwrap();
        assert!(read_again(&desk).unwrap().wrong.is_empty());
    }

    #[test]
    fn a_folder_that_is_not_there_is_no_trouble() {
        let read = read(&[PathBuf::from("no/such/folder")]);
        assert!(read.wrong.is_empty() && read.files.is_empty() && read.all.len() >= 8);
    }
}
