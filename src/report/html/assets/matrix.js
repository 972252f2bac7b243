// The matrix: who or what in rows, accounts in columns, only what is in sight drawn; and the list of the same rows.

const CELL = { width: 36, height: 30, head: 168 };

/** What the filters leave: rows of the matrix in order, each with its cells by account, and the accounts. */
function filtered(model, filters) {
  const has = (text, ...parts) => parts.some((part) => part.toLowerCase().includes(text));
  const account = model.accounts.map(
    (one) =>
      has(filters.where, one.name, one.id, model.unitOf(one)) &&
      (!filters.production || one.production === true),
  );
  const set = model.sets.map(
    (one) => has(filters.set, one.name),
  );
  const person = model.people.map(([name, user]) => has(filters.who, name, user));
  const principal = model.principals.map((one) => has(filters.who, one.name));
  const reaches = model.principals.map(
    (one, index) => principal[index] || (one.members ?? []).some((at) => person[at]),
  );
  const passes = (row) => account[row.account] && set[row.set] && (!filters.risky || administers(model, row));
  // Access of whoever joins or leaves a group changes, though no assignment does.
  const moving = model.principals.map((one) => membersChange(one).length > 0);
  const where = (row) => passes(row) && (!filters.changed || isChanged(row) || moving[row.principal]);
  const masks = { account, set, person, principal, where, passes, changed: filters.changed };
  if (filters.rows === "people") return byPeople(model, masks);
  const rows = model.rows.filter((row) => where(row) && reaches[row.principal]);
  const bySet = filters.rows === "sets";
  return { lines: grouped(rows, (row) => (bySet ? row.set : row.principal)), rows };
}

function grouped(rows, key) {
  const lines = new Map();
  for (const row of rows) {
    const at = key(row);
    if (!lines.has(at)) lines.set(at, { at, rows: [] });
    lines.get(at).rows.push(row);
  }
  return [...lines.values()].sort((a, b) => a.at - b.at);
}

/** Rows are put together only for the people in sight; until then a line knows that it has some. */
function byPeople(model, masks) {
  const rowsOf = remembered((principal) => model.rowsOfPrincipal[principal].filter(rowFilter(masks)));
  const lines = [];
  const seen = new Set();
  model.people.forEach((_, at) => {
    const changes = changesFor(model, at, masks);
    const mine = masks.changed ? new Set(changes.map(([key]) => key)) : undefined;
    const rowsFor = (principal) =>
      mine?.size > 0 ? changedRows(model, principal, masks, mine) : rowsOf(principal);
    const principals = model.principalsOfPerson[at]
      .map(({ principal }) => principal)
      .filter(
        (principal) => (masks.person[at] || masks.principal[principal]) && rowsFor(principal).length > 0,
      );
    if (principals.length + changes.length === 0) return;
    principals.forEach((principal) => seen.add(principal));
    lines.push({ at, load: () => principals.flatMap(rowsFor), changes });
  });
  return { lines, rows: [...seen].sort((a, b) => a - b).flatMap(rowsOf) };
}

function remembered(make) {
  const known = new Map();
  return (key) => {
    if (!known.has(key)) known.set(key, make(key));
    return known.get(key);
  };
}

/** With "only changed", drift counts here; what the plan changes is said person by person. */
function rowFilter(masks) {
  const drifted = STATE.unmanaged | STATE.missing | STATE.overdue | STATE.leftOver;
  return (row) =>
    masks.passes(row) && (!masks.changed || (row.state & drifted) !== 0);
}

function changedRows(model, principal, masks, changes) {
  const passes = rowFilter(masks);
  return model.rowsOfPrincipal[principal].filter(
    (row) => passes(row) || changes.has(`${row.account} ${row.set}`),
  );
}

function changesFor(model, person, masks) {
  const changes = model.changesOfPerson.get(person);
  if (changes === undefined || !masks.person[person]) return [];
  return [...changes].filter(([key]) => {
    const [account, set] = key.split(" ").map(Number);
    return masks.passes({ account, set });
  });
}

