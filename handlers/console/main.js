// Which of the four views is shown: the sign-in form, the imports, a file that waits, or one import.

import * as contacts from "./contacts.js";
import * as file from "./file.js";
import * as imports from "./imports.js";
import { hush } from "./page.js";
import * as upload from "./upload.js";
import { person, reason, session, signIn, signOut, takeFromAddress, token } from "./session.js";

const element = (id) => document.getElementById(id);
const VIEWS = ["sign-in", "home", "file-view", "detail"];
const TITLES = { home: "home-title", "file-view": "file-title", detail: "detail-title" };

function show(view) {
  for (const name of VIEWS) element(name).hidden = name !== view;
  element("who").hidden = view === "sign-in";
}

function route({ focus }) {
  hush();
  imports.close();
  contacts.close();
  file.close();
  upload.close();
  if (!token()) return askForToken();
  element("person").textContent = person();
  const asked = new URLSearchParams(location.hash.slice(1));
  const view = asked.has("import") ? "detail" : asked.has("file") ? "file-view" : "home";
  show(view);
  scrollTo(0, 0);
  // Whoever came by a link inside the page, hears where that led.
  if (focus) element(TITLES[view]).focus({ preventScroll: true });
  if (view === "home") return imports.open();
  return view === "detail" ? contacts.open(asked.get("import")) : file.open(asked.get("file"));
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
