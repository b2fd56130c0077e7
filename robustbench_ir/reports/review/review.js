"use strict";
// One item at a time. Answers are kept in this browser under the identity of the set of items, and nowhere else.
const page = JSON.parse(document.getElementById("data").textContent);
const place = `irbench-review:${page.language}:${page.set}`;
const empty = { reader: page.read_in, name: "", level: "", remarks: "", keys: true, at: 0, said: {} };
const state = { ...empty, ...kept() };
const taken = []; // answers in the order in which they were given, each with the one before, to undo them
const find = (id) => document.getElementById(id);

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(place) ?? "{}");
    return found !== null && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}

function keep() {
  try {
    localStorage.setItem(place, JSON.stringify(state));
  } catch {
    tell("file-status", "forgetful");
  }
}

// Texts.
function say(key, values = {}) {
  return page.texts[state.reader][key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

function tell(where, key, values) {
  find(where).textContent = key ? say(key, values) : "";
}

function translate() {
  const root = document.documentElement;
  [root.lang, root.dir] = [state.reader, page.directions[state.reader]];
  for (const one of document.querySelectorAll("[data-text]")) one.textContent = say(one.dataset.text);
  for (const where of ["status", "file-status"]) tell(where);
  document.title = say("title");
  show();
}

// The item.
function said(item) {
  const known = state.said[item.id] ?? {};
  return { answer: page.answers.includes(known.answer) ? known.answer : null, comment: String(known.comment ?? "") };
}

function pieces(target, parts, direction) {
  target.dir = direction;
  target.replaceChildren(...parts.map(([text, changed]) => {
    const piece = document.createElement(changed ? "mark" : "span");
    piece.textContent = text;
    return piece;
  }));
}

function show() {
  const item = page.items[state.at];
  const { answer, comment } = said(item);
  const total = page.items.length;
  const answered = page.items.filter((one) => said(one).answer).length;
  tell("item", "item", { number: state.at + 1, total });
  tell("progress", "progress", { answered, total });
  find("bar").value = answered;
  pieces(find("clean"), item.clean, item.directions[0]);
  pieces(find("changed"), item.changed, item.directions[1]);
  find("edits").replaceChildren(...item.edits.map((edit) => {
    const line = document.createElement("li");
    const [before, after] = edit.map((text) => {
      const word = document.createElement("bdi");
      word.lang = page.language;
      word.textContent = text;
      return word;
    });
    line.append(before, document.documentElement.dir === "rtl" ? " ← " : " → ", after);
    return line;
  }));
  find("kind").textContent = item.title;
  find("about").textContent = item.about;
  find("comment").value = comment;
  for (const button of document.querySelectorAll("[data-answer]")) {
    button.setAttribute("aria-pressed", String(button.dataset.answer === answer));
  }
  find("previous").disabled = state.at === 0;
  find("next").disabled = state.at === total - 1;
  find("next-open").disabled = answered === total;
  find("undo").disabled = taken.length === 0;
}

function go(to) {
  state.at = Math.max(0, Math.min(page.items.length - 1, to));
  keep();
  show();
}

function goAndRead(to) {
  go(to);
  find("item").focus(); // so that a screen reader reads on from here
}

function answer(value) {
  const at = state.at;
  const item = page.items[at];
  const before = said(item);
  taken.push({ at, answer: before.answer });
  state.said[item.id] = { ...before, answer: value };
  goAndRead(at + 1);
  const done = page.items.every((one) => said(one).answer);
  tell("status", done ? "finished" : "recorded", { number: at + 1, answer: say(value) });
}

function undo() {
  const last = taken.pop();
  if (!last) return;
  const item = page.items[last.at];
  state.said[item.id] = { ...said(item), answer: last.answer };
  goAndRead(last.at);
  tell("status", "undone", { number: last.at + 1 });
}

function nextOpen() {
  const order = page.items.map((_, step) => (state.at + 1 + step) % page.items.length);
  const open = order.find((at) => !said(page.items[at]).answer);
  if (open !== undefined) goAndRead(open);
}

for (const button of document.querySelectorAll("[data-answer]")) {
  button.addEventListener("click", () => answer(button.dataset.answer));
}
find("previous").addEventListener("click", () => go(state.at - 1));
find("next").addEventListener("click", () => go(state.at + 1));
find("next-open").addEventListener("click", nextOpen);
find("undo").addEventListener("click", undo);
find("comment").addEventListener("input", (event) => {
  const item = page.items[state.at];
  state.said[item.id] = { ...said(item), comment: event.target.value };
  keep();
});

// Keys go by their place too: in Arabic and French layouts the key of 1 writes another sign.
document.addEventListener("keydown", (event) => {
  if (!state.keys || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
  const digit = /^(?:Digit|Numpad)([123])$/.exec(event.code)?.[1] ?? /^[123]$/.exec(event.key)?.[0];
  const forth = document.documentElement.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
  if (digit) answer(page.answers[digit - 1]);
  else if (event.key === "ArrowLeft" || event.key === "ArrowRight") go(state.at + (event.key === forth ? 1 : -1));
  else if (event.code === "KeyU" || event.key.toLowerCase() === "u") undo();
  else return;
  event.preventDefault();
});

// About the reviewer, and the file.
const fields = { reviewer: "name", level: "level", remarks: "remarks" };
for (const [id, key] of Object.entries(fields)) {
  const field = find(id);
  field.addEventListener(field.tagName === "SELECT" ? "change" : "input", () => {
    state[key] = field.value;
    keep();
  });
}
find("keys").addEventListener("change", (event) => {
  state.keys = event.target.checked;
  keep();
});
find("interface").addEventListener("change", (event) => {
  state.reader = event.target.value;
  keep();
  translate();
});

function answers() {
  const { schema_version, kind, irbench, language, set } = page;
  const reviewer = { name: state.name.trim(), level: state.level };
  const items = page.items.map((item) => ({ ...item.key, ...said(item) }));
  const saved = new Date().toISOString();
  return { schema_version, kind, irbench, language, set, saved, reviewer, remarks: state.remarks, items };
}

find("save").addEventListener("click", () => {
  if (!state.name.trim() || !state.level) {
    tell("file-status", "who");
    find(state.name.trim() ? "level" : "reviewer").focus();
    return;
  }
  const name = state.name.trim().replace(/[^\p{L}\p{M}\p{N}]+/gu, "-").slice(0, 40);
  const file = `review-${page.language}-${name}.json`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(answers(), null, 1)], { type: "application/json" }));
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  tell("file-status", "saved", { file });
});