/** What one cell shows: its text, class, and words. */
function cellOf(model, mode, line, account) {
  const rows = line.cells.get(account) ?? [];
  const changes = (line.changesByAccount.get(account) ?? []).map(([, change]) => change.change);
  const what = (row) => (mode === "sets" ? row.principal : row.set);
  const there = new Set(rows.filter(isPresent).map(what));
  const risky = rows.some((row) => administers(model, row) && isShown(row));
  const wayUp = rows.some((row) => isMarked(model, row) && isShown(row));
  const kinds = new Set();
  for (const row of rows) {
    const [kind] = fate(mode === "people" ? ofPerson(row, there) : row.state);
    if (kind !== "") kinds.add(kind);
  }
  if (changes.includes("gains")) kinds.add("gains");
  if (changes.includes("loses")) kinds.add("loses");
  const kind =
    kinds.has("gains") && kinds.has("loses") ? "mixed" : ([...kinds][0] ?? (there.size > 0 ? "has" : ""));
  const sign = { gains: "+", loses: "−", mixed: "±", unmanaged: "?", missing: "∅" }[kind] ?? "";
  const count = there.size > 0 ? String(there.size) : "";
  return { text: `${sign}${count}${risky ? "!" : wayUp ? "^" : ""}`, kind, risky, wayUp, count: there.size, rows };
}

/** What a row's state means for a person: the plan says of people what becomes of them, and another path may stay. */
function ofPerson(row, there) {
  if (!isPresent(row) && there.has(row.set)) return 0;
  return row.state & ~(STATE.granted | STATE.revoked);
}

function describe(model, mode, line, account, cell) {
  const where = model.accounts[account].name;
  const who = titleOf(model, mode, line);
  if (cell.text === "") return `${who}, ${where}: nothing`;
  const names = new Set(
    cell.rows.map((row) =>
      mode === "sets" ? model.principals[row.principal].name : model.sets[row.set].name,
    ),
  );
  const words = {
    gains: "comes with the plan",
    loses: "goes with the plan",
    mixed: "comes and goes with the plan",
  };
  const more = { ...words, unmanaged: "not declared, overdue or left over", missing: "applied, and gone" }[cell.kind];
  const parts = [[...names].slice(0, 6).join(", "), more, cell.risky ? "administration" : cell.wayUp ? "privilege escalation or sensitive" : undefined];
  return `${who}, ${where}: ${parts.filter((part) => part).join("; ")}`;
}

function titleOf(model, mode, line) {
  if (mode === "people") return called(model, line.at);
  return mode === "sets" ? model.sets[line.at].name : model.principals[line.at].name;
}

function pageOf(model, mode, line) {
  if (mode === "people") return `#person=${encodeURIComponent(model.slugs.person.of[line.at])}`;
  if (mode === "sets") return `#set=${encodeURIComponent(model.slugs.set.of[line.at])}`;
  const principal = model.principals[line.at];
  if (principal.kind === "user" && principal.members.length === 1) {
    return `#person=${encodeURIComponent(model.slugs.person.of[principal.members[0]])}`;
  }
  return `#group=${encodeURIComponent(model.slugs.principal.of[line.at])}`;
}

/** The cells of a line by account; made when the line is first drawn. */
function prepare(line) {
  if (line.cells) return line;
  line.rows ??= line.load();
  line.cells = new Map();
  for (const row of line.rows) {
    if (!line.cells.has(row.account)) line.cells.set(row.account, []);
    line.cells.get(row.account).push(row);
  }
  line.changesByAccount = new Map();
  for (const change of line.changes ?? []) {
    const account = Number(change[0].split(" ")[0]);
    if (!line.changesByAccount.has(account)) line.changesByAccount.set(account, []);
    line.changesByAccount.get(account).push(change);
  }
  return line;
}

/** The grid that draws what is in sight. */
class Grid {
  constructor(model, element, onCell) {
    this.model = model;
    this.element = element;
    this.onCell = onCell;
    this.active = { row: 0, column: 0 };
    this.inner = el("div", { class: "inner", role: "presentation" });
    element.append(this.inner);
    element.addEventListener("scroll", () => this.schedule());
    element.addEventListener("keydown", (event) => this.key(event));
    element.addEventListener("click", (event) => this.click(event));
    new ResizeObserver(() => this.schedule()).observe(element);
  }

