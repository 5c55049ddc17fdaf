// Making and changing of elements. Data becomes text nodes only, never markup.

/** The element with this id; the page has it. */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * A new element.
 * @param {string} tag its name, and its classes behind dots: "p.quiet"
 * @param {...(Node|string|null)} children strings become text; null and "" are left out
 */
export function make(tag, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  if (name === "button") element.type = "button";
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

/** A new button with these words, and what a press does. */
export function button(words, onPress) {
  const element = make("button", words);
  element.addEventListener("click", () => {
    if (element.ariaDisabled !== "true") onPress();
  });
  return element;
}

/** A word with a coloured dot before it. */
export function state(name, words) {
  const element = make("span.state", words);
  element.dataset.state = name;
  return element;
}

/** A bar, filled up to *share*. */
export function meter(share) {
  const fill = make("i");
  fill.style.width = `${Math.min(1, Math.max(0, share)) * 100}%`;
  const element = make("span.meter", fill);
  element.ariaHidden = "true";
  return element;
}

/**
 * Set an element's text if it differs: an unchanged text is not announced again, and keeps the
 * reader's selection.
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Show or hide an element. */
export function show(element, shown) {
  element.hidden = !shown;
}

const drawn = new WeakMap();

/**
 * Whether an element shows another value and must be drawn again. Unchanged elements keep the
 * reader's selection and focus.
 */
export function outdated(element, value) {
  const text = JSON.stringify(value);
  if (drawn.get(element) === text) return false;
  drawn.set(element, text);
  return true;
}

/**
 * Give *parent* exactly these children, in this order, and move only those that are out of place.
 */
export function place(parent, elements) {
  const wanted = new Set(elements);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  elements.forEach((element, index) => {
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
}

/**
 * Let one of some buttons be pressed.
 * @param {(name: string) => void} onChoice gets the name of the pressed one
 */
export function choice(parent, names, wordOf, onChoice) {
  const buttons = names.map((name) => {
    const element = button(wordOf(name), () => onChoice(name));
    element.dataset.name = name;
    return element;
  });
  parent.replaceChildren(...buttons);
}

/** Mark the pressed one of the buttons that :func:`choice` made. */
export function press(parent, name) {
  for (const element of parent.children) element.ariaPressed = String(element.dataset.name === name);
}
