// Tests the page for the keyboard, for screen readers, for contrast, and in windows of each width.

import assert from "node:assert/strict";
import { before } from "node:test";
import { addresses, browser, scenario, selectEvent, send, shownAfter, startPage } from "./page.mjs";

before(() => startPage());

scenario("every control has a name in the accessibility tree", async () => {
  await send({ api: "http", token: "expired", place: "header" });
  await browser.run(function () {
    for (const details of document.querySelectorAll("details")) details.removeAttribute("name");
    for (const details of document.querySelectorAll("details")) details.open = true;
    document.getElementById("talk").hidden = false;
  });
  const { nodes } = await browser.devTools("Accessibility.getFullAXTree");
  const property = (node, name) => node.properties?.find((property) => property.name === name)?.value.value;
  const controls = nodes.filter((node) => !node.ignored && property(node, "focusable") && node.role.value !== "RootWebArea");
  const unnamed = controls.filter((node) => !node.name?.value && node.role.value !== "MenuListPopup");
  assert.deepEqual(unnamed.map(({ role, name }) => [role.value, name]), []);
  assert.ok(controls.length > 40, String(controls.length));
  const failed = nodes.filter((node) => node.role?.value === "tab" && node.name.value.endsWith("failed"));
  assert.deepEqual(failed.map(({ name }) => name.value), ["Authorizer expired failed", "Client gets 401 failed"]);
  await browser.run(function () {
    document.getElementById("talk").hidden = true;
    for (const details of document.querySelectorAll("details")) {
      details.open = false;
      details.setAttribute("name", "more");
    }
  });
});

const KEYS = { tab: "\uE004", enter: "\uE007", up: "\uE013", down: "\uE015", right: "\uE014", home: "\uE011" };
const focused = () => browser.run(function () {
  const { activeElement: element } = document;
  return element.name ? `${element.form.id}.${element.name}` : element.id || element.dataset.number || element.textContent;
});

scenario("works with the keyboard alone", async () => {
  for (const token of ["good", "expired"]) await send({ api: "http", token, place: "header" });
  await browser.run(() => {
    document.querySelector("[name=api][value=http]").click();
    document.querySelector("[name=place]").value = "header";
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
  });
  const stops = [];
  for (let stop = 0; stop < 21; stop++) {
    await browser.press(KEYS.tab);
    stops.push(await focused());
  }
  const newest = await browser.run(() => document.querySelector("#requests button").dataset.number);
  assert.deepEqual(stops, [
    "Skip to the selected request", "Documentation",
    "send.api", "send.stage", "send.method", "send.path", "send.token", "send.place", "Send",
    "Traps", "Authorizer", "Lambda function", "Issuer", "Time and caches", "Addresses",
    "follow", newest,
    "language", "command", "station-4", "panel",
  ]);
  await browser.run((number) => document.querySelector(`[data-number="${number}"]`).focus(), newest);
  await browser.press(KEYS.down);
  assert.equal(await focused(), String(newest - 1));
  await browser.press(KEYS.up);
  await browser.run(() => document.querySelector("[role=tab][aria-selected=true]").focus());
  await browser.press(KEYS.right);
  assert.equal(await focused(), "station-5");
  await browser.press(KEYS.home);
  assert.equal(await focused(), "station-0");
  const count = await browser.run(() => {
    document.querySelector("[name=path]").focus();
    return document.querySelectorAll("#requests > :not(.on-connection)").length;
  });
  await browser.press(KEYS.enter);
  assert.match((await shownAfter(count)).verdict, /^401/);
  assert.equal(await focused(), "send.path");
});

