// The pages of a person, a group, an account and a permission set.

const PAGES = {
  person: (model, slug) => personPage(model, model.slugs.person.find(slug)),
  group: (model, slug) => groupPage(model, model.slugs.principal.find(slug)),
  account: (model, slug) => accountPage(model, model.slugs.account.find(slug)),
  set: (model, slug) => setPage(model, model.slugs.set.find(slug)),
};

/** The parts of a page; undefined when nothing has that name. */
function pageParts(model, kind, slug) {
  return PAGES[kind](model, slug);
}

function heading(kind, title, ...after) {
  return el("h1", { tabindex: "-1" }, el("span", { class: "kind" }, kind), " ", title, ...after);
}

function facts(...pairs) {
  const shown = pairs.filter(([, value]) => value !== "" && value !== undefined);
  return el(
    "dl",
    { class: "facts" },
    shown.map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value))),
  );
}

function joined(parts) {
  return parts.flatMap((part, index) => (index === 0 ? [part] : [", ", part]));
}

// A person.

function personPage(model, person) {
  if (person === undefined) return undefined;
  const [name, userName] = model.people[person];
  const lines = accessOfPerson(model, person);
  const there = lines.filter((line) => line.paths.some((path) => isPresent(path.row)));
  const accounts = new Set(there.map((line) => line.account)).size;
  const administered = there.filter((line) => administers(model, line));
  const shown = lines.filter((line) => fateOfLine(line)[0] !== "");
  const changed = shown.filter((line) => line.change !== undefined);
  const wrong = shown.filter((line) => line.change === undefined);
  const sets = alteredSets(model, there);
  return [
    heading("person", name),
    facts(
      ["User name", userName],
      ["May enter", `${counted(accounts, "account")}, with ${counted(there.length, "role")}`],
      [
        "Administers",
        administered.length === 0
          ? "nothing"
          : joined(administered.slice(0, 12).map((line) => accountLink(model, line.account))),
      ],
      ["Changes with the plan", changed.length === 0 ? "" : counted(changed.length, "role")],
      ["Of other content with the plan", sets],
      ["Not as declared", wrong.length === 0 ? "" : counted(wrong.length, "role")],
    ),
    el("h2", {}, "Groups"),
    groupsOfPerson(model, person),
    el("h2", {}, "Access"),
    there.length + shown.length === 0 ? el("p", {}, "None.") : personTable(model, lines),
  ];
}

/** Sets among these lines of which the plan changes what they allow; nothing without any. */
function alteredSets(model, lines) {
  const sets = new Set(lines.map((line) => line.set).filter((set) => model.sets[set].altered !== undefined));
  return sets.size === 0 ? "" : joined([...sets].sort((a, b) => a - b).map((set) => setLink(model, set)));
}

function groupsOfPerson(model, person) {
  const groups = model.principalsOfPerson[person].filter(
    ({ principal }) => model.principals[principal].kind === "group",
  );
  if (groups.length === 0) return el("p", {}, "In no group.");
  const item = ({ principal, joined: since, stranger }) =>
    el(
      "li",
      {},
      principalLink(model, principal),
      " ",
      el("span", { class: "aside" }, `member since ${sinceText(model, since, STATE.present)}`),
      stranger ? [" ", badge(STRANGER)] : "",
    );
  return el("ul", {}, groups.map(item));
}

/** A person's access: accounts that differ in nothing else share a row, with every path in it. */
function personTable(model, lines) {
  const alike = (line) => {
    const paths = line.paths.map(({ row, since }) => `${row.principal}/${row.note}/${since}/${row.state}`);
    const edits = editedRole(model, line)?.edits ?? [];
    const planned = line.paths.length > 0 ? [] : plannedRows(model, line).map((row) => `${row.principal}/${row.note}`);
    return [line.set, fateOfLine(line)[2], ...paths, ...edits, ...planned].join(" ");
  };
  const headings = ["Permission set", "Accounts", "Through", "Since", "Declared by", "Change"];
  const groups = [...gathered(lines, alike)].sort((a, b) => byRisk(model, a[0], b[0]));
  return table("Access of a person", headings, groups, (group) => personRows(model, group));
}

/** Administration first, then by name. */
function byRisk(model, first, second) {
  const marked = (row) => model.sets[row.set].risk || editedRole(model, row)?.risk;
  const rank = (row) => (administers(model, row) ? 0 : marked(row) ? 1 : 2);
  return rank(first) - rank(second) || first.set - second.set;
}

