// The data of the page, decoded, and the questions that views ask of it.
//
// Rows hold indices into tables of names; groups are expanded to people only for what is looked at.

const STATE = { present: 1, granted: 2, revoked: 4, unmanaged: 8, missing: 16, overdue: 32, stranger: 64, leftOver: 128 };

/** Decodes the data and builds the indices that views need. */
function readModel(text) {
  const data = JSON.parse(text);
  const rows = decodeRows(data);
  const model = { ...data, rows, unitOf: (account) => data.units[account.unit] ?? "" };
  model.rowsOfAccount = groupBy(rows, (row) => row.account, data.accounts.length);
  model.rowsOfSet = groupBy(rows, (row) => row.set, data.sets.length);
  model.rowsOfPrincipal = groupBy(rows, (row) => row.principal, data.principals.length);
  model.principalsOfPerson = principalsOfPerson(data);
  model.changesOfPerson = changesOfPerson(data);
  model.slugs = slugs(data);
  model.namesakes = new Set(data.namesakes);
  model.editedRole = new Map(data.edited.map((role) => [`${role.account} ${role.set}`, role]));
  return model;
}

function decodeRows(data) {
  const rows = [];
  let at = 0;
  for (let pair = 0; pair < data.suffixes.length; pair += 1) {
    const account = data.pairs[3 * pair];
    const set = data.pairs[3 * pair + 1];
    for (let left = data.pairs[3 * pair + 2]; left > 0; left -= 1) {
      const [principal, note, since, state] = [
        data.rows[at],
        data.rows[at + 1],
        data.rows[at + 2],
        data.rows[at + 3],
      ];
      rows.push({ account, set, pair, principal, note, since, state });
      at += 4;
    }
  }
  return rows;
}

function groupBy(rows, key, length) {
  const groups = Array.from({ length }, () => []);
  for (const row of rows) groups[key(row)].push(row);
  return groups;
}

/** For each person the groups that have it as a member, and the principal that is the person alone. */
function principalsOfPerson(data) {
  const found = data.people.map(() => []);
  data.principals.forEach((principal, index) => {
    (principal.members ?? []).forEach((person, place) => {
      const stranger = principal.undeclared?.includes(person) ?? false;
      found[person].push({ principal: index, joined: principal.joined?.[place] ?? -1, stranger });
    });
  });
  return found;
}

/** For each person what the plan changes, by "account set". */
function changesOfPerson(data) {
  const found = new Map();
  for (const change of data.people_changes) {
    for (const person of change.people) {
      if (!found.has(person)) found.set(person, new Map());
      for (const account of change.accounts) found.get(person).set(`${account} ${change.set}`, change);
    }
  }
  return found;
}

/** Names for addresses: what is looked at, without collisions. */
function slugs(data) {
  const unique = (names) => {
    const taken = new Map();
    const of = names.map((name) => {
      let slug = name;
      for (let count = 2; taken.has(slug); count += 1) slug = `${name}~${count}`;
      taken.set(slug, taken.size);
      return slug;
    });
    return { of, find: (slug) => taken.get(slug) };
  };
  return {
    person: unique(data.people.map(([, userName]) => userName)),
    principal: unique(data.principals.map((principal) => principal.name)),
    account: unique(data.accounts.map((account) => account.id)),
    set: unique(data.sets.map((set) => set.name)),
  };
}

const isPresent = (row) => (row.state & STATE.present) !== 0;
/** There as read, or to come with the plan. */
const isShown = (row) => (row.state & (STATE.present | STATE.granted)) !== 0;
const isChanged = (row) => (row.state & ~STATE.present) !== 0;

/** What becomes of a row: its class, its sign, and words for it. */
function fate(state) {
  if (state & STATE.granted && state & STATE.missing)
    return ["gains", "+", "gone from the service; the plan brings it back"];
  if (state & STATE.granted) return ["gains", "+", "comes with the plan"];
  if (state & STATE.revoked) return ["loses", "−", "goes with the plan"];
  if (state & STATE.missing) return ["missing", "∅", "applied, and gone from the service"];
  if (state & STATE.overdue) return ["unmanaged", "?", "expired, and still there"];
  if (state & STATE.unmanaged) return ["unmanaged", "?", "nobody declared it"];
  if (state & STATE.leftOver) return ["unmanaged", "?", "left over from who was deleted"];
  if (state & STATE.stranger) return STRANGER;
  return ["", "", ""];
}

/** A membership, though this stack writes the members of the group. */
const STRANGER = ["unmanaged", "?", "no block declares the membership"];

