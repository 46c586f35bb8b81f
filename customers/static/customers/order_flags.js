// The flag and memo of an order are written in place. Without this file the same buttons post and come back.
"use strict";

(() => {
    function pressed(part) {
        return part.querySelector('[name="flag"][aria-pressed="true"]');
    }

    function press(part, button) {
        for (const choice of part.querySelectorAll('[name="flag"]')) {
            choice.setAttribute("aria-pressed", String(choice === button));
        }
        part.querySelector("[data-flag-name]").textContent = button ? button.title : "";
    }

    function complain(part, sentence) {
        const error = part.querySelector("[data-error]");
        error.textContent = sentence;
        error.hidden = !sentence;
    }

    async function post(button, name, value) {
        const body = new FormData();
        body.append("csrfmiddlewaretoken", button.form.querySelector('[name="csrfmiddlewaretoken"]').value);
        body.append(name, value);
        const answer = await fetch(button.formAction, { method: "POST", body, headers: { Accept: "application/json" } });
        if (answer.redirected) {
            window.location.reload(); // signed out: the server says so on the page itself
        }
        const told = await answer.json();
        if (!answer.ok) {
            throw new Error(told.error);
        }
        return told;
    }

    async function write(part, name, value, button, undo) {
        complain(part, "");
        try {
            await post(button, name, value);
        } catch (error) {
            undo();
            complain(part, error.message);
        }
    }

    function setFlag(part, button) {
        const before = pressed(part);
        press(part, button);
        write(part, "flag", button.value, button, () => press(part, before));
    }

    function setMemo(part, button) {
        const details = button.closest("details");
        const field = details.querySelector("textarea");
        const shown = details.querySelector("[data-memo]");
        const before = shown.textContent;
        shown.textContent = field.value || before;
        details.open = false;
        write(part, field.name, field.value, button, () => {
            shown.textContent = before;
            details.open = true;
        });
    }

    document.addEventListener(
        "submit",
        (event) => {
            const button = event.submitter;
            const part = button && button.closest("[data-order-flags]");
            if (!part) {
                return;
            }
            event.preventDefault();
            event.stopPropagation();
            if (button.name === "flag") {
                setFlag(part, button);
            } else {
                setMemo(part, button);
            }
        },
        true,
    );
})();