/** Returns the texts and borders that have too little contrast (WCAG 2.2, 1.4.3 and 1.4.11). */
function lowContrast() {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = channels(color).map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const background = (element) => {
    const { backgroundColor } = getComputedStyle(element);
    const [, , , alpha = 1] = channels(backgroundColor);
    return alpha === 1 ? backgroundColor : background(element.parentElement);
  };
  const low = [];
  for (const element of document.body.querySelectorAll("*")) {
    if (!element.checkVisibility({ opacityProperty: true }) || element.matches(":disabled, .hidden, option")) continue;
    const { color, borderColor } = getComputedStyle(element);
    const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const needed = (wanted, found, what) => found < wanted && low.push(`${what} ${element.outerHTML.slice(0, 80)}: ${found.toFixed(2)}`);
    if (hasText || element.matches("select, input")) needed(4.5, ratio(color, background(element)), "text");
    if (element.matches("select, textarea, input:not([type=radio], [type=checkbox])")) {
      needed(3, ratio(borderColor.match(/^[^)]*\)/)[0], background(element.parentElement)), "border");
    }
  }
  return low;
}

const openDetails = (index) =>
  browser.run((index) => { document.querySelectorAll("details")[index].open = true; }, index);

const chooseScheme = (value) =>
  browser.devTools("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });

for (const scheme of ["light", "dark"]) {
  scenario(`has enough contrast in the ${scheme} scheme`, async () => {
    await chooseScheme(scheme);
    for (const fields of [
      { api: "rest", token: "good", place: "header" },
      { api: "rest", token: "good", place: "header" },
      { api: "websocket", token: "expired", place: "header" },
      { api: "websocket", token: "good", place: "header" },
    ]) {
      await send(fields);
      for (let index = 0; index < 6; index++) {
        await openDetails(index);
        assert.deepEqual(await browser.run(lowContrast), []);
      }
    }
    await selectEvent("$disconnect");
    assert.deepEqual(await browser.run(lowContrast), []);
    const color = await browser.run(() => getComputedStyle(document.documentElement).backgroundColor);
    assert.equal(color, scheme === "light" ? "rgb(244, 245, 248)" : "rgb(20, 22, 27)");
  });
}

/** Returns the elements that a window of this size cuts off. */
async function cutOff(width, height) {
  await browser.devTools("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  return browser.run(function () {
    const isCut = (element) => element.checkVisibility() && !element.closest(".hidden, .skip-link, pre, table")
      && (element.getBoundingClientRect().right > innerWidth || element.getBoundingClientRect().left < 0);
    return [...document.body.querySelectorAll("*")].filter(isCut).map((element) => element.outerHTML.slice(0, 80));
  });
}

scenario("fits into narrow and wide windows", async () => {
  await send({ api: "http", token: "wrong_audience", place: "header" });
  for (const [width, height] of [[320, 700], [600, 800], [1000, 700], [1440, 900]]) {
    for (let index = 0; index < 6; index++) {
      await openDetails(index);
      assert.deepEqual(await cutOff(width, height), [], `${width} px, details ${index}`);
    }
  }
});

/** Returns the stations whose words are wider than they are. */
const overflowing = () => browser.run(() => [...document.querySelectorAll(".station")]
  .filter((station) => station.scrollWidth > station.clientWidth).map((station) => station.textContent));

scenario("keeps the words of a station whole, and within it", async () => {
  await send({ api: "http", token: "good", place: "header", method: "DELETE" });
  for (const width of [320, 861, 1040, 1041, 1320, 1321]) {
    assert.deepEqual(await cutOff(width, 700), [], `${width} px`);
    assert.deepEqual(await overflowing(), [], `${width} px`);
  }
  const reason = await browser.run(() => document.querySelector("#station-4 .fact").innerHTML);
  assert.equal(reason, "insufficient_<wbr>scope");
});

scenario("shows the documentation with enough contrast, and in narrow windows", async () => {
  for (const name of ["local-gateway", "configuration", "errors"]) {
    await browser.open(`${addresses.page}docs/${name}.md`);
    for (const scheme of ["light", "dark"]) {
      await chooseScheme(scheme);
      assert.deepEqual(await browser.run(lowContrast), [], name);
    }
    assert.deepEqual(await cutOff(320, 700), [], name);
  }
});
