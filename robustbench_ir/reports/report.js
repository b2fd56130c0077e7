"use strict";
// Sorting. Without this script the tables stand as they are.
const words = new Intl.Collator(undefined, { numeric: true });
function compare(left, right, direction) {
  const [a, b] = [left.dataset.v, right.dataset.v].map((value) => (value === undefined ? undefined : Number(value)));
  if (a === undefined || b === undefined) return direction * words.compare(left.textContent, right.textContent);
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
  return direction * (a - b);
}
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  for (const cell of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      const first = cell.classList.contains("number") ? "descending" : "ascending";
      const other = first === "descending" ? "ascending" : "descending";
      const order = cell.getAttribute("aria-sort") === first ? other : first;
      for (const one of table.tHead.rows[0].cells) one.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", order);
      const direction = order === "ascending" ? 1 : -1;
      const place = cell.cellIndex;
      body.append(...[...body.rows].sort((a, b) => compare(a.cells[place], b.cells[place], direction)));
    });
  }
}
// Long tables scroll in themselves; a button opens them. Without this script the line above the table says so.
for (const cue of document.querySelectorAll(".cue")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Show all rows";
  button.addEventListener("click", () => {
    cue.nextElementSibling.classList.remove("tall");
    cue.remove();
  });
  cue.append(" ", button);
}
