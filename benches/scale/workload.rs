//! Stacks of any size, made from a seed: what the benchmarks plan and apply.
//!
//! An organisation has business units of three environments each, accounts in them, groups that belong to a unit and
//! people who are members of one or two groups. Assignment blocks give groups permission sets in a unit, in an
//! environment of it, in accounts listed one by one, or in accounts that a `for` expression filters by their tags;
//! they overlap, as blocks of several teams do. The same shape and seed give the same files, to the byte.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

/// How many assignment blocks, users or groups stand in one file.
const PER_FILE: usize = 1_000;

const ENVIRONMENTS: [&str; 3] = ["dev", "prod", "test"];
const TIERS: [&str; 3] = ["bronze", "gold", "silver"];

/// How assignments are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A block is a product: groups × permission sets × accounts.
    Sets,
    /// A block for every grant, as a list of assignments would be translated.
    PerGrant,
}

/// What a stack shall look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Accounts that are referred to.
    pub accounts: usize,
    /// Permission sets that are managed.
    pub sets: usize,
    /// Groups that are managed.
    pub groups: usize,
    /// Users that are managed.
    pub people: usize,
    /// Assignment blocks; with [`Style::PerGrant`] there is one per grant instead.
    pub blocks: usize,
    /// Distinct grants.
    pub grants: usize,
    /// How blocks are written.
    pub style: Style,
    /// The share of grants that differ from the same shape without changes, half of them added, half removed.
    pub changed: f64,
    /// Where everything random comes from.
    pub seed: u64,
}

impl Default for Shape {
    /// The largest organisation that the service's quotas allow, nearly: a million grants.
    fn default() -> Self {
        Shape {
            accounts: 3_000,
            sets: 300,
            groups: 1_000,
            people: 50_000,
            blocks: 2_500,
            grants: 1_000_000,
            style: Style::Sets,
            changed: 0.0,
            seed: 1,
        }
    }
}

impl Shape {
    /// The default with another number of grants, and an organisation that is smaller in proportion.
    pub fn of_grants(grants: usize) -> Self {
        let full = Shape::default();
        let share = grants as f64 / full.grants as f64;
        let scaled = |count: usize, by: f64| ((count as f64 * by).round() as usize).max(1);
        Shape {
            accounts: scaled(full.accounts, share.sqrt()),
            sets: scaled(full.sets, share.sqrt().sqrt()),
            groups: scaled(full.groups, share.sqrt()),
            people: scaled(full.people, share),
            blocks: scaled(full.blocks, share),
            grants,
            ..full
        }
    }

    /// The same organisation with one block per grant.
    pub fn one_block_per_grant(grants: usize) -> Self {
        Shape {
            blocks: grants * Shape::default().blocks / Shape::default().grants,
            grants,
            style: Style::PerGrant,
            ..Shape::default()
        }
    }
}

/// SplitMix64: small, seeded, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Where a block gives access.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Unit(usize),
    Environment(usize, usize),
    /// The accounts of a unit with a tier.
    TierOf(usize, usize),
    /// The accounts of an environment in the whole organisation, of one tier.
    Everywhere(usize, usize),
    Listed(Vec<usize>),
}

#[derive(Debug, Clone)]
struct Block {
    groups: Vec<usize>,
    sets: Vec<usize>,
    place: Place,
}

/// A stack as numbers; [`Workload::write`] makes files of it.
pub struct Workload {
    shape: Shape,
    blocks: Vec<Block>,
    /// Every distinct grant: account, set and group, packed, ascending.
    pub tuples: Vec<u64>,
}

fn pack(account: usize, set: usize, group: usize) -> u64 {
    (account as u64) << 42 | (set as u64) << 24 | group as u64
}

/// The three numbers in a packed grant: account, set, group.
pub fn unpack(tuple: u64) -> (usize, usize, usize) {
    (
        (tuple >> 42) as usize,
        (tuple >> 24 & 0x3_ffff) as usize,
        (tuple & 0xff_ffff) as usize,
    )
}

impl Workload {
    /// Makes it up.
    pub fn new(shape: Shape) -> Self {
        let mut made = Maker {
            shape,
            random: Random(shape.seed),
            seen: vec![0; (shape.accounts * shape.sets * shape.groups).div_ceil(64)],
            distinct: 0,
        };
        let mut blocks = made.blocks();
        made.change(&mut blocks);
        let mut tuples: Vec<u64> = blocks.iter().flat_map(|block| made.tuples(block)).collect();
        tuples.sort_unstable();
        tuples.dedup();
        Workload {
            shape,
            blocks,
            tuples,
        }
    }

