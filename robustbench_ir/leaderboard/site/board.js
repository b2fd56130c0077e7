"use strict";
// The board: reads the JSON block, keeps its state in the address after #, and writes text only, never markup.

const data = JSON.parse(document.getElementById("data").textContent);
const boards = data.boards.filter((one) => one.rows.length);
const PAGE = 100, DOTS = 1500;
const START = { task: "", setting: "", threat: "", severity: "", language: "", name: "", size: "", verified: "", zero: "", old: "", sort: "robust", up: "", page: "1", model: "", pair: "" };
let state = { ...START };
const at = (id) => document.getElementById(id);
const some = (value) => value !== null && value !== undefined;
const shown = (value, digits = 3) => (some(value) ? value.toFixed(digits).replace(/^-(?!0\.?0*$)/, "\u2212").replace(/^-/, "") : "\u2013");

function make(tag, facts = {}, ...inside) {
  const vector = ["svg", "circle", "path", "text", "line", "title", "g"].includes(tag);
  const one = vector ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(facts)) {
    if (key.startsWith("on")) one.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null) one.setAttribute(key, value === true ? "" : value);
  }
  one.append(...inside.filter(some));
  return one;
}

// --- the numbers of a row, in the chosen setting, threat model, severity and languages; all of them are from the JSON

// A board is known by its task, and by its languages where the task has several boards. Addresses once had its number.
const alone = (one) => boards.filter((other) => other.task === one.task).length === 1;
const keyOf = (one) => one.task + (alone(one) ? "" : ":" + one.languages.join("+"));
const byKey = (key) => boards.find((one) => keyOf(one) === key) || (/^\d+$/.test(key) ? boards[Number(key)] : undefined);
const LAST = "mini", FIRST = "xquad-r";
const breadth = (one) => one.languages.length * 1e6 + one.rows.length;
const inOrder = [...boards].sort((a, b) => (b.task_name === FIRST) - (a.task_name === FIRST) || (a.task_name === LAST) - (b.task_name === LAST) || breadth(b) - breadth(a));
const board = () => byKey(state.task) || inOrder[0];
const group = () => board().group_of[state.language] ?? board().group_of[""];
const viewNumber = () => board().view_of[state.threat + "|" + state.severity];
const view = () => board().views[viewNumber()] || { cells: [], headline: [] };
const cell = (place) => ({ recipe: board().cells[place][0], severity: board().cells[place][1], place });
const cellsOf = (threat) => board().cells.map((_, place) => cell(place)).filter((one) => one.place && (!threat || board().threats[one.place] === threat));
const cellsShown = () => view().cells.map(cell);
const headlineCells = () => view().headline.map(cell);
const has = (row, place) => row.ap[state.setting]?.[place]?.some(some);

const called = (recipe) => board().names[recipe];
const DAMAGED = "At one severity the queries of some languages are edited more than those of others: compare models in one language, not languages.";
const TRANSLATED = "some pairs mix in words of the passages' language, which translates the query in part";
const translates = (recipe) => state.setting === "cross-lingual" && called(recipe).startsWith("code-switching");

function numbers(row) {
  const ap = row.ap[state.setting] || [], mine = group(), seen = viewNumber();
  const found = row.numbers[state.setting]?.[seen] || { robust: [], drop: [], worst: [], gap: null };
  const place = fairRanks() ? row.ranks[state.setting] : undefined;
  return {
    row, place,
    rank: place ? place[3] : null,
    clean: ap[0]?.[mine],
    attacked: Object.fromEntries(cellsShown().map((one) => [one.recipe, ap[one.place]?.[mine]])),
    robust: found.robust[mine],
    drop: found.drop[mine],
    worst: found.worst[mine],
    gap: found.gap,
    rd: row.rd[0]?.[mine],
    change: row.change[seen]?.[mine],
    size: row.model.parameters,
    name: row.model.name,
    date: row.date,
  };
}

const fairRanks = () => !state.language && headlineCells().some((cell) => board().headline.some((one) => one[0] === cell.recipe && one[1] === cell.severity));

