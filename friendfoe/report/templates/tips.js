// A tip beside what is pointed at, tapped or focused: the numbers of a cell, or what describes a link.
(() => {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.id = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  let shown = null;

  const line = (text) => Object.assign(document.createElement("span"), {textContent: text});

  function numbers(cell) {
    const [mean, low, high, images, ...each] = cell.dataset.numbers.split(" ");
    const lines = [`mean ${mean}`, low === "-inf" ? "no interval" : `95 % interval ${low} to ${high}`];
    if (images !== "0") lines.push(`n = ${images}`);
    if (each.length) lines.push(`${each.length} replicate${each.length > 1 ? "s" : ""}: ${each.join(", ")}`);
    return lines.map(line);
  }

  function content(target) {
    if (target.dataset.numbers) return numbers(target);
    const described = document.getElementById(target.getAttribute("aria-describedby"));
    const more = line("");
    more.append(Object.assign(document.createElement("a"), {href: target.href, textContent: "Evidence", tabIndex: -1}));
    return [...Array.from(described.children, (child) => child.cloneNode(true)), more];
  }

  function show(target) {
    if (target === shown) return;
    hide();
    shown = target;
    tip.replaceChildren(...content(target));
    tip.hidden = false;
    if (target.dataset.numbers) target.setAttribute("aria-describedby", "tip");
    place();
  }

  function place() {
    if (!shown) return;
    const [at, own] = [shown.getBoundingClientRect(), tip.getBoundingClientRect()];
    const below = at.bottom + own.height + 4 < innerHeight;
    tip.style.top = `${Math.max(0, below ? at.bottom : at.top - own.height)}px`;
    tip.style.left = `${Math.max(4, Math.min(at.left, document.documentElement.clientWidth - own.width - 4))}px`;
  }

  function hide() {
    if (shown?.dataset.numbers) shown.removeAttribute("aria-describedby");
    shown = null;
    tip.hidden = true;
  }

  const tipped = (element) => element.closest?.("[data-numbers], a.tipped");
  let touched = false;
  document.addEventListener("pointerdown", (event) => (touched = event.pointerType === "touch"));
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch" || tip.contains(event.target)) return;
    const target = tipped(event.target);
    if (target) show(target);
    else if (shown !== document.activeElement) hide();
  });
  document.addEventListener("focusin", (event) => {
    const target = tipped(event.target);
    if (touched && target?.href) return; // the tap itself shows it
    if (target) show(target);
    else if (!tip.contains(event.target)) hide();
  });
  document.addEventListener("click", (event) => {
    const target = tipped(event.target);
    if (target?.href && touched && target !== shown) event.preventDefault(); // a second tap follows the link
    if (target) show(target);
    else if (!tip.contains(event.target)) hide();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.addEventListener("scroll", place, {capture: true, passive: true});

  // one cell of a table can be reached by Tab, the others from there by arrows
  for (const table of document.querySelectorAll("table:has([data-numbers])")) {
    const cells = () => [...table.querySelectorAll("[data-numbers]")];
    cells().forEach((cell, number) => (cell.tabIndex = number ? -1 : 0));
    table.addEventListener("keydown", (event) => {
      const cell = event.target.closest("[data-numbers]");
      const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
      if (!cell || !step) return;
      const [row, column] = [cell.parentElement, cell.cellIndex];
      const line = step[0] ? [...row.cells] : Array.from(row.parentElement.rows, (other) => other.cells[column]);
      const ahead = line.indexOf(cell);
      const next = step[0] + step[1] > 0 ? line.slice(ahead + 1) : line.slice(0, ahead).reverse();
      const target = next.find((other) => other?.dataset.numbers);
      event.preventDefault();
      if (!target) return;
      cell.tabIndex = -1;
      target.tabIndex = 0;
      target.focus();
    });
  }
})();