  show(mode, lines, accounts) {
    Object.assign(this, { mode, lines, accounts, active: { row: 0, column: 0 } });
    this.side = this.element.clientWidth < 640 ? 140 : 250;
    this.element.style.setProperty("--side", `${this.side}px`);
    this.element.setAttribute("aria-rowcount", lines.length + 1);
    this.element.setAttribute("aria-colcount", accounts.length + 1);
    this.inner.style.width = `${this.side + accounts.length * CELL.width}px`;
    this.inner.style.height = `${CELL.head + lines.length * CELL.height}px`;
    // Room for the bar by which it is scrolled sideways.
    this.element.style.height = `${CELL.head + lines.length * CELL.height + 18}px`;
    this.element.scrollTo(0, 0);
    this.draw();
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  range() {
    const { scrollTop, scrollLeft, clientHeight, clientWidth } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / CELL.height) - 2);
    const left = Math.max(0, Math.floor(scrollLeft / CELL.width) - 2);
    return {
      first,
      last: Math.min(this.lines.length, first + Math.ceil(clientHeight / CELL.height) + 4),
      left,
      right: Math.min(this.accounts.length, left + Math.ceil(clientWidth / CELL.width) + 4),
    };
  }

  draw() {
    this.frame = undefined;
    if (!this.lines) return;
    const range = this.range();
    const rows = [this.head(range)];
    for (let at = range.first; at < range.last; at += 1) rows.push(this.line(at, range));
    this.inner.replaceChildren(...rows);
    const active = document.getElementById("active-cell");
    if (active) this.element.setAttribute("aria-activedescendant", "active-cell");
    else this.element.removeAttribute("aria-activedescendant");
  }

  is(row, column) {
    return this.active.row === row && this.active.column === column;
  }

  head(range) {
    const head = el("div", { class: "head", role: "row", "aria-rowindex": 1 });
    head.append(
      el("div", { class: "corner", role: "columnheader", "aria-colindex": 1 }, cornerOf(this.mode)),
    );
    for (const band of this.bands(range)) head.append(band);
    for (let at = range.left; at < range.right; at += 1) {
      const account = this.model.accounts[this.accounts[at]];
      const shown = el("span", {}, account.name);
      const title = `${account.name} (${account.id}) in ${this.model.unitOf(account) || "no known unit"}`;
      const cell = el(
        "div",
        { class: "column", role: "columnheader", "aria-colindex": at + 2, title },
        shown,
      );
      if (account.production) cell.classList.add("production");
      this.mark(cell, -1, at);
      cell.style.left = `${this.side + at * CELL.width}px`;
      head.append(cell);
    }
    return head;
  }

  /** The units above their accounts. */
  bands(range) {
    const bands = [];
    for (let at = range.left; at < range.right;) {
      const unit = this.model.accounts[this.accounts[at]].unit;
      let end = at;
      while (end < range.right && this.model.accounts[this.accounts[end]].unit === unit) end += 1;
      const name = unit < 0 ? "" : this.model.units[unit];
      // Where there is little room, the last part of the path says most.
      const fits = name.length * 7 < (end - at) * CELL.width;
      const shown = fits ? name : name.slice(name.lastIndexOf("/") + 1);
      const band = el("div", { class: "band", role: "presentation", title: name }, el("span", {}, shown));
      band.style.left = `${this.side + at * CELL.width}px`;
      band.style.width = `${(end - at) * CELL.width}px`;
      bands.push(band);
      at = end;
    }
    return bands;
  }

  line(at, range) {
    const line = prepare(this.lines[at]);
    const row = el("div", { class: at % 2 ? "line odd" : "line", role: "row", "aria-rowindex": at + 2 });
    row.style.top = `${CELL.head + at * CELL.height}px`;
    const title = titleOf(this.model, this.mode, line);
    const side = el("div", { class: "side", role: "rowheader", "aria-colindex": 1, title });
    side.append(el("a", { href: pageOf(this.model, this.mode, line), tabindex: "-1" }, title));
    this.mark(side, at, -1);
    const moves = membersChangeOf(this.model, this.mode, line);
    if (moves !== "") {
      side.title = `${title}: ${moves}`;
      side.prepend(el("span", { class: "moves" }, "± "), el("span", { class: "visually-hidden" }, `${moves}: `));
    }
    row.append(side);
    for (let column = range.left; column < range.right; column += 1) {
      const account = this.accounts[column];
      const shown = cellOf(this.model, this.mode, line, account);
      if (shown.text === "" && !this.is(at, column)) continue;
      const label = describe(this.model, this.mode, line, account, shown);
      const attributes = { class: `cell ${shown.kind}`, role: "gridcell", "aria-colindex": column + 2 };
      const cell = el("div", { ...attributes, "aria-label": label, title: label }, shown.text);
      if (shown.risky) cell.classList.add("risky");
      else if (shown.wayUp) cell.classList.add("way-up");
      cell.style.left = `${this.side + column * CELL.width}px`;
      cell.dataset.row = at;
      cell.dataset.column = column;
      this.mark(cell, at, column);
      row.append(cell);
    }
    return row;
  }

  mark(cell, row, column) {
    cell.dataset.row = row;
    cell.dataset.column = column;
    if (!this.is(row, column)) return;
    cell.id = "active-cell";
    cell.setAttribute("aria-selected", "true");
  }

  click(event) {
    const cell = event.target.closest("[data-row]");
    if (!cell || event.target.closest("a")) return;
    this.active = { row: Number(cell.dataset.row), column: Number(cell.dataset.column) };
    this.draw();
    this.open();
  }

  open() {
    const { row, column } = this.active;
    if (row < 0 && column >= 0) {
      location.hash = `account=${encodeURIComponent(this.model.slugs.account.of[this.accounts[column]])}`;
    } else if (column < 0 && row >= 0) {
      location.hash = pageOf(this.model, this.mode, this.lines[row]).slice(1);
    } else if (row >= 0) {
      this.onCell(this.lines[row], this.accounts[column]);
    }
  }

  key(event) {
    const page = Math.max(1, Math.floor((this.element.clientHeight - CELL.head) / CELL.height) - 1);
    const { row, column } = this.active;
    const last = this.lines.length - 1;
    const moves = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      PageUp: [row - page, column],
      PageDown: [row + page, column],
      Home: event.ctrlKey ? [0, column] : [row, -1],
      End: event.ctrlKey ? [last, column] : [row, this.accounts.length - 1],
    };
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.open();
      return;
    }
    const to = moves[event.key];
    if (!to || this.lines.length === 0) return;
    event.preventDefault();
    const within = (value, least, most) => Math.min(Math.max(value, least), most);
    this.active = { row: within(to[0], -1, last), column: within(to[1], -1, this.accounts.length - 1) };
    this.reveal();
    this.draw();
  }

  reveal() {
    const { row, column } = this.active;
    const { element } = this;
    const top = row * CELL.height;
    const bottom = top + CELL.height - (element.clientHeight - CELL.head);
    if (row >= 0) element.scrollTop = Math.max(Math.min(element.scrollTop, top), bottom);
    const left = column * CELL.width;
    const right = left + CELL.width - (element.clientWidth - this.side);
    if (column >= 0) element.scrollLeft = Math.max(Math.min(element.scrollLeft, left), right);
  }
}

