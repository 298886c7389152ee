//! The master key in a file: a key file of the user, or a systemd credential.
//!
//! Permissions are read from the open file, not from its name, so that the file that was checked is
//! the file that is read.

use crate::error::{KeyError, KeyFileFault};
use crate::key::MasterKey;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use zeroize::Zeroizing;

/// More than any form of a key needs; a file larger than this is not a key file.
const LARGEST: u64 = 256;

/// Reads a key file after checking type, mode and owner.
pub(super) fn load(path: &Path, place: &str) -> Result<MasterKey, KeyError> {
    let bad = |fault| KeyError::BadKeyFile { path: path.to_path_buf(), fault };
    if !path.is_absolute() {
        return Err(bad(KeyFileFault::Relative));
    }
    let file = match open_plain(path) {
        Ok(file) => file,
        Err(KeyFileFault::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(KeyError::KeyMissing { place: place.to_owned() });
        }
        Err(KeyFileFault::Io(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(KeyError::Denied { place: place.to_owned() });
        }
        Err(fault) => return Err(bad(fault)),
    };
    require_private(&file).map_err(bad)?;
    parse(file).map_err(bad)
}

/// Makes a key file with mode 600. Never replaces one.
pub(super) fn create(path: &Path, key: &MasterKey) -> Result<(), KeyError> {
    let written = create_new(path).and_then(|mut file| {
        let text = key.to_hex();
        let outcome = file
            .write_all(text.as_bytes())
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.sync_all());
        if outcome.is_err() {
            // Half a key is no key; it was made here a moment ago.
            let _ = std::fs::remove_file(path);
        }
        outcome?;
        sync_folder(path)
    });
    written.map_err(|error| KeyError::BadKeyFile { path: path.to_path_buf(), fault: KeyFileFault::Io(error) })
}

/// Reads a credential that the service manager passed.
pub(super) fn load_credential(name: &str, folder: Option<PathBuf>) -> Result<MasterKey, KeyError> {
    if !is_credential_name(name) {
        return Err(KeyError::BadSource);
    }
    let absent = || KeyError::NoCredential { name: name.to_owned() };
    let path = folder.ok_or_else(absent)?.join(name);
    let bad = |fault| KeyError::BadKeyFile { path: path.clone(), fault };
    let file = match open_plain(&path) {
        Ok(file) => file,
        Err(KeyFileFault::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Err(absent()),
        Err(fault) => return Err(bad(fault)),
    };
    // systemd may own the file itself and let the user in by an access list, which shows as group bits.
    require_closed_to_others(&file).map_err(bad)?;
    parse(file).map_err(bad)
}

/// A plain file name, so that a setting cannot point out of the credentials folder.
pub(super) fn is_credential_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name)
}

fn parse(file: File) -> Result<MasterKey, KeyFileFault> {
    let mut stored = Zeroizing::new(Vec::with_capacity(LARGEST as usize + 1));
    file.take(LARGEST + 1).read_to_end(&mut stored).map_err(KeyFileFault::Io)?;
    MasterKey::parse(&stored).ok_or(KeyFileFault::Content)
}

#[cfg(unix)]
mod system {
    use super::KeyFileFault;
    use rustix::fs::OFlags;
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    use std::path::Path;

    /// Opens without following a link and without waiting for a pipe.
    pub(super) fn open_plain(path: &Path) -> Result<File, KeyFileFault> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
        let file = opened.map_err(|error| match rustix::io::Errno::from_io_error(&error) {
            Some(rustix::io::Errno::LOOP) => KeyFileFault::NotAFile,
            _ => KeyFileFault::Io(error),
        })?;
        if file.metadata().map_err(KeyFileFault::Io)?.is_file() {
            Ok(file)
        } else {
            Err(KeyFileFault::NotAFile)
        }
    }

    /// Mode without any bit for others than the owner, and owned by the user who runs this.
    pub(super) fn require_private(file: &File) -> Result<(), KeyFileFault> {
        let about = file.metadata().map_err(KeyFileFault::Io)?;
        let mode = about.mode() & 0o777;
        if mode & 0o177 != 0 {
            return Err(KeyFileFault::Mode { mode });
        }
        if about.uid() != rustix::process::geteuid().as_raw() {
            return Err(KeyFileFault::Owner);
        }
        Ok(())
    }

    /// Mode without any bit for everybody.
    pub(super) fn require_closed_to_others(file: &File) -> Result<(), KeyFileFault> {
        let mode = file.metadata().map_err(KeyFileFault::Io)?.mode() & 0o777;
        if mode & 0o007 == 0 { Ok(()) } else { Err(KeyFileFault::Mode { mode }) }
    }

    pub(super) fn create_new(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

/// Who may read a file cannot be seen with the standard library here, so key files are refused.
#[cfg(not(unix))]
mod system {
    use super::KeyFileFault;
    use std::fs::File;
    use std::io;
    use std::path::Path;

    pub(super) fn open_plain(_: &Path) -> Result<File, KeyFileFault> {
        Err(KeyFileFault::Unsupported)
    }

    pub(super) fn require_private(_: &File) -> Result<(), KeyFileFault> {
        Err(KeyFileFault::Unsupported)
    }

    pub(super) fn require_closed_to_others(_: &File) -> Result<(), KeyFileFault> {
        Err(KeyFileFault::Unsupported)
    }

    pub(super) fn create_new(_: &Path) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
        Ok(())
    }
}

