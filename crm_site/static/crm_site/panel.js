// The key "/" goes to the customer search of the header, on every page.
"use strict";

window.addEventListener(
    "keydown",
    (event) => {
        const typing = event.target.closest && event.target.closest("input, textarea, select, [contenteditable]");
        if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) {
            return;
        }
        const search = document.getElementById("customer-search");
        if (search) {
            event.preventDefault();
            event.stopImmediatePropagation();
            search.focus();
            search.select();
        }
    },
    true,
);

// A choice in the filter bar takes effect at once, unless there may be several, and empty fields stay out of the address.
document.addEventListener("change", (event) => {
    const bar = event.target.closest("#customer-filters");
    if (bar && event.target.matches("select") && !event.target.closest(".crm-more")) {
        bar.requestSubmit();
    }
});

// A menu closes when something else is clicked, and by Escape.
document.addEventListener("click", (event) => closeMenus(event.target));
document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
        closeMenus(null);
    }
});

function closeMenus(clicked) {
    for (const menu of document.querySelectorAll("details.crm-menu[open]")) {
        if (!clicked || !menu.contains(clicked)) {
            menu.open = false;
        }
    }
}

document.addEventListener("submit", (event) => {
    if (event.target.id === "customer-filters") {
        for (const field of event.target.elements) {
            field.disabled = field.disabled || (field.value === "" && field.name !== "");
        }
    }
});
