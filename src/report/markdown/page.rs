//! A document that fits: what must be there, and sections that are cut to what room is left.
//!
//! A section gives up rows, last ones first, and says how many. What stands first in a document is no measure of what
//! matters most, so sections are given room by rank, and rows that are marked come before all others.

use crate::plan::risk::RiskMark;
use crate::report::plan_view::risk::of_them_marked;
use crate::report::wording::{counted, number};

use super::text::size;

/// The least size in which a document with its cuts stated fits.
pub const LEAST_SIZE: usize = 4000;

/// What the parts around the rows of one section take at most: heading, two table heads, the fold, the cut.
const FRAME: usize = 700;

/// One row, or one item of a list.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// All of it.
    pub full: String,
    /// Its beginning, for where all of it does not fit.
    pub short: Option<String>,
    /// How many things it stands for.
    pub weight: u64,
    /// The gravest reason to look at it twice.
    pub mark: Option<RiskMark>,
}

impl Row {
    /// A row that is shown whole or not at all.
    pub fn new(full: String, weight: u64) -> Self {
        Row {
            full,
            short: None,
            weight,
            mark: None,
        }
    }

    /// The same with its gravest mark.
    pub fn marked(self, mark: Option<RiskMark>) -> Self {
        Row { mark, ..self }
    }
}

/// A part of a document.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// Counts beside the heading; words of our own only.
    pub summary: String,
    /// What stands below the heading before the rows: a paragraph of our own words.
    pub lead: Option<&'static str>,
    /// The table's column heads; without any, rows are items of a list.
    pub head: &'static [&'static str],
    /// How many rows stand open; the others are folded.
    pub open: usize,
    /// Who gets room first: lower ranks.
    pub rank: u8,
    /// What the rows stand for, in the singular.
    pub thing: &'static str,
    /// Rows as far as they could fit at all.
    pub rows: Vec<Row>,
    /// Rows beyond those: what each stands for, and its mark.
    pub beyond: Vec<(u64, Option<RiskMark>)>,
}

impl Section {
    /// Takes in rows. None is made that cannot fit into a document of that size.
    pub fn fill<T>(
        &mut self,
        items: &[T],
        most: usize,
        row: impl FnMut(&T) -> Row,
        weight: impl Fn(&T) -> u64,
    ) {
        self.fill_marked(items, most, row, weight, |_| None);
    }