function kept(row) {
  const size = row.model.parameters;
  return (state.old || !row.superseded)
    && (!state.name || row.model.name.toLowerCase().includes(state.name.toLowerCase()))
    && (!state.size || (some(size) && size <= Number(state.size) * 1e6))
    && (!state.verified || row.verified)
    && (!state.zero || row.training.saw_task === "no")
    && (!state.threat || cellsOf(state.threat).some((one) => has(row, one.place)))
    && Boolean(row.ap[state.setting]);
}

function rowsShown() {
  const found = board().rows.filter(kept).map(numbers);
  const column = columns().find((one) => one.key === state.sort) || columns().find((one) => one.key === "robust");
  const sign = state.up ? 1 : -1;
  return found.sort((a, b) => {
    const x = column.value(a), y = column.value(b);
    if (!some(x) || !some(y)) return some(y) - some(x) || (a.name < b.name ? -1 : 1);
    return x < y ? -sign : x > y ? sign : a.name < b.name ? -1 : 1;
  });
}

// --- the table

function columns() {
  const number = (key, label, title, digits = 3) => ({ key, label, title, value: (one) => one[key], text: (one) => shown(one[key], digits) });
  return [
    { key: "name", label: "Model", title: "Name", value: (one) => one.name.toLowerCase(), text: (one) => one.name },
    { ...number("rank", "Rank", "By the robust score; models that cannot be told apart share a rank; in brackets the 95% interval", 0), cell: rankCell },
    { ...number("robust", "Robust", "mAP under attack, mean over the recipes of the ranking"), cell: robustCell },
    number("clean", "Clean mAP", "mAP of the queries as they are"),
    ...cellsShown().map((cell) => ({ key: "at " + cell.recipe, label: called(cell.recipe) + (translates(cell.recipe) ? " †" : ""), title: "mAP under " + cell.recipe + (translates(cell.recipe) ? "; " + TRANSLATED : ""), value: (one) => one.attacked[cell.recipe], text: (one) => shown(one.attacked[cell.recipe]) })),
    number("drop", "Drop", "Clean minus robust"),
    number("worst", "Worst", "The lowest mAP under any recipe"),
    number("rd", "RD", "Rank distance of parallel passages, clean; lower is fairer. Not shown where more than one query in twenty has none, because its passages are not all retrieved", 1),
    number("change", "RD change", "Rank distance under attack minus clean; can fall because everything sinks", 1),
    number("gap", "Low-resource gap", `Robust score of high-resource languages (${data.levels.high}) minus that of low-resource ones (${data.levels.low})`),
    { key: "size", label: "Weights", title: "Number of weights", value: (one) => one.size, text: (one) => sizeText(one.size) },
    { key: "date", label: "Date", title: "Of the run", value: (one) => one.date, text: (one) => one.date },
  ];
}

const sizeText = (size) => (!some(size) ? "\u2013" : size >= 1e9 ? (size / 1e9).toFixed(1) + " B" : size >= 1e6 ? Math.round(size / 1e6) + " M" : String(size));

function rankCell(one) {
  if (!one.place) return make("td", {}, one.row.digests === "non-comparable" || one.row.format === 1 ? "not ranked" : "\u2013");
  const [, , , rank, best, worst] = one.place;
  return make("td", {}, String(rank), make("span", { class: "range" }, ` (${best}\u2013${worst})`));
}

function robustCell(one) {
  const range = one.place ? make("span", { class: "range" }, ` ${shown(one.place[1])}\u2013${shown(one.place[2])}`) : null;
  return make("td", {}, shown(one.robust), range);
}

function marks(row) {
  const said = [];
  if (row.verified) said.push(`verified ${row.verified.date}`);
  if (row.model.kind !== "run" && row.model.encoder.toLowerCase() !== row.model.name.toLowerCase()) said.push(`encoder: ${row.model.encoder.slice(0, 60)}`);
  if (row.model.kind === "run") said.push(`TREC ${row.model.similarity}`);
  if (row.model.kind === "multi-vector" || row.model.kind === "reranked") said.push(row.model.kind);
  if (row.training.saw_task === "yes") said.push("trained on the task's data");
  if (row.training.saw_task === "unknown") said.push("training unknown");
  if (row.digests !== "canonical") said.push(row.digests);
  if (row.superseded) said.push("superseded");
  return said.join(" \u00b7 ");
}

