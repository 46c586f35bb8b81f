// A button that copies a nick, to be pasted into a marketplace's seller tool.
// Without this file the button is not there, and the nick is there to be marked.
"use strict";

(() => {
    function show() {
        for (const button of document.querySelectorAll("[data-copy]")) {
            button.hidden = false;
        }
    }

    // The clipboard is there on secure pages only; elsewhere the text is marked and copied the old way.
    async function copy(text) {
        if (navigator.clipboard) {
            await navigator.clipboard.writeText(text);
            return;
        }
        const field = document.createElement("textarea");
        field.value = text;
        document.body.append(field);
        field.select();
        document.execCommand("copy");
        field.remove();
    }

    document.addEventListener("click", async (event) => {
        const button = event.target.closest("[data-copy]");
        if (!button) {
            return;
        }
        await copy(button.dataset.copy);
        const label = button.textContent;
        button.textContent = button.dataset.copied;
        setTimeout(() => {
            button.textContent = label;
        }, 1500);
    });

    document.addEventListener("DOMContentLoaded", show);
})();