/** What becomes of a group's members: what the plan changes, and what was changed behind its back. */
function membersChange(principal) {
  const all = (list, kind, sign, words) => (list ?? []).map((person) => ({ person, kind, sign, words }));
  return [
    ...all(principal.joins, "gains", "+", "joins with the plan"),
    ...all(principal.leaves, "loses", "−", "leaves with the plan"),
    ...all(principal.undeclared, ...STRANGER),
    ...all(principal.gone, "missing", "∅", "was taken out behind the stack's back"),
  ];
}

/** The same in a sentence. */
function membersChangeText(model, principal) {
  const each = membersChange(principal).map(
    ({ person, sign, words }) => `${sign} ${called(model, person)} (${words})`,
  );
  return each.length === 0 ? "" : `members change: ${someOf(each, 8)}`;
}

/** The role of a set in an account where it holds something else than the set says. */
const editedRole = (model, row) => model.editedRole.get(`${row.account} ${row.set}`);

/** Whether a set in an account is administration: by itself, or by what its role holds. */
const administers = (model, row) =>
  model.sets[row.set].administrator === true || editedRole(model, row)?.administrator === true;

/** Whether a set in an account is marked, though it is no administration. */
const isMarked = (model, row) =>
  !administers(model, row) && Boolean(model.sets[row.set].risk || editedRole(model, row)?.risk);

/** The later of two dates: access through a group is as old as the younger of grant and membership. */
function laterSince(model, first, second) {
  if (first < 0 || second < 0) return Math.max(first, second);
  return model.since[first][1] >= model.since[second][1] ? first : second;
}

function sinceText(model, since, state) {
  if (since < 0 && state & STATE.present) return "not known";
  if (since < 0) return state & STATE.missing ? "it is gone" : "not yet";
  const [without, first] = model.since[since];
  return without < 0 ? `${model.times[first]} or before` : model.times[first];
}

/** The last reading that was still without it. */
function withoutText(model, since) {
  const without = since < 0 ? -1 : model.since[since][0];
  return without < 0 ? "" : `not there at ${model.times[without]}`;
}

/** The run that made it, as it journaled. */
function runOf(model, since) {
  return since < 0 ? undefined : model.runs[model.since[since][2]];
}

/** Whether it came between two readings, and no run of this stack made it. */
function isOthers(model, since) {
  return since >= 0 && model.since[since][0] >= 0 && runOf(model, since) === undefined;
}

function roleArn(model, row) {
  const suffix = model.suffixes[row.pair];
  const [head, middle, end] = model.role_arn;
  const account = model.accounts[row.account];
  const set = model.sets[row.set];
  if (head === undefined || suffix === "") return "";
  return head + account.id + middle + set.name + end + suffix;
}

/** A person's access: a line per account and set, with every path to it. */
function accessOfPerson(model, person) {
  const lines = new Map();
  const line = (account, set) => {
    const key = `${account} ${set}`;
    if (!lines.has(key)) lines.set(key, { account, set, paths: [], change: undefined });
    return lines.get(key);
  };
  for (const { principal, joined, stranger } of model.principalsOfPerson[person]) {
    for (const row of model.rowsOfPrincipal[principal]) {
      const since = isPresent(row) ? laterSince(model, row.since, joined) : -1;
      line(row.account, row.set).paths.push({ row, since, stranger });
    }
  }
  for (const [key, change] of model.changesOfPerson.get(person) ?? []) {
    const [account, set] = key.split(" ").map(Number);
    line(account, set).change = change;
  }
  const sorted = [...lines.values()];
  sorted.sort((a, b) => a.account - b.account || a.set - b.set);
  return sorted;
}

/** What becomes of a person's line: what the plan says of the person, else what it says of all paths. */
function fateOfLine(line) {
  if (line.change?.change === "gains") return ["gains", "+", "gains it with the plan"];
  if (line.change?.change === "longer") return ["gains", "+", "keeps it for longer with the plan"];
  if (line.change?.change === "loses") return ["loses", "−", "loses it with the plan"];
  if (line.change?.change === "keeps") return ["keeps", "=", "keeps it through another path"];
  const states = line.paths.map((path) => path.row.state | (path.stranger ? STATE.stranger : 0));
  const there = states.filter((state) => state & STATE.present);
  if (there.length === 0) return fate(states.find((state) => state & STATE.missing) ?? 0);
  const wrong = STATE.unmanaged | STATE.overdue | STATE.stranger;
  const marked = states.find((state) => state & STATE.present && state & wrong);
  return fate(marked === undefined ? 0 : marked & ~(STATE.granted | STATE.revoked));
}

const number = (count) => count.toLocaleString("en-US");
const counted = (count, thing) => `${number(count)} ${thing}${count === 1 ? "" : "s"}`;
const people = (count) => (count === 1 ? "1 person" : `${number(count)} people`);
