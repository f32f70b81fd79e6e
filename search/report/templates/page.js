// Tables sort by a click, what scrolls sideways shows it, the contents show where the reader is.
const UNITS = { k: 1e3, M: 1e6, G: 1e9, T: 1e12, min: 60, h: 3600 };
function worth(text) {
  const found = [...text.replace(/\u2212/g, "-").replace(/,(?=\d{3})/g, "").matchAll(/([+-]?\d+(?:\.\d+)?(?:e[+-]\d+)?)\s*(min|[kMGTh])?/g)];
  if (!found.length) return null;
  const parts = found.map(([, number, unit]) => Number(number) * (UNITS[unit] ?? 1));
  return /\bh\b/.test(text) ? parts.reduce((a, b) => a + b, 0) : parts[0];
}
function sort(table, column, header) {
  const numeric = header.classList.contains("num");
  // The largest number comes first, and of words the first of the alphabet.
  const ways = numeric ? ["descending", "ascending"] : ["ascending", "descending"];
  const way = ways[Number(header.getAttribute("aria-sort") === ways[0])];
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", way);
  const key = (row) => { const text = row.cells[column].textContent.trim(); return numeric ? worth(text) : text || null; };
  const rows = [...table.tBodies[0].rows].sort((...pair) => {
    const [x, y] = pair.map(key);
    if (x === null || y === null) return (x === null) - (y === null);
    const order = numeric ? x - y : x.localeCompare(y, undefined, { numeric: true });
    return way === "ascending" ? order : -order;
  });
  table.tBodies[0].append(...rows);
}
for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sort(table, column, header));
  });
}
function hint(box) {
  const parts = [...(box.querySelector("thead tr") ?? box).children];
  const ends = parts.map((part) => part.getBoundingClientRect().right - box.getBoundingClientRect().left - 13);
  // From the end of the last whole column on (without its padding) all is pale: no figure looks cut.
  const least = parts.length > 1 ? box.clientWidth / 4 : box.clientWidth - 32;
  box.classList.toggle("more", box.scrollWidth > box.scrollLeft + box.clientWidth + 2);
  box.style.setProperty("--whole", `${Math.max(least, ...ends.filter((at) => at <= box.clientWidth))}px`);
}
const sized = new ResizeObserver((entries) => entries.forEach((entry) => hint(entry.target)));
for (const box of document.querySelectorAll(".box, .grid.small, nav")) {
  box.addEventListener("scroll", () => hint(box), { passive: true });
  sized.observe(box);
}
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    for (const link of links.values()) link.removeAttribute("aria-current");
    const link = links.get(entry.target.id);
    link.setAttribute("aria-current", "true");
    // On a phone the contents scroll sideways by themselves.
    link.parentElement.scrollLeft = link.offsetLeft - (link.parentElement.clientWidth - link.offsetWidth) / 2;
  }
}, { rootMargin: "-15% 0px -75% 0px" });
for (const id of links.keys()) seen.observe(document.getElementById(id));
