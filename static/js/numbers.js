// Pages of numbers: copying what is to be entered at Meta; the brake's form while figures refresh.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      return; // without permission the text is selected, ready for Ctrl+C
    }
    button.classList.add("btn-main");
    setTimeout(() => button.classList.remove("btn-main"), 1200);
  });
}
// What somebody is typing is not replaced by fresh figures.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "brake" && event.target.querySelector("input[name=reason]")?.value) event.preventDefault();
});
