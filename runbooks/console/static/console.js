// Live pages: when the engine tells of a change, or now and then, the page is fetched again and what differs is put in place.
// Without this file everything works all the same, after a reload.
"use strict";
(() => {
  const main = document.getElementById("main");
  const live = document.getElementById("live");
  const incident = main.dataset.incident || "";
  const GUARD_MS = 700; // a button that has just appeared cannot be hit by a click that was meant for another
  // The page that an action refused has the address of the action: from here on it is that of the incident.
  if (main.dataset.url && location.pathname !== main.dataset.url.split("?")[0])
    history.replaceState(null, "", main.dataset.url);
  let source = null, timer = 0, busy = false, again = false, last = Date.now();

  // ---- putting a new version of an element in place: focus, typed text, open details and scroll positions stay

  function same(a, b) {
    return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || "") === (b.id || "");
  }

  function morph(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    if (old.isEqualNode(fresh)) return;
    for (const { name, value } of [...fresh.attributes])
      if (old.getAttribute(name) !== value && name !== "open") old.setAttribute(name, value);
    for (const { name } of [...old.attributes])
      if (!fresh.hasAttribute(name) && name !== "open" && name !== "data-fresh") old.removeAttribute(name);
    const byId = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
    let here = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      let match = next.id ? byId.get(next.id) : null;
      if (!match && here && same(here, next)) match = here;
      if (match && same(match, next)) {
        if (match === here) here = here.nextSibling;
        else old.insertBefore(match, here);
        morph(match, next);
      } else {
        const added = document.importNode(next, true);
        old.insertBefore(added, here);
        guard(added);
      }
    }
    while (here) {
      const gone = here;
      here = here.nextSibling;
      gone.remove();
    }
  }

  function guard(added) {
    if (added.nodeType !== Node.ELEMENT_NODE) return;
    const forms = [...added.querySelectorAll("form[data-act]")];
    if (added.matches("form[data-act]")) forms.push(added);
    for (const form of forms) {
      form.dataset.fresh = "";
      setTimeout(() => { delete form.dataset.fresh; }, GUARD_MS);
    }
  }
  addEventListener("click", (event) => { // `detail` is 0 for a key: who moved the focus here means this button
    if (event.detail && event.target.closest("form[data-fresh]")) event.preventDefault();
  }, true);

  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    clearTimeout(timer);
    try {
      const answer = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const focused = document.activeElement, kept = focused && focused.id;
      document.title = page.title;
      morph(main, page.getElementById("main"));
      if (focused && !focused.isConnected && kept) document.getElementById(kept)?.focus({ preventScroll: true });
      last = Date.now();
      say(true);
    } catch {
      say(false);
    } finally {
      busy = false;
      plan();
      if (again) { again = false; soon(); }
    }
  }

  let pending = 0;
  function soon() { // several events in a row are one refresh
    if (!pending) pending = setTimeout(() => { pending = 0; refresh(); }, 60);
  }

  function plan() {
    clearTimeout(timer);
    const seconds = Number(main.dataset.refresh || 0);
    if (seconds && !document.hidden) timer = setTimeout(refresh, seconds * 1000);
  }

  function say(well) {
    live.classList.toggle("off", !well);
    live.textContent = well ? "Live" : "Not live, trying again";
  }

  function connect() {
    if (source || document.hidden) return;
    const wanted = new URLSearchParams();
    if (incident) wanted.set("incident", incident);
    if (main.dataset.after) wanted.set("after", main.dataset.after); // what happened since the page was made is told first
    source = new EventSource("/events?" + wanted);
    let before = false;
    source.onopen = () => { say(true); if (before) soon(); before = true; };
    source.onerror = () => say(false);
    source.addEventListener("change", soon);
    source.addEventListener("reload", soon);
  }

  function disconnect() { // browsers allow six connections to a host: a hidden tab holds none
    if (source) source.close();
    source = null;
    clearTimeout(timer);
  }

  if ("live" in main.dataset) {
    connect();
    plan();
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) disconnect();
      else { connect(); soon(); }
    });
    addEventListener("pagehide", disconnect);
    addEventListener("pageshow", (event) => { if (event.persisted) { connect(); soon(); } });
  }

  // ---- relative times

  function ago(seconds) {
    if (seconds < 1) return "now";
    for (const [limit, divisor, unit] of [[120, 1, "s"], [7200, 60, "min"], [172800, 3600, "h"], [Infinity, 86400, "d"]])
      if (seconds < limit) return Math.floor(seconds / divisor) + " " + unit + " ago";
  }
  setInterval(() => {
    if (document.hidden) return;
    for (const time of document.querySelectorAll("time[data-at]")) {
      const text = ago(Date.now() / 1000 - Number(time.dataset.at));
      if (time.textContent !== text) time.textContent = text;
    }
    if ("live" in main.dataset && live.classList.contains("off")) {
      const lag = Math.round((Date.now() - last) / 1000);
      live.textContent = "Not live for " + lag + " s";
    }
  }, 1000);

  // ---- keys

  for (const keys of document.querySelectorAll(".keys")) keys.hidden = false;

  function move(step) {
    const all = [...document.querySelectorAll("[data-nav]")].filter((one) => one.offsetParent !== null);
    if (!all.length) return;
    const at = all.findIndex((one) => one === document.activeElement || one.contains(document.activeElement));
    const to = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step))];
    to.focus();
    to.scrollIntoView({ block: "nearest" });
  }

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "n") {
      const next = document.querySelector("#next :is(input:not([type=hidden]), textarea, select, button)") || document.querySelector("[data-nav]");
      if (next) { next.focus(); next.scrollIntoView({ block: "nearest" }); }
    } else if (event.key === "u") {
      const up = document.querySelector("[data-up]");
      if (up) location.href = up.href;
    } else return;
    event.preventDefault();
  });
})();
