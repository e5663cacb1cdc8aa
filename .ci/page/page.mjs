// What the tests of local-gateway's page share: the page in headless Chromium, with the real function.

import assert from "node:assert/strict";
import { test } from "node:test";
import { TIMEOUT_MS, readUntil, start, startBrowser } from "../chromium.mjs";

export let browser;
/** The addresses that local-gateway prints: of the page, the issuer and the APIs. */
export const addresses = {};

/** Starts local-gateway with these options too, and opens its page. */
export async function startPage(...others) {
  const rules = JSON.stringify({ "$connect": [], "* /orders": [], "DELETE /orders": ["admin"] });
  const options = ["--port", "0", "--set", `AUTHORIZER_ROUTE_RULES=${rules}`, ...others];
  const message = await readUntil(start(process.env.LOCAL_GATEWAY, options, "SIGINT"), /follows\.$/);
  for (const [name, pattern] of [["issuer", /^issuer +(\S+)$/m], ["restApi", /^REST API +(\S+)$/m], ["webSocketApi", /^WebSocket API +(\S+)$/m], ["page", /^page +(\S+)$/m]]) {
    addresses[name] = message.match(pattern)[1];
  }
  browser = await startBrowser(addresses.page);
}

export const scenario = (name, run) => test(name, { timeout: TIMEOUT_MS }, run);

/** Checks that these links lead to sections of the documentation. */
export async function leadsToSections(links, expected) {
  assert.deepEqual(links, expected.map((link) => `${addresses.page}${link}`));
  for (const link of links) {
    const html = await (await fetch(link)).text();
    assert.ok(html.includes(`id="${new URL(link).hash.slice(1)}"`), link);
  }
}

/** Fills in the form, sends, and returns what the page then shows. */
export async function send(fields) {
  const count = await browser.run(async function (fields) {
    const form = document.getElementById("send");
    const count = document.querySelectorAll("#requests > :not(.on-connection)").length;
    const { api, stage, ...others } = fields;
    [...form.elements.api].find(({ value }) => value === api).click();
    // Without one, it is the API's first stage.
    form.elements.stage.value = stage ?? form.elements.stage.options[0].value;
    for (const [name, value] of Object.entries(others)) form.elements[name].value = value;
    form.dispatchEvent(new Event("change"));
    form.requestSubmit();
    return count;
  }, fields);
  return shownAfter(count);
}

/** Waits for a further request and its explanation, and returns what the page shows. */
export function shownAfter(count) {
  return shown(function (count) {
    const newest = document.querySelector("#requests button");
    return document.querySelectorAll("#requests > :not(.on-connection)").length > count
      && newest.getAttribute("aria-current") === "true"
      && document.getElementById("panel").ariaBusy === "false";
  }, count);
}

/** Waits for an event of the newest connection with this title, selects it, and returns what the page shows. */
export function selectEvent(title, position = 0) {
  return shown(function (title, position) {
    const [handshake] = document.querySelectorAll("#requests > :not(.on-connection)");
    const events = [];
    for (let item = handshake.nextElementSibling; item?.matches(".on-connection"); item = item.nextElementSibling) events.push(item);
    const event = events.filter((item) => item.querySelector(".route").textContent === title)[position];
    event?.firstChild.click();
    return Boolean(event);
  }, title, position);
}

/** Waits until the page is as wanted, and returns what it shows. */
function shown(isShown, ...args) {
  return browser.run(`function (...args) {
    const read = ${read};
    return new Promise((resolve) => {
      const look = () => {
        observer.disconnect();
        if ((${isShown})(...args)) resolve(read());
        else observer.observe(document.body, { childList: true, subtree: true, attributes: true });
      };
      const observer = new MutationObserver(look);
      look();
    });
  }`, ...args);
}

/** Reads what the page shows of the selected request. It runs in the page. */
function read() {
  const words = (station) => {
    const [, name, fact, state] = [...station.children].map((child) => child.textContent);
    return `${name}: ${fact}, ${state}`;
  };
  const stations = [...document.querySelectorAll(".station")];
  const selected = stations.findIndex((station) => station.ariaSelected === "true");
  const shown = {
    verdict: document.getElementById("verdict").textContent,
    isGood: document.querySelector("#verdict .status").classList.contains("good"),
    sentence: document.getElementById("sentence").textContent,
    stations: stations.map(words),
    selected: words(stations[selected]),
    panel: document.getElementById("panel").innerText,
    trap: document.getElementById("trap").textContent,
    links: [...document.querySelectorAll("#selected a")].filter((link) => link.checkVisibility()).map(({ href }) => href),
  };
  stations[0].click();
  shown.command = document.querySelector("#panel pre")?.textContent;
  document.getElementById(`station-${selected}`).click();
  return shown;
}

/** Returns the names of the buttons that send something. */
export const buttons = () => browser.run(() =>
  [...document.querySelectorAll("#send button")].filter((button) => button.checkVisibility()).map(({ textContent }) => textContent));

/** Selects a station, and returns the text of its panel. */
export const panelOf = (name) => browser.run(function (name) {
  const stations = [...document.querySelectorAll(".station")];
  stations.find((station) => station.querySelector(".name").textContent === name).click();
  return document.getElementById("panel").innerText;
}, name);

/** Presses a button, or fills in and submits a form. Returns what the page says of it. */
export function change(id, fields) {
  return browser.run(function (id, fields) {
    const control = document.getElementById(id);
    control.closest("details").open = true;
    if (fields) {
      for (const [name, value] of Object.entries(fields)) control.elements[name].value = value;
      control.dispatchEvent(new Event("change"));
      control.requestSubmit();
    } else {
      control.click();
    }
    const [done, failed] = ["done", "failed"].map((id) => document.getElementById(id));
    return new Promise((resolve) => {
      const look = () => {
        const said = done.textContent || failed.textContent;
        const { textContent: heading } = done.closest("details").querySelector("summary");
        if (said && heading !== control.closest("details").querySelector("summary").textContent) resolve(`below ${heading}`);
        if (said) resolve(`${failed.textContent ? failed.role : done.role}: ${said}`);
      };
      const observer = new MutationObserver(look);
      for (const place of [done, failed]) observer.observe(place, { childList: true });
    });
  }, id, fields);
}
