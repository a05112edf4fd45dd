// Which of the three views is shown: the sign-in form, the imports, or one import.

import * as contacts from "./contacts.js";
import * as imports from "./imports.js";
import { hush } from "./page.js";
import { person, reason, session, signIn, signOut, takeFromAddress, token } from "./session.js";

const element = (id) => document.getElementById(id);
const VIEWS = ["sign-in", "home", "detail"];

function show(view) {
  for (const name of VIEWS) element(name).hidden = name !== view;
  element("who").hidden = view === "sign-in";
}

function route({ focus }) {
  hush();
  imports.close();
  contacts.close();
  if (!token()) return askForToken();
  element("person").textContent = person();
  const id = new URLSearchParams(location.hash.slice(1)).get("import");
  show(id ? "detail" : "home");
  scrollTo(0, 0);
  // Whoever came by a link inside the page, hears where that led.
  if (focus) element(id ? "detail-title" : "home-title").focus({ preventScroll: true });
  return id ? contacts.open(id) : imports.open();
}

function askForToken() {
  show("sign-in");
  element("token").value = "";
  if (reason) element("sign-in-reason").textContent = reason;
  element("token").focus();
}

element("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(element("token").value);
});
element("leave").addEventListener("click", () => signOut("You have signed out. Paste an access token to come back."));
element("toast-close").addEventListener("click", hush);
session.addEventListener("change", () => route({ focus: true }));
addEventListener("hashchange", () => {
  takeFromAddress();
  route({ focus: true });
});

takeFromAddress();
route({ focus: false });