    /// The distinct (account, permission set) pairs.
    pub fn pairs(&self) -> usize {
        let mut pairs: Vec<u64> = self.tuples.iter().map(|tuple| tuple >> 24).collect();
        pairs.dedup();
        pairs.len()
    }

    /// One line about what it holds.
    pub fn summary(&self) -> String {
        let filtered = self.blocks.iter().filter(|block| block.is_filtered()).count();
        let shape = &self.shape;
        let blocks = match shape.style {
            Style::Sets => format!("{} blocks ({filtered} filtered)", self.blocks.len()),
            Style::PerGrant => format!("{} blocks", self.tuples.len()),
        };
        format!(
            "{} accounts, {} sets, {} groups, {} people, {blocks}, {} grants in {} (account, set) pairs, seed {}",
            shape.accounts,
            shape.sets,
            shape.groups,
            shape.people,
            self.tuples.len(),
            self.pairs(),
            shape.seed
        )
    }

    /// Writes the stack's files into a directory, which is created; `*.hcl` files there are replaced.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "hcl") {
                fs::remove_file(path)?;
            }
        }
        fs::write(directory.join("stack.hcl"), self.settings())?;
        fs::write(directory.join("units.hcl"), self.units())?;
        fs::write(directory.join("permission_sets.hcl"), self.permission_sets())?;
        write_many(directory, "accounts", self.shape.accounts, |at, out| {
            self.account(at, out);
        })?;
        write_many(directory, "people", self.shape.people, person)?;
        let mut random = Random(self.shape.seed ^ 0x7065_6f70_6c65);
        let mut members = vec![Vec::new(); self.shape.groups];
        for person in 0..self.shape.people {
            let group = random.below(self.shape.groups);
            members[group].push(person);
            if random.below(5) == 0 {
                members[(group + 1 + random.below(7)) % self.shape.groups].push(person);
            }
        }
        members.iter_mut().for_each(|people| {
            people.sort_unstable();
            people.dedup();
        });
        write_many(directory, "groups", self.shape.groups, |at, out| {
            group(at, &members[at], out);
        })?;
        match self.shape.style {
            Style::Sets => write_many(directory, "access", self.blocks.len(), |at, out| {
                self.block(at, out);
            }),
            Style::PerGrant => write_many(directory, "access", self.tuples.len(), |at, out| {
                self.single(at, out);
            }),
        }
    }

    fn settings(&self) -> String {
        // A change of one in a hundred removes thousands of grants, on purpose.
        format!("rolecall {{\n  max_removals = {}\n}}\n", self.shape.grants)
    }

    fn units(&self) -> String {
        let mut out = String::new();
        for unit in 0..unit_count(self.shape.accounts) {
            let _ = writeln!(
                out,
                "organizational_unit \"bu{unit:02}\" {{\n  parent = organizational_unit.root\n}}\n"
            );
            for env in ENVIRONMENTS {
                let _ = writeln!(
                    out,
                    "organizational_unit \"bu{unit:02}_{env}\" {{\n  parent = organizational_unit.bu{unit:02}\n}}\n"
                );
            }
        }
        out
    }

    fn permission_sets(&self) -> String {
        let mut out = String::new();
        for set in 0..self.shape.sets {
            let _ = writeln!(
                out,
                "permission_set \"s{set:03}\" {{\n  description      = \"What duty {set} needs\"\n  \
                 session_duration = \"PT{}H\"\n  \
                 managed_policies = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]\n}}\n",
                1 + set % 8
            );
        }
        out
    }

    fn account(&self, at: usize, out: &mut String) {
        let (unit, env) = (unit_of(at, self.shape.accounts), ENVIRONMENTS[env_of(at)]);
        let _ = writeln!(
            out,
            "account \"{label}\" {{\n  id   = \"{:012}\"\n  name = \"bu{unit:02}-{env}-{at:04}\"\n  \
             ou   = organizational_unit.bu{unit:02}_{env}\n  \
             tags = {{ env = \"{env}\", tier = \"{}\", unit = \"bu{unit:02}\" }}\n}}\n",
            100_000_000_000_usize + 7_919 * at,
            TIERS[tier_of(at)],
            label = self.account_label(at),
        );
    }

    fn account_label(&self, at: usize) -> String {
        let (unit, env) = (unit_of(at, self.shape.accounts), ENVIRONMENTS[env_of(at)]);
        format!("bu{unit:02}_{env}_{at:04}")
    }

    fn block(&self, at: usize, out: &mut String) {
        let block = &self.blocks[at];
        let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(", ");
        let groups = list(&mut block.groups.iter().map(|group| format!("group.g{group:04}")));
        let sets = list(&mut block.sets.iter().map(|set| format!("permission_set.s{set:03}")));
        let accounts = match &block.place {
            Place::Unit(unit) => format!("organizational_unit.bu{unit:02}.accounts"),
            Place::Environment(unit, env) => {
                format!("organizational_unit.bu{unit:02}_{}.accounts", ENVIRONMENTS[*env])
            }
            Place::TierOf(unit, tier) => format!(
                "[for a in organizational_unit.bu{unit:02}.accounts : a if a.tags.tier == \"{}\"]",
                TIERS[*tier]
            ),
            Place::Everywhere(env, tier) => format!(
                "[for a in organizational_unit.root.accounts : a if lookup(a.tags, \"env\", \"\") == \"{}\" && \
                 a.tags.tier == \"{}\"]",
                ENVIRONMENTS[*env], TIERS[*tier]
            ),
            Place::Listed(accounts) => {
                let mut names = accounts
                    .iter()
                    .map(|account| format!("account.{}", self.account_label(*account)));
                format!("[{}]", list(&mut names))
            }
        };
        let _ = writeln!(
            out,
            "assignment \"a{at:05}\" {{\n  principals      = [{groups}]\n  permission_sets = [{sets}]\n  \
             accounts        = {accounts}\n  reason          = \"OPS-{}\"\n}}\n",
            1_000 + at % 977
        );
    }

    fn single(&self, at: usize, out: &mut String) {
        let (account, set, group) = unpack(self.tuples[at]);
        let _ = writeln!(
            out,
            "assignment \"a{at:06}\" {{\n  principals      = [group.g{group:04}]\n  \
             permission_sets = [permission_set.s{set:03}]\n  accounts        = [account.{}]\n}}\n",
            self.account_label(account)
        );
    }
}

