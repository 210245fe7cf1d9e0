//! Fills templates of HTML pages.

/// Replaces `{{name}}` by the escaped value, and `{{&name}}` by the raw value. In one pass: placeholders in values are not replaced. A
/// placeholder without a value becomes empty.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, (name, after))) = rest.split_once("{{").and_then(|(b, a)| Some((b, a.split_once("}}")?))) {
        page.push_str(before);
        let value = values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        if name.starts_with('&') {
            page.push_str(value)
        } else {
            escape(value, &mut page)
        }
        rest = after;
    }
    page.push_str(rest);
    page
}

/// Text as HTML, also within quotes.
fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            other => into.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn values_are_escaped_and_not_replaced_again() {
        let page = fill("<p title='{{a}}'>{{b}}{{&c}}{{d}}</p>", &[("a", "'\"<&>"), ("b", "{{&c}}"), ("&c", "<b>")]);
        assert_eq!(page, "<p title='&#39;&quot;&lt;&amp;&gt;'>{{&amp;c}}<b></p>");
    }
}
