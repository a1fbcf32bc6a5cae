// For those who read without a mouse or by ear: what scrolls can be reached by the keyboard, and the search has a name.
// The theme does the first where a mouse is, and takes it away elsewhere: hence the second observer.
const reach = (block) => {
  const scrolls = block.scrollWidth > block.clientWidth;
  if (scrolls && !block.hasAttribute("tabindex")) block.setAttribute("tabindex", "0");
  if (!scrolls && block.hasAttribute("tabindex")) block.removeAttribute("tabindex");
};
const reachAll = (changes) => changes.forEach((change) => reach(change.target));
const sizes = new ResizeObserver(reachAll);
const attributes = new MutationObserver(reachAll);
const watch = () =>
  document.querySelectorAll(".md-typeset pre > code, .md-typeset__scrollwrap, .md-typeset p:has(> img)").forEach((block) => {
    sizes.observe(block);
    attributes.observe(block, { attributeFilter: ["tabindex"] });
  });
new MutationObserver(watch).observe(document.body, { childList: true, subtree: true }); // tables are wrapped later
watch();
document.querySelector(".md-search[role=dialog]")?.setAttribute("aria-label", "Search");
document.querySelector("#__search")?.setAttribute("aria-label", "Search");
document.querySelector("#__drawer")?.setAttribute("aria-label", "Contents");
