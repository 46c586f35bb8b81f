// A customer's page without reloading it: the timeline's kinds and older entries, and contact data that is asked for.
// Without this file the same links and buttons lead to the same answers.
"use strict";

(() => {
    async function timelineOf(section, link) {
        section.setAttribute("aria-busy", "true");
        try {
            const query = new URL(link.href).search;
            const answer = await fetch(section.dataset.timeline + query, { headers: { Accept: "text/html" } });
            if (answer.redirected || !answer.ok) {
                throw new Error(String(answer.status));
            }
            const page = new DOMParser().parseFromString(await answer.text(), "text/html");
            return page.querySelector("[data-timeline]");
        } catch {
            window.location.assign(link.href); // the server says on the page itself what is wrong
            return null;
        } finally {
            section.removeAttribute("aria-busy");
        }
    }

    async function showKind(section, link) {
        const fresh = await timelineOf(section, link);
        if (fresh) {
            section.replaceWith(fresh);
            fresh.querySelector("[aria-current]").focus();
            history.replaceState(null, "", link.href);
        }
    }

    async function showOlder(section, link) {
        const fresh = await timelineOf(section, link);
        if (fresh) {
            const lines = [...fresh.querySelectorAll("[data-timeline-lines] > li")];
            section.querySelector("[data-timeline-lines]").append(...lines);
            const older = fresh.querySelector("[data-timeline-older]");
            if (older) {
                link.replaceWith(older);
                older.focus();
            } else {
                link.remove();
            }
        }
    }

    document.addEventListener("click", (event) => {
        const link = event.target.closest("[data-timeline-link], [data-timeline-older]");
        const section = link && link.closest("[data-timeline]");
        if (!section || event.ctrlKey || event.metaKey || event.shiftKey) {
            return;
        }
        event.preventDefault();
        if (link.hasAttribute("data-timeline-older")) {
            showOlder(section, link);
        } else {
            showKind(section, link);
        }
    });

    async function reveal(form, list) {
        const body = new FormData(form);
        body.append("kind", form.dataset.kind);
        const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
        if (answer.redirected || !answer.ok) {
            window.location.reload(); // signed out, or no longer allowed: the page itself says so
            return;
        }
        const { values } = await answer.json();
        for (const [id, value] of Object.entries(values)) {
            list.querySelector(`[data-value="${id}"]`).textContent = value;
        }
        for (const shown of list.querySelectorAll(`form[data-kind="${form.dataset.kind}"]`)) {
            shown.remove();
        }
    }

    document.addEventListener("submit", (event) => {
        const list = event.target.closest("[data-contacts]");
        if (list) {
            event.preventDefault();
            reveal(event.target, list);
        }
    });
})();
