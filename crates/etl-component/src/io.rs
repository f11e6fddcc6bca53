//! Input and output: standard streams and files.
//!
//! An output file is written to a temporary name beside it, synced and renamed into place by [`publish`]; until then an
//! older file stays as it is, whatever happens. What exists but is not a regular file (a FIFO, a device) is written in
//! place.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use etl_stream::reader::Options;
use etl_stream::{Class, Details, Fault, Origin, Reader, Seal, Writer};
use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};

use crate::args;

/// How much a pipe to read from may hold: what Linux grants everyone (pipe(7), "Pipe capacity"), so that a writer and a reader who
/// work in bursts seldom wait for each other.
const PIPE: usize = 1 << 20;

/// The flags of a command that reads a stream.
#[derive(clap::Args, Clone, Debug)]
pub struct InputArgs {
    /// Where to read the stream from; `-` is stdin
    #[arg(long, value_name = "PATH", default_value = "-", global = true, help_heading = "Input")]
    pub input: PathBuf,
    /// What is required of the seal: `auto` accepts plain NDJSON too, `required` does not, `off` takes the end of the input for the end of the stream and refuses control lines
    #[arg(long, value_name = "auto|required|off", default_value = "auto", value_parser = args::seal, global = true, help_heading = "Input")]
    pub seal: Seal,
    /// The longest line accepted, in bytes
    #[arg(long, value_name = "BYTES", default_value = "16M", value_parser = args::bytes, global = true, help_heading = "Input")]
    pub max_line_bytes: usize,
    /// Accept an input without a single line
    #[arg(long, global = true, help_heading = "Input")]
    pub allow_empty: bool,
}

impl InputArgs {
    /// Opens the input.
    ///
    /// # Errors
    /// 66 if the file is missing or unreadable.
    pub fn open(&self) -> Result<Reader<File>, Fault> {
        self.open_with(|message| log::warn!("{message}"))
    }

    /// Opens the input. `warn` is called for the few things that are odd but accepted.
    ///
    /// # Errors
    /// Those of [`InputArgs::open`].
    pub fn open_with(&self, warn: fn(&str)) -> Result<Reader<File>, Fault> {
        let (file, origin) = open(&self.input)?;
        let (seal, max_line_bytes, allow_empty) = (self.seal, self.max_line_bytes, self.allow_empty);
        Ok(Reader::new(file, Options { seal, max_line_bytes, allow_empty, origin, warn }))
    }
}

/// Opens a file for reading, or stdin for `-`, and says which kind of origin it is.
///
/// # Errors
/// 66 if the file is missing or unreadable.
pub fn open(path: &Path) -> Result<(File, Origin), Fault> {
    let unreadable = |error: io::Error| {
        Fault::new(Class::NoInput, format!("cannot read the input {}", path.display())).because(error)
    };
    let file = if path == Path::new("-") {
        File::from(io::stdin().as_fd().try_clone_to_owned().map_err(unreadable)?)
    } else {
        File::open(path).map_err(unreadable)?
    };
    if file.is_terminal() {
        log::info!("reading the stream from the terminal; a line with Ctrl-D alone ends it");
    }
    let kind = file.metadata().map_err(unreadable)?.file_type();
    if kind.is_dir() {
        return Err(unreadable(io::Error::from(ErrorKind::IsADirectory)));
    }
    if kind.is_fifo() && fcntl_getpipe_size(&file).is_ok_and(|size| size < PIPE) {
        // A user who has reached the system's limit for pipes keeps it as it is (pipe(7), "Pipe capacity").
        let _ = fcntl_setpipe_size(&file, PIPE);
    }
    let origin = if kind.is_fifo() || kind.is_socket() { Origin::Pipe } else { Origin::File };
    Ok((file, origin))
}

/// The flag of a command that writes a stream.
#[derive(clap::Args, Clone, Debug)]
pub struct OutputArgs {
    /// Where to write the stream; `-` is stdout. A file appears under its name only once it is complete
    #[arg(long, value_name = "PATH", default_value = "-", global = true, help_heading = "Output")]
    pub output: PathBuf,
}

impl OutputArgs {
    /// Opens the output, which is also where an `abort` goes if the component fails.
    ///
    /// # Errors
    /// 74 if it cannot be created.
    pub fn open(&self) -> Result<Writer<Output>, Fault> {
        self.create().map(Writer::new)
    }

    /// As [`OutputArgs::open`], for what is written without a seal.
    ///
    /// # Errors
    /// 74 if it cannot be created.
    pub fn create(&self) -> Result<Output, Fault> {
        let output = Output::create(&self.output)?;
        // Whether an `abort` may go to stdout has already been decided.
        if self.output != Path::new("-") {
            abort_on(&output)?;
        }
        Ok(output)
    }
}

/// Where a component writes.
#[derive(Debug)]
pub enum Output {
    /// Stdout, or an existing file that is not regular: written as it comes.
    InPlace(File),
    /// A file that appears under its name when it is published.
    New(NewFile),
}

/// A file under its temporary name, which is removed unless it is published.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    folder: File,
    temporary: PathBuf,
    path: PathBuf,
}

impl Output {
    /// Opens an output: `-` is stdout.
    ///
    /// # Errors
    /// 74 if it cannot be created.
    pub fn create(path: &Path) -> Result<Output, Fault> {
        let failed = |error| not_written(path, error);
        if path == Path::new("-") {
            return Ok(Output::InPlace(stdout().map_err(failed)?));
        }
        match fs::metadata(path) {
            Ok(found) if !found.is_file() => {
                OpenOptions::new().write(true).open(path).map(Output::InPlace).map_err(failed)
            }
            found => follow(path)
                .and_then(|path| {
                    let new = NewFile::create(path)?;
                    if let Ok(found) = found {
                        new.file.set_permissions(found.permissions())?;
                    }
                    Ok(Output::New(new))
                })
                .map_err(failed),
        }
    }

