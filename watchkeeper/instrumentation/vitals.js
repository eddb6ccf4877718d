// Measures web vitals and sends them once, when the page is hidden, as OTLP/JSON events named browser.web_vital.
// <script src="/watchkeeper/vitals.js" defer></script>, beside an endpoint /watchkeeper/v1/logs of the same origin.
(() => {
  "use strict";
  const endpoint = new URL("v1/logs", document.currentScript.src).href;
  const found = {};
  const observe = (type, each, options) => {
    try {
      new PerformanceObserver((list) => list.getEntries().forEach(each)).observe({ type, buffered: true, ...options });
    } catch { /* this browser does not know the type */ }
  };

  const navigation = performance.getEntriesByType("navigation")[0];
  // A page that was rendered before it was asked for begins when it is shown.
  const begin = navigation?.activationStart ?? 0;
  if (navigation?.responseStart > 0) found.ttfb = Math.max(0, navigation.responseStart - begin);

  observe("largest-contentful-paint", (entry) => { found.lcp = Math.max(0, entry.startTime - begin); });

  // Layout shifts count in windows of at most 5 s without a gap of 1 s; the worst window is the score.
  let shift = 0, first = 0, last = 0;
  // A browser that does not know the type has no score: that is not the same as a page that never shifts.
  if (PerformanceObserver.supportedEntryTypes.includes("layout-shift")) found.cls = 0;
  observe("layout-shift", (entry) => {
    if (entry.hadRecentInput) return;
    if (shift === 0 || entry.startTime - last > 1000 || entry.startTime - first > 5000) { shift = 0; first = entry.startTime; }
    last = entry.startTime;
    shift += entry.value;
    found.cls = Math.max(found.cls, shift);
  });

  // The longest interaction; of every fifty one outlier is left out.
  const interactions = new Map();
  observe("event", (entry) => {
    if (!entry.interactionId) return;
    interactions.set(entry.interactionId, Math.max(interactions.get(entry.interactionId) ?? 0, entry.duration));
    const longest = [...interactions.values()].sort((a, b) => b - a);
    found.inp = longest[Math.min(longest.length - 1, Math.floor(interactions.size / 50))];
  }, { durationThreshold: 16 });

  let sent = false;
  const send = () => {
    if (sent) return;
    sent = true;
    const now = `${Date.now()}000000`;
    const attribute = (key, value) => ({ key, value: typeof value === "number" ? { doubleValue: value } : { stringValue: value } });
    const logRecords = Object.entries(found).map(([name, value]) => ({
      timeUnixNano: now,
      eventName: "browser.web_vital",
      attributes: [
        attribute("browser.web_vital.name", name),
        attribute("browser.web_vital.value", value),
        attribute("url.path", location.pathname),
      ],
    }));
    const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ scope: { name: "watchkeeper.vitals" }, logRecords }] }] });
    navigator.sendBeacon(endpoint, new Blob([body], { type: "application/json" }));
  };
  // Hidden is the last state that every browser tells of; pagehide is for those that are asked to leave at once.
  addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") send(); }, true);
  addEventListener("pagehide", send, true);
})();
