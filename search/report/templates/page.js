// Tables sort by a click on a header; the contents show where the reader is. Asks for nothing.
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
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    const order = numeric ? x - y : x.localeCompare(y, undefined, { numeric: true });
    return way === "ascending" ? order : -order;
  });
  table.tBodies[0].append(...rows);
}
for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sort(table, column, header));
  });
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
