// Checks the record of the last resort of the hook, and the spool in /run.

import { statIfThere } from "../../sqlite/files.ts";
import { lastResortFaults, type LastResortSources } from "../../store/last_resort.ts";
import type { Findings } from "./finding.ts";

/** Checks both, and reports the findings. */
export function inspectLastResort(sources: LastResortSources, findings: Findings): void {
  const problems = lastResortFaults(sources);
  for (const { id, message, hint } of problems) findings.fault(id, message, hint);
  // Without the file, a pass would prove nothing.
  if (problems.length > 0 || statIfThere(sources.paths.unrecordedFile) === undefined) return;
  findings.pass("hook.last-resort", "the last resort has recorded no login in the last 24 hours");
}