use system::{create_new, open_plain, require_closed_to_others, require_private, sync_folder};

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::KeySource;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    fn key_file(folder: &Path, content: &[u8], mode: u32) -> KeySource {
        let path = folder.join("key");
        let _ = fs::remove_file(&path);
        fs::write(&path, content).expect("the test folder can be written");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("the test owns its file");
        KeySource::KeyFile(path)
    }

    fn fault(source: &KeySource) -> KeyFileFault {
        match source.load() {
            Err(KeyError::BadKeyFile { fault, .. }) => fault,
            other => panic!("expected a bad key file, found {other:?}"),
        }
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o644, 0o640, 0o660, 0o604, 0o700] {
            assert!(
                matches!(fault(&key_file(folder.path(), &[1; 32], mode)), KeyFileFault::Mode { mode: found } if found == mode)
            );
        }
        assert!(key_file(folder.path(), &[1; 32], 0o600).load().is_ok());
        let message = key_file(folder.path(), &[1; 32], 0o644).load().unwrap_err().to_string();
        assert!(message.contains("mode 644") && message.contains("chmod 600"), "{message}");
    }

    #[test]
    fn a_key_file_of_the_wrong_length_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for content in [&[][..], &[1; 31], &[1; 33], b"zz", &[b'a'; 63], &[b'g'; 64], &[b'a'; 4096]] {
            assert!(matches!(fault(&key_file(folder.path(), content, 0o600)), KeyFileFault::Content));
        }
        let hex = key_file(folder.path(), &[b'A'; 64], 0o600).load().unwrap();
        assert_eq!(hex.fingerprint(), MasterKey::from_bytes([0xaa; 32]).fingerprint());
    }

    #[test]
    fn a_link_or_a_folder_is_no_key_file() {
        let folder = tempfile::tempdir().unwrap();
        key_file(folder.path(), &[1; 32], 0o600);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("key"), &link).unwrap();
        assert!(matches!(fault(&KeySource::KeyFile(link)), KeyFileFault::NotAFile));
        assert!(matches!(fault(&KeySource::KeyFile(folder.path().to_path_buf())), KeyFileFault::NotAFile));
    }

    #[test]
    fn the_first_run_makes_a_private_key_file_and_the_next_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let source = KeySource::KeyFile(path.clone());
        assert_eq!(source.load().unwrap_err().code(), "key.missing");
        let first = source.create_if_first_run(false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for cache_exists in [false, true] {
            assert_eq!(source.create_if_first_run(cache_exists).unwrap().fingerprint(), first.fingerprint());
        }
    }

    #[test]
    fn a_lost_key_file_is_not_replaced_when_there_is_a_cache() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert_eq!(
            KeySource::KeyFile(path.clone()).create_if_first_run(true).unwrap_err().code(),
            "key.missing"
        );
        assert!(!path.exists());
    }

    #[test]
    fn a_damaged_key_file_is_not_replaced_either() {
        let folder = tempfile::tempdir().unwrap();
        let source = key_file(folder.path(), b"short", 0o600);
        assert_eq!(source.create_if_first_run(false).unwrap_err().code(), "key.bad-key-file");
        assert_eq!(fs::read(folder.path().join("key")).unwrap(), b"short");
    }

    #[test]
    fn a_credential_is_read_from_the_folder_systemd_names_and_never_made() {
        let folder = tempfile::tempdir().unwrap();
        let at = Some(folder.path().to_path_buf());
        assert_eq!(load_credential("key", None).unwrap_err().code(), "key.no-credential");
        assert_eq!(load_credential("key", at.clone()).unwrap_err().code(), "key.no-credential");
        key_file(folder.path(), &[5; 32], 0o440);
        let key = load_credential("key", at.clone()).unwrap();
        assert_eq!(key.fingerprint(), MasterKey::from_bytes([5; 32]).fingerprint());
        key_file(folder.path(), &[5; 32], 0o444);
        assert_eq!(load_credential("key", at.clone()).unwrap_err().code(), "key.bad-key-file");
        assert_eq!(load_credential("../key", at).unwrap_err().code(), "key.bad-source");
    }
}
