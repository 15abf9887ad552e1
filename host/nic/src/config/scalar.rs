//! What a scalar is where a schema allows these types. Text stays as it was written. A number or a truth value is read as Nebari reads it:
//! by YAML 1.2 as its loader has it, then by the lax rules of its schema, which take `"2"`, `2.0` and `yes`.

use serde_json::Value;

use super::yaml::is_null_text;

/// The scalar's value under the JSON types that its place allows; by the YAML 1.2 core schema where none is said.
pub fn scalar(text: &str, plain: bool, types: &[&str]) -> Value {
    if plain && is_null_text(text) {
        return Value::Null;
    }
    let allows = |name: &str| types.contains(&name);
    match (allows("string"), allows("integer") || allows("number") || allows("boolean")) {
        (true, false) => Value::from(text),
        (false, true) => read(text, plain, types),
        _ if plain => core_schema(text),
        _ => Value::from(text),
    }
}

/// The truth value that a scalar stands for, if it does.
pub fn truth(text: &str, plain: bool) -> Option<bool> {
    read(text, plain, &["boolean"]).as_bool()
}

fn core_schema(text: &str) -> Value {
    if let Some(flag) = yaml_truth(text) {
        return Value::from(flag);
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Value::from(integer);
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    match text.parse::<f64>() {
        Ok(number) if numeric && number.is_finite() => Value::from(number),
        _ => Value::from(text),
    }
}

/// A scalar as YAML 1.2 has it.
enum Written<'a> {
    Truth(bool),
    Integer(i64),
    Float(f64),
    Text(&'a str),
}

fn read(text: &str, plain: bool, types: &[&str]) -> Value {
    let allows = |name: &str| types.contains(&name);
    let (integer, number, boolean) = (allows("integer"), allows("number"), allows("boolean"));
    let written = if plain { written(text) } else { Written::Text(text) };
    match written {
        Written::Truth(flag) if boolean => Value::from(flag),
        Written::Truth(flag) => Value::from(i64::from(flag)),
        Written::Integer(value @ (0 | 1)) if boolean && !integer && !number => Value::from(value == 1),
        Written::Integer(value) => Value::from(value),
        Written::Float(value) if integer || boolean && !number => match whole(value) {
            Some(flag @ (0 | 1)) if !integer => Value::from(flag == 1),
            Some(value) if integer => Value::from(value),
            _ => Value::from(value),
        },
        Written::Float(value) => Value::from(value),
        Written::Text(text) => {
            let number_of = || lax_integer(text).filter(|_| integer).or_else(|| lax_number(text).filter(|_| number));
            let flag_of = || lax_truth(text).filter(|_| boolean).map(Value::from);
            number_of().or_else(flag_of).unwrap_or_else(|| Value::from(text))
        }
    }
}

/// As YAML 1.2 resolves a plain scalar, with the notations that Nebari's loader takes besides: `0b11` and `1_000`.
fn written(text: &str) -> Written<'_> {
    if let Some(flag) = yaml_truth(text) {
        return Written::Truth(flag);
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    for (prefix, radix) in [("0b", 2), ("0o", 8), ("0x", 16)] {
        if let Some(digits) = digits.strip_prefix(prefix)
            && digits.chars().all(|c| c == '_' || c.is_digit(radix))
        {
            let value = i64::from_str_radix(&format!("{sign}{}", digits.replace('_', "")), radix);
            return value.map_or(Written::Text(text), Written::Integer);
        }
    }
    let begins = digits.strip_prefix('.').unwrap_or(digits).starts_with(|c: char| c.is_ascii_digit());
    if !begins || !digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '_' | '.' | 'e' | 'E' | '+' | '-')) {
        return Written::Text(text);
    }
    let digits = format!("{sign}{}", digits.replace('_', ""));
    if let Ok(value) = digits.parse() {
        return Written::Integer(value);
    }
    match digits.parse::<f64>() {
        Ok(value) if value.is_finite() => Written::Float(value),
        _ => Written::Text(text),
    }
}

/// YAML's truth values.
fn yaml_truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// The whole number that a float is, where floats are exact.
fn whole(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64)
}

/// `2`, `+2`, `007`, `1_000` and `2.0`, in text.
fn lax_integer(text: &str) -> Option<Value> {
    let text = text.trim();
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    let digits = without_separators(whole)?;
    let bare = digits.strip_prefix(['-', '+']).unwrap_or(&digits);
    if bare.is_empty() || !bare.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().map(Value::from).ok().or_else(|| digits.parse::<f64>().map(Value::from).ok())
}

