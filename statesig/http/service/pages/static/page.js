"use strict";
// The page works without this: it only keeps the page current, by what the server would send if it were loaded again.
{
  const main = document.querySelector("main");
  const news = document.getElementById("news");
  const heard = new Map();
  let timer = 0;
  let isReading = false;
  let isWanted = false;

  const say = (text) => {
    if (news && news.textContent !== text) news.textContent = text;
  };

  const later = (milliseconds) => {
    isWanted = true;
    if (!timer && !isReading) timer = setTimeout(refresh, milliseconds);
  };

  async function refresh() {
    timer = 0;
    isWanted = false;
    isReading = true;
    try {
      const response = await fetch(location.pathname + location.search.replace(/[?&]done=\w+/, ""), {
        headers: { accept: "text/html" },
        credentials: "same-origin",
      });
      if (response.redirected) return location.reload(); // the session has ended
      if (response.ok) show(new DOMParser().parseFromString(await response.text(), "text/html"));
    } catch {
      say("The server cannot be reached; trying again.");
      isWanted = true;
    }
    isReading = false;
    tell();
    if (isWanted) later(500);
  }

  function show(page) {
    const focused = document.activeElement;
    const open = [...document.querySelectorAll("details[open][id]")].map((each) => each.id);
    for (const fresh of page.querySelectorAll("[data-live]")) {
      const part = document.getElementById(fresh.id);
      if (!part) continue;
      if (fresh.dataset.live === "keyed") keep(part, fresh);
      else if (!isSame(part, fresh, open)) replace(part, fresh);
    }
    for (const fresh of page.querySelectorAll("section[id]")) {
      const part = document.getElementById(fresh.id);
      if (part) part.hidden = fresh.hidden;
    }
    document.title = page.title;
    if (focused && focused !== document.body && !document.contains(focused)) {
      const again = focused.id && document.getElementById(focused.id);
      (again || document.querySelector("section:not([hidden]) > h2[tabindex]") || main).focus({ preventScroll: true });
    }
  }

  // Whether two parts differ by nothing but the details that somebody has opened.
  function isSame(part, fresh, open) {
    for (const id of open) fresh.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
    return part.innerHTML === fresh.innerHTML;
  }

  function replace(part, fresh) {
    const at = part.querySelector(".scroll")?.scrollLeft;
    part.replaceChildren(...fresh.childNodes);
    if (at) part.querySelector(".scroll").scrollLeft = at;
  }

  // Children are known by their identity: one that is there stays untouched, with what was typed and the focus in it.
  function keep(part, fresh) {
    for (const old of [...part.children]) {
      if (!fresh.querySelector(`:scope > #${CSS.escape(old.id)}`)) old.remove();
    }
    let before = null;
    for (const each of [...fresh.children]) {
      const old = document.getElementById(each.id);
      if (old && part.contains(old)) {
        for (const name of ["version", "mark"]) {
          const values = each.querySelectorAll(`input[name="${name}"]`);
          old.querySelectorAll(`input[name="${name}"]`).forEach((input, at) => {
            if (values[at]) input.value = values[at].value;
          });
        }
        before = old;
      } else {
        before ? before.after(each) : part.prepend(each);
        before = each;
      }
    }
  }

  function tell() {
    const told = [...heard].slice(-5).map(([what, state]) => `${what} is ${state}`).join(", ");
    if (told) say(`${told.replace(/^the run/, "The run")}.`);
    heard.clear();
  }

  if (main.dataset.events) {
    const source = new EventSource(main.dataset.events);
    source.addEventListener("state", (message) => {
      const event = JSON.parse(message.data);
      const child = event.index === null ? "" : `[${event.index}]`;
      const what = event.task === null ? "the run" : `${event.task}${child}`;
      heard.delete(what);
      heard.set(what, event.state.type);
      later(150);
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) later(0);
    });
    addEventListener("pagehide", () => source.close());
  } else if (main.dataset.poll) {
    setInterval(() => {
      if (document.visibilityState === "visible") later(0);
    }, 1000 * Number(main.dataset.poll));
  }
}
