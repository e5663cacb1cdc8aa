//! How a lenient backend reads a path.

/// Returns a path as the most lenient backend reads it: decoded twice, without parameters, with
/// backslashes as slashes, and without dot segments and empty segments.
#[must_use]
pub fn as_backend(path: &str) -> String {
    let decoded = decode(&decode(path));
    let path = decoded.split(['?', '#', '\0']).next().unwrap_or_default();
    let mut segments = Vec::new();
    for segment in path.split(['/', '\\']) {
        let segment = segment.split(';').next().unwrap_or_default();
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}

/// Decodes percent-encoded bytes. What is not UTF-8 becomes U+FFFD.
#[must_use]
pub fn decode(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut decoded = Vec::new();
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        let digit = |offset| Some(char::from(*bytes.get(index + offset)?).to_digit(16)? as u8);
        match (byte, digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high * 16 + low);
                index += 3;
            }
            _ => {
                decoded.push(byte);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling_as_one_path() {
        for spelling in
            ["/a/b", "/a//b", "/%61/b/", "/a;v=1/b", "/x/..%2fa\\b", "/a/%2562?q", "/a/./b#x"]
        {
            assert_eq!(as_backend(spelling), "/a/b", "{spelling}");
        }
        assert_eq!(as_backend("/caf%C3%A9"), "/café");
    }
}
