//! The verbs on the encrypted cache, by the real program: import, ls, export, cache, and what happens when it is
//! killed or the disk is full.
//! The bench they share and the runs on it are one thing.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its files has failed")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const CTL: &str = env!("CARGO_BIN_EXE_medsightctl");

/// A cache in a folder of its own, with a key file.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(CTL);
        command.arg("--json").args(args);
        command.arg("--cache").arg(self.path("cache"));
        command.env("MEDSIGHT_KEY", format!("file:{}", self.path("key").display()));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> (i32, Value) {
        let output = self.command(args).output().unwrap();
        let document = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code().unwrap_or(-1), document)
    }
}

fn own(path: &str) -> String {
    medsight_base::testing::own_corpus().join(path).display().to_string()
}

/// Every file under a folder by its bytes.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(fs::read(entry.path()).unwrap());
        }
    }
    found.sort();
    found
}

/// `count` images that differ from one of the corpus only in their SOP Instance UID.
fn many_images(folder: &Path, count: usize) {
    let first = fs::read(own("accepted/series/ct_axial_shuffled/00.dcm")).unwrap();
    let object = medsight_dicom::Object::parse(&first).unwrap();
    let uid = medsight_dicom::instance_record(&object).unwrap().uid.to_string();
    let places: Vec<usize> =
        (0..first.len() - uid.len()).filter(|at| &first[*at..*at + uid.len()] == uid.as_bytes()).collect();
    assert!(places.len() >= 2, "in the file meta information and in the data set");
    fs::create_dir_all(folder).unwrap();
    for n in 0..count {
        let mut bytes = first.clone();
        for at in &places {
            let end = at + uid.len();
            bytes[end - 6..end].copy_from_slice(format!("1{n:05}").as_bytes());
        }
        fs::write(folder.join(n.to_string()), bytes).unwrap();
    }
}

#[test]
fn a_series_goes_in_is_listed_and_comes_out_byte_for_byte() {
    let bench = Bench::new();
    let source = own("accepted/series/ct_axial_shuffled");
    let (exit, document) = bench.run(&["import", &source]);
    assert_eq!(exit, 0, "{document}");
    let count = fs::read_dir(&source).unwrap().count();
    assert_eq!(document["instances"], count);
    assert_eq!(document["studies"], 1);
    assert!(document["mb_per_s"].as_f64().unwrap() > 0.0);
    let (exit, again) = bench.run(&["import", &source]);
    assert_eq!((exit, &again["already_present"]), (0, &count.into()));

    let (exit, list) = bench.run(&["ls"]);
    assert_eq!((exit, &list["total"]), (0, &1.into()));
    let uid = list["studies"][0]["uid"].as_str().unwrap();
    let out = bench.path("out");
    let (exit, report) = bench.run(&["export", uid, "--out", out.to_str().unwrap()]);
    assert_eq!((exit, &report["files"]), (0, &count.into()));
    assert!(files(&out) == files(Path::new(&source)));

    let (exit, check) = bench.run(&["cache", "check", "--read-data"]);
    assert_eq!((exit, &check["damaged"]), (0, &Value::Array(Vec::new())));
    assert_eq!(bench.run(&["export", "1.2.3", "--out", out.to_str().unwrap()]).0, 3);
}

#[test]
fn the_same_series_in_a_zip_archive_is_already_there() {
    let bench = Bench::new();
    bench.run(&["import", &own("accepted/series/ct_axial_shuffled")]);
    let (exit, document) = bench.run(&["import", &own("accepted/ct_axial_shuffled.zip")]);
    assert_eq!((exit, &document["instances"]), (0, &0.into()), "{document}");
    assert!(document["already_present"].as_u64().unwrap() > 0);
}

#[test]
fn info_reads_what_an_import_would_archives_and_the_files_that_a_dicomdir_lists() {
    let bench = Bench::new();
    let (exit, zipped) = info(&own("accepted/ct_axial_shuffled.zip"));
    assert_eq!((exit, &zipped["studies"][0]["series"][0]["instances"]), (0, &9.into()), "{zipped}");
    assert_eq!(zipped["studies"], info(&own("accepted/series/ct_axial_shuffled")).1["studies"]);

    let medium = bench.path("medium");
    fs::create_dir(&medium).unwrap();
    fs::copy(own("accepted/series/ct_axial_shuffled/00.dcm"), medium.join("im1")).unwrap();
    fs::copy(own("accepted/series/ct_axial_shuffled/01.dcm"), medium.join("unlisted")).unwrap();
    fs::write(medium.join("DICOMDIR"), dicomdir(&["IM1", "IM2"])).unwrap();
    let (exit, listed) = info(medium.join("DICOMDIR").to_str().unwrap());
    assert_eq!((exit, &listed["studies"][0]["series"][0]["instances"]), (1, &1.into()), "{listed}");
    assert_eq!(listed["rejected"][0]["code"], "listed_missing");

    fs::create_dir(bench.path("empty")).unwrap();
    let (exit, nothing) = info(bench.path("empty").to_str().unwrap());
    assert_eq!((exit, nothing["studies"].as_array().unwrap().len()), (0, 0));
}

