// Elements, made without ever turning text into markup.

/** An element with attributes and children; texts become text nodes. */
function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== ""));
  return element;
}

const link = (kind, slug, text) => el("a", { href: `#${kind}=${encodeURIComponent(slug)}` }, text);

function badge([className, sign, words]) {
  return words === "" ? "" : el("span", { class: `badge ${className}` }, `${sign} ${words}`);
}

/** A person in a text: the name, with the user name where the name might be taken for somebody else's. */
function called(model, person) {
  const [name, userName] = model.people[person];
  return model.namesakes.has(person) && name !== userName ? `${name} (${userName})` : name;
}

function personLink(model, person) {
  const [name, userName] = model.people[person];
  const shown = link("person", model.slugs.person.of[person], name);
  return name === userName ? shown : el("span", {}, shown, " ", el("span", { class: "aside" }, userName));
}

function principalLink(model, index) {
  const principal = model.principals[index];
  if (principal.kind === "user" && principal.members.length === 1)
    return personLink(model, principal.members[0]);
  const shown = link("group", model.slugs.principal.of[index], principal.name);
  return el("span", {}, el("span", { class: "kind" }, principal.kind), " ", shown);
}

function accountLink(model, index) {
  const account = model.accounts[index];
  return el("span", {}, link("account", model.slugs.account.of[index], account.name), accountMarks(account));
}

function accountMarks(account) {
  const marks = [];
  if (account.production) marks.push(el("span", { class: "tag", title: account.because }, "production"));
  if (account.management) marks.push(el("span", { class: "tag" }, "management account"));
  if (account.inactive) marks.push(el("span", { class: "tag" }, "not active"));
  return marks.flatMap((mark) => [" ", mark]);
}

function setLink(model, index) {
  const set = model.sets[index];
  const shown = link("set", model.slugs.set.of[index], set.name);
  return set.risk || set.altered ? el("span", {}, shown, set.risk ? [" ", risk(set)] : "", altered(set)) : shown;
}

const risk = (set) => el("span", { class: "badge risky" }, `! ${set.risk}`);

/** What the plan changes of what a set allows; nothing where it changes nothing. */
function altered(set) {
  if (set.altered === undefined) return "";
  const { what, marks, graver } = set.altered;
  const words = `${what} changes with the plan${marks === undefined ? "" : `: ${marks}`}`;
  return [" ", el("span", { class: `badge ${graver ? "risky" : "changes"}` }, `${graver ? "!" : "~"} ${words}`)];
}

/** Why a set is marked, and why it will be. */
function becauseOf(set) {
  const because = (reasons, lead) =>
    reasons === undefined || reasons.length === 0
      ? ""
      : el("span", { class: "block aside" }, `${lead} ${someOf(reasons, MOST_BECAUSE)}`);
  const planned = set.altered?.graver ? because(set.altered.because, "with the plan because of") : "";
  return [because(set.because, "because of"), planned];
}

const MOST_BECAUSE = 4;

const someOf = (names, most) =>
  names.length > most ? `${names.slice(0, most).join(", ")} … ${number(names.length - most)} more` : names.join(", ");

/** What a role holds that its set does not say, in a badge and in words; nothing where it holds what the set says. */
function editsOf(model, row) {
  const role = editedRole(model, row);
  if (role === undefined) return [];
  const what = role.risk ? `${role.what}: ${role.risk}` : role.what;
  return [
    " ",
    el("span", { class: "badge risky" }, `! ${what}`),
    ...role.edits.map((edit) => el("span", { class: "block aside" }, edit)),
    role.because ? el("span", { class: "block aside" }, `because of ${someOf(role.because, MOST_BECAUSE)}`) : "",
  ];
}

/** The blocks behind a note, with file, line, reason and expiry. */
function blocksOf(model, note) {
  const blocks = model.notes[note].map((index) => model.blocks[index]);
  if (blocks.length === 0) return [el("span", { class: "aside" }, "no block declares it")];
  return blocks.map((block) => {
    const about = [block.reason, block.expires === "" ? "" : `until ${block.expires}`].filter(
      (part) => part !== "",
    );
    return el(
      "span",
      { class: "block" },
      el("code", {}, block.address),
      block.place === "" ? "" : ` ${block.place}`,
      about.length === 0 ? "" : el("span", { class: "reason" }, about.join(" · ")),
    );
  });
}

function sinceCell(model, since, state) {
  const run = runOf(model, since);
  const why = run === undefined || run.reason === "" ? "" : `: ${run.reason}`;
  const by =
    run !== undefined
      ? `${run.command} by ${run.actor}${why}, ${run.digest.slice(0, 9)}`
      : isOthers(model, since) && state & STATE.present
        ? "not made by a run of this stack"
        : "";
  const without = withoutText(model, since);
  const when = sinceText(model, since, state).split(" or ");
  return [
    el("span", { class: "when" }, when[0]),
    when.length > 1 ? " or before" : "",
    without === "" ? "" : el("span", { class: "block aside" }, without),
    by === "" ? "" : el("span", { class: "block aside" }, by),
  ];
}

/** A table; a caption names it, and long ones are written out step by step. */
function table(caption, headings, rows, cells) {
  const body = el("tbody", {});
  const head = el(
    "tr",
    {},
    headings.map((heading) => el("th", { scope: "col" }, heading)),
  );
  const whole = el(
    "table",
    {},
    el("caption", { class: "visually-hidden" }, caption),
    el("thead", {}, head),
    body,
  );
  const more = el("button", { type: "button", class: "more" });
  let shown = 0;
  const step = (count) => {
    const next = rows.slice(shown, shown + count);
    body.append(...next.flatMap(cells));
    shown += next.length;
    more.textContent = `Show ${number(Math.min(STEP, rows.length - shown))} more of ${number(rows.length - shown)}`;
    more.hidden = shown === rows.length;
  };
  step(STEP);
  more.addEventListener("click", () => step(STEP));
  whole.showAll = () => step(rows.length);
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, whole, more);
}

const STEP = 250;
