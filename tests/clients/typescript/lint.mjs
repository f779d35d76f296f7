// Lints an OpenAPI document with Redocly's strictest rules: node lint.mjs FILE.
import { createConfig, formatProblems, getTotals, lint } from "@redocly/openapi-core";

const config = await createConfig({
  extends: ["recommended-strict"],
  // A probe cannot be asked for wrongly.
  rules: { "operation-4xx-response": "off" },
});
const problems = await lint({ ref: process.argv[2], config });
formatProblems(problems, { format: "stylish", totals: getTotals(problems) });
process.exitCode = problems.length ? 1 : 0;