/// `1.5`, `.5`, `1e3` and `1_000.5`, in text.
fn lax_number(text: &str) -> Option<Value> {
    let text = without_separators(text.trim())?;
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    text.parse::<f64>().ok().filter(|value| numeric && value.is_finite()).map(Value::from)
}

/// The text without `_` between digits; none where one stands elsewhere.
fn without_separators(text: &str) -> Option<String> {
    let mut parts = text.split('_').peekable();
    let mut joined = parts.next()?.to_owned();
    for part in parts {
        let between = joined.ends_with(|c: char| c.is_ascii_digit()) && part.starts_with(|c: char| c.is_ascii_digit());
        joined = between.then(|| joined + part)?;
    }
    Some(joined)
}

fn lax_truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "t" | "true" | "y" | "yes" => Some(true),
        "0" | "off" | "f" | "false" | "n" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What stays as it was written is text, which the schema's check refuses.
    fn is(types: &[&str], plain: bool, cases: &[(&str, Value)]) {
        for (text, expected) in cases {
            assert_eq!(scalar(text, plain, types), *expected, "`{text}` as {types:?}, plain: {plain}");
        }
    }

    #[test]
    fn text_stays_as_it_was_written() {
        for text in
            ["1.10", "007", "0o17", "0x1F", "1e3", "2026-11-30", "190:20:30", "yes", "true", "off", ".inf", " a "]
        {
            is(&["string"], true, &[(text, json!(text))]);
            is(&["string", "null"], false, &[(text, json!(text))]);
        }
        is(&["string"], true, &[("", json!(null)), ("~", json!(null)), ("null", json!(null))]);
        is(&["string", "null"], false, &[("", json!("")), ("null", json!("null"))]);
    }

    #[test]
    fn a_whole_number_is_what_nebari_reads() {
        let integer = ["integer", "null"];
        is(
            &integer,
            true,
            &[
                ("5", json!(5)),
                ("+5", json!(5)),
                ("-1", json!(-1)),
                ("007", json!(7)),
                ("0o17", json!(15)),
                ("0x1F", json!(31)),
                ("0b11", json!(3)),
                ("1_0", json!(10)),
                ("5.0", json!(5)),
                ("1e3", json!(1000)),
                ("true", json!(1)),
                ("5.5", json!(5.5)),
                ("one", json!("one")),
                (".inf", json!(".inf")),
                ("99999999999999999999", json!(1e20)),
            ],
        );
        is(
            &integer,
            false,
            &[
                ("5", json!(5)),
                (" 5 ", json!(5)),
                ("007", json!(7)),
                ("1_000", json!(1000)),
                ("2.00", json!(2)),
                ("2.", json!("2.")),
                ("2.5", json!("2.5")),
                ("1__0", json!("1__0")),
                ("_1", json!("_1")),
                ("0x1F", json!("0x1F")),
                ("1e3", json!("1e3")),
                ("true", json!("true")),
                ("", json!("")),
                ("+", json!("+")),
                ("99999999999999999999", json!(1e20)),
            ],
        );
    }

    #[test]
    fn a_truth_value_and_a_number_are_what_nebari_reads() {
        for plain in [true, false] {
            for (text, flag) in [("yes", true), ("On", true), ("t", true), ("1", true), ("FALSE", false), ("n", false)]
            {
                is(&["boolean", "null"], plain, &[(text, json!(flag))]);
                assert_eq!(truth(text, plain), Some(flag));
            }
        }
        is(
            &["boolean"],
            true,
            &[("1.0", json!(true)), ("2", json!(2)), ("0.5", json!(0.5)), ("enable", json!("enable"))],
        );
        is(&["boolean"], false, &[("2", json!("2")), (" true", json!(" true")), ("1.0", json!("1.0"))]);
        is(&["number"], true, &[("1_000.5", json!(1000.5)), ("2", json!(2)), ("true", json!(1)), ("x", json!("x"))]);
        is(
            &["number"],
            false,
            &[("1.", json!(1.0)), ("1e3", json!(1000.0)), ("inf", json!("inf")), ("1,5", json!("1,5"))],
        );
    }

    #[test]
    fn where_nothing_is_said_yaml_decides() {
        is(
            &[],
            true,
            &[("1.5", json!(1.5)), ("5", json!(5)), ("true", json!(true)), ("yes", json!("yes")), ("", json!(null))],
        );
        is(&[], false, &[("1.5", json!("1.5")), ("", json!(""))]);
        is(&["string", "number"], true, &[("1.5", json!(1.5)), ("64Gi", json!("64Gi"))]);
        is(&["array", "null"], true, &[("5", json!(5)), ("a", json!("a"))]);
    }
}
