// Buttons below tables and figures copy them: as CSV what is shown, as it is sorted; the link; and what templates hold.
(() => {
  const field = (cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

  function csv(table) {
    const rows = [];
    const held = []; // cells of the head that reach into the rows below
    for (const row of table.rows) {
      const line = [];
      for (const cell of row.cells) {
        while (held[line.length] > 0) held[line.length] -= 1, line.push("");
        for (let n = 0; n < cell.colSpan; n += 1) {
          held[line.length] = cell.rowSpan - 1;
          line.push(cell.textContent.trim());
        }
      }
      rows.push(line.map(field).join(","));
    }
    return rows.join("\n") + "\n";
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // not allowed here
      const area = Object.assign(document.createElement("textarea"), {value: text});
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  }

  for (const block of document.querySelectorAll(".block[id]")) {
    const texts = {link: () => `${location.href.split("#")[0]}#${block.id}`};
    const table = block.querySelector("table.sortable");
    if (table) texts.CSV = () => csv(table);
    for (const template of block.querySelectorAll("template[data-as]")) {
      texts[template.dataset.as] = () => template.content.textContent;
    }
    const files = block.querySelector(".files");
    files.append(" · Copy: ");
    for (const [name, text] of Object.entries(texts)) {
      const button = Object.assign(document.createElement("button"), {type: "button", textContent: name});
      button.setAttribute("aria-label", `Copy ${name}`);
      button.addEventListener("click", async () => {
        await copy(text());
        button.textContent = "copied";
        said.textContent = `${name} copied`;
        setTimeout(() => (button.textContent = name), 1500);
      });
      files.append(button, " ");
    }
  }
  const said = Object.assign(document.createElement("p"), {className: "unseen"});
  said.setAttribute("role", "status");
  document.body.append(said);
})();