fn write_many(
    directory: &Path,
    name: &str,
    count: usize,
    mut write: impl FnMut(usize, &mut String),
) -> io::Result<()> {
    for (file, start) in (0..count).step_by(PER_FILE).enumerate() {
        let mut out = String::new();
        for at in start..count.min(start + PER_FILE) {
            write(at, &mut out);
        }
        fs::write(directory.join(format!("{name}_{file:03}.hcl")), out)?;
    }
    Ok(())
}

fn person(at: usize, out: &mut String) {
    const GIVEN: [&str; 8] = [
        "Ada", "Alan", "Barbara", "Edsger", "Frances", "Grace", "Ken", "Radia",
    ];
    const FAMILY: [&str; 7] = ["Allen", "Hopper", "Kay", "Lamport", "Liskov", "Perlman", "Turing"];
    let (given, family) = (GIVEN[at % GIVEN.len()], FAMILY[at / 8 % FAMILY.len()]);
    let _ = writeln!(
        out,
        "user \"p{at:05}\" {{\n  user_name   = \"{}.{}.{at}@example.com\"\n  given_name  = \"{given}\"\n  \
         family_name = \"{family}\"\n}}\n",
        given.to_lowercase(),
        family.to_lowercase()
    );
}

fn group(at: usize, members: &[usize], out: &mut String) {
    let _ = write!(
        out,
        "group \"g{at:04}\" {{\n  display_name = \"team-{at:04}\"\n  members = ["
    );
    for people in members.chunks(8) {
        let people: Vec<String> = people.iter().map(|person| format!("user.p{person:05}")).collect();
        let _ = write!(out, "\n    {},", people.join(", "));
    }
    let _ = writeln!(out, "\n  ]\n}}\n");
}

/// A hundred accounts or so to a business unit.
fn unit_count(accounts: usize) -> usize {
    (accounts / 100).max(1)
}

fn unit_of(account: usize, accounts: usize) -> usize {
    account * unit_count(accounts) / accounts
}

fn env_of(account: usize) -> usize {
    account % ENVIRONMENTS.len()
}

fn tier_of(account: usize) -> usize {
    account / ENVIRONMENTS.len() % TIERS.len()
}

impl Block {
    fn is_filtered(&self) -> bool {
        matches!(self.place, Place::TierOf(..) | Place::Everywhere(..))
    }
}

struct Maker {
    shape: Shape,
    random: Random,
    /// A bit per possible grant.
    seen: Vec<u64>,
    distinct: usize,
}

impl Maker {
    /// Blocks of about the same size each, until exactly the wanted number of grants is declared.
    fn blocks(&mut self) -> Vec<Block> {
        let mut blocks = Vec::with_capacity(self.shape.blocks);
        // The last group is kept for the last blocks, which fill up what is missing.
        let last = self.shape.groups - 1;
        while blocks.len() + 1 < self.shape.blocks {
            let left = self.shape.grants - self.distinct;
            let blocks_left = self.shape.blocks - blocks.len();
            let size = left / blocks_left;
            let block = self.block(blocks.len(), size);
            if self.fits(&block, left) {
                self.note(&block);
                blocks.push(block);
            } else {
                break;
            }
        }
        for set in 0..self.shape.sets {
            let left = self.shape.grants - self.distinct;
            if left == 0 {
                break;
            }
            let block = Block {
                groups: vec![last],
                sets: vec![set],
                place: Place::Listed((0..left.min(self.shape.accounts)).collect()),
            };
            self.note(&block);
            blocks.push(block);
        }
        blocks
    }