function nameCell(one) {
  const file = one.row.file, picked = state.pair.split("|").includes(file);
  const tick = make("input", { type: "checkbox", "aria-label": "Compare " + one.name, "data-file": file, onchange: () => pick(file) });
  tick.checked = picked;
  const open = make("button", { type: "button", "data-open": file, onclick: () => change({ model: file }) }, one.name);
  return make("th", { scope: "row" }, make("span", { class: "who" }, tick, open), make("span", { class: "marks" }, marks(one.row)));
}

function pick(file) {
  const pair = state.pair ? state.pair.split("|") : [];
  const next = pair.includes(file) ? pair.filter((one) => one !== file) : [...pair, file].slice(-2);
  change({ pair: next.join("|") });
}

function table(rows) {
  const list = columns();
  const heads = list.map((column) => {
    const on = column.key === state.sort;
    const arrow = on ? (state.up ? " \u25b2" : " \u25bc") : "";
    const button = make("button", { type: "button", title: column.title, "data-sort": column.key, onclick: () => change({ sort: column.key, up: on ? (state.up ? "" : "1") : (column.key === "name" || column.key === "rank" ? "1" : ""), page: "1" }) }, column.label + arrow);
    return make("th", { scope: "col", "aria-sort": on ? (state.up ? "ascending" : "descending") : "none" }, button);
  });
  at("table").tHead.replaceChildren(make("tr", {}, ...heads));
  const start = (Number(state.page) - 1) * PAGE;
  const body = rows.slice(start, start + PAGE).map((one) => make("tr", { class: one.row.digests === "non-comparable" ? "low" : false },
    nameCell(one), ...list.slice(1).map((column) => (column.cell ? column.cell(one) : make("td", {}, column.text(one))))));
  at("table").tBodies[0].replaceChildren(...body);
}

function pages(rows) {
  const last = Math.max(1, Math.ceil(rows.length / PAGE)), now = Number(state.page);
  const turn = (label, to) => make("button", { type: "button", disabled: to < 1 || to > last, "data-turn": label, onclick: () => change({ page: String(to) }) }, label);
  at("pages").hidden = last === 1;
  at("pages").replaceChildren(turn("Previous", now - 1), `Page ${now} of ${last}`, turn("Next", now + 1));
}

// --- pictures