    /// Sees to it that what was written survives a failure of the machine. After that, publishing is only a matter of
    /// the name.
    ///
    /// # Errors
    /// 74 if that fails.
    pub fn sync(&self) -> Result<(), Fault> {
        let Output::New(new) = self else { return Ok(()) };
        new.file.sync_all().map_err(|error| not_written(&new.path, error))
    }

    /// Makes a complete output visible: a file is synced and renamed to its name.
    ///
    /// # Errors
    /// 74 if that fails; the file is then removed.
    pub fn publish(self) -> Result<(), Fault> {
        self.sync()?;
        let Output::New(new) = self else { return Ok(()) };
        new.rename().map_err(|error| not_written(&new.path, error))
    }
}

/// Refuses files that would overwrite one another; stdin and stdout can be shared.
///
/// # Errors
/// 2, naming both flags.
pub fn check_distinct(files: &[(&str, Option<&Path>)]) -> Result<(), Fault> {
    let mut known: Vec<(&str, FileId)> = Vec::new();
    for (flag, path) in files.iter().filter_map(|(flag, path)| Some((*flag, (*path)?))) {
        let id = if path == Path::new("-") { None } else { file_id(path) };
        let Some(id) = id else { continue };
        if let Some((other, _)) = known.iter().find(|(_, known)| *known == id) {
            return Err(Fault::usage(format!("{other} and {flag} are the same file, {}", path.display())));
        }
        known.push((flag, id));
    }
    Ok(())
}

/// What identifies a file: device and inode, or the name that it will have. Devices and pipes can be shared.
#[derive(PartialEq)]
enum FileId {
    There(u64, u64),
    New(PathBuf),
}

fn file_id(path: &Path) -> Option<FileId> {
    match fs::metadata(path) {
        Ok(found) => found.is_file().then(|| FileId::There(found.dev(), found.ino())),
        Err(_) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
            Some(FileId::New(folder.join(path.file_name()?)))
        }
    }
}

fn not_written(path: &Path, error: io::Error) -> Fault {
    Fault::new(Class::Io, format!("cannot write the output {}", path.display())).because(error)
}

/// Where symbolic links lead, whether or not that exists, so that a link stays and the file it names is replaced.
fn follow(path: &Path) -> io::Result<PathBuf> {
    // As many as Linux follows (path_resolution(7)).
    const MOST: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _whole = WRITING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match self {
            Output::InPlace(file) => file.write(bytes),
            Output::New(new) => new.file.write(bytes),
        }
    }

    // Whoever holds the lock, such as the thread that handles signals, finds a line written whole or not at all.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let _whole = WRITING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match self {
            Output::InPlace(file) => file.write_all(bytes),
            Output::New(new) => new.file.write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewFile {
    fn create(path: PathBuf) -> io::Result<NewFile> {
        let name = path.file_name().ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.tmp", args::random_id().map_err(io::Error::other)?));
        let temporary = path.with_file_name(hidden);
        // Opened now, because nothing may fail once the file has its name.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new(".")))?;
        let file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        temporaries().push(temporary.clone());
        Ok(NewFile { file, folder, temporary, path })
    }

    fn rename(&self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.path)?;
        self.folder.sync_all()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // If it was published, it is already gone.
        let _ = fs::remove_file(&self.temporary);
        temporaries().retain(|path| *path != self.temporary);
    }
}

/// Ends the writing of a stream: publishes what its `end` has completed.
///
/// # Errors
/// 74 if that fails.
pub fn publish(writer: Writer<Output>) -> Result<(), Fault> {
    writer.into_inner().publish()
}

static WRITING: Mutex<()> = Mutex::new(());
static TEMPORARIES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static ABORT: Mutex<Abort> = Mutex::new(Abort::Stdout);

/// Where an `abort` goes.
enum Abort {
    Stdout,
    InPlace(File),
    Nowhere,
}

fn temporaries() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    TEMPORARIES.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Removes the temporary files of outputs that were not published; for an exit that drops no values.
pub(crate) fn remove_temporaries() {
    for path in temporaries().drain(..) {
        let _ = fs::remove_file(path);
    }
}

fn stdout() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

fn abort_on(output: &Output) -> Result<(), Fault> {
    let target = match output {
        Output::InPlace(file) if file.is_terminal() => Abort::Nowhere,
        Output::InPlace(file) => Abort::InPlace(file.try_clone().map_err(etl_stream::writer::io_fault)?),
        Output::New(_) => Abort::Nowhere,
    };
    *ABORT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = target;
    Ok(())
}

/// Lets no `abort` be written to stdout: it is a terminal, or what goes there is not a stream.
pub fn never_abort() {
    *ABORT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Abort::Nowhere;
}

/// Writes an `abort` where the stream went, but not to a terminal, into a new file, or while another thread is in the
/// middle of a write. A failure to write it changes nothing: the reader sees a cut stream.
pub(crate) fn abort(class: Class, message: &str, details: &Details) {
    let Ok(_whole) = WRITING.try_lock() else { return };
    let mut target = ABORT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let file = match std::mem::replace(&mut *target, Abort::Nowhere) {
        Abort::Nowhere => return,
        Abort::Stdout => stdout().ok(),
        Abort::InPlace(file) => Some(file),
    };
    if let Some(file) = file {
        let _ = Writer::new(file).abort(class, message, details);
    }
}
