// Makes elements, and sends what a control asks for.

export const element = (id) => document.getElementById(id);

/** Makes an element. Text is never read as HTML. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

/** Sends JSON to the server of this page. Returns the JSON of its response. */
export async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const result = await response.json();
  if (!response.ok) throw new Error(result.message);
  return result;
}

/** Reads JSON; any other text stays a text. */
export function asJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function factList(entries) {
  return make("dl", {}, ...entries.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
}

/** Shortens each long word, which is a token, to its ends. The whole text is its title. */
export function withShortTokens(text) {
  const short = text.replace(/(\S{12})\S{20,}(\S{12})/g, "$1…$2");
  return short === text ? text : make("span", { title: text }, short);
}

/** Copies a text, or what a promise gives, and says so on the button. */
export async function copyText(text, button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(await text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Could not copy";
  }
  setTimeout(() => (button.textContent = label), 1500);
}

/** Makes a block of JSON or of code, with a button that copies it or what `copied` returns instead. */
export function jsonBlock(title, value, { note, copied } = {}) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const copy = make("button", { type: "button", "aria-label": `Copy: ${title}` }, "Copy");
  copy.addEventListener("click", () => copyText(copied?.() ?? text, copy));
  return make("div", { class: "json" },
    make("div", { class: "bar" }, make("h3", {}, title), copy),
    note && make("p", { class: "note" }, note),
    make("pre", { tabindex: "0", role: "group", "aria-label": title }, text));
}

/** Makes a link to a section of the documentation, which opens beside this page. */
export function docsLink(page, text = page.replace(/^docs\//, "")) {
  return make("a", { href: `/${page}`, target: "docs" }, text);
}
