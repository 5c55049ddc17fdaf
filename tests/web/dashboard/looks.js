// Faults of a page's look that a program can see. Returns them as texts.
() => {
  const MAY_BE_CUT = ".unseen, .note, .unseen *, thead, thead *, input";
  const faults = [];
  const say = (kind, element, text) => faults.push(`${kind}: <${element.tagName.toLowerCase()}.${element.className?.baseVal ?? element.className}> ${text.trim().slice(0, 60)}`);
  const visible = (element) => element.checkVisibility() && !element.closest(".unseen, thead");
  const all = [...document.querySelectorAll("body *")].filter(visible);
  const holders = all.filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) faults.push(`the page is ${document.documentElement.scrollWidth} px wide`);

  // Nothing sticks out of the window, and no text is cut or leaves its box.
  for (const element of all) {
    const box = element.getBoundingClientRect();
    if (box.width && (box.right > width + 0.5 || box.left < -0.5)) say("outside", element, element.textContent);
    const style = getComputedStyle(element);
    if (element.matches(MAY_BE_CUT) || element.closest("svg")) continue;
    if (style.overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1) say("cut", element, element.textContent);
    if (style.display !== "inline" && style.overflowX === "visible" && element.clientWidth && element.scrollWidth > element.clientWidth + 1) say("overflows", element, element.textContent);
  }

  // No two texts lie on one another.
  const lines = holders.filter((element) => !element.matches("option") && !element.closest("svg")).flatMap((element) => {
    const range = document.createRange();
    return [...element.childNodes].filter((node) => node.nodeType === 3 && node.data.trim()).flatMap((node) => {
      range.selectNodeContents(node);
      return [...range.getClientRects()].filter((box) => box.width > 1).map((box) => ({ box, element, text: node.data }));
    });
  });
  lines.sort((a, b) => a.box.top - b.box.top);
  lines.forEach((line, place) => {
    for (let next = place + 1; next < lines.length && lines[next].box.top < line.box.bottom - 3; next += 1) {
      const other = lines[next];
      const across = Math.min(line.box.right, other.box.right) - Math.max(line.box.left, other.box.left);
      const clipped = [line, other].some(({ element }) => element.matches(MAY_BE_CUT));
      if (across > 1 && other.element !== line.element && !clipped) say("overlaps", line.element, `${line.text} / ${other.text}`);
    }
  });

  // No paragraph ends with a short word alone on its line.
  for (const element of document.querySelectorAll("p, li, h2, h3, dt, dd, summary, button, label")) {
    if (!visible(element) || [...element.children].some((child) => getComputedStyle(child).display !== "inline")) continue;
    const range = document.createRange();
    range.selectNodeContents(element);
    const rows = new Map();
    for (const box of range.getClientRects()) {
      const key = [...rows.keys()].find((top) => Math.abs(top - box.bottom) < 6) ?? box.bottom;
      const row = rows.get(key) ?? { left: box.left, right: box.right };
      rows.set(key, { left: Math.min(row.left, box.left), right: Math.max(row.right, box.right) });
    }
    const last = [...rows].sort((a, b) => a[0] - b[0]).at(-1)?.[1];
    if (rows.size > 1 && last.right - last.left < 30) say("orphan", element, element.textContent);
  }

  // No part of a row of parts is alone on its line.
  for (const element of all) {
    const style = getComputedStyle(element);
    const flows = (style.display === "flex" && style.flexWrap === "wrap") || element.matches(".chips, .figures");
    if (!flows || element.matches(".edit, .inline")) continue;
    const rows = [];
    for (const child of [...element.children].filter((one) => one.checkVisibility())) {
      const box = child.getBoundingClientRect();
      const row = rows.find((one) => box.top < one.bottom - 2 && box.bottom > one.top + 2);
      if (row) row.count += 1;
      else rows.push({ top: box.top, bottom: box.bottom, count: 1, text: child.textContent });
    }
    if (rows.length > 1 && rows.at(-1).count === 1 && rows.some((row) => row.count > 2)) say("alone", element, rows.at(-1).text);
  }
  return faults;
}