function cornerOf(mode) {
  return { people: "People", sets: "Permission sets", groups: "Groups and people with access of their own" }[
    mode
  ];
}

/** What becomes of the members of the group that a line is for; nothing for other lines. */
const membersChangeOf = (model, mode, line) =>
  mode === "groups" ? membersChangeText(model, model.principals[line.at]) : "";

/** What the rows do not show by their cells: groups whose members change, and where to see whom that gives access. */
function membersChangeNote(model, mode, rows) {
  if (mode === "people") return [];
  const groups = [...new Set(rows.map((row) => row.principal))]
    .map((at) => model.principals[at])
    .filter((principal) => membersChange(principal).length > 0);
  if (groups.length === 0) return [];
  const lines = groups
    .slice(0, MOST_MOVING)
    .map((group) => el("li", {}, el("span", { class: "mark mixed" }, "±"), ` ${group.name}: ${membersChangeText(model, group)}`));
  const rest = groups.length - lines.length;
  return [
    el(
      "p",
      {},
      `The members of ${counted(groups.length, "group")} here change, by which people gain or lose access that no cell below shows: see `,
      el("a", { href: "#matrix?rows=people&changed=1" }, "People"),
      ".",
    ),
    el("ul", {}, lines, rest > 0 ? el("li", {}, `… ${number(rest)} more`) : ""),
  ];
}

