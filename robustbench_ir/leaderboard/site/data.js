"use strict";
// The page reads the JSON block, keeps its state in the address after #, and writes text only, never markup.

const data = JSON.parse(document.getElementById("data").textContent);
const boards = data.boards.filter((one) => one.rows.length);
const PAGE = 100, DOTS = 1500;
const START = { view: "", task: "", setting: "", threat: "", severity: "", language: "", name: "", size: "", verified: "", zero: "", old: "", sort: "robust", up: "", page: "1", model: "", pair: "", more: "" };
let state = { ...START };
const at = (id) => document.getElementById(id);
const some = (value) => value !== null && value !== undefined;
const shown = (value, digits = 3) => (some(value) ? value.toFixed(digits).replace(/^-(?!0\.?0*$)/, "\u2212").replace(/^-/, "") : "\u2013");
const percent = (value) => (some(value) ? Math.round(value * 100) + "%" : "\u2013");
const listed = (names) => (names.length < 2 ? names.join("") : names.slice(0, -1).join(", ") + " and " + names[names.length - 1]);

function make(tag, facts = {}, ...inside) {
  const vector = ["svg", "circle", "path", "text", "line", "title", "g"].includes(tag);
  const one = vector ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(facts)) {
    if (key.startsWith("on")) one.addEventListener(key.slice(2), value);
    else if (value !== false && some(value)) one.setAttribute(key, value === true ? "" : value);
  }
  one.append(...inside.filter(some));
  return one;
}

// Only a table that is wider than its place needs the keyboard to scroll it; what it is called says what it holds.
const scrolling = (label, table) => make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);

// A heading is a text, or a text with its help and the level from which on it is shown.
function headings(heads) {
  return make("tr", {}, ...heads.map((head) => {
    const one = typeof head === "object" && !(head instanceof Node) ? head : { label: head };
    return make("th", { scope: "col", class: one.class ?? level(one.level) }, one.label, helpButton(one.title ?? one.label, one.help));
  }));
}

const level = (number) => (number > 1 ? `level-${number}` : false);
const tableOf = (label, heads, lines) => scrolling(label, make("table", {}, make("thead", {}, headings(heads)), make("tbody", {}, ...lines)));

function helpButton(name, text) {
  if (!text) return null;
  return make("button", { type: "button", class: "help", popovertarget: "help", "aria-label": `What is ${name}?`, onclick: (event) => explain(event.currentTarget, name, text) }, "?");
}

function explain(button, name, text) {
  const box = at("help"), place = button.getBoundingClientRect();
  box.replaceChildren(make("strong", {}, name), make("p", {}, text));
  box.style.top = `${place.bottom + 4}px`;
  box.style.left = `${Math.max(8, Math.min(place.left, document.documentElement.clientWidth - 328))}px`;
}

// --- boards and their addresses. A board is known by its task, and by its languages where the task has several boards.
// Addresses once had its number. A task without its version is the newest one, without languages the board with most.

const alone = (one) => boards.filter((other) => other.task === one.task).length === 1;
const keyOf = (one) => one.task + (alone(one) ? "" : ":" + one.languages.join("+"));
const byKey = (key) => boards.find((one) => keyOf(one) === key) || (/^\d+$/.test(key) ? boards[Number(key)] : newest(key));
const LAST = "mini", FIRST = "xquad-r";
const breadth = (one) => one.languages.length * 1e6 + one.rows.length;
const inOrder = [...boards].sort((a, b) => (b.task_name === FIRST) - (a.task_name === FIRST) || (a.task_name === LAST) - (b.task_name === LAST) || breadth(b) - breadth(a));
const version = (one) => Number(one.task.split("@")[1]) || 0;

function newest(key) {
  const [task, languages] = key.split(":");
  const meant = inOrder.filter((one) => [one.task, one.task_name].includes(task) && (!languages || one.languages.join("+") === languages));
  return meant.sort((a, b) => version(b) - version(a))[0];
}

const board = () => byKey(state.task) || inOrder[0];
const languageName = (code) => data.languages[code]?.name || code;
const boardName = (one) => one.task + (alone(one) ? "" : `, ${one.languages.length > 4 ? one.languages.length + " languages" : one.languages.join(", ")}`);

function addressOf(asked) {
  const said = Object.entries({ ...START, ...asked }).filter(([key, value]) => value !== START[key]);
  return "#" + new URLSearchParams(said);
}

const taskOf = (one) => (one === inOrder[0] ? "" : keyOf(one));
const modelLink = (row, facts = {}) => make("a", { href: addressOf({ model: row.superseded ? row.file : row.model.name }), ...facts }, row.model.name);
const boardLink = (one, asked = {}, text = boardName(one)) => make("a", { href: addressOf({ task: taskOf(one), ...asked }) }, text);
const link = (address) => (/^https:\/\//.test(address || "") ? make("a", { href: address, rel: "noopener noreferrer nofollow ugc" }, address) : null);
