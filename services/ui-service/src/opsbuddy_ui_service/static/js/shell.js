// What every page has.
import "./theme.js";
import "./hands.js";
import "./keys.js";
import "./live.js";
import "./account.js";
