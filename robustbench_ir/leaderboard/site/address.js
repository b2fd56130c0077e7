// --- state, and the addresses that hold it

const TITLE = "robustbench-ir leaderboard";
const VIEWS = { low: "Low-resource languages", about: "What the numbers mean", submit: "How to submit" };
const LISTS = ["task", "setting", "threat", "severity", "language", "size"], TICKS = ["verified", "zero", "old"];

function fill(id, options) {
  at(id).replaceChildren(...options.map(([value, label]) => make("option", { value }, label)));
}

function lists() {
  const one = board();
  if (!one.settings.includes(state.setting)) state.setting = widest(one);
  const threats = ["average case", "worst case", "transfer"].filter((name) => one.threats.slice(1).includes(name));
  if (!threats.includes(state.threat)) state.threat = "";
  fill("threat", [["", "any"], ...threats.map((name) => [name, name])]);
  const severities = [...new Set(cellsOf(state.threat).map((of) => String(of.severity)))].sort();
  if (!severities.includes(state.severity)) state.severity = severities.includes("3") ? "3" : severities[0] || "";
  const classes = [...new Set(one.languages.map((code) => data.languages[code]?.class).filter(some))].sort();
  fill("setting", one.settings.map((name) => [name, name]));
  fill("severity", severities.map((name) => [name, name]));
  fill("language", [["", "all"], ...["low", "high"].filter((name) => name in one.group_of).map((name) => [name, `${name}-resource (${data.levels[name]})`]), ...classes.map((number) => ["class " + number, "resource class " + number]), ...one.languages.map((code) => [code, `${languageName(code)} (${code})`])]);
}

function show() {
  const entries = state.model && boards.length ? entriesOf(state.model) : [];
  const seen = entries.length ? "model" : state.view in VIEWS ? state.view : "board";
  for (const one of document.querySelectorAll("[data-view]")) one.hidden = one.dataset.view !== seen;
  for (const one of document.querySelectorAll("[data-to]")) one.dataset.to === seen ? one.setAttribute("aria-current", "page") : one.removeAttribute("aria-current");
  document.body.classList.toggle("more", Boolean(state.more));
  for (const one of document.querySelectorAll("button[data-more]")) one.setAttribute("aria-pressed", String(Boolean(state.more)));
  if (seen === "board" && boards.length) showBoard();
  if (seen === "model") model(entries); else at("model").replaceChildren();
  const part = seen === "model" ? entries[0].row.model.name : VIEWS[seen] ?? (state.task ? boardName(board()) : "");
  document.title = part ? `${part} \u2013 ${TITLE}` : TITLE;
}

function showBoard() {
  lists();
  for (const id of LISTS) at(id).value = state[id];
  if (at("name").value !== state.name) at("name").value = state.name;
  for (const id of TICKS) at(id).checked = Boolean(state[id]);
  const rows = rowsShown();
  state.page = String(Math.min(Math.max(1, Number(state.page) || 1), Math.max(1, Math.ceil(rows.length / PAGE))));
  const focus = document.activeElement?.dataset || {};
  table(rows); pages(rows); plot(rows); compared(); reported();
  for (const [key, value] of Object.entries(focus)) document.querySelector(`[data-${key}="${CSS.escape(value)}"]`)?.focus();
  at("said").textContent = `${rows.length} of ${board().rows.length} entries on ${board().task}: ${board().queries.toLocaleString("en")} queries in ${board().languages.length} languages, pool of ${board().pool.toLocaleString("en")} passages`;
  at("legend").textContent = legend(rows);
}

// Each choice is an address of its own that Back leads away from; but a text that is being typed is one.
function change(what, typed = false) {
  state = { ...state, ...what };
  missing({});
  history[typed ? "replaceState" : "pushState"](null, "", addressOf(state));
  show();
}

// Says that an address names what is not here, and what is.
function missing({ task, model }) {
  const names = [...new Set(inOrder.flatMap((one) => one.rows.map((row) => row.model.name)))];
  const like = names.filter((name) => name.toLowerCase().includes(model?.toLowerCase()));
  const tasks = inOrder.map((one) => boardLink(one));
  const models = (like.length ? like : names).map((name) => make("a", { href: addressOf({ model: name }) }, name));
  at("missing").replaceChildren(...(task ? absent("task", task, tasks) : []), ...(model ? absent("model", model, models) : []));
}

const NAMED = 10;

function absent(kind, asked, links) {
  const more = links.length - NAMED;
  const listed = links.slice(0, NAMED).flatMap((one, place) => (place ? [", ", one] : [one]));
  return [`There is no ${kind} ${asked} here; there ${links.length === 1 ? "is" : "are"} `, ...listed, more > 0 ? ` and ${more} more. ` : ". "];
}

function readAddress() {
  const before = [state.view, state.model].join();
  const said = new URLSearchParams(location.hash.slice(1));
  state = { ...START };
  for (const key of Object.keys(START)) if (said.has(key)) state[key] = said.get(key);
  const holder = state.task || !state.model ? byKey(state.task) : boards.find((one) => one.rows.some((row) => row.file === state.model));
  missing({ task: holder ? "" : state.task, model: entriesOf(state.model).length ? "" : state.model });
  state.task = holder && holder !== inOrder[0] ? keyOf(holder) : "";
  show();
  if (before !== [state.view, state.model].join()) document.querySelector("[data-view]:not([hidden]) h2")?.focus({ preventScroll: true });
}

function explainAll() {
  lists();
  const list = [...columns().filter((one) => HELP[one.key]).map((one) => [one.label, one.help]), ["A recipe, such as typo", "mAP under this recipe alone, at the chosen severity."], ["Robust mAP", HELP.suite], ["Poison ASR@10", HELP.poison], ["Mean place", HELP.place], ["Low-resource", HELP.low], ["High-resource", HELP.high]];
  if (!list.some(([name]) => name === "Low-resource gap")) list.push(["Gap", HELP.gap]);
  at("explained").replaceChildren(...list.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
}

async function copyCitation() {
  const text = at("bibtex").textContent;
  try {
    await navigator.clipboard.writeText(text);
    at("copied").textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(at("bibtex"));
    at("copied").textContent = "Selected: press Ctrl+C, or hold and copy.";
  }
}

function listen() {
  for (const id of LISTS) at(id).addEventListener("change", () => change({ [id]: at(id).value, page: "1", ...(id === "task" ? { pair: "" } : {}) }));
  for (const id of TICKS) at(id).addEventListener("change", () => change({ [id]: at(id).checked ? "1" : "", page: "1" }));
  for (const one of document.querySelectorAll("button[data-more]")) one.addEventListener("click", () => change({ more: state.more ? "" : "1" }));
  at("name").addEventListener("input", () => change({ name: at("name").value, page: "1" }, true));
  at("csv").addEventListener("click", download);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  let wide = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== wide) { wide = innerWidth; show(); } });
}

// The address holds the state, and a skip link has none to give.
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); at("main").focus(); });
at("copy").addEventListener("click", copyCitation);
addEventListener("hashchange", readAddress);
if (boards.length) {
  fill("task", inOrder.map((one, place) => [place ? keyOf(one) : "", `${one.task}, ${one.languages.length > 4 ? one.languages.length + " languages" : one.languages.join(", ")}`]));
  listen();
  across();
  lowResource();
  explainAll();
} else {
  at("said").textContent = "Nothing has been submitted yet.";
}
readAddress();