/** A row for each path; what all paths share spans them. */
function personRows(model, group) {
  const [line] = group;
  const paths = line.paths.length > 0 ? line.paths : [undefined];
  const arns = arnList(
    model,
    group.flatMap((one) => one.paths.slice(0, 1)).map((path) => path.row),
  );
  return paths.map((path, place) => {
    const span = place === 0 ? { rowspan: paths.length } : undefined;
    const last = place === paths.length - 1;
    return el(
      "tr",
      { class: last ? "" : "joined" },
      span &&
        el(
          "th",
          { scope: "rowgroup", ...span },
          setLink(model, line.set),
          becauseOf(model.sets[line.set]),
          editsOf(model, line),
        ),
      span &&
        el(
          "td",
          span,
          accountList(
            model,
            group.map((one) => one.account),
          ),
          arns,
        ),
      pathCells(model, line, path),
      span && el("td", span, badge(fateOfLine(line))),
    );
  });
}

function pathCells(model, line, path) {
  if (path === undefined) {
    const via = joined((line.change?.via ?? []).map((at) => principalLink(model, at)));
    const blocks = line.change === undefined ? "" : plannedBlocks(model, line);
    return [el("td", {}, via), el("td", {}, "not yet"), el("td", {}, blocks)];
  }
  const { row } = path;
  const direct = model.principals[row.principal].kind === "user";
  return [
    el(
      "td",
      {},
      direct ? "directly" : principalLink(model, row.principal),
      path.stranger ? [" ", badge(STRANGER)] : "",
    ),
    el("td", {}, sinceCell(model, path.since, row.state)),
    el("td", {}, blocksOf(model, row.note)),
  ];
}

/** The assignments by which the plan gives somebody access who has none there yet. */
function plannedRows(model, line) {
  const through = (at) => rowsOfPair(model, at).get(`${line.account} ${line.set}`) ?? [];
  return (line.change?.via ?? []).flatMap(through).filter((row) => isShown(row));
}

/** A principal's rows by account and set: looked for once, as pages have a line for each. */
function rowsOfPair(model, at) {
  model.rowsOfPair ??= new Map();
  if (!model.rowsOfPair.has(at)) {
    const rows = new Map();
    for (const row of model.rowsOfPrincipal[at]) {
      const pair = `${row.account} ${row.set}`;
      rows.set(pair, [...(rows.get(pair) ?? []), row]);
    }
    model.rowsOfPair.set(at, rows);
  }
  return model.rowsOfPair.get(at);
}

/** Things that are alike, in the order of the first of each. */
function gathered(things, alike) {
  const groups = new Map();
  for (const thing of things) {
    const key = alike(thing);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(thing);
  }
  return groups.values();
}

/** Accounts by name, the first of many; how many are in production is said in words. */
function accountList(model, accounts) {
  if (accounts.length === 1) return el("span", { class: "accounts" }, accountLink(model, accounts[0]));
  const production = accounts.filter((account) => model.accounts[account].production).length;
  const some = production > 0 ? `, ${number(production)} in production` : "";
  const shown = (account) => link("account", model.slugs.account.of[account], model.accounts[account].name);
  const list = el("span", { class: "accounts" }, `${counted(accounts.length, "account")}${some}: `);
  const rest = accounts.length > MOST_LISTED + 5 ? accounts.slice(MOST_LISTED) : [];
  list.append(...joined(accounts.slice(0, accounts.length - rest.length).map(shown)));
  if (rest.length > 0) {
    const more = el("button", { type: "button" }, `${number(rest.length)} more`);
    more.addEventListener("click", () => more.replaceWith(...joined(rest.map(shown))));
    list.append(" … ", more);
  }
  return list;
}

const MOST_LISTED = 30;

/** The roles' ARNs: at once where there is one, on demand where there are many. */
function arnList(model, rows) {
  const arns = rows.map((row) => roleArn(model, row)).filter((arn) => arn !== "");
  if (arns.length <= 1) return arns.map((arn) => el("code", { class: "block arn" }, arn));
  const list = el("details", {}, el("summary", {}, `${arns.length} role ARNs`));
  list.addEventListener("toggle", () => {
    if (list.open && list.children.length === 1)
      list.append(...arns.map((arn) => el("code", { class: "block arn" }, arn)));
  });
  return list;
}

// A group.

function groupPage(model, index) {
  if (index === undefined) return undefined;
  const principal = model.principals[index];
  const rows = model.rowsOfPrincipal[index];
  const members = (principal.members ?? []).map((person, place) => ({
    person,
    since: principal.joined?.[place] ?? -1,
  }));
  const accounts = new Set(rows.filter(isPresent).map((row) => row.account)).size;
  const strangers = new Set(principal.undeclared ?? []);
  members.sort((a, b) => Number(strangers.has(b.person)) - Number(strangers.has(a.person)));
  const memberTable = table("Members", ["Person", "Member since", "Declared"], members, ({ person, since }) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, personLink(model, person)),
      el("td", {}, sinceCell(model, since, STATE.present)),
      el("td", {}, strangers.has(person) ? badge(STRANGER) : ""),
    ),
  );
  return [
    heading(principal.kind, principal.name),
    facts(
      ["Members", principal.members ? people(members.length) : "not known"],
      ["Reaches", counted(accounts, "account")],
      ["Assignments", number(rows.filter(isPresent).length)],
    ),
    el("h2", {}, "Assignments"),
    rows.length === 0 ? el("p", {}, "None.") : assignmentTable(model, rows, "principal"),
    el("h2", {}, "Members"),
    principal.members
      ? members.length === 0
        ? el("p", {}, "Nobody.")
        : memberTable
      : el("p", {}, "They could not be read."),
  ];
}