function plot(rows) {
  const dots = rows.filter((one) => some(one.clean) && some(one.robust) && one.row.digests !== "non-comparable");
  if (!dots.length) return at("plot").replaceChildren(make("p", { class: "note" }, "No model with both scores."));
  const most = Math.min(1, Math.max(...dots.map((one) => Math.max(one.clean, one.robust))) * 1.08) || 1;
  const width = 640, height = 420, edge = 46;
  const x = (value) => edge + (value / most) * (width - edge - 12), y = (value) => height - edge - (value / most) * (height - edge - 12);
  const best = front(dots), on = new Set(best);
  const drawn = dots.length > DOTS ? [...new Set([...best, ...dots.slice(0, DOTS)])] : dots;
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${dots.length} models by clean and attacked mAP; on the front: ${best.map((one) => one.name).slice(0, 10).join(", ")}` },
    make("path", { class: "axis", d: `M${edge} 12V${height - edge}H${width - 12}M${x(0)} ${y(0)}L${x(most)} ${y(most)}`, fill: "none" }),
    make("text", { x: width / 2, y: height - 8, "text-anchor": "middle" }, "clean mAP"),
    make("text", { x: 14, y: height / 2, transform: `rotate(-90 14 ${height / 2})`, "text-anchor": "middle" }, "attacked mAP"));
  for (const step of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(make("text", { x: x(step * most), y: height - edge + 18, "text-anchor": "middle" }, (step * most).toFixed(most < 0.2 ? 3 : 2)));
    svg.append(make("text", { x: edge - 6, y: y(step * most) + 4, "text-anchor": "end" }, (step * most).toFixed(most < 0.2 ? 3 : 2)));
  }
  svg.append(make("path", { class: "front", d: best.map((one, place) => `${place ? "L" : "M"}${x(one.clean)} ${y(one.robust)}`).join("") }));
  for (const one of drawn) svg.append(make("circle", { class: on.has(one) ? "dot on" : "dot", cx: x(one.clean), cy: y(one.robust), r: 5 }, make("title", {}, `${one.name}: ${shown(one.clean)}, ${shown(one.robust)}`)));
  const right = (one) => x(one.clean) > width - 170;
  for (const one of dots.length <= 12 ? dots : best.slice(0, 12)) svg.append(make("text", { x: x(one.clean) + (right(one) ? -9 : 9), y: y(one.robust) + 4, "text-anchor": right(one) ? "end" : "start" }, one.name.slice(0, 40)));
  at("plot").replaceChildren(svg);
}

function front(dots) {
  const found = [];
  let top = -1;
  for (const one of [...dots].sort((a, b) => b.clean - a.clean || b.robust - a.robust)) if (one.robust > top) { found.push(one); top = one.robust; }
  return found;
}

function curves(row) {
  const recipes = [...new Set(board().cells.slice(1).map((cell) => cell[0]))];
  const ap = row.ap[state.setting] || [], mine = group();
  const width = 560, height = 260, edge = 40;
  const points = recipes.map((recipe) => [[0, ap[0]?.[mine]], ...board().cells.map((cell, place) => (cell[0] === recipe ? [cell[1], ap[place]?.[mine]] : null)).filter(some)].filter((point) => some(point[1])));
  const most = Math.max(...points.flat().map((point) => point[1]), 0.01) * 1.05;
  const x = (value) => edge + (value / 5) * (width - edge - 170), y = (value) => height - edge - (value / most) * (height - edge - 10);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "mAP by severity; the table below has the numbers" }, make("path", { class: "axis", fill: "none", d: `M${edge} 10V${height - edge}H${x(5)}` }), make("text", { x: x(2.5), y: height - 6, "text-anchor": "middle" }, "severity"), make("text", { x: edge - 6, y: 16, "text-anchor": "end" }, most.toFixed(2)));
  for (const step of [0, 1, 2, 3, 4, 5]) svg.append(make("text", { x: x(step), y: height - edge + 18, "text-anchor": "middle" }, String(step)));
  const ends = points.map((line, place) => ({ line, place, y: y(line[line.length - 1]?.[1] ?? 0) })).sort((a, b) => a.y - b.y);
  let floor = 0;
  for (const { line, place, y: end } of ends) {
    if (line.length < 2) continue;
    const colour = `hsl(${(place * 360) / recipes.length} 65% 50%)`;
    floor = Math.max(end, floor + 18);
    svg.append(make("path", { class: "curve", stroke: colour, d: line.map((point, step) => `${step ? "L" : "M"}${x(point[0])} ${y(point[1])}`).join("") }));
    for (const point of line) svg.append(make("circle", { cx: x(point[0]), cy: y(point[1]), r: 3, fill: colour }));
    svg.append(make("circle", { cx: x(5) + 8, cy: floor, r: 4, fill: colour }), make("text", { x: x(5) + 16, y: floor + 4 }, called(recipes[place]).slice(0, 26)));
  }
  return svg;
}

function heat(row) {
  const cells = board().cells.map((cell, place) => ({ label: place ? `${called(cell[0])}, ${cell[1]}` : "clean", place })).filter((one) => has(row, one.place));
  const ap = row.ap[state.setting] || [];
  const lines = board().languages.map((code) => {
    const fields = cells.map((cell) => {
      const value = ap[cell.place][board().group_of[code]], field = make("td", {}, shown(value));
      if (some(value)) field.style.background = `hsl(${15 + 185 * value} 70% ${88 - 18 * Math.abs(value - 0.5)}%)`;
      else field.style.color = "inherit";
      return field;
    });
    return make("tr", {}, make("th", { scope: "row" }, `${data.languages[code]?.name || code} (${code})`), ...fields);
  });
  const head = make("tr", {}, make("th", { scope: "col" }, "Language"), ...cells.map((cell) => make("th", { scope: "col" }, cell.label)));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "mAP by language" }, make("table", { class: "heat" }, make("thead", {}, head), make("tbody", {}, ...lines)));
}

// --- one model, two models

const link = (address) => (/^https:\/\//.test(address || "") ? make("a", { href: address, rel: "noopener noreferrer nofollow ugc" }, address) : null);

function model() {
  const row = board().rows.find((one) => one.file === state.model);
  at("model").hidden = !row;
  if (!row) return at("model").replaceChildren();
  const facts = [["Link", link(row.model.link)], ["Paper", link(row.model.paper)], ["Code", link(row.model.code)], ["Contact", row.model.contact], ["Licence", row.model.licence], ["Revision", row.model.revision], ["Kind", row.model.kind === "run" ? `a system's TREC runs (${row.model.similarity}); cannot be run again` : row.model.kind], ["Encoder", row.model.encoder === row.model.name ? "" : row.model.encoder], ["Fingerprint", row.model.fingerprint], ["Weights", some(row.model.parameters) ? sizeText(row.model.parameters) : ""], ["Dimensions", row.model.dimensions || ""], ["Made for", row.model.languages.join(", ")], ["Saw the task's data", row.training.saw_task], ["Trained on", row.training.datasets.join(", ")], ["Verified", row.verified ? `by ${row.verified.by}, ${row.verified.date}, ${row.verified.sample} queries, seed ${row.verified.seed}${row.model.kind === "run" ? ", from the run files" : ""}` : row.fallen ? `no: ${row.fallen}` : "no"], ["Format", row.format === 1 ? "1, values only" : row.format], ["Queries", row.digests + (row.why ? ": " + row.why : "")], ["Superseded by", row.superseded], ["Entry", row.file], ["Date", row.date]];
  const list = facts.filter(([, value]) => some(value) && value !== "").flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value instanceof Node ? value : String(value))]);
  const close = make("button", { type: "button", onclick: () => change({ model: "" }) }, "Close");
  at("model").replaceChildren(make("h2", { tabindex: "-1" }, row.model.name), close, make("dl", {}, ...list), make("h3", {}, `mAP by severity, ${state.setting}`), curves(row), make("h3", {}, `mAP by language, ${state.setting}`), make("p", {}, DAMAGED), heat(row));
}

