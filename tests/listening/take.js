// A listener who knows only what the page shows: plays everything to its end, then gives the ratings it was told, which
// are lists by screen and place.  Returns what the page said when it was asked to go on too early.
async function take(listener, ratings) {
  const $ = selector => document.querySelector(selector);
  const until = test =>
    new Promise(done => {
      const look = () => (test() ? done() : setTimeout(look, 5));
      look();
    });
  const refusals = [];
  $("#listener").value = listener;
  $("#intro").requestSubmit();
  for (const wanted of ratings) {
    await until(() => $("#message").textContent !== "Loading …" && $("#time").textContent.startsWith("0.0 /"));
    const heading = $("#heading").textContent + $("#samples").textContent;
    $("#next").click();
    refusals.push($("#message").textContent);
    const buttons = [...document.querySelectorAll("[data-track]")];
    for (const button of buttons.length ? buttons : [$("#play")]) {
      button.click();
      await until(() => $("#play").textContent === "Pause");
      await until(() => $("#play").textContent === "Play");
    }
    $("#next").click();
    refusals.push($("#message").textContent);
    const sliders = document.querySelectorAll(".row input");
    sliders.forEach((slider, at) => {
      slider.value = wanted[at];
      slider.dispatchEvent(new Event("input"));
    });
    if (!sliders.length) document.querySelectorAll(".choice input")[wanted[0]].click();
    $("#next").click();
    await until(() => !$("#end").hidden || $("#time").textContent.startsWith("0.0 /"));
  }
  await until(() => !$("#end").hidden);
  return refusals;
}