const MOST_MOVING = 12;

/** How much goes on paper: accounts side by side, and cells in all. */
const PRINTED = { accounts: 20, cells: 120000 };

/** The matrix for paper: every row, in tables of as many accounts as fit on a page side by side. */
function printedMatrix({ model, mode, lines, accounts }) {
  const tables = [];
  let room = PRINTED.cells;
  let missing = 0;
  for (let from = 0; from < accounts.length; from += PRINTED.accounts) {
    const some = accounts.slice(from, from + PRINTED.accounts);
    const rows = [];
    for (const line of lines) {
      prepare(line);
      if (!some.some((account) => line.cells.has(account) || line.changesByAccount.has(account))) continue;
      if (room < some.length) {
        missing += 1;
        continue;
      }
      room -= some.length;
      rows.push(printedLine(model, mode, line, some));
    }
    if (rows.length > 0) tables.push(printedTable(model, mode, some, rows, from, accounts.length));
  }
  const parts = tables.length > 1 ? ` in ${number(tables.length)} parts, one for each ${PRINTED.accounts} accounts; a row stands where it has something` : "";
  const left =
    missing > 0
      ? el("p", { class: "missing-on-paper" }, `Not on paper: ${counted(missing, "row")} of these parts. Narrow the matrix by its filters to print them.`)
      : "";
  return [el("p", {}, `${counted(lines.length, "row")} and ${counted(accounts.length, "account")}${parts}.`), left, ...tables];
}

function printedTable(model, mode, accounts, rows, from, total) {
  const heads = accounts.map((at) => {
    const account = model.accounts[at];
    const unit = model.unitOf(account);
    return el(
      "th",
      { scope: "col", class: account.production ? "production" : "" },
      el("span", {}, account.name, unit === "" ? "" : el("small", {}, ` ${unit}`)),
    );
  });
  const caption =
    total > accounts.length ? `Accounts ${number(from + 1)} to ${number(from + accounts.length)} of ${number(total)}` : "";
  return el(
    "table",
    { class: "printed" },
    caption === "" ? "" : el("caption", {}, caption),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, cornerOf(mode)), heads)),
    el("tbody", {}, rows),
  );
}

function printedLine(model, mode, line, accounts) {
  const moves = membersChangeOf(model, mode, line);
  const cells = accounts.map((account) => {
    const { text, kind, risky } = cellOf(model, mode, line, account);
    return el("td", { class: `${kind}${risky ? " risky" : ""}` }, text);
  });
  const name = `${moves === "" ? "" : "± "}${titleOf(model, mode, line)}`;
  return el("tr", {}, el("th", { scope: "row" }, name), cells);
}

/** What is behind a cell, below the matrix. */
function cellDetails(model, mode, line, account) {
  const title = el("h2", {}, titleOf(model, mode, line), " in ", accountLink(model, account));
  const close = el("button", { type: "button" }, "Close");
  close.addEventListener("click", () => close.parentElement.replaceChildren());
  if (mode === "people") {
    const lines = accessOfPerson(model, line.at).filter((one) => one.account === account);
    return [title, personTable(model, lines), close];
  }
  const rows = (prepare(line).cells.get(account) ?? []).slice();
  const moves = membersChangeOf(model, mode, line);
  if (moves !== "") title.append(el("span", { class: "block aside" }, `± ${moves}`));
  return [title, assignmentTable(model, rows, mode === "sets" ? "set" : "principal"), close];
}
