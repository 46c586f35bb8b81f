// The announce form: shows the field that names the chosen audience more closely, and hides the others.
(function () {
  "use strict";

  var audience = document.getElementById("id_audience");
  if (!audience) {
    return;
  }

  function show() {
    ["agent", "level", "group"].forEach(function (name) {
      var row = document.querySelector(".form-row .field-" + name);
      if (row) {
        row.closest(".form-row").hidden = audience.value !== name;
      }
    });
  }

  audience.addEventListener("change", show);
  show();
})();