    fn fits(&self, block: &Block, left: usize) -> bool {
        self.accounts(&block.place).len() * block.sets.len() * block.groups.len() <= left
    }

    fn block(&mut self, index: usize, size: usize) -> Block {
        let units = unit_count(self.shape.accounts);
        let unit = self.random.below(units);
        let place = match index % 10 {
            0 if index.is_multiple_of(50) => Place::Everywhere(self.random.below(3), self.random.below(3)),
            0 => Place::TierOf(unit, self.random.below(3)),
            1 => {
                let all = self.accounts(&Place::Unit(unit));
                let mut some: BTreeSet<usize> = BTreeSet::new();
                for _ in 0..20 {
                    some.insert(all[self.random.below(all.len())]);
                }
                Place::Listed(some.into_iter().collect())
            }
            2..=4 => Place::Environment(unit, self.random.below(3)),
            _ => Place::Unit(unit),
        };
        let count = if self.random.below(4) == 0 { 2 } else { 1 };
        let groups: BTreeSet<usize> = (0..count).map(|_| self.group_of(unit, units)).collect();
        let accounts = self.accounts(&place).len().max(1);
        let wanted = (size / (accounts * groups.len())).clamp(1, self.shape.sets / 2 + 1);
        let mut sets = BTreeSet::new();
        while sets.len() < wanted {
            sets.insert(self.random.below(self.shape.sets));
        }
        Block {
            groups: groups.into_iter().collect(),
            sets: sets.into_iter().collect(),
            place,
        }
    }

    /// A group of the unit; half of the time one of the few that have most of the access, so that blocks overlap.
    fn group_of(&mut self, unit: usize, units: usize) -> usize {
        let usable = (self.shape.groups - 1).max(1);
        let of_unit = (usable / units).max(1);
        let among = if self.random.below(2) == 0 {
            of_unit.min(8)
        } else {
            of_unit
        };
        (unit * of_unit + self.random.below(among)) % usable
    }

    fn accounts(&self, place: &Place) -> Vec<usize> {
        let all = self.shape.accounts;
        let among = |test: &dyn Fn(usize) -> bool| (0..all).filter(|account| test(*account)).collect();
        match place {
            Place::Unit(unit) => among(&|account| unit_of(account, all) == *unit),
            Place::Environment(unit, env) => {
                among(&|account| unit_of(account, all) == *unit && env_of(account) == *env)
            }
            Place::TierOf(unit, tier) => {
                among(&|account| unit_of(account, all) == *unit && tier_of(account) == *tier)
            }
            Place::Everywhere(env, tier) => {
                among(&|account| env_of(account) == *env && tier_of(account) == *tier)
            }
            Place::Listed(accounts) => accounts.clone(),
        }
    }

    fn tuples(&self, block: &Block) -> Vec<u64> {
        let mut tuples = Vec::new();
        for account in self.accounts(&block.place) {
            for set in &block.sets {
                tuples.extend(block.groups.iter().map(|group| pack(account, *set, *group)));
            }
        }
        tuples
    }

    fn note(&mut self, block: &Block) {
        for tuple in self.tuples(block) {
            let (account, set, group) = unpack(tuple);
            let at = (account * self.shape.sets + set) * self.shape.groups + group;
            let bit = 1 << (at % 64);
            if self.seen[at / 64] & bit == 0 {
                self.seen[at / 64] |= bit;
                self.distinct += 1;
            }
        }
    }

    /// Gives the access of some blocks to another group each.
    fn change(&mut self, blocks: &mut [Block]) {
        let wanted = (self.shape.grants as f64 * self.shape.changed / 2.0) as usize;
        let mut changed = 0;
        let step = blocks.len() / 50 + 1;
        let order = (0..step).flat_map(|first| (first..blocks.len()).step_by(step));
        for at in order.collect::<Vec<_>>() {
            if changed >= wanted {
                break;
            }
            let Some(block) = blocks.get_mut(at).filter(|block| block.groups.len() == 1) else {
                continue;
            };
            let accounts = self.accounts(&block.place).len();
            changed += accounts * block.sets.len();
            let usable = (self.shape.groups - 1).max(1);
            block.groups = vec![(block.groups[0] + usable / 2) % usable];
        }
    }
}
