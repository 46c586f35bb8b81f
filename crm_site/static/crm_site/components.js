// What the skin's templates expect of Alpine, for its CSP build: that one sees no globals, and reads single expressions
// without arrow functions only. Colours and other styles of elements are set by property, never by a style attribute.
"use strict";

document.addEventListener("alpine:init", () => {
    const Alpine = window.Alpine;

    Alpine.data("theme", window.theme);
    Alpine.data("searchForm", window.searchForm);

    // The state of the body, which stood as an object with localStorage and an arrow function in skeleton.html.
    Alpine.data("panel", (firstTab) => ({
        activeTab: firstTab && (window.getCurrentTab() || firstTab),
        sidebarMobileOpen: false,
        sidebarDesktopOpen: localStorage.getItem("sidebarDesktopOpen") !== "0",
        // change_form.html composes the form's address of it
        window: { location: { pathname: location.pathname, search: location.search } },
        init() {
            this.$watch("sidebarDesktopOpen", (open) => localStorage.setItem("sidebarDesktopOpen", open ? "1" : "0"));
        },
    }));

    // Two expressions of templates that are otherwise taken as they are (welcomemsg.html, actions.html).
    rewrite('[x-on\\:click^="sidebarDesktopOpen ="]', "x-on:click", "sidebarDesktopOpen = !sidebarDesktopOpen");
    rewrite("#changelist-actions", "x-bind:style", "{width: changeListWidth + 'px'}");
});

// The skin's own, called by name once the page is loaded, expects of every field for files that a text field stands beside
// it and fails at a plain one. The name of the file goes where there is such a field.
window.fileInputUpdatePath = () => {
    document.addEventListener("change", (event) => {
        if (event.target.matches("label > span > input[type=file]")) {
            event.target.closest("label").querySelector("input[type=text]").value = event.target.files[0]?.name ?? "";
        }
    });
};

function rewrite(selector, attribute, expression) {
    for (const element of document.querySelectorAll(selector)) {
        element.setAttribute(attribute, expression);
    }
}
