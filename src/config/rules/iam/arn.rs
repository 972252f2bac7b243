//! Whether the ARNs that a statement names can be those of a type of resource: whether two patterns mean a common text.

/// Whether a resource of a statement can be a resource with an ARN of a form, which is told from the service on. Where
/// that is not plain, it can.
pub fn may_be(resource: &str, form: &str) -> bool {
    let resource = without_variables(resource);
    let given: Vec<&str> = resource.splitn(6, ':').skip(2).collect();
    let form: Vec<&str> = form.splitn(4, ':').collect();
    given.len() != form.len()
        || given
            .iter()
            .zip(form)
            .all(|(given, form)| share_a_text(given, form))
}

/// With a wildcard for each policy variable.
fn without_variables(text: &str) -> String {
    let mut parts = text.split("${");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push('*');
        out.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    out
}

/// Whether there is a text that two patterns mean, whatever the letter case. In the second one, `%` is any text without
/// `/`.
fn share_a_text(one: &str, other: &str) -> bool {
    let lower = |text: &str| -> Vec<char> { text.to_lowercase().chars().collect() };
    let (one, other) = (lower(one), lower(other));
    // Whether what is left of both from two places on shares a text, from the end of the first one to its start.
    let mut after = vec![false; other.len() + 1];
    for at in (0..=one.len()).rev() {
        let mut here = vec![false; other.len() + 1];
        let mine = one.get(at).copied();
        for place in (0..=other.len()).rev() {
            let theirs = other.get(place).copied();
            let get = |line: &[bool], place: usize| line.get(place).copied().unwrap_or(false);
            let shares = match (mine, theirs) {
                (None, None) => true,
                (Some('*'), _) if get(&after, place) => true,
                (_, Some('*' | '%')) if get(&here, place + 1) => true,
                (Some('*'), Some(_)) => get(&here, place + 1),
                (Some('/'), Some('%')) => false,
                (Some(_), Some('*' | '%')) => get(&after, place),
                (Some(a), Some(b)) => (a == b || a == '?') && get(&after, place + 1),
                _ => false,
            };
            if let Some(slot) = here.get_mut(place) {
                *slot = shares;
            }
        }
        after = here;
    }
    after.first().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_share_a_text_or_do_not() {
        for (one, other, shares) in [
            ("", "", true),
            ("bucket", "%", true),
            ("bucket/*", "%", false),
            ("bucket*", "*/*", true),
            ("bucket", "*/*", false),
            ("*", "%", true),
            ("ta?le/x", "table/*", true),
            ("TABLE/x", "table/*", true),
            ("stream/x", "table/*", false),
            ("*/x", "table/*", true),
            ("a*c", "ab*", true),
            ("a*c", "*d", false),
            ("", "%", true),
        ] {
            assert_eq!(share_a_text(one, other), shares, "{one} {other}");
        }
    }

    #[test]
    fn parts_of_arns_are_compared_with_their_likes() {
        for (resource, form, may) in [
            ("arn:aws:s3:::bucket/*", "s3:*:*:accesspoint/*", false),
            ("arn:aws:s3:::${aws:username}/x", "s3:::*/*", true),
            ("arn:aws:s3:*:*:accesspoint/x", "s3:*:*:accesspoint/*", true),
            ("arn:aws:s3*", "dynamodb:*:*:table/*", true),
            ("arn:aws:iam::111122223333:role/a/b", "iam::*:role/*", true),
        ] {
            assert_eq!(may_be(resource, form), may, "{resource} {form}");
        }
    }
}
