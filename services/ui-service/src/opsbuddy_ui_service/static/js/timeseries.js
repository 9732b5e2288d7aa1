// The page of the time series: its form sends what is filled alone, and times as those of here.
import "./chart.js";
import "./narrow.js";
import { local } from "./times.js";

const form = document.getElementById("search"), metric = form.elements.metric, before = metric.value;
form.addEventListener("formdata", ({ formData }) => {
  if (formData.get("function") === "mean") formData.delete("function");
  if (formData.get("function") !== "percentile") formData.delete("percentile");
  // tags belong to a metric: those of another one do not go with it
  const filled = metric.value === before ? formData.getAll("tag").filter((value) => value.trim()) : [];
  formData.delete("tag");
  for (const value of filled) formData.append("tag", value);
  if (metric.value !== before) formData.delete("by");
  // nor does what nobody chose: how the one is drawn that is there to begin with
  if (metric.value !== before && "beginning" in form.dataset) {
    const { function: fn, every } = form.elements;
    if (fn.selectedOptions[0].defaultSelected) formData.delete("function");
    if (every.value === every.defaultValue) formData.delete("every");
  }
});
local(form);