function compared() {
  const rows = state.pair.split("|").map((file) => board().rows.find((row) => row.file === file)).filter(Boolean);
  at("compared").hidden = rows.length !== 2;
  if (rows.length !== 2) return at("compared").replaceChildren();
  const [a, b] = rows.map(numbers);
  const lines = columns().filter((column) => !["name", "rank", "date"].includes(column.key)).map((column) => {
    const x = column.value(a), y = column.value(b), both = some(x) && some(y);
    const digits = column.key === "rd" || column.key === "change" ? 1 : 3;
    const difference = both && column.key !== "size" ? shown(x - y, digits) : "\u2013";
    return make("tr", {}, make("th", { scope: "row" }, column.label), make("td", {}, column.text(a)), make("td", {}, column.text(b)), make("td", {}, difference));
  });
  const head = make("tr", {}, ...["Score", a.name, b.name, "Difference"].map((name) => make("th", { scope: "col" }, name)));
  const close = make("button", { type: "button", onclick: () => change({ pair: "" }) }, "Close");
  at("compared").replaceChildren(make("h2", {}, `${a.name} and ${b.name}`), close, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Two models" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...lines))));
}

function reported() {
  const task = board().task_name, here = [...board().languages].sort().join();
  const rows = (data.reported || []).filter((row) => row.task === task && [...row.languages].sort().join() === here);
  at("reported").hidden = !rows.length;
  const names = ["Model", ...board().settings.map((name) => "mAP " + name), "RD", "Source"];
  const lines = rows.map((row) => make("tr", {}, make("th", { scope: "row" }, row.model), ...board().settings.map((name) => make("td", {}, shown(row.average_precision[name]))), make("td", {}, shown(row.rank_distance, 1)),
    make("td", { class: "source" }, link(row.source), make("span", { class: "marks" }, [row.table, row.note].filter(Boolean).join(" \u00b7 ")))));
  const shownAs = at("reported").querySelector("table");
  shownAs.tHead.replaceChildren(make("tr", {}, ...names.map((name) => make("th", { scope: "col", class: name === "Source" ? "source" : false }, name))));
  shownAs.tBodies[0].replaceChildren(...lines);
}

// --- all tasks of the standard suite

function across() {
  const found = data.across;
  at("across").hidden = !found;
  if (!found) return;
  const name = (task) => data.boards.find((one) => one.task === task)?.task_name || task;
  const open = (task) => make("button", { type: "button", onclick: () => change({ ...START, task: keyOf(inOrder.find((one) => one.task === task)) }) }, name(task));
  const heads = ["Model", "Mean place", ...found.tasks.map(open), "Low-resource", "High-resource", "Gap"];
  const lines = found.rows.slice(0, PAGE).map((row) => make("tr", {}, make("th", { scope: "row" }, row.name),
    make("td", {}, row.place[0].toFixed(1), make("span", { class: "range" }, ` ${row.place[1].toFixed(1)}\u2013${row.place[2].toFixed(1)}`)),
    ...row.robust.map((score, place) => make("td", {}, shown(score), make("span", { class: "range" }, ` (${row.places[place]})`))),
    ...[row.low, row.high, row.gap].map((score) => make("td", {}, shown(score)))));
  const shownAs = at("across").querySelector("table");
  shownAs.tHead.replaceChildren(make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head))));
  shownAs.tBodies[0].replaceChildren(...lines);
  const both = found.tasks.filter((_, place) => found.with_both[place]).map(name);
  at("across-note").textContent = `Robust score on each task (mAP under the attacks of the ranking, ${found.settings.every((one) => one === found.settings[0]) ? found.settings[0] + " setting" : found.settings.map((one, place) => `${name(found.tasks[place])} ${one}`).join(", ")}), in brackets the place among these models; mean place with its 95% interval over resamples of the questions. `
    + (both.length ? `Low-resource (${data.levels.low}) and high-resource languages (${data.levels.high}): mean over ${both.join(", ")}, which have both. ` : "")
    + (found.rows.length > PAGE ? `The first ${PAGE} of ${found.rows.length} models. ` : "")
    + (found.missing.length ? `Not here, because they are not on all of these tasks: ${found.missing.slice(0, 20).join(", ")}${found.missing.length > 20 ? " and others" : ""}.` : "");
}

