// Tables are sorted by the headings of their columns: ascending, descending, as they were.
const words = new Intl.Collator(undefined, {numeric: true});
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  if (original.length < 2) continue;
  const corner = table.tHead.rows[0].cells[0];
  const last = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  const headings = last.includes(corner) ? last : [corner, ...last];

  const value = (cell) => {
    const text = cell.textContent.trim();
    const number = parseFloat((cell.dataset.numbers ?? text).replace(/^\(/, ""));
    return {text, number: Number.isNaN(number) ? null : number};
  };

  headings.forEach((heading, column) => {
    const numeric = heading.classList.contains("number");
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const order = {null: "ascending", ascending: "descending"}[heading.getAttribute("aria-sort")];
      for (const other of headings) other.removeAttribute("aria-sort");
      if (!order) return body.append(...original);
      heading.setAttribute("aria-sort", order);
      const keyed = original.map((row) => ({row, ...value(row.cells[column])}));
      // in a column of numbers, what is none stands last, whatever the order
      const [there, not] = [true, false].map((one) => keyed.filter((key) => (!numeric || key.number !== null) === one));
      there.sort(numeric ? (a, b) => a.number - b.number : (a, b) => words.compare(a.text, b.text));
      if (order === "descending") there.reverse();
      body.append(...[...there, ...not].map(({row}) => row));
    });
  });
}