// An account.

function accountPage(model, index) {
  if (index === undefined) return undefined;
  const account = model.accounts[index];
  const rows = model.rowsOfAccount[index];
  const there = rows.filter(isPresent);
  const everyone = peopleOf(model, rows);
  const administrators = everyone.filter((line) => administers(model, line.row));
  const count = (lines) =>
    new Set(lines.filter((line) => isPresent(line.row)).map((line) => line.person)).size;
  const all = el(
    "details",
    {},
    el("summary", {}, `Everyone with access, person by person (${number(everyone.length)} paths)`),
  );
  all.addEventListener("toggle", () => {
    if (all.open && all.children.length === 1)
      all.append(peopleTable(model, "Everyone with access", everyone));
  });
  return [
    heading("account", account.name, ...accountMarks(account)),
    facts(
      ["Account id", account.id],
      ["Unit", model.unitOf(account)],
      ["Production because of", account.because ?? ""],
      ["People with access", number(count(everyone))],
      ["Of them administrators", number(count(administrators))],
      ["Of other content with the plan", alteredSets(model, there)],
      ["Assignments", number(there.length)],
    ),
    el("h2", {}, "Who administers it"),
    administrators.length === 0
      ? el("p", { class: "good" }, "Nobody.")
      : peopleTable(model, "Administrators", administrators),
    ...changesHere(model, index),
    el("h2", {}, "Assignments"),
    rows.length === 0 ? el("p", {}, "None.") : assignmentTable(model, rows, "account"),
    all,
  ];
}

/** What a plan changes for people in an account, also for those who only join or leave a group; nothing without any. */
function changesHere(model, index) {
  const here = model.people_changes.filter((change) => change.accounts.includes(index));
  if (here.length === 0) return [];
  here.sort((a, b) => byRisk(model, { account: index, set: a.set }, { account: index, set: b.set }));
  const words = {
    gains: ["gains", "+", "gain it with the plan"],
    loses: ["loses", "−", "lose it with the plan"],
    longer: ["gains", "+", "keep it for longer with the plan"],
    keeps: ["keeps", "=", "keep it through another path"],
  };
  const rows = table("What the plan changes here", ["Who", "Permission set", "Through", "Declared by", "Change"], here, (change) =>
    el(
      "tr",
      { class: change.change },
      el("th", { scope: "row" }, personList(model, change.people)),
      el("td", {}, setLink(model, change.set)),
      el("td", {}, joined(change.via.map((at) => principalLink(model, at)))),
      el("td", {}, plannedBlocks(model, { account: index, set: change.set, change })),
      el("td", {}, badge(words[change.change] ?? ["unknown", "?", "members not known"])),
    ),
  );
  return [el("h2", {}, "What the plan changes here"), rows];
}

/** The blocks of what comes; what goes has none any more. */
function plannedBlocks(model, line) {
  if (line.change.change === "loses") return "";
  const notes = new Set(plannedRows(model, line).map((row) => row.note));
  return [...notes].map((note) => blocksOf(model, note));
}

/** People by name, the first of many. */
function personList(model, everyone) {
  const shown = (person) => personLink(model, person);
  if (everyone.length === 0) return "members not known";
  const list = el("span", {}, everyone.length === 1 ? "" : `${people(everyone.length)}: `);
  const rest = everyone.length > MOST_LISTED + 5 ? everyone.slice(MOST_LISTED) : [];
  list.append(...joined(everyone.slice(0, everyone.length - rest.length).map(shown)));
  if (rest.length > 0) {
    const more = el("button", { type: "button" }, `${number(rest.length)} more`);
    more.addEventListener("click", () => more.replaceWith(...joined(rest.map(shown))));
    list.append(" … ", more);
  }
  return list;
}

/** Rows expanded to people; a group whose members are not known stays one line. */
function peopleOf(model, rows) {
  const lines = rows.flatMap((row) => {
    const principal = model.principals[row.principal];
    if (!principal.members) return [{ row, person: undefined, since: row.since }];
    return principal.members.map((person, place) => ({
      row,
      person,
      stranger: principal.undeclared?.includes(person) ?? false,
      since:
        principal.kind === "group" && isPresent(row)
          ? laterSince(model, row.since, principal.joined?.[place] ?? -1)
          : row.since,
    }));
  });
  const name = (line) => (line.person === undefined ? -1 : line.person);
  return lines.sort((a, b) => a.row.set - b.row.set || name(a) - name(b));
}