// --- state

function fill(id, options) {
  at(id).replaceChildren(...options.map(([value, label]) => make("option", { value }, label)));
}

function lists() {
  const one = board();
  if (!one.settings.includes(state.setting)) state.setting = one.settings[one.settings.length - 1];
  const threats = ["average case", "worst case", "transfer"].filter((name) => one.threats.slice(1).includes(name));
  if (!threats.includes(state.threat)) state.threat = "";
  fill("threat", [["", "any"], ...threats.map((name) => [name, name])]);
  const severities = [...new Set(cellsOf(state.threat).map((cell) => String(cell.severity)))].sort();
  if (!severities.includes(state.severity)) state.severity = severities.includes("3") ? "3" : severities[0] || "";
  const classes = [...new Set(one.languages.map((code) => data.languages[code]?.class).filter(some))].sort();
  fill("setting", one.settings.map((name) => [name, name]));
  fill("severity", severities.map((name) => [name, name]));
  fill("language", [["", "all"], ...["low", "high"].filter((name) => name in one.group_of).map((name) => [name, `${name}-resource (${data.levels[name]})`]), ...classes.map((level) => ["class " + level, "resource class " + level]), ...one.languages.map((code) => [code, `${data.languages[code]?.name || code} (${code})`])]);
}

function show() {
  lists();
  for (const id of ["task", "setting", "threat", "severity", "language", "size"]) at(id).value = state[id];
  if (at("name").value !== state.name) at("name").value = state.name;
  for (const id of ["verified", "zero", "old"]) at(id).checked = Boolean(state[id]);
  const rows = rowsShown();
  state.page = String(Math.min(Math.max(1, Number(state.page) || 1), Math.max(1, Math.ceil(rows.length / PAGE))));
  const focus = document.activeElement?.dataset || {};
  table(rows); pages(rows); plot(rows); model(); compared(); reported();
  for (const [key, value] of Object.entries(focus)) document.querySelector(`[data-${key}="${CSS.escape(value)}"]`)?.focus();
  at("said").textContent = `${rows.length} of ${board().rows.length} entries on ${board().task}: ${board().queries.toLocaleString("en")} queries in ${board().languages.length} languages, pool of ${board().pool.toLocaleString("en")} passages`;
  at("legend").textContent = (fairRanks() ? `Ranks: ${data.resamples.toLocaleString("en")} paired resamples of the questions; a model shares a rank with the best one that it cannot be told from (95%). Robust: mean over ${headlineCells().map((cell) => cell.recipe).join(", ")}.` : "Ranks are for all languages at the ranking's severity.") + (headlineCells().some((cell) => translates(cell.recipe)) ? ` †: ${TRANSLATED}.` : "") + (state.language ? ` ${DAMAGED}` : "");
}

