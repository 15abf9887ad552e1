//! The key that is meant by one that is not known.

/// What clouds call the same things of a group of nodes: whoever moves from one to another writes the old word.
const SAME_THING: [&[&str]; 3] =
    [&["min_nodes", "min_count"], &["max_nodes", "max_count"], &["instance", "machine_type", "vm_size"]];

/// The known key that is nearest, if any is near.
pub fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let words = SAME_THING.iter().find(|words| words.contains(&key)).copied().unwrap_or_default();
    if let Some(ours) = words.iter().find_map(|word| known.iter().find(|known| *known == word)) {
        return Some(ours);
    }
    let near = |candidate: &&str| distance(key, candidate);
    known.iter().copied().min_by_key(near).filter(|best| distance(key, best) <= best.len().max(key.len()) / 3)
}

/// Levenshtein's: how many letters must be added, dropped or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: [&str; 3] = ["vpc_cidr_block", "existing_security_group_id", "existing_security_group_ids"];
    const NODE_GROUP: [&str; 4] = ["instance", "min_nodes", "max_nodes", "taints"];

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        assert_eq!(nearest("vpc_cidr_blok", &SECTION), Some("vpc_cidr_block"));
        assert_eq!(nearest("min_node", &NODE_GROUP), Some("min_nodes"));
        assert_eq!(nearest("banana", &NODE_GROUP), None);
        assert_eq!(nearest("existing_security_group_ix", &SECTION), Some("existing_security_group_id"));
    }

    #[test]
    fn other_clouds_words_lead_to_ours() {
        assert_eq!(nearest("vm_size", &NODE_GROUP), Some("instance"));
        assert_eq!(nearest("max_count", &NODE_GROUP), Some("max_nodes"));
        assert_eq!(nearest("instance", &["machine_type"]), Some("machine_type"));
        assert_eq!(nearest("vm_size", &SECTION), None);
    }
}