find("load").addEventListener("click", () => find("file").click());
find("file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  let found = null;
  try {
    found = JSON.parse(await file.text());
  } catch {
    // no JSON: said below
  }
  if (found?.kind !== page.kind || found.schema_version !== page.schema_version || found.set !== page.set) {
    tell("file-status", "foreign");
    return;
  }
  load(found);
});

function load(found) {
  const itemOf = new Map(page.items.map((item) => [`${item.key.recipe} ${item.key.query_id} ${item.key.digest}`, item]));
  let number = 0;
  for (const one of Array.isArray(found.items) ? found.items : []) {
    const item = itemOf.get(`${one?.recipe} ${one?.query_id} ${one?.digest}`);
    if (!item || (!page.answers.includes(one.answer) && !one.comment)) continue;
    state.said[item.id] = { answer: one.answer, comment: String(one.comment ?? "") };
    number += page.answers.includes(one.answer) ? 1 : 0;
  }
  state.name = String(found.reviewer?.name ?? state.name);
  if (page.levels.includes(found.reviewer?.level)) state.level = found.reviewer.level;
  state.remarks = String(found.remarks ?? state.remarks);
  taken.length = 0;
  keep();
  fill();
  show();
  tell("file-status", "loaded", { number });
}

function fill() {
  for (const [id, key] of Object.entries(fields)) find(id).value = state[key];
  find("keys").checked = state.keys;
  find("interface").value = state.reader;
}

if (!(state.reader in page.texts)) state.reader = page.read_in;
state.at = Number.isInteger(state.at) && page.items[state.at] ? state.at : 0;
if (state.said === null || typeof state.said !== "object") state.said = {};
translate();
fill();
keep();