function change(what) {
  const opened = what.model && what.model !== state.model;
  state = { ...state, ...what };
  const said = Object.entries(state).filter(([key, value]) => value !== START[key]);
  history.replaceState(null, "", "#" + new URLSearchParams(said));
  show();
  if (opened) { at("model").scrollIntoView(); at("model").querySelector("h2")?.focus({ preventScroll: true }); }
}

function readAddress() {
  const said = new URLSearchParams(location.hash.slice(1));
  state = { ...START };
  for (const key of Object.keys(START)) if (said.has(key)) state[key] = said.get(key);
  const holder = state.task || !state.model ? byKey(state.task) : boards.find((one) => one.rows.some((row) => row.file === state.model));
  state.task = holder && holder !== inOrder[0] ? keyOf(holder) : "";
  show();
}

function csv() {
  // A text that begins like a formula would be one in a spreadsheet.
  const field = (value) => { const text = some(value) ? String(value) : ""; return `"${(typeof value === "string" && /(^|[;\t])\s*[=+\-@\uff0b\uff0d\uff1d\uff20]/.test(text) ? "'" : "") + text.replaceAll('"', '""')}"`; };
  const list = columns();
  const lines = [list.map((column) => field(column.label)), ...rowsShown().map((one) => list.map((column) => field(column.key === "name" ? one.name : column.value(one))))];
  return lines.map((line) => line.join(",")).join("\r\n") + "\r\n";
}

function download() {
  const address = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  make("a", { href: address, download: "leaderboard.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

if (boards.length) {
  fill("task", inOrder.map((one, place) => [place ? keyOf(one) : "", `${one.task}, ${one.languages.length > 4 ? one.languages.length + " languages" : one.languages.join(", ")}`]));
  for (const id of ["task", "setting", "threat", "severity", "language", "size"]) at(id).addEventListener("change", () => change({ [id]: at(id).value, page: "1", ...(id === "task" ? { model: "", pair: "" } : {}) }));
  for (const id of ["verified", "zero", "old"]) at(id).addEventListener("change", () => change({ [id]: at(id).checked ? "1" : "", page: "1" }));
  at("name").addEventListener("input", () => change({ name: at("name").value, page: "1" }));
  at("csv").addEventListener("click", download);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", readAddress);
  across();
  readAddress();
} else {
  at("said").textContent = "Nothing has been submitted yet.";
}
