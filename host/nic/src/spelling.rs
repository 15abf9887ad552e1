//! The word that is meant by one that is not known.

/// The known word that is nearest, if any is so near that it may be meant. Capitals are no difference.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let small = word.to_lowercase();
    let near = known.into_iter().map(|candidate| (distance(&small, candidate), candidate));
    let (away, best) = near.min_by_key(|(away, _)| *away)?;
    let most = (best.len().max(word.len()) / 3).clamp(1, 3);
    (away <= most && word.len() > 2).then_some(best)
}

/// Edit distance; two letters that changed places are one edit.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut next = vec![i + 1];
        for j in 0..b.len() {
            let replaced = row[j] + usize::from(a[i] != b[j]);
            let mut least = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let providers = ["aws", "existing", "local"];
        for (slip, meant) in [("exsiting", "existing"), ("AWS", "aws"), ("asw", "aws"), ("lokal", "local")] {
            assert_eq!(nearest(slip, providers), Some(meant), "{slip}");
        }
        for other in ["hetzner", "gcp", "no", ""] {
            assert_eq!(nearest(other, providers), None, "{other}");
        }
        assert_eq!((distance("ab", "ba"), distance("kitten", "sitting"), distance("", "abc")), (1, 3, 3));
    }
}