    /// The same with the gravest mark of each item, for what is left out.
    pub fn fill_marked<T>(
        &mut self,
        items: &[T],
        most: usize,
        mut row: impl FnMut(&T) -> Row,
        weight: impl Fn(&T) -> u64,
        mark: impl Fn(&T) -> Option<RiskMark>,
    ) {
        let mut used = 0;
        for item in items {
            if used > most {
                self.beyond.push((weight(item), mark(item)));
                continue;
            }
            let made = row(item).marked(mark(item));
            used += size(made.short.as_deref().unwrap_or(&made.full));
            self.rows.push(made);
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// A document.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The first lines, never cut.
    pub top: String,
    /// What is cut to fit.
    pub sections: Vec<Section>,
    /// The last lines, never cut.
    pub bottom: String,
    /// A command that shows everything, already as Markdown.
    pub everything: String,
}

impl Page {
    /// The document in at most `most` units of [`size`].
    pub fn write(mut self, most: usize) -> String {
        self.sections.retain(|section| !section.is_empty());
        let mut shown = allot(&self, most);
        // Frames are mostly smaller than reckoned with.
        let spare = most.saturating_sub(size(&self.render(&shown)));
        fill(&self, &mut shown, spare, &[usize::MAX]);
        loop {
            let text = self.render(&shown);
            if size(&text) <= most || shown.iter().all(Vec::is_empty) {
                return text;
            }
            // The frames were larger than reckoned with: the last rank gives, and marked rows go last.
            let ranked = self
                .sections
                .iter()
                .zip(&mut shown)
                .filter(|(_, rows)| !rows.is_empty());
            if let Some((_, rows)) = ranked.max_by_key(|(section, rows)| {
                let last = section.rows.get(rows.len().saturating_sub(1));
                (last.is_some_and(|row| row.mark.is_none()), section.rank)
            }) {
                rows.pop();
            }
        }
    }

    fn render(&self, shown: &[Vec<bool>]) -> String {
        let mut out = self.top.clone();
        let cut = self
            .sections
            .iter()
            .zip(shown)
            .any(|(section, shown)| is_cut(section, shown));
        if cut {
            out.push_str(&format!(
                "\n> **Not everything fits here**; each section says what it leaves out. {} shows all of it.\n",
                self.everything
            ));
        }
        for (section, shown) in self.sections.iter().zip(shown) {
            out.push('\n');
            write_section(section, shown, &mut out);
        }
        if !cut && has_short_lists(&out) {
            out.push_str(&format!(
                "\n{} names what lists leave out (`… more`).\n",
                self.everything
            ));
        }
        out.push('\n');
        out.push_str(&self.bottom);
        out
    }
}

/// Whether a list says that it goes on: `a, b … 8 more`.
fn has_short_lists(text: &str) -> bool {
    let mut ends = text.split(" … ").skip(1);
    ends.any(|rest| {
        let end = rest.split_once(' ');
        end.is_some_and(|(count, rest)| {
            count.starts_with(|c: char| c.is_ascii_digit()) && rest.starts_with("more")
        })
    })
}

/// For each section and each row that is shown: whether in full.
fn allot(page: &Page, most: usize) -> Vec<Vec<bool>> {
    let fixed = size(&page.top) + size(&page.bottom) + size(&page.everything) + 200;
    let frames = FRAME * page.sections.len();
    let left = most.saturating_sub(fixed + frames);
    let mut shown: Vec<Vec<bool>> = vec![Vec::new(); page.sections.len()];
    // Everyone gets a fair part first, so that no section hides all others; then the first ranks take what is left.
    let share = left / page.sections.len().max(1);
    fill(page, &mut shown, left, &[share, usize::MAX]);
    shown
}

/// Shows more rows while they fit: the marked ones first, then so much of each section in turn.
fn fill(page: &Page, shown: &mut [Vec<bool>], mut left: usize, limits: &[usize]) {
    let mut order: Vec<usize> = (0..page.sections.len()).collect();
    order.sort_by_key(|index| page.sections.get(*index).map(|section| section.rank));
    for index in &order {
        if let (Some(section), Some(shown)) = (page.sections.get(*index), shown.get_mut(*index)) {
            left -= take_marked(section, shown, left / 2);
        }
    }
    for limit in limits {
        for index in &order {
            if let (Some(section), Some(shown)) = (page.sections.get(*index), shown.get_mut(*index)) {
                left -= take(section, shown, left.min(*limit));
            }
        }
    }
    // What was shortened to a fair part is whole where room is left.
    for index in &order {
        if let (Some(section), Some(shown)) = (page.sections.get(*index), shown.get_mut(*index)) {
            left -= make_whole(section, shown, left);
        }
    }
}

/// Adds marked rows, the gravest of which come first, as short as they are, while they fit; says what they take.
fn take_marked(section: &Section, shown: &mut Vec<bool>, room: usize) -> usize {
    let mut used = 0;
    let rows = section.rows.iter().skip(shown.len());
    for row in rows.take_while(|row| row.mark.is_some()) {
        let length = size(row.short.as_ref().unwrap_or(&row.full)) + 1;
        if used + length > room {
            break;
        }
        shown.push(row.short.is_none());
        used += length;
    }
    used
}

/// Shows rows in full that are shortened, while they fit, and says what that takes.
fn make_whole(section: &Section, shown: &mut [bool], room: usize) -> usize {
    let mut used = 0;
    for (row, full) in section.rows.iter().zip(shown) {
        let short = row.short.as_ref().filter(|_| !*full);
        let more = short.map(|short| size(&row.full).saturating_sub(size(short)));
        if let Some(more) = more.filter(|more| used + more <= room) {
            *full = true;
            used += more;
        }
    }
    used
}

/// Adds rows while they fit, and says what they take.
fn take(section: &Section, shown: &mut Vec<bool>, room: usize) -> usize {
    let mut used = 0;
    for row in section.rows.iter().skip(shown.len()) {
        let full = size(&row.full) + 1;
        let short = row.short.as_ref().map(|short| size(short) + 1);
        if used + full <= room {
            shown.push(true);
            used += full;
        } else if let Some(short) = short.filter(|short| used + short <= room) {
            shown.push(false);
            used += short;
        } else {
            break;
        }
    }
    used
}

fn is_cut(section: &Section, shown: &[bool]) -> bool {
    shown.len() < section.rows.len() || !section.beyond.is_empty() || shown.contains(&false)
}

fn write_section(section: &Section, shown: &[bool], out: &mut String) {
    out.push_str(&format!("### {}", section.title));
    if !section.summary.is_empty() {
        out.push_str(&format!(" ({})", section.summary));
    }
    out.push_str("\n\n");
    if let Some(lead) = section.lead {
        out.push_str(&format!("{lead}\n\n"));
    }
    let rows: Vec<&str> = section
        .rows
        .iter()
        .zip(shown)
        .map(|(row, full)| match &row.short {
            Some(short) if !full => short.as_str(),
            _ => row.full.as_str(),
        })
        .collect();
    // A fold that hides two rows is longer than they are.
    let open = if rows.len() <= section.open + 2 {
        rows.len()
    } else {
        section.open
    };
    let (first, folded) = rows.split_at_checked(open).unwrap_or((&rows, &[]));
    write_rows(section, first, out);
    if !folded.is_empty() {
        let more = if open == 0 { "" } else { " more" };
        let what = match open {
            0 => counted(folded.len() as u64, "row"),
            _ => format!("{}{more}", number(folded.len() as u64)),
        };
        out.push_str(&format!("<details><summary>{what}</summary>\n\n"));
        write_rows(section, folded, out);
        out.push_str("</details>\n\n");
    }
    write_cut(section, shown, out);
    // One empty line between sections, and none at the end.
    while out.ends_with("\n\n") {
        out.pop();
    }
}

fn write_rows(section: &Section, rows: &[&str], out: &mut String) {
    if rows.is_empty() {
        return;
    }
    if !section.head.is_empty() {
        out.push_str(&super::text::row(section.head));
        out.push('\n');
        out.push_str(&format!("|{}\n", "---|".repeat(section.head.len())));
    }
    for row in rows {
        out.push_str(row);
        out.push('\n');
    }
    out.push('\n');
}

fn write_cut(section: &Section, shown: &[bool], out: &mut String) {
    let short = shown.iter().filter(|full| !**full).count() as u64;
    let hidden = section.rows.iter().skip(shown.len());
    let hidden: Vec<(u64, Option<RiskMark>)> = hidden
        .map(|row| (row.weight, row.mark))
        .chain(section.beyond.iter().copied())
        .collect();
    let rows = hidden.len() as u64;
    let weight = hidden.iter().map(|(weight, _)| weight).sum::<u64>();
    if rows > 0 {
        let of = if rows == weight || section.thing.is_empty() {
            String::new()
        } else {
            format!(", {} in all", counted(weight, section.thing))
        };
        let marked = of_them_marked(hidden.iter().map(|(_, mark)| *mark));
        out.push_str(&format!(
            "**Left out here: {}{of}{marked}.**\n\n",
            counted(rows, "row")
        ));
    }
    if short > 0 {
        out.push_str(&format!(
            "**{} without what differs in detail.**\n\n",
            counted(short, "row")
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(title: &'static str, rank: u8, rows: usize) -> Section {
        let mut section = Section {
            title,
            rank,
            open: 5,
            head: &["a", "b"],
            thing: "grant",
            ..Section::default()
        };
        let items: Vec<usize> = (0..rows).collect();
        section.fill(
            &items,
            100_000,
            |item| Row::new(format!("| row {item} | {} |", "x".repeat(80)), 3),
            |_| 3,
        );
        section
    }

    fn page(sections: Vec<Section>) -> Page {
        Page {
            top: "# top\n".into(),
            sections,
            bottom: "bottom\n".into(),
            everything: "`rolecall plan --json`".into(),
        }
    }

    #[test]
    fn what_fits_is_whole_and_says_nothing_of_cuts() {
        let text = page(vec![section("One", 1, 30)]).write(65_000);
        assert_eq!(text.matches("row ").count(), 30);
        assert!(
            !text.contains("Left out")
                && !text.contains("Not everything")
                && !text.contains("lists leave out"),
            "{text}"
        );
        assert!(text.contains("<summary>25 more</summary>"), "{text}");
    }

    #[test]
    fn what_does_not_fit_is_counted_and_no_section_starves() {
        for most in [LEAST_SIZE, 10_000, 65_000] {
            let text = page(vec![section("One", 2, 5000), section("Two", 1, 5000)]).write(most);
            assert!(size(&text) <= most, "{} in {most}", size(&text));
            let (one, two) = text.split_once("### Two").unwrap();
            assert!(one.contains("row 0 ") && two.contains("row 0 "), "{text}");
            assert!(two.matches("row ").count() >= one.matches("row ").count());
            let shown = one.matches("| row ").count();
            let left = number(5000 - shown as u64);
            let things = number(3 * (5000 - shown as u64));
            assert!(
                one.contains(&format!("Left out here: {left} rows, {things} grants in all")),
                "{one}"
            );
            assert!(one.contains("`rolecall plan --json` shows all of it"));
        }
    }

    #[test]
    fn what_is_left_out_says_how_much_of_it_is_marked() {
        let mut section = section("One", 1, 0);
        let items: Vec<usize> = (0..400).collect();
        let mark = |item: &usize| match item {
            0..5 => Some(RiskMark::Administrator),
            398 => Some(RiskMark::Production),
            399 => Some(RiskMark::Administrator),
            _ => None,
        };
        // Some rows are made and found not to fit, others are not even made.
        for most in [5_000, 1_000_000] {
            section.rows.clear();
            section.beyond.clear();
            let row = |item: &usize| Row::new(format!("| row {item} | {} |", "x".repeat(80)), 1);
            section.fill_marked(&items, most, row, |_| 1, mark);
            let text = page(vec![section.clone()]).write(5_000);
            let expected = " rows, 2 of them marked: 1 administrator, 1 production.**";
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn marked_rows_are_kept_before_others_as_long_as_they_fit() {
        let mut people = section("People", 1, 0);
        let items: Vec<usize> = (0..60).collect();
        let row = |item: &usize| Row {
            short: (*item < 3).then(|| format!("| grave {item} | {} |", "x".repeat(200))),
            ..Row::new(format!("| row {item} | {} |", "y".repeat(1500)), 1)
        };
        let mark = |item: &usize| (*item < 3).then_some(RiskMark::Administrator);
        people.fill_marked(&items, 100_000, row, |_| 1, mark);
        let others = [("Findings", 0), ("Groups", 3), ("Roles", 4), ("State", 5)];
        let mut sections = vec![people];
        sections.extend(others.map(|(title, rank)| section(title, rank, 40)));
        for most in [LEAST_SIZE, 5_000, 6_000] {
            let text = page(sections.clone()).write(most);
            assert!(size(&text) <= most, "{} in {most}", size(&text));
            for item in 0..3 {
                assert!(
                    text.contains(&format!("| grave {item} |")),
                    "{item} in {most}: {text}"
                );
            }
            assert!(!text.contains("marked"), "{text}");
        }
    }

    #[test]
    fn a_row_too_large_is_shortened_before_it_is_left_out() {
        let mut section = section("One", 1, 0);
        let row = Row {
            full: format!("| {} | |", "y".repeat(9000)),
            short: Some("| short | |".into()),
            weight: 1,
            mark: None,
        };
        section.fill(&[()], 100_000, |()| row.clone(), |()| 1);
        let text = page(vec![section]).write(LEAST_SIZE);
        assert!(
            text.contains("| short | |") && text.contains("1 row without what differs"),
            "{text}"
        );
    }
}
