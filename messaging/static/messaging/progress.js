// The page of a broadcast: asks for its figures every second while it moves, and shows them.
(function () {
  "use strict";

  var page = document.getElementById("broadcast-progress");
  if (!page || page.dataset.moving !== "1") {
    return;
  }
  var EVERY = 1000;
  var AFTER_FAILURE = 5000;

  function part(name) {
    return page.querySelector("[data-" + name + "]");
  }

  function show(figures) {
    Object.keys(figures.counts).forEach(function (key) {
      var number = page.querySelector('[data-count="' + key + '"]');
      number.textContent = figures.counts[key];
      number.parentElement.toggleAttribute("data-zero", figures.counts[key] === "0");
    });
    part("step").textContent = figures.step;
    // an element without a maximum shows that something goes on, with 0 it would show a full bar
    part("progress").max = figures.total || 1;
    part("progress").value = figures.done;
    part("waits").hidden = !figures.waits_for_worker;
    part("resting").textContent = figures.resting;
    part("resting").hidden = !figures.resting;
    part("finished").textContent = figures.finished_at;
    var badge = part("state-badge").firstElementChild;
    badge.textContent = figures.state_label;
    badge.className = "crm-badge is-" + figures.state_kind;
  }

  function ask() {
    fetch(page.dataset.url, { headers: { Accept: "application/json" } })
      .then(function (answer) {
        if (answer.redirected || answer.status === 403 || answer.status === 404) {
          // signed out, or no longer allowed: the server tells it on the page itself
          window.location.reload();
          return null;
        }
        if (!answer.ok) {
          throw new Error(String(answer.status));
        }
        return answer.json();
      })
      .then(function (figures) {
        if (!figures) {
          return;
        }
        part("offline").hidden = true;
        show(figures);
        if (figures.is_moving) {
          window.setTimeout(ask, EVERY);
        }
      })
      .catch(function () {
        part("offline").hidden = false;
        window.setTimeout(ask, AFTER_FAILURE);
      });
  }

  window.setTimeout(ask, EVERY);
})();
