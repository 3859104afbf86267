// What pages do beyond links and forms: everything works without it but live changes and copying.
(() => {
  "use strict";
  const root = document.documentElement;
  const store = {
    get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
    set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* it is not kept, then */ } },
  };

  // Light or dark: by the system, until the reader says otherwise. Before anything is painted.
  const theme = store.get("theme");
  if (theme) root.dataset.theme = theme;

  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  let quietAt;
  function say(text) {
    const said = find("#said");
    if (!said) return;
    said.textContent = text;
    said.classList.add("on");
    clearTimeout(quietAt);
    quietAt = setTimeout(() => said.classList.remove("on"), 2500);
  }

  // Times: relative, the absolute on hover, in UTC or local.
  const utc = () => store.get("zone") !== "local";
  function absolute(date) {
    if (utc()) return date.toISOString().replace("T", " ").replace("Z", " UTC");
    const two = (n, width = 2) => String(n).padStart(width, "0");
    return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${two(date.getMilliseconds(), 3)}`;
  }
  function relative(date) {
    const seconds = Math.round((Date.now() - date.getTime()) / 1000);
    const [past, n] = [seconds >= 0, Math.abs(seconds)];
    if (n < 5) return "now";
    const text = n < 60 ? `${n} s` : n < 3600 ? `${Math.floor(n / 60)} min` : n < 86400 ? `${Math.floor(n / 3600)} h ${Math.floor((n % 3600) / 60)} min` : `${Math.floor(n / 86400)} d`;
    return past ? `${text} ago` : `in ${text}`;
  }
  function times(within = document) {
    for (const time of all("time[datetime]", within)) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      time.title = absolute(date);
      time.textContent = time.closest(".history, .attempt, .item") ? absolute(date) : relative(date);
    }
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      say("Copied");
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "sr";
      document.body.append(area);
      area.select();
      say(document.execCommand("copy") ? "Copied" : "The browser does not let this page copy");
      area.remove();
    }
  }

  // Live lists: a row changes where it stands, unless it is under the pointer; new tasks are counted.
  let paused = false;
  function live() {
    const bar = find("[data-live]");
    if (!bar || !window.EventSource) return;
    const news = find("#news");
    const fresh = new Set();
    const later = new Set();
    let lost = false;
    const source = new EventSource(bar.dataset.live);
    const refresh = (id) => {
      const row = document.getElementById(`row-${id}`);
      if (!row || !window.htmx) return;
      if (paused || row.matches(":hover") || row.contains(document.activeElement)) {
        later.add(id);
        return;
      }
      later.delete(id);
      const query = new URLSearchParams(location.search).get("tenant");
      htmx.ajax("GET", `/console/rows/${encodeURIComponent(id)}${query ? `?tenant=${encodeURIComponent(query)}` : ""}`, { target: row, swap: "outerHTML" });
    };
    const changed = (event) => {
      const id = event.data;
      if (document.getElementById(`row-${id}`)) {
        refresh(id);
      } else if (!new URLSearchParams(location.search).get("before")) {
        fresh.add(id);
        if (paused) return;
        news.textContent = `${fresh.size} new`;
        news.href = location.href;
        news.hidden = false;
      }
    };
    source.addEventListener("change", changed);
    source.addEventListener("end", changed);
    source.onerror = () => { if (!lost) say("The connection is lost; trying again"); lost = true; };
    source.onopen = () => { if (lost) say("Connected again"); lost = false; };
    setInterval(() => { if (!paused) [...later].forEach(refresh); }, 1500);
    addEventListener("pagehide", () => source.close());
  }

  function act(button) {
    switch (button.dataset.act) {
      case "theme": {
        const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
        root.dataset.theme = dark ? "light" : "dark";
        store.set("theme", root.dataset.theme);
        break;
      }
      case "zone":
        store.set("zone", utc() ? "local" : "utc");
        button.textContent = utc() ? "UTC" : "local";
        times();
        say(utc() ? "Times are in UTC" : "Times are local");
        break;
      case "keys":
        find("#keys").showModal();
        break;
      case "pause":
        paused = !paused;
        button.setAttribute("aria-pressed", String(paused));
        button.textContent = paused ? "Continue" : "Pause";
        say(paused ? "Live changes wait" : "Live changes continue");
        break;
    }
  }

  // Keys, as in the sheet behind "?".
  let prefix = "";
  function rows() { return all("tr[data-href]"); }
  function move(step) {
    const list = rows();
    if (!list.length) return;
    const at = list.findIndex((row) => row.classList.contains("here"));
    const next = list[Math.min(list.length - 1, Math.max(0, at + step))];
    list.forEach((row) => row.classList.toggle("here", row === next));
    find("a", next).focus();
    next.scrollIntoView({ block: "nearest" });
  }
  function key(event) {
    const field = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "Escape") {
      if (field) field.blur();
      all("details.ask[open]").forEach((open) => { open.open = false; });
      return;
    }
    if (field || event.ctrlKey || event.metaKey || event.altKey || find("dialog[open]")) return;
    if (prefix === "g") {
      prefix = "";
      const link = find(`.top nav a[data-key="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    switch (event.key) {
      case "/": event.preventDefault(); find("#q")?.focus(); find("#q")?.select(); break;
      case "?": find("#keys")?.showModal(); break;
      case "g": prefix = "g"; setTimeout(() => { prefix = ""; }, 1500); break;
      case "j": move(1); break;
      case "k": move(-1); break;
      case "y": {
        const id = find("[data-id]")?.dataset.id ?? find("tr.here .id")?.textContent;
        if (id) copy(id);
        break;
      }
      case "a": case "c": case "r": {
        const ask = find(`details.ask[data-key="${event.key}"]`);
        if (ask) { ask.open = true; find("button", ask).focus(); }
        break;
      }
    }
  }

  addEventListener("DOMContentLoaded", () => {
    const zone = find("[data-act=zone]");
    if (zone) zone.textContent = utc() ? "UTC" : "local";
    times();
    live();
    setInterval(times, 5000);
    document.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.dataset.act) act(button);
      if (button?.dataset.copy) copy(button.dataset.copy);
      if (button?.dataset.copyOf) copy(document.getElementById(button.dataset.copyOf).textContent);
      if (event.target.id === "news") { event.preventDefault(); location.reload(); }
    });
    document.addEventListener("keydown", key);
    document.addEventListener("htmx:afterSettle", () => times());
    document.addEventListener("htmx:responseError", (event) => say(`The server answered ${event.detail.xhr.status}`));
    document.addEventListener("htmx:sseError", () => say("The connection is lost; trying again"));
  });
})();
