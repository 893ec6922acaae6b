//! Looks at a library before any of its code runs: a constructor in a file that is no plugin of ours
//! shall not run, and the system's loader crashes on some damaged files. Control side.

use std::path::Path;

use object::{
    Architecture, BinaryFormat, File, FileKind, Object, ObjectKind, ObjectSection, ObjectSegment, ObjectSymbol,
};

use super::{LoadError, SYMBOL, Wrong};
use crate::abi;

/// What the entry begins with, whatever its version.
const HEAD: u64 = 16;

/// Checks the bytes of a file that is to be a plugin.
pub(super) fn inspect(bytes: &[u8], named: &Path) -> Result<(), LoadError> {
    library(bytes, named)?.map_or(Ok(()), |file| symbol(&file, named))
}

/// Checks the bytes of a file that is to be a dynamic library of this system; `None` for several in one.
pub(super) fn library<'a>(bytes: &'a [u8], named: &Path) -> Result<Option<File<'a>>, LoadError> {
    let wrong = |wrong, message: String| LoadError::new(named, wrong, message);
    let kind = FileKind::parse(bytes).map_err(|_| {
        let what = if bytes.is_empty() { "the file is empty" } else { "the file is no library at all" };
        wrong(Wrong::NotALibrary, what.to_owned()).help("name the file that `cargo build` or `cc -shared` made")
    })?;
    if matches!(kind, FileKind::MachOFat32 | FileKind::MachOFat64) {
        // Several libraries in one: the system's loader picks the right one.
        return Ok(None);
    }
    let damaged = |what: String| wrong(Wrong::Truncated, what).help("build or copy it again");
    let file = File::parse(bytes).map_err(|error| damaged(format!("the file is cut short or damaged: {error}")))?;
    if file.format() != BinaryFormat::native_object() {
        return Err(wrong(Wrong::NotALibrary, format!("the file is of the format {:?}", file.format()))
            .help("build it on this system"));
    }
    let (its, ours) = (file.architecture(), architecture());
    if ours.is_some_and(|ours| its != ours)
        || file.is_little_endian() != cfg!(target_endian = "little")
        || file.is_64() != cfg!(target_pointer_width = "64")
    {
        return Err(wrong(Wrong::Architecture, format!("the library is for {its:?}"))
            .help(format!("build it for {}", std::env::consts::ARCH)));
    }
    if file.kind() != ObjectKind::Dynamic {
        return Err(wrong(Wrong::NotALibrary, format!("the file is a {:?} file", file.kind()))
            .help("build it as a dynamic library: crate-type \"cdylib\", or `cc -shared`"));
    }
    let length = bytes.len() as u64;
    let ends = file.segments().map(|s| s.file_range()).map(|(at, size)| at.saturating_add(size)).max().unwrap_or(0);
    if ends > length {
        return Err(damaged(format!("the file is cut short: {length} bytes of {ends}")));
    }
    Ok(Some(file))
}

/// Finds the entry, and what it begins with.
fn symbol(file: &File<'_>, named: &Path) -> Result<(), LoadError> {
    // Other systems put an underscore before the names of C.
    let found = file
        .dynamic_symbols()
        .find(|s| s.is_definition() && s.name().is_ok_and(|name| name.strip_prefix('_').unwrap_or(name) == SYMBOL));
    let Some(found) = found else {
        let exported = file.exports().unwrap_or_default();
        let named_so = exported.iter().any(|e| e.name().strip_prefix(b"_").unwrap_or(e.name()) == SYMBOL.as_bytes());
        if named_so {
            // A format that lists exports only: the loaded entry is checked.
            return Ok(());
        }
        let message = format!("the library exports no {SYMBOL}");
        let help = "a plugin in Rust needs `glottis_plugin::export!` and its feature, one in C the constant";
        return Err(LoadError::new(named, Wrong::MissingSymbol, message).help(help));
    };
    let section = found.section_index().and_then(|index| file.section_by_index(index).ok());
    let data = section.and_then(|section| section.data_range(found.address(), HEAD).ok().flatten());
    let Some(data) = data.and_then(|data| <&[u8; HEAD as usize]>::try_from(data).ok()) else {
        let message = format!("{SYMBOL} is not a constant with a content");
        return Err(LoadError::new(named, Wrong::WrongMagic, message).help(NOT_OURS));
    };
    let [a, b, c, d, e, f, g, h, size @ .., m0, m1, n0, n1] = *data;
    entry(
        u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
        u32::from_ne_bytes(size),
        u16::from_ne_bytes([m0, m1]),
        u16::from_ne_bytes([n0, n1]),
        named,
    )
}

const NOT_OURS: &str = "this is not a glottis plugin, though it has the symbol of one";

/// Checks what an entry begins with.
pub(super) fn entry(magic: u64, size: u32, major: u16, minor: u16, named: &Path) -> Result<(), LoadError> {
    if magic != abi::GLOTTIS_MAGIC {
        let message = format!("{SYMBOL} begins with {magic:#018x}, not {:#018x}", abi::GLOTTIS_MAGIC);
        return Err(LoadError::new(named, Wrong::WrongMagic, message).help(NOT_OURS));
    }
    let (ours, own_minor) = (abi::GLOTTIS_ABI_MAJOR, abi::GLOTTIS_ABI_MINOR);
    if major != ours || minor > own_minor {
        let message = format!("it was built for ABI {major}.{minor}, and this program has {ours}.{own_minor}");
        let help = if major < ours { "build it again with this version's header or crate" } else { "update glottis" };
        return Err(LoadError::new(named, Wrong::NewerAbi, message).help(help));
    }
    super::describe::sized::<abi::Plugin>(size, "glottis_plugin_t", named)
}

/// The processor this program is for; `None` if the crate that reads the file does not know it.
fn architecture() -> Option<Architecture> {
    Some(match std::env::consts::ARCH {
        "x86_64" => Architecture::X86_64,
        "x86" => Architecture::I386,
        "aarch64" => Architecture::Aarch64,
        "arm" => Architecture::Arm,
        "riscv64" => Architecture::Riscv64,
        _ => return None,
    })
}
