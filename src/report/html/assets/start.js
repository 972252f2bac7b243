// Begins: reads the data, and shows the view that the address names.

const FILTERS = ["who", "where", "set"];
const SWITCHES = ["changed", "risky", "production"];

function startMatrix(model) {
  const form = document.getElementById("filters");
  const cell = document.getElementById("cell");
  let lines;
  const grid = new Grid(model, document.getElementById("grid"), (line, account) => {
    cell.replaceChildren(...cellDetails(model, lines.mode, line, account));
    cell.scrollIntoView({ block: "nearest" });
  });
  const read = () => {
    const given = new FormData(form);
    const filters = { rows: given.get("rows") };
    for (const name of FILTERS) filters[name] = given.get(name).trim().toLowerCase();
    for (const name of SWITCHES) filters[name] = given.has(name);
    return filters;
  };
  const show = (asList) => {
    const filters = read();
    const result = filtered(model, filters);
    lines = { mode: filters.rows };
    cell.replaceChildren();
    const seen = new Set(result.rows.map((row) => row.account));
    for (const line of result.lines)
      for (const [key] of line.changes ?? []) seen.add(Number(key.split(" ")[0]));
    const accounts = [...seen].sort((a, b) => a - b);
    document.getElementById("matched").textContent = [
      counted(result.lines.length, "row"),
      counted(accounts.length, "account"),
      counted(result.rows.length, "assignment"),
    ].join(" · ");
    document.getElementById("moving").replaceChildren(...membersChangeNote(model, filters.rows, result.rows));
    document.getElementById("grid-part").hidden = asList || result.lines.length === 0;
    document.getElementById("list-part").hidden = !asList;
    if (asList) {
      document.getElementById("list-part").replaceChildren(assignmentTable(model, result.rows, ""));
    } else {
      grid.show(filters.rows, result.lines, accounts);
    }
  };
  // On the screen only what is in sight is drawn; paper gets every row.
  const onPaper = document.getElementById("grid-print");
  addEventListener("beforeprint", () => {
    const isShown = !onPaper.closest("[hidden]") && grid.lines !== undefined;
    onPaper.replaceChildren(...(isShown ? printedMatrix(grid) : []));
  });
  addEventListener("afterprint", () => onPaper.replaceChildren());
  const address = () => {
    const query = new URLSearchParams();
    const filters = read();
    if (filters.rows !== "groups") query.set("rows", filters.rows);
    for (const name of FILTERS) if (filters[name] !== "") query.set(name, filters[name]);
    for (const name of SWITCHES) if (filters[name]) query.set(name, "1");
    const text = query.toString();
    return text === "" ? "" : `?${text}`;
  };
  const isList = () => location.hash.startsWith("#list");
  const changed = () => {
    history.replaceState(null, "", `${isList() ? "#list" : "#matrix"}${address()}`);
    show(isList());
  };
  let pending;
  form.addEventListener("input", () => {
    clearTimeout(pending);
    pending = setTimeout(changed, model.rows.length > 20000 ? 150 : 0);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(changed, 0));
  return (asList, query) => {
    const given = new URLSearchParams(query);
    form.elements.rows.value = ["people", "sets"].includes(given.get("rows")) ? given.get("rows") : "groups";
    for (const name of FILTERS) form.elements[name].value = given.get(name) ?? "";
    for (const name of SWITCHES) form.elements[name].checked = given.get(name) === "1";
    show(asList);
  };
}

/** Shows what the address names: a part of the report, the matrix or list with filters, or a page. */
function startViews(model, showMatrix) {
  const views = [...document.querySelectorAll("main > .view")];
  const page = document.getElementById("page");
  const only = (view, part = view.id) => {
    for (const other of views) other.hidden = other !== view;
    document.body.dataset.view = view.id;
    for (const item of document.querySelectorAll(".top nav a")) {
      if (item.hash.slice(1) === part) item.setAttribute("aria-current", "page");
      else item.removeAttribute("aria-current");
    }
  };
  const title = (text) => {
    document.title = `${text} · Access review`;
  };
  const showPage = (kind, slug) => {
    const parts = pageParts(model, kind, slug);
    const none = [
      el("h1", { tabindex: "-1" }, "Not in this report"),
      el("p", {}, `There is no ${kind} of that name here.`),
    ];
    page.replaceChildren(...(parts ?? none));
    only(page);
    title(page.querySelector("h1").textContent);
  };
  const route = (isFirst) => {
    const hash = location.hash.slice(1) || "overview";
    const [, name, rest] = /^([a-z-]+)(.*)$/.exec(hash) ?? [undefined, "overview", ""];
    if (rest.startsWith("=") && name in PAGES) {
      showPage(name, decodeURIComponent(rest.slice(1)));
    } else if (name === "matrix" || name === "list") {
      only(document.getElementById("matrix"), name);
      document.getElementById("matrix-title").textContent = name === "list" ? "Access list" : "Access matrix";
      showMatrix(name === "list", rest);
      title(name === "list" ? "List" : "Matrix");
    } else {
      const target = document.getElementById(name);
      const view = target?.closest("main > .view") ?? document.getElementById("overview");
      only(view);
      title(view.querySelector("h1").textContent);
      if (target && target !== view) target.scrollIntoView();
    }
    if (isFirst) return;
    const focus = document.querySelector("main > .view:not([hidden]) h1");
    focus.tabIndex = -1;
    focus.focus({ preventScroll: true });
    const inside = document.getElementById(name);
    if (!inside || inside.classList.contains("view")) scrollTo(0, 0);
  };
  addEventListener("hashchange", () => route(false));
  route(true);
}

function start() {
  const model = readModel(document.getElementById("data").textContent);
  for (const element of document.querySelectorAll("[data-script]")) element.hidden = false;
  document.documentElement.classList.add("script");
  startFind(model);
  startViews(model, startMatrix(model));
  // Long tables are printed whole.
  addEventListener("beforeprint", () => {
    for (const shown of document.querySelectorAll("table")) shown.showAll?.();
    for (const list of document.querySelectorAll("td details")) list.open = true;
  });
  document.documentElement.dataset.ready = "yes";
}

start();