/// `info` needs no cache.
fn info(path: &str) -> (i32, Value) {
    let output = Command::new(CTL).args(["--json", "info", path]).output().unwrap();
    (output.status.code().unwrap_or(-1), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

/// A DICOMDIR (PS3.3 F.3.2.2) that lists these files.
fn dicomdir(names: &[&str]) -> Vec<u8> {
    let mut items = Vec::new();
    for name in names {
        let mut record = b"\x04\x00\x00\x15CS".to_vec();
        record.extend((name.len() as u16 + name.len() as u16 % 2).to_le_bytes());
        record.extend(name.as_bytes());
        record.resize(record.len() + name.len() % 2, b' ');
        items.extend(b"\xFE\xFF\x00\xE0");
        items.extend((record.len() as u32).to_le_bytes());
        items.extend(record);
    }
    let mut out = vec![0; 128];
    out.extend(b"DICM\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\0");
    out.extend(b"\x04\x00\x20\x12SQ\0\0");
    out.extend((items.len() as u32).to_le_bytes());
    out.extend(items);
    out
}

#[test]
fn each_file_that_is_refused_is_named_and_the_exit_code_tells_it() {
    let bench = Bench::new();
    let (exit, document) = bench.run(&["import", &own("refused")]);
    assert_eq!(exit, 1);
    let refused = document["rejected"].as_array().unwrap();
    let on_disk = fs::read_dir(own("refused")).unwrap().count();
    assert_eq!(refused.len() as u64 + document["instances"].as_u64().unwrap(), on_disk as u64);
    for row in refused {
        assert!(!row["code"].as_str().unwrap().is_empty() && !row["reason"].as_str().unwrap().is_empty());
    }
}

#[test]
fn names_are_found_in_every_character_set_without_their_accents() {
    let bench = Bench::new();
    bench.run(&["import", &own("accepted/charset")]);
    let found = |text: &str| bench.run(&["ls", "--text", text]).1["total"].as_u64().unwrap();
    assert!(found("") > 3);
    for text in ["aneas rudiger", "RÜDIGER ÄNEAS", "ΔΙΟΝΥΣΙΟΣ", "yamada", "山田", "王 wang"] {
        assert_eq!(found(text), 1, "{text}");
    }
}

#[test]
fn a_cache_does_not_open_with_another_key_and_says_so() {
    let bench = Bench::new();
    bench.run(&["import", &own("accepted/series/mr_oblique")]);
    let other = bench.path("other");
    let source = format!("file:{}", other.display());
    fs::write(&other, [7_u8; 32]).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (exit, document) = bench.run(&["ls", "--key", &source]);
    assert_eq!((exit, document["error"]["code"].as_str()), (4, Some("cache.wrong-key")));
    let (exit, document) = bench.run(&["ls", "--key", "bogus"]);
    assert_eq!((exit, document["error"]["code"].as_str()), (2, Some("key.bad-source")));
    fs::remove_file(bench.path("key")).unwrap();
    let (exit, document) = bench.run(&["ls"]);
    assert_eq!((exit, document["error"]["code"].as_str()), (4, Some("key.missing")));
    assert!(!bench.path("key").exists(), "no new key is made for an old cache");
    let empty = Bench::new();
    assert_eq!(empty.run(&["ls"]).0, 3);
    assert!(!empty.path("cache").exists() && !empty.path("key").exists(), "looking makes nothing");
}

#[test]
fn a_new_key_is_used_from_then_on_without_being_named() {
    let bench = Bench::new();
    bench.run(&["import", &own("accepted/series/mr_oblique")]);
    let to = format!("file:{}", bench.path("new-key").display());
    let (exit, document) = bench.run(&["cache", "rekey", "--to", &to]);
    assert_eq!(exit, 0, "{document}");
    let (exit, document) = bench.run(&["cache", "rekey"]);
    assert_eq!((exit, &document["error"]["code"]), (2, &"no_destination".into()));
    assert!(document["error"]["reason"].as_str().unwrap().contains("--to"), "{document}");
    fs::remove_file(bench.path("key")).unwrap();
    let mut command = bench.command(&["cache", "check", "--read-data"]);
    let status = command.env_remove("MEDSIGHT_KEY").status().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn an_export_with_a_profile_that_does_not_exist_writes_nothing() {
    let bench = Bench::new();
    let out = bench.path("out");
    for profile in ["", "none", "basic+retain-everything", "basic+retain-full-dates+retain-modified-dates"] {
        let (exit, _) =
            bench.run(&["export", "1.2.3", "--out", out.to_str().unwrap(), "--deidentify", profile]);
        assert_eq!(exit, 2, "{profile}");
        assert!(!out.exists());
    }
}

#[test]
fn a_deidentified_export_has_no_name_in_its_files_nor_in_their_names_and_is_the_same_twice() {
    let bench = Bench::new();
    bench.run(&["import", &own("accepted")]);
    let (_, list) = bench.run(&["ls"]);
    let study = list["studies"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| !s["patient"]["name"].as_str().unwrap_or("").is_empty());
    let study = study.expect("a study of a patient with a name");
    let (uid, name) = (study["uid"].as_str().unwrap(), study["patient"]["name"].as_str().unwrap());
    let names = |folder: &str| {
        let out = bench.path(folder);
        let (exit, report) =
            bench.run(&["export", uid, "--out", out.to_str().unwrap(), "--deidentify", "basic"]);
        assert_eq!(exit, 0, "{report}");
        assert!(report["files"].as_u64().unwrap() > 0, "{report}");
        assert_eq!(report["deidentified"]["profile"], "basic");
        let mut names: Vec<String> =
            fs::read_dir(&out).unwrap().flatten().map(|e| e.file_name().into_string().unwrap()).collect();
        names.sort();
        for bytes in files(&out) {
            assert!(!bytes.windows(name.len()).any(|w| w == name.as_bytes()));
            assert!(!bytes.windows(uid.len()).any(|w| w == uid.as_bytes()));
        }
        names
    };
    let first = names("first");
    assert!(first.iter().all(|name| name.starts_with("2.25.") && name.ends_with(".dcm")), "{first:?}");
    assert_eq!(first, names("second"), "the pseudonyms of one cache are always the same");
}

#[test]
fn doctor_has_a_row_for_each_check_and_says_what_to_do() {
    let bench = Bench::new();
    let (_, rows) = bench.run(&["doctor"]);
    let rows: BTreeMap<&str, &Value> =
        rows.as_array().unwrap().iter().map(|row| (row["check"].as_str().unwrap(), row)).collect();
    for check in ["adapter", "display", "keyring", "cache", "clock"] {
        let row = rows[check];
        let status = row["status"].as_str().unwrap();
        assert!(["ok", "warn", "fail"].contains(&status));
        assert_eq!(status == "ok", row["what_to_do"].as_str().unwrap().is_empty(), "{row}");
    }
}

#[test]
fn doctor_asks_each_server_of_the_settings_and_says_which_does_not_answer() {
    let bench = Bench::new();
    let settings = bench.path("config/medsight/settings.toml");
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    // A port that was free a moment ago: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let node = format!(
        "[[nodes]]\nname = \"Archive\"\n[nodes.dimse]\ncalled_ae = \"PACS\"\ncalling_ae = \"MEDSIGHT\"\n\
         host = \"127.0.0.1\"\nport = {port}\n[nodes.dimse.tls]\nauthorities = \"/not/there.pem\"\n"
    );
    fs::write(&settings, node).unwrap();
    let mut doctor = bench.command(&["doctor"]);
    let output = doctor.env("XDG_CONFIG_HOME", bench.path("config")).output().unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let of = |check: &str| rows.iter().find(|row| row["check"] == check).unwrap().clone();
    assert_eq!(of("server")["status"], "warn");
    assert!(of("server")["detail"].as_str().unwrap().starts_with("Archive: DICOM: "), "{}", of("server"));
    assert_eq!(of("certificates")["status"], "fail");
    assert!(of("certificates")["detail"].as_str().unwrap().contains("/not/there.pem"));
}

#[test]
fn an_import_that_is_killed_is_finished_by_the_next_without_duplicates() {
    let bench = Bench::new();
    let source = bench.path("source");
    let count = 9000;
    many_images(&source, count);
    let source = source.display().to_string();
    let mut import = bench.command(&["import", &source]).spawn().unwrap();
    // Some batches are committed, and more is to come.
    let begun = Instant::now();
    loop {
        let held = bench.run(&["ls"]).1["studies"][0]["instance_count"].as_u64().unwrap_or(0);
        if held > 0 || begun.elapsed() > Duration::from_secs(60) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    import.kill().unwrap(); // SIGKILL
    import.wait().unwrap();
    let (exit, check) = bench.run(&["cache", "check", "--read-data"]);
    assert_eq!(exit, 0, "{check}");
    let held = check["instances"].as_u64().unwrap();
    assert!(held > 0 && held < count as u64, "{held} were committed before the kill");

    let (exit, document) = bench.run(&["import", "--resume"]);
    assert_eq!((exit, &document["already_present"]), (0, &held.into()), "{document}");
    assert_eq!(document["instances"].as_u64().unwrap() + held, count as u64);
    assert_eq!(bench.run(&["import", "--resume"]).1["already_present"], 0, "nothing is left to resume");
    let (exit, gc) = bench.run(&["cache", "gc"]);
    assert_eq!(
        (exit, &gc["removed"]["files"]),
        (0, &0.into()),
        "the resumed import cleared the rest away: {gc}"
    );
    let (exit, check) = bench.run(&["cache", "check", "--read-data"]);
    assert_eq!((exit, check["instances"].as_u64()), (0, Some(count as u64)));
    let blobs = files(&bench.path("cache/blobs")).len();
    assert_eq!(blobs, count, "files without a record are gone");
}

/// On a file system of 8 MiB that only this test sees.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_the_import_with_what_was_taken_whole() {
    let bench = Bench::new();
    let source = bench.path("source");
    many_images(&source, 2000);
    fs::create_dir(bench.path("cache")).unwrap();
    let script = r#"
        mount -t tmpfs -o size=8m,mode=700 tmpfs "$CACHE" || exit 99
        "$CTL" --json import "$SOURCE" --cache "$CACHE" > "$OUT/import.json"; echo $? > "$OUT/import.exit"
        "$CTL" --json cache check --read-data --cache "$CACHE" > "$OUT/check.json"; echo $? > "$OUT/check.exit"
        "$CTL" --json cache gc --cache "$CACHE" > "$OUT/gc.json"; echo $? > "$OUT/gc.exit""#;
    let done = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .env("CTL", CTL)
        .env("CACHE", bench.path("cache"))
        .env("SOURCE", &source)
        .env("OUT", bench.folder.path())
        .env("MEDSIGHT_KEY", format!("file:{}", bench.path("key").display()))
        .output();
    if !done.is_ok_and(|output| output.status.success()) {
        let _unwritten = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"SKIPPED: this machine lets tests mount no small file system\n",
        );
        return;
    }
    let read = |name: &str| fs::read_to_string(bench.path(name)).unwrap();
    let document = |name: &str| serde_json::from_str::<Value>(&read(name)).unwrap();
    let import = document("import.json");
    assert_eq!(read("import.exit").trim(), "1", "{import}");
    assert_eq!(import["error"]["code"], "cache.disk-full");
    assert!(import["instances"].as_u64().unwrap() > 0);
    let check = document("check.json");
    assert_eq!(read("check.exit").trim(), "0", "{check}");
    assert_eq!(check["instances"], import["instances"]);
    assert_eq!(document("gc.json")["removed"]["files"], 0, "nothing half-written was left");
}

#[test]
fn the_whole_public_corpus_is_kept_byte_for_byte() {
    let Some(corpus) = medsight_base::testing::corpus() else { return };
    let bench = Bench::new();
    let source = corpus.join("dicom/series");
    let (exit, document) = bench.run(&["import", source.to_str().unwrap()]);
    assert!(exit <= 1, "{document}");
    for row in document["rejected"].as_array().unwrap() {
        assert_eq!(row["code"], "not_dicom", "{row}");
    }
    let (exit, list) = bench.run(&["ls"]);
    assert_eq!(exit, 0);
    let mut exported = 0;
    for study in list["studies"].as_array().unwrap() {
        let out = bench.path("out").join(study["uid"].as_str().unwrap());
        let (exit, report) =
            bench.run(&["export", study["uid"].as_str().unwrap(), "--out", out.to_str().unwrap()]);
        assert_eq!(exit, 0);
        exported += report["files"].as_u64().unwrap();
    }
    assert_eq!(exported, document["instances"].as_u64().unwrap());
    let came: std::collections::HashSet<Vec<u8>> = files(&source).into_iter().collect();
    for bytes in files(&bench.path("out")) {
        assert!(came.contains(&bytes));
    }
    assert_eq!(bench.run(&["cache", "check", "--read-data"]).0, 0);
}
