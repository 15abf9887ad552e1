//! Quantities of Kubernetes: `500m`, `64Gi`, `1e3`.

/// One unit, in what quantities are counted in here: Kubernetes knows nothing smaller than a billionth.
pub(super) const ONE: u128 = 1_000_000_000;

/// The powers of ten that a suffix stands for.
const DECIMAL: [(&str, i32); 10] =
    [("", 0), ("n", -9), ("u", -6), ("m", -3), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];

/// The powers of two.
const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

/// The quantity in billionths, the largest number when it is larger; none when it is no quantity. None is negative, because
/// Kubernetes takes no negative quota or limit.
pub(super) fn billionths(text: &str) -> Option<u128> {
    let number = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(number);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + fraction.len() == 0 || fraction.contains('.') {
        return None;
    }
    // All are digits, so what does not parse is too large.
    let digits: u128 = format!("{whole}{fraction}").parse().unwrap_or(u128::MAX);
    let decimals = i32::try_from(fraction.len()).ok()?;
    if let Some((_, power)) = BINARY.iter().find(|(known, _)| *known == suffix) {
        return Some(scaled(digits.saturating_mul(1 << power), 9 - decimals));
    }
    let power = match DECIMAL.iter().find(|(known, _)| *known == suffix) {
        Some((_, power)) => *power,
        None => exponent(suffix)?,
    };
    Some(scaled(digits, power.saturating_add(9 - decimals)))
}

/// `e3`, `E-3`.
fn exponent(suffix: &str) -> Option<i32> {
    let power = suffix.strip_prefix(['e', 'E'])?;
    let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
    let plain = (1..=6).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit());
    plain.then(|| power.parse().ok()).flatten()
}

/// Times a power of ten, rounded up as Kubernetes does.
fn scaled(digits: u128, power: i32) -> u128 {
    let factor = 10_u128.checked_pow(power.unsigned_abs()).unwrap_or(u128::MAX);
    if power < 0 { digits.div_ceil(factor) } else { digits.saturating_mul(factor) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_quantity_are_equal() {
        for (text, same) in [
            ("1000m", "1"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("1.", "1"),
            ("1.5Gi", "1536Mi"),
            ("1e3", "1k"),
            ("1E3", "1000.0"),
            ("2e-3", "2m"),
            ("1000000n", "1000u"),
            ("1E", "1000P"),
            ("0.7", "700m"),
        ] {
            assert_eq!(billionths(text), billionths(same), "{text}");
            assert!(billionths(text).is_some(), "{text}");
        }
        assert_eq!(billionths("3"), Some(3 * ONE));
        assert!(billionths("1Ei") > billionths("1E"));
        // Beyond what Kubernetes keeps, and still a quantity.
        assert!(billionths("1e999") > billionths("1Ei"));
        assert_eq!(billionths("1e-12"), Some(1));
    }

    #[test]
    fn what_is_none_is_told() {
        for bad in
            ["", ".", "-1", "+1", "1.2.3", "m", "1 Gi", "64GB", "64gi", "1K", "1e", "1e+", "1ee3", "e3", "1_000", "٣"]
        {
            assert_eq!(billionths(bad), None, "{bad}");
        }
    }
}
