// The search field: a person, group, account, unit or permission set by a part of its name.

const MOST_FOUND = 12;

/** Everything that can be found: kind, name, more, address; made when somebody first types. */
function findable(model) {
  const entries = [];
  const add = (kind, name, more, hash) =>
    entries.push({ kind, name, more, hash, key: `${name}\n${more}`.toLowerCase() });
  const at = (kind, slug) => `#${kind}=${encodeURIComponent(slug)}`;
  model.accounts.forEach((one, index) =>
    add("account", one.name, `${one.id} ${model.unitOf(one)}`, at("account", model.slugs.account.of[index])),
  );
  model.principals.forEach((one, index) => {
    if (one.kind !== "user") add(one.kind, one.name, "", at("group", model.slugs.principal.of[index]));
  });
  model.sets.forEach((one, index) =>
    add("permission set", one.name, "", at("set", model.slugs.set.of[index])),
  );
  model.units.forEach((unit) => add("unit", unit, "", `#matrix?where=${encodeURIComponent(unit)}`));
  model.people.forEach(([name, user], index) =>
    add("person", name, user, at("person", model.slugs.person.of[index])),
  );
  return entries;
}

/** The best matches: names that begin so, then those that hold it. */
function matches(entries, text) {
  const begins = [];
  const holds = [];
  for (const entry of entries) {
    const place = entry.key.indexOf(text);
    if (place === 0) begins.push(entry);
    else if (place > 0 && holds.length < MOST_FOUND) holds.push(entry);
    if (begins.length === MOST_FOUND) break;
  }
  return [...begins, ...holds].slice(0, MOST_FOUND);
}

function startFind(model) {
  const input = document.getElementById("find");
  const list = document.getElementById("found");
  let entries;
  let found = [];
  let chosen = -1;
  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const draw = () => {
    list.replaceChildren(
      ...found.map((entry, index) =>
        el(
          "li",
          { role: "option", id: `found-${index}`, "aria-selected": String(index === chosen) },
          el("span", { class: "kind" }, entry.kind),
          " ",
          el("b", {}, entry.name),
          " ",
          el("span", { class: "aside" }, entry.more),
        ),
      ),
    );
    if (found.length === 0) list.append(el("li", { class: "aside" }, "Nothing has such a name."));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    if (chosen >= 0) input.setAttribute("aria-activedescendant", `found-${chosen}`);
  };
  const go = (index) => {
    if (!found[index]) return;
    close();
    input.value = "";
    location.hash = found[index].hash;
  };
  input.addEventListener("input", () => {
    const text = input.value.trim().toLowerCase();
    entries ??= findable(model);
    chosen = 0;
    found = text === "" ? [] : matches(entries, text);
    if (text === "") close();
    else draw();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (list.hidden) input.value = "";
      close();
    } else if (event.key === "Enter") {
      event.preventDefault();
      go(chosen);
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && found.length > 0) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      chosen = (chosen + step + found.length) % found.length;
      draw();
    }
  });
  input.addEventListener("blur", () => setTimeout(close, 150));
  list.addEventListener("mousedown", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) go(Number(option.id.slice("found-".length)));
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=radio], [type=checkbox]), textarea, select");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}
