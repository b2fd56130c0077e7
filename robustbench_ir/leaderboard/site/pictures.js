// --- pictures

function plot(rows) {
  const dots = rows.filter((one) => some(one.clean) && some(one.robust) && one.row.digests !== "non-comparable");
  if (!dots.length) return at("plot").replaceChildren(make("p", { class: "note" }, "No model with both scores."));
  const most = Math.min(1, Math.max(...dots.map((one) => Math.max(one.clean, one.robust))) * 1.08) || 1;
  // As wide as its place, so that its letters are as large as those of the page.
  const width = Math.max(300, Math.min(720, at("plot").clientWidth || 720)), height = Math.min(440, width), edge = 58;
  const x = (value) => edge + (value / most) * (width - edge - 12), y = (value) => height - edge - (value / most) * (height - edge - 12);
  const best = front(dots), on = new Set(best);
  const drawn = dots.length > DOTS ? [...new Set([...best, ...dots.slice(0, DOTS)])] : dots;
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${dots.length} models by clean and attacked mAP; on the front: ${best.map((one) => one.name).slice(0, 10).join(", ")}` },
    make("path", { class: "axis", d: `M${edge} 12V${height - edge}H${width - 12}M${x(0)} ${y(0)}L${x(most)} ${y(most)}`, fill: "none" }),
    make("text", { class: "label", x: (width + edge) / 2, y: height - 8, "text-anchor": "middle" }, `clean mAP, ${state.setting}`),
    make("text", { class: "label", x: 12, y: (height - edge) / 2, transform: `rotate(-90 12 ${(height - edge) / 2})`, "text-anchor": "middle" }, `attacked mAP, ${state.setting}`));
  for (const step of [0, 0.25, 0.5, 0.75, 1]) {
    const text = (step * most).toFixed(most < 0.2 ? 3 : 2);
    svg.append(make("text", { x: x(step * most), y: height - edge + 16, "text-anchor": step === 1 ? "end" : "middle" }, text), make("text", { x: edge - 6, y: y(step * most) + 4, "text-anchor": "end" }, text));
  }
  svg.append(make("path", { class: "front", d: best.map((one, place) => `${place ? "L" : "M"}${x(one.clean)} ${y(one.robust)}`).join("") }));
  const at5 = drawn.map((one) => ({ name: one.name.slice(0, 40), x: x(one.clean), y: y(one.robust) }));
  drawn.forEach((one, place) => svg.append(make("circle", { class: on.has(one) ? "dot on" : "dot", cx: at5[place].x, cy: at5[place].y, r: 5 }, make("title", {}, `${one.name}: ${shown(one.clean)}, ${shown(one.robust)}`))));
  const named = new Set(dots.length <= 12 ? dots : best.slice(0, 12));
  at("plot").replaceChildren(svg);
  labels(svg, at5.filter((_, place) => named.has(drawn[place])), at5, { left: edge + 2, right: width - 4, top: 4, bottom: height - edge - 2 });
}

// Each label goes to the nearest place where it covers no label, no dot and no edge; a line leads to one that is not near.
function labels(svg, named, dots, edges) {
  const taken = dots.slice(0, 200).map((one) => ({ left: one.x - 6, right: one.x + 6, top: one.y - 6, bottom: one.y + 6 }));
  const free = (box) => box.left >= edges.left && box.right <= edges.right && box.top >= edges.top && box.bottom <= edges.bottom
    && taken.every((other) => box.right <= other.left || box.left >= other.right || box.bottom <= other.top || box.top >= other.bottom);
  for (const one of named) {
    const text = make("text", { class: "name" }, one.name);
    svg.append(text);
    const size = text.getBBox(), wide = size.width || one.name.length * 7, high = size.height || 17;
    const boxes = [];
    for (let away = 9; away < 260; away += 8) {
      for (const [left, middle] of [[away, 0], [-away - wide, 0], [-wide / 2, away + 4], [-wide / 2, -away - 4], [away, away], [away, -away], [-away - wide, away], [-away - wide, -away]]) {
        boxes.push({ away: Math.hypot(Math.max(left, 0, -left - wide), middle), left: one.x + left, right: one.x + left + wide, top: one.y + middle - high / 2, bottom: one.y + middle + high / 2 });
      }
    }
    const box = boxes.find(free);
    if (!box) { text.remove(); continue; }
    taken.push(box);
    text.setAttribute("x", box.left);
    text.setAttribute("y", box.bottom - (size.height + size.y));
    const toX = Math.max(box.left, Math.min(one.x, box.right)), toY = Math.max(box.top, Math.min(one.y, box.bottom));
    if (Math.hypot(toX - one.x, toY - one.y) > 14) svg.append(make("path", { class: "lead", d: `M${one.x} ${one.y}L${toX} ${toY}` }));
  }
}

function front(dots) {
  const found = [];
  let top = -1;
  for (const one of [...dots].sort((a, b) => b.clean - a.clean || b.robust - a.robust)) if (one.robust > top) { found.push(one); top = one.robust; }
  return found;
}

const LETTER = 7; // as wide as most letters of 12 pixels
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 4", "12 3"];

function curves(row, of) {
  const recipes = [...new Set(of.board.cells.slice(1).map((one) => one[0]))];
  const ap = row.ap[of.setting] || [], mine = of.group;
  // As wide as its place, so that its letters are as large as those of the page.
  const width = Math.max(300, Math.min(640, at("model").clientWidth || 640)), height = 280, edge = 56, named = width < 500 ? 130 : 190;
  const points = recipes.map((recipe) => [[0, ap[0]?.[mine]], ...of.board.cells.map((one, place) => (one[0] === recipe ? [one[1], ap[place]?.[mine]] : null)).filter(some)].filter((point) => some(point[1])));
  const most = Math.max(...points.flat().map((point) => point[1]), 0.01) * 1.05;
  const x = (value) => edge + (value / 5) * (width - edge - named), y = (value) => height - edge - (value / most) * (height - edge - 16);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `mAP by severity, ${of.setting}; the table below has the numbers` },
    make("path", { class: "axis", fill: "none", d: `M${edge} 16V${height - edge}H${x(5)}` }),
    make("text", { class: "label", x: x(2.5), y: height - 12, "text-anchor": "middle" }, "severity"),
    make("text", { class: "label", x: 14, y: (height - edge) / 2, transform: `rotate(-90 14 ${(height - edge) / 2})`, "text-anchor": "middle" }, `mAP, ${of.setting}`));
  for (const step of [0, 1, 2, 3, 4, 5]) svg.append(make("text", { x: x(step), y: height - edge + 18, "text-anchor": "middle" }, String(step)));
  for (const step of [0, 0.5, 1]) svg.append(make("text", { x: edge - 6, y: y(step * most) + 4, "text-anchor": "end" }, (step * most).toFixed(most < 0.2 ? 3 : 2)));
  const ends = points.map((line, place) => ({ line, place, y: y(line[line.length - 1]?.[1] ?? 0) })).filter((one) => one.line.length > 1).sort((a, b) => a.y - b.y);
  let floor = 0;
  for (const { line, place, y: end } of ends) {
    const colour = `hsl(${(place * 360) / recipes.length} 65% 45%)`;
    floor = Math.max(end, floor + 18);
    svg.append(make("path", { class: "curve", stroke: colour, "stroke-dasharray": DASHES[place % DASHES.length], d: line.map((point, step) => `${step ? "L" : "M"}${x(point[0])} ${y(point[1])}`).join("") }));
    for (const point of line) svg.append(make("circle", { cx: x(point[0]), cy: y(point[1]), r: 3, fill: colour }));
    const last = line[line.length - 1][0];
    svg.append(make("path", { class: "axis", d: `M${x(last) + 5} ${end}L${x(5) + 10} ${floor}` }), make("text", { x: x(5) + 14, y: floor + 4 }, shortly(recipes[place], of.board).slice(0, Math.floor((named - 14) / LETTER))));
  }
  return svg;
}

function heat(row, of) {
  const ap = row.ap[of.setting] || [];
  const cells = of.board.cells.map((one, place) => ({ label: place ? `${shortly(one[0], of.board)}, ${one[1]}` : "clean", place })).filter((one) => ap[one.place]?.some(some));
  const lines = of.board.languages.map((code) => make("tr", {}, make("th", { scope: "row" }, `${languageName(code)} (${code})`), ...cells.map((one) => shade(ap[one.place][of.board.group_of[code]]))));
  const made = tableOf(`mAP by language on ${of.board.task}`, ["Language", ...cells.map((one) => one.label)], lines);
  made.firstChild.className = "heat";
  return made;
}

function shade(value) {
  const field = make("td", {}, shown(value));
  if (some(value)) field.style.background = `hsl(${15 + 185 * value} 70% ${88 - 18 * Math.abs(value - 0.5)}%)`;
  else field.style.color = "inherit";
  return field;
}
