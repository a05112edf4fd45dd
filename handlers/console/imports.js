// The first view: where to import from, and the imports so far.

import { call } from "./api.js";
import { askForConsent, Card } from "./card.js";
import { attempt, complain, fromTemplate, showPager } from "./page.js";
import { importName, providerName } from "./words.js";

const PAGE = 10;
const MOST_FOLLOWED = 4; // A browser opens six connections to a server, and the other requests need some of them.

const element = (id) => document.getElementById(id);
let cards = new Map();
let asked = 0;

export async function open() {
  await Promise.all([showProviders(), load(0)]).catch(complain);
}

export function close() {
  asked += 1;
  for (const card of cards.values()) card.leave();
  cards = new Map();
  element("history").replaceChildren();
}

async function showProviders() {
  const { providers, message } = await call("health");
  const ready = Object.keys(providers).filter((name) => providers[name].configured);
  element("providers").replaceChildren(...ready.map(button));
  if (!ready.length) element("home-lead").textContent = message;
}

function button(provider) {
  const made = fromTemplate("provider");
  made.dataset.provider = provider;
  made.querySelector(".monogram").textContent = providerName(provider).slice(0, 1);
  made.querySelector(".name").textContent = importName(provider);
  made.addEventListener("click", () => attempt(made, () => start(provider)));
  return made;
}

async function start(provider) {
  askForConsent(await call(`${provider}/start`, { method: "POST" }));
  await load(0);
}

async function load(offset) {
  const mine = (asked += 1);
  const page = await call(`list?limit=${PAGE}&offset=${offset}`);
  // Another page, or another view, may have been asked for meanwhile.
  if (mine !== asked) return;
  const shown = new Map(page.jobs.map((job) => [job.id, card(job)]));
  for (const [id, old] of cards) if (!shown.has(id)) old.leave();
  cards = shown;
  element("history").replaceChildren(...page.jobs.map((job) => item(cards.get(job.id))));
  element("no-imports").hidden = page.total > 0;
  showPager(element("history-pager"), page, load);
  followSome();
}

function card(job) {
  const known = cards.get(job.id);
  if (!known) return new Card(job, { onEnd: followSome });
  // Who is followed knows better than the list, which may have been read a moment earlier.
  if (!known.following) known.update(job);
  return known;
}

function item(card) {
  const made = document.createElement("li");
  made.append(card.element);
  return made;
}

function followSome() {
  const open = [...cards.values()].filter((card) => !card.ended && !card.gone && !card.idle);
  for (const card of open.slice(0, MOST_FOLLOWED)) card.follow();
}