function peopleTable(model, caption, lines) {
  return table(
    caption,
    ["Person", "Through", "Permission set", "Since", "Declared by", "Change"],
    lines,
    (line) => {
      const { row } = line;
      const principal = model.principals[row.principal];
      const whole = fate(row.state | (line.stranger && isPresent(row) ? STATE.stranger : 0));
      return el(
        "tr",
        { class: whole[0] },
        el(
          "th",
          { scope: "row" },
          line.person === undefined ? "members not known" : personLink(model, line.person),
        ),
        el("td", {}, principal.kind === "user" ? "directly" : principalLink(model, row.principal)),
        el("td", {}, setLink(model, row.set), becauseOf(model.sets[row.set]), editsOf(model, row)),
        el("td", {}, sinceCell(model, line.since, row.state)),
        el("td", {}, blocksOf(model, row.note)),
        el("td", {}, badge(whole)),
      );
    },
  );
}

// A permission set.

function setPage(model, index) {
  if (index === undefined) return undefined;
  const set = model.sets[index];
  const rows = model.rowsOfSet[index];
  const there = rows.filter(isPresent);
  const reached = new Set(there.flatMap((row) => model.principals[row.principal].members ?? [])).size;
  return [
    heading("permission set", set.name, ...(set.risk ? [" ", risk(set)] : []), altered(set)),
    facts(
      ["Marked because of", (set.because ?? []).join(", ")],
      ["Marked with the plan because of", set.altered?.graver ? (set.altered.because ?? []).join(", ") : ""],
      ["Description", set.description],
      ["Session", set.session],
      [
        "Made of",
        set.policies.length === 0
          ? "nothing"
          : set.policies.map((line) => el("code", { class: "block" }, line)),
      ],
      ["Accounts", number(new Set(there.map((row) => row.account)).size)],
      ["People", number(reached)],
    ),
    el("h2", {}, "Assignments"),
    rows.length === 0 ? el("p", {}, "It is assigned to nobody.") : assignmentTable(model, rows, "set"),
  ];
}

/** Assignments as rows; what the page is about has no column, and rows that differ in nothing but the account are one. */
function assignmentTable(model, rows, about) {
  const alike = (row) =>
    [row.set, row.principal, row.note, row.since, row.state, ...(editedRole(model, row)?.edits ?? [])].join(" ");
  const groups = about === "" ? rows.map((row) => [row]) : [...gathered(rows, alike)];
  if (about !== "") groups.sort((a, b) => byRisk(model, a[0], b[0]));
  const unit = (row) => el("span", { class: "block aside" }, model.unitOf(model.accounts[row.account]));
  const account = (group) => {
    const where =
      about === ""
        ? [accountLink(model, group[0].account), unit(group[0])]
        : [
            accountList(
              model,
              group.map((row) => row.account),
            ),
          ];
    return [...where, arnList(model, group)];
  };
  const columns = [
    [
      "set",
      "Permission set",
      (group) => [
        setLink(model, group[0].set),
        becauseOf(model.sets[group[0].set]),
        editsOf(model, group[0]),
        about === "account" ? arnList(model, group) : "",
      ],
    ],
    ["principal", "Who", ([row]) => [principalLink(model, row.principal), membersOf(model, row.principal)]],
    ["account", "Accounts", account],
    ["", "Since", ([row]) => sinceCell(model, row.since, row.state)],
    ["", "Declared by", ([row]) => blocksOf(model, row.note)],
    ["", "Change", ([row]) => badge(fate(row.state))],
  ].filter(([name]) => name !== about || about === "");
  const titles = columns.map(([, title]) => title);
  return table("Assignments", titles, groups, (group) =>
    el(
      "tr",
      { class: fate(group[0].state)[0] },
      columns.map(([, , cell], place) =>
        el(place === 0 ? "th" : "td", place === 0 ? { scope: "row" } : {}, cell(group)),
      ),
    ),
  );
}

function membersOf(model, index) {
  const principal = model.principals[index];
  if (principal.kind !== "group") return "";
  if (!principal.members) return el("span", { class: "block aside" }, "members not known");
  const strangers = principal.undeclared ?? [];
  const first = [...strangers, ...principal.members.filter((person) => !strangers.includes(person))].slice(0, 5);
  const names = first.map(
    (person) => called(model, person) + (strangers.includes(person) ? " (? no block declares the membership)" : ""),
  );
  const rest = principal.members.length - names.length;
  const list = rest > 0 ? `${names.join(", ")} … ${number(rest)} more` : names.join(", ");
  return el(
    "span",
    { class: "block aside" },
    names.length === 0 ? "nobody" : `${people(principal.members.length)}: ${list}`,
  );
}
